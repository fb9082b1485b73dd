"""Areas as texts and files."""

from __future__ import annotations

import json
import socket
import struct
import zipfile
from pathlib import Path

import pytest

from isce2_recipe.area import Area, parse_area, read_area
from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.vector_files import vector_file

BOX = (53.5, 27.55, 53.8, 27.8)
RING = [(53.5, 27.55), (53.8, 27.55), (53.8, 27.8), (53.5, 27.8), (53.5, 27.55)]
UTM = [(746000.0, 3049000.0), (776000.0, 3049000.0), (776000.0, 3077000.0), (746000.0, 3049000.0)]


def _geojson(path: Path, ring=RING, **more) -> Path:
    shape = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [shape], **more}))
    return path


def _kml(*holes) -> str:
    rings = ""
    for ring, where in zip((RING, *holes), ("outer", *["inner"] * len(holes)), strict=True):
        places = " ".join(f"{longitude},{latitude},0" for longitude, latitude in ring)
        text = f"<LinearRing><coordinates>{places}</coordinates></LinearRing>"
        rings += f"<{where}BoundaryIs>{text}</{where}BoundaryIs>"
    shape = f"<Placemark><Polygon>{rings}</Polygon></Placemark>"
    return (
        f'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{shape}</Document></kml>'
    )


def _shapefile(path: Path, ring, *others) -> Path:
    all_places = [place for one in (ring, *others) for place in one]
    starts = [sum(map(len, (ring, *others)[:index])) for index in range(1 + len(others))]
    places = b"".join(struct.pack("<2d", *place) for place in all_places)
    box = struct.pack("<4d", *(find(axis) for find in (min, max) for axis in zip(*ring, strict=True)))
    counts = struct.pack("<2i", len(starts), len(all_places)) + struct.pack(f"<{len(starts)}i", *starts)
    record = struct.pack("<i", 5) + box + counts + places
    content = struct.pack(">2i", 1, len(record) // 2) + record
    header = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(content)) // 2) + struct.pack("<2i", 1000, 5)
    path.write_bytes(header + bytes(64) + content)
    return path


def _near(area: Area, box, tolerance: float = 1e-6) -> bool:
    return all(abs(a - b) < tolerance for a, b in zip(area.bounds, box, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "53.5,27.55,53.8,27.8",
        " 53.5 27.55 53.8 27.8",
        "POLYGON ((53.5 27.55, 53.8 27.55, 53.8 27.8, 53.5 27.8, 53.5 27.55))",
        "linestring (53.5 27.55, 53.8 27.8)",
        "POLYGON Z ((53.5 27.55 9, 53.8 27.55 9, 53.8 27.8 9, 53.5 27.55 9))",
    ],
)
def test_a_text_is_an_area(text: str) -> None:
    assert vector_file(text) is None
    assert _near(parse_area(text), BOX)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("53.5,27.55,53.8", "four numbers, instead got 3"),
        ("53.8,27.55,53.5,27.8", "west .* east of its east"),
        ("53.5,27.8,53.8,27.55", "south .* north of its north"),
        ("27.55,153.5,27.8,153.8", "beyond 90 degrees"),
        ("POLYGON ((0 0, 1 1", "not well-known text"),
        ("POLYGON EMPTY", "is empty"),
        ("POINT (500000 3000000)", "not degrees"),
        ("Teheran", "not an area"),
        ("1e400,0,1,1", "longitudes beyond 360 degrees"),
        ("-300,28,555,29", "'-300,28,555,29' has longitudes beyond 360 degrees"),
        ("-300,28,55,29", "from -300 to 55 E"),
        ("-180,-60,180,70", "more than half of the globe, from -180 to 180 E"),
        ("-179,-60,179,70", "from -179 to 179 E"),
        ("0,-60,360,70", "from 0 to 360 E"),
        ("POLYGON ((-180 -60, 180 -60, 180 70, -180 70, -180 -60))", "more than half of the globe"),
        ("nan,0,1,1", "not an area"),
        ("GEOMETRYCOLLECTION (POINT (1 1))", "not an area"),
    ],
)
def test_a_wrong_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        parse_area(text)


def test_an_area_may_cross_the_antimeridian() -> None:
    area = parse_area("179.5,-17,-179.5,-16")
    assert area.bounds == (179.5, -17.0, 180.5, -16.0)
    assert area.meets([(-179.9, -16.5), (-179.8, -16.5), (-179.8, -16.4)])
    assert not area.meets([(-179.3, -16.5), (-179.2, -16.5), (-179.2, -16.4)])
    assert len(area.hulls()) == 2
    halves = "((179.5 -17, 180 -17, 180 -16, 179.5 -17)), ((-180 -17, -179.5 -17, -180 -16, -180 -17))"
    written = parse_area(f"MULTIPOLYGON ({halves})")
    assert written.bounds[:3:2] == (179.5, 180.5)


def test_coverage_is_the_share_of_the_ground() -> None:
    halves = [[(53.5, 27.0), (53.65, 27.0), (53.65, 28.0), (53.5, 28.0)]]
    assert parse_area("53.5,27.55,53.8,27.8").covered_by(halves) == pytest.approx(0.5, abs=1e-4)
    assert parse_area("POINT (53.6 27.6)").covered_by(halves) == pytest.approx(1.0)


def test_files_are_areas(tmp_path: Path) -> None:
    files = [_geojson(tmp_path / "a.geojson"), tmp_path / "a.kml", tmp_path / "a.KMZ"]
    files[1].write_text(_kml())
    with zipfile.ZipFile(files[2], "w") as archive:
        archive.writestr("doc.kml", _kml())
    files.append(_shapefile(tmp_path / "a.shp", RING))
    for file in files:
        assert vector_file(str(file)) == str(file)
        assert _near(read_area(file), BOX)


def test_holes_are_no_ground(tmp_path: Path) -> None:
    hole = [(53.6, 27.6), (53.6, 27.7), (53.7, 27.7), (53.7, 27.6), (53.6, 27.6)]
    island = [(54.0, 27.6), (54.1, 27.6), (54.1, 27.7), (54.0, 27.6)]
    (tmp_path / "a.kml").write_text(_kml(hole))
    for file in tmp_path / "a.kml", _shapefile(tmp_path / "a.shp", RING, hole):
        assert read_area(file).covered_by([hole]) == pytest.approx(0.0, abs=1e-6)
    shapes = read_area(_shapefile(tmp_path / "b.shp", RING, island))
    assert _near(shapes, (53.5, 27.55, 54.1, 27.8))
    assert shapes.covered_by([hole]) > 0.1


def test_projected_files_are_transformed(tmp_path: Path) -> None:
    system = {"crs": {"type": "name", "properties": {"name": "EPSG:32639"}}}
    expected = (53.491, 27.537, 53.801, 27.789)
    assert _near(read_area(_geojson(tmp_path / "a.geojson", UTM, **system)), expected, 0.01)
    from rasterio.crs import CRS

    shapes = _shapefile(tmp_path / "a.shp", UTM)
    shapes.with_suffix(".prj").write_text(CRS.from_epsg(32639).to_wkt(version="WKT1_ESRI"))
    assert _near(read_area(shapes), expected, 0.01)


@pytest.mark.parametrize(
    "name", ["EPSG:32639", "urn:ogc:def:crs:EPSG::32639", "urn:ogc:def:crs:EPSG:9.1:32639"]
)
def test_systems_are_named_by_their_codes(name: str, tmp_path: Path) -> None:
    system = {"crs": {"type": "name", "properties": {"name": name}}}
    found = read_area(_geojson(tmp_path / "a.geojson", UTM, **system))
    assert _near(found, (53.491, 27.537, 53.801, 27.789), 0.01)


def test_a_system_is_never_read_from_a_file_or_an_address(tmp_path: Path) -> None:
    from rasterio.crs import CRS

    other = tmp_path / "system.wkt"
    other.write_text(CRS.from_epsg(32639).to_wkt())
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/system.wkt"
        for name in (str(other), address, f"/vsicurl/{address}"):
            system = {"crs": {"type": "name", "properties": {"name": name}}}
            with pytest.raises(InputError, match="unknown coordinate system"):
                read_area(_geojson(tmp_path / "a.geojson", UTM, **system))
        with pytest.raises(BlockingIOError):
            server.accept()


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    mixed = json.loads(_geojson(tmp_path / "b.geojson").read_text())
    mixed["crs"] = {"type": "name", "properties": {"name": "EPSG:32639"}}
    mixed["features"][0]["crs"] = {"type": "name", "properties": {"name": "EPSG:4326"}}
    contents = {
        "mixed.geojson": (json.dumps(mixed), "mixes the coordinate systems"),
        "metres.geojson": (_geojson(tmp_path / "b.geojson", UTM).read_text(), "not degrees"),
        "empty.geojson": ('{"type": "FeatureCollection", "features": []}', "no shapes"),
        "half.geojson": ('{"type": "FeatureColl', "is not GeoJSON: it cannot be read as JSON"),
        "list.json": ("[1, 2]", "is not GeoJSON: it must be a Feature"),
        "other.json": ('{"type": "FeatureCollection", "features": [3]}', "is not GeoJSON"),
        "deep.json": ("[" * 100_000, "damaged"),
        "half.kml": ("<kml><Polygon>", "damaged"),
        "half.shp": ("nothing", "damaged"),
        "half.kmz": ("nothing", "no archive"),
        "a.gpkg": ("", "no known vector format"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=message):
            read_area(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_area(tmp_path / "missing.kml")
