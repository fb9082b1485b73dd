"""Parts of looks in two bytes each, with which the windows of looks can be moved later.

Where ground is decorrelated, as water is, the phase of a look depends on which pixels are in it; no
interpolation between looks can tell it for another window. Parts of looks can: one line of a few samples, or
of one where windows may begin at any sample.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.types import Looks

_PHASES = 256
_STEPS = 7  # of amplitude, to a factor of two
_ZERO = 40  # code of amplitude one
_SAMPLES = 5
NEAREST_SWATH = 1


def part_of(looks: Looks, swath: int) -> Looks:
    """The part that looks are cut into: one line of at most five samples, of one beyond the first swath.

    Merged bursts have the windows of the nearest swath. Those of IW1 begin where its own do; those of IW2 and
    IW3 are moved by any number of samples, which differs from pass to pass.
    """
    most = _SAMPLES if swath == NEAREST_SWATH else 1
    return Looks(next(n for n in range(most, 0, -1) if looks.range % n == 0), 1)


def encode(values: NDArray[np.complex64]) -> NDArray[np.uint8]:
    """Phase in 256 steps and amplitude in sevenths of powers of two, shape (2, *shape); 0 for nothing."""
    amplitude = np.abs(values)
    there = amplitude > 0
    power = np.log2(amplitude, out=np.zeros_like(amplitude), where=there)
    codes = np.zeros((2, *values.shape), np.uint8)
    codes[0] = np.round(np.angle(values) * (_PHASES / (2 * math.pi))).astype(np.int16) % _PHASES
    codes[1] = np.where(there, np.clip(np.round(_STEPS * power) + _ZERO, 1, 255), 0)
    return codes


def decode(codes: NDArray[np.uint8]) -> NDArray[np.complex64]:
    """What `encode` was given, to 3 % RMS of its amplitude and 0.007 rad RMS."""
    amplitude = np.exp2((np.arange(256) - _ZERO) / _STEPS).astype(np.float32)
    amplitude[0] = 0.0
    turns = np.exp(2j * math.pi / _PHASES * np.arange(256)).astype(np.complex64)
    return np.asarray(amplitude[codes[1]] * turns[codes[0]])
