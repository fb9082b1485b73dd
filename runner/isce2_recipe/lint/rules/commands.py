"""IR048 and IR049: programs that steps run, and their arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from isce2_recipe.expressions import ExpressionError, has_expression, references
from isce2_recipe.lint.rule import Subject, rule
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.model import Parameter, Recipe, Step

RUN = "command.run"


def arguments(step: Step) -> list[tuple[str, int, str]]:
    """Return the texts in ``argv`` and ``version`` of a step, each with its list and position."""
    lists = {name: step.with_.get(name) for name in ("argv", "version") if step.uses == RUN}
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
        for name, place, text in arguments(step):
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
        for name, place, text in arguments(step):
            if place or has_expression(text):
                continue
            from isce2_recipe.actions.command import missing_program

            reason = missing_program(text)
            if os.sep in text and not Path(text).is_absolute() and "{input." not in text and not step.folder:
                reason = f"'{text}' is not in the step's folder, which is empty when the step starts"
            if reason:
                yield subject.at(
                    (*step.path, "with", name, place),
                    reason,
                    "install it, or name a script of your own in inputs and write {input.NAME}",
                )
