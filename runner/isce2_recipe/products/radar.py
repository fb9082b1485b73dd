"""Layers in radar geometry of a single burst's product, from which bursts can be merged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.products.layer import Layer
from isce2_recipe.products.layers import by_name
from isce2_recipe.products.parameter_file import RADAR_TIME_FORMAT, RadarWindow
from isce2_recipe.products.rasters import opened, publish, without_place
from isce2_recipe.sar import sublooks
from isce2_recipe.sar.annotation import BurstGeometry
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
    window = _valid_window(folder, burst)
    lines, first_line, valid_lines = _multilooked_span(
        burst.lines, window["firstvalidline"], window["numberofvalidlines"], looks.azimuth
    )
    samples, first_sample, valid_samples = _multilooked_span(
        burst.samples, window["firstvalidsample"], window["numberofvalidsamples"], looks.range
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


def _valid_window(folder: Path, burst: BurstGeometry) -> dict[str, int]:
    """Return the valid area after resampling by ISCE2's names, or else that of the annotation."""
    path = folder / "fine_interferogram" / f"IW{burst.swath}.xml"
    names = {
        "firstvalidline": burst.first_valid_line,
        "numberofvalidlines": burst.valid_lines,
        "firstvalidsample": burst.first_valid_sample,
        "numberofvalidsamples": burst.valid_samples,
    }
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    for name in names:
        match = re.search(rf'name="{name}">\s*<value>\s*(\d+)', text, re.IGNORECASE)
        if match is not None:
            names[name] = int(match[1])
    return names


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
    geometry = folder / "geom_reference" / f"IW{burst.swath}"
    shape = (window.lines, window.samples)
    layers: dict[str, NDArray[Any]] = {
        "wrapped_phase_rdr": _interferogram(folder, burst, looks, window)[None],
        "lat_rdr": _multilooked(geometry / "lat_01.rdr.vrt", looks, shape),
        "lon_rdr": _multilooked(geometry / "lon_01.rdr.vrt", looks, shape),
        "los_rdr": _multilooked(geometry / "los_01.rdr.vrt", looks, shape),
    }
    fine = folder / "fine_interferogram" / f"IW{burst.swath}" / "burst_01.int.vrt"
    part = sublooks.sublook_size(looks, burst.swath)
    if part != looks and fine.is_file():
        layers["sublooks_rdr"] = _parts(fine, looks, part, window, _valid_window(folder, burst))
    known = by_name()
    paths = []
    for name, values in layers.items():
        paths.append(prefix.with_name(f"{prefix.name}_{name}.tif"))
        _write(paths[-1], values, known[name], tags)
    return paths


def _parts(
    path: Path, looks: Looks, part: Looks, window: RadarWindow, valid: Mapping[str, int]
) -> NDArray[np.uint8]:
    """Return the codes of all parts of looks that are decorrelated or near such looks."""
    across = looks.range // part.range
    # The decorrelation is decided from parts that have the same size in all swaths.
    compared = looks.range // sublooks.sublook_size(looks, sublooks.NEAREST_SWATH).range
    first, count = valid["firstvalidline"], valid["numberofvalidlines"]
    left = -(-valid["firstvalidsample"] // part.range)
    right = (valid["firstvalidsample"] + valid["numberofvalidsamples"]) // part.range
    codes = np.zeros((2, window.lines * looks.azimuth, window.samples * across), np.uint8)
    sums, amplitudes = np.zeros((2, window.lines, window.samples), np.float32)
    for rows, (values,) in _blocks(path, looks, (window.lines, window.samples)):
        lines = slice(rows.start * looks.azimuth, rows.stop * looks.azimuth)
        parts = values.reshape(len(values), -1, part.range).mean(axis=-1)
        parts[: max(first - lines.start, 0)] = 0
        parts[max(first + count - lines.start, 0) :] = 0
        parts[:, :left], parts[:, right:] = 0, 0
        codes[:, lines] = sublooks.encode(parts)
        folded = parts.reshape(-1, looks.azimuth, window.samples, compared, across // compared).mean(axis=-1)
        sums[rows] = np.abs(folded.sum(axis=(1, 3)))
        amplitudes[rows] = np.abs(folded).sum(axis=(1, 3))
    keep = _decorrelated(sums, amplitudes, compared * looks.azimuth)
    codes *= np.repeat(np.repeat(keep, looks.azimuth, axis=0), across, axis=1)
    return codes


def _blocks(path: Path, looks: Looks, shape: tuple[int, int]) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield some multilooked lines at a time: their slice, and all bands of the pixels of their looks."""
    from rasterio.windows import Window

    with opened(path, own=True) as dataset:
        for first in range(0, shape[0], _BLOCK_LOOKED_LINES):
            count = min(_BLOCK_LOOKED_LINES, shape[0] - first)
            part = Window(0, first * looks.azimuth, shape[1] * looks.range, count * looks.azimuth)
            yield slice(first, first + count), dataset.read(window=part)


def _decorrelated(sums: NDArray[Any], amplitudes: NDArray[Any], parts: int) -> NDArray[np.bool_]:
    """Return where looks have parts with random rather than equal phases, and their surroundings."""
    from scipy.ndimage import maximum_filter, uniform_filter

    around, most = (uniform_filter(values, 3, mode="constant") for values in (sums, amplitudes))
    low = (most > 0) & (around < 0.5 * (1.0 + parts**-0.5) * most)
    return np.asarray(maximum_filter(low, _FILTER_WINDOW))


def _interferogram(
    folder: Path, burst: BurstGeometry, looks: Looks, window: RadarWindow
) -> NDArray[np.complex64]:
    name = f"burst_01.{looks.azimuth}alks_{looks.range}rlks.int.vrt"
    with opened(folder / "fine_interferogram" / f"IW{burst.swath}" / name, own=True) as dataset:
        values: NDArray[np.complex64] = dataset.read(1)
    rows = slice(window.first_valid_line, window.first_valid_line + window.valid_lines)
    cols = slice(window.first_valid_sample, window.first_valid_sample + window.valid_samples)
    valid = np.zeros((window.lines, window.samples), np.complex64)
    valid[rows, cols] = values[rows, cols]
    return valid


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
        dataset.write(values.astype(layer.dtype))
        dataset.update_tags(**tags)
        for band, description in enumerate(layer.bands, 1):
            dataset.set_band_description(band, description)
            if layer.unit:
                dataset.set_band_unit(band, layer.unit)
    publish(scratch, path, layer)
