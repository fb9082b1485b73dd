"""IR040 to IR049: credentials, programs and shell commands, paths and addresses."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Set
from functools import lru_cache
from pathlib import Path
from typing import Any

from isce2_recipe.expressions import ExpressionError, has_expression, references
from isce2_recipe.lint.rule import Subject, rule
from isce2_recipe.problems import DataPath, Edit, Mark, Problem
from isce2_recipe.recipe.model import Parameter, Recipe, Step
from isce2_recipe.recipe.secrets import exposed

_SECRET_NAME = re.compile(r"(^|_)(password|passwd|passphrase|secret|token|api_?key|access_?key)(_|$)", re.I)
_SECRET_VALUES = (
    (r"\b(AKIA|ASIA)[0-9A-Z]{16}\b", "an AWS access key"),
    (r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.", "a login token"),
    (r"\bgh[pousr]_[A-Za-z0-9]{30,}\b", "a GitHub token"),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----", "a private key"),
    (r"[a-z][a-z0-9+.-]*://[^/\s:@{]+:[^/\s:@{]+@", "an address with a password"),
)
_SECRET_PLACES = frozenset(("parameters", "steps", "variables"))
_SECRET_WORDS = re.compile(r"AKIA|ASIA|eyJ|gh[pousr]_|-----BEGIN|:[^/\s:@{]+@")
_SHELL = re.compile(r"(.*/)?((ba|da|z|k|c|tc|fi|a)?sh|python[\d.]*|perl|ruby|node|Rscript|[gm]?awk|sed)")
_SCRIPT_OPTION = re.compile(r"-[a-zA-Z]*[ce]|--(command|eval|expression)")
_RUN = "command.run"
_SHELL_INPUTS = frozenset(("command", "cmd", "run", "script", "shell"))


@rule("IR040", "error", "basic")
def credential(subject: Subject) -> Iterator[Problem]:
    """The recipe contains a credential.

    Recipes are shared, and products contain them. Put credentials into the environment or into `~/.netrc`,
    never into a recipe. The message does not show the value.
    """
    for path, text in subject.texts:
        kind = _secret_kind(text) if _SECRET_WORDS.search(text) else None
        if kind is None and path[0] in _SECRET_PLACES and _holds_secret(path) and _is_literal(text):
            kind = f"a value for '{_secret_key(path)}'"
        if kind is not None:
            yield subject.at(path, f"the recipe contains {kind}", "remove it from the recipe, and revoke it")


def _is_literal(text: str) -> bool:
    return text != "" and not has_expression(text)


def _secret_kind(text: str) -> str | None:
    return next((kind for pattern, kind in _SECRET_VALUES if re.search(pattern, text)), None)


@lru_cache(maxsize=1024)
def _is_secret_name(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _secret_key(path: DataPath) -> str:
    named = [part for part in path if isinstance(part, str) and _SECRET_NAME.search(part)]
    return named[-1] if named else ""


def _holds_secret(path: DataPath) -> bool:
    """Return whether the key of a value, or the parameter of a default, has the name of a secret."""
    if path[:1] == ("parameters",):
        return len(path) == 3 and path[2] == "default" and _is_secret_name(str(path[1]))
    last = next((part for part in reversed(path) if isinstance(part, str)), "")
    return _is_secret_name(last)


@rule("IR041", "error", "basic")
def shell_injection(subject: Subject) -> Iterator[Problem]:
    """A shell command contains an expression.

    A parameter in a shell command can run any other command. Give the command as a list of arguments instead;
    a list such as `[sh, -c, TEXT]` is a shell command, too.
    """
    yield from _shell_arguments(subject)
    for path, text in _shell_texts(subject):
        if has_expression(text):
            what = f"the shell command '{path[-1]}' contains an expression"
            yield subject.at(path, what, "write a list of arguments")


def _shell_texts(subject: Subject) -> Iterator[tuple[DataPath, str]]:
    """Yield the commands that are written as one text."""
    for step in subject.steps:
        for key in _SHELL_INPUTS & set(step.with_):
            if isinstance(step.with_[key], str):
                yield (*step.path, "with", key), step.with_[key]


def _shell_arguments(subject: Subject) -> Iterator[Problem]:
    """Yield expressions in the program text that a list of arguments gives to a shell or an interpreter."""
    for step in subject.steps:
        for name in ("argv", "version"):
            argv = step.with_.get(name)
            words = [str(word) for word in argv] if isinstance(argv, list) else []
            option = next((place for place, word in enumerate(words) if _SCRIPT_OPTION.fullmatch(word)), 0)
            text = words[option + 1] if option and option + 1 < len(words) else ""
            if has_expression(text) and any(_SHELL.fullmatch(word) for word in words[:option]):
                what = f"the program text for '{words[0]}' contains an expression"
                advice = "give the value as a further argument, and read it there as $1"
                yield subject.at((*step.path, "with", name, option + 1), what, advice)


@rule("IR042", "warning", "basic")
def shell_command(subject: Subject) -> Iterator[Problem]:
    """A command is one text instead of a list of arguments."""
    for path, text in _shell_texts(subject):
        if " " in text.strip() and not has_expression(text):
            yield subject.at(path, f"the shell command '{path[-1]}' is one text", "write a list of arguments")


@rule("IR043", "warning", "basic")
def path_of_this_machine(subject: Subject) -> Iterator[Problem]:
    """A path exists on one machine only: it is absolute, in a home folder, or begins with `..`.

    Make the path a parameter.
    """
    for path, text in subject.texts:
        if path[:1] not in (("steps",), ("variables",), ("parameters",)) or "description" in path:
            continue
        may_be = text[:1] in ("/", "~", "$", ".") or text[1:2] == ":"
        if may_be and re.match(r"(/[\w.-]+/|~/|\$HOME\b|[A-Za-z]:\\|(\.\./)+)", text) and path[-1] != "$ref":
            yield subject.at(
                path,
                f"the path '{text}' exists on one machine only",
                "make it a parameter or a relative path",
            )


@rule("IR044", "warning", "basic")
def hidden_failure(subject: Subject) -> Iterator[Problem]:
    """A retry cannot succeed: it repeats failures of the engine, or tries more than five times.

    An engine that failed fails again with the same inputs.
    """
    for step in subject.steps:
        path = (*step.path, "retry")
        if "engine" in step.retry.on:
            yield subject.at(
                (*path, "on"), "a failure of the engine occurs again in every attempt", "write on: [source]"
            )
        if isinstance(step.retry.count, int) and step.retry.count > 5:
            yield subject.at(
                (*path, "count"), f"{step.retry.count} retries only delay the failure", "use at most 5"
            )


@rule("IR045", "error", "basic", fixable=True)
def insecure_address(subject: Subject) -> Iterator[Problem]:
    """An address is not encrypted.

    Others can read and change data that is sent over `http://` or `ftp://`. `--fix` changes `http://` to
    `https://`.
    """
    for path, text in subject.texts:
        found = "://" in text and re.search(r"\b(http|ftp)://(?!localhost\b|127\.|\[::1\])[^\s/]+", text)
        if found and path[:1] != ("documentation",):
            mark = subject.document.find(path, found[0])
            scheme = Mark(mark.file, mark.line, mark.column, mark.line, mark.column + len(found[1]))
            edits = (Edit(scheme, "https"),) if mark.line == mark.end_line and found[1] == "http" else ()
            yield Problem(mark, f"{found[0]} is not encrypted", "use https", edits=edits)


@rule("IR046", "error", "basic")
def exposed_secret(subject: Subject) -> Iterator[Problem]:
    """A secret parameter is written to an output, a template or a file name.

    Outputs and templates are written to disk or printed, also those of parts. Pass a secret only to an action
    that needs it. `plan` and `run` refuse the recipe too.
    """
    yield from exposed(subject.recipe) if subject.recipe is not None else ()


@rule("IR047", "warning", "basic", fixable=True)
def unmarked_secret(subject: Subject) -> Iterator[Problem]:
    """A parameter has the name of a secret but is not marked as one.

    `secret: true` keeps the value out of logs, records and products. `--fix` adds it.
    """
    for parameter in subject.parameters:
        if parameter.secret or not _SECRET_NAME.search(parameter.name) or "boolean" in parameter.types:
            continue
        edits = _add_secret(subject, parameter.name)
        yield Problem(
            parameter.mark,
            f"the parameter '{parameter.name}' is not marked as a secret",
            "add: secret: true",
            edits=edits,
        )


def _add_secret(subject: Subject, name: str) -> tuple[Edit, ...]:
    """Return the edit that adds ``secret: true`` before the first key of a parameter."""
    schema = subject.data["parameters"][name]
    keys = [key for key in schema if ("parameters", name, key) in subject.document.nodes]
    if not keys:
        return ()  # The declaration is empty or taken over.
    first = subject.document.key_mark(("parameters", name, keys[0]))
    own = subject.document.nodes[("parameters", name)][1]
    text = "secret: true, " if own.flow_style else "secret: true\n" + " " * (first.column - 1)
    return (Edit(Mark(first.file, first.line, first.column, first.line, first.column), text),)


def _arguments(step: Step) -> list[tuple[str, int, str]]:
    """Return the texts in ``argv`` and ``version`` of a step, each with its list and position."""
    lists = {name: step.with_.get(name) for name in ("argv", "version") if step.uses == _RUN}
    return [
        (name, place, text)
        for name, found in lists.items()
        for place, text in enumerate(found if isinstance(found, list) else ())
        if isinstance(text, str)
    ]


@rule("IR048", "warning", "basic")
def untrusted_argument(subject: Subject) -> Iterator[Problem]:
    """The program or the beginning of an argument is the free text of a parameter.

    Whoever sets the parameter chooses the program, or gives it an option such as `--output=/home/me/file`
    instead of a name. Give the parameter a `pattern` or an `enum`, or write `--` or an option before it:

        argv: [gdalinfo, --, "{{ name }}"]
        argv: [gdal_calc.py, "--calc={{ formula }}"]
    """
    for step in subject.steps if subject.recipe is not None else ():
        ended = set()
        for name, place, text in _arguments(step):
            if text == "--":
                ended.add(name)
            free = _free_text(subject.recipe, text) if text.lstrip().startswith("{{") else None
            if free is not None and (place == 0 or name not in ended):
                what = "the program is" if place == 0 else "an argument begins with"
                yield subject.at(
                    (*step.path, "with", name, place),
                    f"{what} the free text of the parameter '{free}'",
                    "give the parameter a pattern or an enum" + (", or write -- before it" if place else ""),
                )


def _free_text(recipe: Recipe | None, text: str) -> str | None:
    """Return a parameter without a pattern or choices from which a text is made."""
    if recipe is None:
        return None
    names = sorted(_parameters(recipe, text, frozenset()))
    return next((name for name in names if _is_free(recipe.parameters[name])), None)


def _parameters(recipe: Recipe, value: Any, above: Set[str]) -> Set[str]:
    """Return the parameters that a value reads, also through variables."""
    try:
        names = references(value).names - above
    except ExpressionError:
        return set()
    found = names & recipe.parameters.keys()
    for name in names & recipe.variables.keys():
        found |= _parameters(recipe, recipe.variables[name], above | names)
    return found


def _is_free(parameter: Parameter) -> bool:
    schema = parameter.schema.get("items", parameter.schema) if parameter.is_list else parameter.schema
    types = schema.get("type", "string")
    is_text = "string" in ([types] if isinstance(types, str) else types)
    return is_text and not {"enum", "const", "pattern", "units"} & schema.keys()


@rule("IR049", "warning", "basic")
def missing_command(subject: Subject) -> Iterator[Problem]:
    """A program is not on this machine.

    `plan` and `run` refuse the step. Install the program, give its absolute path, or name a script of your
    own in `inputs` and write `{input.NAME}`.
    """
    for step in subject.steps:
        for name, place, text in _arguments(step):
            if place or has_expression(text):
                continue
            from isce2_recipe.actions.command import missing_program

            reason = missing_program(text)
            if os.sep in text and not Path(text).is_absolute() and "{input." not in text and not step.folder:
                reason = f"'{text}' is searched in the step's folder, which is empty when the step starts"
            if reason:
                yield subject.at(
                    (*step.path, "with", name, place),
                    reason,
                    "install it, or name a script of your own in inputs and write {input.NAME}",
                )
