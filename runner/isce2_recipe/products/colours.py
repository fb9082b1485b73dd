"""Colour scales for amounts, signed values, angles and labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.products.layer import Palette

Rgb = tuple[int, int, int]
Picture = NDArray[np.uint8]

# Blue, white, red of equal steps in lightness.
DIVERGING: tuple[Rgb, ...] = (
    (24, 67, 125),
    (74, 137, 185),
    (166, 204, 225),
    (245, 244, 242),
    (244, 178, 142),
    (211, 94, 77),
    (135, 21, 42),
)
# Steadily from dark to light: larger values are brighter, also in a grey print.
SEQUENTIAL: tuple[Rgb, ...] = (
    (26, 20, 56),
    (53, 46, 122),
    (44, 92, 150),
    (34, 139, 141),
    (88, 183, 112),
    (178, 218, 85),
    (252, 246, 196),
)
GREYS: tuple[Rgb, ...] = ((12, 14, 18), (248, 248, 246))
# Lighter with height, so that the order is visible with any colour vision.
TERRAIN: tuple[Rgb, ...] = ((34, 74, 70), (84, 118, 84), (152, 146, 96), (202, 182, 142), (242, 238, 230))
# Colours of labels, distinct for most kinds of colour vision (after Okabe and Ito, 2008).
LABELS: tuple[Rgb, ...] = (
    (0, 158, 115),
    (230, 159, 0),
    (0, 114, 178),
    (204, 121, 167),
    (213, 94, 0),
    (86, 180, 233),
    (240, 228, 66),
    (120, 94, 60),
)
WATER: Rgb = (186, 207, 224)
UNCONNECTED: Rgb = (92, 90, 88)
DRY: Rgb = (206, 200, 184)


def table(palette: Palette) -> dict[int, Rgb]:
    """Return the colours of the values 0 to 255 of a layer of labels, or of land (1) and water (0)."""
    if palette == "water":
        return {0: WATER, **dict.fromkeys(range(1, 256), DRY)}
    return {0: UNCONNECTED, **{label: LABELS[(label - 1) % len(LABELS)] for label in range(1, 256)}}


def _cycle(count: int = 24) -> tuple[Rgb, ...]:
    """Return a circle of colours from minus to plus half a turn, made in OKLab (Ottosson, 2020).

    It is light at zero, dark half a turn away, orange on the positive and blue on the negative side: all
    kinds of colour vision see lightness and the axis from blue to yellow.
    """
    colours = []
    for angle in np.linspace(-math.pi, math.pi, count + 1):
        light, a, b = 0.70 + 0.21 * math.cos(angle), 0.07 * math.sin(angle), 0.125 * math.sin(angle)
        lms = [
            (light + 0.3963377774 * a + 0.2158037573 * b) ** 3,
            (light - 0.1055613458 * a - 0.0638541728 * b) ** 3,
            (light - 0.0894841775 * a - 1.2914855480 * b) ** 3,
        ]
        linear = (
            4.0767416621 * lms[0] - 3.3077115913 * lms[1] + 0.2309699292 * lms[2],
            -1.2684380046 * lms[0] + 2.6097574011 * lms[1] - 0.3413193965 * lms[2],
            -0.0041960863 * lms[0] - 0.7034186147 * lms[1] + 1.7076147010 * lms[2],
        )
        red, green, blue = (round(255 * _gamma(value)) for value in linear)
        colours.append((red, green, blue))
    return tuple(colours)


def _gamma(value: float) -> float:
    """Return a linear value with the gamma correction of sRGB."""
    value = min(1.0, max(0.0, value))
    return 12.92 * value if value <= 0.0031308 else float(1.055 * value ** (1 / 2.4) - 0.055)


CYCLIC = _cycle()


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale from values to colours, which are evenly spaced from ``low`` to ``high``.

    Values beyond get the colours at the ends. ``ticks`` are the labelled values of a colour bar.
    """

    colours: tuple[Rgb, ...]
    low: float
    high: float
    unit: str
    ticks: tuple[tuple[float, str], ...]

    def paint(self, values: NDArray[np.floating]) -> Picture:
        """Return colours with opacity, shape (rows, cols, 4); NaN is transparent."""
        seen = np.isfinite(values)
        picture = np.zeros((*values.shape, 4), np.uint8)
        position = np.clip((values[seen] - self.low) / ((self.high - self.low) or 1.0), 0.0, 1.0)
        stops = np.linspace(0.0, 1.0, len(self.colours))
        for channel, levels in enumerate(zip(*self.colours, strict=True)):
            picture[seen, channel] = np.round(np.interp(position, stops, levels))
        picture[seen, 3] = 255
        return picture


def phase_scale() -> Scale:
    """Return the scale of wrapped phases, radians."""
    ticks = (
        (-math.pi, "\N{MINUS SIGN}\N{GREEK SMALL LETTER PI}"),
        (0.0, "0"),
        (math.pi, "\N{GREEK SMALL LETTER PI}"),
    )
    return Scale(CYCLIC, -math.pi, math.pi, "rad", ticks)


def grey_scale(decibels: NDArray[np.floating]) -> Scale:
    """Return a scale of amplitudes in decibels whose ends are the 2nd and the 98th percentile."""
    seen = decibels[np.isfinite(decibels)]
    low, high = (float(value) for value in np.percentile(seen, [2, 98])) if seen.size else (0.0, 1.0)
    return Scale(GREYS, low, high, "dB", nice_ticks(low, high, 4))


def signed_scale(reach: float, unit: str) -> Scale:
    """Return a scale from minus to plus ``reach``: blue below zero, red above."""
    reach = reach or 1.0
    few = nice_ticks(-reach, reach, 4)
    return Scale(DIVERGING, -reach, reach, unit, few if len(few) > 1 else nice_ticks(-reach, reach, 8))


def decibels(amplitude: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return amplitudes in decibels, NaN where the amplitude is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values: NDArray[np.floating] = 20.0 * np.log10(amplitude)
    values[~np.isfinite(values)] = np.nan
    return values


def nice_step(span: float, count: int) -> float:
    """Return a step of 1, 2 or 5 times a power of ten that divides a span into about ``count`` parts."""
    raw = span / max(1, count)
    if not raw > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def nice_ticks(low: float, high: float, count: int = 5) -> tuple[tuple[float, str], ...]:
    """Return round values between two limits, with their texts."""
    step = nice_step(high - low, count)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    return tuple((value, number_text(value, digits)) for value in values)


def number_text(value: float, digits: int) -> str:
    """Return a number as text, with a true minus sign and without negative zero."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")
