"""Translation of hyp3-isce2 command lines (``++process WORKFLOW ++omp-num-threads N ...``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isce2_recipe.errors import UsageError
from isce2_recipe.legacy.argument_parser import HelpRequestedError, Values, parse, parse_process
from isce2_recipe.legacy.translation import Translation
from isce2_recipe.legacy.workflows import WORKFLOWS, Flag, Workflow
from isce2_recipe.recipe import Recipe, available, load
from isce2_recipe.types import BurstName, SlcName

FindBurst = Callable[[SlcName, int, str, int], BurstName]
"""Finds the burst of an SLC, a swath, a polarization and a number counted from 0."""

_TIME = slice(14, 29)  # date and time in a burst name
_DEPRECATED = "{} is deprecated. Please use --reference and --secondary."
_SIDES = ("reference", "secondary")
_PUBLISH_HERE = ["--publish", "."]  # the product goes into the current folder


def translate(arguments: Sequence[str], find_burst: FindBurst) -> Translation:
    """Return the recipe and parameters that do what a hyp3-isce2 command line does.

    The arguments begin with ``++process``; without it they are for hyp3-isce2's default workflow. Only
    command lines of releases before 0.4 need ``find_burst``. Raise UsageError if the command line is invalid
    or asks for something that is not supported; with hyp3-isce2's message where it had one.
    """
    try:
        name, threads, rest = parse_process(arguments)
        workflow = WORKFLOWS[name]
        values = parse(name, rest)
    except HelpRequestedError as requested:
        return Translation(help=str(requested))
    recipe = _recipe(name, workflow)
    pair, notes = _pair_parameters(workflow, values, find_burst)
    parameters = {**pair, **_plain_parameters(workflow, values), **_looks(values), **_uploads(values)}
    cpus = ["--cpus", str(threads)] if threads else []
    return Translation(
        workflow.recipe,
        _without_defaults(recipe, parameters, values),
        [*_PUBLISH_HERE, *cpus],
        [*notes, *_notes(values)],
        {flag.sets: value for flag, value in values.items() if flag.role == "login" and value},
    )


def _recipe(name: str, workflow: Workflow) -> Recipe:
    if workflow.recipe not in available():
        raise UsageError(
            f"the workflow {name} is not part of this version",
            hint="isce2-recipe list shows the available recipes",
        )
    return load(workflow.recipe)


def _pair_parameters(
    workflow: Workflow, values: Values, find_burst: FindBurst
) -> tuple[dict[str, Any], list[str]]:
    """Return the granule parameters that need translation, and the notes about them."""
    positions = {flag.spellings[0]: value for flag, value in values.items() if flag.role == "position"}
    if positions:
        return _bursts_at(positions, values, find_burst), []
    found = [(flag, names) for flag, names in values.items() if flag.role == "granules" and names]
    sides = {flag.sets for flag in _granule_flags(values) if flag.role != "granules"}
    if workflow.any_order:
        return _any_order(*(values.get(flag, "") for flag in workflow.flags if flag.sets in _SIDES)), []
    if not any(flag.role == "granules" for flag in workflow.flags):
        return {}, []
    if len(found) > 1 or (found and sides):
        raise UsageError(workflow.both)
    if not found:
        if len(sides) < 2:
            raise UsageError(workflow.neither)
        return {}, []
    [(flag, names)] = found
    if len(names) != 2:
        raise UsageError(_count_message(flag, len(names)))
    older, newer = sorted(names, key=lambda name: name[_TIME])
    what = "The positional argument for granules" if flag.positional else "--granules"
    return {"reference": [older], "secondary": [newer]}, [_DEPRECATED.format(what)]


def _granule_flags(values: Values) -> list[Flag]:
    """Return the given flags that name granules."""
    return [
        flag
        for flag, names in values.items()
        if names and (flag.role == "granules" or (flag.role == "parameter" and flag.sets in _SIDES))
    ]


def _bursts_at(positions: Mapping[str, Any], values: Values, find_burst: FindBurst) -> dict[str, Any]:
    """Return the granule parameters of bursts that are given by their positions in two SLCs."""
    named = _granule_flags(values)
    if named:
        raise UsageError(
            f"argument {next(iter(positions))}: not allowed with argument {named[0].spellings[0]}"
        )
    required = [
        "--swath-number",
        *(f"--{side}-{what}" for what in ("scene", "burst-number") for side in _SIDES),
    ]
    missing = [name for name in required if name not in positions]
    if missing:
        raise UsageError(f"the following arguments are required: {', '.join(missing)}")
    swath = positions["--swath-number"]
    if swath not in (1, 2, 3):
        raise UsageError(f"argument --swath-number: must be 1, 2 or 3, instead got {swath}")
    polarization = positions.get("--polarization", "VV").upper()
    scenes = [SlcName.parse(positions[f"--{side}-scene"]) for side in _SIDES]
    numbers = [positions[f"--{side}-burst-number"] for side in _SIDES]
    found = [
        str(find_burst(scene, swath, polarization, number))
        for scene, number in zip(scenes, numbers, strict=True)
    ]
    return {side: [name] for side, name in zip(_SIDES, found, strict=True)} | _any_order(*found)


def _any_order(reference: str, secondary: str) -> dict[str, Any]:
    """Return ``any_order`` if the reference is the newer one: hyp3-isce2 accepted both orders here."""
    times = [re.search(r"\d{8}T\d{6}", name) for name in (reference, secondary)]
    return {"any_order": True} if all(times) and times[0][0] > times[1][0] else {}  # type: ignore[index]


def _count_message(flag: Flag, count: int) -> str:
    if not flag.positional:
        return "--granules must specify exactly two granules"
    return "No more than two granules may be provided." if count > 2 else "two granules are needed"


def _plain_parameters(workflow: Workflow, values: Values) -> dict[str, Any]:
    """Return the given values or hyp3-isce2's defaults, and the parameters that reproduce its products."""
    found: dict[str, Any] = {}
    for flag in workflow.flags:
        value = values.get(flag, flag.default)
        if flag.role == "parameter" and value not in (None, []):
            found[flag.sets] = value
    return found | workflow.fixed


def _looks(values: Values) -> dict[str, Any]:
    """Return the parameter ``looks`` if it is given as two numbers."""
    numbers = {flag.spellings[0]: value for flag, value in values.items() if flag.role == "looks"}
    if not numbers:
        return {}
    if any(flag.spellings[0] == "--looks" for flag in values):
        raise UsageError(f"argument {next(iter(numbers))}: not allowed with argument --looks")
    return {"looks": f"{numbers.get('--range-looks', 20)}x{numbers.get('--azimuth-looks', 4)}"}


def _uploads(values: Values) -> dict[str, Any]:
    """Return the buckets, and the prefixes of the buckets that are given."""
    given = {flag: value for flag, value in values.items() if flag.role == "upload" and value}
    buckets = {"", *(flag.sets for flag in given)}
    return {flag.sets: value for flag, value in given.items() if flag.needs in buckets}


def _without_defaults(recipe: Recipe, parameters: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """Return the parameters that differ from the recipe's defaults."""
    chosen: dict[str, Any] = {}
    for name, value in parameters.items():
        parameter = recipe.parameters.get(name)
        if parameter is not None:
            if not parameter.has_default or parameter.default != value:
                chosen[name] = value
        elif any(flag.sets == name for flag in values):
            flags = [flag.spellings[0] for flag in values if flag.sets == name]
            raise UsageError(
                f"argument {flags[0]}: the recipe {recipe.name} has no parameter '{name}' in this version",
                hint=f"remove {flags[0]}; the product goes into the current folder",
            )
    return chosen


def _notes(values: Values) -> list[str]:
    unused = [flag for flag in values if flag.role == "unused"]
    logins = [flag for flag in values if flag.role == "login"]
    notes = [f"{flag.spellings[0]} has no effect: {flag.help}." for flag in unused]
    if logins:
        names = " and ".join(flag.spellings[0] for flag in logins)
        variables = " and ".join(flag.sets for flag in logins)
        notes.append(f"other users of this computer can see {names}; set {variables} instead.")
    return notes
