"""`isce2_recipe.run`, the interface for Python."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from test_failures import FAILING

import isce2_recipe
from isce2_recipe.errors import InputError, ParameterError, SourceError
from support.runs import environment, write_recipe


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path)
    write_recipe(tmp_path, FAILING)
    return tmp_path


def test_a_run_returns_its_product_outputs_and_record(here: Path) -> None:
    seen: list[str] = []
    found = isce2_recipe.run(
        "diamond.yml", text="20:4", workdir="w", on_event=lambda event: seen.append(event["event"])
    )
    assert found.product == here / "w/last/joined.txt"
    assert found.outputs["text"] == "left 20:4right side"
    assert found.workdir == here / "w"
    assert found.metadata["parameters"]["text"] == "20:4"
    assert found.metadata["steps"]["left"]["status"] == "done"
    assert (seen[0], seen[-1]) == ("run.started", "run.done")


def test_a_user_with_threads_may_run(here: Path) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert isce2_recipe.run(here / "diamond.yml", workdir="w").product is not None
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("recipe", "parameters", "error", "message"),
    [
        ("diamond.yml", {"pause": "long"}, ParameterError, "pause"),
        ("diamond.yml", {"txt": "a"}, ParameterError, "did you mean 'text'?"),
        ("failing.yml", {"how": "input"}, InputError, "the file a.tif is no TIFF"),
        ("failing.yml", {"how": "source"}, SourceError, "the server does not answer"),
        ("nothing.yml", {}, InputError, "there is no recipe file"),
    ],
)
def test_errors_are_raised_as_what_they_are(
    here: Path, recipe: str, parameters: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        isce2_recipe.run(recipe, workdir="w", **parameters)
    assert message in str(caught.value)
