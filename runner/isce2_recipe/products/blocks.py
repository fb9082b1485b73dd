"""Map layers made block by block: read around a block, brought onto the map, stored.

The rasters that a block needs are read around it, and all layers of one source grid are resampled in one go,
each by its own rule. Memory holds one block of rows at a time, so that it does not grow with the product.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.layer import Application, Layer, SourceRaster
from isce2_recipe.products.layers import FILTERED, LINE_OF_SIGHT, UNWRAPPED
from isce2_recipe.products.rasters import (
    FloatArray,
    GeoRaster,
    Part,
    geographic,
    isce_geocoded,
    project,
    publish,
    scratch_raster,
)

LayerSources = Mapping[SourceRaster, GeoRaster]
"""Where the rasters of a run are."""

_TWO_PI = 2.0 * np.pi
_INTERFEROGRAM = (UNWRAPPED, FILTERED, LINE_OF_SIGHT)  # those that have data where the interferogram has


def layer_sources(
    folder: Path, application: Application, geotiffs: Mapping[SourceRaster, Path], layers: Iterable[Layer]
) -> dict[SourceRaster, GeoRaster]:
    """Return the rasters that layers read from ISCE2's folder after geocoding, or from GeoTIFFs in degrees.

    Raises
    ------
    InputError
        If one is missing, or those of the interferogram do not share a grid.
    """
    rasters = dict.fromkeys((*_INTERFEROGRAM, *(raster for layer in layers for raster in layer.reads)))
    sources = {
        raster: geographic(geotiffs[raster])
        if raster in geotiffs
        else isce_geocoded(folder / f"{raster.file(application)}.geo")
        for raster in rasters
    }
    first = sources[UNWRAPPED]
    for raster, other in sources.items():
        if raster.observed and not first.same_grid(other):
            raise InputError(
                f"{other.path.stem} and {first.path.stem} in {first.path.parent} are not on the same grid",
                hint="they come from different runs; geocode them together again",
            )
    return sources


class SourcePixels:
    """A part of the source rasters, which share a grid; each band is read once."""

    def __init__(self, sources: LayerSources, part: Part) -> None:
        self._sources = sources
        self._part = part
        self._read: dict[tuple[SourceRaster, int], NDArray[Any]] = {}

    def read(self, raster: SourceRaster, band: int = 1) -> NDArray[Any]:
        """Return a band (counted from 1) of a raster, shape (part.rows, part.cols)."""
        if (raster, band) not in self._read:
            self._read[raster, band] = self._sources[raster].read(band, self._part)
        return self._read[raster, band]

    def valid(self, raster: SourceRaster) -> NDArray[np.bool_]:
        """Return where a raster holds data; all observed rasters do so in the same pixels."""
        if raster.observed:
            known = [np.abs(self.read(one)) > 0 for one in _INTERFEROGRAM if one in self._sources]
            return np.asarray(np.logical_and.reduce(known))
        values = self.read(raster)
        return np.ones(values.shape, np.bool_) if raster.nodata is None else values != raster.nodata


def make_block(
    layers: Sequence[Layer], sources: LayerSources, grid: MapGrid, threads: int, *, mask_water: bool
) -> dict[str, FloatArray]:
    """Return the values of all layers on a block's grid by layer name, NaN where there are none.

    Parameters
    ----------
    mask_water : bool
        Whether water was masked before unwrapping.
    """
    made: dict[str, FloatArray] = {}
    for raster, group in _groups(layers):
        made |= _resample(raster, group, sources, grid, threads)
    for layer in layers:
        if layer.clip is not None:
            made[layer.name] = np.clip(made[layer.name], *layer.clip)
        if layer.outside is not None:
            made[layer.name] = np.nan_to_num(made[layer.name], nan=layer.outside)
        if layer.land_only and mask_water:
            # A label of 0 belongs to no component, but the pixel is observed.
            none = np.where(
                np.isnan(made[layer.name]) | (not layer.masked), np.float32(np.nan), np.float32(0)
            )
            made[layer.name] = np.where(made["water_mask"] == 1, made[layer.name], none)
    return made


def _groups(layers: Sequence[Layer]) -> Iterator[tuple[SourceRaster, list[Layer]]]:
    """Yield layers that share a source grid and a valid area, each group with one of its rasters."""
    groups: dict[SourceRaster, list[Layer]] = {}
    for layer in layers:
        first = layer.reads[0]
        groups.setdefault(UNWRAPPED if first.observed else first, []).append(layer)
    yield from groups.items()


def _resample(
    raster: SourceRaster, layers: Sequence[Layer], sources: LayerSources, grid: MapGrid, threads: int
) -> dict[str, FloatArray]:
    """Return layers of one source grid on the map grid."""
    source = sources[raster if raster in sources else layers[0].reads[0]]
    part = source.around(grid)
    if part is None:
        return {layer.name: np.full((grid.rows, grid.cols), np.nan, np.float32) for layer in layers}
    pixels = SourcePixels(sources, part)
    valid = pixels.valid(raster)
    averaged: list[NDArray[Any]] = []
    # At the edge, bilinear means of GDAL depend on the number of bands, so the nearest pixel decides.
    edged = raster.observed or raster.nodata is not None
    nearest: list[NDArray[Any]] = [np.ones(valid.shape)] if edged else []
    for layer in layers:
        values = layer.make(pixels, layer)
        averaged += _averaged_bands(values, layer)
        nearest += [values] if layer.resampling in ("nearest", "cycles") else []

    def projected(bands: Sequence[NDArray[Any]], *, pick: bool) -> FloatArray:
        stacked = np.empty((len(bands), part.rows, part.cols), np.float32)
        for band, values in zip(stacked, bands, strict=True):
            band[...] = values
            band[~valid] = np.nan
        return project(stacked, source, part, grid, nearest=pick, threads=threads) if bands else stacked

    means, picked = projected(averaged, pick=False), iter(projected(nearest, pick=True))
    if edged:
        means[:, ~np.isfinite(next(picked))] = np.nan
    bands = iter(means)
    return {layer.name: _values(layer, bands, picked) for layer in layers}


def _averaged_bands(values: NDArray[Any], layer: Layer) -> list[NDArray[Any]]:
    """Return what is averaged of a layer: its values, or the two components of unit vectors."""
    if layer.resampling == "mean":
        return [values]
    if layer.resampling == "nearest":
        return []
    if not np.iscomplexobj(values):
        return [np.cos(values), np.sin(values)]
    size = np.abs(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return [values.real / size, values.imag / size]


def _values(layer: Layer, means: Iterator[FloatArray], picked: Iterator[FloatArray]) -> FloatArray:
    """Return a layer's values from its resampled bands, which are the next of both iterators."""
    if layer.resampling == "mean":
        return next(means)
    if layer.resampling == "nearest":
        return next(picked)
    cosine, sine = next(means), next(means)
    if layer.resampling == "angle":
        angle: FloatArray = np.arctan2(sine, cosine)
        return angle
    return _mean_phase(next(picked), cosine, sine)


def _mean_phase(nearest: FloatArray, cosine: FloatArray, sine: FloatArray) -> FloatArray:
    """Return means of an unwrapped phase that never mix whole cycles.

    A plain mean across a jump of a cycle belongs to neither side. Here the nearest pixel decides the cycle,
    and the mean of the unit vectors the rest.
    """
    rest = np.arctan2(sine, cosine) - nearest
    result: FloatArray = (nearest + rest - _TWO_PI * np.round(rest / _TWO_PI)).astype(np.float32)
    return result


def write_layers(
    layers: Sequence[Layer],
    sources: LayerSources,
    grid: MapGrid,
    prefix: Path,
    *,
    mask_water: bool,
    tags: Mapping[str, str],
    threads: int,
    progress: Callable[[float, str], None],
) -> dict[str, Path]:
    """Write map layers as ``PREFIX_<layer>.tif`` and return their paths by layer name."""
    paths = {layer.name: prefix.with_name(f"{prefix.name}_{layer.name}.tif") for layer in layers}
    scratch = prefix.with_name(".scratch")
    scratch.mkdir()
    plain = {layer.name: scratch / f"{layer.name}.tif" for layer in layers}
    with ExitStack() as stack:
        datasets = {
            layer.name: stack.enter_context(scratch_raster(plain[layer.name], grid, layer, tags))
            for layer in layers
        }
        for first, part in grid.blocks():
            block = make_block(layers, sources, part, threads, mask_water=mask_water)
            for layer in layers:
                _write_rows(datasets[layer.name], block[layer.name], layer, first)
            progress(0.6 * (first + part.rows) / grid.rows, "layers")
    for number, layer in enumerate(layers, 1):
        publish(plain[layer.name], paths[layer.name], layer)
        progress(0.6 + 0.4 * number / len(layers), layer.name)
    shutil.rmtree(scratch)
    return paths


def _write_rows(dataset: Any, values: FloatArray, layer: Layer, first: int) -> None:
    from rasterio.windows import Window

    window = Window(0, first, *reversed(values.shape))
    dataset.write(_stored(values, layer), 1, window=window)
    if layer.masked:
        dataset.write_mask(np.isfinite(values), window=window)


def _stored(values: FloatArray, layer: Layer) -> NDArray[Any]:
    """Return values as the file holds them; no measured value looks like no data."""
    missing = np.isnan(values)
    stored = np.where(missing, layer.nodata or 0.0, values).astype(layer.dtype)
    if layer.nodata == 0.0:
        stored[~missing & (stored == 0)] = np.finfo(stored.dtype).tiny
    return stored
