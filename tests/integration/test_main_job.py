"""The main job from the command line to the product, on a simulated pair whose truth is known."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp

import isce2_recipe
from isce2_recipe.sar.annotation import read_annotation
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.orbit import read_orbit
from isce2_recipe.sar.zero_doppler import geo2rdr, state
from support.isce_folder import MAP_LAYERS
from support.main_job import (
    NEXT_REFERENCE,
    NEXT_SECONDARY,
    REFERENCE,
    SECONDARY,
    SMALL,
    Ran,
    run_job,
    small_job,
    stock_folder,
)
from support.shared import Shared, copy_folder

ISCE_FILES = (
    "topsProc.xml",
    "reference/IW2.xml",
    "secondary/IW2.xml",
    "fine_interferogram/IW2.xml",
    "merged/lat.rdr",
    "merged/los.rdr.vrt",
    "merged/topophase.flat",
    "merged/filt_topophase.flat.vrt",
    "merged/filt_topophase.unw.conncomp.xml",
    "merged/phsig.cor.geo",
    "merged/filt_topophase.unw.geo.vrt",
    "merged/dem.crop",
)


@pytest.fixture
def finished(shared: Shared) -> Ran:
    """Return the README's command on a small scene."""
    return small_job(shared)


@pytest.fixture
def copied(finished: Ran, tmp_path: Path) -> Path:
    """Return a copy of its work directory, to be run again with other parameters."""
    return copy_folder(finished.workdir, tmp_path / "copy")


def test_it_prints_the_product_its_engine_and_its_agreement_with_the_truth(finished):
    assert finished.code == 0, finished.printed
    assert finished.product.is_dir() and Path(finished.output("zip")).is_file()
    assert finished.output("engine").startswith("builtin ")
    assert "agrees with the truth to" in finished.output("agreement")
    assert finished.product.name.startswith("S1_136231_IW2_20200604_20200616_VV_INT80_")


def test_the_product_is_complete(finished):
    name = finished.product.name
    files = {path.name.removeprefix(name) for path in finished.product.iterdir()}
    assert files >= {f"_{layer}.tif" for layer in MAP_LAYERS} | {".txt", "_README.md.txt", "_unw_phase.png"}
    for layer in MAP_LAYERS:
        with rasterio.open(finished.layer(layer)) as dataset:
            assert dataset.crs.to_epsg() in (32639, 32640)
            assert dataset.res == (80.0, 80.0)


def test_isce2s_files_are_there(finished):
    missing = [name for name in ISCE_FILES if not (finished.workdir / "isce" / name).is_file()]
    assert missing == []


def test_the_displacement_is_the_true_one(finished):
    """A whole burst agrees to 0.15 mm; the edges have more weight in a small scene."""
    agreement = finished.record["outputs"]["agreement"]
    rms_mm = float(agreement.partition(" mm RMS")[0].rpartition(" ")[2])
    assert rms_mm < 1.0
    assert ", 0 of " in agreement


def test_every_layer_is_where_the_ground_is(finished):
    """The look angles follow from the orbit and from a pixel's own place.

    Half a DEM cell would be 8 m east and 15 m north. Along the track only the orientation changes, by 0.01
    microradian a metre, which float32 resolves to a few metres on average.
    """
    shift_east_m, shift_north_m = look_vector_shift(finished)
    assert abs(shift_east_m) < 1.0
    assert abs(shift_north_m) < 4.0


def look_vector_shift(ran: Ran, count: int = 2000) -> tuple[float, float]:
    """Return how far the look vectors are shifted, metres east and north, by least squares."""
    with rasterio.open(ran.layer("lv_theta")) as dataset:
        theta, transform, crs = dataset.read(1), dataset.transform, dataset.crs
    with rasterio.open(ran.layer("lv_phi")) as dataset:
        phi = dataset.read(1)
    with rasterio.open(ran.layer("dem")) as dataset:
        height = dataset.read(1)
    rows, columns = np.nonzero(np.isfinite(theta) & (theta != 0))
    chosen = np.random.default_rng(1).choice(rows.size, min(count, rows.size), replace=False)
    rows, columns = rows[chosen], columns[chosen]
    east = transform.c + (columns + 0.5) * transform.a
    north = transform.f + (rows + 0.5) * transform.e
    look = Looking(ran)
    heights = height[rows, columns].astype(np.float64)
    here = look.angles(crs, east, north, heights)
    to_east = (look.angles(crs, east + 100, north, heights) - here) / 100
    to_north = (look.angles(crs, east, north + 100, heights) - here) / 100
    misfit = np.stack([theta[rows, columns], phi[rows, columns]]) - here
    # A pixel's height is an average, which blurs the elevation ten times more than the orientation.
    weight = 1 / misfit.std(axis=1, keepdims=True)
    design = np.stack([(weight * to_east).ravel(), (weight * to_north).ravel()], axis=1)
    solution, *_ = np.linalg.lstsq(design, (weight * misfit).ravel(), rcond=None)
    return float(solution[0]), float(solution[1])


class Looking:
    """The direction to the reference satellite, seen from the ground: closed forms of its orbit file."""

    def __init__(self, ran: Ran) -> None:
        [annotation] = (ran.workdir / "reference").glob("*.SAFE/annotation/*.xml")
        [burst] = read_annotation(annotation)
        [path] = (ran.workdir / "orbits").glob(f"{burst.platform}_*_V20200603T*.EOF")
        orbit = read_orbit(path, burst.start, burst.stop)
        self._poly = orbit.polynomial(orbit.seconds(burst.start) - 2, orbit.seconds(burst.stop) + 2)
        self._middle_s = orbit.seconds(burst.middle)

    def angles(self, crs, east, north, heights):
        """Return elevation and orientation of the direction to the satellite, radians, shape (2, n)."""
        longitudes, latitudes = rasterio.warp.transform(crs, "EPSG:4326", east, north)
        places = zip(np.radians(latitudes), np.radians(longitudes), heights, strict=True)
        return np.array([self._one(*place) for place in places]).T

    def _one(self, latitude, longitude, height):
        ground = np.array(geodetic_to_ecef(latitude, longitude, height))
        time_s, _ = geo2rdr(self._poly, *ground, self._middle_s)
        view = np.array(state(self._poly, time_s)[:3]) - ground
        view /= np.linalg.norm(view)
        up = np.array(
            [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
        )
        east = np.array([-np.sin(longitude), np.cos(longitude), 0.0])
        return np.arcsin(view @ up), np.arctan2(view @ np.cross(up, east), view @ east)


def test_a_second_run_does_nothing(copied: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.glob("package/*/*")}
    again = run_job(copied)
    assert again.code == 0
    assert "everything was up to date" in again.printed
    assert {path: path.stat().st_mtime_ns for path in copied.glob("package/*/*")} == before


@pytest.mark.slow
def test_the_default_simulation_has_air_and_decorrelation_and_proves_the_processing(tmp_path: Path) -> None:
    ran = run_job(tmp_path / "run", source="simulated:lines=400,samples=4000")
    agreement = ran.output("agreement")
    assert agreement.startswith("displacement and atmosphere agree with the truth to ")
    assert float(agreement.partition(" mm RMS")[0].rpartition(" ")[2]) < 1.0
    assert ", 0 of " in agreement
    # The atmosphere is of a few millimetres, and shown apart.
    assert 1.0 < float(agreement.rpartition(" varies by ")[2].removesuffix(" mm")) < 20.0
    pictures = (ran.workdir / "finish" / "report").glob("*.png")
    names = {path.name.removeprefix(f"{ran.product.name}_") for path in pictures}
    assert {"atmosphere.png", "true_displacement.png"} <= names


@pytest.mark.slow
def test_the_python_api_gives_the_same_bytes_elsewhere(finished: Ran, tmp_path: Path) -> None:
    result = isce2_recipe.run(
        "insar_tops_burst",
        reference=[REFERENCE],
        secondary=[SECONDARY],
        source=SMALL,
        engine="builtin",
        workdir=tmp_path / "elsewhere",
    )
    assert result.product is not None
    assert result.metadata["outputs"]["name"] == result.product.name == finished.product.name
    assert digests(result.product) == digests(finished.product)
    assert _digest(Path(result.outputs["zip"])) == _digest(Path(finished.output("zip")))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: _digest(path) for path in sorted(folder.iterdir())}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_a_folder_of_granules_gives_what_the_simulator_gives(finished: Ran, tmp_path: Path) -> None:
    """The terrain is read by other code, so phases agree and bytes need not."""
    folder = stock_folder(tmp_path / "granules", REFERENCE, SECONDARY)
    ran = run_job(tmp_path / "run", source=f"directory:{folder}")
    assert ran.code == 0, ran.printed
    assert "agreement" not in ran.out
    with rasterio.open(ran.layer("unw_phase")) as dataset:
        ours = dataset.read(1, masked=True)
    with rasterio.open(finished.layer("unw_phase")) as dataset:
        theirs = dataset.read(1, masked=True)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 0.01


def check(ran: Ran, name: str) -> None:
    """Check a run's product by the beginning of its name and by its agreement with the truth."""
    assert ran.code == 0, ran.printed
    assert ran.product.name.startswith(name)
    agreement = ran.output("agreement")
    assert float(agreement.partition(" mm RMS")[0].rpartition(" ")[2]) < 2.0
    wrong, pixels = agreement.partition(" mm), ")[2].split(" pixels")[0].split(" of ")
    assert int(wrong) <= 1e-3 * int(pixels)


@pytest.mark.slow
@pytest.mark.parametrize(("looks", "suffix"), [("10x2", "INT40"), ("5x1", "INT20")])
def test_other_looks_agree_with_the_truth(copied: Path, looks: str, suffix: str) -> None:
    check(run_job(copied, "--looks", looks), f"S1_136231_IW2_20200604_20200616_VV_{suffix}_")


@pytest.mark.slow
def test_water_is_masked_on_request(copied: Path) -> None:
    ran = run_job(copied, "--apply-water-mask", "true", "--looks", "20x5")
    check(ran, "S1_136231_IW2_20200604_20200616_VV_INT99_")
    with rasterio.open(ran.layer("unw_phase")) as dataset:
        phase = dataset.read(1, masked=True)
    with rasterio.open(ran.layer("water_mask")) as dataset:
        water = dataset.read(1) == 0
    assert phase.mask[water].all()
    assert (ran.product / f"{ran.product.name}.txt").read_text().rstrip().find("Water mask: yes") > 0


@pytest.mark.slow
def test_another_unwrapper_can_be_chosen(copied: Path) -> None:
    pytest.importorskip("whirlwind", reason="the extra whirlwind is not installed")
    ran = run_job(copied, "--unwrapper", "whirlwind")
    assert ran.code == 0, ran.printed
    assert ", 0 of " in ran.output("agreement")
    assert "Unwrapping type: whirlwind" in (ran.product / f"{ran.product.name}.txt").read_text()


@pytest.mark.slow
def test_a_horizontal_pair_with_the_newer_burst_first(tmp_path: Path) -> None:
    older, newer = (name.replace("VV", "HH") for name in (REFERENCE, SECONDARY))
    words = ("--reference", newer, "--secondary", older, "--any-order", "true", "--looks", "12x3")
    ran = run_job(tmp_path / "run", *words, pair=False, source="simulated:clean,lines=240,samples=2000")
    check(ran, "S1_136231_IW2_20200616_20200604_HH_INT60_")


@pytest.mark.slow
def test_two_bursts_agree_with_the_truth(tmp_path: Path) -> None:
    """Bursts must be long enough to touch each other, or nothing ties their phases together."""
    words = ("--reference", NEXT_REFERENCE, REFERENCE, "--secondary", SECONDARY, NEXT_SECONDARY)
    ran = run_job(tmp_path / "run", *words, pair=False, source="simulated:clean,lines=1400,samples=800")
    check(ran, "S1_064_000000s1n00-136231s2n02-000000s3n00_IW_20200604_20200616_VV_INT80_")


@pytest.mark.slow
def test_swaths_with_unequal_numbers_of_bursts_are_merged(tmp_path: Path) -> None:
    """Small bursts of different swaths do not touch, so that unwrapping makes no sense here."""
    swath_1 = [name.replace("IW2", "IW1") for name in (REFERENCE, SECONDARY)]
    ran = run_job(
        tmp_path / "run",
        *("--reference", REFERENCE, NEXT_REFERENCE, swath_1[0]),
        *("--secondary", SECONDARY, NEXT_SECONDARY, swath_1[1]),
        *("--until", "topsapp/interferogram"),
        source="simulated:clean,lines=160,samples=1200",
        pair=False,
    )
    assert ran.code == 0, ran.printed
    folder = ran.workdir / "isce"
    bursts = sorted(
        str(path.relative_to(folder)) for path in folder.glob("fine_interferogram/IW?/burst_??.int")
    )
    assert bursts == [
        f"fine_interferogram/{name}.int" for name in ("IW1/burst_01", "IW2/burst_01", "IW2/burst_02")
    ]
    assert len(list((ran.workdir / "reference").glob("*.SAFE"))) == 1
    assert (folder / "merged" / "filt_topophase.flat").is_file()
