"""From radar geometry to the DEM's grid, node by node, as ISCE2's geozero does it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.isceimage import GeoGrid, IsceImage
from isce2_recipe.errors import InputError
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sar.zero_doppler import geo2rdr
from isce2_recipe.types import Bounds, Looks

# ISCE2 2.6.5, Geocodable: what interpolates which image type; all else goes by data type.
_METHODS = {"amp": "sinc", "cpx": "sinc", "cor": "nearest", "unw": "nearest", "rmg": "nearest"}
# ISCE2 2.6.5, geozeroMethods: pixels this near to the edge of the radar image are not used.
_EDGE = {"sinc": 4, "nearest": 2}
# ISCE2 2.6.5, geozero: lower nodes of a DEM are holes.
_LOWEST_M = -1500.0
_TAPS = 8
_STEPS = 8192
# Corners of the map lie outside the scene: seconds before and after it in which they can be seen.
_ORBIT_MARGIN_S = 15.0
# Map pixels located at once by a thread: bounds the memory.
_STRIP_PIXELS = 1 << 19


@dataclass(frozen=True, slots=True)
class RadarGrid:
    """Geometry of a multilooked image.

    Attributes
    ----------
    orbit : Orbit
        Of the reference.
    start_s : float
        Middle of the first line's looks, seconds since the orbit's epoch.
    line_s : float
        Between lines.
    near_range_m : float
        Middle of the first sample's looks.
    sample_m : float
        Between samples, slant range.
    """

    orbit: Orbit
    start_s: float
    line_s: float
    near_range_m: float
    sample_m: float

    @classmethod
    def looked(
        cls,
        orbit: Orbit,
        looks: Looks,
        *,
        start_s: float,
        azimuth_interval_s: float,
        near_range_m: float,
        range_spacing_m: float,
    ) -> RadarGrid:
        """The grid of an image of full resolution after multilooking; each pixel is its looks' middle."""
        return cls(
            orbit,
            start_s + (looks.azimuth - 1) / 2 * azimuth_interval_s,
            looks.azimuth * azimuth_interval_s,
            near_range_m + (looks.range - 1) / 2 * range_spacing_m,
            looks.range * range_spacing_m,
        )


@dataclass(frozen=True, slots=True)
class MapGrid:
    """The part of the DEM's grid to geocode to.

    Attributes
    ----------
    row, col : int
        Its first node in the DEM's; may lie outside.
    rows, cols : int
        Size.
    nodes : GeoGrid
        Coordinates.
    """

    row: int
    col: int
    rows: int
    cols: int
    nodes: GeoGrid


def map_grid(dem: IsceImage, bounds: Bounds) -> MapGrid:
    """The nodes of the DEM that ISCE2 would geocode to.

    Raises
    ------
    InputError
        If the DEM has no map coordinates or shares no node with the bounds.
    """
    grid = dem.grid
    if grid is None:
        raise InputError(f"{dem.path}.xml gives no latitude and longitude", hint="it must describe a DEM")
    # Fortran's int() cuts towards zero.
    row = math.trunc((bounds.north - grid.first_latitude) / grid.delta_latitude)
    end_row = math.trunc((bounds.south - grid.first_latitude) / grid.delta_latitude + 1)
    col = math.trunc((bounds.west - grid.first_longitude) / grid.delta_longitude)
    end_col = math.trunc((bounds.east - grid.first_longitude) / grid.delta_longitude + 1)
    if min(end_row, dem.lines) <= max(row, 0) or min(end_col, dem.samples) <= max(col, 0):
        raise InputError(f"the DEM {dem.path} does not cover the scene", hint="fetch a DEM with a margin")
    nodes = replace(
        grid,
        first_longitude=grid.first_longitude + col * grid.delta_longitude,
        first_latitude=grid.first_latitude + row * grid.delta_latitude,
    )
    return MapGrid(row, col, end_row - row, end_col - col, nodes)


@dataclass(frozen=True, slots=True)
class _Product:
    image: IsceImage
    pixels: NDArray[Any]
    method: str
    output: IsceImage


Locate = Callable[[range], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""From rows of a map grid to the radar coordinates (line, sample) of their nodes; -1 where there are none."""


def geocode(
    files: Sequence[Path],
    radar: RadarGrid | Locate,
    grid: MapGrid,
    dem: IsceImage,
    *,
    dem_crop: Path,
    folder: Path,
    progress: Callable[[float, str], None] = lambda _fraction, _text: None,
    workers: int = 1,
) -> list[IsceImage]:
    """Put multilooked radar images on the DEM's grid, each as ``<file>.geo`` with its headers.

    Complex images are interpolated with eight taps of a Hann-weighted sinc, all others take the nearest
    pixel; nodes that see nothing are zero.

    Parameters
    ----------
    files : sequence of Path
        ISCE2 rasters of one geometry.
    radar : RadarGrid or callable
        That geometry, or what knows where the nodes of ``grid`` are in it.
    grid : MapGrid
        Where to, from `map_grid`.
    dem : IsceImage
        Heights above the ellipsoid.
    dem_crop : Path
        Where the heights of the nodes go, Int16 as ISCE2 has them.
    folder : Path
        The application's work folder, which headers are relative to.

    Returns
    -------
    list of IsceImage
        What was written, without the heights.

    Raises
    ------
    InputError
        If a raster or the DEM cannot be used, or the orbit does not cover the scene.
    """
    products = [_product(path, grid) for path in files]
    crop = IsceImage(
        dem_crop, grid.rows, grid.cols, 1, "SHORT", image_type="dem", grid=grid.nodes, reference="WGS84"
    )
    outputs = [*(product.output for product in products), crop]
    strip = _strip_maker(products, radar, isceimage.open_array(dem)[0], grid)
    with ExitStack() as stack:
        streams = [isceimage.stream(stack, output.path) for output in outputs]
        for done, parts in enumerate(_in_order(strip, _strips(grid), workers), start=1):
            for stream, output, part in zip(streams, outputs, parts, strict=True):
                isceimage.append_lines(stream, output, part)
            progress(done / len(_strips(grid)), f"geocoded {len(products)} images")
    for output in outputs:
        isceimage.write_sidecars(output, folder)
    return outputs[:-1]


def _product(path: Path, grid: MapGrid) -> _Product:
    image = isceimage.read_header(path)
    complex_default = "sinc" if image.data_type == "CFLOAT" else "nearest"
    output = replace(
        image,
        path=isceimage.beside(path, "geo"),
        lines=grid.rows,
        samples=grid.cols,
        grid=grid.nodes,
        byte_order="l",
        scheme="BIL" if image.scheme == "BSQ" else image.scheme,
    )
    pixels = np.asarray(isceimage.open_array(image))
    return _Product(image, pixels, _METHODS.get(image.image_type, complex_default), output)


def _strips(grid: MapGrid) -> list[range]:
    height = max(1, _STRIP_PIXELS // grid.cols)
    return [range(first, min(first + height, grid.rows)) for first in range(0, grid.rows, height)]


def _in_order(
    work: Callable[[range], list[NDArray[Any]]], strips: list[range], workers: int
) -> Iterator[list[NDArray[Any]]]:
    """Results in order, never more at once than there are threads."""
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(strips), workers):
            yield from pool.map(work, strips[first : first + workers])


def _strip_maker(
    products: list[_Product], radar: RadarGrid | Locate, dem: NDArray[Any], grid: MapGrid
) -> Callable[[range], list[NDArray[Any]]]:
    """A function from rows of the map to every product's pixels there, and the heights'."""
    lines = max((product.image.lines for product in products), default=1)
    locate = _zero_doppler(radar, lines, dem, grid) if isinstance(radar, RadarGrid) else radar
    table = _sinc_table()

    def make(rows: range) -> list[NDArray[Any]]:
        heights, seen = _heights(dem, grid, rows)
        line, sample = locate(rows)
        line[~seen] = -1
        return [*(_take(product, line, sample, table) for product in products), np.trunc(heights)[None]]

    return make


def _zero_doppler(radar: RadarGrid, lines: int, dem: NDArray[Any], grid: MapGrid) -> Locate:
    """Radar coordinates from the orbit and the heights."""
    stop_s = radar.start_s + lines * radar.line_s
    poly = radar.orbit.polynomial(radar.start_s - _ORBIT_MARGIN_S, stop_s + _ORBIT_MARGIN_S)
    axes = np.array([radar.start_s, radar.line_s, radar.near_range_m, radar.sample_m])
    nodes = grid.nodes

    def locate(rows: range) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        heights, _ = _heights(dem, grid, rows)
        latitudes = np.radians(nodes.first_latitude + nodes.delta_latitude * np.arange(rows.start, rows.stop))
        longitudes = np.radians(nodes.first_longitude + nodes.delta_longitude * np.arange(grid.cols))
        line, sample = np.empty((2, *heights.shape))
        _locate(poly, latitudes, longitudes, heights, axes, stop_s, line, sample)
        return line, sample

    return locate


def _heights(dem: NDArray[Any], grid: MapGrid, rows: range) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Heights of some rows, zero outside the DEM, and which rows the DEM has."""
    heights = np.zeros((len(rows), grid.cols), np.float32)
    row = np.arange(grid.row + rows.start, grid.row + rows.stop)
    seen = (row >= 0) & (row < dem.shape[0])
    west, east = max(grid.col, 0), min(grid.col + grid.cols, dem.shape[1])
    heights[seen, west - grid.col : east - grid.col] = dem[row[seen], west:east]
    return heights, seen


@njit(cache=True, nogil=True, error_model="numpy")
def _locate(
    poly: NDArray[np.float64],
    latitudes: NDArray[np.float64],
    longitudes: NDArray[np.float64],
    heights: NDArray[np.float32],
    axes: NDArray[np.float64],
    guess_s: float,
    line: NDArray[np.float64],
    sample: NDArray[np.float64],
) -> None:
    """Zero-based radar coordinates of map nodes (radians); -1 for holes of the DEM."""
    for i in range(latitudes.size):
        t = guess_s
        for j in range(longitudes.size):
            if heights[i, j] < _LOWEST_M:
                line[i, j] = -1.0
                sample[i, j] = -1.0
                continue
            x, y, z = geodetic_to_ecef(latitudes[i], longitudes[j], heights[i, j])
            t, distance = geo2rdr(poly, x, y, z, t)
            line[i, j] = (t - axes[0]) / axes[1]
            sample[i, j] = (distance - axes[2]) / axes[3]


def _take(
    product: _Product, line: NDArray[Any], sample: NDArray[Any], table: NDArray[np.float32]
) -> NDArray[Any]:
    """Pixels of a product at radar coordinates, ``(bands, rows, cols)``."""
    lines, samples = product.image.lines, product.image.samples
    edge = _EDGE[product.method]
    inside = (line > edge - 1) & (line < lines - edge - 1)
    inside &= (sample > edge - 1) & (sample < samples - edge - 1)
    taken = np.zeros((product.image.bands, *line.shape), product.output.dtype)
    at, across = line[inside], sample[inside]
    for band, pixels in zip(taken, product.pixels, strict=True):
        if product.method == "sinc":
            values = _sinc(np.ascontiguousarray(pixels, np.complex64), table, at, across)
            band[inside] = values if np.iscomplexobj(pixels) else values.real
        else:
            band[inside] = pixels[(at + 0.5).astype(np.intp), (across + 0.5).astype(np.intp)]
    return taken


def _sinc_table() -> NDArray[np.float32]:
    """Weights of `_TAPS` samples from three before to four after, a row for each fraction, sums 1."""
    offset = np.arange(_STEPS)[:, None] / _STEPS + 3 - np.arange(_TAPS)
    weight = np.sinc(offset) * (0.5 + 0.5 * np.cos(np.pi * offset / (_TAPS / 2)))
    return np.asarray(weight / weight.sum(1, keepdims=True), np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def _sinc(
    image: NDArray[np.complex64],
    table: NDArray[np.float32],
    line: NDArray[np.float64],
    sample: NDArray[np.float64],
) -> NDArray[np.complex64]:
    values = np.empty(line.size, np.complex64)
    for n in range(line.size):
        top, left = int(line[n]), int(sample[n])
        down = table[int((line[n] - top) * _STEPS)]
        right = table[int((sample[n] - left) * _STEPS)]
        total = np.complex64(0)
        for i in range(_TAPS):
            row = np.complex64(0)
            for j in range(_TAPS):
                row += right[j] * image[top - 3 + i, left - 3 + j]
            total += down[i] * row
        values[n] = total
    return values
