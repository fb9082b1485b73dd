"""The steps ``prepesd`` and ``esd``: the azimuth shift between two dates by enhanced spectral diversity.

Two bursts see the ground of their overlap with different Doppler frequencies, so an azimuth shift of the
secondary turns their interferograms by different phases. The shift is the difference of these phases divided
by the difference of the frequencies in the secondary. Source: Prats-Iraola et al. (2012), TOPS interferometry
with TerraSAR-X, https://doi.org/10.1109/TGRS.2011.2178247.

ISCE2 2.6.5 divides by the sum of the differences in the reference and in the secondary, and counts the first
line of the overlap twice in the secondary, so that its divisor is three times too large. Its number is
computed too, to be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import kernels, node_grids
from isce2_recipe.engines.builtin.config import EsdConfig
from isce2_recipe.engines.builtin.interferogram import looks_grid
from isce2_recipe.engines.builtin.isceimage import IsceImage
from isce2_recipe.engines.builtin.job import Job
from isce2_recipe.engines.builtin.offsets import Misregistration
from isce2_recipe.engines.builtin.overlaps import (
    SIDES,
    Overlap,
    OverlapOffsets,
    read_interferogram,
    read_whole,
    solve_overlap,
    used_overlaps,
    write_whole,
)
from isce2_recipe.engines.builtin.workplace import STATE, Catalog
from isce2_recipe.sar.tops_carrier import carrier_table

Float = NDArray[np.float64]
Real = NDArray[np.float32]
Complex = NDArray[np.complex64]

ESD = "ESD"
# Size of ISCE2's window for the coherence; it has no value within this distance less one of an edge.
_WINDOW = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A shift, estimated at many points."""

    median: float
    mean: float
    std: float
    points: int

    @classmethod
    def of(cls, values: Float) -> Estimate:
        """Return the estimate from the values at the points, of which there is at least one."""
        return cls(float(np.median(values)), float(np.mean(values)), float(np.std(values)), values.size)

    def entries(self, prefix: str = "") -> dict[str, object]:
        """Return the entries of ``topsProc.xml``."""
        return {f"{prefix}Median": self.median, f"{prefix}Mean": self.mean, f"{prefix}Std": self.std}


@dataclass(frozen=True, slots=True)
class EsdPoints:
    """The multilooked overlaps of one or more pairs of bursts, shape (lines, samples)."""

    difference: Complex  # interferogram of the upper burst times the conjugate of that of the lower one
    divisor: Real  # radians of ``difference`` for a shift of one line
    isce2_divisor: Real  # what ISCE2 2.6.5 takes for it
    coherence: Real  # of the phase of ``difference``

    def usable(self, settings: EsdConfig) -> NDArray[np.bool_]:
        """Return the points that ISCE2 uses."""
        return (np.abs(self.difference) > 0) & (self.coherence > settings.coherence_threshold)

    def shifts(self, settings: EsdConfig) -> tuple[Float, Float]:
        """Return the shifts in lines at the usable points, and those by ISCE2's divisor."""
        used = self.usable(settings)
        difference, cycles = self.difference[used], 2.0 * math.pi * settings.extra_cycles
        phase = np.angle(difference).astype(np.float64)
        middle = float(np.angle(np.exp(1j * phase).sum())) if phase.size else 0.0
        # Phases around their mean, so that no shift of nearly half a cycle is cut in two.
        around = middle + np.angle(difference * np.exp(-1j * middle))
        return (around + cycles) / self.divisor[used], (phase + cycles) / self.isce2_divisor[used]


def prepare_esd(job: Job) -> None:
    """Write the double-difference interferograms, their coherence and their divisors to ``ESD``."""
    for pair, overlaps in used_overlaps(job):
        for overlap in overlaps:
            _prepare(job, overlap, _looks(job))
        job.log.info("IW%d: %d overlap(s) of bursts", pair.number, len(overlaps))


def _looks(job: Job) -> tuple[int, int]:
    settings = job.config.esd or EsdConfig()
    return settings.azimuth_looks, settings.range_looks


def _prepare(job: Job, overlap: Overlap, looks: tuple[int, int]) -> None:
    top, bottom = (read_interferogram(job, overlap, side) for side in SIDES)
    difference = (top * bottom.conj()).astype(np.complex64)
    write_whole(job, _image(job, overlap, "overlap", "int"), difference)
    offsets = [solve_overlap(job, overlap, side, job.folder / STATE) for side in SIDES]
    ours, isce2 = divisors(overlap, offsets)
    write_whole(job, _image(job, overlap, "freq", "bin"), ours)
    if min(overlap.lines // looks[0], overlap.samples // looks[1]) < 1:
        return
    looked = multilook(difference, looks)
    for name, extension, values in (
        ("overlap", "int", looked),
        ("overlap", "cor", phase_coherence(looked)),
        ("freq", "bin", multilook(ours, looks)),
        ("isce2_freq", "bin", multilook(isce2, looks)),
    ):
        write_whole(job, _image(job, overlap, name, extension, looks), values)


def _image(
    job: Job, overlap: Overlap, name: str, extension: str, looks: tuple[int, int] = (1, 1)
) -> IsceImage:
    """Return the header of a raster such as ``ESD/overlap_IW2_01.5alks_15rlks.int``."""
    suffix = "" if looks == (1, 1) else f".{looks[0]}alks_{looks[1]}rlks"
    path = job.folder / ESD / f"{name}_IW{overlap.pair.number}_{overlap.index + 1:02d}{suffix}.{extension}"
    size = (overlap.lines // looks[0], overlap.samples // looks[1])
    image = _raster(path, *size)
    return image if looks == (1, 1) else replace(image, grid=looks_grid(*looks))


def _raster(path: Path, lines: int, samples: int) -> IsceImage:
    kind = ("CFLOAT", "cpx") if path.suffix == ".int" else ("FLOAT", "")
    return IsceImage(path, lines, samples, data_type=kind[0], image_type=kind[1])


def multilook(values: NDArray[Any], looks: tuple[int, int]) -> NDArray[Any]:
    """Return the means over windows of azimuth x range looks; incomplete windows are dropped."""
    lines, samples = values.shape[0] // looks[0], values.shape[1] // looks[1]
    parts = 2 if np.iscomplexobj(values) else 1
    out = np.empty((lines, samples, parts), np.float32)
    pixels = np.ascontiguousarray(values).view(np.float32).reshape(*values.shape, parts)
    kernels.multilook(pixels, *looks, out)
    return out.reshape(lines, -1).view(values.dtype)


def phase_coherence(difference: Complex) -> Real:
    """Return ISCE2's coherence: of the phase alone, in 5 x 5 pixels, zero near the edges.

    A pixel of zero counts as a pixel of zero phase.
    """
    from scipy.ndimage import uniform_filter

    phase = np.angle(difference)
    parts = [uniform_filter(part.astype(np.float64), _WINDOW, mode="constant") for part in _unit(phase)]
    coherence = np.hypot(*parts)
    edge = _WINDOW - 1
    inner = np.zeros(difference.shape, np.float32)
    inner[edge:-edge, edge:-edge] = coherence[edge:-edge, edge:-edge]
    return inner


def _unit(phase: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    return np.cos(phase), np.sin(phase)


def divisors(overlap: Overlap, offsets: list[OverlapOffsets]) -> tuple[Real, Real]:
    """Return the phase for a shift of one line at every pixel of an overlap: the true one, and ISCE2's.

    ``offsets`` are those of the upper and of the lower burst.
    """
    ours, isce2 = (np.zeros((overlap.lines, overlap.samples), np.float32) for _ in range(2))
    for side, offset, sign in zip(SIDES, offsets, (1.0, -1.0), strict=True):
        own = overlap.pair.reference.bursts[overlap.burst_index(side)].geometry
        other = overlap.secondary(side)
        _add_frequencies(
            sign, overlap.start(side), carrier_table(own, overlap.pair.reference.orbit),
            carrier_table(other, overlap.pair.secondary.orbit), own.lines // 2, other.lines // 2,
            own.azimuth_interval_s, offset.plane(node_grids.RANGE_OFFSET),
            offset.plane(node_grids.AZIMUTH_OFFSET), ours, isce2,
        )  # fmt: skip
    return ours, isce2


@njit(cache=True, nogil=True, error_model="numpy")
def _add_frequencies(
    sign: float, start: int, own: Float, other: Float, own_middle: int, other_middle: int, dt: float,
    shift: Float, lag: Float, ours: Real, isce2: Real,
) -> None:  # fmt: skip
    """Add the frequencies of one of the bursts, in radians a line, to both divisors.

    ``own`` and ``other`` are the carrier tables of the bursts of both dates, ``start`` is the overlap's first
    line in the reference's burst, and ``lag`` leads from lines of the overlap to lines of the secondary's.
    """
    turn = sign * 2.0 * math.pi * dt
    last = other.shape[1] - 2
    for i in range(lag.shape[0]):
        own_eta = (start + i - own_middle) * dt
        for j in range(lag.shape[1]):
            position = j + shift[i, j]
            k = min(max(int(position), 0), last)
            f = position - k
            rate = other[0, k] + f * (other[0, k + 1] - other[0, k])
            crossing = other[1, k] + f * (other[1, k + 1] - other[1, k])
            doppler = other[2, k] + f * (other[2, k + 1] - other[2, k])
            line = i + lag[i, j] - other_middle
            ours[i, j] += turn * (rate * (line * dt - crossing) + doppler)
            double = rate * (line + start) * dt + doppler
            isce2[i, j] += turn * (own[0, j] * own_eta - own[2, j] + double)


def estimate_azimuth(job: Job) -> Catalog:
    """Estimate the azimuth shift, and write the points of each swath to one raster."""
    settings = job.config.esd
    if settings is None:
        return {}
    shifts: list[Float] = []
    by_isce2: list[Float] = []
    greatest = 0.0
    for number, points in _swaths(job):
        greatest = max(greatest, float(points.coherence[np.abs(points.difference) > 0].max(initial=0.0)))
        found, other = points.shifts(settings)
        shifts.append(found)
        by_isce2.append(other)
        _write_points(job, number, points)
    values = np.concatenate([*shifts, np.empty(0)])
    threshold = {"coherence threshold": settings.coherence_threshold}
    if not values.size:
        job.log.warning("the azimuth coregistration is not refined: %s", _reason(job, settings, greatest))
        Misregistration().write(job.folder / STATE)
        return {"esd": {**threshold, "number of coherent points": 0}}
    estimate, isce2 = Estimate.of(values), Estimate.of(np.concatenate(by_isce2))
    job.log.info(
        "azimuth shift %.5f lines (standard deviation %.5f, %d points); ISCE2 2.6.5 would find %.5f",
        estimate.median, estimate.std, estimate.points, isce2.median,
    )  # fmt: skip
    Misregistration(azimuth_lines=estimate.median).write(job.folder / STATE)
    entries = estimate.entries() | threshold | {"number of coherent points": estimate.points}
    return {"esd": entries | isce2.entries("ISCE2 ")}


def _swaths(job: Job) -> Iterator[tuple[int, EsdPoints]]:
    """Yield the multilooked points of each swath."""
    looks = _looks(job)
    for pair, overlaps in used_overlaps(job):
        long = [overlap for overlap in overlaps if overlap.lines >= looks[0]]
        if not long or long[0].samples < looks[1]:
            continue
        files = (("overlap", "int"), ("freq", "bin"), ("isce2_freq", "bin"), ("overlap", "cor"))
        rasters = [
            np.concatenate([read_whole(_image(job, overlap, *file, looks)) for overlap in long])
            for file in files
        ]
        yield pair.number, EsdPoints(*rasters)


def _write_points(job: Job, swath: int, points: EsdPoints) -> None:
    """Write the points of all overlaps of a swath below each other."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shifts = (np.angle(points.difference) / points.divisor).astype(np.float32)
    for name, extension, values in (
        ("combined", "int", points.difference),
        ("combined_freq", "bin", points.divisor),
        ("combined", "cor", points.coherence),
        ("combined", "off", shifts),
    ):
        path: Path = job.folder / ESD / f"{name}_IW{swath}.{extension}"
        write_whole(job, _raster(path, *values.shape), values)


def _reason(job: Job, settings: EsdConfig, greatest: float) -> str:
    """Return why there is no point."""
    lines = [overlap.lines for _, overlaps in used_overlaps(job) for overlap in overlaps]
    if not lines:
        return "no swath has two adjacent bursts in common that overlap"
    least = settings.azimuth_looks * (2 * _WINDOW - 1)
    if max(lines) < least:
        return (
            f"the overlaps of the bursts have at most {max(lines)} lines, and {settings.azimuth_looks} "
            f"azimuth looks need {least}"
        )
    return (
        f"no point has a coherence above the threshold of {settings.coherence_threshold:g} (largest: "
        f"{greatest:.2f}); 'ESD coherence threshold' sets it"
    )
