"""The check that a product shows something: a product without content is an error, not a success."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from isce2_recipe.errors import InputError, StepFailed
from isce2_recipe.products.blocks import LayerSources, SourcePixels
from isce2_recipe.products.grid import METRES_A_DEGREE, MapGrid
from isce2_recipe.products.layer import Layer
from isce2_recipe.products.layers import FILTERED, LINE_OF_SIGHT, UNWRAPPED
from isce2_recipe.products.rasters import Part
from isce2_recipe.products.reading import Finished
from isce2_recipe.types import Bounds

_STRIP_ROWS = 256
# A map grazes the data if it shows less than this share of them, and they fill less than this share of it.
_GRAZING = 0.01
# Zeros are stored as the smallest positive number, because zero means no data.
_ZERO = 1e-30


def check_overlap(sources: LayerSources, grid: MapGrid) -> None:
    """Check that the bounds of the map and of the interferogram overlap.

    Raises
    ------
    InputError
        If they do not; the message has both extents and their distance.
    StepFailed
        If the interferogram has no data at all.
    """
    if sources[UNWRAPPED].around(grid) is None:
        _refuse_empty_map(sources, grid, 0)


def check_content(
    product: Finished, layers: Sequence[Layer], sources: LayerSources, grid: MapGrid, *, water_masked: bool
) -> None:
    """Check the pixels of the map layers before a product is completed; only land counts if water is masked.

    Raises
    ------
    InputError
        If the map does not show the data, only grazes them, or shows no land although water is masked.
    StepFailed
        If the data are empty, or no land is unwrapped in a connected component.
    """
    counts = _count(product, layers)
    if counts["observed"] == 0 or counts["observed"] < _GRAZING * grid.rows * grid.cols:
        _refuse_empty_map(sources, grid, counts["observed"])
    for layer in layers:
        if np.dtype(layer.dtype).kind == "f" and counts[layer.name] == 0 and layer.name != "unw_phase":
            raise StepFailed(
                f"the layer {layer.name} ({layer.description}) has no values, although the map shows "
                f"{counts['observed']} pixels of the interferogram: "
                f"{sources[layer.reads[0]].path.stem} has only zeros or no numbers there",
                hint="see the log of the step that makes it; processing it again may help",
            )
    if water_masked and not counts["land"]:
        raise InputError(
            f"the map shows no land: all its {counts['observed']} observed pixels are masked water",
            hint="run without apply_water_mask, or choose another place",
        )
    where = "land" if counts["land"] else "observed"
    if not counts[f"{where} unwrapped"] or not counts["unw_phase"]:
        raise StepFailed(
            f"unwrapping left nothing: none of the {counts[where]} {where} pixels of the map has an "
            "unwrapped phase in a connected component",
            hint="if the coherence is low, take passes with less time between them, or more looks",
        )


def _count(product: Finished, layers: Sequence[Layer]) -> Counter[str]:
    """Return the numbers of pixels with values by layer, and of observed, land and unwrapped pixels."""
    counts: Counter[str] = Counter()
    floats = [layer.name for layer in layers if np.dtype(layer.dtype).kind == "f"]
    for rows in product.blocks():
        values = {name: product.read(name, rows) for name in floats}
        for name, read in values.items():
            counts[name] += int(np.count_nonzero(np.isfinite(read) & (np.abs(read) > _ZERO)))
        observed = np.isfinite(values["wrapped_phase"])
        land = observed & (product.read("water_mask", rows) == 1)
        unwrapped = np.isfinite(values["unw_phase"]) & (product.read("conncomp", rows) > 0)
        for name, pixels in (("observed", observed), ("land", land)):
            counts[name] += int(np.count_nonzero(pixels))
            counts[f"{name} unwrapped"] += int(np.count_nonzero(pixels & unwrapped))
    return counts


def _refuse_empty_map(sources: LayerSources, grid: MapGrid, shown: int) -> None:
    """Raise an error if the map shows nothing of the data, or only grazes them."""
    from rasterio.warp import transform_bounds

    source = sources[UNWRAPPED]
    count, data = _data(sources)
    if data is None:
        _refuse_empty_data(sources)
    latitude = math.radians((data.south + data.north) / 2)
    pixel_m2 = -source.step_longitude * source.step_latitude * METRES_A_DEGREE**2 * math.cos(latitude)
    share = shown * grid.ground_pixel_m**2 / (count * pixel_m2)
    if shown and share >= _GRAZING:
        return
    box = Bounds.of(*transform_bounds(grid.crs, "EPSG:4326", *grid.bounds)).near(data)
    apart_km = _distance_m(box, data) / 1000
    if shown:
        text = f"only grazes the data, with {shown} pixels of the map and {100 * share:.2g} % of the data"
    elif apart_km >= 1:
        text = f"does not show the data: they are {apart_km:,.0f} km apart"
    else:
        text = "shows only places without data"
    raise InputError(
        f"the map ({_text(box)}) {text}; the interferogram has data in {_text(data)}",
        hint="choose a grid inside the data, or leave out grid_bounds and grid_like",
    )


def _data(sources: LayerSources) -> tuple[int, Bounds | None]:
    """Return the number of valid pixels of the interferogram and the box around them."""
    source = sources[UNWRAPPED]
    count, rows_with, cols_with = 0, [], np.zeros(source.cols, np.bool_)
    for first in range(0, source.rows, _STRIP_ROWS):
        part = Part(first, 0, min(_STRIP_ROWS, source.rows - first), source.cols)
        valid = SourcePixels(sources, part).valid(UNWRAPPED)
        count += int(np.count_nonzero(valid))
        rows_with += (first + np.flatnonzero(valid.any(axis=1))).tolist()
        cols_with |= valid.any(axis=0)
    if not count:
        return 0, None
    cols = np.flatnonzero(cols_with)
    return count, Bounds(
        source.west + int(cols[0]) * source.step_longitude,
        source.north + (rows_with[-1] + 1) * source.step_latitude,
        source.west + (int(cols[-1]) + 1) * source.step_longitude,
        source.north + rows_with[0] * source.step_latitude,
    )


def _refuse_empty_data(sources: LayerSources) -> NoReturn:
    empty = []
    for raster in (UNWRAPPED, FILTERED, LINE_OF_SIGHT):
        source = sources[raster]
        strips = range(0, source.rows, _STRIP_ROWS)
        parts = [Part(first, 0, min(_STRIP_ROWS, source.rows - first), source.cols) for first in strips]
        if not any((np.abs(source.read(1, part)) > 0).any() for part in parts):
            empty.append(source.path.stem)
    raise StepFailed(
        f"the interferogram has no valid pixel: {' and '.join(empty) or 'each pixel of a raster'} in "
        f"{sources[UNWRAPPED].path.parent} has only zeros or no numbers",
        hint="the two passes have no ground in common, or a step before has failed; see its log",
    )


def _distance_m(one: Bounds, other: Bounds) -> float:
    """Return the approximate distance between two boxes in degrees, metres; zero if they meet."""
    east = max(one.west - other.east, other.west - one.east, 0.0)
    north = max(one.south - other.north, other.south - one.north, 0.0)
    latitude = math.radians((one.south + one.north + other.south + other.north) / 4)
    return METRES_A_DEGREE * math.hypot(east * math.cos(latitude), north)


def _text(box: Bounds) -> str:
    return f"{box.west:.2f} to {box.east:.2f} E, {box.south:.2f} to {box.north:.2f} N"
