"""Pictures of a product for people: browse image and thumbnail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.products.rasters import opened

_WIDTH = 2048
_THUMBNAIL = 100
# Share of the values left out at either end of the colour scale, so that a few outliers do not set it.
_TAIL_PERCENT = 0.5

# Blue, white, red of equal steps in lightness: displacement has a sign, and this shows it.
_DIVERGING = (
    (24, 67, 125),
    (74, 137, 185),
    (166, 204, 225),
    (245, 244, 242),
    (244, 178, 142),
    (211, 94, 77),
    (135, 21, 42),
)


def write_browse(unwrapped: Path, prefix: Path) -> list[Path]:
    """``PREFIX_unw_phase.png``, 2048 pixels wide, and ``PREFIX_unw_phase_thumb.png`` of the unwrapped phase.

    Colours run from blue (range became shorter) to red (longer) about the median; no data is transparent.

    Parameters
    ----------
    unwrapped : Path
        The layer's GeoTIFF.
    """
    from PIL import Image

    picture = Image.fromarray(_coloured(_reduced(unwrapped)))
    height = max(1, round(picture.height * _WIDTH / picture.width))
    browse = prefix.with_name(f"{prefix.name}_unw_phase.png")
    picture = picture.resize((_WIDTH, height), Image.Resampling.BILINEAR)
    picture.save(browse)
    thumbnail = prefix.with_name(f"{prefix.name}_unw_phase_thumb.png")
    picture.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    picture.save(thumbnail)
    return [browse, thumbnail]


def _reduced(path: Path) -> NDArray[Any]:
    """The layer at no more than twice the picture's width, NaN where there is no data."""
    with opened(path) as dataset:
        scale = min(1.0, 2 * _WIDTH / dataset.width)
        shape = (max(1, round(dataset.height * scale)), max(1, round(dataset.width * scale)))
        values = dataset.read(1, out_shape=shape)
        return np.where(values == dataset.nodata, np.nan, values)


def _coloured(values: NDArray[Any]) -> NDArray[np.uint8]:
    seen = np.isfinite(values)
    picture = np.zeros((*values.shape, 4), np.uint8)
    if not seen.any():
        return picture
    low, middle, high = np.percentile(values[seen], [_TAIL_PERCENT, 50, 100 - _TAIL_PERCENT])
    reach = max(high - middle, middle - low) or 1.0
    position = np.clip((values[seen] - middle) / reach, -1, 1)
    stops = np.linspace(-1, 1, len(_DIVERGING))
    for channel, levels in enumerate(zip(*_DIVERGING, strict=True)):
        picture[seen, channel] = np.round(np.interp(position, stops, levels))
    picture[seen, 3] = 255
    return picture
