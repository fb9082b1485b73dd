"""Parser of hyp3-isce2 command lines: it accepts and rejects what hyp3-isce2's own parsers did."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from isce2_recipe import __version__
from isce2_recipe.errors import UsageError
from isce2_recipe.legacy.workflows import DEFAULT, WORKFLOWS, Flag, Workflow

Values = dict[Flag, Any]
_NONE = "None"  # HyP3 passes null as this text


class HelpRequestedError(Exception):
    """The command line asks for help or the version; the argument is the text to print."""


class _Parser(argparse.ArgumentParser):
    """A parser that raises errors instead of printing them."""

    def error(self, message: str) -> NoReturn:
        char = self.prefix_chars[0] * 2
        raise UsageError(message, hint=f"{self.prog} {char}help shows all arguments")


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpRequestedError(parser.format_help())


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpRequestedError(f"{parser.prog} (isce2-recipe {__version__})\n")


def parse_process(arguments: Sequence[str]) -> tuple[str, int | None, list[str]]:
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


def parse(name: str, arguments: Sequence[str]) -> Values:
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
        options: dict[str, Any] = {
            "type": _reader(flag),
            "metavar": _metavar(flag),
            "help": _help(flag),
        }
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
