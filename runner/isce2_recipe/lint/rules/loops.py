"""IR072 and IR073: steps that are repeated for every item of a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from isce2_recipe.actions.base import nothing
from isce2_recipe.expressions import ExpressionError, evaluate, plain_chain, references
from isce2_recipe.lint.rule import Subject, rule
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.samples import is_known


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
