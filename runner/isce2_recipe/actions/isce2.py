"""ISCE2's applications, run by whichever engine there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Context, Read, action
from isce2_recipe.engines.base import AppSteps


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


def _headers(inputs: Mapping[str, Any], _: tuple[Path, ...], read: Read) -> object:
    """Headers of ISCE2's rasters among the inputs: without them a raster says nothing of where it lies."""
    from isce2_recipe.journal.files import text_digest

    texts = {f"{file.name}.xml": read(file.with_name(f"{file.name}.xml")) for file in inputs["inputs"] or ()}
    return {name: text_digest(text) for name, text in texts.items() if text is not None}


def _runs(inputs: Mapping[str, Any]) -> AppSteps | None:
    """Return the steps that ``with:`` names, unless one is the result of another step."""
    app, start, end = (inputs.get(name) for name in ("app", "start", "end"))
    return None if any("{{" in str(name) for name in (app, start, end)) else AppSteps(str(app), start, end)


@action("isce2.run", version=1, uses=("engine",), fingerprint=_headers, runs=_runs)
def run(
    ctx: Context,
    *,
    app: str,
    config: Path,
    inputs: list[Path] | None = None,
    start: str | None = None,
    end: str | None = None,
) -> Steps:
    """Run ``start`` to ``end`` of ISCE2's ``app``; ``inputs`` are the files its configuration names.

    Rasters of ISCE2 among them count with their headers.
    """
    for file in inputs or ():
        ctx.log.info("input %s", file)
    ctx.engine.run(
        app, config, folder=ctx.out, start=start, end=end, log=ctx.log, progress=ctx.progress, cpus=ctx.cpus
    )
    return Steps(ctx.out, f"{ctx.engine.name} {ctx.engine.version()}")
