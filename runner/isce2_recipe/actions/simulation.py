"""The truth of simulated inputs, and the agreement of a product with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.actions.base import Context, action, nothing
from isce2_recipe.sentinel1.stack_dates import StackDate
from isce2_recipe.types import Looks


@dataclass(frozen=True)
class Truth:
    """Displacement of the simulated ground, and delay in its air.

    Attributes
    ----------
    displacement : Path
        GeoTIFF on the DEM's grid: metres along the line of sight, positive where range increased.
    total : Path
        All that the phase shows: the displacement and the delay in the air. It is the same file if the air
        does not delay the signal.
    atmosphere : Path or None
        The delay in the neutral air, if there is one.
    ionosphere : Path or None
        What the phase shows of the ionosphere, if there is one.
    neutral : Path
        All but the ionosphere. It is the same file as ``total`` if there is none.
    """

    displacement: Path
    total: Path
    atmosphere: Path | None
    ionosphere: Path | None
    neutral: Path


def truth_of(displacement: Path) -> Truth:
    """Return the rasters that a source wrote with the displacement."""
    total, atmosphere, ionosphere, neutral = (
        path if (path := displacement.with_name(f"los_{name}.tif")).is_file() else None
        for name in ("total", "atmosphere", "ionosphere", "neutral")
    )
    everything = total or displacement
    without = (neutral or displacement) if ionosphere else everything
    return Truth(displacement, everything, atmosphere, ionosphere, without)


@action("simulation.write_truth", version=2, uses=("source.truth",), takes=nothing)
def write_truth(ctx: Context, *, catalog: Path, dem: Path) -> Truth:
    """Write the displacement between two passes of a simulated scene."""
    from isce2_recipe.sources.base import Sentinel1Record
    from isce2_recipe.sources.catalog import read_catalog

    records = list(read_catalog(catalog, Sentinel1Record).values())
    return truth_of(ctx.source.write_truth(records, dem, ctx.out))


@action("simulation.write_date_truth", version=1, uses=("source.date_truth",), takes=nothing)
def write_date_truth(ctx: Context, *, catalog: Path, dem: Path) -> Truth:
    """Write the displacement of the simulated ground on the date of one pass, and the delay in its air.

    The displacement of a pair is that of its later date minus that of its earlier date.
    """
    from isce2_recipe.sources.base import Sentinel1Record
    from isce2_recipe.sources.catalog import read_catalog

    records = list(read_catalog(catalog, Sentinel1Record).values())
    return truth_of(ctx.source.write_date_truth(records, dem, ctx.out))


@dataclass(frozen=True, slots=True)
class SeriesTruth:
    """Displacement of the simulated ground on every date but the first, since the first.

    Attributes
    ----------
    ground : list of Path
        GeoTIFFs of the displacement in metres along the line of sight, positive where range increased.
    total : list of Path
        The same with the delay in the air, if there is one.
    """

    ground: list[Path]
    total: list[Path]


@action("simulation.write_series_truth", version=1, uses=("source.truth",), takes=nothing)
def write_series_truth(ctx: Context, *, scenes: list[StackDate], dem: Path, looks: str) -> SeriesTruth:
    """Write the displacement of the simulated ground on every date of a stack since the first date.

    Parameters
    ----------
    scenes : list of StackDate
        The dates as they were found.
    """
    from isce2_recipe.sources.base import Sentinel1Record
    from isce2_recipe.sources.catalog import read_catalog
    from isce2_recipe.stack.agreement import coarse_grid

    ordered = sorted(scenes, key=lambda scene: scene.date)
    first, *others = (list(read_catalog(scene.catalog, Sentinel1Record).values()) for scene in ordered)
    grid = coarse_grid(dem, ctx.out / "grid.tif", Looks.parse(looks).pixel_m)
    found = []
    for number, (scene, records) in enumerate(zip(ordered[1:], others, strict=True)):
        ctx.progress(number / len(others), scene.date)
        found.append(truth_of(ctx.source.write_truth([*first, *records], grid, ctx.out / scene.date)))
    return SeriesTruth([one.displacement for one in found], [one.total for one in found])


@dataclass(frozen=True)
class TruthAgreement:
    """Differences of a product from the true displacement and delay in the air.

    They are measured on land and inside connected components.

    Attributes
    ----------
    rms_mm : float
        Root mean square error, as displacement, after subtracting one constant and whole cycles between
        components.
    p95_mm : float
        Bound below which 95 % of the errors are.
    wrong_cycles : int
        Number of pixels with an error of more than half a cycle relative to most of their component.
    pixels : int
        Number of pixels that were compared.
    atmosphere_mm : float or None
        Standard deviation of the true delay in the air over these pixels, if there is one.
    summary : str
        The same numbers in a sentence.
    """

    rms_mm: float
    p95_mm: float
    wrong_cycles: int
    pixels: int
    atmosphere_mm: float | None
    summary: str


@action("simulation.compare", version=4)
def compare(ctx: Context, *, product: Path, truth: Path, atmosphere: Path | None = None) -> TruthAgreement:
    """Compare a product's unwrapped phase with the truth."""
    from isce2_recipe.products.differences import compare_product
    from isce2_recipe.products.reading import open_product

    found = compare_product(open_product(product), truth, atmosphere)
    rms_mm, p95_mm = round(1e3 * found.rms_m, 3), round(1e3 * found.p95_m, 3)
    air_mm = None if found.atmosphere_m is None else round(1e3 * found.atmosphere_m, 3)
    what = "displacement agrees" if air_mm is None else "displacement and atmosphere agree"
    summary = (
        f"{what} with the truth to {rms_mm:.2f} mm RMS (95 % within {p95_mm:.2f} mm), "
        f"{found.wrong_cycles} of {found.pixels} pixels in a wrong cycle"
    )
    if air_mm is not None:
        summary += f"; the atmosphere alone varies by {air_mm:.2f} mm"
    ctx.log.info("%s", summary)
    return TruthAgreement(rms_mm, p95_mm, found.wrong_cycles, found.pixels, air_mm, summary)
