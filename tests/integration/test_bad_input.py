"""Bad input from a user: one clear message, the right exit code, no traceback, nothing lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rasterio

from support.main_job import (
    NEXT_SECONDARY,
    REFERENCE,
    SECONDARY,
    SMALL,
    Ran,
    run_job,
    stock_folder,
)

TINY = "simulated:clean,lines=128,samples=1000"
HH = REFERENCE.replace("_VV_", "_HH_")


def clear(ran: Ran, code: int, *words: str) -> None:
    """Check that a run printed one message with these words and a hint, and no traceback."""
    assert ran.code == code, ran.printed
    assert ran.printed.count("error: ") == 1
    assert "Traceback" not in ran.printed
    for word in words:
        assert word in ran.message, ran.message
    assert "hint: " in ran.message


@pytest.mark.parametrize(
    ("reference", "secondary", "message"),
    [
        (["S1_136231_IW2"], [SECONDARY], ["'S1_136231_IW2'", "Sentinel-1 burst name"]),
        ([REFERENCE], [SECONDARY, NEXT_SECONDARY], ["got 1 reference and 2 secondary"]),
        ([HH], [SECONDARY], ["Polarizations present: HH, VV"]),
        ([SECONDARY], [REFERENCE], ["must be older than secondary", "swap"]),
        ([REFERENCE, NEXT_SECONDARY], [SECONDARY, NEXT_SECONDARY], ["2-minute window", NEXT_SECONDARY]),
        ([REFERENCE], [], ["secondary", "required"]),
        ([REFERENCE], [SECONDARY, "--looks", "20x50"], ["such as 20x4, 10x2, 5x1", "'20x50'"]),
        ([REFERENCE], [SECONDARY, "--filter-strength", "2"], ["filter_strength"]),
        ([REFERENCE], [SECONDARY, "--set", "lokks=20x4"], ["no parameter 'lokks'", "looks"]),
        ([REFERENCE], [SECONDARY, "--grid-pixel", "500000"], ["500000 metres are not possible"]),
        ([REFERENCE], [SECONDARY, "--grid-like", "nofile.tif"], ["grid_like", "nofile.tif does not exist"]),
        ([REFERENCE], [SECONDARY, "--compare-with", "nowhere"], ["compare_with", "nowhere does not exist"]),
    ],
    ids=[
        "name", "unequal", "polarizations", "order", "passes", "missing", "choice", "range", "unknown",
        "grid", "like", "other",
    ],
)  # fmt: skip
def test_parameters_are_refused_before_anything_is_written(tmp_path, reference, secondary, message):
    words = ["--reference", *reference, *(["--secondary"] if secondary else []), *secondary]
    ran = run_job(tmp_path / "run", *words, pair=False)
    assert ran.code == 1, ran.printed
    assert ran.printed.count("error: ") == 1 and "Traceback" not in ran.printed
    for word in message:
        assert word in ran.message
    assert not ran.workdir.exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--engine", "gamma"], 2, ["there is no engine 'gamma'", "known engines: auto, isce2, builtin"]),
        (["--source", "simulatd"], 2, ["there is no source 'simulatd'", "did you mean simulated?"]),
        (["--source", "simulated:clean,lins=3"], 2, ["no option 'lins=3'", "did you mean lines"]),
        (["--source", "directory:/nowhere/at/all"], 1, ["/nowhere/at/all does not exist", "directory:DIR"]),
    ],
    ids=["engine", "source", "source's option", "folder"],
)
def test_options_are_refused_before_anything_is_written(tmp_path, words, code, message):
    ran = run_job(tmp_path / "run", *words)
    clear(ran, code, *message)
    assert not ran.workdir.exists()


def test_a_recipe_that_does_not_exist(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "isce2_recipe", "run", "insar_tops_brust"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "insar_tops_brust" in done.stderr and "insar_tops_burst" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_map_of_another_place_is_refused_before_the_first_download(tmp_path):
    ran = run_job(tmp_path / "run", "--grid-bounds", "10", "10", "11", "11", source=TINY)
    clear(ran, 1, "step preflight: the box of the map (10 to 11 E, 10 to 11 N) does not touch the scene (53.")
    assert not (ran.workdir / "reference").exists()


@pytest.fixture(scope="module")
def stocked(tmp_path_factory) -> Path:
    """Return a folder of tiny granules without any fault."""
    return stock_folder(tmp_path_factory.mktemp("stock") / "granules", REFERENCE, SECONDARY, source=TINY)


@pytest.fixture
def granules(stocked, tmp_path) -> Path:
    """Return a copy of it, for a test to damage."""
    return Path(shutil.copytree(stocked, tmp_path / "granules"))


def truncate(folder: Path) -> Path:
    path = folder / "bursts" / f"{SECONDARY}.tiff"
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def malform(folder: Path) -> Path:
    path = folder / "bursts" / f"{SECONDARY}.xml"
    path.write_bytes(path.read_bytes()[:-1000])
    return path


def remove(folder: Path) -> Path:
    path = folder / "bursts" / f"{SECONDARY}.tiff"
    path.unlink()
    return path


def _without_vectors(text: str, time: str) -> str:
    """Return the text of an orbit file without the vectors whose time begins with ``time``."""
    from lxml import etree

    root = etree.fromstring(text.encode())
    for vector in list(root.iter("OSV")):
        if f"UTC={time}" in (vector.findtext("UTC") or ""):
            vector.getparent().remove(vector)
    return etree.tostring(root).decode()


def lose_orbit(folder: Path) -> Path:
    [path] = (folder / "orbits").glob("*V20200615*.EOF")
    path.unlink()
    return folder / "orbits"


def crop_dem(folder: Path) -> Path:
    path = folder / "dem" / "dem.tif"
    with rasterio.open(path) as dataset:
        profile, heights = dataset.profile, dataset.read(1)
    profile.update(height=heights.shape[0] // 2)
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(heights[: heights.shape[0] // 2], 1)
    return folder / "dem"


def lose_water_mask(folder: Path) -> Path:
    [path] = (folder / "water_mask").glob("*.tif")
    path.unlink()
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (truncate, ["is truncated", "fetch it again"]),
        (malform, ["is not well-formed XML", "fetch it again"]),
        (remove, ["lacks bursts/", "https://search.asf.alaska.edu"]),
        (lose_orbit, ["covers S1A from 2020-06-16T02:23:1", "https://s1-orbits.asf.alaska.edu/scene/"]),
        (crop_dem, ["does not cover the scene", "GeoTIFFs with heights above the WGS84 ellipsoid"]),
        (lose_water_mask, ["n25e050.tif", "WATER_MASK/TILES/n25e050.tif"]),
    ],
    ids=["truncated tiff", "malformed xml", "missing file", "no orbit", "small dem", "no water mask"],
)
def test_a_file_that_cannot_be_used_is_named_with_the_remedy(granules, tmp_path, damage, words):
    path = damage(granules)
    ran = run_job(tmp_path / "run", source=f"directory:{granules}")
    clear(ran, 1, path.name, *words)
    assert (ran.workdir / "pair").is_dir()


@pytest.mark.slow
def test_an_orbit_without_vectors_around_the_burst_is_named(granules, tmp_path):
    [path] = (granules / "orbits").glob("*V20200615*.EOF")
    path.write_text(_without_vectors(path.read_text(), "2020-06-16T02:"))
    ran = run_job(tmp_path / "run", source=f"directory:{granules}")
    clear(ran, 1, path.name, "POEORB")


@pytest.mark.slow
def test_finished_steps_are_kept_and_the_run_continues_with_the_repaired_file(stocked, granules, tmp_path):
    path = truncate(granules)
    words = ("--jobs", "1", "--until", "topsapp/config")
    broken = run_job(tmp_path / "run", *words, source=f"directory:{granules}")
    clear(broken, 1, path.name)
    [made] = (broken.workdir / "reference").glob("*.SAFE")
    assert (made / "manifest.safe").is_file()
    assert not (broken.workdir / "secondary").exists()
    shutil.copyfile(stocked / "bursts" / path.name, path)
    repaired = run_job(tmp_path / "run", *words, source=f"directory:{granules}")
    assert repaired.code == 0, repaired.printed
    assert len(list((repaired.workdir / "secondary").glob("*.SAFE"))) == 1
    assert (made / "manifest.safe").is_file()


def _can_mount(folder: Path) -> bool:
    try:
        done = subprocess.run(
            ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
        )
    except OSError:
        return False
    return done.returncode == 0


def on_a_small_disk(tmp_path, size):
    """Run the main job on a disk of that size; list at the end what is on it."""
    if not _can_mount(tmp_path):
        pytest.skip("small file systems cannot be mounted on this machine")
    words = [sys.executable, "-m", "isce2_recipe", "run", "insar_tops_burst", "--workdir", "run"]
    words += ["--source", SMALL, "--engine", "builtin", "--reference", REFERENCE, "--secondary", SECONDARY]
    mount = 'mount -t tmpfs -o size=$1 tmpfs "$2" && cd "$2" && shift 2'
    script = mount + ' && { "$@"; echo "code $?"; ls run run/*; }'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", size, str(tmp_path), *words],
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_a_full_disk_is_reported_and_nothing_is_lost(tmp_path):
    done = on_a_small_disk(tmp_path, "60m")
    assert "code 3" in done.stdout, done.stderr
    assert (
        "the disk is full" in done.stderr
        and "hint: free disk space and run the same command again" in done.stderr
    )
    assert "resume with: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "bursts.json" in done.stdout
    assert "S1A_IW_SLC__1SSV_20200604" in done.stdout


@pytest.mark.slow
def test_a_disk_too_small_for_the_inputs_is_reported_before_they_are_fetched(tmp_path):
    done = on_a_small_disk(tmp_path, "3m")
    assert "code 1" in done.stdout, done.stderr
    assert "the inputs alone need " in done.stderr
    assert " MB are free" in done.stderr
    assert "--workdir" in done.stderr
    assert "Traceback" not in done.stderr
    assert "bursts.json" in done.stdout and ".SAFE" not in done.stdout
