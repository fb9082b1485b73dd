"""Water masks: resampling of tiles to the DEM's grid, and masking of the interferogram for unwrapping.

Every unwrapper takes zeros of the interferogram for no data, so that water neither joins components nor
belongs to one. The byte mask of SNAPHU would do the same, but SNAPHU refuses it if only the initial solution
is wanted, as by the ``snaphu_mcf`` of ISCE2, and ISCE2 has no setting for it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import paths
from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.errors import EngineFailed, InputError
from isce2_recipe.files import replace_when_complete
from isce2_recipe.types import Looks, longitude_near

LAND, WATER = 1, 0
# Values of a source's tiles.
_TILE_WATER = 1
_UNKNOWN = 255
# Pixels by which a place on the edge of two tiles is moved.
_ASIDE = 1e-3
# Multilooked pixels of the smallest component; fewer, such as corners of islands, are connected to nothing.
_FEWEST_PIXELS = 10
# Multilooked lines, and map rows, that are read at once.
_STRIP = 32
_STRIP_ROWS = 512


def on_dem_grid(tiles: Sequence[Path], dem: Path, target: Path) -> None:
    """Write a mask, 1 on land, on the grid of ``dem`` from the nearest pixels of ASF's tiles, 1 on water.

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
    transform = grid.window_transform(((rows.start, rows.stop), (0, grid.width)))
    found = _resampled(tiles, transform, grid.crs, (len(rows), grid.width))
    for aside in (_ASIDE, -_ASIDE):
        # Both tiles may refuse a place on their common edge. It has the value of a place close to it.
        unknown = found == _UNKNOWN
        if unknown.any():
            near = transform @ transform.translation(aside, aside)
            found[unknown] = _resampled(tiles, near, grid.crs, found.shape)[unknown]
    return found


def _resampled(tiles: Sequence[Path], transform: Any, crs: Any, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return the nearest pixels of the tiles, `_UNKNOWN` where there is no tile."""
    import rasterio
    from rasterio.warp import Resampling, reproject

    found = np.full(shape, _UNKNOWN, np.uint8)
    for tile in tiles:
        with isceimage.open_raster(tile) as dataset:
            reproject(
                rasterio.band(dataset, 1), found, dst_transform=transform, dst_crs=crs, dst_nodata=_UNKNOWN,
                init_dest_nodata=False, resampling=Resampling.nearest,
            )  # fmt: skip
    return found


def land_in_radar_geometry(folder: Path, mask: Path, looks: Looks) -> Iterator[NDArray[np.bool_]]:
    """Yield strips of lines of the multilooked radar grid: True where the mask's nearest pixel is land.

    Memory holds the mask, a GeoTIFF in degrees outside of which is water, and one strip. The work folder of
    topsApp has latitudes and longitudes after ``mergebursts``, that of stripmapApp after ``interferogram``,
    see `_coordinates`.

    Raises
    ------
    InputError
        If one of the files is missing.
    """
    with isceimage.open_raster(mask) as dataset:
        values, transform = dataset.read(1), dataset.transform
    north, east, looks = _coordinates(folder, looks)
    with isceimage.open_raster(north) as latitudes, isceimage.open_raster(east) as longitudes:
        lines = latitudes.height // looks.azimuth
        for rows in blocks(lines, _STRIP):
            latitude, longitude = (mean_of_nonzero(axis, rows, looks) for axis in (latitudes, longitudes))
            yield _lookup(values, transform, latitude, longitude)


def _coordinates(folder: Path, looks: Looks) -> tuple[Path, Path, Looks]:
    """Return latitude and longitude, and their looks: of every pixel, or else of every window of looks."""
    stripmap = _images(folder) == paths.STRIPMAP_INTERFEROGRAM
    geometry = folder / (paths.STRIPMAP_GEOMETRY if stripmap else paths.MERGED)
    north, east = paths.LATITUDE_FULL, paths.LONGITUDE_FULL
    if (geometry / f"{paths.LATITUDE}.vrt").is_file():
        north, east, looks = paths.LATITUDE, paths.LONGITUDE, Looks(1, 1)
    return geometry / f"{north}.vrt", geometry / f"{east}.vrt", looks


def _images(folder: Path) -> str:
    """Return the name of the folder with the interferogram: that of stripmapApp or of topsApp."""
    found = (folder / paths.STRIPMAP_INTERFEROGRAM / f"{paths.FILTERED_INTERFEROGRAM}.xml").is_file()
    return paths.STRIPMAP_INTERFEROGRAM if found else paths.MERGED


def mean_of_nonzero(dataset: Any, rows: range, looks: Looks, band: int = 1) -> NDArray[np.float64]:
    """Return the mean of each window of looks for some multilooked lines of an open raster.

    Zeros mean no geometry and are ignored.
    """
    samples = dataset.width // looks.range
    window = ((rows.start * looks.azimuth, rows.stop * looks.azimuth), (0, samples * looks.range))
    full = dataset.read(band, window=window).reshape(len(rows), looks.azimuth, samples, looks.range)
    count = np.count_nonzero(full, axis=(1, 3))
    return np.asarray(full.sum(axis=(1, 3)) / np.maximum(count, 1))


def _lookup(
    mask: NDArray[Any], transform: Any, latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> NDArray[np.bool_]:
    row = np.floor((latitude - transform.f) / transform.e).astype(np.intp)
    col = np.floor((longitude_near(longitude, transform.c) - transform.c) / transform.a).astype(np.intp)
    inside = (row >= 0) & (row < mask.shape[0]) & (col >= 0) & (col < mask.shape[1])
    found = np.zeros(latitude.shape, bool)
    found[inside] = mask[row[inside], col[inside]] == LAND
    return found


def mask_interferogram(folder: Path, mask: Path, looks: Looks) -> float:
    """Set ``filt_topophase.flat`` to zero over water; see `mask_by_land`.

    Parameters
    ----------
    mask : Path
        GeoTIFF in degrees, see `land_in_radar_geometry`.

    Raises
    ------
    InputError
        If the geometry is missing or has another size.
    """
    image, _ = _interferograms(folder)
    shape = _multilooked_shape(folder, looks)
    if shape != (image.lines, image.samples):
        raise InputError(
            f"{image.path} has {(image.lines, image.samples)} pixels, but the latitude with {looks} looks "
            f"has {shape}",
            hint="use the looks of the interferogram",
        )
    return mask_by_land(folder, land_in_radar_geometry(folder, mask, looks))


def mask_by_land(folder: Path, land_strips: Iterable[NDArray[np.bool_]]) -> float:
    """Set ``filt_topophase.flat`` to zero over water and keep a copy of the original next to it.

    The function may be called again, also after a crash at any point: the copy is made before anything
    changes, and each file appears when it is complete.

    Parameters
    ----------
    land_strips : iterable of ndarray
        True on land; consecutive lines of the interferogram's grid.

    Returns
    -------
    float
        Fraction of the pixels that are land.

    Raises
    ------
    InputError
        If the interferogram is missing, or there is no land.
    EngineFailed
        If the interferogram has no data.
    """
    image, kept = _interferograms(folder)
    isceimage.open_array(image)  # raises an error if the file is truncated
    if not _is_masked(image, kept):
        with replace_when_complete(kept.path) as partial:
            shutil.copyfile(image.path, partial)
    count = observed = observed_land = 0
    with ExitStack() as stack:
        output = isceimage.open_for_writing(stack, image.path)
        original = stack.enter_context(kept.path.open("rb"))
        for land in land_strips:
            values = np.fromfile(original, image.dtype, land.size).reshape(land.shape)
            output.write(np.where(land, values, 0).astype(image.dtype).tobytes())
            count += int(np.count_nonzero(land))
            data = np.abs(values) > 0
            observed += int(np.count_nonzero(data))
            observed_land += int(np.count_nonzero(data & land))
    if not observed_land:
        kept.path.replace(image.path)
        _refuse_without_land(image.path, observed)
    return count / (image.lines * image.samples)


def _refuse_without_land(path: Path, observed: int) -> None:
    if not observed:
        raise EngineFailed(
            f"the interferogram {path} has no data: all its pixels are zero",
            hint="the two passes have no ground in common, or a step before has failed; see its log",
        )
    raise InputError(
        f"there is no land to unwrap: all {observed} pixels of the interferogram are water in the water mask",
        hint="run without apply_water_mask to unwrap the water too, or choose another place",
    )


def _interferograms(folder: Path) -> tuple[IsceImage, IsceImage]:
    """Return the headers of the filtered interferogram and of its copy with water."""
    image = isceimage.read_header(folder / _images(folder) / paths.FILTERED_INTERFEROGRAM)
    return image, replace(image, path=image.path.with_name(paths.INTERFEROGRAM_UNMASKED))


def _multilooked_shape(folder: Path, looks: Looks) -> tuple[int, int]:
    north, _, looks = _coordinates(folder, looks)
    with isceimage.open_raster(north) as full:
        return full.height // looks.azimuth, full.width // looks.range


def _is_masked(image: IsceImage, kept: IsceImage) -> bool:
    """Return whether the interferogram is the kept original with some values set to zero."""
    if not kept.path.is_file() or kept.path.stat().st_size != image.nbytes:
        return False
    return all(((values == original) | (values == 0)).all() for _, values, original in _strips(image, kept))


def _strips(*images: IsceImage) -> Iterator[tuple[Any, ...]]:
    """Yield ranges of lines, and these lines of each raster with one band."""
    rasters = [isceimage.open_array(image)[0] for image in images]
    for lines in blocks(images[0].lines, _STRIP):
        yield lines, *(raster[lines.start : lines.stop] for raster in rasters)


def unmask_interferogram(folder: Path) -> bool:
    """Restore the interferogram before `mask_interferogram`, and complete the files of unwrapping.

    On water, the unwrapped file gets its amplitude back and NaN as phase, and no pixel has a label. The
    labels of land are numbered by size from 1; components of fewer than ten pixels have none. The function
    may be called again, also after a crash at any point.

    Returns
    -------
    bool
        Whether the interferogram was masked.
    """
    image, kept = _interferograms(folder)
    if not kept.path.is_file():
        return False
    unwrapped = image.path.with_name(paths.UNWRAPPED)
    if unwrapped.is_file():
        labels = isceimage.read_header(isceimage.append_suffix(unwrapped, "conncomp"))
        _complete(isceimage.read_header(unwrapped), labels, image, kept)
    kept.path.replace(image.path)
    return True


def _complete(unwrapped: IsceImage, labels: IsceImage, image: IsceImage, kept: IsceImage) -> None:
    sizes = np.zeros(256, np.int64)
    for _, values, found in _strips(image, labels):
        sizes += np.bincount(found[values != 0], minlength=256)
    names = number_by_size(sizes, _FEWEST_PIXELS)
    solution = isceimage.open_array(unwrapped)
    with ExitStack() as stack:
        of_phase, of_labels = (isceimage.open_for_writing(stack, each.path) for each in (unwrapped, labels))
        for lines, values, original, found in _strips(image, kept, labels):
            bands = np.array(solution[:, lines.start : lines.stop])
            water = (values == 0) & (original != 0)
            bands[0, water], bands[1, water] = np.abs(original[water]), np.nan
            isceimage.append_lines(of_phase, unwrapped, bands)
            isceimage.append_lines(of_labels, labels, np.where(values != 0, names[found], 0)[None])


def number_by_size(sizes: NDArray[np.int64], fewest: int = 1) -> NDArray[np.uint8]:
    """Return the new numbers of labels whose sizes are given: 1 for the largest, 0 for none.

    Label 0 stays 0. At most 255 labels are kept.
    """
    order = np.argsort(-sizes[1:], kind="stable")[:255] + 1
    kept = order[sizes[order] >= fewest]
    names = np.zeros(len(sizes), np.uint8)
    names[kept] = np.arange(1, len(kept) + 1)
    return names
