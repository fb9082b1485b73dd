"""The page of a stack: one file with the maps, the series of every pixel, network, closure and stations."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.markup import render
from isce2_recipe.products.colours import DIVERGING, SEQUENTIAL, nice_step, nice_ticks
from isce2_recipe.products.facts import source_of_simulated
from isce2_recipe.products.package import user_templates
from isce2_recipe.quantities import counted
from isce2_recipe.stack.checking import FACTS
from isce2_recipe.stack.stations import Station, station_rows

# Values of the cube in the page; with the maps they are about 20 MB of text.
_MOST_VALUES = 7_000_000
_NONE = -32768
_STEP_MM = 0.1
# Edges of the chart of the network, and the smallest distance of its labels, SVG units.
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 620, 30, 240
_APART = 100

Float = NDArray[np.float32]


def write_page(
    path: Path,
    product: Path,
    template: str,
    quality: Path | None = None,
    stations: Sequence[Station] = (),
) -> Path:
    """Write the page of a stack's product.

    Parameters
    ----------
    product : Path
        The product's folder.
    template : str
        Template of the page.
    quality : Path, optional
        ``quality.json`` of the product.
    stations : sequence of Station
        Stations with known velocity.
    """
    from jinja2.utils import htmlsafe_json_dumps
    from markupsafe import Markup

    facts = json.loads((product / FACTS).read_text(encoding="utf-8"))
    truth = None if quality is None else json.loads(quality.read_text(encoding="utf-8"))["truth"]
    series = sorted((product / "displacement").glob("*.tif"))
    dates = [file.stem.split("_")[1] for file in series]
    reader = _Reader(product, series[-1], len(dates))
    moments = [datetime.strptime(date, "%Y%m%d") for date in dates]
    cube = np.stack([1e3 * reader.read(file) for file in series])
    velocity = reader.layer("velocity")
    rows = station_rows(stations, product)
    marks = [
        {"name": one["name"], "place": reader.place(*one["map"]), "rest": one["rest"]}
        for one in rows
        if one["rest"] is not None
    ]
    values = {
        "name": product.name,
        "dates": dates,
        "days": [f"{moment:%Y-%m-%d}" for moment in moments],
        "looks": reader.tags.get("LOOKS", ""),
        "simulated": bool(source_of_simulated(reader.tags)),
        "notes": facts.get("notes", []),
        "pairs": facts["pairs"],
        "triplets": facts["triplets"],
        "quality": list(_quality(facts, reader, velocity)),
        "truth": truth,
        "network": Markup(network_svg(facts["pairs"], dates)),
        "stations": rows,
        "data": htmlsafe_json_dumps(_data(reader, velocity, cube, moments) | {"stations": marks}),
    }
    page = user_templates(autoescape=True).from_string(template).render(values)
    path.write_text(page, encoding="utf-8")
    return path


class _Reader:
    """Reads maps of the product, cropped to the data and averaged to a size that fits into the page."""

    def __init__(self, product: Path, last: Path, dates: int) -> None:
        import rasterio
        from rasterio.windows import Window

        self._product = product
        with rasterio.open(last) as dataset:
            known = np.isfinite(dataset.read(1))
            rows, cols = (np.nonzero(known.any(axis))[0] for axis in (1, 0))
            top, left, height, width = 0, 0, dataset.height, dataset.width
            if rows.size:
                top, left = int(rows[0]), int(cols[0])
                height, width = int(rows[-1]) - top + 1, int(cols[-1]) - left + 1
            self._window = Window(left, top, width, height)
            factor = max(1, math.ceil(math.sqrt(height * width * (dates + 4) / _MOST_VALUES)))
            self.shape = max(1, height // factor), max(1, width // factor)
            pixel = dataset.transform.a
            self.step = pixel * width / self.shape[1]
            self.west, self.north = dataset.transform.c + left * pixel, dataset.transform.f - top * pixel
            self.crs, self.tags = str(dataset.crs), dataset.tags()

    @property
    def wavelength_m(self) -> float:
        """The radar's wavelength; raise InputError if the maps do not have it."""
        try:
            return float(self.tags["WAVELENGTH_M"])
        except (KeyError, ValueError):
            raise InputError(
                f"the maps of {self._product} have no tag WAVELENGTH_M, the radar's wavelength in metres",
                hint="package the stack again",
            ) from None

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return the column and row of a place of the map in the page's pixels."""
        return round((x - self.west) / self.step, 1), round((self.north - y) / self.step, 1)

    def layer(self, name: str) -> Float:
        """Return a layer of the product."""
        return self.read(self._product / f"{self._product.name}_{name}.tif")

    def read(self, path: Path) -> Float:
        """Return a map, NaN where it has no data."""
        import rasterio
        from rasterio.enums import Resampling

        with rasterio.open(path) as dataset:
            read: Float = dataset.read(
                1, window=self._window, out_shape=self.shape, resampling=Resampling.average
            )
        return read


def _packed(values: NDArray[Any], step: float) -> str:
    """Return values as base64 of 16-bit numbers in units of ``step``."""
    whole = np.where(np.isfinite(values), np.round(np.nan_to_num(values) / step), _NONE)
    clipped = np.where(whole == _NONE, _NONE, np.clip(whole, _NONE + 1, -_NONE - 1))
    return base64.b64encode(clipped.astype("<i2").tobytes()).decode()


def _reach(values: NDArray[Any]) -> float:
    """Return a round number that few absolute values exceed."""
    known = np.abs(values[np.isfinite(values)])
    most = float(np.percentile(known, 99)) if known.size else 1.0
    return nice_step(max(most, 1e-3), 1)


def _data(reader: _Reader, velocity: Float, cube: Float, moments: Sequence[datetime]) -> dict[str, Any]:
    residual = reader.layer("residual") * 1e3 * reader.wavelength_m / (4 * math.pi)
    error = 1e3 * reader.layer("velocity_std")
    maps = [
        ("velocity", "Velocity", 1e3 * velocity, 0.1, "mm a year", True, 1),
        ("velocity_std", "Standard error of the velocity", error, 0.01, "mm a year", False, 1),
        ("temporal_coherence", "Temporal coherence", reader.layer("temporal_coherence"), 1e-4, "", False, 2),
        ("mean_coherence", "Mean coherence", reader.layer("mean_coherence"), 1e-4, "", False, 2),
        ("residual_mm", "Residual of the pairs", residual, 0.01, "mm", False, 1),
        ("open_triplets", "Triplets that did not close", reader.layer("open_triplets"), 0.01, "", False, 0),
    ]  # fmt: skip
    known = np.flatnonzero(np.isfinite(velocity))
    strongest = int(known[np.argmax(np.abs(velocity.ravel()[known]))]) if known.size else 0
    layers = [
        {
            "name": name, "title": title, "values": _packed(values, step), "step": step, "unit": unit,
            "signed": signed, "relative": signed, "digits": digits,
            "reach": 1.0 if "coherence" in name else _reach(values),
        }
        for name, title, values, step, unit, signed, digits in maps
    ]  # fmt: skip
    return {
        "rows": reader.shape[0],
        "cols": reader.shape[1],
        # As in the reports of pairs, blue is towards the satellite.
        "colours": {"signed": DIVERGING[::-1], "amount": SEQUENTIAL},
        "layers": layers,
        "cube": _packed(cube, _STEP_MM),
        "step": _STEP_MM,
        "reach": _reach(cube[1:]),
        "days": [(moment - moments[0]).days for moment in moments],
        "labels": [f"{moment:%Y-%m-%d}" for moment in moments],
        "start": strongest,
        "geo": [reader.west, reader.step, 0 if reader.step > 1 else 5, reader.north],
        "crs": reader.crs,
    }


def _quality(facts: Mapping[str, Any], reader: _Reader, velocity: Float) -> Any:
    """Yield labels and values of the quality table."""
    region, repair = facts["reference"], facts["repair"]
    how = "chosen" if region["chosen"] else "given"
    yield (
        "Reference region",
        f"{region['longitude']:.5f} E, {region['latitude']:.5f} N, {region['looks']} looks, coherence "
        f"{region['coherence']:.2f}, {how}",
    )
    error = 1e3 * reader.layer("velocity_std")
    if np.isfinite(error).any():
        yield "Standard error of the velocity, median", f"{np.nanmedian(error):.2f} mm a year"
    coherence = reader.layer("temporal_coherence")
    if np.isfinite(coherence).any():
        low = np.nanpercentile(coherence, 1)
        yield "Temporal coherence", f"median {np.nanmedian(coherence):.3f}, 1st percentile {low:.3f}"
    if facts["triplets"]:
        rms = math.sqrt(float(np.mean([one["rms_rad"] ** 2 for one in facts["triplets"]])))
        yield "Closure of triplets", f"{rms:.3f} rad RMS of {counted(len(facts['triplets']), 'triplet')}"
    else:
        yield "Closure of triplets", "none: the network has no triplets, errors cannot be found"
    second = facts.get("second_pass") or {}
    if second.get("looks"):
        yield "Looks with the phase of a second pass", f"{second['looks']} of {second['land_looks']} on land"
    yield "Looks changed by the repair", f"{repair['looks']} of {facts['land_looks']} on land"
    yield "Looks with doubtful changes", str(repair["doubtful_looks"])
    yield "Looks on islands, cycles not known", str(facts["island_looks"])
    yield "Pixels with velocity", str(int(np.isfinite(velocity).sum()))


def network_svg(pairs: Sequence[Mapping[str, Any]], dates: Sequence[str]) -> str:
    """Return the network as SVG: time across, perpendicular baseline up where it is known."""
    heights = _heights(pairs, dates)
    days = {date: datetime.strptime(date, "%Y%m%d").toordinal() for date in dates}
    first, last = min(days.values()), max(days.values())
    low, high = min(heights.values()) - 10, max(heights.values()) + 10

    def across(date: str) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * (days[date] - first) / max(last - first, 1), 1)

    def up(metres: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * (metres - low) / (high - low), 1)

    return render(
        "report/network.svg",
        left=_LEFT,
        right=_RIGHT,
        pairs=pairs,
        places={date: (across(date), up(heights[date])) for date in dates},
        rules=[(up(value), text) for value, text in nice_ticks(low, high)],
        labels=_labels([(date, across(date)) for date in dates]),
    )


def _labels(places: Sequence[tuple[str, float]]) -> list[tuple[str, float, str]]:
    """Return the dates that have a label, their places, and the part of the text that is there."""
    shown: list[tuple[str, float, str]] = []
    for date, x in places:
        if not shown or x >= shown[-1][1] + _APART:
            shown.append((date, x, "end" if x > _RIGHT - _APART / 2 else "middle"))
    return shown


def _heights(pairs: Sequence[Mapping[str, Any]], dates: Sequence[str]) -> dict[str, float]:
    """Return the baseline of every date to the first, from those of pairs; 0 where they are not known."""
    found = {dates[0]: 0.0}
    for _ in dates:
        for pair in pairs:
            one, other, apart = pair["reference"], pair["secondary"], pair["perpendicular_m"] or 0.0
            if one in found and other not in found:
                found[other] = found[one] + apart
            elif other in found and one not in found:
                found[one] = found[other] - apart
    return {date: found.get(date, 0.0) for date in dates}
