"""Pictures that are part of a product: browse image, thumbnail, overlays for Google Earth."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.markup import render_lines
from isce2_recipe.products import colours
from isce2_recipe.products.colours import Picture
from isce2_recipe.products.package import entry
from isce2_recipe.products.rasters import opened
from isce2_recipe.types import Bounds

_WIDTH = 2048
_THUMBNAIL = 100
# Share of the values beyond either end of the colour scale, so that a few outliers do not determine it.
_TAIL_PERCENT = 0.5

_FROM_ANTIMERIDIAN = "+proj=longlat +datum=WGS84 +pm=180 +no_defs"


def write_browse(unwrapped: Path, prefix: Path) -> list[Path]:
    """Write ``PREFIX_unw_phase.png``, 2048 pixels wide, and ``PREFIX_unw_phase_thumb.png`` from a GeoTIFF.

    A world file, ``PREFIX_unw_phase.pgw``, gives the place of the larger picture in the map projection.
    Colours run from blue (range became shorter) to red (longer) about the median; no data is transparent.
    """
    from PIL import Image

    picture = Image.fromarray(_coloured(reduced(unwrapped)))
    height = max(1, round(picture.height * _WIDTH / picture.width))
    browse = prefix.with_name(f"{prefix.name}_unw_phase.png")
    picture = picture.resize((_WIDTH, height), Image.Resampling.BILINEAR)
    picture.save(browse)
    _write_world_file(unwrapped, picture.size, browse.with_suffix(".pgw"))
    thumbnail = prefix.with_name(f"{prefix.name}_unw_phase_thumb.png")
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    picture.save(thumbnail)
    return [browse, thumbnail]


def _write_world_file(raster: Path, size: tuple[int, int], path: Path) -> None:
    """Write the place of a picture of a raster as six lines: steps, and the centre of the first pixel."""
    with opened(raster) as dataset:
        step, _, west, _, _, north = dataset.transform[:6]
        across, down = step * dataset.width / size[0], dataset.transform.e * dataset.height / size[1]
    numbers = (across, 0.0, 0.0, down, west + across / 2, north + down / 2)
    path.write_text("".join(f"{number:.10f}\n" for number in numbers), encoding="ascii")


def reduced(path: Path) -> NDArray[Any]:
    """Return the layer at no more than twice the picture's width, NaN where there is no data."""
    with opened(path) as dataset:
        scale = min(1.0, 2 * _WIDTH / dataset.width)
        shape = (max(1, round(dataset.height * scale)), max(1, round(dataset.width * scale)))
        values = dataset.read(1, out_shape=shape)
        return np.where(values == dataset.nodata, np.nan, values)


def _coloured(values: NDArray[Any]) -> Picture:
    seen = values[np.isfinite(values)]
    if not seen.size:
        return np.zeros((*values.shape, 4), np.uint8)
    low, middle, high = np.percentile(seen, [_TAIL_PERCENT, 50, 100 - _TAIL_PERCENT])
    return colours.signed_scale(float(max(high - middle, middle - low)), "").paint(values - middle)


def write_overlays(amplitude: Path, wrapped: Path, prefix: Path) -> list[Path]:
    """Write ``PREFIX_amp.kmz`` and ``PREFIX_wrapped_phase.kmz`` from GeoTIFFs, overlays for Google Earth."""
    values, box = _in_degrees(amplitude, mean=True)
    levels = colours.decibels(values)
    grey = colours.grey_scale(levels)
    text = f"Amplitude of the interferogram, from {grey.low:.0f} (black) to {grey.high:.0f} dB (white)."
    shown = _write_kmz(prefix, "amp", text, grey.paint(levels), box)
    values, box = _in_degrees(wrapped, mean=False)
    text = "Wrapped phase: light at 0, orange on the positive side, dark at pi, blue on the negative side."
    return [shown, _write_kmz(prefix, "wrapped_phase", text, colours.phase_scale().paint(values), box)]


def _in_degrees(path: Path, *, mean: bool) -> tuple[NDArray[Any], Bounds]:
    """Return a layer in longitude and latitude, no larger than a picture, NaN for no data, and its bounds.

    As Google Earth expects, the eastern edge of a box across the antimeridian is beyond 180 degrees.
    """
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT
    from rasterio.warp import calculate_default_transform, transform_bounds

    with opened(path) as dataset:
        # Degrees from the antimeridian are continuous across it.
        crosses = Bounds.of(*transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)).crosses_antimeridian
        crs = _FROM_ANTIMERIDIAN if crosses else "EPSG:4326"
        place = (dataset.crs, crs, dataset.width, dataset.height, *dataset.bounds)
        _, cols, rows = calculate_default_transform(*place)
        shrink = max(1.0, cols / _WIDTH, rows / _WIDTH)
        width, height = max(1, round(cols / shrink)), max(1, round(rows / shrink))
        transform, _, _ = calculate_default_transform(*place, dst_width=width, dst_height=height)
        how = Resampling.average if mean and shrink > 1 else Resampling.nearest
        options = {"crs": crs, "transform": transform, "width": width, "height": height}
        with WarpedVRT(dataset, resampling=how, **options) as warped:
            values, box = warped.read(1), Bounds(*warped.bounds)
        if crosses:
            box = box._replace(west=box.west + 180.0, east=box.east + 180.0).on_globe()
        return np.where(values == dataset.nodata, np.nan, values), box


def _write_kmz(prefix: Path, layer: str, description: str, picture: Picture, box: Bounds) -> Path:
    from PIL import Image

    name = f"{prefix.name}_{layer}"
    path, file = prefix.with_name(f"{name}.kmz"), io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    text = render_lines("product/overlay.kml", name=name, description=description, box=box)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry("doc.kml"), text)
        archive.writestr(entry(f"{name}.png"), file.getvalue())
    return path
