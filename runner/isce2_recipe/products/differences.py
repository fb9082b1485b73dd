"""Comparison of a product with another one of the same ground, and with a known displacement."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.markup import render_lines
from isce2_recipe.products.layer import Layer, Tolerance
from isce2_recipe.products.layers import LAYERS, by_name
from isce2_recipe.products.reading import Finished, read_on_grid
from isce2_recipe.quantities import format_bytes

_TWO_PI = 2.0 * math.pi
_BYTES_A_PIXEL = 80  # of memory that comparing the unwrapped phase takes, as measured

Values = NDArray[Any]


_UNKNOWN = Tolerance(1e-6, "", "value")
"""For layers that are not in the registry."""


def compare(
    first: Finished,
    second: Finished,
    limits: Mapping[str, float] = MappingProxyType({}),
    layers: Sequence[Layer] = LAYERS,
    *,
    memory: float = math.inf,
) -> dict[str, Any]:
    """Return the differences of two products.

    Products on different grids are compared where their pixels coincide.

    Parameters
    ----------
    limits : mapping
        Limits by layer, in place of those of the registry.
    memory : float
        Bytes of memory that there are; products that need more are refused.

    Returns
    -------
    dict
        ``first``, ``second`` (names), ``grid`` (whether it is the same, and what is compared), ``layers``
        (by name: ``rms``, ``p95``, ``largest``, ``limit``, ``unit``, ``only_first``, ``only_second``,
        ``constant``, ``same``), ``missing`` (layers that only one has) and ``same``.

    Raises
    ------
    InputError
        If the grids do not overlap, the pixels do not coincide, a limit is for a layer they do not share, or
        there is not enough memory.
    """
    overlap = _overlap(first, second)
    needed = _BYTES_A_PIXEL * overlap.rows * overlap.cols
    if needed > memory:
        size = f"{overlap.cols} x {overlap.rows} pixels"
        raise InputError(
            f"comparing {size} needs about {format_bytes(needed)} of memory, not {format_bytes(memory)}",
            hint="compare products on smaller grids, or on a machine with more memory",
        )
    shared = [name for name in first.layers if name in second.layers]
    for name in limits:
        if name not in shared:
            raise InputError(
                f"the products do not both have a layer '{name}'", hint=f"they share {', '.join(shared)}"
            )
    known = by_name(layers)
    compared = {}
    for name in shared:
        tolerance = known[name].tolerance if name in known else _UNKNOWN
        if name in limits:
            tolerance = replace(tolerance, limit=limits[name])
        compared[name] = _layer(name, tolerance, (first, second), overlap)
    missing = {
        "first": sorted(second.layers.keys() - first.layers.keys()),
        "second": sorted(first.layers.keys() - second.layers.keys()),
    }
    same = all(layer["same"] for layer in compared.values()) and not any(missing.values())
    return {
        "first": first.name,
        "second": second.name,
        "grid": {"same": first.grid == second.grid, "rows": overlap.rows, "cols": overlap.cols},
        "layers": compared,
        "missing": missing,
        "same": same,
    }


@dataclass(frozen=True, slots=True)
class _Overlap:
    """The overlap of two grids: its size, and its first row and column in each."""

    rows: int
    cols: int
    starts: tuple[tuple[int, int], tuple[int, int]]

    def read(self, product: Finished, number: int, layer: str) -> Values:
        row, col = self.starts[number]
        return product.read(layer, slice(row, row + self.rows))[:, col : col + self.cols]


def _overlap(first: Finished, second: Finished) -> _Overlap:
    a, b = first.grid, second.grid
    if a.crs != b.crs or not np.allclose(
        a.transform[0:2] + a.transform[3:5], b.transform[0:2] + b.transform[3:5]
    ):
        raise InputError(
            f"{first.name} ({a.crs}, {a.pixel_m:g}) and {second.name} ({b.crs}, {b.pixel_m:g}) differ in "
            "projection or pixel size",
            hint="make both products on one grid, then compare them",
        )
    shift_x = (b.transform[2] - a.transform[2]) / a.transform[0]
    shift_y = (b.transform[5] - a.transform[5]) / a.transform[4]
    col, row = round(shift_x), round(shift_y)
    if max(abs(shift_x - col), abs(shift_y - row)) > 1e-3:
        raise InputError(f"the pixels of {first.name} and {second.name} do not coincide")
    top, left = max(0, row), max(0, col)
    rows, cols = min(a.rows, b.rows + row) - top, min(a.cols, b.cols + col) - left
    if rows <= 0 or cols <= 0:
        raise InputError(f"{first.name} and {second.name} do not overlap")
    return _Overlap(rows, cols, ((top, left), (top - row, left - col)))


def _layer(
    name: str, tolerance: Tolerance, products: tuple[Finished, Finished], overlap: _Overlap
) -> dict[str, Any]:
    a, b = (overlap.read(product, number, name) for number, product in enumerate(products))
    has_a, has_b = _has(a, tolerance), _has(b, tolerance)
    both = has_a & has_b
    either = int((has_a | has_b).sum())
    found: dict[str, Any] = {
        "pixels": int(both.sum()),
        "only_first": int((has_a & ~has_b).sum()),
        "only_second": int((has_b & ~has_a).sum()),
        "unit": tolerance.unit,
        "limit": tolerance.limit,
    }
    covered = either == 0 or (either - found["pixels"]) / either <= tolerance.coverage
    if name == "unw_phase" and both.any() and all("conncomp" in product.layers for product in products):
        one, other = (overlap.read(each, number, "conncomp")[both] for number, each in enumerate(products))
        pairs = np.where((one > 0) & (other > 0), 256 * np.asarray(one, np.int64) + other.astype(np.int64), 0)
        known = np.unique(pairs, return_inverse=True)[1] + (pairs.min() > 0)
        cycles = component_cycles((a[both].astype(np.float64) - b[both]) / _TWO_PI, known)
        b[both] += np.asarray(_TWO_PI * cycles, b.dtype)
    found |= _MEASURES[tolerance.measure](a[both], b[both]) if both.any() else {"rms": 0.0}
    cycles = found.get("other_cycles", 0) <= tolerance.cycles * found["pixels"]
    return found | {"same": bool(covered and cycles and found["rms"] <= tolerance.limit)}


def _has(values: Values, tolerance: Tolerance) -> NDArray[np.bool_]:
    seen = np.isfinite(values)
    return seen & (values != 0) if tolerance.measure == "label" else seen


def _spread(difference: Values) -> dict[str, float]:
    size = np.abs(difference)
    return {
        "rms": _round(np.sqrt(np.mean(difference**2))),
        "p95": _round(np.percentile(size, 95)),
        "largest": _round(size.max()),
    }


def _value(a: Values, b: Values) -> dict[str, Any]:
    return _spread(a.astype(np.float64) - b)


def _angle(a: Values, b: Values) -> dict[str, Any]:
    difference = a.astype(np.float64) - b
    return _spread(difference - _TWO_PI * np.round(difference / _TWO_PI))


def _phase(a: Values, b: Values) -> dict[str, Any]:
    """Return the statistics after removing one constant, which is arbitrary in an interferogram.

    Pixels in another cycle are counted, but not part of the spread, which a few on noisy water would
    dominate.
    """
    difference = a.astype(np.float64) - b
    constant = float(np.median(difference))
    difference -= constant
    same_cycle = np.abs(difference) <= math.pi
    return {
        **_spread(difference[same_cycle]),
        "constant": _round(constant),
        "other_cycles": int((~same_cycle).sum()),
    }


def _ratio(a: Values, b: Values) -> dict[str, Any]:
    return _spread(2.0 * (a.astype(np.float64) - b) / (np.abs(a) + np.abs(b)))


def _label(a: Values, b: Values) -> dict[str, Any]:
    """Return the share of pixels whose labels differ, after matching the labels by their overlap."""
    names, counts = np.unique(np.stack([a, b]), axis=1, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    partner: dict[float, float] = {}
    taken: set[float] = set()
    agreed = 0
    for index in order.tolist():
        one, other = float(names[0, index]), float(names[1, index])
        if one not in partner and other not in taken:
            partner[one] = other
            taken.add(other)
            agreed += int(counts[index])
    return {"rms": _round(1.0 - agreed / a.size), "labels": [len(np.unique(a)), len(np.unique(b))]}


_MEASURES: dict[str, Callable[[Values, Values], dict[str, Any]]] = {
    "value": _value,
    "angle": _angle,
    "phase": _phase,
    "ratio": _ratio,
    "label": _label,
}


def _round(value: Any) -> float:
    return float(f"{float(value):.6g}")


def to_text(found: dict[str, Any]) -> str:
    """Return the differences as a table for people."""
    return render_lines("product/differences.txt", **found).removesuffix("\n")


@dataclass(frozen=True, slots=True)
class Agreement:
    """Statistics of the measured displacement minus the truth, on land and inside connected components.

    Each component is compared in its own cycle, because the number of cycles between components is unknown,
    and the median, which is arbitrary, is subtracted. 95 % of the absolute differences are below ``p95_m``;
    ``wrong_cycles`` pixels differ by more than half a cycle from most of their component. ``atmosphere_m`` is
    the standard deviation of the part of the truth that is the delay in the air.
    """

    rms_m: float
    p95_m: float
    wrong_cycles: int
    pixels: int
    atmosphere_m: float | None = None


def compare_product(product: Finished, truth: Path, atmosphere: Path | None = None) -> Agreement:
    """Return the agreement of a finished product with the truth.

    Parameters
    ----------
    truth : Path
        GeoTIFF of displacement and delay in the air, metres, positive where range increased, on any grid.
    atmosphere : Path, optional
        GeoTIFF of the delay in the air alone.

    Raises
    ------
    InputError
        If nothing can be compared.
    """
    phase, labels, land = (product.read(layer) for layer in ("unw_phase", "conncomp", "water_mask"))
    known = read_on_grid(truth, product.grid)
    use = np.isfinite(phase) & np.isfinite(known) & (labels > 0) & (land == 1)
    if not use.any():
        raise InputError(f"{product.name} and {truth} have no pixel in common to compare")
    difference = phase[use].astype(np.float64) * product.wavelength_m / (4.0 * math.pi) - known[use]
    cycle_m = product.wavelength_m / 2.0
    difference -= cycle_m * component_cycles(difference / cycle_m, labels[use])
    off = np.abs(difference - float(np.median(difference)))
    return Agreement(
        rms_m=float(np.sqrt(np.mean(off**2))),
        p95_m=float(np.percentile(off, 95)),
        wrong_cycles=int((off > product.wavelength_m / 4.0).sum()),
        pixels=int(use.sum()),
        atmosphere_m=None if atmosphere is None else _deviation(read_on_grid(atmosphere, product.grid)[use]),
    )


def _deviation(values: NDArray[Any]) -> float:
    return float(np.nanstd(values.astype(np.float64)))


def component_cycles(difference: NDArray[Any], labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the whole cycles by which most of each pixel's component differs from the median.

    Parameters
    ----------
    difference : array, shape (n,)
        Difference of two phases or displacements, in cycles.
    labels : array, shape (n,)
        Components; those of label 0 belong to none, and their cycles are 0.
    """
    if not len(difference):
        return np.zeros(0, np.int64)
    numbers = np.rint(difference - np.median(difference)).astype(np.int64)
    low, count = numbers.min(), int(numbers.max() - numbers.min()) + 1
    keys = labels.astype(np.int64)
    votes = np.bincount(keys * count + numbers - low, minlength=(int(keys.max()) + 1) * count)
    most: NDArray[np.int64] = votes.reshape(-1, count).argmax(axis=1) + low
    most[0] = 0
    return most[keys]
