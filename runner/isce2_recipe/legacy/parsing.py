"""Old command lines as values of the table's flags, read as they were read before."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from isce2_recipe import __version__
from isce2_recipe.errors import UsageError
from isce2_recipe.legacy.table import DEFAULT, WORKFLOWS, Flag, Workflow

Values = dict[Flag, Any]
_NONE = "None"  # what HyP3 passes for null


class HelpWantedError(Exception):
    """Not a fault: somebody asked for help or the version, which is the argument."""


class _Parser(argparse.ArgumentParser):
    """Says nothing itself."""

    def error(self, message: str) -> NoReturn:
        char = self.prefix_chars[0] * 2
        raise UsageError(message, hint=f"{self.prog} {char}help shows all arguments")


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpWantedError(parser.format_help())


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise HelpWantedError(f"{parser.prog} (isce2-recipe {__version__})\n")


def parse_process(words: Sequence[str]) -> tuple[str, int | None, list[str]]:
    """The workflow, the number of threads if one is given, and the workflow's own words."""
    parser = _Parser("python -m hyp3_isce2", prefix_chars="+", add_help=False)
    parser.add_argument("+h", "++help", action=_Help, nargs=0, help="show this help")
    parser.add_argument(
        "++process", choices=list(WORKFLOWS), default=DEFAULT, help=f"workflow, by default {DEFAULT}"
    )
    parser.add_argument("++omp-num-threads", type=_threads, metavar="N", help="threads to use")
    found, rest = parser.parse_known_args(list(words))
    for word in rest:
        if word.startswith("++"):
            raise UsageError(f"there is no option '{word}'", hint="known are ++process and ++omp-num-threads")
    return found.process, found.omp_num_threads, rest


def _threads(text: str) -> int | None:
    if text == _NONE:
        return None
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"must be positive, instead got '{text}'")
    return count or None


_threads.__name__ = "int"  # argparse names the type in its message


def parse(name: str, words: Sequence[str]) -> Values:
    """Values of the flags that are given; ``None`` as text counts as not given."""
    workflow = WORKFLOWS[name]
    parser = _parser(name, workflow)
    found = vars(parser.parse_args(list(words)))
    values = {flag: found[f"flag{number}"] for number, flag in enumerate(workflow.flags)}
    return {flag: _flat(flag, value) for flag, value in values.items() if value not in (None, [])}


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
        if flag.kind == "words":
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
    """How argparse reads a value; its name stands in argparse's message."""
    kinds: dict[str, Callable[[str], Any]] = {"number": float, "integer": int, "true": _is_true}
    if flag.kind == "words":
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


def _flat(flag: Flag, value: Any) -> Any:
    if flag.kind != "words":
        return value
    return [word for words in value for word in words if word != _NONE]
