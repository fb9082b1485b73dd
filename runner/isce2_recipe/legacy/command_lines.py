"""Translation of hyp3-isce2 command lines (``++process WORKFLOW ++omp-num-threads N ...``).

The parser accepts and rejects what hyp3-isce2's own parsers did.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from isce2_recipe import __version__
from isce2_recipe.errors import UsageError
from isce2_recipe.legacy.translation import Translation
from isce2_recipe.legacy.workflows import DEFAULT, SIDES, WORKFLOWS, Flag, Workflow
from isce2_recipe.recipe import Recipe, available, load
from isce2_recipe.types import BurstName, SlcName

FindBurst = Callable[[SlcName, int, str, int], BurstName]
"""Finds the burst of an SLC, a swath, a polarization and a number counted from 0."""

_Values = dict[Flag, Any]
_NONE = "None"  # HyP3 passes null as this text
_TIME = slice(14, 29)  # date and time in a burst name
_DEPRECATED = "{} is deprecated. Please use --reference and --secondary."
_PUBLISH_HERE = ["--publish", "."]  # the product goes into the current folder


def translate(arguments: Sequence[str], find_burst: FindBurst) -> Translation:
    """Return the recipe and parameters that do what a hyp3-isce2 command line does.

    The arguments begin with ``++process``; without it they are for hyp3-isce2's default workflow. Only
    command lines of releases before 0.4 need ``find_burst``. Raise UsageError if the command line is invalid
    or asks for something that is not supported; with hyp3-isce2's message where it had one.
    """
    try:
        name, threads, rest = _parse_process(arguments)
        workflow = WORKFLOWS[name]
        values = _parse(name, rest)
    except _HelpRequestedError as requested:
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
    workflow: Workflow, values: _Values, find_burst: FindBurst
) -> tuple[dict[str, Any], list[str]]:
    """Return the granule parameters that need translation, and the notes about them."""
    positions = {flag.spellings[0]: value for flag, value in values.items() if flag.role == "position"}
    if positions:
        return _bursts_at(positions, values, find_burst), []
    found = [(flag, names) for flag, names in values.items() if flag.role == "granules" and names]
    sides = {flag.sets for flag in _granule_flags(values) if flag.role != "granules"}
    if workflow.any_order:
        return _any_order(*(values.get(flag, "") for flag in workflow.flags if flag.sets in SIDES)), []
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


def _granule_flags(values: _Values) -> list[Flag]:
    """Return the given flags that name granules."""
    return [
        flag
        for flag, names in values.items()
        if names and (flag.role == "granules" or (flag.role == "parameter" and flag.sets in SIDES))
    ]


def _bursts_at(positions: Mapping[str, Any], values: _Values, find_burst: FindBurst) -> dict[str, Any]:
    """Return the granule parameters of bursts that are given by their positions in two SLCs."""
    named = _granule_flags(values)
    if named:
        raise UsageError(
            f"argument {next(iter(positions))}: not allowed with argument {named[0].spellings[0]}"
        )
    required = [
        "--swath-number",
        *(f"--{side}-{what}" for what in ("scene", "burst-number") for side in SIDES),
    ]
    missing = [name for name in required if name not in positions]
    if missing:
        raise UsageError(f"the following arguments are required: {', '.join(missing)}")
    swath = positions["--swath-number"]
    if swath not in (1, 2, 3):
        raise UsageError(f"argument --swath-number: must be 1, 2 or 3, instead got {swath}")
    polarization = positions.get("--polarization", "VV").upper()
    scenes = [SlcName.parse(positions[f"--{side}-scene"]) for side in SIDES]
    numbers = [positions[f"--{side}-burst-number"] for side in SIDES]
    found = [
        str(find_burst(scene, swath, polarization, number))
        for scene, number in zip(scenes, numbers, strict=True)
    ]
    return {side: [name] for side, name in zip(SIDES, found, strict=True)} | _any_order(*found)


def _any_order(reference: str, secondary: str) -> dict[str, Any]:
    """Return ``any_order`` if the reference is the newer one: hyp3-isce2 accepted both orders here."""
    times = [re.search(r"\d{8}T\d{6}", name) for name in (reference, secondary)]
    return {"any_order": True} if all(times) and times[0][0] > times[1][0] else {}  # type: ignore[index]


def _count_message(flag: Flag, count: int) -> str:
    if not flag.positional:
        return "--granules must specify exactly two granules"
    return "No more than two granules may be provided." if count > 2 else "two granules are needed"


def _plain_parameters(workflow: Workflow, values: _Values) -> dict[str, Any]:
    """Return the given values or hyp3-isce2's defaults, and the parameters that reproduce its products."""
    found: dict[str, Any] = {}
    for flag in workflow.flags:
        value = values.get(flag, flag.default)
        if flag.role == "parameter" and value not in (None, []):
            found[flag.sets] = value
    return found | workflow.fixed


def _looks(values: _Values) -> dict[str, Any]:
    """Return the parameter ``looks`` if it is given as two numbers."""
    numbers = {flag.spellings[0]: value for flag, value in values.items() if flag.role == "looks"}
    if not numbers:
        return {}
    if any(flag.spellings[0] == "--looks" for flag in values):
        raise UsageError(f"argument {next(iter(numbers))}: not allowed with argument --looks")
    return {"looks": f"{numbers.get('--range-looks', 20)}x{numbers.get('--azimuth-looks', 4)}"}


def _uploads(values: _Values) -> dict[str, Any]:
    """Return the buckets, and the prefixes of the buckets that are given."""
    given = {flag: value for flag, value in values.items() if flag.role == "upload" and value}
    buckets = {"", *(flag.sets for flag in given)}
    return {flag.sets: value for flag, value in given.items() if flag.needs in buckets}


def _without_defaults(recipe: Recipe, parameters: Mapping[str, Any], values: _Values) -> dict[str, Any]:
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


def _notes(values: _Values) -> list[str]:
    unused = [flag for flag in values if flag.role == "unused"]
    logins = [flag for flag in values if flag.role == "login"]
    notes = [f"{flag.spellings[0]} has no effect: {flag.help}." for flag in unused]
    if logins:
        names = " and ".join(flag.spellings[0] for flag in logins)
        variables = " and ".join(flag.sets for flag in logins)
        notes.append(f"other users of this computer can see {names}; set {variables} instead.")
    return notes


class _HelpRequestedError(Exception):
    """The command line asks for help or the version; the argument is the text to print."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises errors instead of printing them."""

    def error(self, message: str) -> NoReturn:
        char = self.prefix_chars[0] * 2
        raise UsageError(message, hint=f"{self.prog} {char}help shows all arguments")


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise _HelpRequestedError(parser.format_help())


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise _HelpRequestedError(f"{parser.prog} (isce2-recipe {__version__})\n")


def _parse_process(arguments: Sequence[str]) -> tuple[str, int | None, list[str]]:
    """Return the workflow, the number of threads if one is given, and the workflow's own arguments."""
    parser = _Parser("python -m hyp3_isce2", prefix_chars="+", add_help=False)
    parser.add_argument("+h", "++help", action=_Help, nargs=0, help="show this help")
    parser.add_argument(
        "++process", choices=list(WORKFLOWS), default=DEFAULT, help=f"workflow, by default {DEFAULT}"
    )
    parser.add_argument("++omp-num-threads", type=_threads, metavar="N", help="threads to use")
    found, rest = parser.parse_known_args(list(arguments))
    for argument in rest:
        if argument.startswith("++"):
            raise UsageError(
                f"there is no option '{argument}'", hint="the options are ++process and ++omp-num-threads"
            )
    return found.process, found.omp_num_threads, rest


def _threads(text: str) -> int | None:
    if text == _NONE:
        return None
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"must be positive, instead got '{text}'")
    return count or None


_threads.__name__ = "int"  # argparse names the type in its message


def _parse(name: str, arguments: Sequence[str]) -> _Values:
    """Return the values of the flags that are given; a flag with the text ``None`` counts as not given."""
    workflow = WORKFLOWS[name]
    parser = _parser(name, workflow)
    found = vars(parser.parse_args(list(arguments)))
    values = {flag: found[f"flag{number}"] for number, flag in enumerate(workflow.flags)}
    return {flag: _flatten(flag, value) for flag, value in values.items() if value not in (None, [])}


def _parser(name: str, workflow: Workflow) -> _Parser:
    parser = _Parser(name, description=workflow.summary, add_help=False)
    parser.add_argument("-h", "--help", action=_Help, nargs=0, help="show this help")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version")
    for number, flag in enumerate(workflow.flags):
        options: dict[str, Any] = {"type": _reader(flag), "metavar": _metavar(flag), "help": _help(flag)}
        if flag.kind == "list":
            options["nargs"] = "*" if flag.positional else "+"
        if flag.positional:
            parser.add_argument(f"flag{number}", **options)
        else:
            parser.add_argument(*flag.spellings, dest=f"flag{number}", required=flag.required, **options)
    return parser


def _metavar(flag: Flag) -> str:
    if flag.choices:
        return "{" + ",".join(flag.choices) + "}"
    name = flag.spellings[0]
    return name if flag.positional else name.strip("-").replace("-", "_").upper()


def _help(flag: Flag) -> str:
    return flag.help if flag.default is None else f"{flag.help} (default: {flag.default})"


def _reader(flag: Flag) -> Callable[[str], Any]:
    """Return the function that reads a value; argparse prints its name in messages."""
    kinds: dict[str, Callable[[str], Any]] = {"number": float, "integer": int, "true": _is_true}
    if flag.kind == "list":
        return str.split

    def read(text: str) -> Any:
        if text == _NONE:
            return None
        if flag.choices and text not in flag.choices:
            choices = ", ".join(map(repr, flag.choices))
            raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {choices})")
        return kinds.get(flag.kind, str)(text)

    read.__name__ = getattr(kinds.get(flag.kind, str), "__name__", "str")
    return read


def _is_true(text: str) -> bool:
    return text.lower() == "true"


def _flatten(flag: Flag, value: Any) -> Any:
    if flag.kind != "list":
        return value
    return [item for items in value for item in items if item != _NONE]
