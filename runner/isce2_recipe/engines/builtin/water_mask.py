"""Water masks: resampling of tiles to the DEM's grid, and masking of the coherence for unwrapping."""

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
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.errors import InputError
from isce2_recipe.files import replace_when_complete
from isce2_recipe.types import Looks

LAND, WATER = 1, 0
# Values of a source's tiles.
_TILE_WATER = 1
_UNKNOWN = 255
# Multilooked lines, and map rows, that are read at once.
_STRIP = 32
_STRIP_ROWS = 512


def on_dem_grid(tiles: Sequence[Path], dem: Path, target: Path) -> None:
    """Write a mask on the grid of ``dem`` from the nearest pixels of tiles: 1 on land, 0 on water.

    Parameters
    ----------
    tiles : sequence of Path
        Tiles of ASF: 1 on water, 0 on land.

    Raises
    ------
    InputError
        If a file cannot be read or the tiles do not cover the DEM.
    """
    import rasterio

    with isceimage.open_raster(dem) as grid:
        profile = {
            "driver": "GTiff", "dtype": "uint8", "count": 1, "crs": grid.crs, "transform": grid.transform,
            "width": grid.width, "height": grid.height, "tiled": True, "compress": "deflate",
        }  # fmt: skip
    with replace_when_complete(target) as partial, rasterio.open(partial, "w", **profile) as output:
        for rows in blocks(output.height, _STRIP_ROWS):
            found = _from_tiles(tiles, output, rows)
            if (found == _UNKNOWN).any():
                row, col = np.argwhere(found == _UNKNOWN)[0]
                east, north = output.xy(rows.start + row, col)
                place = f"{east:.4f} E, {north:.4f} N"
                raise InputError(
                    f"the water mask tiles do not cover the DEM {dem}: there is none at {place}",
                    hint=f"available tiles: {', '.join(tile.name for tile in tiles) or 'none'}",
                )
            mask = np.where(found == _TILE_WATER, np.uint8(WATER), np.uint8(LAND))
            output.write(mask, 1, window=((rows.start, rows.stop), (0, output.width)))


def _from_tiles(tiles: Sequence[Path], grid: Any, rows: range) -> NDArray[np.uint8]:
    """Return the values of the tiles on some rows of a grid."""
    import rasterio
    from rasterio.warp import Resampling, reproject

    found = np.full((len(rows), grid.width), _UNKNOWN, np.uint8)
    for tile in tiles:
        with isceimage.open_raster(tile) as dataset:
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


def land_in_radar_geometry(folder: Path, mask: Path, looks: Looks) -> Iterator[NDArray[np.bool_]]:
    """Yield strips of lines of the multilooked radar grid: True where the mask's nearest pixel is land.

    Memory holds the mask and one strip.

    Parameters
    ----------
    folder : Path
        Work folder of the application after ``mergebursts``, with ``merged/lat.rdr.full`` and
        ``lon.rdr.full``.
    mask : Path
        GeoTIFF in degrees, 1 on land. The area outside it is water.

    Raises
    ------
    InputError
        If one of the files is missing.
    """
    merged = folder / paths.MERGED
    with isceimage.open_raster(mask) as dataset:
        values, transform = dataset.read(1), dataset.transform
    with (
        isceimage.open_raster(isceimage.append_suffix(merged / paths.LATITUDE_FULL, "vrt")) as latitudes,
        isceimage.open_raster(isceimage.append_suffix(merged / paths.LONGITUDE_FULL, "vrt")) as longitudes,
    ):
        lines = latitudes.height // looks.azimuth
        for rows in blocks(lines, _STRIP):
            latitude, longitude = (_multilooked(axis, rows, looks) for axis in (latitudes, longitudes))
            yield _lookup(values, transform, latitude, longitude)


def _multilooked(dataset: Any, rows: range, looks: Looks) -> NDArray[np.float64]:
    """Return the mean coordinate of each window of looks; zeros mean no geometry and are ignored."""
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
    """Set ``merged/phsig.cor`` to zero over water and keep a copy of the original in the same folder.

    The function may be called again, also after a crash at any point: the copy is made before anything
    changes, and each file appears when it is complete.

    Returns
    -------
    float
        Fraction of the pixels that are land.

    Raises
    ------
    InputError
        If one of the files is missing or has another size.
    """
    coherence = folder / paths.MERGED / paths.PHASE_SIGMA
    kept = coherence.with_name(paths.PHASE_SIGMA_UNMASKED)
    image = isceimage.read_header(coherence)
    shape = _multilooked_shape(folder, looks)
    if shape != (image.lines, image.samples):
        raise InputError(
            f"{coherence} has {(image.lines, image.samples)} pixels, but {paths.LATITUDE_FULL} with {looks} "
            f"looks has {shape}",
            hint="use the looks of the interferogram",
        )
    isceimage.open_array(image)  # raises an error if the file is truncated
    if not _is_masked(coherence, kept, image):
        with replace_when_complete(kept) as partial:
            shutil.copyfile(coherence, partial)
    count = 0
    with (
        replace_when_complete(coherence) as partial,
        partial.open("wb") as output,
        kept.open("rb") as original,
    ):
        for land in land_in_radar_geometry(folder, mask, looks):
            values = np.fromfile(original, image.dtype, land.size).reshape(land.shape)
            (values * land).tofile(output)
            count += int(np.count_nonzero(land))
    return count / (image.lines * image.samples)


def _multilooked_shape(folder: Path, looks: Looks) -> tuple[int, int]:
    with isceimage.open_raster(
        isceimage.append_suffix(folder / paths.MERGED / paths.LATITUDE_FULL, "vrt")
    ) as full:
        return full.height // looks.azimuth, full.width // looks.range


def _is_masked(coherence: Path, kept: Path, image: IsceImage) -> bool:
    """Return whether the coherence is the kept original with some values set to zero."""
    if not kept.is_file() or kept.stat().st_size != coherence.stat().st_size:
        return False
    with coherence.open("rb") as one, kept.open("rb") as other:
        for _ in range(image.lines):
            values, original = (np.fromfile(file, image.dtype, image.samples) for file in (one, other))
            if not ((values == original) | (values == 0)).all():
                return False
    return True


def restore_coherence(folder: Path) -> bool:
    """Restore the coherence before `mask_coherence`; return False if there is no original."""
    coherence = folder / paths.MERGED / paths.PHASE_SIGMA
    kept = coherence.with_name(paths.PHASE_SIGMA_UNMASKED)
    if not kept.is_file():
        return False
    kept.replace(coherence)
    return True
