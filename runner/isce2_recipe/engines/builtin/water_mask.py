"""Water: tiles put on the DEM's grid, and coherence set to zero over it while the phase is unwrapped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.errors import InputError
from isce2_recipe.types import Looks

LAND, WATER = 1, 0
# What a source's tiles say; on the way to ours.
_TILE_WATER = 1
_UNKNOWN = 255
# Lines of looks read at once, and rows of the map.
_STRIP = 32
_STRIP_ROWS = 512


def on_dem_grid(tiles: Sequence[Path], dem: Path, target: Path) -> None:
    """Write a GeoTIFF on the grid of ``dem``: 1 on land, 0 on water; nearest pixel of the tiles.

    Parameters
    ----------
    tiles : sequence of Path
        ASF's: 1 is water, 0 land.

    Raises
    ------
    InputError
        If a file cannot be read or the tiles leave a gap.
    """
    import rasterio

    with isceimage.opened(dem) as grid:
        profile = {
            "driver": "GTiff", "dtype": "uint8", "count": 1, "crs": grid.crs, "transform": grid.transform,
            "width": grid.width, "height": grid.height, "tiled": True, "compress": "deflate",
        }  # fmt: skip
    with isceimage.publish(target) as partial, rasterio.open(partial, "w", **profile) as output:
        for first in range(0, output.height, _STRIP_ROWS):
            last = min(first + _STRIP_ROWS, output.height)
            found = _from_tiles(tiles, output, range(first, last))
            if (found == _UNKNOWN).any():
                row, col = np.argwhere(found == _UNKNOWN)[0]
                east, north = output.xy(first + row, col)
                place = f"{east:.4f} E, {north:.4f} N"
                raise InputError(
                    f"the water mask tiles do not cover the DEM {dem}: nothing at {place}",
                    hint=f"tiles at hand: {', '.join(tile.name for tile in tiles) or 'none'}",
                )
            mask = np.where(found == _TILE_WATER, np.uint8(WATER), np.uint8(LAND))
            output.write(mask, 1, window=((first, last), (0, output.width)))


def _from_tiles(tiles: Sequence[Path], grid: Any, rows: range) -> NDArray[np.uint8]:
    """What the tiles say of some rows of a grid."""
    import rasterio
    from rasterio.warp import Resampling, reproject

    found = np.full((len(rows), grid.width), _UNKNOWN, np.uint8)
    for tile in tiles:
        with isceimage.opened(tile) as dataset:
            reproject(
                rasterio.band(dataset, 1),
                found,
                dst_transform=grid.window_transform(((rows.start, rows.stop), (0, grid.width))),
                dst_crs=grid.crs,
                dst_nodata=_UNKNOWN,
                init_dest_nodata=False,
                resampling=Resampling.nearest,
            )
    return found


def in_radar_geometry(folder: Path, mask: Path, looks: Looks) -> Iterator[NDArray[np.bool_]]:
    """Where there is land, on the multilooked radar grid: the mask's nearest pixel to each pixel's middle.

    Strips of lines, so that memory holds the mask and one of them.

    Parameters
    ----------
    folder : Path
        ISCE2's, after ``mergebursts``: ``merged/lat.rdr.full`` and ``lon.rdr.full`` say where pixels are.
    mask : Path
        GeoTIFF in degrees, 1 on land. Outside it there is none.

    Raises
    ------
    InputError
        If one of the files is missing.
    """
    merged = folder / paths.MERGED
    with isceimage.opened(mask) as dataset:
        values, transform = dataset.read(1), dataset.transform
    with (
        isceimage.opened(isceimage.beside(merged / paths.LATITUDE_FULL, "vrt")) as latitudes,
        isceimage.opened(isceimage.beside(merged / paths.LONGITUDE_FULL, "vrt")) as longitudes,
    ):
        lines = latitudes.height // looks.azimuth
        for first in range(0, lines, _STRIP):
            rows = range(first, min(first + _STRIP, lines))
            latitude, longitude = (_looked(axis, rows, looks) for axis in (latitudes, longitudes))
            yield _lookup(values, transform, latitude, longitude)


def _looked(dataset: Any, rows: range, looks: Looks) -> NDArray[np.float64]:
    """Mean coordinate of each window of looks; zeros, where ISCE2 has no geometry, do not count."""
    samples = dataset.width // looks.range
    window = ((rows.start * looks.azimuth, rows.stop * looks.azimuth), (0, samples * looks.range))
    full = dataset.read(1, window=window).reshape(len(rows), looks.azimuth, samples, looks.range)
    count = np.count_nonzero(full, axis=(1, 3))
    return np.asarray(full.sum(axis=(1, 3)) / np.maximum(count, 1))


def _lookup(
    mask: NDArray[Any], transform: Any, latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> NDArray[np.bool_]:
    row = np.floor((latitude - transform.f) / transform.e).astype(np.intp)
    col = np.floor((longitude - transform.c) / transform.a).astype(np.intp)
    inside = (row >= 0) & (row < mask.shape[0]) & (col >= 0) & (col < mask.shape[1])
    found = np.zeros(latitude.shape, bool)
    found[inside] = mask[row[inside], col[inside]] == LAND
    return found


def mask_coherence(folder: Path, mask: Path, looks: Looks) -> float:
    """Set ``merged/phsig.cor`` to zero over water and keep the original beside it.

    May be repeated, also after a crash at any point: the original is kept before anything changes, and each
    file appears whole.

    Returns
    -------
    float
        Which part of the pixels is land.

    Raises
    ------
    InputError
        If one of the files is missing or does not fit.
    """
    coherence = folder / paths.MERGED / paths.PHASE_SIGMA
    kept = coherence.with_name(paths.PHASE_SIGMA_UNMASKED)
    image = isceimage.read_header(coherence)
    shape = _looked_shape(folder, looks)
    if shape != (image.lines, image.samples):
        raise InputError(
            f"{coherence} has {(image.lines, image.samples)} pixels, but {looks} looks of "
            f"{paths.LATITUDE_FULL} make {shape}",
            hint="the looks must be those of the interferogram",
        )
    isceimage.open_array(image)  # refuses what is cut short
    if not _is_masked(coherence, kept, image):
        with isceimage.publish(kept) as partial:
            shutil.copyfile(coherence, partial)
    count = 0
    with isceimage.publish(coherence) as partial, partial.open("wb") as output, kept.open("rb") as original:
        for land in in_radar_geometry(folder, mask, looks):
            values = np.fromfile(original, image.dtype, land.size).reshape(land.shape)
            (values * land).tofile(output)
            count += int(np.count_nonzero(land))
    return count / (image.lines * image.samples)


def _looked_shape(folder: Path, looks: Looks) -> tuple[int, int]:
    with isceimage.opened(isceimage.beside(folder / paths.MERGED / paths.LATITUDE_FULL, "vrt")) as full:
        return full.height // looks.azimuth, full.width // looks.range


def _is_masked(coherence: Path, kept: Path, image: IsceImage) -> bool:
    """Whether the coherence is the kept original with zeros in it, and not something newer."""
    if not kept.is_file() or kept.stat().st_size != coherence.stat().st_size:
        return False
    with coherence.open("rb") as one, kept.open("rb") as other:
        for _ in range(image.lines):
            values, original = (np.fromfile(file, image.dtype, image.samples) for file in (one, other))
            if not ((values == original) | (values == 0)).all():
                return False
    return True


def restore_coherence(folder: Path) -> bool:
    """Put the coherence back as it was before `mask_coherence`; False where there is nothing to put back."""
    coherence = folder / paths.MERGED / paths.PHASE_SIGMA
    kept = coherence.with_name(paths.PHASE_SIGMA_UNMASKED)
    if not kept.is_file():
        return False
    kept.replace(coherence)
    return True
