"""Products of Sentinel-1 data: their facts, and what to make of topsApp's folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.products import parameter_file
from isce2_recipe.products.burst_products import BurstProduct
from isce2_recipe.products.facts import SENTINEL1, SENTINEL1_WAVELENGTH_M, HowMade, ProductFacts
from isce2_recipe.products.grid_choice import GridChoice, map_grid
from isce2_recipe.products.layer import ProductKind
from isce2_recipe.products.layers import DEM, WATER_MASK
from isce2_recipe.products.making import ProductRequest
from isce2_recipe.products.quality.coregistration import coregistration
from isce2_recipe.products.radar import radar_window, write_radar_layers
from isce2_recipe.progress import Progress
from isce2_recipe.sar.annotation import BurstGeometry, platform_on


def burst_facts(
    baseline_m: float,
    reference: Sequence[str],
    secondary: Sequence[str],
    bursts: tuple[Sequence[BurstGeometry], Sequence[BurstGeometry]],
    made: HowMade,
    starts: tuple[datetime, datetime],
) -> ProductFacts:
    """Return the facts of bursts that were processed together.

    Parameters
    ----------
    bursts : pair of sequences of BurstGeometry
        Bursts of the reference and of the secondary granules.
    starts : pair of datetime
        Times at which the passes began, as the names of their granules say.
    """
    first, other = (min(side, key=lambda burst: (burst.swath, burst.start)) for side in bursts)
    # A pass over the ascending node keeps the orbit on which it began.
    began, other_began = (min(side, key=lambda burst: burst.start) for side in bursts)
    reference_start = on_day_of_pass(first.start, starts[0])
    return ProductFacts(
        mission=SENTINEL1,
        platform=f"sentinel-{first.platform[1:].lower()}",
        mode="IW",
        polarization=first.polarization,
        direction=first.direction.upper(),
        relative_orbit=began.relative_orbit,
        reference_orbit=began.absolute_orbit,
        secondary_orbit=other_began.absolute_orbit,
        reference_start=reference_start,
        secondary_start=on_day_of_pass(other.start, starts[1]),
        time_of_day_s=parameter_file.seconds_of_day(reference_start),
        wavelength_m=first.wavelength_m,
        baseline_m=baseline_m,
        heading_deg=first.heading_deg,
        height_m=parameter_file.SPACECRAFT_HEIGHT_M,
        earth_radius_m=parameter_file.EARTH_RADIUS_M,
        near_range_m=first.near_range_m,
        center_range_m=(first.near_range_m + first.far_range_m) / 2,
        far_range_m=first.far_range_m,
        reference=tuple(reference),
        secondary=tuple(secondary),
        **made,
    )


def on_day_of_pass(start: datetime, began: datetime) -> datetime:
    """Return the time of a burst, or that of the pass's first line if the pass began before midnight.

    A pass has one date, that of its first line, in names, catalogues and texts.
    """
    return start if start.date() == began.date() else began


def merged_facts(products: Sequence[BurstProduct], relative_orbit: int, made: HowMade) -> ProductFacts:
    """Return the facts of merged burst products, which are sorted by swath and time.

    They are those of the first product (the earliest of the lowest swath), with the ranges of the whole
    image.
    """
    first, parameters = products[0], products[0].parameters
    near = min(product.near_range_m for product in products)
    far = max(float(product.parameters["Slant range far"]) for product in products)
    earliest = min(products, key=lambda product: product.reference)
    began = earliest.parameters
    platform = platform_on(relative_orbit, int(began["Reference Orbit Number"]))
    reference_start = on_day_of_pass(first.start, earliest.reference.start)
    secondary_start = min(product.secondary.start for product in products)
    return ProductFacts(
        mission=SENTINEL1,
        platform=f"sentinel-{platform[1:].lower()}" if platform else "",
        mode="IW",
        polarization=first.reference.polarization,
        direction=parameters["Reference Pass Direction"],
        relative_orbit=relative_orbit,
        reference_orbit=int(began["Reference Orbit Number"]),
        secondary_orbit=int(began["Secondary Orbit Number"]),
        reference_start=reference_start,
        secondary_start=on_day_of_pass(first.secondary.start, secondary_start),
        time_of_day_s=float((parameters if reference_start == first.start else began)["UTC time"]),
        wavelength_m=SENTINEL1_WAVELENGTH_M,
        baseline_m=float(parameters["Baseline"]),
        heading_deg=float(parameters["Heading"]),
        height_m=float(parameters["Spacecraft height"]),
        earth_radius_m=float(parameters["Earth radius at nadir"]),
        near_range_m=near,
        center_range_m=(near + far) / 2,
        far_range_m=far,
        reference=tuple(str(product.reference) for product in products),
        secondary=tuple(str(product.secondary) for product in products),
        **made,
    )


def corrections(folder: Path) -> dict[str, str]:
    """Return what topsApp did beyond its minimum, empty by default; part of the ID in the product's name.

    Returns
    -------
    dict
        ``esd`` if the coregistration was refined; ``ionosphere`` if it was estimated: ``yes`` if it was also
        removed, else ``no``.
    """
    found = {}
    if coregistration(folder, None) is not None:
        found["esd"] = "yes"
    merged = folder / paths.MERGED
    if (merged / f"{paths.IONOSPHERE}.geo.vrt").is_file():
        removed = (merged / paths.INTERFEROGRAM_UNCORRECTED).is_file()
        found["ionosphere"] = "yes" if removed else "no"
    return found


def tops_request(
    name: str,
    kind: ProductKind,
    facts: ProductFacts,
    files: tuple[Path, Path, Path, str],
    choice: GridChoice,
    bursts: Sequence[tuple[int, int]],
    single: BurstGeometry | None = None,
    *,
    unfiltered: bool = True,
) -> ProductRequest:
    """Return the request for a product of Sentinel-1 data.

    Parameters
    ----------
    files : (Path, Path, Path, str)
        topsApp's folder, or one in its layout; terrain; water mask; the README's template.
    bursts : sequence of (number, swath)
        ESA's numbers of the bursts, which decide the common grid.
    single : BurstGeometry, optional
        The reference's only burst, where the product shall have layers in radar geometry.
    unfiltered : bool
        Whether the folder has the coherence before filtering.
    """
    folder, dem, water_mask, readme = files
    corrected = corrections(folder)
    said = {"Ionosphere removed": corrected["ionosphere"]} if "ionosphere" in corrected else {}

    def write_radar(prefix: Path, tags: Mapping[str, str], _: Progress) -> Mapping[str, object]:
        if single is None:
            return said
        looks = facts.processing.looks
        window = radar_window(folder, single, looks)
        write_radar_layers(folder, single, looks, window, prefix, tags)
        return {**parameter_file.radar_pairs(window), **said}

    return ProductRequest(
        name=name,
        kind=kind,
        facts=facts,
        folder=folder,
        application="topsApp",
        geotiffs={DEM: dem, WATER_MASK: water_mask},
        grid=partial(map_grid, choice, facts.processing.looks.pixel_m, bursts=bursts),
        readme=readme,
        options=(
            "sublooks",
            *(["unfiltered"] if unfiltered else []),
            *(["ionosphere_error"] if said else []),
        ),
        write_more=write_radar,
    )
