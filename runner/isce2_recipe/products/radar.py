"""Layers in radar geometry of a single burst's product, from which bursts can be merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.paths import INTERFEROGRAM, MERGED, SUBLOOK_SUMS, SUBLOOKS
from isce2_recipe.products.layer import Layer
from isce2_recipe.products.layers import by_name
from isce2_recipe.products.parameter_file import RADAR_TIME_FORMAT, RadarWindow
from isce2_recipe.products.rasters import opened, publish, without_place
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.sar.sublooks import Encoder
from isce2_recipe.types import Looks

_BLOCK_LOOKED_LINES = 64
# Window of the Goldstein filter, in looks: within it, bright land decides the phase of dark water.
_FILTER_WINDOW = 33


def _multilooked_span(total: int, first: int, valid: int, looks: int) -> tuple[int, int, int]:
    """Return the number of pixels after multilooking, and the first and number of whole ones."""
    begin, end = -(-first // looks), (first + valid) // looks
    if valid < 0 or end > total // looks or end < begin:
        raise InputError("the valid data region extends beyond the burst")
    return total // looks, begin, end - begin


def radar_window(folder: Path, burst: BurstGeometry, looks: Looks) -> RadarWindow:
    """Return size, valid area and spacing of the multilooked burst of the reference.

    The valid area after resampling is in ``fine_interferogram/IWn.xml`` of topsApp's folder.
    """
    burst = _after_resampling(folder, burst)
    lines, first_line, valid_lines = _multilooked_span(
        burst.lines, burst.first_valid_line, burst.valid_lines, looks.azimuth
    )
    samples, first_sample, valid_samples = _multilooked_span(
        burst.samples, burst.first_valid_sample, burst.valid_samples, looks.range
    )
    stop = burst.start + timedelta(seconds=(lines * looks.azimuth - 1) * burst.azimuth_interval_s)
    return RadarWindow(
        lines=lines,
        samples=samples,
        first_valid_line=first_line,
        valid_lines=valid_lines,
        first_valid_sample=first_sample,
        valid_samples=valid_samples,
        azimuth_interval_s=burst.azimuth_interval_s * looks.azimuth,
        range_spacing_m=burst.range_spacing_m * looks.range,
        sensing_stop=stop.strftime(RADAR_TIME_FORMAT),
    )


def _after_resampling(folder: Path, burst: BurstGeometry) -> BurstGeometry:
    """Return the burst with its valid area after resampling, or else that of the annotation."""
    path = folder / "fine_interferogram" / f"IW{burst.swath}.xml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""

    def value(name: str, otherwise: int) -> int:
        match = re.search(rf'name="{name}">\s*<value>\s*(\d+)', text, re.IGNORECASE)
        return otherwise if match is None else int(match[1])

    return replace(
        burst,
        first_valid_line=value("firstvalidline", burst.first_valid_line),
        valid_lines=value("numberofvalidlines", burst.valid_lines),
        first_valid_sample=value("firstvalidsample", burst.first_valid_sample),
        valid_samples=value("numberofvalidsamples", burst.valid_samples),
    )


def write_radar_layers(
    folder: Path,
    burst: BurstGeometry,
    looks: Looks,
    window: RadarWindow,
    prefix: Path,
    tags: Mapping[str, str],
) -> list[Path]:
    """Write interferogram, latitude, longitude, look angles and parts of looks as ``PREFIX_<layer>_rdr.tif``.

    The interferogram is zero outside the valid area; the geometry covers the whole burst. Parts of looks
    (`isce2_recipe.sar.sublooks`) are zero where the interferogram is correlated.
    """
    shape = (window.lines, window.samples)
    layers: dict[str, NDArray[Any]] = {
        "wrapped_phase_rdr": _interferogram(folder, burst, looks, window)[None],
        **{f"{name}_rdr": _geometry(folder, burst, name, looks, shape) for name in ("lat", "lon", "los")},
    }
    codes = _sublooks(folder, _after_resampling(folder, burst), looks)
    if codes is not None:
        layers["sublooks_rdr"] = codes
    known = by_name()
    paths = []
    for name, values in layers.items():
        paths.append(prefix.with_name(f"{prefix.name}_{name}.tif"))
        _write(paths[-1], values, known[name], tags)
    return paths


def _sublooks(folder: Path, burst: BurstGeometry, looks: Looks) -> NDArray[np.uint8] | None:
    """Return the codes of all sublooks that are decorrelated or near such looks; None where there are none.

    The builtin engine writes the codes of all sublooks if it writes no interferogram of full resolution.
    """
    made = folder / "fine_interferogram" / f"IW{burst.swath}" / "burst_01.int.vrt"
    ready, ready_sums = (made.with_name(f"burst_01.{name}.vrt") for name in (SUBLOOKS, SUBLOOK_SUMS))
    encoder = Encoder.of(burst, looks)
    if encoder is None:
        return None
    if ready.is_file():
        codes, sums = (_read(path) for path in (ready, ready_sums))
    elif made.is_file():
        parts = []
        for rows, (values,) in _blocks(made, looks, encoder.looked_shape):
            first = burst.first_valid_line - rows.start * looks.azimuth
            values[: max(first, 0)], values[max(first + burst.valid_lines, 0) :] = 0, 0
            parts.append(encoder.encode(values))
        codes, sums = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    else:
        return None
    keep = encoder.decorrelated(sums, _FILTER_WINDOW)
    windows = codes.reshape(2, keep.shape[0], looks.azimuth, keep.shape[1], -1)
    windows *= keep[:, None, :, None]
    return codes


def _read(path: Path) -> NDArray[Any]:
    with opened(path, own=True) as dataset:
        values: NDArray[Any] = dataset.read()
    return values


def _blocks(path: Path, looks: Looks, shape: tuple[int, int]) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield some multilooked lines at a time: their slice, and all bands of the pixels of their looks."""
    from rasterio.windows import Window

    with opened(path, own=True) as dataset:
        for first in range(0, shape[0], _BLOCK_LOOKED_LINES):
            count = min(_BLOCK_LOOKED_LINES, shape[0] - first)
            part = Window(0, first * looks.azimuth, shape[1] * looks.range, count * looks.azimuth)
            yield slice(first, first + count), dataset.read(window=part)


def _interferogram(
    folder: Path, burst: BurstGeometry, looks: Looks, window: RadarWindow
) -> NDArray[np.complex64]:
    name = f"burst_01.{looks.azimuth}alks_{looks.range}rlks.int.vrt"
    own = folder / "fine_interferogram" / f"IW{burst.swath}" / name
    (values,) = _read(own if own.is_file() else folder / MERGED / f"{INTERFEROGRAM}.vrt")
    rows = slice(window.first_valid_line, window.first_valid_line + window.valid_lines)
    cols = slice(window.first_valid_sample, window.first_valid_sample + window.valid_samples)
    valid = np.zeros((window.lines, window.samples), np.complex64)
    valid[rows, cols] = values[rows, cols]
    return valid


def _geometry(
    folder: Path, burst: BurstGeometry, name: str, looks: Looks, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return multilooked latitude, longitude or look angles of the burst, shape (bands, *shape)."""
    full = folder / "geom_reference" / f"IW{burst.swath}" / f"{name}_01.rdr.vrt"
    if full.is_file():
        return _multilooked(full, looks, shape)
    return _read(folder / MERGED / f"{name}.rdr.vrt").astype(np.float64)


def _multilooked(path: Path, looks: Looks, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return means over the looks, shape (bands, *shape), of a raster that is read some lines at a time."""
    means = []
    for _, values in _blocks(path, looks, shape):
        folded = values.reshape(len(values), -1, looks.azimuth, shape[1], looks.range)
        # Lines first: adding whole rows is several times faster than adding across short ones.
        means.append(folded.mean(axis=2, dtype=np.float64).mean(axis=3))
    return np.concatenate(means, axis=1)


def _write(path: Path, values: NDArray[Any], layer: Layer, tags: Mapping[str, str]) -> None:
    import rasterio

    bands, lines, samples = values.shape
    profile = {"dtype": layer.dtype, "count": bands, "height": lines, "width": samples}
    scratch = path.with_suffix(".scratch.tif")
    with without_place(), rasterio.open(scratch, "w", driver="GTiff", tiled=True, **profile) as dataset:
        dataset.write(values.astype(layer.dtype, copy=False))
        dataset.update_tags(**tags)
        for band, description in enumerate(layer.bands, 1):
            dataset.set_band_description(band, description)
            if layer.unit:
                dataset.set_band_unit(band, layer.unit)
    publish(scratch, path, layer)
