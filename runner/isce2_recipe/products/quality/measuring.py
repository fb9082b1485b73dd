"""Measurement of a product's quality, one block of rows at a time, and the file ``quality.json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.paths import QUALITY
from isce2_recipe.products.burst_products import read_burst_product
from isce2_recipe.products.differences import compare, compare_product
from isce2_recipe.products.quality.coregistration import coregistration
from isce2_recipe.products.quality.seams import seams, seams_of_products
from isce2_recipe.products.reading import Finished, open_product
from isce2_recipe.quantities import format_share

_TWO_PI = 2.0 * math.pi
_BINS = 2000
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LABELS = 1 << 16
_AREAS = ("all", "land", "water")
_LISTED = 10
# Largest difference between unwrapped and wrapped phase, after whole cycles are removed, radians.
_CONGRUENT_RAD = 0.1

Bool = NDArray[np.bool_]


@dataclass
class _Histogram:
    """A histogram of values between 0 and 1."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS, np.int64))
    total: float = 0.0

    def add(self, values: NDArray[Any]) -> None:
        places = np.clip((values * _BINS).astype(np.int64), 0, _BINS - 1)
        self.counts += np.bincount(places, minlength=_BINS)
        self.total += float(values.sum(dtype=np.float64))

    def facts(self) -> dict[str, Any]:
        """Return the mean and the quantiles, accurate to 0.0005."""
        pixels = int(self.counts.sum())
        if not pixels:
            return {"pixels": 0}
        below = np.cumsum(self.counts) / pixels
        quantiles = {
            f"p{round(100 * q):02d}": round((float(np.searchsorted(below, q)) + 0.5) / _BINS, 4)
            for q in _QUANTILES
        }
        return {"pixels": pixels, "mean": round(self.total / pixels, 4), **quantiles}


@dataclass
class _Tally:
    """Counts and sums over the blocks of a product."""

    observed: int = 0
    land: int = 0
    unwrapped: int = 0
    connected: int = 0
    connected_land: int = 0
    loops: int = 0
    positive: int = 0
    negative: int = 0
    breaks: int = 0
    edges: int = 0
    incongruent: int = 0
    both: int = 0
    areas: dict[str, _Histogram] = field(default_factory=lambda: {name: _Histogram() for name in _AREAS})
    unfiltered: dict[str, _Histogram] = field(default_factory=lambda: {name: _Histogram() for name in _AREAS})
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_LABELS, np.int64))
    phase: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_LABELS))
    coherence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(_LABELS))
    on_land: NDArray[np.int64] = field(default_factory=lambda: np.zeros(_LABELS, np.int64))


def quality(
    product: Path,
    folder: Path | None = None,
    truth: Path | None = None,
    atmosphere: Path | None = None,
    other: Path | None = None,
    parts: Sequence[Path] = (),
) -> dict[str, Any]:
    """Measure a product.

    Parameters
    ----------
    folder : Path, optional
        ISCE2's folder, for the seams between bursts.
    truth : Path, optional
        GeoTIFF of the true displacement and delay in the air, metres.
    atmosphere : Path, optional
        GeoTIFF of the delay in the air alone.
    other : Path, optional
        Another product of the same pair to compare with.
    parts : sequence of Path
        Products of single bursts that were merged, by swath and time; for the seams, instead of ``folder``.

    Returns
    -------
    dict
        The keys of ``quality.json``; see ``docs/quality.md``.
    """
    finished = open_product(product)
    found = measure(finished)
    if folder is not None:
        found["seams"] = seams(folder, finished.wavelength_m)
        if (shifts := coregistration(folder, truth)) is not None:
            found["coregistration"] = shifts
    if parts:
        bursts = [read_burst_product(part) for part in parts]
        found["seams"] = seams_of_products(bursts, finished.wavelength_m)
    found["truth"] = None if truth is None else _truth(finished, truth, atmosphere)
    found["other"] = None
    if other is not None:
        found["other"] = compare(finished, open_product(other))
    return found


def _truth(product: Finished, truth: Path, atmosphere: Path | None) -> dict[str, Any]:
    found = compare_product(product, truth, atmosphere)
    apart = {} if found.atmosphere_m is None else {"atmosphere_mm": round(1e3 * found.atmosphere_m, 4)}
    return {
        "rms_mm": round(1e3 * found.rms_m, 4),
        "p95_mm": round(1e3 * found.p95_m, 4),
        "wrong_cycles": found.wrong_cycles,
        "pixels": found.pixels,
        **apart,
    }


def write(folder: Path, found: dict[str, Any]) -> Path:
    """Write ``quality.json`` into a folder and return its path; equal numbers give equal bytes."""
    path = folder / QUALITY
    path.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def summary(found: dict[str, Any]) -> str:
    """Return the most important numbers as a sentence."""
    coverage, land = found["coverage"], found["coherence"]["land"]
    parts = []
    if coverage["valid_fraction"] is not None:
        parts.append(f"{format_share(coverage['valid_fraction'])} of the land unwrapped")
    if "p50" in land:
        before = (found.get("coherence_unfiltered") or {}).get("land", {}).get("p50")
        unfiltered = "" if before is None else f" ({before:.2f} before filtering)"
        parts.append(f"median coherence {land['p50']:.2f}{unfiltered}")
    components = found["components"]
    count, largest = components["count"], components.get("largest_land_fraction")
    share = "" if count < 2 or largest is None else f", the largest with {format_share(largest)} of the land"
    parts.append(f"{count} connected component{'' if count == 1 else 's'}{share}")
    if found.get("seams"):
        parts.append(
            f"burst seams within {max(abs(seam['displacement_mm']) for seam in found['seams']):.2g} mm"
        )
    return ", ".join(parts)


def measure(product: Finished) -> dict[str, Any]:
    """Measure the coverage, coherence, residues and components of a product.

    All counts are pixels of the product's map grid. One block of rows is in memory at a time.

    Returns
    -------
    dict
        ``coverage``, ``coherence`` by area, ``unwrapping`` and ``components``; see ``docs/quality.md``.
    """
    tally = _Tally()
    for rows in product.blocks():
        # One more row, for the loops and pairs of neighbours between two blocks.
        wide = slice(rows.start, min(rows.stop + 1, product.grid.rows))
        block = {name: product.read(name, wide) for name in _layers(product)}
        _check_labels(product, block)
        own = rows.stop - rows.start
        _count_neighbours(tally, block, own)
        _count_pixels(tally, {name: values[:own] for name, values in block.items()})
    return {
        "product": product.name,
        "grid": {"rows": product.grid.rows, "cols": product.grid.cols, "pixel_m": product.grid.pixel_m},
        "coverage": _coverage(tally, product),
        "coherence": {name: tally.areas[name].facts() for name in _AREAS},
        "coherence_histogram": _histograms(tally.areas),
        "coherence_unfiltered": {name: tally.unfiltered[name].facts() for name in _AREAS}
        if "coherence" in product.layers
        else None,
        "unwrapping": _unwrapping(tally),
        "components": _components(tally, product),
    }


def _layers(product: Finished) -> list[str]:
    names = ("unw_phase", "wrapped_phase", "corr", "coherence", "conncomp", "water_mask")
    return [name for name in names if name in product.layers]


def _check_labels(product: Finished, block: Mapping[str, NDArray[Any]]) -> None:
    """Refuse labels that no unwrapper gives."""
    labels = block.get("conncomp", np.zeros(0))
    strange = labels[(labels < 0) | (labels >= _LABELS)]
    if strange.size:
        raise InputError(
            f"layer conncomp of {product.name} has a label of {strange[0]:g}",
            hint=f"labels of connected components are whole numbers from 0 to {_LABELS - 1:,}",
        )


def _count_pixels(tally: _Tally, block: Mapping[str, NDArray[Any]]) -> None:
    """Add the coverage, coherence and components of a block."""
    coherence, labels = block["corr"], _labels(block)
    observed = np.isfinite(coherence)
    land = block["water_mask"] == 1 if "water_mask" in block else np.ones_like(observed)
    unwrapped = np.isfinite(block["unw_phase"])
    connected = unwrapped & (labels > 0)
    tally.observed += int(observed.sum())
    tally.land += int((observed & land).sum())
    tally.unwrapped += int(unwrapped.sum())
    tally.connected += int(connected.sum())
    tally.connected_land += int((connected & land & observed).sum())
    for name, area in zip(_AREAS, (observed, observed & land, observed & ~land), strict=True):
        tally.areas[name].add(coherence[area])
        if "coherence" in block:
            values = block["coherence"][area]
            tally.unfiltered[name].add(values[np.isfinite(values)])
    inside = labels[connected]
    tally.pixels += np.bincount(inside, minlength=_LABELS)
    tally.on_land += np.bincount(labels[connected & land & observed], minlength=_LABELS)
    tally.phase += np.bincount(inside, block["unw_phase"][connected], minlength=_LABELS)
    known = np.nan_to_num(coherence[connected])
    tally.coherence += np.bincount(inside, known, minlength=_LABELS)
    _count_congruence(tally, block, connected)


def _labels(block: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Return the labels of components; 1 for all unwrapped pixels if the product has no labels."""
    if "conncomp" not in block:
        whole: NDArray[np.int64] = np.isfinite(block["unw_phase"]).astype(np.int64)
        return whole
    labels: NDArray[np.int64] = np.nan_to_num(block["conncomp"]).astype(np.int64)
    return labels


def _count_congruence(tally: _Tally, block: Mapping[str, NDArray[Any]], connected: Bool) -> None:
    """Count the pixels to which unwrapping has added more than whole cycles."""
    if "wrapped_phase" not in block:
        return
    both = connected & np.isfinite(block["wrapped_phase"])
    difference = block["unw_phase"][both] - block["wrapped_phase"][both]
    difference -= _TWO_PI * np.round(difference / _TWO_PI)
    tally.both += int(both.sum())
    tally.incongruent += int((np.abs(difference) > _CONGRUENT_RAD).sum())


def _count_neighbours(tally: _Tally, block: Mapping[str, NDArray[Any]], own: int) -> None:
    """Count residues of the wrapped phase, and jumps of the unwrapped phase within components.

    The first ``own`` rows belong to the block; the row below them, if there is one, to the next block.
    """
    if "wrapped_phase" in block:
        residues, loops = winding(block["wrapped_phase"])
        tally.loops += loops
        tally.positive += int((residues > 0).sum())
        tally.negative += int((residues < 0).sum())
    labels, phase = _labels(block), block["unw_phase"]
    _count_steps(tally, (labels[:own, :-1], labels[:own, 1:]), (phase[:own, :-1], phase[:own, 1:]))
    _count_steps(tally, (labels[:-1], labels[1:]), (phase[:-1], phase[1:]))


def _count_steps(
    tally: _Tally, labels: tuple[NDArray[Any], NDArray[Any]], phase: tuple[NDArray[Any], NDArray[Any]]
) -> None:
    """Count pairs of neighbours in one component, and the pairs that differ by more than half a cycle."""
    same = (labels[0] == labels[1]) & (labels[0] > 0)
    step = np.abs(phase[1][same] - phase[0][same])
    tally.edges += int(np.isfinite(step).sum())
    tally.breaks += int((step > math.pi).sum())


def winding(phase: NDArray[Any]) -> tuple[NDArray[np.int8], int]:
    """Return the residues of a wrapped phase (radians, NaN for no data), and the number of complete loops.

    Residues are sums of wrapped gradients around four neighbours in cycles, -1, 0 or 1, shape (rows - 1, cols
    - 1).
    """

    def wrap(step: NDArray[Any]) -> NDArray[Any]:
        return step - _TWO_PI * np.round(step / _TWO_PI)

    across, down = wrap(np.diff(phase, axis=1)), wrap(np.diff(phase, axis=0))
    around = across[:-1] + down[:, 1:] - across[1:] - down[:, :-1]
    valid = np.isfinite(around)
    cycles = np.round(np.where(valid, around, 0.0) / _TWO_PI).astype(np.int8)
    return cycles, int(valid.sum())


def _coverage(tally: _Tally, product: Finished) -> dict[str, Any]:
    pixels = product.grid.rows * product.grid.cols
    return {
        "pixels": pixels,
        "observed": tally.observed,
        "land": tally.land,
        "unwrapped": tally.unwrapped,
        "connected": tally.connected,
        "observed_fraction": _share(tally.observed, pixels),
        "land_fraction": _share(tally.land, tally.observed),
        "valid_fraction": _share(tally.connected_land, tally.land),
        "area_km2": round(tally.observed * math.prod(product.grid.ground_m) / 1e6, 3),
    }


def _histograms(areas: Mapping[str, _Histogram]) -> dict[str, list[int]]:
    """Return histograms of the coherence with 50 bins, by area."""
    return {name: areas[name].counts.reshape(50, -1).sum(axis=1).tolist() for name in _AREAS}


def _unwrapping(tally: _Tally) -> dict[str, Any]:
    residues = tally.positive + tally.negative
    return {
        "loops": tally.loops,
        "residues": residues,
        "positive_residues": tally.positive,
        "negative_residues": tally.negative,
        "residues_per_thousand": round(1000 * residues / tally.loops, 4) if tally.loops else None,
        "jumps": tally.breaks,
        "edges": tally.edges,
        "incongruent_fraction": _share(tally.incongruent, tally.both),
    }


def _components(tally: _Tally, product: Finished) -> dict[str, Any]:
    """Return the number of connected components and the properties of the largest ones."""
    labels = [int(label) for label in np.flatnonzero(tally.pixels)]
    labels.sort(key=lambda label: (-int(tally.pixels[label]), label))
    centimetres = 100 * product.wavelength_m / (4.0 * math.pi)
    rows = [
        {
            "label": label,
            "pixels": int(tally.pixels[label]),
            "area_km2": round(float(tally.pixels[label]) * math.prod(product.grid.ground_m) / 1e6, 3),
            "share": _share(int(tally.pixels[label]), tally.connected),
            "mean_cm": round(float(tally.phase[label] / tally.pixels[label]) * centimetres, 3) + 0.0,
            "mean_coherence": round(float(tally.coherence[label] / tally.pixels[label]), 4),
        }
        for label in labels[:_LISTED]
    ]
    return {
        "count": len(labels),
        "on_land": int(np.count_nonzero(tally.on_land)),
        "largest_land_fraction": _share(int(tally.on_land.max()), tally.land),
        "largest": rows,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
