"""The file ``report.html`` and its pictures."""

from __future__ import annotations

import json
import math
import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from isce2_recipe.errors import InputError
from isce2_recipe.paths import REPORT, REPORT_SCRIPT, data_folder
from isce2_recipe.products.colours import number_text
from isce2_recipe.products.facts import source_of_simulated
from isce2_recipe.products.layer import Layer
from isce2_recipe.products.layers import LAYERS
from isce2_recipe.products.package import user_templates
from isce2_recipe.products.quality.judging import judgements
from isce2_recipe.products.quality.limits import check_limits
from isce2_recipe.products.reading import Finished, open_product
from isce2_recipe.products.report.charts import charts, profile_line
from isce2_recipe.products.report.maps import (
    LARGE,
    SMALL,
    MapFrame,
    corners,
    locator_svg,
    map_frame,
    map_svg,
    place_table,
)
from isce2_recipe.products.report.quicklook import write_quicklook
from isce2_recipe.products.report.reduced import ReducedProduct, median
from isce2_recipe.products.report.steps import steps_svg
from isce2_recipe.products.report.views import View, truth_views, views
from isce2_recipe.quantities import format_bytes, format_duration, format_share
from isce2_recipe.types import longitude_near

_DASH = "\N{EN DASH}"  # for values that are not known
_ORBITS = {"POEORB": "precise", "RESORB": "restituted", "PREORB": "predicted"}


@dataclass(frozen=True, slots=True)
class ReportInputs:
    """The inputs of a report.

    Attributes
    ----------
    product, quality : Path
        Folder of the product, and its ``quality.json``.
    orbits : tuple of str
        Names of orbit files.
    truth : Path or None
        GeoTIFF of the true displacement and delay in the air, metres.
    notes : tuple of str
        Further warnings.
    run : mapping
        Summary of the run; empty if it is not known.
    template : str
        Jinja2 template of the page.
    atmosphere : Path, optional
        GeoTIFF of the part of the truth that is the delay in the air.
    place : Path, optional
        Folder from which the page's links lead to the files of the product; without it there are none.
    """

    product: Path
    quality: Path
    orbits: tuple[str, ...]
    truth: Path | None
    limits: Mapping[str, float]
    notes: tuple[str, ...]
    run: Mapping[str, Any]
    template: str
    atmosphere: Path | None = None
    place: Path | None = None


def write_report(
    out: Path, inputs: ReportInputs, layers: Sequence[Layer] = LAYERS
) -> tuple[Path, list[Path]]:
    """Write the page and its pictures, and return their paths.

    Raises
    ------
    InputError
        If the product or its quality cannot be read.
    """
    product = open_product(inputs.product)
    reduced = ReducedProduct(product, inputs.truth, inputs.atmosphere)
    quality = _quality(inputs.quality)
    shown, compared = views(reduced, layers), truth_views(reduced)
    pictures = [write_quicklook(out, view, reduced) for view in (*shown, *compared)]
    path = out / REPORT
    path.write_text(
        _render(inputs, reduced, quality, shown, compared), encoding="utf-8", errors="backslashreplace"
    )
    return path, pictures


def _quality(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(f"{path} cannot be read: {exc}") from exc
    return found


def _render(
    inputs: ReportInputs,
    reduced: ReducedProduct,
    quality: dict[str, Any],
    shown: list[View],
    compared: list[View],
) -> str:
    from markupsafe import Markup

    environment = user_templates(autoescape=True)
    environment.filters |= {
        "duration": lambda seconds: _DASH if seconds is None else format_duration(seconds),
        "size": lambda memory: format_bytes(memory) if memory else _DASH,
        "percent": lambda share, digits=1: _DASH if share is None else format_share(share, digits),
        "svg": Markup,  # made by this package, which escapes all texts in it
        "number": number_text,
    }
    values = _values(inputs, reduced, quality, shown, compared)
    return environment.from_string(inputs.template).render(values)


def _values(
    inputs: ReportInputs,
    reduced: ReducedProduct,
    quality: dict[str, Any],
    shown: list[View],
    compared: list[View],
) -> dict[str, Any]:
    product, run = reduced.product, _with_this_page(inputs.run)
    line = profile_line(reduced)
    large, small = map_frame(reduced.grid, LARGE), map_frame(reduced.grid, SMALL)
    hero = next(view for view in shown if view.name == "displacement")
    # A tall map would leave half of the page empty, so it is shown small like the others.
    wide = large.width > SMALL
    heading = _number(product.parameters, "Heading")
    figures = [
        {"view": view, "svg": _map(view, small, SMALL, hero, line, heading)}
        for view in shown
        if not (wide and view is hero)
    ]
    # A narrow screen shows the same picture with the labels of a small map.
    narrow = map_svg(hero, small, SMALL, line, shared=(large, LARGE)) if wide else ""
    script = (data_folder("templates") / REPORT_SCRIPT).read_text(encoding="utf-8")
    limit_checks = check_limits(quality, inputs.limits)
    return {
        "name": product.name,
        "facts": _facts(reduced, inputs.orbits),
        "simulated": bool(source_of_simulated(product.tags)) or inputs.truth is not None,
        "quality": quality,
        "hero": {"view": hero, "svg": _map(hero, large, LARGE, hero, line, heading), "narrow": narrow}
        if wide
        else None,
        "judged": judgements(quality),
        "places": place_table(reduced.grid),
        "script": script,
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
        "links": _links(inputs),
        "figures": figures,
        "truth_figures": [{"view": view, "svg": map_svg(view, small, SMALL)} for view in compared],
        "charts": charts(reduced, quality),
        "locator": locator_svg(corners(reduced.grid)),
        "corners": _corner_rows(product),
        "limit_checks": limit_checks,
        "warnings": _warnings(inputs, quality, [check.text for check in limit_checks if not check.met]),
        "run": run,
        "steps": steps_svg(run["steps"]) if run else "",
        "totals": _totals(run),
        "parameters": {key: _plain(value) for key, value in run.get("parameters", {}).items()},
        "product_parameters": product.parameters,
        "turned": product.reversed,
    }


def _map(
    view: View,
    frame: MapFrame,
    size: int,
    hero: View,
    line: tuple[float, float, float, float] | None,
    heading_deg: float | None,
) -> str:
    """Return a map; that of the displacement has the profile and the arrows of the flight."""
    return (
        map_svg(view, frame, size, line, heading_deg=heading_deg)
        if view is hero
        else map_svg(view, frame, size)
    )


def _number(parameters: Mapping[str, str], name: str) -> float | None:
    try:
        value = float(parameters[name])
    except (KeyError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _links(inputs: ReportInputs) -> list[tuple[str, str]]:
    """Return names and relative addresses of the product's GeoTIFFs, its STAC item and its quality."""
    if inputs.place is None:
        return []
    folder, name = inputs.product, inputs.product.resolve().name
    files = [*sorted(folder.glob(f"{name}_*.tif")), *folder.glob(f"{name}.stac.json"), inputs.quality]
    return [
        (file.name.removeprefix(f"{name}_"), quote(os.path.relpath(file, inputs.place))) for file in files
    ]


def _facts(reduced: ReducedProduct, orbits: Sequence[str]) -> list[tuple[str, str]]:
    """Return the facts that identify the interferogram, as labels and values."""
    product = reduced.product
    parameters, tags = product.parameters, product.tags
    reference, secondary = product.start("Reference"), product.start("Secondary")
    facts = []
    if reference and secondary:
        ages = ("older", "newer") if reference < secondary else ("newer", "older")
        facts.append((f"Reference ({ages[0]})", _day(reference)))
        facts.append((f"Secondary ({ages[1]})", _day(secondary)))
        facts.append(("Time between", f"{round(abs(secondary - reference).total_seconds() / 86400)} days"))
    if "Baseline" in parameters:
        facts.append(("Perpendicular baseline", f"{number_text(float(parameters['Baseline']), 1)} m"))
    facts += _geometry_facts(reduced)
    direction, heading = parameters.get("Reference Pass Direction"), parameters.get("Heading")
    if direction and heading:
        facts.append(("Pass", f"{direction.lower()}, heading {number_text(float(heading), 1)}°"))
    if orbits:
        facts.append(("Orbits", orbit_text(orbits)))
    facts.append(("Wavelength", f"{100 * product.wavelength_m:.3f} cm"))
    grid = product.grid
    facts.append(("Grid", f"{grid.cols} × {grid.rows} {grid.pixel_text}, {grid.crs}"))
    if "Range looks" in parameters:
        facts.append(
            (
                "Looks",
                f"{parameters['Range looks']} in range × {parameters.get('Azimuth looks', '?')} in azimuth",
            )
        )
    facts += [
        (label, tags[key]) for key, label in (("ENGINE", "Engine"), ("INPUTS", "Inputs from")) if key in tags
    ]
    return facts


def _geometry_facts(reduced: ReducedProduct) -> list[tuple[str, str]]:
    """Return the incidence angle and the height of ambiguity."""
    if "lv_theta" not in reduced.product.layers:
        return []
    incidence = math.pi / 2 - median(reduced.small("lv_theta", mean=True))
    facts = [("Incidence angle", f"{number_text(math.degrees(incidence), 1)}°")]
    parameters = reduced.product.parameters
    baseline_m = float(parameters.get("Baseline", "nan"))
    range_m = float(parameters.get("Slant range center", "nan"))
    if baseline_m and math.isfinite(baseline_m * range_m):
        height_m = reduced.product.wavelength_m * range_m * math.sin(incidence) / (2 * abs(baseline_m))
        facts.insert(0, ("Height of ambiguity", f"{number_text(height_m, 0)} m"))
    return facts


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC"


def orbit_text(names: Sequence[str]) -> str:
    """Return the kinds of orbit files and their numbers as text."""
    kinds = [next((kind for kind in _ORBITS if kind in name), "") for name in names]
    counted = [f"{kinds.count(kind)} {_ORBITS[kind]} ({kind})" for kind in sorted(set(kinds) - {""})]
    unknown = kinds.count("")
    return ", ".join(counted + ([f"{unknown} of unknown kind"] if unknown else []))


def _corner_rows(product: Finished) -> list[tuple[str, str, str]]:
    names = ("North-west", "North-east", "South-east", "South-west")
    return [
        (name, number_text(latitude, 4), number_text(longitude_near(longitude, 0.0), 4))
        for name, (longitude, latitude) in zip(names, corners(product.grid), strict=True)
    ]


def _warnings(inputs: ReportInputs, quality: Mapping[str, Any], broken: list[str]) -> list[str]:
    """Return warnings about limits, orbits, components and coherence, and those of the inputs."""
    found = [text[0].upper() + text[1:] + "." for text in broken]
    for step in inputs.run.get("steps", ()):
        if step.get("missing"):
            count = f"{len(step['missing'])} of {step['instances']} instances of {step['id']}"
            found.append(f"{count} failed and are missing: {', '.join(step['missing'])}.")
    kinds = [kind for kind in ("RESORB", "PREORB") if any(kind in name for name in inputs.orbits)]
    if kinds:
        found.append(
            f"The orbits are not precise ({', '.join(kinds)}): expect a slope of a few centimetres across "
            "the image. Process again with precise orbits, which are published three weeks after the pass."
        )
    components = quality["components"]
    main = components["largest"][0]["share"] if components["largest"] else 0.0
    if components["count"] > 1 and main < 0.95:
        found.append(
            f"The largest connected component contains {100 * main:.0f} % of the unwrapped pixels: between "
            "components the displacement may be wrong by whole cycles."
        )
    land = quality["coherence"]["land"]
    if land.get("p50", 1.0) < 0.4:
        found.append(f"The median coherence on land is only {land['p50']:.2f}.")
    return [*found, *inputs.notes]


def _with_this_page(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the summary of the run, in which the step that writes the page is marked."""
    this_page = {"status": "this page", "seconds": None, "memory": None}
    steps = [
        {**step, **this_page} if step["action"] == "report.write" and step["status"] != "skipped" else step
        for step in run.get("steps", ())
    ]
    return {**run, "steps": steps} if run else {}


def _wall_s(steps: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the time during which at least one of some steps ran, seconds; None if it is not known."""
    ends = [
        (datetime.fromisoformat(step["finished"]).timestamp(), step["seconds"])
        for step in steps
        if step.get("finished") and step["seconds"] is not None
    ]
    total, until = 0.0, -math.inf
    for start, end in sorted((end - seconds, end) for end, seconds in ends):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total if ends else None


def _totals(run: Mapping[str, Any]) -> dict[str, float | None]:
    steps = run.get("steps", [])
    return {
        "wall": _wall_s(steps),
        "seconds": sum(step["seconds"] or 0.0 for step in steps),
        "memory": max((step["memory"] or 0.0 for step in steps), default=0.0),
    }


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", [], {}):
        return _DASH
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
