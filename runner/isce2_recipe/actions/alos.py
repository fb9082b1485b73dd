"""Actions for ALOS PALSAR: check, find, fetch and compare two scenes, correct and package the product."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from isce2_recipe.actions.base import Context, action, names_from, nothing
from isce2_recipe.actions.product import how_made, make
from isce2_recipe.actions.simulation import Truth, truth_of
from isce2_recipe.alos import pairs
from isce2_recipe.engines.base import AppSteps
from isce2_recipe.errors import EngineMissing, InputError, ParameterError
from isce2_recipe.inputs import describe_files, write_inputs
from isce2_recipe.paths import INPUTS
from isce2_recipe.products.package import Product, describe_inputs, readme_fingerprint, template_text
from isce2_recipe.progress import partly
from isce2_recipe.sources.base import AlosRecord, check_two_passes, common_bounds
from isce2_recipe.sources.catalog import read_catalog, write_catalog
from isce2_recipe.types import AlosName, Looks

Polarization = Literal["HH", "HV"]


@dataclass(frozen=True)
class AlosPairNames:
    """The names of two scenes that can be processed.

    Attributes
    ----------
    reference, secondary : str
        Names of the older and the newer scene.
    days : int
        Time between the scenes.
    """

    reference: str
    secondary: str
    days: int


def _pair(inputs: Mapping[str, Any]) -> AlosPairNames:
    if inputs.get("remove_ionosphere") and not inputs.get("split_spectrum"):
        raise ParameterError(
            "remove_ionosphere needs the estimate of the ionosphere, but split_spectrum is false",
            hint="set split_spectrum=true, or remove_ionosphere=false",
        )
    pair = pairs.check_pair(inputs["reference"], inputs["secondary"])
    return AlosPairNames(str(pair.reference), str(pair.secondary), pair.days)


def _stripmap(_: Mapping[str, Any]) -> AppSteps:
    return AppSteps("stripmapApp", None, "geocode")


@action(
    "alos.check_pair",
    version=2,
    uses=("engine",),
    check=_pair,
    foresee=_pair,
    takes=nothing,
    runs=_stripmap,
)
def check_pair(
    ctx: Context,
    *,
    reference: str,
    secondary: str,
    split_spectrum: bool = False,
    remove_ionosphere: bool = False,
) -> AlosPairNames:
    """Check that two scenes are a pair, and that the engine can process it.

    Parameters
    ----------
    reference, secondary : str
        Names of the scenes, in any order.
    split_spectrum : bool
        Whether to estimate the ionosphere, for which ISCE2 needs OpenCV.
    remove_ionosphere : bool
        Whether it will be subtracted, which needs the estimate.
    """
    from isce2_recipe.engines.isce2 import OPENCV, Isce2Engine

    options = {"split_spectrum": split_spectrum, "remove_ionosphere": remove_ionosphere}
    pair = _pair({"reference": reference, "secondary": secondary, **options})
    if split_spectrum and isinstance(ctx.engine, Isce2Engine) and ctx.engine.lacks("cv2"):
        raise EngineMissing(
            "this ISCE2 cannot estimate the ionosphere: its Python has no module cv2 (OpenCV)",
            hint=f"install it ({OPENCV}), use --engine builtin, or set split_spectrum=false",
        )
    ctx.log.info("%s and %s, %d days apart", pair.reference, pair.secondary, pair.days)
    return pair


@dataclass(frozen=True)
class AlosScenes:
    """The catalogue's facts of two scenes.

    Attributes
    ----------
    catalog : Path
        JSON list of scene records, the reference first.
    bounds : list of float
        Bounds of the area that both scenes show: west, south, east, north, degrees.
    direction : str
        ``ASCENDING`` or ``DESCENDING``.
    """

    catalog: Path
    bounds: list[float]
    direction: str


_scenes = names_from("alos", "reference", "secondary", "scene")


@action("alos.find_scenes", version=1, uses=("source.alos",), takes=_scenes)
def find_scenes(ctx: Context, *, reference: str, secondary: str) -> AlosScenes:
    """Find two scenes in the source's catalogue and check that they overlap."""
    records = ctx.source.find_alos([AlosName.parse(reference), AlosName.parse(secondary)], ctx.log)
    check_two_passes(records[:1], records[1:])
    return AlosScenes(
        write_catalog(records, ctx.out / "scenes.json"),
        list(common_bounds(records[0], records[1], "scenes")),
        records[0].direction,
    )


@dataclass(frozen=True)
class AlosSceneFiles:
    """The files of an unpacked scene.

    Attributes
    ----------
    folder : Path
        Folder with all files.
    image, leader : Path
        Signal data of the polarization, and leader file.
    polarizations : list of str
        Polarizations of the scene.
    inputs : Path
        Names, sizes and checksums of the files.
    """

    folder: Path
    image: Path
    leader: Path
    polarizations: list[str]
    inputs: Path


@action("alos.fetch_scene", version=2, uses=("source.alos",), takes=_scenes)
def fetch_scene(
    ctx: Context, *, catalog: Path, scene: str, polarization: Polarization = "HH"
) -> AlosSceneFiles:
    """Fetch a scene and unpack it.

    Parameters
    ----------
    scene : str
        Its name.
    polarization : str
        The one whose image is processed; scenes of mode FBD have HH and HV.
    """
    from isce2_recipe.alos.scene import read_scene, unpack

    records = read_catalog(catalog, AlosRecord)
    if scene not in records:
        raise InputError(f"scene {scene} is not in the catalogue", hint="run the search again")
    downloads = ctx.out / "download"
    downloads.mkdir()
    archive = ctx.source.fetch_alos(records[scene], downloads, ctx.log, partly(ctx.progress, 0.0, 0.8))
    folder = unpack(archive, ctx.out / f"{scene}-L1.0", partly(ctx.progress, 0.8, 1.0))
    shutil.rmtree(downloads)
    found = read_scene(folder, polarization)
    if str(found.name) != scene:
        raise InputError(f"{archive.name} contains {found.name}, not {scene}", hint="fetch the scene again")
    ctx.log.info("%s: %s %s, %d pulses", scene, found.mode, "+".join(found.polarizations), found.lines)
    inputs = write_inputs(ctx.out / INPUTS, describe_files("scene", [folder], scene))
    return AlosSceneFiles(folder, found.image, found.leader, list(found.polarizations), inputs)


@dataclass(frozen=True)
class AlosGeometry:
    """The geometry of a pair of scenes.

    Attributes
    ----------
    mode : str
        ``FBS`` or ``FBD``.
    perpendicular_baseline_m : float
        Perpendicular baseline in the middle of the reference, with ISCE2's sign.
    wavelength_m : float
        Wavelength of the radar.
    """

    mode: str
    perpendicular_baseline_m: float
    wavelength_m: float


@action("alos.check_scenes", version=2, uses=("engine",))
def check_scenes(
    ctx: Context, *, reference: Path, secondary: Path, polarization: Polarization = "HH"
) -> AlosGeometry:
    """Check that two unpacked scenes, and all their pulses, can form an interferogram.

    Parameters
    ----------
    reference, secondary : Path
        Folders of the scenes.
    polarization : str
        The one that is processed.
    """
    from isce2_recipe.alos.scene import read_scene
    from isce2_recipe.alos.signal import open_signal

    first, second = (read_scene(folder, polarization) for folder in (reference, secondary))
    if first.mode != second.mode and ctx.engine.name == "isce2":
        raise InputError(
            f"the mode of {first.name} is {first.mode}, that of {second.name} is {second.mode}",
            hint="choose two scenes of one mode, or use --engine builtin, which resamples them",
        )
    baseline = pairs.check_scenes(first, second)
    signals = [open_signal([scene.image], scene.sampling_hz) for scene in (first, second)]
    for scene, signal in zip((first, second), signals, strict=True):
        if signal.missing or signal.interpolated:
            text = "%s: %d lines are missing, %d are interpolated"
            ctx.log.warning(text, scene.name, signal.missing, signal.interpolated)
    dopplers = signals[0].doppler_hz(), signals[1].doppler_hz()
    pairs.check_doppler(*dopplers, signals[0].prf_hz)
    ctx.log.info("Doppler centroids %.1f and %.1f Hz", *dopplers)
    ctx.log.info("%s, perpendicular baseline %.1f m", first.mode, baseline)
    return AlosGeometry(first.mode, round(baseline, 3), first.wavelength_m)


@action("alos.write_truth", version=2, uses=("source.truth",), takes=nothing)
def write_truth(ctx: Context, *, catalog: Path, dem: Path) -> Truth:
    """Write the known displacement between two simulated scenes."""
    records = list(read_catalog(catalog, AlosRecord).values())
    return truth_of(ctx.source.write_truth(records, dem, ctx.out))


@dataclass(frozen=True)
class RemovedIonosphere:
    """What was subtracted from an interferogram.

    Attributes
    ----------
    deviation_rad : float
        Its standard deviation over the connected components.
    """

    deviation_rad: float


@action("alos.remove_ionosphere", version=1)
def remove_ionosphere(ctx: Context) -> RemovedIonosphere:
    """Subtract the ionosphere's phase from the interferogram in ISCE2's folder; keep copies with it.

    Use it with ``folder: isce`` between stripmapApp's steps ``ionosphere`` and ``geocode``.
    """
    from isce2_recipe.engines.builtin.stripmap import correcting

    deviation = correcting.remove_ionosphere(ctx.out)
    ctx.log.info("the ionosphere's phase, with a standard deviation of %.3f rad, was subtracted", deviation)
    return RemovedIonosphere(round(deviation, 4))


@action("alos.package", version=7, uses=("source", "engine"), fingerprint=readme_fingerprint, takes=nothing)
def package(
    ctx: Context,
    *,
    folder: Path,
    reference: Path,
    secondary: Path,
    dem: Path,
    water_mask: Path,
    looks: str,
    filter_strength: float = 0.5,
    split_spectrum: bool = True,
    ionosphere_removed: bool = False,
    apply_water_mask: bool = False,
    polarization: Polarization = "HH",
    unwrapper: str = "snaphu",
    granules: list[Path] | None = None,
    record: dict[str, Any] | None = None,
) -> Product:
    """Package stripmapApp's folders, and maps like those of other products.

    Parameters
    ----------
    folder : Path
        stripmapApp's folder after its step ``geocode``.
    reference, secondary : Path
        Folders of the two scenes.
    split_spectrum : bool
        Whether the ionosphere was estimated.
    ionosphere_removed : bool
        Whether it was subtracted from the interferogram.
    apply_water_mask : bool
        Whether water was masked before unwrapping.
    polarization : str
        The one that was processed.
    granules : list of Path, optional
        Records that the steps which fetched the scenes wrote of their files.
    """
    from isce2_recipe.alos.scene import read_scene
    from isce2_recipe.products import stripmap
    from isce2_recipe.products.facts import Processing

    scenes = read_scene(reference, polarization), read_scene(secondary, polarization)
    processing = Processing(Looks.parse(looks), filter_strength, unwrapper, apply_water_mask)
    inputs = describe_inputs(granules, dem=[dem], water_mask=[water_mask])
    facts = stripmap.scene_facts(*scenes, how_made(ctx, processing, inputs, record))
    readme = template_text(ctx.templates)
    request = stripmap.scene_request(
        facts, scenes, folder, dem, water_mask, readme, split_spectrum, ionosphere_removed
    )
    return make(ctx, request)
