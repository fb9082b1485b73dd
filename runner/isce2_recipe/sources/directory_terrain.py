"""Terrain in a folder: any GeoTIFFs, with heights above the ellipsoid or a geoid.

The vertical datum of a file is taken from the vertical part of its coordinate reference system, else from its
tag ``VERTICAL_DATUM``, else from the name of its folder (``dem/EGM2008/``) or, for Copernicus tiles, from its
own name. Without any of these, heights are above the WGS84 ellipsoid.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.files import read_bounded
from isce2_recipe.sources.demgrid import DemGrid, read_around, spans_globe
from isce2_recipe.sources.directory_files import FoundFile, files
from isce2_recipe.types import Bounds

GEOID_URL = "https://cdn.proj.org/us_nga_egm08_25.tif"
# Largest height of the shore of a sea somewhere, metres; and pixels by which terrain and mask may differ.
_SEA_M = 20.0
_COAST_PIXELS = 10
# Pixels of a raster of the globe around a box across its edge, for interpolation.
_EDGE_PIXELS = 4
_RASTERS = (".tif", ".tiff", ".vrt")
_MOST_BYTES = 10_000_000  # of a virtual raster
# Elements of a virtual raster that gdalbuildvrt writes; others may open further files and addresses.
_MOSAIC = frozenset((
    "VRTDataset", "SRS", "GeoTransform", "Metadata", "MDI", "VRTRasterBand", "Description", "NoDataValue",
    "ColorInterp", "UnitType", "Offset", "Scale", "CategoryNames", "Category", "HideNoDataValue",
    "OverviewList", "SimpleSource", "ComplexSource", "SourceFilename", "SourceBand", "SourceProperties",
    "SrcRect",
    "DstRect", "NODATA", "ScaleOffset", "ScaleRatio", "OOI",
))  # fmt: skip
_GEOIDS = {
    "EGM2008": re.compile(r"EGM[ _-]*2008|EGM08|EPSG[\": ,]+3855", re.IGNORECASE),
    "EGM96": re.compile(r"EGM[ _-]*(?:19)?96|EPSG[\": ,]+5773", re.IGNORECASE),
}
_OTHER_DATUM = re.compile(r'VERT_?CRS\["([^"]+)"|VERT_CS\["([^"]+)"')
_ELLIPSOID = re.compile(r"ellipsoid", re.IGNORECASE)
_COPERNICUS = re.compile(r"Copernicus_DSM_", re.IGNORECASE)


def rasters(root: Path) -> list[FoundFile]:
    """Return the files with terrain; raise InputError if there is none."""
    found = [one for one in files(root, "dem") if one.name.lower().endswith(_RASTERS)]
    found = [one for one in found if root / "dem" in one.path.parents]
    if not found:
        raise InputError(
            f"{root / 'dem'} has no GeoTIFF",
            hint="put terrain there: GeoTIFFs with heights above the WGS84 ellipsoid that cover the bursts",
        )
    return found


def mosaic(root: Path, grid: DemGrid, log: logging.Logger) -> Any:
    """Return heights (rows, columns) above the ellipsoid on a grid, NaN where no file has a height.

    Where several files have heights, the first one counts.

    Raise InputError if a file cannot be read, or if its geoid is missing.
    """
    import numpy as np

    heights = np.full((grid.rows, grid.columns), np.nan, dtype=np.float32)
    for found in rasters(root):
        with _terrain(found, found.path) as dataset:
            layer, datum = _on_grid(dataset, grid), _datum(found, dataset)
        if np.isnan(layer).all():
            continue
        log.info("terrain %s, heights above %s", found.name, datum or "the WGS84 ellipsoid")
        if datum:
            layer += _undulation(root, datum, grid, found)
        empty = np.isnan(heights)
        heights[empty] = layer[empty]
        if not np.isnan(heights).any():
            break
    return heights


@contextmanager
def _opened(found: FoundFile, what: str) -> Iterator[Any]:
    """Open a raster of a folder, which may be a stranger's: a GeoTIFF, or a mosaic of some.

    Raise InputError if it cannot be read, or if a virtual raster names anything but GeoTIFFs.
    """
    import rasterio

    virtual = found.name.lower().endswith(".vrt")
    if virtual:
        _check_mosaic(found)
    try:
        with rasterio.open(found.dataset, driver="VRT" if virtual else "GTiff") as dataset:
            yield dataset
    except rasterio.errors.RasterioError as exc:
        raise InputError(f"{what} cannot be read: {exc}", hint="replace it") from exc


@contextmanager
def _terrain(found: FoundFile, name: object) -> Iterator[Any]:
    """Open a file with heights, which needs a coordinate reference system; messages show its name."""
    with _opened(found, f"terrain {name}") as dataset:
        if dataset.crs is None:
            raise InputError(f"terrain {found.path} has no coordinate reference system", hint="assign it one")
        yield dataset


def _check_mosaic(found: FoundFile) -> None:
    hint = "give the GeoTIFFs themselves, or a mosaic that gdalbuildvrt makes of GeoTIFFs in the same folder"
    try:
        text = "" if found.member else read_bounded(found.path, _MOST_BYTES, found.path.parent).decode()
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"terrain {found.path} cannot be read: {exc}", hint=hint) from None
    sources = re.findall(r"<SourceFilename([^>]*)>([^<]*)<", text)
    strange = sorted({*re.findall(r"<\s*([A-Za-z]\w*)", text)} - _MOSAIC)
    for attributes, name in sources:
        path = found.path.parent / name
        certain = name.startswith("/") or 'relativeToVRT="1"' in attributes
        if not (certain and path.resolve().is_relative_to(found.path.parent.resolve()) and _is_tiff(path)):
            strange.append(name)
    if strange or "<!" in text or not sources:
        what = strange[0] if strange else "a comment" if sources else "no file"
        raise InputError(f"terrain {found.path} is no mosaic of GeoTIFFs next to it: {what}", hint=hint)


def _is_tiff(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def coverage(root: Path) -> list[Bounds]:
    """Return the boxes around the files, degrees; see `Bounds` for those across the antimeridian.

    Raise InputError if there is none, or one cannot be read.
    """
    from rasterio.warp import transform_bounds

    boxes = []
    for found in rasters(root):
        with _terrain(found, found.name) as dataset:
            boxes.append(Bounds.of(*transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)))
    return boxes


def uncovered(root: Path, scene: Bounds, what: str) -> InputError:
    """Return the error for terrain that does not cover a scene."""
    add = "add GeoTIFFs with heights above the WGS84 ellipsoid there, for example Copernicus GLO-30 made "
    sea = f"sea needs none if geoid/ has the geoid ({GEOID_URL}, as EGM2008.tif) and the water mask shows it"
    return InputError(
        f"the terrain in {root / 'dem'} does not cover the scene ({scene.describe()}): {what}",
        hint=f"{add}ellipsoidal with dem_stitcher; {sea}",
    )


def _on_grid(dataset: Any, grid: DemGrid, method: str = "cubic") -> Any:
    """Return a raster on the grid, NaN where it has no data."""
    import rasterio

    if not spans_globe(dataset) or Bounds(*dataset.bounds).contains(grid.bounds):
        return grid.resample(rasterio.band(dataset, 1), method)
    pixels, place = read_around(dataset, grid.bounds, _EDGE_PIXELS)
    properties = {"src_transform": place, "src_crs": dataset.crs, "src_nodata": dataset.nodata}
    return grid.resample(pixels, method, **properties)


def _datum(found: FoundFile, dataset: Any) -> str:
    """Return the geoid below a file's heights; empty for the ellipsoid.

    Raise InputError if the heights are above another datum.
    """
    wkt = dataset.crs.to_wkt()
    vertical = _OTHER_DATUM.search(wkt)
    stated = (vertical[1] or vertical[2]) if vertical else dataset.tags().get("VERTICAL_DATUM", "")
    stated = stated or found.path.parent.name
    for name, words in _GEOIDS.items():
        if words.search(stated):
            return name
    if vertical and not _ELLIPSOID.search(stated):
        raise InputError(
            f"the heights of terrain {found.path} are above '{stated}'",
            hint="convert them to heights above the WGS84 ellipsoid, EGM2008 or EGM96, and name the geoid",
        )
    return "EGM2008" if _COPERNICUS.match(found.name) and not _ELLIPSOID.search(stated) else ""


def geoids(root: Path, datum: str = "") -> list[FoundFile]:
    """Return the files with the undulation of a geoid, or of any, the better one first."""
    there = [one for one in files(root, "geoid") if one.name.lower().endswith(_RASTERS)]
    wanted = [_GEOIDS[datum]] if datum else list(_GEOIDS.values())
    return [one for words in wanted for one in there if words.search(one.name)]


def _undulation(root: Path, datum: str, grid: DemGrid, found: FoundFile) -> Any:
    """Return the geoid's height on the grid, from the folder ``geoid``."""
    wanted = geoids(root, datum)
    if not wanted:
        raise InputError(
            f"the heights of terrain {found.path} are above the geoid {datum}, which is missing",
            hint=f"save a GeoTIFF of its undulation as {root / 'geoid' / datum}.tif (for example "
            f"{GEOID_URL}), or heights above the WGS84 ellipsoid into dem/",
        )
    return _geoid_on_grid(wanted[0], grid)


def _geoid_on_grid(geoid: FoundFile, grid: DemGrid) -> Any:
    import numpy as np

    with _opened(geoid, f"geoid {geoid.path}") as dataset:
        layer = _on_grid(dataset, grid)
    if np.isnan(layer).any():
        raise InputError(f"geoid {geoid.path} does not cover the scene", hint="replace it by one that does")
    return layer


def fill_sea(
    root: Path, heights: Any, grid: DemGrid, tiles: Sequence[FoundFile], log: logging.Logger
) -> None:
    """Set missing heights of the sea to those of the geoid, if the folder has one.

    A gap is sea where the tiles of the water mask have water (1), up to a few pixels on its land side, and if
    a height next to the gap is that of the sea: gaps in lakes and on land remain.
    """
    import numpy as np
    from scipy import ndimage

    gaps = np.isnan(heights)
    level = _geoid_on_grid(geoids(root)[0], grid)
    near_water = ndimage.binary_dilation(_water(tiles, grid), iterations=_COAST_PIXELS)
    regions, count = ndimage.label(gaps)
    shores = np.where(gaps, 0, ndimage.grey_dilation(regions, size=3))
    # Zero for a region that has no shore in the box.
    lowest_m = ndimage.minimum(np.nan_to_num(np.abs(heights - level)), shores, np.arange(1, count + 1))
    lakes = 1 + np.flatnonzero(np.asarray(lowest_m) > _SEA_M)
    sea = gaps & near_water & ~np.isin(regions, lakes)
    heights[sea] = level[sea]
    log.info("%d pixels of sea have the height of the geoid", np.count_nonzero(sea))


def _water(tiles: Sequence[FoundFile], grid: DemGrid) -> Any:
    """Return where the water mask has water."""
    import numpy as np

    water = np.zeros((grid.rows, grid.columns), dtype=bool)
    for tile in tiles:
        with _opened(tile, f"water mask {tile.path}") as dataset:
            water |= _on_grid(dataset, grid, "nearest") == 1.0
    return water
