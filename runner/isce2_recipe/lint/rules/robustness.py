"""IR050 to IR055: timeouts, retries, resources and repeatable inputs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from math import prod
from typing import Any

from isce2_recipe.expressions import ExpressionError, evaluate, references
from isce2_recipe.lint.rule import Subject, all_needed, rule
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.model import Step


@rule("IR050", "warning", "shared")
def no_timeout(subject: Subject) -> Iterator[Problem]:
    """A step that uses the source or the engine has no `timeout`.

    Without a timeout, a connection or program that hangs blocks the run forever.
    """
    for step in subject.steps:
        if step.timeout is None and (subject.uses(step, "source") or subject.uses(step, "engine")):
            yield Problem(step.mark, f"the step '{step.id}' has no timeout", "add for example: timeout: 2h")


@rule("IR051", "warning", "shared")
def no_retry(subject: Subject) -> Iterator[Problem]:
    """A step that reads from the source has no `retry`, so a network failure ends the run."""
    for step in subject.steps:
        if subject.uses(step, "source") and step.retry.count == 0:
            yield Problem(
                step.mark, f"the step '{step.id}' has no retry", "add for example: retry: {count: 2}"
            )


@rule("IR052", "warning", "shared")
def no_memory(subject: Subject) -> Iterator[Problem]:
    """A step that uses the engine does not declare its memory.

    `plan` compares the declared `resources` with the machine, so that a lack of memory is found before the
    run.
    """
    for step in subject.steps:
        if subject.uses(step, "engine") and "memory" not in step.resources:
            hint = "add for example: resources: {memory: 4 GB}"
            yield Problem(step.mark, f"the step '{step.id}' does not declare its memory", hint)


@rule("IR053", "error", "basic")
def shared_folder(subject: Subject) -> Iterator[Problem]:
    """Two steps use the same folder in no defined order, or a step has the name of a shared folder.

    The result would depend on which step runs first. Let one step read an output of the other, or name it in
    `needs`. Steps whose conditions exclude each other are not reported.
    """
    if subject.scope is None:
        return
    waits = subject.scope.waits
    before = {name: all_needed(name, waits) for name in waits}
    for one, other in combinations([step for step in subject.steps if step.folder], 2):
        if one.folder != other.folder or one.id in before[other.id] or other.id in before[one.id]:
            continue
        if _exclude_each_other(subject, one, other):
            continue
        message = f"the steps '{one.id}' and '{other.id}' use the folder '{one.folder}' in no defined order"
        yield subject.at((*other.path, "folder"), message, f"add needs: [{one.id}]")
    folders = {step.folder for step in subject.steps if step.folder}
    for step in subject.steps:
        if step.id in folders:
            yield Problem(
                step.mark, f"the step '{step.id}' has the name of a shared folder", "use another id"
            )


def _exclude_each_other(subject: Subject, one: Step, other: Step) -> bool:
    """Return whether the conditions of two steps exclude each other for all parameter values."""
    conditions = [one.when, other.when]
    try:
        names = sorted(references(conditions).names)
        choices = [_choices(subject, name) for name in names]
        if not all(choices) or prod(map(len, choices)) > 256:
            return False
        combinations_of_values = [dict(zip(names, values, strict=True)) for values in product(*choices)]
        return not any(all(evaluate(conditions, values)) for values in combinations_of_values)
    except ExpressionError:
        return False


def _choices(subject: Subject, name: str) -> tuple[Any, ...]:
    """Return all values that a parameter can have; empty if they are not a fixed set."""
    parameter = subject.recipe.parameters.get(name) if subject.recipe else None
    if parameter is None:
        return ()
    return (True, False) if parameter.types == ("boolean",) else parameter.choices


@rule("IR054", "info", "shared")
def no_disk(subject: Subject) -> Iterator[Problem]:
    """A step that uses the engine does not declare its disk space.

    `plan` compares the declared `resources` with the machine, so that a lack of disk space is found before
    the run.
    """
    for step in subject.steps:
        if subject.uses(step, "engine") and "disk" not in step.resources:
            hint = "add for example: resources: {disk: 20 GB}"
            yield Problem(step.mark, f"the step '{step.id}' does not declare its disk space", hint)


_CHANGING = frozenset(
    ("latest", "newest", "now", "today", "current", "yesterday", "random", "head", "master")
)


@rule("IR055", "warning", "basic")
def changing_input(subject: Subject) -> Iterator[Problem]:
    """The meaning of an input changes with time, such as `latest` or `today`.

    The result of the step stays up to date although the same input would give another result later.
    """
    for path, text in subject.texts:
        if text.lower() not in _CHANGING:
            continue
        in_step = path[:1] == ("steps",) and len(path) > 3 and path[2] == "with"
        if in_step or (path[:1] == ("parameters",) and path[-1] == "default"):
            yield subject.at(path, f"the meaning of '{text}' changes with time", "give a date or a version")
