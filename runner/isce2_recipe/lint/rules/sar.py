"""IR060 to IR066: what radar people know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from isce2_recipe.errors import ParameterError
from isce2_recipe.lint.rule import Rule, Subject, rule
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.document import Path, at
from isce2_recipe.recipe.patterns import compile_pattern
from isce2_recipe.recipe.schema import load_schema
from isce2_recipe.types import BurstName, Looks

_SLC = r"S1([A-D])_IW_SLC__1S(SV|DV|SH|DH)_(\d{8}T\d{6})_"
_HOLDS = {"SV": ("VV",), "DV": ("VV", "VH"), "SH": ("HH",), "DH": ("HH", "HV")}
# First and last day of acquisitions; S1B's power failed on 2021-12-23.
# https://sentinels.copernicus.eu/web/sentinel/missions/sentinel-1
_MISSION = {
    "A": (date(2014, 4, 3), None),
    "B": (date(2016, 4, 25), date(2021, 12, 23)),
    "C": (date(2024, 12, 5), None),
    "D": (date(2025, 11, 4), None),
}


@rule("IR060", "error", "sar")
def granule_name(subject: Subject) -> Iterator[Problem]:
    """A text that looks like a Sentinel-1 granule's name but is none.

    Burst names end in `-BURST` and have 43 characters: burst number, swath, time, polarization, four
    hexadecimal digits.
    """
    for path, text in _granules(subject):
        if not re.match(r"S1(_\d|[A-D]_IW_SLC)", text) or "pattern" in path or " " in text:
            continue
        kind = "slc_name" if text[2:3] != "_" else "burst_name"
        pattern = load_schema("types.schema.json")["$defs"][kind]["pattern"]
        example = load_schema("types.schema.json")["$defs"][kind]["examples"][0]
        if compile_pattern(pattern).search(text) is None or not _has_time(text):
            yield subject.at(
                path, f"'{text}' is not a Sentinel-1 granule's name", f"they look like {example}"
            )


def _granules(subject: Subject) -> list[tuple[Path, str]]:
    """Texts that may be a Sentinel-1 granule's name."""
    return [(path, text) for path, text in subject.texts if text.startswith("S1")]


def _has_time(text: str) -> bool:
    try:
        for found in re.findall(r"\d{8}T\d{6}", text):
            datetime.fromisoformat(found)
    except ValueError:
        return False
    return True


def _pairs(subject: Subject) -> Iterator[tuple[Path, list[BurstName], list[BurstName]]]:
    """Where the recipe names both granules of a pair: in a step's inputs, or as its parameters' defaults."""
    parameters = subject.data.get("parameters")
    defaults = {
        name: schema.get("default")
        for name, schema in (parameters.items() if isinstance(parameters, dict) else ())
        if isinstance(schema, dict)
    }
    places: list[tuple[Path, dict[str, Any]]] = [(("parameters",), defaults)]
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
    """Reference and secondary bursts do not show the same ground.

    An interferogram needs the same burst numbers, swaths and polarization on both dates, as many of one as of
    the other.
    """
    for path, reference, secondary in _pairs(subject):
        one, other = sorted(b.identifier for b in reference), sorted(b.identifier for b in secondary)
        if one != other:
            odd = ", ".join(sorted({_words(item) for item in set(one) ^ set(other)}))
            yield subject.at_key(
                path, f"reference and secondary do not pair: {odd or 'a burst is there twice'}"
            )


def _words(identifier: tuple[int, int, str]) -> str:
    return f"{identifier[0]:06d} IW{identifier[1]} {identifier[2]}"


@rule("IR062", "error", "sar")
def absent_polarization(subject: Subject) -> Iterator[Problem]:
    """A polarization the granule does not hold.

    ISCE2 would say only that it cannot extract a swath. The name tells: `1SSV` holds VV, `1SDV` VV and VH,
    `1SSH` HH, `1SDH` HH and HV.
    """
    wanted = [
        (path, text.upper())
        for path, text in subject.texts
        if ("polarization" in path or "polarisation" in path) and text.upper() in ("VV", "VH", "HH", "HV")
        and ("default" in path or "with" in path)
    ]  # fmt: skip
    for path, polarization in wanted:
        for _, text in _granules(subject):
            found = re.match(_SLC, text)
            if found and polarization not in _HOLDS[found[2]]:
                yield subject.at(path, f"{text} holds {' and '.join(_HOLDS[found[2]])}, not {polarization}")


@rule("IR063", "error", "sar")
def dates(subject: Subject) -> Iterator[Problem]:
    """Reference and secondary are of one pass, or the reference is the newer one.

    `any_order: true` says that a newer reference is meant.
    """
    for path, reference, secondary in _pairs(subject):
        last, first = max(b.start for b in reference), min(b.start for b in secondary)
        if last.date() == first.date():
            yield subject.at_key(path, f"reference and secondary are both of {first.date()}")
        elif last > first and not _any_order(subject, path[:-1]):
            hint = "the older date is the reference"
            yield subject.at_key(
                path, f"the reference, {last.date()}, is newer than the secondary, {first.date()}", hint
            )


def _any_order(subject: Subject, path: Path) -> bool:
    """Whether a step's inputs, or the parameters' defaults, let a newer reference through."""
    key = (*path, "any_order", "default") if path == ("parameters",) else (*path, "any_order")
    return any(value is True for other, value in subject.scalars if other == key)


@rule("IR064", "warning", "sar")
def unusual_looks(subject: Subject) -> Iterator[Problem]:
    """Looks that make pixels far from square, or that do not go with the posting.

    A Sentinel-1 IW sample is about 4 m on the ground in range and 14 m in azimuth, so 20x4, 10x2 and 5x1 make
    pixels of about 80 m, 40 m and 20 m. 1x1, no looks at all, is fine too. Recipes that have nothing to do
    with Sentinel-1 are left alone.
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
                f"looks {text} make pixels far from square",
                "range looks are about five times azimuth's",
            )
        yield from _posting(subject, path, looks)


def _is_sentinel1(subject: Subject) -> bool:
    """Whether a recipe fetches Sentinel-1 data, runs topsApp, or names a granule or a shared type of it."""
    words = ("sentinel1.", "topsApp", "S1A_", "S1B_", "S1C_", "S1D_", "S1_", "burst_name", "slc_name")
    return any(word in subject.document.text for word in words)


def _posting(subject: Subject, path: Path, looks: Looks) -> Iterator[Problem]:
    """Posting beside the looks, in metres: within a factor of two of the pixel."""
    values = {other[:-1]: value for other, value in subject.scalars if other[-1:] == ("posting",)}
    posting = values.get(path[:-1])
    if path[-1] == "default":
        posting = next((v for p, v in subject.scalars if p == ("parameters", "posting", "default")), None)
    if isinstance(posting, int | float) and not 0.5 <= posting / (4.0 * looks.range) <= 2:
        yield subject.at(
            path, f"looks {looks} make pixels of {4 * looks.range} m, the posting is {posting} m"
        )


@rule("IR065", "error", "sar")
def box_order(subject: Subject) -> Iterator[Problem]:
    """A box whose numbers are in the wrong order.

    Boxes here are west, south, east, north. ISCE2's own are south, north, west, east; that order belongs in
    templates only. A box over the antimeridian is not supported.
    """
    for path in subject.document.nodes:
        name = str(path[-2] if path[-1:] == ("default",) else path[-1]) if path else ""
        if not name.endswith(("bounds", "bbox", "box")) or not re.search(r"(^|_)(bounds|bbox|box)$", name):
            continue
        value = at(subject.data, path)
        if not (isinstance(value, list) and len(value) == 4 and all(_is_number(item) for item in value)):
            continue
        west, south, east, north = value
        if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
            hint = (
                "crossing the antimeridian?"
                if west > 90 and east < -90
                else "is it south, north, west, east?"
            )
            yield subject.at(path, "a box is west, south, east, north in degrees", hint)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@rule("IR066", "warning", "sar")
def outside_mission(subject: Subject) -> Iterator[Problem]:
    """A granule of a day on which its satellite took no images.

    Sentinel-1B ended on 2021-12-23; the first images of any are of October 2014.
    """
    for path, text in _granules(subject):
        found = re.match(_SLC, text)
        if found is None or not _has_time(text):
            continue
        day = datetime.fromisoformat(found[3]).date()
        first, last = _MISSION[found[1]]
        if day < first or (last is not None and day > last):
            until = f" to {last}" if last else ""
            yield subject.at(
                path, f"Sentinel-1{found[1]} took no images on {day}", f"it works from {first}{until}"
            )


RULES: tuple[Rule, ...] = (
    granule_name, unpaired, absent_polarization, dates, unusual_looks, box_order, outside_mission,
)  # fmt: skip
