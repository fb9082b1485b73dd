"""Tests of startup to mergebursts on a simulated pair with known displacement."""

from __future__ import annotations

import filecmp
import math
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from scipy.ndimage import map_coordinates

from isce2_recipe.engines.builtin import isceimage
from isce2_recipe.engines.builtin.config import tops_steps
from isce2_recipe.engines.builtin.dem import read_dem_window
from isce2_recipe.errors import EngineFailed, InputError
from isce2_recipe.products.quality.seams import seams
from isce2_recipe.sar.annotation import read_annotation
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.orbit import read_orbit
from isce2_recipe.sar.zero_doppler import geo2rdr, sample_dem
from support import isce_raster
from support.looked import assert_same_looks
from support.tops_scene import Scene, make_scene, run

WAVELENGTH_M = 0.05546576
LINES, SAMPLES = 400, 2400


def read(path: Path, band: int = 1) -> np.ndarray:
    return isce_raster.read(path, band)


def multilooked(array: np.ndarray, azimuth: int, range_: int) -> np.ndarray:
    lines, samples = array.shape[0] // azimuth, array.shape[1] // range_
    cut = array[: lines * azimuth, : samples * range_]
    return cut.reshape(lines, azimuth, samples, range_).mean(axis=(1, 3))


def error_rad(folder: Path, truth: Path, azimuth: int = 4, range_: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Return the phase error, and a mask of complete pixels on land."""
    interferogram = read(folder / "merged/topophase.flat")
    lat, lon = (multilooked(read(folder / f"merged/{k}.rdr.full"), azimuth, range_) for k in ("lat", "lon"))
    with rasterio.open(truth) as dataset:
        displacement, t = dataset.read(1).astype(float), dataset.transform
    place = [(lat - t.f) / t.e - 0.5, (lon - t.c) / t.a - 0.5]
    moved = map_coordinates(displacement, place, order=3, mode="nearest")
    error = np.angle(interferogram * np.exp(-4j * np.pi / WAVELENGTH_M * moved))
    valid = (
        multilooked((read(folder / "merged/topophase.flat.full") != 0).astype(float), azimuth, range_) == 1
    )
    return error, valid & (read(folder / "merged/topophase.cor", 2) > 0.75)


def rms_and_plane(error: np.ndarray, land: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the RMS without a constant, and the slope of the best plane across the image."""
    constant = np.angle(np.exp(1j * error[land]).mean())
    rest = np.angle(np.exp(1j * (error - constant)))
    line, sample = np.nonzero(land)
    design = np.stack([np.ones(line.size), line / land.shape[0], sample / land.shape[1]], axis=1)
    plane, *_ = np.linalg.lstsq(design, rest[land], rcond=None)
    return float(rest[land].std()), plane[1:]


def test_phase_equals_the_true_displacement(scene: Scene, merged: Path) -> None:
    error, land = error_rad(merged, scene.truth)
    rms, plane = rms_and_plane(error, land)
    assert land.mean() > 0.5
    assert rms < 0.07
    # Noise alone tilts a plane by 0.06 rad * sqrt(12 / pixels).
    assert np.abs(plane).max() < 4 * 0.06 * math.sqrt(12 / land.sum())


def test_ground_coordinates_map_back_to_their_pixels(scene: Scene, merged: Path) -> None:
    """Check that geo2rdr of each pixel's coordinates gives its line and sample."""
    burst = read_annotation(next(scene.reference[0].glob("annotation/*.xml")))[0]
    orbit = read_orbit(next(scene.orbits.glob("*V20200603T*.EOF")), burst.start, burst.stop)
    poly = orbit.polynomial(orbit.seconds(burst.start), orbit.seconds(burst.stop))
    lat, lon, height = (read(merged / f"geom_reference/IW2/{k}_01.rdr") for k in ("lat", "lon", "hgt"))
    rng = np.random.default_rng(5)
    for line, sample in zip(rng.integers(0, LINES, 40), rng.integers(0, SAMPLES, 40), strict=True):
        place = math.radians(lat[line, sample]), math.radians(lon[line, sample]), height[line, sample]
        t, distance = geo2rdr(poly, *geodetic_to_ecef(*place), orbit.seconds(burst.middle))
        # 5 mm is the error of interpolation on a grid of two lines by eight samples.
        assert (t - orbit.seconds(burst.start)) / burst.azimuth_interval_s == pytest.approx(line, abs=4e-4)
        expected = burst.near_range_m + sample * burst.range_spacing_m
        assert distance == pytest.approx(expected, abs=0.005)


def test_heights_of_all_pixels_equal_the_dem(scene: Scene, merged: Path) -> None:
    """Include shores, where the slope changes abruptly between nodes of the grid."""
    lat, lon, height = (read(merged / f"geom_reference/IW2/{k}_01.rdr") for k in ("lat", "lon", "hgt"))
    box = lat.min(), lat.max(), lon.min(), lon.max()
    dem = read_dem_window(scene.dem, tuple(float(value) for value in box))
    lake = np.isclose(dem.heights_m[:-1], dem.heights_m[1:], atol=1e-3).mean()
    assert lake > 0.01
    miss = [
        sample_dem(
            dem.heights_m, *dem.origin, math.radians(lat[line, sample]), math.radians(lon[line, sample])
        )
        - height[line, sample]
        for line in range(0, LINES, 3)
        for sample in range(0, SAMPLES, 5)
    ]
    assert np.abs(miss).max() < 0.02


def test_line_of_sight_has_isce2s_convention(merged: Path) -> None:
    """On a descending pass the satellite is about 100 degrees clockwise from north, to the east."""
    incidence, azimuth = (read(merged / "geom_reference/IW2/los_01.rdr", band) for band in (1, 2))
    assert 30 < incidence.min() < incidence.max() < 45
    assert np.all(np.diff(incidence[200, ::100]) > 0)
    assert -105 < azimuth.min() < azimuth.max() < -95


EXPECTED = {
    "reference/IW2/burst_01.slc": ("CFLOAT", 1, "full"),
    "secondary/IW2/burst_01.slc": ("CFLOAT", 1, "full"),
    "geom_reference/IW2/lat_01.rdr": ("DOUBLE", 1, "full"),
    "geom_reference/IW2/lon_01.rdr": ("DOUBLE", 1, "full"),
    "geom_reference/IW2/hgt_01.rdr": ("DOUBLE", 1, "full"),
    "geom_reference/IW2/los_01.rdr": ("FLOAT", 2, "full"),
    "fine_offsets/IW2/range_01.off": ("FLOAT", 1, "full"),
    "fine_offsets/IW2/azimuth_01.off": ("FLOAT", 1, "full"),
    "fine_coreg/IW2/burst_01.slc": ("CFLOAT", 1, "full"),
    "fine_interferogram/IW2/burst_01.int": ("CFLOAT", 1, "full"),
    "fine_interferogram/IW2/burst_01.cor": ("FLOAT", 2, "full"),
    "fine_interferogram/IW2/burst_01.4alks_20rlks.int": ("CFLOAT", 1, "multilooked"),
    "merged/lat.rdr.full": ("DOUBLE", 1, "full"),
    "merged/lon.rdr.full": ("DOUBLE", 1, "full"),
    "merged/z.rdr.full": ("DOUBLE", 1, "full"),
    "merged/los.rdr.full": ("FLOAT", 2, "full"),
    "merged/topophase.cor.full": ("FLOAT", 2, "full"),
    "merged/topophase.flat.full": ("CFLOAT", 1, "full"),
    "merged/reference.slc.full": ("CFLOAT", 1, "full"),
    "merged/secondary.slc.full": ("CFLOAT", 1, "full"),
    "merged/topophase.flat": ("CFLOAT", 1, "multilooked"),
    "merged/topophase.cor": ("FLOAT", 2, "multilooked"),
    "merged/los.rdr": ("FLOAT", 2, "multilooked"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_files_have_isce2s_names_types_and_sizes(merged: Path, name: str) -> None:
    data_type, bands, size = EXPECTED[name]
    lines, samples = (LINES, SAMPLES) if size == "full" else (LINES // 4, SAMPLES // 20)
    header = isceimage.read_header(merged / name)
    assert (header.data_type, header.bands, header.lines, header.samples) == (
        data_type,
        bands,
        lines,
        samples,
    )
    with rasterio.open(merged / f"{name}.vrt") as dataset:
        assert (dataset.count, dataset.height, dataset.width) == (bands, lines, samples)
        assert np.any(dataset.read(1))


@pytest.mark.parametrize("name", ["topophase.flat", "topophase.cor", "los.rdr"])
def test_multilooked_files_have_isce2s_geotransform(merged: Path, name: str) -> None:
    """ISCE2 writes the samples and lines of the whole image in which the windows have their middles."""
    text = (merged / "merged" / f"{name}.vrt").read_text()
    assert "<GeoTransform>9.5, 20.0, 0.0, 1.5, 0.0, 4.0</GeoTransform>" in text
    assert "<SRS>EPSG:4326</SRS>" in text
    assert isceimage.read_header(merged / "merged" / name).grid is None


def test_swath_descriptions_are_written(merged: Path) -> None:
    for name in ("reference", "secondary", "fine_coreg", "fine_interferogram"):
        root = ElementTree.parse(merged / name / "IW2.xml").getroot()
        values = {p.get("name"): p.findtext("value") for p in root.iter("property")}
        assert values["numberofbursts"] == "1"
        assert values["numberoflines"] == str(LINES)
        assert values["mission"] == "S1A"


def test_offsets_outside_the_secondary_have_isce2s_value(merged: Path) -> None:
    shift, lag = (read(merged / f"fine_offsets/IW2/{name}_01.off") for name in ("range", "azimuth"))
    outside = shift == -999999
    assert np.array_equal(outside, lag == -999999)
    line, sample = np.mgrid[0:LINES, 0:SAMPLES]
    inside = ~outside
    assert inside.mean() > 0.9
    assert np.all((sample + shift)[inside] <= SAMPLES - 1) and np.all((line + lag)[inside] >= 0)


def test_valid_window_is_the_common_one_without_the_interpolator(merged: Path) -> None:
    valid = read(merged / "fine_interferogram/IW2/burst_01.int") != 0
    lines, samples = np.flatnonzero(valid.any(axis=1)), np.flatnonzero(valid.any(axis=0))
    assert valid[lines[0] : lines[-1] + 1, samples[0] : samples[-1] + 1].mean() > 0.999
    reference = read(merged / "reference/IW2/burst_01.slc") != 0
    assert (
        np.flatnonzero(reference.any(axis=1))[0] <= lines[0] <= np.flatnonzero(reference.any(axis=1))[0] + 40
    )
    assert valid.sum() / reference.sum() > 0.8


def test_topsproc_contains_the_baselines(merged: Path) -> None:
    root = ElementTree.parse(merged / "topsProc.xml").getroot()
    first, last = (
        float(root.findtext(f"baseline/IW-2_Bperp_at_midrange_for_{which}_common_burst", "nan"))
        for which in ("first", "last")
    )
    assert first == last
    assert 40 < abs(first) < 160
    assert root.findtext("baseline/IW-2_Number_of_common_bursts") == "1"
    names = {
        name for node in ("topo", "baseline", "common") for name in (child.tag for child in root.find(node))
    }
    assert {"Dem_Used", "Number_of_common_bursts_IW-2", "Input_list_of_swaths_to_process"} <= names


def test_a_repeated_run_gives_the_same_bytes(scene: Scene, merged: Path, tmp_path: Path) -> None:
    again = run(scene.application(tmp_path / "again"), cpus=1)
    for name in ("merged/topophase.flat", "merged/los.rdr", "merged/topophase.cor", "topsProc.xml"):
        assert filecmp.cmp(again / name, merged / name, shallow=False), name


@pytest.mark.slow
def test_steps_in_separate_processes_give_the_same_bytes(scene: Scene, merged: Path, tmp_path: Path) -> None:
    folder = scene.application(tmp_path / "steps")
    program = (
        "import logging, sys; from pathlib import Path\n"
        "from isce2_recipe.engines.builtin import BuiltinEngine\n"
        "BuiltinEngine().run('topsApp', Path('topsApp.xml'), folder=Path(sys.argv[1]), start=sys.argv[2],"
        " end=sys.argv[3], log=logging.getLogger(), progress=lambda *_: None, cpus=2)"
    )
    cuts = ("startup", "topo", "fineoffsets", "burstifg", "mergebursts")
    for start, following in zip(cuts, (*cuts[1:], None), strict=True):
        end = tops_steps()[tops_steps().index(following) - 1] if following else "mergebursts"
        subprocess.run([sys.executable, "-c", program, str(folder), start, end], check=True)
    for name in ("merged/topophase.flat", "merged/topophase.cor", "topsProc.xml"):
        assert filecmp.cmp(folder / name, merged / name, shallow=False), name


@pytest.mark.slow
def test_files_without_virtual_files(scene: Scene, merged: Path, tmp_path: Path) -> None:
    """Check that binaries are complete and, for one burst, have the same valid samples."""
    folder = run(scene.application(tmp_path / "real", use_virtual_files=False))
    for name in ("reference/IW2/burst_01.slc", "merged/topophase.flat.full", "merged/lat.rdr.full"):
        assert (folder / name).stat().st_size == isceimage.read_header(folder / name).nbytes
    assert np.array_equal(read(folder / "merged/topophase.flat"), read(merged / "merged/topophase.flat"))


@pytest.mark.slow
def test_one_look_writes_no_full_files(scene: Scene, merged: Path, tmp_path: Path) -> None:
    folder = run(scene.application(tmp_path / "one", range_looks=1, azimuth_looks=1))
    assert not list((folder / "merged").glob("*.full*"))
    assert np.array_equal(read(folder / "merged/topophase.flat"), read(merged / "merged/topophase.flat.full"))


@pytest.mark.slow
def test_bursts_of_several_safes_join_without_a_phase_step(tmp_path: Path) -> None:
    bursts = [("136231_IW2", "12"), ("136232_IW2", "15")]
    scene = make_scene(tmp_path / "scene", "samples=1200", bursts)
    folder = run(scene.application(tmp_path / "work"))
    error, land = error_rad(folder, scene.truth)
    rms, plane = rms_and_plane(error, land)
    assert rms < 0.07
    assert np.abs(plane).max() < 0.01
    # The seam is at the first valid line of the lower burst; means on both sides differ only by noise.
    windows = ElementTree.parse(folder / "fine_interferogram/IW2.xml").getroot()
    first = [
        int(p.findtext("value", "")) for p in windows.iter("property") if p.get("name") == "firstvalidline"
    ]
    starts = [
        b.start for s in sorted(scene.reference) for b in read_annotation(next(s.glob("annotation/*.xml")))
    ]
    seam = round((starts[1] - starts[0]).total_seconds() / 2.055556299e-3) + first[1]
    row = seam // 4
    above, below = (
        np.exp(1j * error[r][land[r]]).mean() for r in (slice(row - 12, row), slice(row + 1, row + 13))
    )
    assert abs(np.angle(above / below)) < 0.02
    assert np.array_equal(read(folder / "merged/topophase.flat.full")[seam], _row(folder, 2, first[1]))
    looks = run(scene.application(tmp_path / "looks"), looks_only=True)
    assert_same_looks(looks, folder)
    wavelength_m = read_annotation(next(scene.reference[0].glob("annotation/*.xml")))[0].wavelength_m
    assert seams(looks, wavelength_m) == seams(folder, wavelength_m) != []


def _row(folder: Path, burst: int, line: int) -> np.ndarray:
    return read(folder / f"fine_interferogram/IW2/burst_{burst:02d}.int")[line]


@pytest.mark.slow
def test_three_swaths_are_merged_on_one_grid(tmp_path: Path) -> None:
    bursts = [("136231_IW1", "11"), ("136231_IW2", "12"), ("136231_IW3", "13")]
    scene = make_scene(tmp_path / "scene", "lines=300,samples=1500", bursts)
    folder = run(scene.application(tmp_path / "work", swaths="[1, 2, 3]"))
    error, land = error_rad(folder, scene.truth)
    rms, _ = rms_and_plane(error, land)
    assert rms < 0.07
    full = isceimage.read_header(folder / "merged/topophase.flat.full")
    annotations = [xml for safe in scene.reference for xml in safe.glob("annotation/*.xml")]
    geometries = [read_annotation(xml)[0] for xml in annotations]
    assert sorted(g.swath for g in geometries) == [1, 2, 3]
    near, far = min(g.near_range_m for g in geometries), max(g.far_range_m for g in geometries)
    assert full.samples == round((far - near) / geometries[0].range_spacing_m + 1)
    for number in (1, 2, 3):
        value = f"baseline/IW-{number}_Bperp_at_midrange_for_first_common_burst"
        assert ElementTree.parse(folder / "topsProc.xml").getroot().findtext(value)
    looks = run(scene.application(tmp_path / "looks", swaths="[1, 2, 3]"), looks_only=True)
    assert_same_looks(looks, folder)


def test_a_step_without_its_predecessor_is_refused(scene: Scene, tmp_path: Path) -> None:
    folder = scene.application(tmp_path / "fresh")
    with pytest.raises(InputError, match="step 'topo' needs the results of step 'startup'"):
        run(folder, start="topo")
    run(folder, end="computeBaselines")
    with pytest.raises(
        InputError, match="step 'fineoffsets' needs the results of step 'verifyDEM'"
    ) as caught:
        run(folder, start="fineoffsets")
    assert caught.value.hint == "start with --start=verifyDEM"


def test_unknown_steps_are_refused(scene: Scene, tmp_path: Path) -> None:
    folder = scene.application(tmp_path / "words")
    with pytest.raises(InputError, match="has no step 'toppo' of topsApp"):
        run(folder, start="toppo")
    with pytest.raises(InputError, match="step 'topo' of topsApp comes after step 'startup'"):
        run(folder, start="topo", end="startup")


def test_a_truncated_measurement_is_named(copied: Callable[[], Scene], tmp_path: Path) -> None:
    scene = copied()
    tiff = next(scene.reference[0].glob("measurement/*.tiff"))
    with tiff.open("r+b") as stream:
        stream.truncate(tiff.stat().st_size // 2)
    with pytest.raises(InputError, match=re.escape(str(tiff))):
        run(scene.application(tmp_path / "short"))


def test_a_measurement_of_another_burst_is_refused(copied: Callable[[], Scene], tmp_path: Path) -> None:
    scene = copied()
    tiff = next(scene.reference[0].glob("measurement/*.tiff"))
    with rasterio.open(tiff, "w", driver="GTiff", width=50, height=50, count=1, dtype="complex_int16"):
        pass
    with pytest.raises(InputError, match="50 lines x 50 samples, fewer than its annotation states"):
        run(scene.application(tmp_path / "small"))


def test_broken_annotation_is_named(copied: Callable[[], Scene], tmp_path: Path) -> None:
    scene = copied()
    xml = next(scene.reference[0].glob("annotation/*.xml"))
    xml.write_text(xml.read_text()[:4000])
    with pytest.raises(InputError, match=f"{xml.name} is not well-formed"):
        run(scene.application(tmp_path / "broken"))


def test_a_dem_of_another_place_is_refused(scene: Scene, tmp_path: Path) -> None:
    grid = isceimage.GeoGrid(10.0, 50.0, 1 / 3600, -1 / 3600)
    heights = np.zeros((100, 100), np.float32)
    image = isce_raster.header_for_array(
        tmp_path / "far.dem", heights, image_type="dem", grid=grid, reference="WGS84"
    )
    isce_raster.write(image, heights)
    with pytest.raises(InputError, match=r"far\.dem does not cover the scene"):
        run(scene.application(tmp_path / "far", demFilename=image.path))


def test_a_dem_of_half_the_scene_is_refused(scene: Scene, tmp_path: Path) -> None:
    header = isceimage.read_header(scene.dem)
    whole = isce_raster.read(scene.dem, 1)
    half = whole[:, : whole.shape[1] // 2]
    image = isce_raster.header_for_array(
        tmp_path / "half.dem", half, image_type="dem", grid=header.grid, reference="WGS84"
    )
    isce_raster.write(image, half)
    with pytest.raises(InputError, match=r"half\.dem does not cover [\d.]+ % of burst IW2"):
        run(scene.application(tmp_path / "half", demFilename=image.path))


def test_a_dem_above_the_geoid_is_refused(scene: Scene, tmp_path: Path) -> None:
    image = isceimage.read_header(scene.dem)
    heights = isce_raster.read(scene.dem, 1)
    geoid = isce_raster.header_for_array(
        tmp_path / "geoid.dem", heights, image_type="dem", grid=image.grid, reference="EGM96"
    )
    isce_raster.write(geoid, heights)
    with pytest.raises(InputError, match=r"geoid\.dem has heights above the geoid \(EGM96\)"):
        run(scene.application(tmp_path / "geoid", demFilename=geoid.path), end="verifyDEM")


def test_orbits_of_other_days_are_refused(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "orbits").mkdir()
    with pytest.raises(InputError, match="has no orbit file of S1A that covers 2020-06-04"):
        run(scene.application(tmp_path / "noorbit", orbit_directory=tmp_path / "orbits"))


def test_a_failed_write_names_step_file_and_command_to_resume(scene: Scene, tmp_path: Path) -> None:
    """A folder with the name of the interferogram causes an error of the operating system."""
    folder = run(scene.application(tmp_path / "full"), end="ion")
    (folder / "fine_interferogram/IW2/burst_01.int").mkdir(parents=True)
    with pytest.raises(
        EngineFailed, match=r"step 'burstifg' in .* failed: Is a directory: .*burst_01\.int"
    ) as caught:
        run(folder, start="burstifg")
    assert caught.value.hint == "fix this, then resume with --start=burstifg"
    (folder / "fine_interferogram/IW2/burst_01.int").rmdir()
    run(folder, start="burstifg")
