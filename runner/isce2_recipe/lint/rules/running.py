"""IR050 to IR055: what makes a run robust."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from math import prod
from typing import Any

from isce2_recipe.expressions import ExpressionError, evaluate, references
from isce2_recipe.lint.rule import Rule, Subject, rule
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.model import Step


@rule("IR050", "warning", "shared")
def no_timeout(subject: Subject) -> Iterator[Problem]:
    """A step that downloads or computes for long has no `timeout`.

    A hanging connection or program would hold the run for ever.
    """
    for step in subject.steps:
        if step.timeout is None and (subject.uses(step, "source") or subject.uses(step, "engine")):
            yield Problem(step.mark, f"step '{step.id}' has no timeout", "add for example: timeout: 2h")


@rule("IR051", "warning", "shared")
def no_retry(subject: Subject) -> Iterator[Problem]:
    """A step that reads from the source is not tried again when the network fails."""
    for step in subject.steps:
        if subject.uses(step, "source") and step.retry.count == 0:
            yield Problem(step.mark, f"step '{step.id}' has no retry", "add for example: retry: {count: 2}")


@rule("IR052", "warning", "shared")
def no_memory(subject: Subject) -> Iterator[Problem]:
    """A step that computes does not say how much memory it takes.

    `plan` compares `resources` with the machine before anything runs; most failures in the field are memory
    running out after hours.
    """
    for step in subject.steps:
        if subject.uses(step, "engine") and "memory" not in step.resources:
            hint = "add for example: resources: {memory: 4 GB}"
            yield Problem(step.mark, f"step '{step.id}' does not say how much memory it takes", hint)


@rule("IR053", "error", "basic")
def shared_folder(subject: Subject) -> Iterator[Problem]:
    """Two steps work in one folder and nothing says which comes first, or a step is named like such a folder.

    The result would hang on chance. Let one read an output of the other, or name it in `needs`. Steps whose
    conditions exclude each other are left alone.
    """
    if subject.scope is None:
        return
    waits = subject.scope.waits
    before = {name: _closure(name, waits) for name in waits}
    for one, other in combinations([step for step in subject.steps if step.folder], 2):
        if one.folder != other.folder or one.id in before[other.id] or other.id in before[one.id]:
            continue
        if _exclude_each_other(subject, one, other):
            continue
        message = f"'{one.id}' and '{other.id}' both work in '{one.folder}' in no order"
        yield subject.at((*other.path, "folder"), message, f"add needs: [{one.id}]")
    folders = {step.folder for step in subject.steps if step.folder}
    for step in subject.steps:
        if step.id in folders:
            yield Problem(
                step.mark, f"step '{step.id}' has the name of a shared folder", "give it another id"
            )


def _exclude_each_other(subject: Subject, one: Step, other: Step) -> bool:
    """Whether the conditions of two steps never both hold, whatever the parameters they read."""
    conditions = [one.when, other.when]
    try:
        names = sorted(references(conditions).names)
        choices = [_choices(subject, name) for name in names]
        if not all(choices) or prod(map(len, choices)) > 256:
            return False
        worlds = [dict(zip(names, values, strict=True)) for values in product(*choices)]
        return not any(all(evaluate(conditions, world)) for world in worlds)
    except ExpressionError:
        return False


def _choices(subject: Subject, name: str) -> tuple[Any, ...]:
    """The values a parameter can have, where they are few and known."""
    parameter = subject.recipe.parameters.get(name) if subject.recipe else None
    if parameter is None:
        return ()
    return (True, False) if parameter.types == ("boolean",) else parameter.choices


def _closure(name: str, waits: dict[str, list[str]]) -> set[str]:
    """All steps a step waits for; a circle, reported elsewhere, ends it."""
    found: set[str] = set()
    todo = list(waits[name])
    while todo:
        other = todo.pop()
        if other not in found:
            found.add(other)
            todo += waits.get(other, [])
    return found


@rule("IR054", "info", "shared")
def no_disk(subject: Subject) -> Iterator[Problem]:
    """A step that computes does not say how much disk it takes.

    With it, a disk that is too small is found before the run rather than in it.
    """
    for step in subject.steps:
        if subject.uses(step, "engine") and "disk" not in step.resources:
            hint = "add for example: resources: {disk: 20 GB}"
            yield Problem(step.mark, f"step '{step.id}' does not say how much disk it takes", hint)


_CHANGING = frozenset(
    ("latest", "newest", "now", "today", "current", "yesterday", "random", "head", "master")
)


@rule("IR055", "warning", "basic")
def changing_input(subject: Subject) -> Iterator[Problem]:
    """An input whose meaning changes with time, such as `latest` or `today`.

    The step's result is kept and taken as up to date, though the same words would give another one later.
    """
    for path, text in subject.texts:
        if text.lower() not in _CHANGING:
            continue
        in_step = path[:1] == ("steps",) and len(path) > 3 and path[2] == "with"
        if in_step or (path[:1] == ("parameters",) and path[-1] == "default"):
            yield subject.at(path, f"'{text}' means something else tomorrow", "give a date or a version")


RULES: tuple[Rule, ...] = (no_timeout, no_retry, no_memory, shared_folder, no_disk, changing_input)
