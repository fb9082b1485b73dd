"""IR050 to IR055, IR072 and IR073: timeouts, retries, resources, repeatable inputs and loops."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from math import prod
from typing import Any

from isce2_recipe.actions.base import nothing
from isce2_recipe.expressions import ExpressionError, evaluate, plain_chain, references
from isce2_recipe.lint.rule import Subject, all_needed, rule
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.samples import is_known


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


@rule("IR072", "warning", "basic")
def no_loop(subject: Subject) -> Iterator[Problem]:
    """A loop has only one item, or a step allows for missing instances of a loop but reads none.

    A constant list with one item is clearer as a plain step. `partial` and `min_done` belong to the step that
    reads the lists of a loop, not to the loop.
    """
    loops = {step.id for step in subject.steps if step.for_each is not None}
    waits = {} if subject.scope is None else subject.scope.waits
    for step in subject.steps:
        if step.for_each is not None and _number_of_constant_items(step) == 1:
            message = f"the loop '{step.id}' has a constant list with one item"
            yield subject.at((*step.path, "for_each"), message, "write a step without for_each")
        if step.partial and loops.isdisjoint(waits.get(step.id, ())):
            message = f"the step '{step.id}' reads no loop, so that nothing can be missing"
            hint = "write partial into the step that reads the lists of the loop"
            yield subject.at_key((*step.path, "partial"), message, hint)


def _number_of_constant_items(step: Step) -> int | None:
    """Return the number of items of a list that no parameter, variable or step changes; None otherwise."""
    if isinstance(step.for_each, list):
        return len(step.for_each)
    try:
        items = evaluate(step.for_each, {}) if is_known(step.for_each, frozenset()) else None
    except ExpressionError:
        return None
    return len(items) if isinstance(items, list) else None


@rule("IR073", "warning", "shared")
def unbounded_loop(subject: Subject) -> Iterator[Problem]:
    """A loop over a list of any length repeats steps of the engine that do not declare their memory.

    As many of them run at the same time as there are processors, unless `resources` states what each needs.
    A parameter with `maxItems`, and a constant list, have a known length.
    """
    for step in subject.steps:
        if step.for_each is None or _number_of_constant_items(step) is not None or _is_bounded(subject, step):
            continue
        heavy = [one.id for one in _of_engine(subject, step) if "memory" not in one.resources]
        if heavy:
            message = (
                f"the loop '{step.id}' may have any number of items, and its step '{heavy[0]}' uses the "
            )
            hint = "add for example: resources: {memory: 4 GB}"
            yield subject.at((*step.path, "for_each"), f"{message}engine without declared memory", hint)


def _is_bounded(subject: Subject, step: Step) -> bool:
    """Return whether the list is a parameter with a limited number of items."""
    recipe: Recipe | None = subject.recipe
    chain = plain_chain(step.for_each) if isinstance(step.for_each, str) else None
    if recipe is None or chain is None or len(chain) != 1 or references(step.for_each).steps:
        return False
    parameter = recipe.parameters.get(chain[0])
    return parameter is not None and "maxItems" in parameter.schema


def _of_engine(subject: Subject, step: Step) -> Iterator[Step]:
    """Yield the steps that use the engine among a step and those of its part."""
    if step.part is not None:
        for inner in step.part.steps:
            yield from _of_engine(subject, inner)
        return
    action: Any = subject.actions.get(step.uses)
    if action is not None and "engine" in action.uses and action.takes is not nothing:
        yield step
