"""The command lines of hyp3-isce2 (``++process WORKFLOW ++omp-num-threads N ...``) as ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isce2_recipe.errors import UsageError
from isce2_recipe.legacy.parsing import HelpWantedError, Values, parse, parse_process
from isce2_recipe.legacy.table import WORKFLOWS, Flag, Workflow
from isce2_recipe.legacy.translation import Translation
from isce2_recipe.recipe import Recipe, available, load
from isce2_recipe.types import BurstName, SlcName

FindBurst = Callable[[SlcName, int, str, int], BurstName]
"""An SLC, a swath, a polarization and a position counted from 0."""

_TIME = slice(14, 29)  # of a burst name: its date and time
_DEPRECATED = "{} is deprecated. Please use --reference and --secondary."
_SIDES = ("reference", "secondary")
_PLACES = (
    "--reference-scene",
    "--secondary-scene",
    "--swath-number",
    "--reference-burst-number",
    "--secondary-burst-number",
)
_HERE = ["--publish", "."]  # products appear in the current folder


def translate(words: Sequence[str], find_burst: FindBurst) -> Translation:
    """An old command line as one of ours that does the same.

    Parameters
    ----------
    words : sequence of str
        From ``++process`` on; without it the predecessor's default workflow is meant.
    find_burst : callable
        The burst of an SLC, swath, polarization and number; asked for lines of releases before 0.4 only.

    Raises
    ------
    UsageError
        If it is none, or asks for something that is not there; with the predecessor's words where it had any.
    """
    try:
        name, threads, rest = parse_process(words)
        workflow = WORKFLOWS[name]
        values = parse(name, rest)
    except HelpWantedError as wanted:
        return Translation(help=str(wanted))
    recipe = _recipe(name, workflow)
    pair, notes = _pair(workflow, values, find_burst)
    parameters = {**pair, **_parameters(workflow, values), **_looks(values), **_uploads(values)}
    own = ["--cpus", str(threads)] if threads else []
    return Translation(
        workflow.recipe,
        _different(recipe, parameters, values),
        [*_HERE, *own],
        [*notes, *_notes(values)],
        {flag.means: value for flag, value in values.items() if flag.role == "login" and value},
    )


def _recipe(name: str, workflow: Workflow) -> Recipe:
    if workflow.recipe not in available():
        raise UsageError(
            f"the workflow {name} is not part of this version",
            hint="isce2-recipe list shows the recipes there are",
        )
    return load(workflow.recipe)


def _pair(workflow: Workflow, values: Values, find_burst: FindBurst) -> tuple[dict[str, Any], list[str]]:
    """The bursts, if they are not given as the recipe wants them; and what to say of that."""
    places = {flag.spellings[0]: value for flag, value in values.items() if flag.role == "place"}
    if places:
        return _bursts_at(places, values, find_burst), []
    found = [(flag, names) for flag, names in values.items() if flag.role == "granules" and names]
    given = {flag.means for flag in _named(values) if flag.role != "granules"}
    if workflow.any_order:
        return _order(*(values.get(flag, "") for flag in workflow.flags if flag.means in _SIDES)), []
    if not any(flag.role == "granules" for flag in workflow.flags):
        return {}, []
    if len(found) > 1 or (found and given):
        raise UsageError(workflow.both)
    if not found:
        if len(given) < 2:
            raise UsageError(workflow.neither)
        return {}, []
    [(flag, names)] = found
    if len(names) != 2:
        raise UsageError(_wrong_count(flag, len(names)))
    older, newer = sorted(names, key=lambda name: name[_TIME])
    what = "The positional argument for granules" if flag.positional else "--granules"
    return {"reference": [older], "secondary": [newer]}, [_DEPRECATED.format(what)]


def _named(values: Values) -> list[Flag]:
    """Flags that name granules."""
    return [
        flag
        for flag, names in values.items()
        if names and (flag.role == "granules" or (flag.role == "parameter" and flag.means in _SIDES))
    ]


def _bursts_at(places: Mapping[str, Any], values: Values, find_burst: FindBurst) -> dict[str, Any]:
    """Bursts by their places in two SLCs."""
    named = _named(values)
    if named:
        raise UsageError(f"argument {next(iter(places))}: not allowed with argument {named[0].spellings[0]}")
    wanted = [
        "--swath-number",
        *(f"--{side}-{what}" for what in ("scene", "burst-number") for side in _SIDES),
    ]
    missing = [name for name in wanted if name not in places]
    if missing:
        raise UsageError(f"the following arguments are required: {', '.join(missing)}")
    swath = places["--swath-number"]
    if swath not in (1, 2, 3):
        raise UsageError(f"argument --swath-number: must be 1, 2 or 3, instead got {swath}")
    polarization = places.get("--polarization", "VV").upper()
    scenes = [SlcName.parse(places[f"--{side}-scene"]) for side in _SIDES]
    numbers = [places[f"--{side}-burst-number"] for side in _SIDES]
    found = [
        str(find_burst(scene, swath, polarization, number))
        for scene, number in zip(scenes, numbers, strict=True)
    ]
    return {side: [name] for side, name in zip(_SIDES, found, strict=True)} | _order(*found)


def _order(reference: str, secondary: str) -> dict[str, Any]:
    """What lets a newer reference through, where it is one: these lines did not look at the order."""
    times = [re.search(r"\d{8}T\d{6}", name) for name in (reference, secondary)]
    return {"any_order": True} if all(times) and times[0][0] > times[1][0] else {}  # type: ignore[index]


def _wrong_count(flag: Flag, count: int) -> str:
    if not flag.positional:
        return "--granules must specify exactly two granules"
    return "No more than two granules may be provided." if count > 2 else "two granules are needed"


def _parameters(workflow: Workflow, values: Values) -> dict[str, Any]:
    """Values given, else the predecessor's defaults, and what makes products as they were."""
    found: dict[str, Any] = {}
    for flag in workflow.flags:
        value = values.get(flag, flag.default)
        if flag.role == "parameter" and value not in (None, []):
            found[flag.means] = value
    return found | workflow.fixed


def _looks(values: Values) -> dict[str, Any]:
    """Looks that are given as two numbers."""
    numbers = {flag.spellings[0]: value for flag, value in values.items() if flag.role == "looks"}
    if not numbers:
        return {}
    if any(flag.spellings[0] == "--looks" for flag in values):
        raise UsageError(f"argument {next(iter(numbers))}: not allowed with argument --looks")
    return {"looks": f"{numbers.get('--range-looks', 20)}x{numbers.get('--azimuth-looks', 4)}"}


def _uploads(values: Values) -> dict[str, Any]:
    """Buckets and, where there is a bucket, its prefix."""
    given = {flag: value for flag, value in values.items() if flag.role == "upload" and value}
    buckets = {"", *(flag.means for flag in given)}
    return {flag.means: value for flag, value in given.items() if flag.needs in buckets}


def _different(recipe: Recipe, parameters: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Those that are not the recipe's own defaults anyway."""
    chosen: dict[str, Any] = {}
    for name, value in parameters.items():
        parameter = recipe.parameters.get(name)
        if parameter is not None:
            if not parameter.has_default or parameter.default != value:
                chosen[name] = value
        elif any(flag.means == name for flag in values):
            flags = [flag.spellings[0] for flag in values if flag.means == name]
            raise UsageError(
                f"argument {flags[0]}: the recipe {recipe.name} has no parameter '{name}' in this version",
                hint="leave it out; the product is put into the current folder",
            )
    return chosen


def _notes(values: Values) -> list[str]:
    unused = [flag for flag in values if flag.role == "unused"]
    logins = [flag for flag in values if flag.role == "login"]
    notes = [f"{flag.spellings[0]} has no effect: {flag.help}." for flag in unused]
    if logins:
        names = " and ".join(flag.spellings[0] for flag in logins)
        variables = " and ".join(flag.means for flag in logins)
        notes.append(f"{names} can be seen by others; set {variables} instead.")
    return notes
