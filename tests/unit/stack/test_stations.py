"""Stations with known velocity against a map."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import InputError
from isce2_recipe.stack.stations import read_stations, station_rows


def product(folder: Path, crs: str = "EPSG:32639", middle: tuple[float, float] = (5e5, 80.0)) -> Path:
    """A map around 51 E, 0 N with 10 mm a year, 30 in its eastern half; the satellite is in the east.

    ``middle`` is the place of its middle from west to east, and the size of a pixel.
    """
    made = folder / "P"
    made.mkdir()
    velocity = np.full((20, 20), 0.010, np.float32)
    velocity[:, 10:] = 0.030
    velocity[:, 19] = np.nan
    profile = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "float32",
        "width": 20,
        "height": 20,
        "crs": crs,
    }
    x, pixel = middle
    profile["transform"] = rasterio.Affine(pixel, 0, x - 10 * pixel, 0, -pixel, 10 * pixel)
    for name, values in (("velocity", velocity), ("lv_theta", velocity * 0 + 0.9), ("lv_phi", velocity * 0)):
        with rasterio.open(made / f"P_{name}.tif", "w", **profile) as dataset:
            dataset.write(np.nan_to_num(values, nan=0.9) if name == "lv_theta" else values, 1)
    return made


def write(folder: Path, text: str) -> Path:
    (folder / "stations.csv").write_text(text)
    return folder / "stations.csv"


def test_differences_without_their_mean(tmp_path: Path) -> None:
    table = write(tmp_path, "name,lon,lat,velocity\nA,50.996,0,5\nB,51.004,0,27\nC,10,10,1\n")
    first, second, third = station_rows(read_stations(table), product(tmp_path))
    assert (first["found"], second["found"]) == (pytest.approx(10), pytest.approx(30))
    assert (first["rest"], second["rest"]) == (
        pytest.approx(1),
        pytest.approx(-1),
    )  # 5 and 3 without their mean
    assert (third["found"], third["rest"]) == (None, None)


def test_a_map_in_degrees_across_the_antimeridian(tmp_path: Path) -> None:
    table = write(tmp_path, "name,lon,lat,velocity\nA,179.996,0,5\nB,-179.996,0,25\n")
    rows = station_rows(read_stations(table), product(tmp_path, "EPSG:4326", (180.0, 0.001)))
    assert [row["found"] for row in rows] == [pytest.approx(10), pytest.approx(30)]


def test_east_north_up_is_projected_on_the_look_vector(tmp_path: Path) -> None:
    table = write(tmp_path, "name,lon,lat,east,north,up\nA,50.996,0,10,99,20\n")
    [row] = station_rows(read_stations(table), product(tmp_path))
    assert row["given"] == pytest.approx(10 * math.cos(0.9) + 20 * math.sin(0.9))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the columns name, lon, lat, east, north, up"),
        ("name,lon,lat\nA,1,2\n", "lacks the columns east, north, up"),
        ("name,lon,lat,velocity\nA,1,x,3\n", "csv:2: a number is missing"),
        ("name,lon,lat,velocity\nA,1,2\n", "csv:2: a number is missing"),
        ("name,lon,lat,velocity\nA,1,95,3\n", "is not a longitude and a latitude"),
        ("name,lon,lat,velocity\nA,1,nan,3\n", "is not a longitude and a latitude"),
    ],
)
def test_wrong_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_stations(write(tmp_path, text))


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_stations(tmp_path / "missing.csv")
