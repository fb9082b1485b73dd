"""Signal files of ALOS scenes with any headers, for tests of reading them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from isce2_recipe.alos.signal import DESCRIPTOR, HEADER, line_type

NEAR_M = 850_000
PRF_MHZ = 2_159_827


def records(signal: np.ndarray, **headers: object) -> np.ndarray:
    """Return the records of pulses, (lines, samples) of complex values around 0 and at most 15.

    Without headers the pulses follow each other at `PRF_MHZ`, from one second of the 60th day of 2009 on.
    """
    lines, samples = signal.shape
    out = np.zeros(lines, line_type(samples))
    prf = np.asarray(headers.get("prf_millihertz", PRF_MHZ))
    values = {
        "sequence": 2 + np.arange(lines), "length": out.itemsize, "data_pixels": samples,
        "year": 2009, "day_of_year": 60,
        "milliseconds": np.floor(1000.0 + np.arange(lines) * 1e6 / prf + 1e-6).astype(int),
        "prf_millihertz": prf, "slant_range_m": NEAR_M,
    } | headers  # fmt: skip
    for name, value in values.items():
        out[name] = value
    out["signal"] = np.clip(np.floor(signal.astype(np.complex64).view(np.float32) + 16.0), 0, 31)
    return out


def write_records(path: Path, *parts: np.ndarray) -> Path:
    """Write records after a descriptor that says nothing."""
    path.write_bytes(b" " * DESCRIPTOR + b"".join(part.tobytes() for part in parts))
    return path


def read_records(path: Path) -> tuple[bytes, np.ndarray]:
    """Return descriptor and records of a signal file whose records have one length."""
    content = path.read_bytes()
    length = int.from_bytes(content[DESCRIPTOR + 8 : DESCRIPTOR + 12], "big")
    samples = (length - HEADER) // 2
    return content[:DESCRIPTOR], np.frombuffer(content[DESCRIPTOR:], line_type(samples))


def split_into_frames(image: Path, folder: Path, first: int, overlap: int) -> list[Path]:
    """Write the pulses of a scene as two frames, the first with ``first`` pulses, and return their paths."""
    _, whole = read_records(image)
    second = whole[first - overlap :].copy()
    second["sequence"] = 2 + np.arange(len(second))
    names = image.name, image.name.replace("1200-", "1210-")
    return [
        write_records(folder / name, part) for name, part in zip(names, (whole[:first], second), strict=True)
    ]


def as_two_polarizations(image: Path, leader: Path, folder: Path) -> None:
    """Write a scene of 28 MHz as one of mode FBD: a pulse of 14 MHz, and every second sample."""
    _, records_in = read_records(image)
    signal = (records_in["signal"].astype(np.float32) - 15.5).view(np.complex64)
    size, pulse_s = 4096, 27e-6
    frequency = np.fft.fftfreq(size, 1 / 32e6)
    time = np.arange(round(pulse_s * 32e6) + 1) / 32e6 - pulse_s / 2
    wide, narrow = (np.fft.fft(np.exp(-1j * np.pi * band / pulse_s * time**2), size) for band in (28e6, 14e6))
    power = np.abs(wide) ** 2
    gain = np.where(np.abs(frequency) < 7.6e6, narrow * np.conj(wide) / (power + 0.02 * power.max()), 0)
    echoes = np.fft.ifft(np.fft.fft(signal, size, axis=1) * gain, axis=1)[:, : signal.shape[1] : 2]
    echoes *= 7.0 / np.sqrt((np.abs(echoes) ** 2).mean())
    names = ("sequence", "year", "day_of_year", "milliseconds", "prf_millihertz", "slant_range_m")
    headers = {name: records_in[name] for name in names}
    write_records(folder / image.name, records(echoes, **headers))
    led = bytearray(leader.read_bytes())
    led[720 + 710 : 720 + 726], led[17688 + 64 : 17688 + 68] = b"      16.0000000", b"  14"
    (folder / leader.name).write_bytes(led)
