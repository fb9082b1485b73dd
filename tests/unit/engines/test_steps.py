"""Engines publish the steps that they can run, and all refuse the same mistakes in the same words."""

from __future__ import annotations

import pytest

from isce2_recipe.engines import applications_of, check_steps, published_steps
from isce2_recipe.engines.base import AppSteps, select_steps
from isce2_recipe.engines.builtin import BuiltinEngine
from isce2_recipe.engines.isce2 import Isce2Engine
from isce2_recipe.errors import EXIT_INPUT, InputError

ENGINES = pytest.mark.parametrize("engine", [BuiltinEngine, Isce2Engine])


def refusal(engine: type, *wanted: str | None) -> InputError:
    with pytest.raises(InputError) as caught:
        check_steps(engine.name, applications_of(engine), AppSteps(*wanted))
    assert caught.value.exit_code == EXIT_INPUT
    return caught.value


def test_isce2_has_three_steps_of_dense_offsets_that_the_builtin_engine_lacks() -> None:
    isce2, builtin = (published_steps(name) for name in ("isce2", "builtin"))
    assert len(isce2["topsApp"]) == 24
    assert isce2["topsApp"][:21] == builtin["topsApp"]
    assert isce2["topsApp"][21:] == ("denseoffsets", "filteroffsets", "geocodeoffsets")
    assert isce2["stripmapApp"] == builtin["stripmapApp"]
    assert published_steps("auto") is None


@ENGINES
def test_an_unknown_step(engine) -> None:
    error = refusal(engine, "topsApp", "starup")
    assert error.message == f"the engine {engine.name} has no step 'starup' of topsApp"
    assert error.hint.startswith("did you mean 'startup'?; the steps of topsApp")


@ENGINES
def test_a_start_after_the_end(engine) -> None:
    error = refusal(engine, "topsApp", "geocode", "topo")
    assert error.message == "step 'geocode' of topsApp comes after step 'topo'"
    assert error.hint.startswith(f"the steps of topsApp with the engine {engine.name} are startup, ")


@ENGINES
def test_an_unknown_application(engine) -> None:
    error = refusal(engine, "insarApp")
    assert error.message == f"the engine {engine.name} cannot run insarApp"
    assert error.hint.startswith(f"the engine {engine.name} runs topsApp")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (("topsApp", None, "denseoffsets"), "the engine builtin has no step 'denseoffsets' of topsApp"),
    ],
)
def test_what_only_another_engine_can_do(wanted, message) -> None:
    error = refusal(BuiltinEngine, *wanted)
    assert error.message == message
    assert error.hint.startswith("use --engine isce2 (conda install -c conda-forge isce2)")


@ENGINES
def test_both_ends_are_included(engine) -> None:
    steps = select_steps(engine.name, engine.applications(), AppSteps("topsApp", "filter", "unwrap"))
    assert steps == ("filter", "unwrap")
