"""Tests of the rules for SLC pairs, and of archives of SLCs."""

from __future__ import annotations

import zipfile

import pytest

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sentinel1.archive import SlcArchive, unpack_slc
from isce2_recipe.sentinel1.slc_pairs import check_slc_pair
from isce2_recipe.types import SlcName

A = "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85"
B = "S1A_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A3_5D11"


def message_of(*arguments) -> str:
    with pytest.raises(ParameterError) as caught:
        check_slc_pair(*arguments)
    return caught.value.message


def test_names_are_parsed_and_printed_unchanged():
    name = SlcName.parse(f"{A}.SAFE")
    assert str(name) == A
    assert (name.platform, name.absolute_orbit, name.polarizations) == ("S1A", 32861, ("VV", "VH"))


@pytest.mark.parametrize(
    ("channels", "expected"), [("SV", ("VV",)), ("SH", ("HH",)), ("DV", ("VV", "VH")), ("DH", ("HH", "HV"))]
)
def test_polarizations_are_read_from_the_name(channels, expected):
    assert SlcName.parse(A.replace("1SDV", f"1S{channels}")).polarizations == expected


@pytest.mark.parametrize("text", ["", A[:-1], A.replace("IW", "EW"), A.replace("T02", "T99")])
def test_other_names_are_refused(text):
    with pytest.raises(ParameterError):
        SlcName.parse(text)


def test_auto_selects_the_co_polarized_channel():
    assert check_slc_pair(A, B, "auto", [3, 1]).polarization == "VV"
    assert check_slc_pair(A, B, "auto", [3, 1]).swaths == (1, 3)
    assert check_slc_pair(A.replace("DV", "DH"), B.replace("DV", "SH"), "auto", [2]).polarization == "HH"


def test_a_missing_polarization_is_named():
    message = message_of(A, B, "HH", [1])
    assert f"{A} has no HH, only VV and VH (its name has 1SDV)" in message
    assert f"{B} has no HH" in message
    assert f"{B.replace('DV', 'SH')} has no VV, only HH" in message_of(A, B.replace("DV", "SH"), "VV", [1])
    assert check_slc_pair(A, B, "VH", [1]).polarization == "VH"


def test_tracks_order_and_swaths_are_checked():
    assert "different tracks: 64 and 65" in message_of(A, B.replace("033036", "033037"), "VV", [1])
    assert "Reference scenes must be older" in message_of(B, A, "VV", [1])
    assert str(check_slc_pair(B, A, "VV", [1], any_order=True).reference) == B
    with pytest.raises(ParameterError, match="must be older"):
        check_slc_pair(A, A, "VV", [1], any_order=True)
    assert "no swath" in message_of(A, B, "VV", [])


def test_slices_at_the_ascending_node_may_have_the_numbers_of_two_tracks():
    before = "S1A_IW_SLC__1SDV_20200603T162102_20200603T162129_032854_03CE65_7C85"
    after = "S1A_IW_SLC__1SDV_20200615T162106_20200615T162133_033030_03D3A3_5D11"
    # Track 58 begins at another time of day, so these are two different tracks.
    assert "different tracks: 57 and 58" in message_of(before, after, "VV", [1])
    # The node of track 175 is at 16:21:05.
    first, second = before.replace("032854", "032971"), after.replace("033030", "033147")
    assert check_slc_pair(first, second, "VV", [1]).swaths == (1,)
    assert check_slc_pair(first, second.replace("033147", "033146"), "VV", [1]).swaths == (1,)


def archive(path, swaths=(1, 2), polarizations=("vv", "vh"), root=f"{A}.SAFE"):
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr(f"{root}/manifest.safe", "<manifest/>")
        for swath in swaths:
            for polarization in polarizations:
                stem = f"s1a-iw{swath}-slc-{polarization}-20200604t022251-20200604t022318-032861-03ce65-004"
                for kind in (
                    "annotation/{}.xml",
                    "measurement/{}.tiff",
                    "annotation/calibration/noise-{}.xml",
                ):
                    name = kind.format(stem)
                    zipped.writestr(f"{root}/{name}", f"{name} " * 50)
    return path


def names_in(folder):
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("root", [f"{A}.SAFE", f"safe/{A}.SAFE"])
def test_only_requested_files_are_unpacked(tmp_path, root):
    path = archive(tmp_path / f"{A}.zip", root=root)
    safe = unpack_slc(path, SlcName.parse(A), "VV", [2], tmp_path, lambda *_: None)
    assert safe == tmp_path / f"{A}.SAFE"
    assert len(names_in(safe)) == 4
    assert all("iw2-slc-vv" in name or name == "manifest.safe" for name in names_in(safe))


def test_a_folder_is_read_like_an_archive(tmp_path):
    with zipfile.ZipFile(archive(tmp_path / "a.zip")) as zipped:
        zipped.extractall(tmp_path / "there")
    out = tmp_path / "out"
    out.mkdir()
    safe = unpack_slc(tmp_path / "there", SlcName.parse(A), "VH", [1, 2], out, lambda *_: None)
    assert len(names_in(safe)) == 7


def test_folders_of_a_safe_may_be_links(tmp_path):
    with zipfile.ZipFile(archive(tmp_path / "a.zip")) as zipped:
        zipped.extractall(tmp_path)
    safe = tmp_path / f"{A}.SAFE"
    (safe / "measurement").rename(tmp_path / "elsewhere")
    (safe / "measurement").symlink_to(tmp_path / "elsewhere")
    found = SlcArchive(safe)
    assert len(found.names("measurement/*.tiff")) == 4
    assert found.gdal_name(found.names("measurement/*.tiff")[0]).startswith(f"{safe}/measurement/")


def test_message_for_a_missing_swath_lists_the_present_ones(tmp_path):
    path = archive(tmp_path / f"{A}.zip")
    with pytest.raises(InputError, match="no annotation of IW3 VV, only of IW1 VH, IW1 VV, IW2 VH, IW2 VV"):
        unpack_slc(path, SlcName.parse(A), "VV", [2, 3], tmp_path, lambda *_: None)


@pytest.mark.parametrize("cut", [10, 2000])
def test_a_truncated_archive_is_refused(tmp_path, cut):
    path = archive(tmp_path / f"{A}.zip")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match="not a complete zip archive"):
        unpack_slc(path, SlcName.parse(A), "VV", [1], tmp_path, lambda *_: None)


def test_a_member_cannot_leave_its_folder(tmp_path):
    path = archive(tmp_path / f"{A}.zip")
    with zipfile.ZipFile(path, "a") as zipped:
        zipped.writestr(f"{A}.SAFE/measurement/s1a-iw1-slc-vv-/../../../x.tiff", "x")
    safe = tmp_path / "out"
    safe.mkdir()
    with pytest.raises(InputError, match="unsafe name"):
        unpack_slc(path, SlcName.parse(A), "VV", [1], safe, lambda *_: None)
