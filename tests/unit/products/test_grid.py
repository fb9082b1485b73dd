"""Map grids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.warp import transform_bounds

from isce2_recipe.products.grid import MapGrid, utm_epsg, utm_grid
from isce2_recipe.types import Bounds


@pytest.mark.parametrize(
    ("longitude", "latitude", "epsg"),
    [
        (53.5, 27.5, 32639),
        (54.0, 27.5, 32640),
        (-180.0, 10, 32601),
        (179.9, -10, 32760),
        (180.0, 0, 32601),
        (-0.1, 52, 32630),
    ],
)
def test_zone(longitude, latitude, epsg):
    assert utm_epsg(longitude, latitude) == epsg


@given(
    west=st.floats(-179, 178),
    north=st.floats(-70, 75),
    width=st.floats(0.05, 2.0),
    height=st.floats(0.05, 2.0),
    pixel=st.sampled_from([20, 40, 80]),
)
def test_grid_covers_its_bounds_on_whole_pixels(west, north, width, height, pixel):
    box = Bounds(west, north - height, west + width, north)
    grid = utm_grid(box, pixel)
    inner = transform_bounds("EPSG:4326", grid.crs, box.west, box.south, box.east, box.north)
    outer = grid.bounds
    assert outer.contains(Bounds(*inner))
    assert not outer.buffered(-pixel).contains(Bounds(*inner))
    assert all(edge % pixel == 0 for edge in (outer.west, outer.south, outer.east, outer.north))


@given(rows=st.integers(1, 300), cols=st.integers(1, 300), pixels=st.integers(1, 5000))
def test_blocks_tile_the_grid(rows, cols, pixels):
    grid = MapGrid(32639, 80, 160, 8000, rows, cols)
    blocks = list(grid.blocks(pixels))
    assert [first for first, _ in blocks] == [
        sum(block.rows for _, block in blocks[:n]) for n in range(len(blocks))
    ]
    assert sum(block.rows for _, block in blocks) == rows
    assert all(block.rows * block.cols <= max(pixels, cols) for _, block in blocks)
    assert all(block.north_m == grid.north_m - first * 80 for first, block in blocks)
