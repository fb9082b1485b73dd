"""Colours that keep their meaning for every kind of colour vision, and in grey."""

from __future__ import annotations

import numpy as np
import pytest

from isce2_recipe.products import colours

# Linear RGB as seen without one kind of cones, severity 1.0 (Machado, Oliveira and Fernandes 2009).
VISION = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
# From linear RGB to OKLab (Ottosson 2020), whose distances are those that people see.
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def seen(shown: tuple[colours.Rgb, ...], vision: str) -> np.ndarray:
    """Return colours in OKLab, shape (n, 3)."""
    value = np.array(shown) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ VISION[vision].T, 0, 1)
    return np.cbrt(linear @ _LMS.T) @ _LAB.T


def distances(shown: tuple[colours.Rgb, ...], vision: str) -> np.ndarray:
    places = seen(shown, vision)
    return np.linalg.norm(places[:, None] - places[None], axis=-1)


@pytest.mark.parametrize("vision", VISION)
def test_phases_a_quarter_turn_apart_are_distinguishable(vision):
    """A difference of 0.02 is barely visible; 0.12 is as clear as two neighbouring steps of a legend."""
    cycle = colours.CYCLIC[:-1]
    apart = distances(cycle, vision)
    index = np.arange(len(cycle))
    turns = np.abs((index[:, None] - index[None] + len(cycle) // 2) % len(cycle) - len(cycle) // 2)
    assert apart[turns >= len(cycle) // 4].min() > 0.12


def test_the_cycle_closes_in_even_steps():
    assert colours.CYCLIC[0] == colours.CYCLIC[-1]
    steps = np.diagonal(distances(colours.CYCLIC, "all cones"), 1)
    assert steps.max() < 1.5 * steps.min()


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scale", ["SEQUENTIAL", "GREYS", "TERRAIN"])
def test_larger_values_are_lighter(scale, vision):
    assert (np.diff(seen(getattr(colours, scale), vision)[:, 0]) > 0).all()


@pytest.mark.parametrize("vision", VISION)
def test_both_signs_are_distinguishable(vision):
    """Ends of the scale of signed values, and the two halves of it next to the middle."""
    apart = distances(colours.DIVERGING, vision)
    assert apart[0, -1] > 0.12
    assert apart[1, -2] > 0.12
    assert apart[2, -3] > 0.08


@pytest.mark.parametrize("vision", ["all cones", "protanopia", "deuteranopia"])
def test_the_first_labels_are_distinguishable(vision):
    apart = distances((*colours.LABELS[:5], colours.WATER, colours.UNCONNECTED), vision)
    assert apart[~np.eye(len(apart), dtype=bool)].min() > 0.04
