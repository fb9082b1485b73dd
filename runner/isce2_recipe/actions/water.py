"""Actions for water: fetch a mask, and exclude water from the unwrapping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.actions.base import Context, action
from isce2_recipe.progress import partly
from isce2_recipe.types import Bounds, Looks


@dataclass(frozen=True, slots=True)
class WaterMask:
    """A water mask on a DEM's grid.

    Attributes
    ----------
    mask : Path
        The mask as GeoTIFF, uint8: 1 on land, 0 on water.
    """

    mask: Path


@action("water.fetch", version=1, uses=("source.water_mask",), takes=lambda _: {"water_mask": ()})
def fetch(ctx: Context, *, dem: Path) -> WaterMask:
    """Fetch the water mask for the area of a DEM (GeoTIFF), on the DEM's grid."""
    from tempfile import TemporaryDirectory

    from isce2_recipe.engines.builtin import isceimage, water_mask

    with isceimage.open_raster(dem) as dataset:
        bounds = Bounds(*dataset.bounds)
    target = ctx.out / paths.WATER_MASK
    with TemporaryDirectory(dir=ctx.out, prefix=".tiles-") as scratch:
        tiles = ctx.source.fetch_water_mask(bounds, Path(scratch), ctx.log, partly(ctx.progress, 0.0, 0.7))
        ctx.progress(0.7, "resampling to the DEM's grid")
        water_mask.on_dem_grid(tiles, dem, target)
    return WaterMask(target)


@dataclass(frozen=True, slots=True)
class MaskedInterferogram:
    """The result of masking the interferogram.

    Attributes
    ----------
    land_fraction : float
        Fraction of the radar image that is land, 0 to 1.
    """

    land_fraction: float


@action("water.mask_interferogram", version=1)
def mask_interferogram(ctx: Context, *, mask: Path, looks: str) -> MaskedInterferogram:
    """Set the filtered interferogram in ISCE2's folder to zero over water, and keep a copy of the original.

    Use it with ``folder: isce`` between the steps ``filter`` and ``unwrap``. After unwrapping, use
    `unmask_interferogram`.
    """
    from isce2_recipe.engines.builtin import water_mask

    land = water_mask.mask_interferogram(ctx.out, mask, Looks.parse(looks))
    ctx.log.info("%.1f %% of the radar image is land", 100 * land)
    return MaskedInterferogram(round(land, 4))


@action("water.unmask_interferogram", version=1)
def unmask_interferogram(ctx: Context) -> None:
    """Restore the interferogram in ISCE2's folder, and number the connected components of land by size."""
    from isce2_recipe.engines.builtin import water_mask

    if not water_mask.unmask_interferogram(ctx.out):
        ctx.log.info("the interferogram is not masked")
