"""Tests of SAFE folders made from burst granules."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1.metadata import find_index, footprint, read_metadata, slc_name
from isce2_recipe.sentinel1.safe import BurstInput, group_bursts, write_safe
from isce2_recipe.types import BurstName
from support.burst_granules import REAL_SAFE, SHARED_DATA, Slc, real_metadata, write_granule

FIRST = BurstName.parse("S1_136231_IW2_20200604T022309_VV_7C85-BURST")
SECOND = BurstName.parse("S1_136232_IW2_20200604T022312_VV_7C85-BURST")
THIRD = BurstName.parse("S1_136233_IW2_20200604T022315_VV_7C85-BURST")

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(autouse=True)
def out(tmp_path):
    for folder in ("out", "a", "b"):
        (tmp_path / folder).mkdir()


def granule(folder: Path, name: BurstName, slc: Slc | None = None, value: int = 1) -> BurstInput:
    tiff, metadata = write_granule(folder / "in", name, slc, value=value)
    return BurstInput(name, tiff, metadata)


def annotation_of(safe: Path, swath: int = 2) -> ET.Element:
    [path] = safe.glob(f"annotation/s1a-iw{swath}-slc-vv-*.xml")
    return ET.parse(path).getroot()


def test_folder_has_the_layout_and_names_that_isce2_needs(tmp_path):
    safe = write_safe([granule(tmp_path, SECOND)], tmp_path / "out")
    assert re.fullmatch(
        r"S1A_IW_SLC__1SSV_20200604T022312_20200604T022314_032861_03CE65_[0-9A-F]{4}\.SAFE", safe.path.name
    )
    stem = "s1a-iw2-slc-vv-20200604t022312-20200604t022314-032861-03ce65-005"
    assert sorted(str(path.relative_to(safe.path)) for path in safe.path.rglob("*") if path.is_file()) == [
        f"annotation/calibration/noise-{stem}.xml",
        f"annotation/{stem}.xml",
        "manifest.safe",
        f"measurement/{stem}.tiff",
    ]
    assert safe.ipf_version == "003.31"


def test_annotation_contains_only_the_burst(tmp_path):
    slc = Slc()
    product = annotation_of(write_safe([granule(tmp_path, SECOND, slc)], tmp_path / "out").path)
    burst_list = product.find("swathTiming/burstList")
    assert burst_list.get("count") == "1"
    assert [burst.findtext("azimuthTime") for burst in burst_list] == ["2020-06-04T02:23:12.258273"]
    image = product.find("imageAnnotation/imageInformation")
    assert image.findtext("numberOfLines") == str(slc.lines)
    assert image.findtext("productFirstLineUtcTime") == product.findtext("adsHeader/startTime")
    assert image.findtext("productLastLineUtcTime") == "2020-06-04T02:23:14.508273"
    points = product.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    assert {point.findtext("line") for point in points} == {"0", str(slc.lines)}
    assert float(points[0].findtext("latitude")) == pytest.approx(27 - slc.lines / 100)
    assert product.find("dopplerCentroid/dcEstimateList").get("count") == str(slc.bursts)


def test_noise_lines_are_relative_to_the_burst(tmp_path):
    slc = Slc()
    safe = write_safe([granule(tmp_path, SECOND, slc)], tmp_path / "out").path
    [noise] = safe.glob("annotation/calibration/noise-*.xml")
    assert ET.parse(noise).getroot().findtext(".//line") == "0"


def test_manifest_lists_exactly_the_files_of_the_folder(tmp_path):
    safe = write_safe([granule(tmp_path, SECOND)], tmp_path / "out").path
    root = ET.parse(safe / "manifest.safe").getroot()
    listed = {location.get("href") for location in root.iter("fileLocation")}
    assert listed and all((safe / path).is_file() for path in listed)
    kept = {entry.get("ID") for entry in root.iter("dataObject")}
    assert {pointer.get("dataObjectID") for pointer in root.iter("dataObjectPointer")} <= kept
    corners = root.findtext(".//{http://www.opengis.net/gml}coordinates").split()
    assert len(corners) == 4


def test_measurements_are_linked_and_start_where_the_annotation_says(tmp_path):
    burst = granule(tmp_path, SECOND, value=7)
    safe = write_safe([burst], tmp_path / "out").path
    [tiff] = safe.glob("measurement/*.tiff")
    assert tiff.stat().st_ino == burst.tiff.stat().st_ino
    offset = int(annotation_of(safe).findtext("swathTiming/burstList/burst/byteOffset"))
    first = np.frombuffer(tiff.read_bytes()[offset : offset + 4], dtype="<i2")
    assert first.tolist() == [7, 2]


def test_the_same_granules_give_the_same_bytes(tmp_path):
    made = [write_safe([granule(tmp_path, SECOND)], tmp_path / folder).path for folder in ("a", "b")]
    assert made[0].name == made[1].name
    for path in made[0].rglob("*.*"):
        if path.is_file():
            assert path.read_bytes() == (made[1] / path.relative_to(made[0])).read_bytes()


def test_each_burst_of_one_swath_gets_a_folder_with_its_own_name(tmp_path):
    groups = group_bursts([THIRD, FIRST, SECOND])
    assert groups == [[FIRST], [SECOND], [THIRD]]
    names = {
        write_safe([granule(tmp_path, name) for name in group], tmp_path / "out").path.name
        for group in groups
    }
    assert len(names) == 3


def test_every_folder_of_several_swaths_has_every_swath():
    iw1 = [BurstName(name.start, name.relative_burst, 1, "VV", "7C85") for name in (SECOND,)]
    groups = group_bursts([FIRST, SECOND, THIRD, *iw1])
    assert groups == [[*iw1, FIRST, SECOND, THIRD]]
    more = [*iw1, BurstName(THIRD.start, 136233, 1, "VV", "7C85")]
    assert group_bursts([FIRST, SECOND, THIRD, *more]) == [[more[0], FIRST], [more[1], SECOND, THIRD]]


def test_remaining_bursts_of_a_longer_swath_are_stacked(tmp_path):
    slc = Slc(swaths=("IW1", "IW2"))
    in_iw1 = BurstName.parse("S1_136232_IW1_20200604T022311_VV_7C85-BURST")
    inputs = [
        granule(tmp_path, name, slc, value) for value, name in enumerate((in_iw1, FIRST, SECOND), start=1)
    ]
    safe = write_safe(inputs, tmp_path / "out").path
    product = annotation_of(safe)
    assert product.find("swathTiming/burstList").get("count") == "2"
    assert product.findtext("imageAnnotation/imageInformation/numberOfLines") == str(2 * slc.lines)
    points = product.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    assert sorted({int(point.findtext("line")) for point in points}) == [0, slc.lines, 2 * slc.lines]
    [stacked] = safe.glob("measurement/s1a-iw2-*.tiff")
    with rasterio.open(stacked) as dataset:
        values = dataset.read(1)
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    assert (values[: slc.lines] == 2 + 2j).all() and (values[slc.lines :] == 3 + 2j).all()
    offsets = [int(burst.findtext("byteOffset")) for burst in product.iterfind("swathTiming/burstList/burst")]
    raw = stacked.read_bytes()
    assert [np.frombuffer(raw[at : at + 4], "<i2").tolist() for at in offsets] == [[2, 2], [3, 2]]
    assert offset == offsets[0]
    assert annotation_of(safe, 1).find("swathTiming/burstList").get("count") == "1"


def test_lists_of_different_slcs_are_joined(tmp_path):
    later = Slc(first_line="2020-06-04T02:23:12.258273", bursts=2)
    bursts = [granule(tmp_path, FIRST, Slc(bursts=1)), granule(tmp_path, SECOND, later)]
    in_iw1 = Slc(swaths=("IW1",))
    bursts.append(granule(tmp_path, BurstName.parse("S1_136231_IW1_20200604T022308_VV_7C85-BURST"), in_iw1))
    product = annotation_of(write_safe(bursts, tmp_path / "out").path)
    times = [entry.findtext("azimuthTime") for entry in product.find("dopplerCentroid/dcEstimateList")]
    assert len(times) == 3 and times == sorted(times)


def damaged(tmp_path: Path, what: str) -> BurstInput:
    burst = granule(tmp_path, SECOND)
    if what == "truncated":
        burst.tiff.write_bytes(burst.tiff.read_bytes()[:-50])
    elif what == "not a tiff":
        burst.tiff.write_bytes(b"<html>please log in</html>")
    elif what == "missing":
        burst.tiff.unlink()
    elif what == "float":
        with rasterio.open(burst.tiff, "w", driver="GTiff", height=6, width=10, count=1, dtype="float32"):
            pass
    elif what == "other shape":
        write_granule(burst.tiff.parent, SECOND, Slc(samples=11))
        burst.metadata.write_text(
            burst.metadata.read_text().replace("<samplesPerBurst>11<", "<samplesPerBurst>10<")
        )
    elif what == "malformed":
        burst.metadata.write_text(burst.metadata.read_text()[:-30])
    elif what == "web page":
        burst.metadata.write_text("<html><body>log in</body></html>")
    elif what == "other swath":
        write_granule(burst.tiff.parent, SECOND, Slc(swaths=("IW1",)))
    elif what == "other time":
        write_granule(burst.tiff.parent, SECOND, Slc(first_line="2020-06-04T02:24:09.500000"))
    return burst


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("truncated", "is truncated"),
        ("not a tiff", "is truncated or not a GeoTIFF"),
        ("missing", "does not exist"),
        ("float", "is 1 x float32, not one band of CInt16"),
        ("other shape", "has 6 lines x 11 samples, but its annotation has 6 x 10"),
        ("malformed", "is not well-formed XML"),
        ("web page", "its root element is <html>, not <burst>"),
        ("other swath", "contains no annotation of IW2 VV, only of IW1 VV"),
        ("other time", "none of the 3 bursts of IW2 begins at 2020-06-04T02:23:12"),
    ],
)
def test_unusable_files_are_named(tmp_path, what, text):
    with pytest.raises(InputError) as caught:
        write_safe([damaged(tmp_path, what)], tmp_path / "out")
    assert text in caught.value.message
    assert str(tmp_path / "in" / str(SECOND)) in caught.value.message
    assert caught.value.hint


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs the real SAFE of ../shared/data")
class TestRealAnnotation:
    """Tests with ESA's files: a subset has the same values of its burst as the complete SLC."""

    name = BurstName.parse("S1_136231_IW2_20200511T135125_VV_7768-BURST")
    index = 3

    @pytest.fixture(scope="class")
    @classmethod
    def metadata(cls, tmp_path_factory):
        return real_metadata(tmp_path_factory.mktemp("real") / "burst.xml")

    @pytest.fixture(scope="class")
    @classmethod
    def safe(cls, metadata, tmp_path_factory):
        folder = tmp_path_factory.mktemp("safe")
        tiff = folder / "burst.tiff"
        profile = {"height": 1509, "width": 25359, "count": 1, "dtype": "complex_int16", "SPARSE_OK": True}
        with rasterio.open(tiff, "w", driver="GTiff", **profile):
            pass
        return write_safe([BurstInput(cls.name, tiff, metadata)], folder).path

    def test_the_burst_is_found_by_its_time(self, metadata):
        read = read_metadata(metadata, self.name)
        assert find_index(read, self.name) == self.index
        assert read.ipf_version == "003.20"
        assert slc_name(read, self.name) == REAL_SAFE

    def test_footprint_is_inside_the_slc(self, metadata):
        longitudes, latitudes = zip(*footprint(read_metadata(metadata, self.name), self.index), strict=True)
        assert 37.1 < min(latitudes) < max(latitudes) < 39.2
        assert -118.5 < min(longitudes) < max(longitudes) < -115.2
        assert 0.2 < max(latitudes) - min(latitudes) < 0.5

    def test_the_burst_is_unchanged_in_the_subset(self, safe, metadata):
        from isce2_recipe.sar.annotation import read_annotation

        whole = read_metadata(metadata, self.name).product
        [path] = safe.glob("annotation/s1a-iw2-slc-vv-*.xml")
        [cut] = read_annotation(path)
        before = read_annotation(_to_bytes(whole))[self.index]
        assert dataclasses.replace(cut, index=self.index) == before

    def test_calibration_lines_before_and_after_the_burst_are_kept(self, safe):
        [calibration] = safe.glob("annotation/calibration/calibration-*.xml")
        lines = [int(line.text) for line in ET.parse(calibration).getroot().iter("line")]
        assert min(lines) < 0 < max(lines)


def _to_bytes(root) -> bytes:
    from lxml import etree

    return etree.tostring(root)
