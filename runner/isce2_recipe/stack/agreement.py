"""How good a stack is: coverage, coherence and errors of its maps, and its agreement with the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.products.reading import Grid, read_on_grid
from isce2_recipe.stack.checking import FACTS
from isce2_recipe.stack.inversion import MotionModel
from isce2_recipe.types import longitude_near

# Size of the pixel in which the truth is read at the reference, degrees.
_SMALL_DEG = 1e-6
_QUANTILES = (5, 50, 95)

Map = NDArray[np.float64]


def coarse_grid(dem: Path, target: Path, pixel_m: float) -> Path:
    """Write an empty raster of the extent of a DEM in degrees with pixels of about ``pixel_m`` metres."""
    import rasterio
    from affine import Affine

    from isce2_recipe.products.grid import METRES_A_DEGREE

    with rasterio.open(dem) as fine:
        factor = max(1, round(pixel_m / (fine.transform.a * METRES_A_DEGREE)))
        profile = {
            "driver": "GTiff", "dtype": "float32", "count": 1, "crs": fine.crs, "sparse_ok": True,
            "width": -(-fine.width // factor), "height": -(-fine.height // factor),
            "transform": fine.transform * Affine.scale(factor),
        }  # fmt: skip
    with rasterio.open(target, "w", **profile):
        return target


def measure_stack(
    product: Path, terms: Sequence[str], ground: Sequence[Path] = (), total: Sequence[Path] = ()
) -> dict[str, Any]:
    """Measure the product of a stack; return the keys of its ``quality.json``.

    Parameters
    ----------
    terms : sequence of str
        The terms that were fitted with the velocity.
    ground, total : sequence of Path
        For every date but the first, the true displacement since the first date, and that with the delay in
        the air: GeoTIFFs in metres, positive where the range increased. Empty if there is no truth.

    Raises
    ------
    InputError
        If nothing can be compared with the truth.
    """
    facts = json.loads((product / FACTS).read_text(encoding="utf-8"))
    maps = _Maps(product)
    land = (maps.layer("water_mask") == 1) & np.isfinite(maps.layer("mean_coherence"))
    velocity = maps.layer("velocity")
    valid = land & np.isfinite(velocity)
    found: dict[str, Any] = {
        "coverage": {
            "land": int(land.sum()),
            "valid": int(valid.sum()),
            "valid_fraction": round(float(valid.sum() / land.sum()), 6) if land.any() else None,
        },
        "closure": _closure(facts),
        "repair": facts["repair"],
        "second_pass": facts.get("second_pass") or None,
    }
    for name in ("mean_coherence", "temporal_coherence", "velocity_std"):
        found[name] = _quantiles(maps.layer(name)[valid])
    found["truth"] = _compare(maps, facts["reference"], terms, ground, total) if total else None
    return found


def describe(found: Mapping[str, Any]) -> str:
    """Return the most important numbers in a sentence."""
    coverage = found["coverage"]
    share = (
        "" if coverage["valid_fraction"] is None else f"{100 * coverage['valid_fraction']:.1f} % of the land"
    )
    error = found["velocity_std"]
    middle = "" if error is None else f", median standard error {1e3 * error['p50']:.2f} mm a year"
    return f"velocity on {coverage['valid']} pixels, {share}{middle}"


def describe_agreement(truth: Mapping[str, Any]) -> str:
    """Return the agreement with the truth in a sentence."""
    velocity = truth["velocity"]
    inside = velocity["within_standard_error"]
    share = "" if inside is None else f" ({100 * inside:.0f} % within one standard error)"
    return (
        f"displacement agrees with the truth to {truth['rms_mm']:.2f} mm RMS "
        f"(95 % within {truth['p95_mm']:.2f} mm), velocity with that of the ground to "
        f"{velocity['rms_mm_per_year']:.2f} mm a year around a median of "
        f"{velocity['median_mm_per_year']:.2f}{share}, "
        f"{truth['wrong_cycles']} of {truth['values']} values in a wrong cycle"
    )


class _Maps:
    """The maps of a product."""

    def __init__(self, product: Path) -> None:
        import rasterio

        self._product = product
        self.series = sorted((product / "displacement").glob("*.tif"))
        self.dates = [file.stem.split("_")[1] for file in self.series]
        with rasterio.open(self.series[0]) as dataset:
            self.tags = dataset.tags()
            self.grid = Grid(tuple(dataset.transform)[:6], dataset.width, dataset.height, str(dataset.crs))

    def layer(self, name: str) -> Map:
        """Return a layer of the product."""
        return self.read(self._product / f"{self._product.name}_{name}.tif")

    def read(self, path: Path) -> Map:
        """Return a map, NaN where it has no data."""
        import rasterio

        with rasterio.open(path) as dataset:
            values: Map = dataset.read(1).astype(np.float64)
        return values


def _quantiles(values: Map) -> dict[str, float] | None:
    known = values[np.isfinite(values)]
    if not known.size:
        return None
    return {f"p{q}": round(float(np.percentile(known, q)), 6) for q in _QUANTILES}


def _closure(facts: Mapping[str, Any]) -> dict[str, Any]:
    triplets = facts["triplets"]
    rms = round(float(np.sqrt(np.mean([one["rms_rad"] ** 2 for one in triplets]))), 5) if triplets else None
    return {"triplets": len(triplets), "rms_rad": rms}


def _compare(
    maps: _Maps,
    reference: Mapping[str, Any],
    terms: Sequence[str],
    ground: Sequence[Path],
    total: Sequence[Path],
) -> dict[str, Any]:
    """Compare every date with displacement and delay, and the velocity with that of the ground."""
    half_cycle_m = float(maps.tags["WAVELENGTH_M"]) / 4.0
    connected = maps.layer("connected") == 1
    place = _place(reference, total[0])
    slope = np.linalg.pinv(MotionModel.of_names(terms).design(maps.dates))[1]
    moved, every, wrong, air = np.zeros(connected.shape), [], 0, []
    dates: dict[str, Any] = {}
    for number, (date, file) in enumerate(zip(maps.dates[1:], maps.series[1:], strict=True)):
        true, of_ground = (_towards(maps, kind[number], place) for kind in (total, ground))
        error = maps.read(file) - true
        off = error[connected & np.isfinite(error)]
        if not off.size:
            raise InputError(f"the map of {date} has no pixel in common with the truth")
        middle = float(np.median(off))
        off = np.abs(off - middle)
        dates[date] = {"rms_mm": _mm(_rms(off)), "median_mm": _mm(middle)}
        wrong += int((off > half_cycle_m).sum())
        every.append(off.astype(np.float32))
        air.append(float(np.nanstd((true - of_ground)[connected])))
        moved += slope[number + 1] * of_ground
    values = np.concatenate(every)
    found = {
        "dates": dates,
        "rms_mm": _mm(_rms(values)),
        "p95_mm": _mm(float(np.percentile(values, 95))),
        "wrong_cycles": wrong,
        "values": int(values.size),
        "velocity": _velocity(maps, moved, connected),
    }
    return found | ({"atmosphere_mm": _mm(_rms(np.array(air)))} if any(air) else {})


def _velocity(maps: _Maps, moved: Map, connected: NDArray[np.bool_]) -> dict[str, Any]:
    """Compare the velocity with the true one, metres a year."""
    error, deviation = maps.layer("velocity") - moved, maps.layer("velocity_std")
    known = connected & np.isfinite(error)
    off, allowed = error[known], deviation[known]
    inside = np.abs(off) < allowed
    return {
        "rms_mm_per_year": _mm(float(off.std())),
        "median_mm_per_year": _mm(float(np.median(off))),
        "within_standard_error": round(float(inside.mean()), 4) if np.isfinite(allowed).any() else None,
        "pixels": int(off.size),
    }


def _towards(maps: _Maps, truth: Path, place: Grid) -> Map:
    """Return a truth on the map, metres towards the satellite, zero at the reference."""
    return np.asarray(read_on_grid(truth, place)[0, 0] - read_on_grid(truth, maps.grid))


def _place(reference: Mapping[str, Any], truth: Path) -> Grid:
    """Return a grid of one small pixel in the middle of the reference region.

    Where the ground moves, half a pixel of the map would change the reference by more than its noise.
    """
    import rasterio

    with rasterio.open(truth) as dataset:
        middle = (dataset.bounds.left + dataset.bounds.right) / 2
    west, north = longitude_near(reference["longitude"], middle), reference["latitude"]
    half = 0.5 * _SMALL_DEG
    return Grid((_SMALL_DEG, 0.0, west - half, 0.0, -_SMALL_DEG, north + half), 1, 1, "EPSG:4326")


def _rms(values: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.asarray(values, np.float64) ** 2)))


def _mm(metres: float) -> float:
    return round(1e3 * metres, 4)
