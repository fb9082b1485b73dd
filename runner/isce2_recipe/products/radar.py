"""Layers of a single-burst product in radar geometry, from which bursts can be merged later."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.products.parameter_file import RADAR_TIME_FORMAT, RadarWindow
from isce2_recipe.products.rasters import GeoTiff, opened, publish, without_place
from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.types import Looks

_BLOCK_LOOKED_LINES = 64
# How each layer is stored; of more than one band, the descriptions of all.
_STORES = {
    "wrapped_phase": GeoTiff("complex64", 0.0, "", "Interferogram, unfiltered", labels=True),
    "lat": GeoTiff("float64", None, "degree", "Latitude", labels=True),
    "lon": GeoTiff("float64", None, "degree", "Longitude", labels=True),
    "los": GeoTiff("float32", None, "degree", "Incidence angle; Azimuth angle", labels=True),
}


@dataclass(frozen=True, slots=True)
class _Span:
    """Pixels ``first`` to ``first + valid``, of ``total``, that are multiples of the looks."""

    total: int
    first: int
    valid: int

    @classmethod
    def looked(cls, total: int, first: int, valid: int, looks: int) -> _Span:
        """A span in looked pixels; pixels that do not fill a look are left out."""
        begin = -(-first // looks)
        end = (first + valid) // looks
        if valid < 0 or end > total // looks or end < begin:
            raise InputError("the valid data region extends beyond the burst")
        return cls(total // looks, begin, end - begin)


def radar_window(folder: Path, burst: BurstGeometry, looks: Looks) -> RadarWindow:
    """Size, valid area and spacing of the multilooked burst.

    Parameters
    ----------
    folder : Path
        ISCE2's, whose ``fine_interferogram/IWn.xml`` knows what resampling left of the valid area.
    burst : BurstGeometry
        The reference.
    """
    window = _valid_window(folder / "fine_interferogram" / f"IW{burst.swath}.xml", burst)
    azimuth = _Span.looked(burst.lines, window["firstvalidline"], window["numberofvalidlines"], looks.azimuth)
    along = _Span.looked(
        burst.samples, window["firstvalidsample"], window["numberofvalidsamples"], looks.range
    )
    last = azimuth.total * looks.azimuth - 1
    return RadarWindow(
        lines=azimuth.total,
        samples=along.total,
        first_valid_line=azimuth.first,
        valid_lines=azimuth.valid,
        first_valid_sample=along.first,
        valid_samples=along.valid,
        azimuth_interval_s=burst.azimuth_interval_s * looks.azimuth,
        range_spacing_m=burst.range_spacing_m * looks.range,
        sensing_stop=(burst.start + timedelta(seconds=last * burst.azimuth_interval_s)).strftime(
            RADAR_TIME_FORMAT
        ),
    )


def _valid_window(path: Path, burst: BurstGeometry) -> dict[str, int]:
    """The window after resampling, by ISCE2's names; the annotation's where the file does not tell."""
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
    folder: Path, burst: BurstGeometry, looks: Looks, window: RadarWindow, prefix: Path
) -> list[Path]:
    """Interferogram, latitude, longitude and look angles as ``PREFIX_<layer>_rdr.tif``.

    The interferogram is zero outside the valid window; the geometry covers the whole burst.

    Parameters
    ----------
    folder : Path
        ISCE2's.
    """
    geometry = folder / "geom_reference" / f"IW{burst.swath}"
    shape = (window.lines, window.samples)
    layers: dict[str, NDArray[Any]] = {
        "wrapped_phase": _interferogram(folder, burst, looks, window)[None],
        "lat": _looked(geometry / "lat_01.rdr.vrt", looks, shape),
        "lon": _looked(geometry / "lon_01.rdr.vrt", looks, shape),
        "los": _looked(geometry / "los_01.rdr.vrt", looks, shape),
    }
    paths = []
    for name, values in layers.items():
        paths.append(prefix.with_name(f"{prefix.name}_{name}_rdr.tif"))
        _write(paths[-1], values, _STORES[name])
    return paths


def _interferogram(
    folder: Path, burst: BurstGeometry, looks: Looks, window: RadarWindow
) -> NDArray[np.complex64]:
    name = f"burst_01.{looks.azimuth}alks_{looks.range}rlks.int.vrt"
    with opened(folder / "fine_interferogram" / f"IW{burst.swath}" / name) as dataset:
        values: NDArray[np.complex64] = dataset.read(1)
    rows = slice(window.first_valid_line, window.first_valid_line + window.valid_lines)
    cols = slice(window.first_valid_sample, window.first_valid_sample + window.valid_samples)
    valid = np.zeros((window.lines, window.samples), np.complex64)
    valid[rows, cols] = values[rows, cols]
    return valid


def _looked(path: Path, looks: Looks, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Means over the looks, shape (bands, *shape), read some lines at a time."""
    from rasterio.windows import Window

    lines, samples = shape
    width = samples * looks.range
    with opened(path) as dataset:
        result = np.empty((dataset.count, lines, samples))
        for first in range(0, lines, _BLOCK_LOOKED_LINES):
            count = min(_BLOCK_LOOKED_LINES, lines - first)
            window = Window(0, first * looks.azimuth, width, count * looks.azimuth)
            values = dataset.read(window=window)
            folded = values.reshape(dataset.count, count, looks.azimuth, samples, looks.range)
            # Lines first: adding whole rows is several times faster than adding across short ones.
            result[:, first : first + count] = folded.mean(axis=2, dtype=np.float64).mean(axis=3)
    return result


def _write(path: Path, values: NDArray[Any], store: GeoTiff) -> None:
    import rasterio

    bands, lines, samples = values.shape
    profile = {"dtype": store.dtype, "count": bands, "height": lines, "width": samples}
    scratch = path.with_suffix(".scratch.tif")
    with without_place(), rasterio.open(scratch, "w", driver="GTiff", tiled=True, **profile) as dataset:
        dataset.write(values.astype(store.dtype))
        for band in range(1, bands + 1):
            dataset.set_band_description(band, store.description.split("; ")[band - 1])
            if store.unit:
                dataset.set_band_unit(band, store.unit)
    publish(scratch, path, store)
