"""IR038: the source and the engine that the recipe is linted for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.lint.rule import Rule, Subject, rule
from isce2_recipe.problems import Problem
from isce2_recipe.recipe.model import Recipe, Step


@rule("IR038", "error", "min")
def lacking_provider(subject: Subject) -> Iterator[Problem]:
    """A step needs something that the source or the engine does not have.

    The rule checks only what `lint --source SOURCE` and `lint --engine ENGINE` name. Steps with a condition
    are left to `plan`, which knows the values of the parameters.
    """
    given = subject.providers
    if not (given.source or given.engine):
        return
    from isce2_recipe import engines
    from isce2_recipe.sources import sources_with

    for outer, step in _steps(subject.recipe, subject.actions):
        path = (*outer.path, "uses")
        action = subject.actions[step.uses]
        lacking = sorted(action.capabilities - given.capabilities) if given.capabilities is not None else []
        if lacking:
            others = ", ".join(sources_with(lacking)) or "none"
            names = ", ".join(lacking)
            what = f"the step '{step.id}' needs {names}, which the source {given.source} does not have"
            yield subject.at(path, what, f"sources that have {names}: {others}")
        wanted = action.runs(step.with_) if action.runs is not None else None
        if wanted is not None:
            try:
                engines.check_steps(given.engine, given.applications, wanted)
            except InputError as exc:
                yield subject.at(path, exc.message, exc.hint)


def _steps(recipe: Recipe | None, actions: Mapping[str, Any]) -> Iterator[tuple[Step, Step]]:
    """Yield the unconditional steps of a recipe and of its parts, each after the recipe's own step."""
    for step in recipe.steps if recipe is not None else ():
        if step.when is not True:
            continue
        if step.part is not None:
            yield from ((step, inner) for _, inner in _steps(step.part, actions))
        elif step.uses in actions:
            yield step, step


RULES: tuple[Rule, ...] = (lacking_provider,)
