"""The action for phase unwrapping with an unwrapper that ISCE2 does not have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe import paths
from isce2_recipe.actions.base import Context, action
from isce2_recipe.types import Looks


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The same files as those of ISCE2's ``unwrap`` step.

    Attributes
    ----------
    phase : Path
        ISCE2 raster with two bands: amplitude and unwrapped phase.
    components : Path
        ISCE2 raster of connected components.
    """

    phase: Path
    components: Path


def known_unwrapper(inputs: Mapping[str, Any]) -> None:
    """Check that the unwrapper exists and is installed."""
    from isce2_recipe.engines.builtin.unwrappers import check_unwrapper

    check_unwrapper(inputs["unwrapper"])


@action("unwrap.run", version=1, check=known_unwrapper)
def run(ctx: Context, *, unwrapper: str, looks: str) -> Unwrapped:
    """Unwrap the filtered interferogram in ISCE2's folder with any unwrapper.

    Use it with ``folder: isce`` after the step ``filter``. Both engines can geocode the result.

    Parameters
    ----------
    unwrapper : str
        ``snaphu``, ``snaphu_mcf`` (both are in ISCE2), ``whirlwind``, or the name of a plug-in.
    looks : str
        Looks of the interferogram, ``RANGExAZIMUTH``.
    """
    from isce2_recipe.engines.builtin import unwrapping

    ctx.progress(0.05, unwrapper)
    unwrapping.unwrap(ctx.out, Looks.parse(looks), unwrapper, log=ctx.log, progress=ctx.progress)
    phase = ctx.out / paths.MERGED / paths.UNWRAPPED
    return Unwrapped(phase, phase.with_name(f"{phase.name}.conncomp"))


@dataclass(frozen=True, slots=True)
class ChosenUnwrapper:
    """An unwrapper that is installed.

    Attributes
    ----------
    name : str
        Name for other steps.
    """

    name: str


def _chosen(inputs: Mapping[str, Any]) -> ChosenUnwrapper:
    known_unwrapper(inputs)
    name = inputs["unwrapper"]
    return ChosenUnwrapper("snaphu_mcf" if name == "snaphu" else name)


@action("unwrap.choose", version=1, check=known_unwrapper, foresee=_chosen)
def choose(ctx: Context, *, unwrapper: str) -> ChosenUnwrapper:
    """Check that an unwrapper is installed, before the steps of a loop need it.

    Parameters
    ----------
    unwrapper : str
        ``snaphu`` for ISCE2's default mode of SNAPHU, ``whirlwind``, or the name of a plug-in.
    """
    found = _chosen({"unwrapper": unwrapper})
    ctx.log.info("%s", found.name)
    return found
