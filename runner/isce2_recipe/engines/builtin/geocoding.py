"""Geocoding: resampling of multilooked radar images to the nodes of a DEM, like ISCE2's geozero."""

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
from isce2_recipe.engines.builtin.kernels import sinc_table
from isce2_recipe.engines.builtin.rasters import blocks
from isce2_recipe.errors import InputError
from isce2_recipe.sar.ellipsoid import WGS84_A_M, WGS84_E2
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sar.zero_doppler import distances, geo2rdr, newton_steps
from isce2_recipe.types import Bounds, Looks

LINEAR, PICKED = "linear", "picked"
"""Image types of rasters that are NaN where they have no data: interpolated between pixels with data, or the
nearest pixel."""

# Interpolation by image type (ISCE2 2.6.5, Geocodable); for other types it depends on the data type.
_METHODS = {
    "amp": "sinc", "cpx": "sinc", "cor": "nearest", "unw": "nearest", "rmg": "nearest",
    LINEAR: "linear", PICKED: "nearest",
}  # fmt: skip
# Width of the border of the radar image that is not used (ISCE2 2.6.5, geozeroMethods).
_EDGE = {"sinc": 4, "nearest": 2, "linear": 1}
# Lower heights of a DEM mean no data (ISCE2 2.6.5, geozero).
_LOWEST_M = -1500.0
# Steps of Newton's method from a time that is wrong by up to 1e-4 s; each reduces the error a thousandfold.
_NEWTON_STEPS = 2
_TAPS = 8
_STEPS = 8192
# Time before and after the scene in which corners of the map, outside the scene, are at zero Doppler,
# seconds.
_ORBIT_MARGIN_S = 15.0
# Map pixels that a thread processes at once; limits the memory.
_STRIP_PIXELS = 1 << 19


@dataclass(frozen=True, slots=True)
class RadarGrid:
    """Geometry of a multilooked image.

    ``start_s`` (since the orbit's epoch) and ``near_range_m`` are the azimuth time and slant range of the
    middle of the first pixel's looks; ``line_s`` and ``sample_m`` are the steps to the next line and sample.
    """

    orbit: Orbit
    start_s: float
    line_s: float
    near_range_m: float
    sample_m: float

    @classmethod
    def multilooked(
        cls,
        orbit: Orbit,
        looks: Looks,
        *,
        start_s: float,
        azimuth_interval_s: float,
        near_range_m: float,
        range_spacing_m: float,
    ) -> RadarGrid:
        """Return the grid after multilooking; each pixel is at the middle of its looks."""
        return cls(
            orbit,
            start_s + (looks.azimuth - 1) / 2 * azimuth_interval_s,
            looks.azimuth * azimuth_interval_s,
            near_range_m + (looks.range - 1) / 2 * range_spacing_m,
            looks.range * range_spacing_m,
        )


@dataclass(frozen=True, slots=True)
class GeocodeGrid:
    """The part of the DEM's grid that images are geocoded to; its first node may be outside the DEM."""

    row: int
    col: int
    rows: int
    cols: int
    nodes: GeoGrid


def geocode_grid(dem: IsceImage, bounds: Bounds) -> GeocodeGrid:
    """Return the nodes of the DEM that ISCE2 would geocode to.

    Raises
    ------
    InputError
        If the DEM has no map coordinates or shares no node with the bounds.
    """
    grid = dem.require_map_grid()
    bounds = bounds.near(dem.node_bounds)
    # ISCE2 uses Fortran's int(), which rounds towards zero.
    row = math.trunc((bounds.north - grid.first_latitude) / grid.delta_latitude)
    end_row = math.trunc((bounds.south - grid.first_latitude) / grid.delta_latitude + 1)
    col = math.trunc((bounds.west - grid.first_longitude) / grid.delta_longitude)
    end_col = math.trunc((bounds.east - grid.first_longitude) / grid.delta_longitude + 1)
    if min(end_row, dem.lines) <= max(row, 0) or min(end_col, dem.samples) <= max(col, 0):
        raise InputError(
            f"the DEM {dem.path} does not cover the scene", hint="use a DEM with a margin around the scene"
        )
    nodes = replace(
        grid,
        first_longitude=grid.first_longitude + col * grid.delta_longitude,
        first_latitude=grid.first_latitude + row * grid.delta_latitude,
    )
    return GeocodeGrid(row, col, end_row - row, end_col - col, nodes)


@dataclass(frozen=True, slots=True)
class _Product:
    image: IsceImage
    pixels: NDArray[Any]
    method: str
    output: IsceImage


Locate = Callable[[range], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Function from rows of a map grid to radar coordinates (line, sample) of their nodes; -1 means none."""


def geocode(
    files: Sequence[Path],
    radar: RadarGrid | Locate,
    grid: GeocodeGrid,
    dem: IsceImage,
    *,
    dem_crop: Path,
    folder: Path,
    progress: Callable[[float, str], None] = lambda _fraction, _text: None,
    workers: int = 1,
) -> list[IsceImage]:
    """Geocode multilooked radar images to the DEM's grid, each to ``<file>.geo`` with its headers.

    Complex images are interpolated with a Hann-weighted sinc of eight samples, other images with the nearest
    pixel. Nodes outside the image are zero.

    Parameters
    ----------
    files : sequence of Path
        Rasters in ISCE2's format with the same geometry.
    radar : RadarGrid or callable
        Geometry of the images, or a function that returns the radar coordinates of the nodes of ``grid``.
    dem : IsceImage
        Heights above the ellipsoid.
    dem_crop : Path
        Output file for the heights of the nodes, Int16 like ISCE2's.
    folder : Path
        Work folder of the application; paths in the headers are relative to it.

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
    strips = blocks(grid.rows, max(1, _STRIP_PIXELS // grid.cols))
    with ExitStack() as stack:
        streams = [isceimage.open_for_writing(stack, output.path) for output in outputs]
        for done, parts in enumerate(_in_order(strip, strips, workers), start=1):
            for stream, output, part in zip(streams, outputs, parts, strict=True):
                isceimage.append_lines(stream, output, part)
            progress(done / len(strips), f"geocoded {len(products)} images")
    for output in outputs:
        isceimage.write_sidecars(output, folder)
    return outputs[:-1]


def _product(path: Path, grid: GeocodeGrid) -> _Product:
    image = isceimage.read_header(path)
    complex_default = "sinc" if image.data_type == "CFLOAT" else "nearest"
    output = replace(
        image,
        path=isceimage.append_suffix(path, "geo"),
        lines=grid.rows,
        samples=grid.cols,
        grid=grid.nodes,
        byte_order="l",
        scheme="BIL" if image.scheme == "BSQ" else image.scheme,
    )
    pixels = np.asarray(isceimage.open_array(image))
    return _Product(image, pixels, _METHODS.get(image.image_type, complex_default), output)


def _in_order(
    work: Callable[[range], list[NDArray[Any]]], strips: list[range], workers: int
) -> Iterator[list[NDArray[Any]]]:
    """Yield results in order; hold at most as many at once as there are threads."""
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(strips), workers):
            yield from pool.map(work, strips[first : first + workers])


def _strip_maker(
    products: list[_Product], radar: RadarGrid | Locate, dem: NDArray[Any], grid: GeocodeGrid
) -> Callable[[range], list[NDArray[Any]]]:
    """Return a function from rows of the map to the pixels of every product and the heights."""
    lines = max((product.image.lines for product in products), default=1)
    locate = zero_doppler(radar, lines, dem, grid) if isinstance(radar, RadarGrid) else radar
    table = sinc_table(_STEPS)

    def make(rows: range) -> list[NDArray[Any]]:
        heights, seen = _heights(dem, grid, rows)
        line, sample = locate(rows)
        line[~seen] = -1
        return [*(_take(product, line, sample, table) for product in products), np.trunc(heights)[None]]

    return make


def zero_doppler(radar: RadarGrid, lines: int, dem: NDArray[Any], grid: GeocodeGrid) -> Locate:
    """Return a function that computes radar coordinates from the orbit and the heights.

    Parameters
    ----------
    lines : int
        Number of multilooked lines.
    dem : ndarray, shape (rows, cols)
        Heights of the DEM to which ``grid`` belongs, m.
    """
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


def _heights(
    dem: NDArray[Any], grid: GeocodeGrid, rows: range
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return heights of some rows, zero outside the DEM, and a mask of the rows that the DEM has."""
    heights = np.zeros((len(rows), grid.cols), np.float32)
    row = np.arange(grid.row + rows.start, grid.row + rows.stop)
    seen = (row >= 0) & (row < dem.shape[0])
    west, east = max(grid.col, 0), min(grid.col + grid.cols, dem.shape[1])
    heights[seen, west - grid.col : east - grid.col] = dem[row[seen], west:east]
    return heights, seen


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})
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
    """Compute zero-based radar coordinates of map nodes; -1 where the DEM has no data.

    ``latitudes`` (rows,) and ``longitudes`` (cols,) are in radians, ``heights`` (rows, cols) in metres;
    ``axes`` has the first line's time (s), line interval (s), first sample's range (m) and sample spacing
    (m). ``line`` and ``sample``, shape (rows, cols), are filled.
    """
    cols = longitudes.size
    times, places = np.empty(cols), np.empty((3, cols))
    cos_lon, sin_lon = np.cos(longitudes), np.sin(longitudes)
    for i in range(latitudes.size):
        sin_lat, cos_lat = math.sin(latitudes[i]), math.cos(latitudes[i])
        normal = WGS84_A_M / math.sqrt(1.0 - WGS84_E2 * sin_lat * sin_lat)
        for j in range(cols):
            height = max(heights[i, j], np.float32(_LOWEST_M))
            places[0, j] = (normal + height) * cos_lat * cos_lon[j]
            places[1, j] = (normal + height) * cos_lat * sin_lon[j]
            places[2, j] = (normal * (1.0 - WGS84_E2) + height) * sin_lat
        if i == 0:
            for j in range(cols):
                before = times[j - 1] if j else guess_s
                times[j], _ = geo2rdr(poly, places[0, j], places[1, j], places[2, j], before)
        else:
            # The times of the row above, moved as those of the first node.
            first, _ = geo2rdr(poly, places[0, 0], places[1, 0], places[2, 0], times[0])
            times += first - times[0]
            for _ in range(_NEWTON_STEPS):
                newton_steps(poly, places, times)
        distances(poly, places, times, sample[i])
        for j in range(cols):
            known = heights[i, j] >= _LOWEST_M
            line[i, j] = (times[j] - axes[0]) / axes[1] if known else -1.0
            sample[i, j] = (sample[i, j] - axes[2]) / axes[3] if known else -1.0


def _take(
    product: _Product, line: NDArray[Any], sample: NDArray[Any], table: NDArray[np.float32]
) -> NDArray[Any]:
    """Return the pixels of a product at radar coordinates, shape ``(bands, rows, cols)``."""
    lines, samples = product.image.lines, product.image.samples
    edge = _EDGE[product.method]
    inside = (line > edge - 1) & (line < lines - edge - 1)
    inside &= (sample > edge - 1) & (sample < samples - edge - 1)
    empty = np.nan if product.image.image_type in (LINEAR, PICKED) else 0
    taken = np.full((product.image.bands, *line.shape), empty, product.output.dtype)
    at, across = line[inside], sample[inside]
    for band, pixels in zip(taken, product.pixels, strict=True):
        if product.method == "sinc":
            values = _sinc(np.ascontiguousarray(pixels, np.complex64), table, at, across)
            band[inside] = values if np.iscomplexobj(pixels) else values.real
        elif product.method == "linear":
            band[inside] = _linear(np.ascontiguousarray(pixels, np.float32), at, across)
        else:
            band[inside] = pixels[(at + 0.5).astype(np.intp), (across + 0.5).astype(np.intp)]
    return taken


@njit(cache=True, nogil=True, error_model="numpy")
def _linear(
    image: NDArray[np.float32], line: NDArray[np.float64], sample: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate a real image at n places from neighbours with data; NaN where the nearest has none."""
    values = np.empty(line.size, np.float32)
    for n in range(line.size):
        top, left = int(line[n]), int(sample[n])
        down, right = line[n] - top, sample[n] - left
        total, weight = 0.0, 0.0
        for i in range(2):
            for j in range(2):
                value = image[top + i, left + j]
                if not math.isnan(value):
                    share = (down if i else 1.0 - down) * (right if j else 1.0 - right)
                    total += share * value
                    weight += share
        nearest = image[int(line[n] + 0.5), int(sample[n] + 0.5)]
        values[n] = np.nan if math.isnan(nearest) or weight <= 0.0 else total / weight
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def _sinc(
    image: NDArray[np.complex64],
    table: NDArray[np.float32],
    line: NDArray[np.float64],
    sample: NDArray[np.float64],
) -> NDArray[np.complex64]:
    """Interpolate a complex image, shape (lines, samples), at n fractional lines and samples, shape (n,)."""
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
