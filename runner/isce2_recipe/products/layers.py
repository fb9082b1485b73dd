"""A product's map layers: what each is made of and how its values are made.

All layers are made block by block. A block's sources are read around it, brought onto the map in one go
(values that may be averaged as bilinear means, labels by the nearest pixel) and finished, each by its own
function.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.rasters import (
    FloatArray,
    GeoRaster,
    GeoTiff,
    geographic,
    isce_geocoded,
    project,
    publish,
    scratch_raster,
)

_TWO_PI = 2.0 * np.pi
DEM_NODATA = -32768.0


@dataclass(frozen=True, slots=True)
class LayerSources:
    """The rasters behind the layers, all in degrees.

    Attributes
    ----------
    unwrapped : GeoRaster
        Amplitude and unwrapped phase.
    filtered : GeoRaster
        The filtered interferogram, complex.
    coherence, components, line_of_sight : GeoRaster
        Phase-sigma coherence; labels of connected components; incidence and azimuth angle in degrees.
    dem, water_mask : GeoRaster
        Heights above the ellipsoid; 1 land, 0 water.
    """

    unwrapped: GeoRaster
    filtered: GeoRaster
    coherence: GeoRaster
    components: GeoRaster
    line_of_sight: GeoRaster
    dem: GeoRaster
    water_mask: GeoRaster


def layer_sources(merged: Path, dem: Path, water_mask: Path) -> LayerSources:
    """The rasters in ISCE2's ``merged`` folder with the terrain and water mask of the same run.

    Raises
    ------
    InputError
        If one is missing or the geocoded ones do not share a grid.
    """
    sources = LayerSources(
        unwrapped=isce_geocoded(merged / "filt_topophase.unw.geo"),
        filtered=isce_geocoded(merged / "filt_topophase.flat.geo"),
        coherence=isce_geocoded(merged / "phsig.cor.geo"),
        components=isce_geocoded(merged / "filt_topophase.unw.conncomp.geo"),
        line_of_sight=isce_geocoded(merged / "los.rdr.geo"),
        dem=geographic(dem),
        water_mask=geographic(water_mask),
    )
    first = sources.unwrapped
    for other in (sources.filtered, sources.coherence, sources.components, sources.line_of_sight):
        if not first.same_grid(other):
            raise InputError(
                f"{other.path.stem} and {first.path.stem} in {merged} do not lie on the same grid",
                hint="they come from different runs; geocode them together again",
            )
    return sources


@dataclass(frozen=True, slots=True)
class Block:
    """Sources of one block on the map grid, float32 with NaN where there is no data.

    Every array has the block's shape; angles are radians.
    """

    wrapped_phase: FloatArray
    unwrapped_phase: FloatArray
    coherence: FloatArray
    amplitude: FloatArray
    elevation: FloatArray
    orientation: FloatArray
    component: FloatArray
    height: FloatArray
    land: FloatArray


def read_block(sources: LayerSources, grid: MapGrid, threads: int) -> Block:
    """All sources of a block, on its grid."""
    means, labels = _observations(sources, grid, threads)
    seen = np.isfinite(labels[0])
    means[:, ~seen] = np.nan
    return Block(
        wrapped_phase=np.arctan2(means[1], means[0]),
        unwrapped_phase=_mean_phase(labels[2], means[2], means[3]),
        coherence=means[4],
        amplitude=means[5],
        elevation=means[6],
        orientation=np.arctan2(means[8], means[7]),
        component=labels[1],
        height=_on_grid(sources.dem, grid, threads, nearest=False),
        land=_on_grid(sources.water_mask, grid, threads, nearest=True),
    )


def _observations(
    sources: LayerSources, grid: MapGrid, threads: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Means (9 bands) and nearest values (validity, component, phase) of the geocoded rasters."""
    part = sources.unwrapped.around(grid)
    if part is None:
        empty = np.full((12, grid.rows, grid.cols), np.nan, np.float32)
        return empty[:9], empty[9:]
    filtered = sources.filtered.read(1, part)
    size = np.abs(filtered)
    incidence, azimuth = sources.line_of_sight.read(1, part), sources.line_of_sight.read(2, part)
    # lv_phi of HyP3: the look vector's direction, anticlockwise from east; ISCE2 counts from north.
    orientation = np.radians(azimuth + 90.0)
    means = np.empty((9, part.rows, part.cols), np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        means[0], means[1] = filtered.real / size, filtered.imag / size
    phase = sources.unwrapped.read(2, part)
    means[2], means[3] = np.cos(phase), np.sin(phase)
    means[4] = sources.coherence.read(1, part)
    means[5] = sources.unwrapped.read(1, part)
    means[6] = np.radians(90.0 - incidence)
    means[7], means[8] = np.cos(orientation), np.sin(orientation)
    valid = (means[5] != 0) & (size > 0) & (incidence != 0)
    means[:, ~valid] = np.nan
    labels = np.full((3, part.rows, part.cols), np.nan, np.float32)
    labels[0, valid] = 1.0
    labels[1, valid] = sources.components.read(1, part)[valid]
    labels[2, valid] = phase[valid]
    return (
        project(means, sources.unwrapped, part, grid, threads=threads),
        project(labels, sources.unwrapped, part, grid, nearest=True, threads=threads),
    )


def _mean_phase(nearest: FloatArray, cosine: FloatArray, sine: FloatArray) -> FloatArray:
    """Means of an unwrapped phase that never mix whole cycles.

    A plain mean across a jump of a cycle is neither of its sides. Here the nearest pixel tells the cycle, and
    the mean of the unit vectors what there is beside it.
    """
    beside = np.arctan2(sine, cosine) - nearest
    result: FloatArray = (nearest + beside - _TWO_PI * np.round(beside / _TWO_PI)).astype(np.float32)
    return result


def _on_grid(raster: GeoRaster, grid: MapGrid, threads: int, *, nearest: bool) -> FloatArray:
    part = raster.around(grid)
    if part is None:
        return np.full((grid.rows, grid.cols), np.nan, np.float32)
    values = raster.read(1, part).astype(np.float32)[None]
    result: FloatArray = project(values, raster, part, grid, nearest=nearest, threads=threads)[0]
    return result


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a product.

    Attributes
    ----------
    name : str
        Suffix of the file's name.
    make : callable
        From a block to the layer's values, NaN where there are none. ``mask_water`` says whether the run took
        water out before unwrapping.
    store : GeoTiff
        How it is stored.
    """

    name: str
    make: Callable[[Block, bool], FloatArray]
    store: GeoTiff


def unwrapped_phase(block: Block, mask_water: bool) -> FloatArray:
    """Unwrapped phase, radians, positive where range increased; nothing on water that was masked."""
    if not mask_water:
        return block.unwrapped_phase
    return np.where(block.land == 1, block.unwrapped_phase, np.float32(np.nan))


def wrapped_phase(block: Block, _: bool) -> FloatArray:
    """Filtered wrapped phase, radians in (-pi, pi]."""
    return block.wrapped_phase


def coherence(block: Block, _: bool) -> FloatArray:
    """Phase-sigma coherence, 0 to 1."""
    return np.clip(block.coherence, 0.0, 1.0)


def components(block: Block, _: bool) -> FloatArray:
    """Labels of the areas within which the unwrapped phase is consistent; 0 belongs to none."""
    return block.component


def dem(block: Block, _: bool) -> FloatArray:
    """Height above the WGS 84 ellipsoid, metres."""
    return block.height


def look_elevation(block: Block, _: bool) -> FloatArray:
    """Elevation angle of the look vector at the ground, radians: pi/2 minus the incidence angle."""
    return block.elevation


def look_orientation(block: Block, _: bool) -> FloatArray:
    """Direction of the look vector at the ground, radians anticlockwise from east."""
    return block.orientation


def amplitude(block: Block, _: bool) -> FloatArray:
    """Amplitude of the interferogram, linear."""
    return block.amplitude


def water_mask(block: Block, _: bool) -> FloatArray:
    """1 on land, 0 on water; what lies outside the mask counts as water."""
    return np.nan_to_num(block.land, nan=0.0)


def _write_rows(dataset: Any, values: FloatArray, store: GeoTiff, first: int) -> None:
    from rasterio.windows import Window

    window = Window(0, first, *reversed(values.shape))
    dataset.write(_stored(values, store), 1, window=window)
    if store.masked:
        dataset.write_mask(np.isfinite(values), window=window)


def _stored(values: FloatArray, store: GeoTiff) -> NDArray[Any]:
    """Values as the file has them, of which none that was measured looks like no data."""
    missing = np.isnan(values)
    stored = np.where(missing, store.nodata or 0.0, values).astype(store.dtype)
    if store.nodata == 0.0:
        stored[~missing & (stored == 0)] = np.finfo(stored.dtype).tiny
    return stored


LAYERS = (
    Layer("unw_phase", unwrapped_phase, GeoTiff("float32", 0.0, "radian", "Unwrapped phase", labels=True)),
    Layer("wrapped_phase", wrapped_phase, GeoTiff("float32", 0.0, "radian", "Wrapped phase", labels=True)),
    Layer("corr", coherence, GeoTiff("float32", 0.0, "1", "Coherence")),
    Layer(
        "conncomp", components, GeoTiff("uint8", None, "", "Connected component", labels=True, masked=True)
    ),
    Layer("dem", dem, GeoTiff("float32", DEM_NODATA, "metre", "Height above the WGS 84 ellipsoid")),
    Layer("lv_theta", look_elevation, GeoTiff("float32", 0.0, "radian", "Look vector elevation")),
    Layer(
        "lv_phi", look_orientation, GeoTiff("float32", 0.0, "radian", "Look vector direction", labels=True)
    ),
    Layer("amp", amplitude, GeoTiff("float32", 0.0, "1", "Amplitude")),
    Layer("water_mask", water_mask, GeoTiff("uint8", None, "", "Land 1, water 0", labels=True)),
)


def write_layers(
    sources: LayerSources,
    grid: MapGrid,
    prefix: Path,
    *,
    mask_water: bool,
    tags: Mapping[str, str],
    threads: int,
    progress: Callable[[float, str], None],
) -> dict[str, Path]:
    """All layers as ``PREFIX_<layer>.tif``, by layer name.

    Memory holds one block of rows at a time, whatever the product's size.
    """
    paths = {layer.name: prefix.with_name(f"{prefix.name}_{layer.name}.tif") for layer in LAYERS}
    scratch = prefix.with_name(".scratch")
    scratch.mkdir()
    plain = {layer.name: scratch / f"{layer.name}.tif" for layer in LAYERS}
    with ExitStack() as stack:
        datasets = {
            layer.name: stack.enter_context(scratch_raster(plain[layer.name], grid, layer.store, tags))
            for layer in LAYERS
        }
        for first, part in grid.blocks():
            block = read_block(sources, part, threads)
            for layer in LAYERS:
                _write_rows(datasets[layer.name], layer.make(block, mask_water), layer.store, first)
            progress(0.6 * (first + part.rows) / grid.rows, "layers")
    for number, layer in enumerate(LAYERS, 1):
        publish(plain[layer.name], paths[layer.name], layer.store)
        progress(0.6 + 0.4 * number / len(LAYERS), layer.name)
    shutil.rmtree(scratch)
    return paths
