"""Products of ALOS scenes: their facts, and what to make of stripmapApp's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from isce2_recipe.alos.scene import AlosScene, perpendicular_baseline_m
from isce2_recipe.copying import Copying
from isce2_recipe.errors import InputError
from isce2_recipe.products.facts import ALOS, HowMade, ProductFacts
from isce2_recipe.products.grid import utm_grid
from isce2_recipe.products.layers import DEM, DISPERSIVE, IONOSPHERE_ERROR, NONDISPERSIVE, WATER_MASK
from isce2_recipe.products.making import ProductRequest
from isce2_recipe.products.parameter_file import seconds_of_day
from isce2_recipe.progress import Progress

# 4x14 looks are about 30 m in range and 44 m in azimuth.
_PIXEL_M = 40.0

# ISCE2's folders as HyP3's plugin delivered them.
_FOLDERS = ("interferogram", "geometry", "ionosphere")


def scene_facts(reference: AlosScene, secondary: AlosScene, made: HowMade) -> ProductFacts:
    """Return the facts of two ALOS scenes, the older and the newer."""
    return ProductFacts(
        mission=ALOS,
        platform="alos",
        mode=reference.mode,
        polarization=reference.polarization,
        direction=reference.direction,
        relative_orbit=None,
        reference_orbit=reference.name.orbit,
        secondary_orbit=secondary.name.orbit,
        reference_start=reference.start,
        secondary_start=secondary.start,
        time_of_day_s=seconds_of_day(reference.start),
        wavelength_m=reference.wavelength_m,
        baseline_m=round(perpendicular_baseline_m(reference, secondary), 3),
        heading_deg=round(reference.heading_deg, 6),
        height_m=round(reference.height_m, 1),
        earth_radius_m=round(reference.earth_radius_m, 1),
        near_range_m=reference.near_range_m,
        center_range_m=round((reference.near_range_m + reference.far_range_m) / 2, 3),
        far_range_m=round(reference.far_range_m, 3),
        reference=(str(reference.name),),
        secondary=(str(secondary.name),),
        **made,
    )


def scene_request(
    facts: ProductFacts,
    scenes: tuple[AlosScene, AlosScene],
    folder: Path,
    dem: Path,
    water_mask: Path,
    readme: str,
    split_spectrum: bool,
    ionosphere_removed: bool = False,
) -> ProductRequest:
    """Return the request for a product of two ALOS scenes, named as HyP3's plugin named it.

    Parameters
    ----------
    folder : Path
        stripmapApp's folder after geocoding.
    dem, water_mask : Path
        GeoTIFFs in degrees: metres above the ellipsoid; 1 on land, 0 on water.
    split_spectrum : bool
        Whether the ionosphere was estimated.
    ionosphere_removed : bool
        Whether it was subtracted from the interferogram.

    Raises
    ------
    InputError
        If it was estimated, but there is no estimate.
    """
    options: tuple[str, ...] = ()
    if split_spectrum:
        _check_ionosphere(folder)
        # ISCE2 does not geocode the standard error.
        error = (folder / f"{IONOSPHERE_ERROR.stripmapapp}.geo.vrt").is_file()
        options = ("ionosphere", "ionosphere_error") if error else ("ionosphere",)

    def write_more(prefix: Path, _: Mapping[str, str], progress: Progress) -> Mapping[str, object]:
        _copy_folders(folder, prefix.parent, progress)
        lines: dict[str, object] = {
            "Radar wavelength (m)": facts.wavelength_m,
            "Beam mode": facts.mode,
            "Polarization": facts.polarization,
            "Split spectrum": "yes" if split_spectrum else "no",
        }
        return lines | ({"Ionosphere removed": "yes"} if ionosphere_removed else {})

    reference, secondary = scenes
    return ProductRequest(
        name=f"{reference.name}x{secondary.name}",
        kind="stripmap",
        facts=facts,
        folder=folder,
        application="stripmapApp",
        geotiffs={DEM: dem, WATER_MASK: water_mask},
        grid=partial(utm_grid, pixel_m=_PIXEL_M),
        readme=readme,
        options=options,
        shown={"scenes": scenes, "split_spectrum": split_spectrum, "ionosphere_removed": ionosphere_removed},
        write_more=write_more,
    )


def _check_ionosphere(folder: Path) -> None:
    """Check that stripmapApp has estimated the ionosphere: it goes on when one of its helpers fails."""
    for raster in (DISPERSIVE, NONDISPERSIVE):
        if not (folder / f"{raster.stripmapapp}.geo.vrt").is_file():
            raise InputError(
                f"{folder} lacks {raster.stripmapapp}.geo: ISCE2 did not estimate the ionosphere",
                hint="ISCE2's imageMath.py must be on PATH, see the log of its step ionosphere; "
                "or run with split_spectrum=false",
            )


def _copy_folders(folder: Path, directory: Path, progress: Callable[[float, str], None]) -> None:
    """Copy the files of ISCE2's folders into a product, without the folders of sub-bands in them."""
    files = [path for name in _FOLDERS for path in sorted((folder / name).glob("*")) if path.is_file()]
    copying = Copying(sum(file.stat().st_size for file in files), progress)
    for file in files:
        target = directory / file.relative_to(folder)
        target.parent.mkdir(exist_ok=True)
        with file.open("rb") as opened, target.open("wb") as copy:
            copying.copy(opened, copy, f"ISCE2's {file.name}")
