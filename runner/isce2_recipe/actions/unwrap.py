"""Phase unwrapping with an unwrapper that ISCE2 does not have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.actions.base import Context, action
from isce2_recipe.types import Looks


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The files of ISCE2's ``unwrap`` step.

    Attributes
    ----------
    phase : Path
        Amplitude and unwrapped phase, ISCE2 raster of two bands.
    components : Path
        Connected components, ISCE2 raster.
    """

    phase: Path
    components: Path


@action("unwrap.run", version=1)
def run(ctx: Context, *, unwrapper: str, looks: str) -> Unwrapped:
    """Unwrap the filtered interferogram in ISCE2's folder with any unwrapper.

    To be used with ``folder: isce`` after ``filter``; either engine geocodes the result.

    Parameters
    ----------
    unwrapper : str
        ``snaphu``, ``snaphu_mcf`` (ISCE2's two), ``whirlwind``, or one that is plugged in.
    looks : str
        Of the interferogram.
    """
    from isce2_recipe.engines.builtin import unwrapping

    ctx.progress(0.05, unwrapper)
    unwrapping.unwrap(ctx.out, Looks.parse(looks), unwrapper, log=ctx.log, progress=ctx.progress)
    phase = ctx.out / paths.MERGED / paths.UNWRAPPED
    return Unwrapped(phase, phase.with_name(f"{phase.name}.conncomp"))
