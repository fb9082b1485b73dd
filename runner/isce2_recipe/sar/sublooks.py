"""Sublooks: partial sums of multilook windows, stored in two bytes each, to shift the windows later.

On decorrelated ground, such as water, the phase of a multilooked pixel depends on exactly which pixels its
window holds, and cannot be interpolated for a shifted window. Sums of sublooks give it: a sublook is one line
of a few samples, or of one sample where windows may begin anywhere.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.types import Looks

_PHASES = 256
_STEPS = 7  # steps of amplitude for each factor of two
_ZERO = 40  # code of the amplitude 1
_SAMPLES = 5
NEAREST_SWATH = 1


def sublook_size(looks: Looks, swath: int) -> Looks:
    """Return the size of a sublook: one line of at most five samples in IW1, of one sample in IW2 and IW3.

    Merged bursts use the windows of the nearest swath. Windows of IW1 keep their first sample; those of IW2
    and IW3 shift by any number of samples, which differs from pass to pass.
    """
    most = _SAMPLES if swath == NEAREST_SWATH else 1
    return Looks(next(n for n in range(most, 0, -1) if looks.range % n == 0), 1)


def encode(values: NDArray[np.complex64]) -> NDArray[np.uint8]:
    """Encode phase in 1/256 cycle and amplitude in steps of 2**(1/7), shape (2, *shape); 0 is no data."""
    amplitude = np.abs(values)
    there = amplitude > 0
    power = np.log2(amplitude, out=np.zeros_like(amplitude), where=there)
    codes = np.zeros((2, *values.shape), np.uint8)
    codes[0] = np.round(np.angle(values) * (_PHASES / (2 * math.pi))).astype(np.int16) % _PHASES
    codes[1] = np.where(there, np.clip(np.round(_STEPS * power) + _ZERO, 1, 255), 0)
    return codes


def decode(codes: NDArray[np.uint8]) -> NDArray[np.complex64]:
    """Return the values that were encoded, to 3 % RMS of their amplitude and 0.007 rad RMS."""
    amplitude = np.exp2((np.arange(256) - _ZERO) / _STEPS).astype(np.float32)
    amplitude[0] = 0.0
    turns = np.exp(2j * math.pi / _PHASES * np.arange(256)).astype(np.complex64)
    return np.asarray(amplitude[codes[1]] * turns[codes[0]])
