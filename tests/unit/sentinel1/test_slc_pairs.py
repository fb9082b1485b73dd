"""Tests of the rules for SLC pairs, and of archives of SLCs."""

from __future__ import annotations

import io
import tarfile
import zipfile
from contextlib import nullcontext

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sentinel1.archive import SlcArchive, check_slc, unpack_slc
from isce2_recipe.sentinel1.pairs import check_slc_pair
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


@pytest.mark.parametrize(
    ("reference", "secondary", "text"),
    [
        (A, A.replace("251_", "252_").replace("7C85", "0000"), "are one acquisition"),
        (A, B.replace("S1A", "S1B").replace("2020", "2022"), "Sentinel-1B took its last image on 2021-12-23"),
        (A.replace("2020", "2013"), B, "Sentinel-1A was launched later, on 2014-04-03"),
        (A, B.replace("2020", "2099"), "that is in the future"),
    ],
)
def test_impossible_times_are_refused(reference, secondary, text):
    assert text in message_of(reference, secondary, "VV", [1])


def test_tracks_order_and_swaths_are_checked():
    assert "different tracks: 64 and 65" in message_of(A, B.replace("033036", "033037"), "VV", [1])
    assert "Reference scenes must be older" in message_of(B, A, "VV", [1])
    assert str(check_slc_pair(B, A, "VV", [1], any_order=True).reference) == B
    with pytest.raises(ParameterError, match="one acquisition"):
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


LINES, SAMPLES = 3, 4


def annotation(swath: str, polarization: str, bursts: int = 2) -> str:
    """The parts of an annotation that unpacking needs."""
    return (
        f"<product><adsHeader><swath>{swath}</swath><polarisation>{polarization}</polarisation></adsHeader>"
        f"<swathTiming><linesPerBurst>{LINES}</linesPerBurst><samplesPerBurst>{SAMPLES}</samplesPerBurst>"
        f"<burstList>{'<burst/>' * bursts}</burstList></swathTiming></product>"
    )


def measurement(lines: int = 2 * LINES) -> bytes:
    with rasterio.MemoryFile() as file:
        with file.open(
            driver="GTiff", height=lines, width=SAMPLES, count=1, dtype="complex_int16", blockysize=1,
            crs="EPSG:4326", transform=rasterio.Affine(1, 0, 0, 0, -1, 10),
        ) as dataset:  # fmt: skip
            dataset.write(np.ones((lines, SAMPLES), np.complex64), 1)
        return bytes(file.read())


def safe_files(swaths=(1, 2), polarizations=("vv", "vh"), empty=()) -> dict[str, bytes]:
    """The files of an SLC; the swaths of ``empty`` have only annotation, without bursts."""
    files = {"manifest.safe": b"<manifest/>"}
    for swath in sorted({*swaths, *empty}):
        for polarization in polarizations:
            stem = f"s1a-iw{swath}-slc-{polarization}-20200604t022251-20200604t022318-032861-03ce65-004"
            bursts = 0 if swath in empty else 2
            text = annotation(f"IW{swath}", polarization.upper(), bursts)
            files[f"annotation/{stem}.xml"] = text.encode()
            files[f"annotation/calibration/noise-{stem}.xml"] = b"<noise/>"
            if bursts:
                files[f"measurement/{stem}.tiff"] = measurement()
    return files


def archive(path, files=None, root=f"{A}.SAFE"):
    """Write an SLC as a zip archive, or as the tar archive that the path names."""
    contents = {f"{root}/{name}": content for name, content in (files or safe_files()).items()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as zipped:
            for name, content in contents.items():
                zipped.writestr(name, content)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tarred:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tarred.addfile(entry, io.BytesIO(content))
    return path


def unpack(path, folder, polarization="VV", swaths=(1,)):
    return unpack_slc(path, SlcName.parse(A), polarization, swaths, folder, lambda *_: None)[0]


def names_in(folder):
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("root", [f"{A}.SAFE", f"safe/{A}.SAFE"])
@pytest.mark.parametrize("ending", [".zip", ".SAFE.TGZ", ".tar.gz", ".tar"])
def test_only_requested_files_are_unpacked(tmp_path, root, ending):
    path = archive(tmp_path / f"{A}{ending}", root=root)
    safe = unpack(path, tmp_path, "VV", [2])
    assert safe == tmp_path / f"{A}.SAFE"
    assert len(names_in(safe)) == 4
    assert all("iw2-slc-vv" in name or name == "manifest.safe" for name in names_in(safe))


def test_a_folder_is_read_like_an_archive(tmp_path):
    with zipfile.ZipFile(archive(tmp_path / "a.zip")) as zipped:
        zipped.extractall(tmp_path / "there")
    out = tmp_path / "out"
    out.mkdir()
    assert len(names_in(unpack(tmp_path / "there", out, "VH", [1, 2]))) == 7


def test_folders_of_a_safe_may_be_links(tmp_path):
    with zipfile.ZipFile(archive(tmp_path / "a.zip")) as zipped:
        zipped.extractall(tmp_path)
    safe = tmp_path / f"{A}.SAFE"
    (safe / "measurement").rename(tmp_path / "elsewhere")
    (safe / "measurement").symlink_to(tmp_path / "elsewhere")
    found = SlcArchive(safe)
    assert len(found.names("measurement/*.tiff")) == 4
    assert found.gdal_name(found.names("measurement/*.tiff")[0]).startswith(f"{safe}/measurement/")


@pytest.mark.parametrize("files", [safe_files([2]), safe_files([2], empty=[1, 3])], ids=["absent", "empty"])
def test_swaths_without_bursts_are_left_out_with_a_note(tmp_path, files):
    path = archive(tmp_path / f"{A}.zip", files)
    safe, note = unpack_slc(path, SlcName.parse(A), "VV", [1, 2, 3], tmp_path, lambda *_: None)
    assert names_in(safe) == names_in(unpack(path, tmp_path / "other", "VV", [2]))
    assert note == f"{A}.zip has no burst of IW1, IW3 in VV, which is left out."


@pytest.mark.parametrize(
    ("polarization", "swaths", "words"),
    [
        ("VV", [1, 3], "has no burst of IW1, IW3 in VV, only of IW2 VH, IW2 VV"),
        ("HH", [1, 2, 3], "has no burst of IW1, IW2, IW3 in HH, only of IW2 VH, IW2 VV"),
    ],
)
def test_an_slc_without_any_requested_burst_is_refused(tmp_path, polarization, swaths, words):
    path = archive(tmp_path / f"{A}.zip", safe_files([2], empty=[1]))
    with pytest.raises(InputError, match=words):
        unpack(path, tmp_path, polarization, swaths)


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("measurement", b"", "is empty: it has 0 bytes, about 96 are expected"),
        ("measurement", measurement()[:-20], "is truncated: it has \\d+ bytes, at least \\d+ are expected"),
        ("measurement", measurement()[:40], "it has 40 bytes, about 96 are expected"),
        ("measurement", measurement(LINES), "has 3 lines x 4 samples, but its annotation has 6 x 4"),
        ("measurement", None, "has no measurement of IW1 VV, although its annotation lists 2 burst"),
        ("annotation", annotation("IW1", "VV")[:-40].encode(), "not well-formed XML .* bytes"),
        ("annotation", annotation("IW2", "VV").encode(), "is of IW2 VV, not of the image in its name"),
        ("annotation", annotation("IW1", "VH").encode(), "is of IW1 VH, not of the image in its name"),
        ("annotation", annotation("EW1", "VV").encode(), "is of the swath EW1, not of IW1, IW2 or IW3"),
    ],
)
@pytest.mark.parametrize("form", ["archive", "folder"])
def test_damaged_files_are_refused_when_they_are_fetched(tmp_path, kind, content, words, form):
    files = safe_files([1], ["vv"])
    name = next(name for name in files if name.startswith(f"{kind}/s1a"))
    files = {**files, name: content} if content is not None else {n: c for n, c in files.items() if n != name}
    path = archive(tmp_path / f"{A}.zip", files)
    if form == "folder":
        with zipfile.ZipFile(path) as zipped:
            zipped.extractall(tmp_path / "there")
        path = tmp_path / "there" / f"{A}.SAFE"
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(InputError, match=words) as caught:
        unpack(path, out)
    assert "s1a-iw1-slc-vv" in str(caught.value) or content is None


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_measurements_are_checked_without_unpacking(tmp_path, form):
    files = safe_files([1, 2], ["vv"], empty=[3])
    name = next(name for name in files if name.startswith("measurement/s1a-iw2"))
    for content, words in ((measurement(), ""), (measurement()[:90], "is truncated"), (b"", "is empty")):
        path = archive(tmp_path / f"{A}.zip", {**files, name: content})
        if form == "folder":
            with zipfile.ZipFile(path) as zipped:
                zipped.extractall(tmp_path / "there")
            path = tmp_path / "there" / f"{A}.SAFE"
        check_slc(path, "VV", [1, 3])
        with pytest.raises(InputError, match=words) if words else nullcontext():
            check_slc(path, "vv", [1, 2, 3])


@pytest.mark.parametrize(("ending", "cut"), [(".zip", 10), (".zip", 2000), (".tar.gz", 300)])
def test_a_truncated_archive_is_refused(tmp_path, cut, ending):
    path = archive(tmp_path / f"{A}{ending}")
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(InputError, match=f"not a complete {'zip' if ending == '.zip' else 'tar'} archive"):
        unpack(path, tmp_path)


def test_a_member_cannot_leave_its_folder(tmp_path):
    files = {"measurement/s1a-iw1-slc-vv-/../../../x.tiff": b"x", **safe_files()}
    safe = tmp_path / "out"
    safe.mkdir()
    with pytest.raises(InputError, match="unsafe name"):
        unpack(archive(tmp_path / f"{A}.zip", files), safe)
