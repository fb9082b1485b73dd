"""Complete products: files, texts and archive."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import lxml.etree
import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.warp import transform

from isce2_recipe.errors import InputError
from isce2_recipe.products import colours
from isce2_recipe.products.layers import by_name
from isce2_recipe.products.package import Product, template_text
from isce2_recipe.products.parameter_file import perpendicular_baseline_m
from isce2_recipe.products.radar import radar_window, write_radar_layers
from isce2_recipe.products.rasters import without_place
from isce2_recipe.sar import sublooks
from isce2_recipe.types import Looks
from support.isce_folder import MAP_LAYERS, Ground, burst, product, write_isce, write_radar_files

NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_663F"
RADAR = ["wrapped_phase_rdr", "lat_rdr", "lon_rdr", "los_rdr"]
# HyP3's keys in HyP3's order, as in the real files that MintPy tests with.
KEYS = [
    "Reference Granule",
    "Secondary Granule",
    "Reference Pass Direction",
    "Reference Orbit Number",
    "Secondary Pass Direction",
    "Secondary Orbit Number",
    "Baseline",
    "UTC time",
    "Heading",
    "Spacecraft height",
    "Earth radius at nadir",
    "Slant range near",
    "Slant range center",
    "Slant range far",
    "Range looks",
    "Azimuth looks",
    "INSAR phase filter",
    "Phase filter parameter",
    "Range bandpass filter",
    "Azimuth bandpass filter",
    "DEM source",
    "DEM resolution (m)",
    "Unwrapping type",
    "Speckle filter",
    "Water mask",
]
RADAR_KEYS = [
    "Radar n lines",
    "Radar n samples",
    "Radar first valid line",
    "Radar n valid lines",
    "Radar first valid sample",
    "Radar n valid samples",
    "Multilook azimuth time interval",
    "Multilook range pixel size",
    "Radar sensing stop",
]


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> Product:
    """Return a product of one burst."""
    folder = tmp_path_factory.mktemp("single")
    Ground().write(folder)
    write_radar_files(folder / "isce", burst(), Looks(20, 4))
    return product(folder, NAME, _fresh(folder / "out"), bursts=1)


def parameters(made: Product) -> dict[str, str]:
    text = (made.directory / f"{NAME}.txt").read_text()
    return dict(line.split(": ", 1) for line in text.splitlines())


def test_files_of_a_single_burst(single):
    names = {path.name for path in single.directory.iterdir()}
    tiffs = {f"{NAME}_{layer}.tif" for layer in [*MAP_LAYERS, *RADAR]}
    pictures = {f"{NAME}_unw_phase.png", f"{NAME}_unw_phase.pgw", f"{NAME}_unw_phase_thumb.png"}
    pictures |= {f"{NAME}_amp.kmz", f"{NAME}_wrapped_phase.kmz"}
    drawn = [by_name()[layer] for layer in MAP_LAYERS if by_name()[layer].drawing is not None]
    pictures |= {f"{NAME}_{layer.name}.qml" for layer in drawn if layer.palette is None}
    others = {f"{NAME}.txt", f"{NAME}_README.md.txt", f"{NAME}.stac.json"} | pictures
    assert names == tiffs | others


def test_every_tiff_is_cloud_optimised(single):
    from rio_cogeo import cog_validate

    paths = sorted(single.directory.glob("*.tif"))
    assert len(paths) == len(MAP_LAYERS) + len(RADAR)
    for path in paths:
        valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
        assert valid, (path.name, errors, warnings)


def test_every_tiff_has_tags_and_descriptions(single):
    for path in single.directory.glob("*.tif"):
        with without_place(), rasterio.open(path) as dataset:
            tags = dataset.tags()
            assert all(dataset.descriptions), path.name
        assert (tags["PRODUCT"], tags["ENGINE"]) == (NAME, "isce2 2.6.5")
        assert tags["SOFTWARE"].startswith("isce2-recipe ")
        assert tags["REFERENCE"] == "S1_136231_IW2_20200604T022312_VV_7C85-BURST"


@pytest.mark.parametrize("layer", ["amp", "wrapped_phase"])
def test_overlays_are_at_the_place_of_the_layers(single, layer):
    """The pixels with data and the opaque part of the overlay have the same bounds in degrees."""
    with zipfile.ZipFile(single.directory / f"{NAME}_{layer}.kmz") as archive:
        assert archive.namelist() == ["doc.kml", f"{NAME}_{layer}.png"]
        overlay = lxml.etree.fromstring(archive.read("doc.kml"))
        picture = Image.open(io.BytesIO(archive.read(f"{NAME}_{layer}.png")))
        picture.load()
    box = {
        side: float(overlay.findtext(f".//{{http://www.opengis.net/kml/2.2}}{side}"))
        for side in ("west", "east", "south", "north")
    }
    opaque = np.asarray(picture)[..., 3] > 0
    step = (box["east"] - box["west"]) / opaque.shape[1]
    shown = np.flatnonzero(opaque.any(axis=0))
    with rasterio.open(single.layers[layer]) as dataset:
        rows, cols = np.nonzero(dataset.read(1))
        longitudes, _ = transform(dataset.crs, "EPSG:4326", *dataset.xy(rows, cols))
    assert box["west"] + shown[0] * step == pytest.approx(min(longitudes), abs=2 * step)
    assert box["west"] + (shown[-1] + 1) * step == pytest.approx(max(longitudes), abs=2 * step)


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_many_bursts_have_no_radar_layers(tmp_path, ground):
    ground.write(tmp_path)
    made = product(tmp_path, NAME)
    assert not list(made.directory.glob("*_rdr.tif"))
    assert list(parameters(made)) == KEYS


def test_parameters(single):
    values = parameters(single)
    assert list(values) == KEYS + RADAR_KEYS
    assert values["Reference Granule"] == "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
    assert values["Reference Pass Direction"] == "DESCENDING"
    assert values["Secondary Orbit Number"] == "21979"
    assert values["Baseline"] == "-101.25"
    assert float(values["UTC time"]) == pytest.approx(2 * 3600 + 23 * 60 + 13.963847, abs=1e-9)
    far = 846099.1914484155 + 164 * 2.329562114715323
    assert float(values["Slant range far"]) == far
    assert float(values["Slant range center"]) == (846099.1914484155 + far) / 2
    assert values["Water mask"] == "no"


def test_mintpy_can_split_every_line(single):
    """MintPy's reader expects two parts of every line after ``strip, remove spaces, split(':')[:2]``."""
    required = "UTCtime Azimuthlooks Rangelooks Earthradiusatnadir Spacecraftheight Slantrangenear Heading"
    found = {}
    with (single.directory / f"{NAME}.txt").open() as lines:
        for line in lines:
            key, value = line.strip().replace(" ", "").split(":")[:2]
            found[key] = value
    assert set(required.split()) | {"Baseline", "ReferenceGranule", "Unwrappingtype"} <= set(found)
    assert float(found["Heading"]) % 360.0 - 360.0 == pytest.approx(-167.9294)


def test_radar_window_counts_whole_looks(tmp_path):
    """41 lines, of which 2..37 are valid, make 10 after multilooking, of which 1..8 are; one is not used."""
    geometry = burst()
    window = radar_window(tmp_path, geometry, Looks(20, 4))
    assert (window.lines, window.first_valid_line, window.valid_lines) == (10, 1, 8)
    # Samples 25..154 of 165: looks 2..6 of 8.
    assert (window.samples, window.first_valid_sample, window.valid_samples) == (8, 2, 5)
    assert window.azimuth_interval_s == 4 * geometry.azimuth_interval_s
    assert window.sensing_stop == "2020-06-04T02:23:14.044014"  # start + 39 lines


def test_radar_window_follows_resampling(tmp_path):
    (tmp_path / "fine_interferogram").mkdir()
    trimmed = {
        "firstvalidline": 5,
        "numberofvalidlines": 30,
        "firstvalidsample": 30,
        "numberofvalidsamples": 120,
    }
    text = "".join(
        f'<property name="{key}">\n  <value>{value}</value></property>' for key, value in trimmed.items()
    )
    (tmp_path / "fine_interferogram" / "IW2.xml").write_text(text)
    window = radar_window(tmp_path, burst(), Looks(20, 4))
    assert (window.first_valid_line, window.valid_lines) == (2, 6)
    assert (window.first_valid_sample, window.valid_samples) == (2, 5)


def test_valid_region_must_be_inside_the_burst(tmp_path):
    with pytest.raises(InputError, match="beyond the burst"):
        radar_window(tmp_path, burst(first_valid_line=20, valid_lines=30), Looks(20, 4))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_radar_layers(single):
    def read(layer: str) -> np.ndarray:
        with rasterio.open(single.directory / f"{NAME}_{layer}_rdr.tif") as dataset:
            return dataset.read()

    interferogram = read("wrapped_phase")[0]
    assert interferogram.dtype == np.complex64
    expected = np.zeros((10, 8), np.complex64)
    expected[1:9, 2:7] = 1 + 1j
    np.testing.assert_array_equal(interferogram, expected)
    # Means over 4 lines and 20 samples of line and sample numbers.
    np.testing.assert_allclose(read("lat")[0], np.broadcast_to(4 * np.arange(10)[:, None] + 1.5, (10, 8)))
    np.testing.assert_allclose(read("lon")[0], np.broadcast_to(20 * np.arange(8) + 9.5, (10, 8)))
    np.testing.assert_allclose(read("los")[0], 30 + 0.01 * read("lon")[0], atol=1e-5)
    np.testing.assert_allclose(read("los")[1], -100)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(("swath", "each"), [(1, 5), (2, 1)])
def test_parts_of_looks_are_stored_where_the_ground_is_decorrelated(tmp_path, swath, each):
    looks = Looks(20, 4)
    geometry = burst(swath=swath, lines=160, samples=800, valid_lines=147, valid_samples=741)
    write_radar_files(tmp_path, geometry, looks)
    rng = np.random.default_rng(1)
    full = np.full((160, 800), 5000.0 + 0j)
    full[80:] = 500 * (rng.standard_normal((80, 800)) + 1j * rng.standard_normal((80, 800)))
    write_isce(tmp_path / f"fine_interferogram/IW{swath}/burst_01.int", full[None].astype("c8"))
    window = radar_window(tmp_path, geometry, looks)
    files = write_radar_layers(tmp_path, geometry, looks, window, tmp_path / "P", {})
    assert files[-1].name == "P_sublooks_rdr.tif"
    with rasterio.open(files[-1]) as dataset:
        codes = dataset.read()
    assert codes.shape == (2, 160, 800 // each)
    assert not codes[:, :8].any(), "coherent ground is stored only where the filter mixes it with the rest"
    first, last = geometry.first_valid_line, geometry.first_valid_line + geometry.valid_lines
    left, right = -(-geometry.first_valid_sample // each), (geometry.first_valid_sample + 741) // each
    assert first < 80 < last < 160
    known = np.zeros((160, 800 // each), bool)
    known[80:last, left:right] = True
    assert ((codes[1, 80:] > 0) == known[80:]).all()
    expected = full.reshape(160, -1, each).mean(-1)
    off = np.angle(sublooks.decode(codes) * expected.conj())[known]
    assert np.abs(off).max() < 0.013
    ratio = np.abs(sublooks.decode(codes))[known] / np.abs(expected[known])
    assert 0.95 < ratio.min() < ratio.max() < 1.06


def test_archive_unpacks_into_a_folder_of_its_name(single, tmp_path):
    with zipfile.ZipFile(single.zip) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        archive.extractall(tmp_path / "unpacked")
    assert single.zip.name == f"{NAME}.zip"
    assert names == sorted(f"{NAME}/{path.name}" for path in single.directory.iterdir())
    for path in single.directory.iterdir():
        assert (tmp_path / "unpacked" / NAME / path.name).read_bytes() == path.read_bytes()


def test_the_same_run_gives_the_same_bytes(tmp_path, ground):
    ground.write(tmp_path)
    first, second = (product(tmp_path, NAME, _fresh(tmp_path / out)) for out in "ab")
    assert first.zip.read_bytes() == second.zip.read_bytes()


def test_browse_images(single):
    browse = Image.open(single.directory / f"{NAME}_unw_phase.png")
    assert browse.width == 2048
    alpha = np.asarray(browse)[..., 3]
    assert alpha[0, 0] == 0
    assert alpha[alpha.shape[0] // 2, 1024] == 255
    assert max(Image.open(single.directory / f"{NAME}_unw_phase_thumb.png").size) == 100
    # GDAL finds the picture where the layer is, by the world file.
    with rasterio.open(single.layers["unw_phase"]) as layer, rasterio.open(browse.filename) as picture:
        assert picture.bounds == pytest.approx(layer.bounds, abs=1e-4)


def heights(single) -> tuple[float, float]:
    with rasterio.open(single.layers["dem"]) as dataset:
        values = dataset.read(1, masked=True)
    return float(values.min()), float(values.max())


def test_styles_for_qgis_span_the_values(single):
    for name, low, high in (("wrapped_phase", -np.pi, np.pi), ("corr", 0.0, 1.0), ("dem", *heights(single))):
        style = lxml.etree.parse(single.directory / f"{NAME}_{name}.qml")
        values = [float(item.get("value")) for item in style.iter("item")]
        assert values == sorted(values) and len(values) > 3
        assert low - 1e-4 <= values[0] < values[-1] <= high + 1e-4
        (renderer,) = style.iter("rasterrenderer")
        assert (renderer.get("type"), renderer.get("band")) == ("singlebandpseudocolor", "1")


def test_labels_and_water_have_colours(single):
    for name, value, colour in (("conncomp", 1, colours.LABELS[0]), ("water_mask", 0, colours.WATER)):
        with rasterio.open(single.layers[name]) as dataset:
            assert dataset.colorinterp[0] == ColorInterp.palette
            assert dataset.colormap(1)[value][:3] == colour


@pytest.mark.parametrize(
    ("turned", "words"),
    [
        (False, ("has grown from 2020-06-04 to 2020-06-16", "metres is `unw_phase")),
        (True, ("has become smaller from 2020-06-04 to 2020-06-16", "metres is `-unw_phase")),
    ],
)
def test_readme_states_the_sign_in_the_order_of_time(tmp_path, ground, turned, words):
    ground.write(tmp_path)
    text = (product(tmp_path, NAME, turned=turned).directory / f"{NAME}_README.md.txt").read_text()
    assert all(word in text for word in words)
    assert f"| | reference ({'newer' if turned else 'older'}) |" in text
    assert "12 days apart" in text


def test_readme_names_inputs_and_software(tmp_path, ground):
    ground.write(tmp_path)
    text = (product(tmp_path, NAME).directory / f"{NAME}_README.md.txt").read_text()
    assert text.startswith(f"# {NAME}\n")
    assert "engine isce2 2.6.5" in text
    assert "These data are simulated" in text
    assert "WGS 84 / UTM zone 39N" in text
    assert "Copernicus Sentinel" not in text
    (tmp_path / "real").mkdir()
    made = product(tmp_path, NAME, tmp_path / "real", source="asf", simulated=False)
    text = (made.directory / f"{NAME}_README.md.txt").read_text()
    assert "simulated" not in text.split("## Name")[0].replace("given by hand or simulated", "")
    assert "modified Copernicus Sentinel data 2020" in text


def test_a_user_s_readme_template_has_priority(tmp_path):
    own = tmp_path / "product" / "README.md.txt.j2"
    own.parent.mkdir()
    own.write_text("mine: {{ name }}")
    assert template_text((tmp_path / "empty", tmp_path)) == "mine: {{ name }}"
    assert template_text((tmp_path / "empty",)).startswith("# {{ name }}")


def test_baseline_is_found_in_malformed_xml(tmp_path):
    path = tmp_path / "topsProc.xml"
    path.write_text(
        "<x><Input_list:_>[1, 2]</Input_list:_>"
        "<IW-2_Bperp_at_midrange_for_first_common_burst>7.5</IW-2_Bperp_at_midrange_for_first_common_burst>"
        "<IW-1_Bperp_at_midrange_for_first_common_burst>-3.25</IW-1_Bperp_at_midrange_for_first_common_burst>"
    )
    assert perpendicular_baseline_m(path) == -3.25


def test_missing_baseline_names_the_file(tmp_path):
    (tmp_path / "topsProc.xml").write_text("<a/>")
    with pytest.raises(InputError, match=r"topsProc\.xml holds no perpendicular baseline"):
        perpendicular_baseline_m(tmp_path / "topsProc.xml")
