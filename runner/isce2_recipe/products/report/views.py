"""What a report shows of a product: layers made small, each with its colours."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.products.rasters import opened
from isce2_recipe.products.reading import Finished, Grid
from isce2_recipe.products.report import colours
from isce2_recipe.products.report.colours import Picture, Scale

Float = NDArray[np.float32]

WIDTH = 1100
HEIGHT = 1000
# Share of the values left out at either end of a colour scale.
_TAIL_PERCENT = 1.0
# For finding the part with data; and the margin around it, as a share of its size.
_COARSE, _MARGIN = 500, 0.04


@dataclass(frozen=True, slots=True)
class View:
    """One picture.

    Attributes
    ----------
    name, title : str
        Of its file, and for people.
    caption : str
        What it shows, in a sentence or two.
    alternative : str
        What someone who cannot see it should know.
    picture : array of uint8, shape (rows, cols, 4)
        Colours and opacity.
    scale : Scale or None
        Of its colour bar.
    legend : tuple of (Rgb, str)
        In place of a colour bar, for kinds.
    """

    name: str
    title: str
    caption: str
    alternative: str
    picture: Picture
    scale: Scale | None = None
    legend: tuple[tuple[colours.Rgb, str], ...] = ()


@dataclass(frozen=True)
class Scene:
    """A product and the truth, where it is known, on the pictures' grid.

    Attributes
    ----------
    product : Finished
        The product.
    truth : Path or None
        GeoTIFF of the true displacement, metres, positive away from the satellite.
    """

    product: Finished
    truth: Path | None = None

    @cached_property
    def grid(self) -> Grid:
        """The part of the product's grid that holds data, with a margin."""
        whole = self.product.grid
        step = max(1, whole.cols // _COARSE, whole.rows // _COARSE)
        with opened(self.product.layers["corr"]) as dataset:
            shape = (-(-whole.rows // step), -(-whole.cols // step))
            values = dataset.read(1, out_shape=shape)
            seen = np.isfinite(values) & (values != dataset.nodata)
        if not seen.any():
            return whole
        margin = round(_MARGIN * max(seen.any(axis=1).sum(), seen.any(axis=0).sum())) + 1
        top, bottom = _span_of(seen.any(axis=1), margin, step, whole.rows)
        left, right = _span_of(seen.any(axis=0), margin, step, whole.cols)
        return whole.part(top, left, bottom - top, right - left)

    @cached_property
    def _window(self) -> tuple[int, int, int, int]:
        """First column and row, columns and rows of `grid` in the product's."""
        whole, part = self.product.grid, self.grid
        col = round((part.transform[2] - whole.transform[2]) / whole.transform[0])
        row = round((part.transform[5] - whole.transform[5]) / whole.transform[4])
        return col, row, part.cols, part.rows

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the pictures."""
        shrink = max(1.0, self.grid.cols / WIDTH, self.grid.rows / HEIGHT)
        return max(1, round(self.grid.rows / shrink)), max(1, round(self.grid.cols / shrink))

    @property
    def centimetres(self) -> float:
        """Displacement of a radian."""
        return 100.0 * self.product.wavelength_m / (4.0 * math.pi)

    def small(self, layer: str, *, mean: bool) -> Float:
        """A layer at the pictures' size, NaN where there is no data."""
        from rasterio.enums import Resampling
        from rasterio.windows import Window

        how = Resampling.average if mean else Resampling.nearest
        with opened(self.product.layers[layer]) as dataset:
            window = Window(*self._window)
            read = dataset.read(1, window=window, out_shape=self.shape, resampling=how)
            values: Float = read.astype(np.float32)
            if dataset.nodata is not None:
                values[values == np.float32(dataset.nodata)] = np.nan
        return values

    @cached_property
    def displacement_cm(self) -> Float:
        """Measured, about its median; positive away from the satellite."""
        values = self.small("unw_phase", mean=False) * np.float32(self.centimetres)
        return values - np.float32(_median(values))

    @cached_property
    def true_cm(self) -> Float | None:
        """True, moved by the one constant that an interferogram leaves open."""
        if self.truth is None:
            return None
        values = self._projected(self.truth) * 100.0
        both = self.connected & np.isfinite(values)
        if not both.any():
            return None
        return (values + np.median(self.displacement_cm[both] - values[both])).astype(np.float32)

    @cached_property
    def connected(self) -> NDArray[np.bool_]:
        """Pixels on land with a phase in a component."""
        found = np.isfinite(self.displacement_cm)
        if "conncomp" in self.product.layers:
            found &= self.small("conncomp", mean=False) > 0
        if "water_mask" in self.product.layers:
            found &= self.small("water_mask", mean=False) == 1
        return found

    def _projected(self, path: Path) -> NDArray[np.float64]:
        from affine import Affine
        from rasterio.warp import Resampling, reproject

        grid = self.grid
        rows, cols = self.shape
        a, b, west, d, e, north = grid.transform
        wide, tall = grid.cols / cols, grid.rows / rows
        transform = Affine(a * wide, b * tall, west, d * wide, e * tall, north)
        target = np.full(self.shape, np.nan)
        with opened(path) as dataset:
            reproject(
                dataset.read(1).astype(np.float64),
                target,
                src_transform=dataset.transform,
                src_crs=dataset.crs,
                src_nodata=np.nan,
                dst_transform=transform,
                dst_crs=grid.crs,
                dst_nodata=np.nan,
                resampling=Resampling.bilinear,
            )
        return target


def _span_of(seen: NDArray[np.bool_], margin: int, step: int, size: int) -> tuple[int, int]:
    """First place with data and the one after the last, with a margin, in full pixels."""
    places = np.flatnonzero(seen)
    return max(0, (int(places[0]) - margin) * step), min(size, (int(places[-1]) + 1 + margin) * step)


def _median(values: NDArray[Any]) -> float:
    seen = values[np.isfinite(values)]
    return float(np.median(seen)) if seen.size else 0.0


def views(scene: Scene) -> list[View]:
    """The pictures, in the order in which they are shown."""
    makers = (_displacement, _wrapped, _coherence, _amplitude, _mask, _terrain)
    needs = ("unw_phase", "wrapped_phase", "corr", "amp", "conncomp", "dem")
    return [maker(scene) for maker, layer in zip(makers, needs, strict=True) if layer in scene.product.layers]


def truth_views(scene: Scene) -> list[View]:
    """What the simulated ground did, and how far the product is from it."""
    truth = scene.true_cm
    if truth is None:
        return []
    shown = np.where(np.isfinite(scene.displacement_cm), truth, np.float32(np.nan))
    error_mm = np.where(scene.connected, 10.0 * (scene.displacement_cm - truth), np.nan)
    seen = np.abs(error_mm[np.isfinite(error_mm)])
    reach = float(np.percentile(seen, 99)) if seen.size else 1.0
    scale = _signed(reach, "mm")
    return [
        View(
            "true_displacement",
            "True displacement",
            "What the simulated ground did along the line of sight, in the colours of the measured one.",
            f"Map of the simulated displacement, {_span(shown, 'cm')}.",
            _displacement_scale(scene).paint(shown),
            _displacement_scale(scene),
        ),
        View(
            "error",
            "Measured less true",
            "On land, inside connected components, after taking the median off.",
            f"Map of the error; 99 % of the pixels are within {reach:.2f} mm.",
            scale.paint(error_mm),
            scale,
        ),
    ]


def _signed(reach: float, unit: str) -> Scale:
    reach = reach or 1.0
    return Scale(colours.DIVERGING, -reach, reach, unit, colours.nice_ticks(-reach, reach, 4))


def _span(values: NDArray[Any], unit: str) -> str:
    seen = values[np.isfinite(values)]
    if not seen.size:
        return "without any data"
    low, high = np.percentile(seen, [_TAIL_PERCENT, 100 - _TAIL_PERCENT])
    return f"from {colours.number_text(low, 2)} to {colours.number_text(high, 2)} {unit}"


def _displacement_scale(scene: Scene) -> Scale:
    values = scene.displacement_cm
    seen = values[np.isfinite(values)]
    if not seen.size:
        return _signed(1.0, "cm")
    low, high = np.percentile(seen, [_TAIL_PERCENT / 2, 100 - _TAIL_PERCENT / 2])
    return _signed(float(max(abs(low), abs(high))), "cm")


def _displacement(scene: Scene) -> View:
    scale = _displacement_scale(scene)
    return View(
        "displacement",
        "Displacement",
        "Unwrapped phase as displacement along the line of sight, about its median: red moved away from the "
        "satellite, blue towards it.",
        f"Map of the displacement along the line of sight, {_span(scene.displacement_cm, 'centimetres')}.",
        scale.paint(scene.displacement_cm),
        scale,
    )


def _wrapped(scene: Scene) -> View:
    fringe_cm = 2 * math.pi * scene.centimetres
    ticks = (
        (-math.pi, "\N{MINUS SIGN}\N{GREEK SMALL LETTER PI}"),
        (0.0, "0"),
        (math.pi, "\N{GREEK SMALL LETTER PI}"),
    )
    scale = Scale(colours.CYCLIC, -math.pi, math.pi, "rad", ticks)
    return View(
        "wrapped_phase",
        "Wrapped phase",
        f"Filtered interferogram. One turn of colours is {fringe_cm:.2f} cm along the line of sight.",
        f"Map of the wrapped phase; fringes are {fringe_cm:.2f} centimetres of displacement each.",
        scale.paint(scene.small("wrapped_phase", mean=False)),
        scale,
    )


def _coherence(scene: Scene) -> View:
    scale = Scale(colours.SEQUENTIAL, 0.0, 1.0, "", colours.nice_ticks(0.0, 1.0, 5))
    values = scene.small("corr", mean=True)
    return View(
        "coherence",
        "Coherence",
        "How alike both images are: bright is reliable.",
        f"Map of the coherence, {_span(values, '')}, median {_median(values):.2f}.",
        scale.paint(values),
        scale,
    )


def _amplitude(scene: Scene) -> View:
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = 20.0 * np.log10(scene.small("amp", mean=True))
    decibels[~np.isfinite(decibels)] = np.nan
    seen = decibels[np.isfinite(decibels)]
    low, high = np.percentile(seen, [2, 98]) if seen.size else (0.0, 1.0)
    scale = Scale(
        colours.GREYS, float(low), float(high), "dB", colours.nice_ticks(float(low), float(high), 4)
    )
    return View(
        "amplitude",
        "Amplitude",
        "Of the interferogram, in decibels without calibration.",
        f"Grey map of the radar's amplitude, {_span(decibels, 'decibels')}.",
        scale.paint(decibels),
        scale,
    )


def _mask(scene: Scene) -> View:
    labels = np.nan_to_num(scene.small("conncomp", mean=False)).astype(np.int64)
    land = scene.small("water_mask", mean=False) == 1 if "water_mask" in scene.product.layers else labels >= 0
    observed = np.isfinite(scene.small("corr", mean=False))
    picture = np.zeros((*labels.shape, 4), np.uint8)
    legend = []
    kinds = [(observed & land & (labels == 0), colours.UNCONNECTED, "land, no label")]
    kinds += [
        (
            observed & land & (labels == label),
            colours.LABELS[index % len(colours.LABELS)],
            f"component {label}",
        )
        for index, label in enumerate(np.unique(labels[(labels > 0) & land]).tolist())
    ]
    kinds.append((observed & ~land, colours.WATER, "water"))
    for where, colour, text in kinds:
        picture[where] = (*colour, 255)
        if where.any():
            legend.append((colour, text))
    return View(
        "mask",
        "Components and water",
        "Within a component whole cycles are right; between components they may differ.",
        f"Map of land and water: {', '.join(text for _, text in legend) or 'no data'}.",
        picture,
        legend=tuple(legend[:9]),
    )


def _terrain(scene: Scene) -> View:
    heights = scene.small("dem", mean=True)
    heights[~np.isfinite(scene.small("corr", mean=False))] = np.nan
    seen = heights[np.isfinite(heights)]
    low, high = (float(seen.min()), float(seen.max())) if seen.size else (0.0, 1.0)
    scale = Scale(colours.TERRAIN, low, high, "m", colours.nice_ticks(low, high, 4))
    pixel = scene.grid.pixel_m * scene.grid.cols / scene.shape[1]
    picture = scale.paint(heights)
    picture[..., :3] = _shade(picture[..., :3], heights, pixel)
    return View(
        "terrain",
        "Terrain",
        "Height above the ellipsoid, lit from the north-west.",
        f"Map of the terrain, {_span(heights, 'metres')}.",
        picture,
        scale,
    )


def _shade(picture: Picture, heights: Float, pixel_m: float) -> Picture:
    """Colours made darker and lighter by the slope's turn to the light."""
    if min(heights.shape) < 2:
        return picture
    north, east = np.gradient(np.nan_to_num(heights), pixel_m)
    light = np.clip(1.0 + 1.6 * (east + north) / np.sqrt(1 + east**2 + north**2), 0.55, 1.25)
    shaded: Picture = np.clip(picture * light[..., None], 0, 255).astype(np.uint8)
    return shaded
