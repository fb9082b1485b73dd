"""Water: fetch a mask of it, and keep it out of the unwrapping."""

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
        GeoTIFF, uint8: 1 on land, 0 on water.
    """

    mask: Path


@action("water.fetch", version=1, uses=("source.water_mask",), takes=lambda _: {"water_mask": ()})
def fetch(ctx: Context, *, dem: Path) -> WaterMask:
    """Fetch the water mask of the area and on the grid of a DEM (GeoTIFF)."""
    from tempfile import TemporaryDirectory

    from isce2_recipe.engines.builtin import isceimage, water_mask

    with isceimage.open_raster(dem) as dataset:
        bounds = Bounds(*dataset.bounds)
    target = ctx.out / paths.WATER_MASK
    with TemporaryDirectory(dir=ctx.out, prefix=".tiles-") as scratch:
        tiles = ctx.source.fetch_water_mask(bounds, Path(scratch), ctx.log, partly(ctx.progress, 0.0, 0.7))
        ctx.progress(0.7, "water mask on the DEM's grid")
        water_mask.on_dem_grid(tiles, dem, target)
    return WaterMask(target)


@dataclass(frozen=True, slots=True)
class MaskedCoherence:
    """What masking found.

    Attributes
    ----------
    land_fraction : float
        Part of the radar image that is land, 0 to 1.
    """

    land_fraction: float


@action("water.mask_coherence", version=1)
def mask_coherence(ctx: Context, *, mask: Path, looks: str) -> MaskedCoherence:
    """Set the coherence in ISCE2's folder to zero over water; the original is kept.

    To be used with ``folder: isce`` between ``filter`` and ``unwrap``; `restore_coherence` undoes it.
    """
    from isce2_recipe.engines.builtin import water_mask

    land = water_mask.mask_coherence(ctx.out, mask, Looks.parse(looks))
    ctx.log.info("%.1f %% of the radar image is land", 100 * land)
    return MaskedCoherence(round(land, 4))


@action("water.restore_coherence", version=1)
def restore_coherence(ctx: Context) -> None:
    """Put the coherence in ISCE2's folder back as it was before it was masked."""
    from isce2_recipe.engines.builtin import water_mask

    if not water_mask.restore_coherence(ctx.out):
        ctx.log.info("the coherence is not masked")
