"""The action that runs ISCE2's applications with the run's engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from isce2_recipe.actions.base import Context, Read, action
from isce2_recipe.errors import ParameterError

if TYPE_CHECKING:
    from isce2_recipe.engines.base import AppSteps


@dataclass(frozen=True)
class ApplicationRun:
    """A run of steps of an ISCE2 application.

    Attributes
    ----------
    folder : Path
        The work folder with all files.
    engine : str
        Name and version of the engine.
    """

    folder: Path
    engine: str


def _headers(inputs: Mapping[str, Any], _: tuple[Path, ...], read: Read) -> object:
    """Return digests of the headers of ISCE2's rasters among the inputs; they have the georeference."""
    from isce2_recipe.journal.files import text_digest

    texts = {f"{file.name}.xml": read(file.with_name(f"{file.name}.xml")) for file in inputs["inputs"] or ()}
    return {name: text_digest(text) for name, text in texts.items() if text is not None}


def _runs(inputs: Mapping[str, Any]) -> AppSteps | None:
    """Return the steps that ``with:`` names, unless one is the result of another step."""
    from isce2_recipe.engines.base import AppSteps

    app, start, end = (inputs.get(name) for name in ("app", "start", "end"))
    return None if any("{{" in str(name) for name in (app, start, end)) else AppSteps(str(app), start, end)


@action("isce2.run", version=3, uses=("engine",), fingerprint=_headers, runs=_runs)
def run(
    ctx: Context,
    *,
    app: str,
    config: Path,
    inputs: list[Path] | None = None,
    start: str | None = None,
    end: str | None = None,
    keep: Literal["full", "looks"] = "full",
) -> ApplicationRun:
    """Run steps of an ISCE2 application.

    Parameters
    ----------
    app : str
        ``topsApp`` or ``stripmapApp``.
    config : Path
        The application's XML.
    inputs : list of Path, optional
        The files that the XML names. Of ISCE2's rasters, the headers are part of the content key too.
    start, end : str, optional
        The first and the last step; by default the application's first and last.
    keep : str
        ``looks`` lets the engine leave out all rasters of full resolution, which the builtin engine then
        never writes; the multilooked files are the same.
    """
    from isce2_recipe.engines.base import can_keep_only_looks

    for file in inputs or ():
        ctx.log.info("input %s", file)
    options = {"looks_only": True} if keep == "looks" and can_keep_only_looks(ctx.engine) else {}
    ctx.engine.run(
        app, config, folder=ctx.out, start=start, end=end, log=ctx.log, progress=ctx.progress, cpus=ctx.cpus,
        **options,
    )  # fmt: skip
    return ApplicationRun(ctx.out, f"{ctx.engine.name} {ctx.engine.version()}")


_IONOSPHERE: Mapping[str, str] = MappingProxyType(
    {
        "height_km": "height of ionosphere layer in km",
        "range_looks": "total number of range looks in the ionosphere processing",
        "azimuth_looks": "total number of azimuth looks in the ionosphere processing",
        "largest_window": "maximum window size for filtering ionosphere phase",
        "smallest_window": "minimum window size for filtering ionosphere phase",
        "polynomial": "apply polynomial fit before filtering ionosphere phase",
        "burst_properties": "consider burst properties in ionosphere computation",
    }
)
"""topsApp's properties by the names of settings."""


@dataclass(frozen=True)
class IonosphereProperties:
    """Properties of topsApp.

    Attributes
    ----------
    properties : dict
        Values by name.
    """

    properties: dict[str, Any]


def _with_ionosphere(inputs: Mapping[str, Any]) -> None:
    """Refuse the builtin engine, which does not estimate the ionosphere of Sentinel-1 data."""
    if inputs.get("engine") == "builtin":
        raise ParameterError(
            "the builtin engine does not estimate the ionosphere of Sentinel-1 data",
            hint="use --engine isce2 (conda install -c conda-forge isce2), or ionosphere=none",
        )
    settings = inputs.get("settings")
    for name in settings if isinstance(settings, Mapping) else ():
        if name not in _IONOSPHERE:
            raise ParameterError(
                f"the ionosphere has no setting '{name}'", hint=f"settings are {', '.join(_IONOSPHERE)}"
            )


@action("isce2.ionosphere", version=1, check=_with_ionosphere)
def ionosphere(
    ctx: Context, *, engine: str, remove: bool = False, settings: dict[str, Any] | None = None
) -> IonosphereProperties:
    """Return topsApp's properties with which it estimates the ionosphere.

    Parameters
    ----------
    engine : str
        Name of the engine; the builtin one is refused.
    remove : bool
        Whether the phase of the ionosphere is removed from the interferogram.
    settings : dict, optional
        ``height_km``, ``range_looks``, ``azimuth_looks``, ``largest_window``, ``smallest_window``,
        ``polynomial``, ``burst_properties``; ISCE2's values by default.
    """
    _with_ionosphere({"engine": engine, "settings": settings})
    chosen = {_IONOSPHERE[name]: value for name, value in (settings or {}).items()}
    wanted = {"do ionosphere correction": True, "apply ionosphere correction": remove}
    ctx.log.info("topsApp estimates the ionosphere%s", " and removes it" if remove else "")
    return IonosphereProperties(wanted | chosen)
