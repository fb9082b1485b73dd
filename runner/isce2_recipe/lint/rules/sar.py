"""IR060 to IR067: Sentinel-1 granules, pairs, looks, bounds and map grids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from isce2_recipe.errors import ParameterError
from isce2_recipe.lint.rule import Subject, rule
from isce2_recipe.problems import DataPath, Problem
from isce2_recipe.recipe.document import at
from isce2_recipe.recipe.patterns import compile_pattern
from isce2_recipe.recipe.schema import load_schema
from isce2_recipe.sentinel1.pairs import wrong_time
from isce2_recipe.types import BurstName, Looks

_SLC = r"S1([A-D])_IW_SLC__1S(SV|DV|SH|DH)_(\d{8}T\d{6})_"
_GRANULE = r"(?:(S1[A-D])_IW_SLC__1S[SD][VH]|S1_\d{6}_IW[123])_(\d{8}T\d{6})_"
_POLARIZATIONS = {"SV": ("VV",), "DV": ("VV", "VH"), "SH": ("HH",), "DH": ("HH", "HV")}


@rule("IR060", "error", "sar")
def granule_name(subject: Subject) -> Iterator[Problem]:
    """A text resembles the name of a Sentinel-1 granule but is not valid.

    Burst names have 43 characters: the burst number, swath, time, polarization, four hexadecimal digits and
    `-BURST`.
    """
    for path, text in _granules(subject):
        if not re.match(r"S1(_\d|[A-D]_IW_SLC)", text) or "pattern" in path or " " in text:
            continue
        kind = "slc_name" if text[2:3] != "_" else "burst_name"
        pattern = load_schema("types.schema.json")["$defs"][kind]["pattern"]
        example = load_schema("types.schema.json")["$defs"][kind]["examples"][0]
        if compile_pattern(pattern).search(text) is None or not _has_time(text):
            yield subject.at(
                path, f"'{text}' is not the name of a Sentinel-1 granule", f"a valid name is {example}"
            )


def _granules(subject: Subject) -> list[tuple[DataPath, str]]:
    """Return the texts that may be the name of a Sentinel-1 granule."""
    return [(path, text) for path, text in subject.texts if text.startswith("S1")]


def _has_time(text: str) -> bool:
    try:
        for found in re.findall(r"\d{8}T\d{6}", text):
            datetime.fromisoformat(found)
    except ValueError:
        return False
    return True


def _pairs(subject: Subject) -> Iterator[tuple[DataPath, list[BurstName], list[BurstName]]]:
    """Yield the pairs of bursts that inputs of a step or the defaults of the parameters name."""
    defaults = {name: schema.get("default") for name, schema in subject.declared.items()}
    places: list[tuple[DataPath, dict[str, Any]]] = [(("parameters",), defaults)]
    places += [((*step.path, "with"), dict(step.with_)) for step in subject.steps]
    for path, mapping in places:
        reference, secondary = _bursts(mapping.get("reference")), _bursts(mapping.get("secondary"))
        if reference and secondary:
            yield (*path, "secondary"), reference, secondary


def _bursts(value: Any) -> list[BurstName]:
    names = value if isinstance(value, list) else [value]
    try:
        return [BurstName.parse(name) for name in names if isinstance(name, str)]
    except ParameterError:
        return []


@rule("IR061", "error", "sar")
def unpaired(subject: Subject) -> Iterator[Problem]:
    """The reference and secondary bursts do not cover the same ground.

    An interferogram needs the same burst numbers, swaths and polarization on both dates.
    """
    for path, reference, secondary in _pairs(subject):
        one, other = sorted(b.identifier for b in reference), sorted(b.identifier for b in secondary)
        if one != other:
            odd = ", ".join(sorted({_burst_text(item) for item in set(one) ^ set(other)}))
            yield subject.at_key(
                path, f"reference and secondary have different bursts: {odd or 'one is given twice'}"
            )


def _burst_text(identifier: tuple[int, int, str]) -> str:
    return f"{identifier[0]:06d} IW{identifier[1]} {identifier[2]}"


@rule("IR062", "error", "sar")
def absent_polarization(subject: Subject) -> Iterator[Problem]:
    """The granule does not contain the polarization.

    The name of an SLC contains its polarizations: `1SSV` is VV, `1SDV` is VV and VH, `1SSH` is HH, and `1SDH`
    is HH and HV. ISCE2 would only report that it cannot extract a swath.
    """
    requested = [
        (path, text.upper())
        for path, text in subject.texts
        if ("polarization" in path or "polarisation" in path) and text.upper() in ("VV", "VH", "HH", "HV")
        and ("default" in path or "with" in path)
    ]  # fmt: skip
    for path, polarization in requested:
        for _, text in _granules(subject):
            found = re.match(_SLC, text)
            if found and polarization not in _POLARIZATIONS[found[2]]:
                yield subject.at(
                    path, f"{text} contains {' and '.join(_POLARIZATIONS[found[2]])}, not {polarization}"
                )


@rule("IR063", "error", "sar")
def dates(subject: Subject) -> Iterator[Problem]:
    """The reference is newer than the secondary, or both have the same date.

    With `any_order: true`, a newer reference is allowed.
    """
    for path, reference, secondary in _pairs(subject):
        last, first = max(b.start for b in reference), min(b.start for b in secondary)
        if last.date() == first.date():
            yield subject.at_key(path, f"reference and secondary have the same date, {first.date()}")
        elif last > first and not _any_order(subject, path[:-1]):
            hint = "use the older date as the reference, or set any_order: true"
            yield subject.at_key(
                path, f"the reference of {last.date()} is newer than the secondary of {first.date()}", hint
            )


def _any_order(subject: Subject, path: DataPath) -> bool:
    """Return whether ``any_order`` is true next to a pair."""
    key = (*path, "any_order", "default") if path == ("parameters",) else (*path, "any_order")
    return any(value is True for other, value in subject.scalars if other == key)


@rule("IR064", "warning", "sar")
def unusual_looks(subject: Subject) -> Iterator[Problem]:
    """The looks give pixels that are far from square, or that do not match the posting.

    A Sentinel-1 IW sample covers about 4 m on the ground in range and 14 m in azimuth, so 20x4, 10x2 and 5x1
    give pixels of about 80 m, 40 m and 20 m. 1x1 (no multilooking) is allowed too. Recipes without Sentinel-1
    data are not checked.
    """
    if not _is_sentinel1(subject):
        return
    for path, text in subject.texts:
        if path[-1] not in ("looks", "default") or "looks" not in path:
            continue
        try:
            looks = Looks.parse(text)
        except ParameterError:
            continue
        if text != "1x1" and not 2.5 <= looks.range / looks.azimuth <= 10:
            yield subject.at(
                path,
                f"looks of {text} give pixels that are far from square",
                "use about five times as many looks in range as in azimuth",
            )
        yield from _posting(subject, path, looks)


def _is_sentinel1(subject: Subject) -> bool:
    """Return whether a recipe uses Sentinel-1: its actions, topsApp, names of granules or their types."""
    signs = ("sentinel1.", "topsApp", "S1A_", "S1B_", "S1C_", "S1D_", "S1_", "burst_name", "slc_name")
    return any(sign in subject.document.text for sign in signs)


def _posting(subject: Subject, path: DataPath, looks: Looks) -> Iterator[Problem]:
    """Check that the posting next to the looks, in metres, is within a factor of two of the pixel."""
    values = {other[:-1]: value for other, value in subject.scalars if other[-1:] == ("posting",)}
    posting = values.get(path[:-1])
    if path[-1] == "default":
        posting = next((v for p, v in subject.scalars if p == ("parameters", "posting", "default")), None)
    if isinstance(posting, int | float) and not 0.5 <= posting / (4.0 * looks.range) <= 2:
        yield subject.at(
            path, f"looks of {looks} give pixels of {4 * looks.range} m, but the posting is {posting} m"
        )


@rule("IR065", "error", "sar")
def box_order(subject: Subject) -> Iterator[Problem]:
    """The numbers of a bounding box are in the wrong order.

    The order is west, south, east, north. ISCE2's order, south, north, west, east, is used in templates only.
    In a box across the antimeridian, east is beyond 180 degrees, or less than west as in ``179 60 -179 61``.
    """
    for path in subject.document.nodes:
        name = str(path[-2] if path[1:] and path[-1] == "default" else path[-1]) if path else ""
        if not name.endswith(("bounds", "bbox", "box")) or not re.search(r"(^|_)(bounds|bbox|box)$", name):
            continue
        value = at(subject.data, path)
        if not (isinstance(value, list) and len(value) == 4 and all(_is_number(item) for item in value)):
            continue
        if _turned(value):
            hint = "is the order south, north, west, east?"
            yield subject.at(path, "a bounding box must be west, south, east, north in degrees", hint)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@rule("IR066", "warning", "sar")
def outside_mission(subject: Subject) -> Iterator[Problem]:
    """The satellite took no images on the day of the granule.

    Sentinel-1B failed on 2021-12-23. The names of bursts do not have the satellite; none took images before
    2014-04-03.
    """
    for path, text in _granules(subject):
        found = re.match(_GRANULE, text)
        if found is None or not _has_time(text):
            continue
        start = datetime.fromisoformat(found[2]).replace(tzinfo=UTC)
        why = wrong_time(start, found[1] or "")
        if why:
            yield subject.at(path, f"there is no granule of {start.date()}: {why}", "check the date")


@rule("IR067", "error", "sar")
def impossible_grid(subject: Subject) -> Iterator[Problem]:
    """A map grid is not possible.

    The rule finds projections that do not exist, boxes far from the area of the projection, pixels in a wrong
    unit, and maps that are too large. It reads the defaults of the parameters `grid_crs`, `grid_bounds` and
    `grid_pixel`, and the inputs `grid` of steps.
    """
    from isce2_recipe.products.grid_check import grid_problems

    defaults = {
        name.removeprefix("grid_"): (("parameters", name, "default"), schema.get("default"))
        for name, schema in subject.declared.items()
        if name in ("grid_crs", "grid_bounds", "grid_pixel")
    }
    grids = [defaults]
    for step in subject.steps:
        given = step.with_.get("grid")
        path = (*step.path, "with", "grid")
        grids.append({key: ((*path, key), given[key]) for key in given} if isinstance(given, dict) else {})
    for grid in grids:
        values = {key: value for key, (_, value) in grid.items() if _fits(key, value)}
        for problem in grid_problems(values) if values else ():
            if problem.key in grid and (problem.key != "bounds" or not _turned(values["bounds"])):
                yield subject.at(grid[problem.key][0], problem.message, problem.hint)


def _fits(key: str, value: Any) -> bool:
    """Return whether a value of a grid is a constant of the right type."""
    if key == "bounds":
        return isinstance(value, list) and len(value) == 4 and all(map(_is_number, value))
    return _is_number(value) if key == "pixel" else key == "crs" and _is_projection(value)


def _is_projection(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"utm|EPSG:\d{4,6}", value) is not None


def _turned(bounds: Any) -> bool:
    """Return whether rule IR065 reports a box."""
    west, south, east, north = bounds
    in_order = -360 <= west <= east <= 360 or (0 < west <= 180 and -180 <= east < west - 180)
    return not (in_order and -90 <= south <= north <= 90)
