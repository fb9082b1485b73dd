"""The raw signal of one pass: the pulses in the files of one or several frames, on one grid of lines.

Every pulse has a record with a header of 412 bytes. The scene's lines are pulses at equal times. Lines that
the files lack are zero, a window that begins later or earlier is moved by whole samples, and
pulses of another repetition frequency (PRF) than most are interpolated.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.sinc import kaiser_sinc

Complex = NDArray[np.complex64]
Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

# Bytes of a file's descriptor, and of a pulse's record before its samples.
DESCRIPTOR, HEADER = 720, 412
# Big-endian fields of a pulse's header: type and offset.
_FIELDS = {
    "sequence": (">i4", 0), "code": ("4u1", 4), "length": (">i4", 8), "line": (">i4", 12),
    "record": (">i4", 16), "left_fill": (">i4", 20), "data_pixels": (">i4", 24), "right_fill": (">i4", 28),
    "updated": (">i4", 32), "year": (">i4", 36), "day_of_year": (">i4", 40), "milliseconds": (">i4", 44),
    "channel": (">i2", 48), "channel_code": (">i2", 50), "transmitted": (">i2", 52), "received": (">i2", 54),
    "prf_millihertz": (">i4", 56), "scan": (">i4", 60), "compressed": (">i2", 64), "chirp_kind": (">i2", 66),
    "chirp_nanoseconds": (">i4", 68), "electronic_nadir_angle": (">i4", 100), "slant_range_m": (">i4", 116),
    "latitude": (">i4", 132), "longitude": (">i4", 136), "altitude_m": (">i4", 140), "speed": (">i4", 144),
    "frame_counter": (">i4", 284),
}  # fmt: skip
# Longest record; real ones have 21100 bytes.
_LONGEST = 50412
# More lost pulses than this share are an error, as are frames further apart than this time.
_MOST_MISSING = 0.1
_LONGEST_GAP_S = 1.0
# A pulse's time in whole milliseconds that differs by more from its neighbours' is damaged.
_DAMAGED_MS = 5.0
# Accuracy of the clock.
_CLOCK_MS = 0.05
# Pulses after lost ones from which their number is computed.
_AHEAD = 16
# Pulses whose median PRF is that of the middle one. A real change lasts for thousands of pulses.
_PRF_WINDOW = 15
# Taps of the interpolation between pulses, a power of two.
_TAPS = 16
# Pulses of which the statistics are computed: pairs of neighbours, and number of pairs in a group.
_GROUP, _GROUPS = 64, 96


def line_type(samples: int) -> np.dtype[np.void]:
    """Return the type of a pulse's record: header fields by name, and ``signal`` with I and Q alternating."""
    return _record_type(HEADER + 2 * samples, {"signal": (f"{2 * samples}u1", HEADER)})


def _record_type(size: int, more: dict[str, tuple[str, int]]) -> np.dtype[np.void]:
    fields = _FIELDS | more
    forms, offsets = zip(*fields.values(), strict=True)
    return np.dtype({"names": [*fields], "formats": [*forms], "offsets": [*offsets], "itemsize": size})


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive pulses of one file with one PRF, one range window and no lost pulse between them.

    Attributes
    ----------
    offset, stride : int
        Byte of the first sample of the first pulse, and from pulse to pulse.
    line, step : float
        Line of the first pulse, and lines from pulse to pulse: whole and 1 if no interpolation is needed.
    shift : int
        Samples by which the window begins after the scene's.
    """

    path: Path
    offset: int
    stride: int
    pulses: int
    samples: int
    prf_hz: float
    line: float
    step: float
    shift: int

    @property
    def whole(self) -> bool:
        """Return whether the pulses are lines."""
        return self.step == 1.0 and self.line.is_integer()

    @property
    def lines(self) -> range:
        """Return the lines that the pulses cover, half a pulse beyond the first and the last."""
        beyond = 0.0 if self.whole else 0.5
        last = self.line + (self.pulses - 1) * self.step
        return range(max(math.ceil(self.line - beyond), 0), math.floor(last + beyond) + 1)

    def read(self, pulses: range, samples: range) -> Bytes:
        """Return I and Q of pulses, shape (pulses, 2 * samples); zero outside of the window.

        Raises
        ------
        InputError
            If the file has become shorter.
        """
        out = np.zeros((len(pulses), 2 * len(samples)), np.uint8)
        first = max(samples.start - self.shift, 0)
        count = min(samples.stop - self.shift, self.samples) - first
        if count <= 0:
            return out
        place = 2 * (first + self.shift - samples.start)
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            for row, pulse in zip(out, pulses, strict=True):
                part = row[place : place + 2 * count].data
                if os.preadv(descriptor, [part], self.offset + pulse * self.stride + 2 * first) != 2 * count:
                    raise InputError(f"{self.path} is truncated at pulse {pulse}", hint="fetch it again")
        finally:
            os.close(descriptor)
        return out

    def outside(self, samples: range) -> Iterator[slice]:
        """Yield the parts of ``samples``, counted from its first, that the window does not have."""
        before = min(max(self.shift - samples.start, 0), len(samples))
        after = min(max(self.shift + self.samples - samples.start, 0), len(samples))
        yield from (part for part in (slice(0, before), slice(after, len(samples))) if part.start < part.stop)


@dataclass(frozen=True, slots=True)
class RawSignal:
    """The pulses of one pass and channel.

    Attributes
    ----------
    start : datetime
        Time of line 0, UTC.
    near_range_m : float
        Slant range of sample 0.
    bias : complex
        Mean of I and Q.
    missing, interpolated : int
        Number of lines that no file has, and that lie between pulses.
    """

    runs: tuple[Run, ...]
    lines: int
    samples: int
    start: datetime
    prf_hz: float
    near_range_m: float
    bias: complex
    polarization: str
    missing: int
    interpolated: int

    def columns(self, wanted: range, step: int) -> Iterator[tuple[range, Complex]]:
        """Yield the wanted columns, ``step`` at a time, after subtraction of the mean of I and Q.

        Yields
        ------
        tuple of range and ndarray of complex64, shape (columns, lines)
            The array is overwritten by the next one.
        """
        parts = [(run, run.read(range(run.pulses), wanted)) for run in self.runs]
        out = np.zeros((step, self.lines), np.complex64)
        bias = np.array([self.bias.real, self.bias.imag], np.float32)
        for first in range(0, len(wanted), step):
            columns = range(first, min(first + step, len(wanted)))
            part = out[: len(columns)]
            for run, data in parts:
                values = data[:, 2 * first : 2 * columns.stop].astype(np.float32)
                values.reshape(len(data), -1, 2)[...] -= bias
                signal = values.view(np.complex64).T
                for gap in run.outside(wanted[first : columns.stop]):
                    signal[gap] = 0.0
                _place(run, signal, part)
            yield wanted[first : columns.stop], part

    def doppler_hz(self) -> float:
        """Return the Doppler centroid from the phase between neighbouring pulses, within half the PRF."""
        total = 0j
        for run in self.runs:
            if run.prf_hz == self.prf_hz:
                for signal in _groups(run, self.bias):
                    total += complex(np.vdot(signal[:-1], signal[1:]))
        return float(self.prf_hz / (2.0 * math.pi) * np.angle(total))


def _place(run: Run, signal: Complex, out: Complex) -> None:
    """Write the samples of a run, (columns, pulses), to their lines."""
    lines = run.lines
    if run.whole:
        out[:, lines.start : lines.stop] = signal
        return
    padded = np.pad(signal, ((0, 0), (_TAPS // 2, _TAPS // 2)))
    at = (np.arange(lines.start, lines.stop) - run.line) / run.step
    pulse = np.floor(at).astype(np.int64)
    weights = kaiser_sinc(at - pulse, _TAPS)
    target = out[:, lines.start : lines.stop]
    target[...] = 0.0
    for tap in range(_TAPS):
        target += padded[:, pulse + tap + 1] * weights[:, tap]


def open_signal(images: Sequence[Path], sampling_hz: float) -> RawSignal:
    """Find the pulses in the signal files of one or several frames of a pass, in order of time.

    Raises
    ------
    InputError
        If a file cannot be read, is truncated, or does not continue the one before.
    """
    files = sorted((_File(path, *read_headers(path)) for path in images), key=lambda file: file.start)
    for one, other in pairwise(files):
        if one.polarization != other.polarization:
            raise InputError(
                f"{one.path.name} has {one.polarization}, but {other.path.name} {other.polarization}",
                hint="join frames of one polarization",
            )
        gap_s = (other.start - one.stop) / timedelta(seconds=1)
        if gap_s > _LONGEST_GAP_S or other.stop <= one.stop:
            what = f"begins {gap_s:.1f} s after" if gap_s > 0.0 else "lies within"
            raise InputError(
                f"{other.path} {what} {one.path.name}", hint="join successive frames of one pass only"
            )
    return _join([piece for file in files for piece in _pieces(file)], files[0], sampling_hz)


@dataclass(frozen=True)
class _File:
    """A signal file: byte of each pulse's record, and headers."""

    path: Path
    offsets: Integers
    headers: NDArray[np.void]

    @property
    def start(self) -> datetime:
        return pulse_time(self.path, self.headers[0])

    @property
    def stop(self) -> datetime:
        return pulse_time(self.path, self.headers[-1])

    @property
    def polarization(self) -> str:
        return polarization_of(self.headers[0])


@dataclass(frozen=True)
class _Piece:
    """Pulses of one file with one PRF: byte of each record, number of each pulse from 0, and headers."""

    path: Path
    offsets: Integers
    numbers: Integers
    headers: NDArray[np.void]
    start: datetime

    @property
    def prf_hz(self) -> float:
        return int(self.headers[0]["prf_millihertz"]) / 1000.0


def polarization_of(header: np.void) -> str:
    """Return the polarization in a pulse's header, such as HH."""
    return "".join("HV"[int(header[name]) & 1] for name in ("transmitted", "received"))


def pulse_time(path: Path, header: np.void) -> datetime:
    """Return the time in a pulse's header, UTC; raise InputError if there is no such time."""
    try:
        start = datetime(int(header["year"]), 1, 1, tzinfo=UTC)
        days = int(header["day_of_year"]) - 1
        return start + timedelta(days=days, milliseconds=int(header["milliseconds"]))
    except (ValueError, OverflowError) as exc:
        raise InputError(
            f"{path} is damaged: a pulse has no valid time ({exc})", hint="download the scene again"
        ) from exc


def read_headers(path: Path) -> tuple[Integers, NDArray[np.void]]:
    """Return byte and header of every pulse in a file; a damaged header is left out.

    Raises
    ------
    InputError
        If the file cannot be read, is truncated, or holds no pulses.
    """
    offsets: list[int] = []
    found: list[bytes] = []
    damaged = 0
    try:
        with path.open("rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            at, usual = DESCRIPTOR, 0
            while at < size:
                header = os.pread(stream.fileno(), HEADER, at)
                length = int.from_bytes(header[8:12], "big")
                if usual and length != usual and _begins_record(stream.fileno(), at + usual, usual, size):
                    damaged, at = damaged + 1, at + usual
                    continue
                if not HEADER < length <= _LONGEST or at + length > size:
                    raise InputError(
                        f"{path} is truncated or damaged at pulse {len(found) + damaged + 1}: it has {size} "
                        f"bytes, and the pulse at byte {at} states a length of {length}",
                        hint="download the scene again",
                    )
                offsets.append(at)
                found.append(header)
                at, usual = at + length, length
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from exc
    if len(found) < 2:
        raise InputError(f"{path} has no pulses", hint="download the scene again")
    return np.array(offsets, np.int64), np.frombuffer(b"".join(found), _record_type(HEADER, {}))


def _begins_record(descriptor: int, at: int, length: int, size: int) -> bool:
    """Return whether a record of this length begins at a byte, or the file ends there."""
    return at == size or os.pread(descriptor, 4, at + 8) == length.to_bytes(4, "big")


def _pieces(file: _File) -> Iterator[_Piece]:
    """Yield the pulses between changes of the PRF; a few pulses with another PRF have damaged headers."""
    from scipy.ndimage import median_filter

    if file.headers["prf_millihertz"].min() <= 0:
        raise InputError(f"{file.path}: a pulse has no PRF", hint="download the scene again")
    records = file.headers.copy()
    prf = median_filter(records["prf_millihertz"].astype(np.int64), _PRF_WINDOW, mode="mirror")
    records["prf_millihertz"] = prf
    edges = [0, *(np.flatnonzero(np.diff(prf)) + 1).tolist(), len(prf)]
    for first, last in pairwise(edges):
        headers = records[first:last]
        numbers, delay_ms = _count(headers, prf[first] / 1000.0)
        start = pulse_time(file.path, headers[0]) + timedelta(milliseconds=delay_ms)
        yield _Piece(file.path, file.offsets[first:last], numbers, headers, start)


def _count(headers: NDArray[np.void], prf_hz: float) -> tuple[Integers, float]:
    """Return the number of each pulse, counted from the first, and the time of the first after its header's.

    The numbers follow the records' sequence, or where that does not fit, the clock. The headers have whole
    milliseconds, rounded down, so that together they determine the time of the first pulse to microseconds.
    """
    sequence = headers["sequence"].astype(np.int64)
    numbers = sequence - sequence[0]
    if numbers.size > 1 and (np.diff(numbers).min() < 1 or numbers[-1] > 2 * numbers.size):
        numbers = np.arange(numbers.size, dtype=np.int64)
    day = headers["day_of_year"].astype(np.int64)
    clock = (day - day[0]) * 86_400_000 + headers["milliseconds"].astype(np.int64)
    clock -= clock[0]
    interval = 1000.0 / prf_hz
    late = clock - numbers * interval
    window = np.lib.stride_tricks.sliding_window_view(np.pad(late, 3, mode="edge"), 7)
    usable = np.abs(late - np.median(window, axis=1)) < _DAMAGED_MS
    low, high, lost = -math.inf, math.inf, 0
    shifts = np.zeros_like(numbers)
    for k in np.flatnonzero(usable).tolist():
        value = late[k] - lost * interval
        if not low - 1.0 - _CLOCK_MS <= value <= high + _CLOCK_MS:
            following = late[k : k + _AHEAD][usable[k : k + _AHEAD]] - lost * interval
            jump = round((float(following.max()) - low) / interval)
            lost += jump
            value -= jump * interval
            shifts[k:] += jump
        low, high = max(low, value), max(min(high, value + 1.0), low, value)
    numbers = numbers + shifts
    if np.diff(numbers).min(initial=1) < 1:
        numbers = np.maximum.accumulate(numbers - np.arange(numbers.size)) + np.arange(numbers.size)
    return numbers, float(low)


def _join(pieces: list[_Piece], first: _File, sampling_hz: float) -> RawSignal:
    """Put all pulses on the lines of the most frequent PRF and window."""
    counts: dict[float, int] = {}
    for piece in pieces:
        counts[piece.prf_hz] = counts.get(piece.prf_hz, 0) + len(piece.numbers)
    prf = max(counts, key=lambda hz: counts[hz])
    start = pieces[0].start
    near = int(pieces[0].headers[0]["slant_range_m"])
    runs: list[Run] = []
    whole, end = True, 0.0
    for piece in pieces:
        step = prf / piece.prf_hz
        line = (piece.start - start) / timedelta(seconds=1) * prf
        # The clock of the pulses goes on over lost ones and frames, but not over a change of the PRF.
        whole = whole and step == 1.0
        line = float(round(line)) if whole else line
        for part in _parts(piece):
            at = line + float(piece.numbers[part.start]) * step
            skip = max(0, math.ceil((end - at) / step - 0.5))
            if skip < len(part):
                runs.append(_run(piece, part[skip:], at + skip * step, step, near, sampling_hz))
                end = at + len(part) * step
    lines = runs[-1].lines.stop
    missing = lines - len(set().union(*(run.lines for run in runs)))
    if missing > _MOST_MISSING * lines:
        raise InputError(
            f"{first.path.name} lacks {missing} of {lines} lines", hint="download the scene again"
        )
    longest = max(runs, key=lambda run: run.pulses)
    return RawSignal(
        tuple(runs),
        lines,
        longest.shift + longest.samples,
        start,
        prf,
        float(near),
        _mean(runs),
        first.polarization,
        missing,
        sum(len(run.lines) for run in runs if not run.whole),
    )


def _parts(piece: _Piece) -> Iterator[range]:
    """Yield the pulses between lost ones and changes of the window."""
    headers = piece.headers
    breaks = np.diff(piece.numbers) != 1
    for name in ("slant_range_m", "data_pixels", "left_fill", "length"):
        breaks |= np.diff(headers[name].astype(np.int64)) != 0
    breaks |= np.diff(piece.offsets) != headers["length"][:-1]
    edges = [0, *(np.flatnonzero(breaks) + 1).tolist(), len(headers)]
    yield from (range(first, last) for first, last in pairwise(edges))


def _run(piece: _Piece, part: range, line: float, step: float, near: int, sampling_hz: float) -> Run:
    header = piece.headers[part.start]
    length, samples, left = (int(header[name]) for name in ("length", "data_pixels", "left_fill"))
    if samples <= 0 or left < 0 or left + samples > (length - HEADER) // 2:
        raise InputError(
            f"{piece.path}: a pulse of {length} bytes states {samples} samples", hint="download it again"
        )
    shift = left + (int(header["slant_range_m"]) - near) * 2.0 * sampling_hz / SPEED_OF_LIGHT_M_S
    offset = int(piece.offsets[part.start]) + HEADER + 2 * left
    return Run(piece.path, offset, length, len(part), samples, piece.prf_hz, line, step, round(shift))


def _groups(run: Run, bias: complex) -> Iterator[Complex]:
    """Yield groups of neighbouring pulses, evenly spaced, (pulses, samples)."""
    offset = np.array([bias.real, bias.imag], np.float32)
    groups = max(1, min(_GROUPS, run.pulses // _GROUP))
    for first in np.linspace(0, max(run.pulses - _GROUP, 0), groups).astype(int).tolist():
        pulses = range(first, min(first + _GROUP, run.pulses))
        data = run.read(pulses, range(run.shift, run.shift + run.samples)).astype(np.float32)
        yield (data.reshape(len(pulses), -1, 2) - offset).view(np.complex64)[..., 0]


def _mean(runs: Sequence[Run]) -> complex:
    means = [complex(group.mean()) for run in runs for group in _groups(run, 0j)]
    return complex(np.mean(means))
