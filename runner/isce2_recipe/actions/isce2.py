"""ISCE2's applications, run by whichever engine there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.actions.base import Context, action


@dataclass(frozen=True)
class Steps:
    """Steps of an ISCE2 application that were run.

    Attributes
    ----------
    folder : Path
        The folder it worked in, with all its files.
    engine : str
        What ran them, with its version.
    """

    folder: Path
    engine: str


@action("isce2.run", version=1, uses=("engine",))
def run(
    ctx: Context,
    *,
    app: str,
    config: Path,
    inputs: list[Path] | None = None,
    start: str | None = None,
    end: str | None = None,
) -> Steps:
    """Run ``start`` to ``end`` of ISCE2's ``app``; ``inputs`` are the files its configuration names."""
    for file in inputs or ():
        ctx.log.info("input %s", file)
    ctx.engine.run(
        app, config, folder=ctx.out, start=start, end=end, log=ctx.log, progress=ctx.progress, cpus=ctx.cpus
    )
    return Steps(ctx.out, f"{ctx.engine.name} {ctx.engine.version()}")
