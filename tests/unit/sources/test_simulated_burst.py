"""The image of a simulated burst: its carrier, its speckle and its interferometric phase.

These tests form the interferogram from the files only, as a processor does: with the state vectors of the
orbit files, the heights of the DEM and the carrier of the annotation. The remaining phase must be the truth.
"""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from dataclasses import dataclass
from math import pi
from pathlib import Path

import numpy as np
import pytest
import rasterio
from scipy.interpolate import RectBivariateSpline

from isce2_recipe.sar.annotation import BurstGeometry
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sar.orbit import Orbit, read_orbit
from isce2_recipe.sar.tops_carrier import carrier_table
from isce2_recipe.sar.zero_doppler import geo2rdr, rdr2geo, sample_dem
from isce2_recipe.sources import open_source
from isce2_recipe.sources.simulated.metadata_xml import burst_geometry
from isce2_recipe.sources.simulated.world import Landscape
from isce2_recipe.types import BurstName

LOG = logging.getLogger(__name__)
REFERENCE = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
SECONDARY = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"
LAKE_LEVEL_M = Landscape(17).water_level_m
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def quiet(fraction, text):
    """Ignore progress."""


@dataclass(frozen=True)
class Date:
    """One granule, read back from its files."""

    burst: BurstGeometry
    orbit: Orbit
    pixels: np.ndarray

    @property
    def start_s(self):
        return self.orbit.seconds(self.burst.start)

    def carrier(self, line, sample):
        table = carrier_table(self.burst, self.orbit)
        at = np.arange(self.burst.samples)
        kt, reference, doppler = (np.interp(sample, at, row) for row in table)
        since = (line - self.burst.lines // 2) * self.burst.azimuth_interval_s - reference
        return pi * since * (kt * since + 2.0 * doppler)


@dataclass(frozen=True)
class Ground:
    """A DEM and the truth on its grid."""

    heights: np.ndarray
    moved: np.ndarray
    lat0: float
    lon0: float
    step: float


def fetch(folder: Path, text: str, *names: str) -> list[Date]:
    source = open_source(text)
    dates = []
    for record in source.find_bursts([BurstName.parse(name) for name in names], LOG):
        name = BurstName.parse(record.name)
        files = source.fetch_burst(record, folder, LOG, quiet)
        orbit = source.fetch_orbit(record.platform, record.start, record.stop, folder, LOG)
        burst = burst_geometry(files.metadata.read_bytes(), name.swath, name.polarization, record.index)
        with rasterio.open(files.tiff) as raster:
            pixels = raster.read(1)
        dates.append(Date(burst, read_orbit(orbit, record.start, record.stop), pixels))
    return dates


def fetch_ground(folder: Path, text: str, *names: str) -> Ground:
    source = open_source(text)
    records = source.find_bursts([BurstName.parse(name) for name in names], LOG)
    bounds = records[0].bounds
    for record in records[1:]:
        bounds = bounds.union(record.bounds)
    dem = source.fetch_dem(bounds.buffered(0.02), folder, LOG, quiet)
    with rasterio.open(dem) as raster:
        heights, transform = raster.read(1), raster.transform
    displacement = source.write_truth(records, dem, folder)
    total = folder / "los_total.tif"
    with rasterio.open(total if total.exists() else displacement) as raster:
        moved = raster.read(1)
    lat0, lon0 = transform.f + 0.5 * transform.e, transform.c + 0.5 * transform.a
    return Ground(heights, moved, *np.radians([lat0, lon0, transform.a]))


def offsets(first: Date, second: Date, place: Ground) -> np.ndarray:
    """Return offsets in line and sample, path difference, height and truth at the first date's pixels."""
    lines, samples = np.arange(0, first.burst.lines, 4), np.arange(0, first.burst.samples, 16)
    span = first.burst.lines * first.burst.azimuth_interval_s
    one = first.orbit.polynomial(first.start_s, first.start_s + span)
    two = second.orbit.polynomial(second.start_s - 1.0, second.start_s + span + 1.0)
    dem = place.heights, place.lat0, place.lon0, -place.step, place.step
    coarse = np.empty((5, lines.size, samples.size))
    for i, line in enumerate(lines):
        t = first.start_s + line * first.burst.azimuth_interval_s
        for j, sample in enumerate(samples):
            slant = first.burst.near_range_m + sample * first.burst.range_spacing_m
            lat, lon, height = rdr2geo(one, t, slant, *dem)
            guess = t - first.start_s + second.start_s
            t2, r2 = geo2rdr(two, *geodetic_to_ecef(lat, lon, height), guess)
            coarse[:, i, j] = (
                (t2 - second.start_s) / second.burst.azimuth_interval_s - line,
                (r2 - second.burst.near_range_m) / second.burst.range_spacing_m - sample,
                r2 - slant,
                height,
                sample_dem(place.moved, *dem[1:], lat, lon),
            )
    at = np.arange(first.burst.lines), np.arange(first.burst.samples)
    return np.array([RectBivariateSpline(lines, samples, grid)(*at) for grid in coarse])


def sinc(image: np.ndarray, line: np.ndarray, sample: np.ndarray, half: int = 4) -> np.ndarray:
    """Return a base-band image interpolated at fractional coordinates."""

    def weight(distance):
        return np.sinc(distance) * np.cos(pi * distance / (2 * half + 1)) ** 2

    padded = np.pad(image, half)
    top, left = np.floor(line).astype(int), np.floor(sample).astype(int)
    total = np.zeros(line.shape, dtype=complex)
    for i in range(1 - half, half + 1):
        row = np.clip(top + i + half, 0, padded.shape[0] - 1)
        for j in range(1 - half, half + 1):
            col = np.clip(left + j + half, 0, padded.shape[1] - 1)
            total += weight(line - top - i) * weight(sample - left - j) * padded[row, col]
    return total


def multilooked(values: np.ndarray) -> np.ndarray:
    """Return means of 4 lines by 20 samples."""
    rows, cols = values.shape[0] // 4, values.shape[1] // 20
    return values[: rows * 4, : cols * 20].reshape(rows, 4, cols, 20).mean(axis=(1, 3))


@dataclass(frozen=True)
class Comparison:
    """Phase and truth of a pair, multilooked, inside the valid window."""

    phase_error: np.ndarray
    coherence: np.ndarray
    height: np.ndarray
    moved: np.ndarray


def compare(first: Date, second: Date, place: Ground) -> Comparison:
    line, sample = np.mgrid[: first.burst.lines, : first.burst.samples].astype(float)
    d_line, d_sample, path, height, moved = offsets(first, second, place)
    base = second.pixels * np.exp(-1j * second.carrier(line, sample))
    there = line + d_line, sample + d_sample
    resampled = sinc(base, *there) * np.exp(1j * second.carrier(*there))
    flat = first.pixels * resampled.conj() * np.exp(-4j * pi / first.burst.wavelength_m * path)
    powers = multilooked(np.abs(first.pixels) ** 2) * multilooked(np.abs(resampled) ** 2)
    summed = multilooked(flat)
    inside = np.ones(summed.shape, dtype=bool)
    inside[:4], inside[-4:], inside[:, :6], inside[:, -6:] = False, False, False, False
    expected = np.exp(4j * pi / first.burst.wavelength_m * multilooked(moved))
    return Comparison(
        np.angle(summed * expected.conj())[inside],
        (np.abs(summed) / np.sqrt(powers + 1e-9))[inside],
        multilooked(height)[inside],
        multilooked(moved)[inside],
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Return a crop of the documented pair, with thermal noise as the only decorrelation, and its ground."""
    folder = tmp_path_factory.mktemp("clean")
    text = "simulated:clean,lines=240,samples=2000,coherence=1"
    dates = fetch(folder, text, REFERENCE, SECONDARY)
    return *dates, fetch_ground(folder, text, REFERENCE, SECONDARY)


DIFFICULT = "motion=linear+annual+step+bowl+fault,step_date=2020-06-10,atmosphere=5,stratified=10,relief=1.5"


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["", DIFFICULT])
def test_flattened_phase_is_the_truth(clean, settings, tmp_path):
    if settings:
        text = f"simulated:clean,lines=240,samples=2000,coherence=1,{settings}"
        clean = (
            *fetch(tmp_path, text, REFERENCE, SECONDARY),
            fetch_ground(tmp_path, text, REFERENCE, SECONDARY),
        )
    found = compare(*clean)
    land = found.height > LAKE_LEVEL_M + 0.5
    error = found.phase_error[land]
    assert land.sum() > 2000
    assert np.ptp(found.moved[land]) > 0.1
    # The orbit file is rounded to micrometres; thermal noise is 20 dB below the signal, in 80 looks.
    assert abs(error.mean()) < 0.005
    assert error.std() < 0.04
    # No topographic phase and no motion remain; a wrong sign or scale would be 100 times as large.
    design = np.stack([np.ones(error.size), found.height[land] / 100.0, found.moved[land]], axis=1)
    _, per_100_m, per_m = np.linalg.lstsq(design, error, rcond=None)[0]
    assert abs(per_100_m) < 0.005
    assert abs(per_m) < 0.01 * 4.0 * pi / 0.0555


def test_spectrum_is_centred_after_the_carrier_is_removed(clean):
    date = clean[0]
    line, sample = np.mgrid[: date.burst.lines, : date.burst.samples].astype(float)
    base = (date.pixels * np.exp(-1j * date.carrier(line, sample)))[8:-8, 20:-20]
    for axis, band in ((0, 313.0 * date.burst.azimuth_interval_s), (1, 48.3e6 / 64.345e6)):
        spectrum = (np.abs(np.fft.fft(base, axis=axis)) ** 2).mean(axis=1 - axis)
        frequency = np.fft.fftfreq(spectrum.size)
        centre = np.angle((spectrum * np.exp(2j * pi * frequency)).sum()) / (2.0 * pi)
        assert abs(centre) < 0.02
        # The processed band is Hamming-weighted and nearly empty outside.
        outside = spectrum[np.abs(frequency) > 0.5 * band + 0.04].mean()
        assert outside < 0.01 * spectrum[np.abs(frequency) < 0.1].mean()


@pytest.mark.slow
def test_land_is_coherent_and_water_is_not(tmp_path):
    text = "simulated:clean,lines=400,samples=3000"
    dates = fetch(tmp_path, text, REFERENCE, SECONDARY)
    found = compare(*dates, fetch_ground(tmp_path, text, REFERENCE, SECONDARY))
    land = found.height > LAKE_LEVEL_M + 5.0
    water = found.height < LAKE_LEVEL_M + 0.01
    assert found.coherence[land].mean() == pytest.approx(0.91, abs=0.02)
    assert water.sum() > 300
    # The estimate from 80 looks has a bias of about 0.1.
    assert found.coherence[water].mean() < 0.22
    assert found.phase_error[land].std() < 0.075


def test_pixels_are_zero_outside_the_valid_window_and_bright_inside(clean):
    date = clean[0]
    burst, power = date.burst, np.abs(date.pixels) ** 2
    inside = np.zeros(power.shape, dtype=bool)
    lines = slice(burst.first_valid_line, burst.first_valid_line + burst.valid_lines)
    # `valid_samples` does not count the last one, as in ISCE2.
    inside[lines, burst.first_valid_sample : burst.first_valid_sample + burst.valid_samples + 1] = True
    assert power[~inside].max() == 0.0
    assert 60.0 < np.sqrt(power[inside].mean()) < 140.0


@pytest.mark.slow
def test_overlapping_bursts_show_the_same_ground(tmp_path):
    """Compare the brightness of the overlap in two neighbouring bursts."""
    names = ("S1_136231_IW2_20200604T022312_VV_7C85-BURST", "S1_136232_IW2_20200604T022315_VV_7C85-BURST")
    first, second = fetch(tmp_path, "simulated:clean,samples=3200", *names)
    step = (second.burst.start - first.burst.start).total_seconds() / first.burst.azimuth_interval_s
    assert step == pytest.approx(round(step), abs=1e-3)
    top = first.pixels[round(step) + 30 : 1480]
    bottom = second.pixels[30 : 1480 - round(step)]
    assert top.shape[0] > 90

    def brightness(pixels):
        power = np.abs(pixels[:96, 40:3160]) ** 2
        return np.log(power.reshape(6, 16, 39, 80).mean(axis=(1, 3)) + 1.0).ravel()

    assert np.corrcoef(brightness(top), brightness(bottom))[0, 1] > 0.8


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


PROGRAM = """
import logging, sys
from pathlib import Path
from isce2_recipe.sources import open_source
from isce2_recipe.types import BurstName
folder, names = Path(sys.argv[1]), sys.argv[2:]
source = open_source("simulated:clean,lines=128,samples=1000")
for record in source.find_bursts([BurstName.parse(name) for name in names], logging.getLogger()):
    source.fetch_burst(record, folder, logging.getLogger(), lambda fraction, text: None)
    source.fetch_orbit(record.platform, record.start, record.stop, folder, logging.getLogger())
"""


@pytest.mark.slow
def test_same_name_gives_same_bytes_in_any_order_and_with_any_number_of_threads(tmp_path):
    both, alone = tmp_path / "both", tmp_path / "alone"
    runs = ((both, (SECONDARY, REFERENCE), "1"), (alone, (REFERENCE,), "2"))
    for folder, names, threads in runs:
        folder.mkdir()
        environment = {"NUMBA_NUM_THREADS": threads, "PATH": "", "HOME": str(tmp_path)}
        subprocess.run([sys.executable, "-c", PROGRAM, str(folder), *names], env=environment, check=True)
    first, second = digest(both), digest(alone)
    assert len(first) == 6
    assert second == {name: first[name] for name in second}
    assert len(second) == 3


@pytest.mark.slow
def test_polarizations_and_seeds_have_uncorrelated_speckle(tmp_path):
    text = "simulated:clean,lines=64,samples=512"
    vv, vh, hh = (
        fetch(tmp_path, text, REFERENCE.replace("_VV_", f"_{name}_"))[0].pixels for name in ("VV", "VH", "HH")
    )
    other = fetch(tmp_path, f"{text},seed=3", REFERENCE)[0].pixels
    for pixels in (vh, hh, other):
        correlation = np.abs(np.vdot(vv, pixels)) / np.linalg.norm(vv) / np.linalg.norm(pixels)
        assert correlation < 0.05


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports a peak per process")
def test_a_full_burst_is_simulated_in_bounded_memory(tmp_path):
    program = PROGRAM.replace('"simulated:clean,lines=128,samples=1000"', '"simulated"')
    # ru_maxrss cannot be used: a child inherits it from its parent.
    program += (
        "print(next(x.split()[1] for x in Path('/proc/self/status').open() if x.startswith('VmHWM')))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path), REFERENCE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1.2 * 1024 * 1024
    tiff = tmp_path / f"{REFERENCE}.tiff"
    assert tiff.stat().st_size - 1509 * 25359 * 4 < 20000
    with rasterio.open(tiff) as raster:
        assert raster.shape == (1509, 25359)
        assert raster.dtypes == ("complex_int16",)
        # One strip per line, as in ASF's files.
        assert raster.block_shapes == [(1, 25359)]
        assert np.abs(raster.read(1, window=((700, 764), (12000, 12512)))).mean() > 40.0


def test_no_partial_file_remains_when_the_disk_is_full(tmp_path):
    from isce2_recipe.sources.simulated.slc import write_tiff

    def blocks():
        yield np.ones((2, 8, 2), dtype=np.int16)
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_tiff(tmp_path / "burst.tiff", 4, 8, blocks())
    assert list(tmp_path.iterdir()) == []
