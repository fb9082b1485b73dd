"""Checks with real values: errors of expressions, null from skipped steps, values that parts do not allow."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from inspect import Parameter
from pathlib import Path
from typing import Any, get_args, get_origin

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.expressions import ExpressionError, TooMuchError, evaluate, references
from isce2_recipe.problems import DataPath, Problem
from isce2_recipe.recipe import type_system
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.recipe.samples import Samples, is_known
from isce2_recipe.recipe.scope import REFUSED, ActionLike, Place, Scope
from isce2_recipe.recipe.violations import show


def check_known(scope: Scope, samples: Samples) -> Iterator[Problem]:
    """Yield errors and wrong types of expressions that are made from real values only."""
    wanted = {step.index for step in scope.recipe.steps if samples.wants(step)}
    for place in scope.places:
        if place.step is not None and place.step.index not in wanted and place.path[-1] != "when":
            continue
        try:
            found = list(_known_errors(scope.recipe, place.path, place.value, samples))
        except TooMuchError as exc:
            yield scope.recipe.document.problem(exc.path, "IR020", exc.message)
            return
        yield from found
        if not found and place.step is not None and "with" in place.path:
            yield from _known_type(scope, place, samples)


def _known_errors(recipe: Recipe, path: DataPath, value: Any, samples: Samples) -> Iterator[Problem]:
    """Yield the expressions in a value that cannot be evaluated."""
    if is_known(value, samples.known):
        try:
            evaluate(value, samples.names)
        except TooMuchError as exc:
            raise TooMuchError(exc.message, text=exc.text, path=(*path, *exc.path)) from None
        except ExpressionError as exc:
            if isinstance(value, str):
                yield recipe.document.problem(path, "IR020", exc.message)
        else:
            return
    if isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _known_errors(recipe, (*path, key), item, samples)


def _known_type(scope: Scope, place: Place, samples: Samples) -> Iterator[Problem]:
    """Yield the problem of an input that has another type than its action expects."""
    action = scope.action(place.step) if place.step is not None else None
    name = str(place.path[-1])
    if action is None or name not in action.inputs or not is_known(place.value, samples.known):
        return
    value, wanted = evaluate(place.value, samples.names), action.inputs[name].annotation
    if value is not None and not type_system.fits(value, wanted):
        expected = type_system.words(wanted)
        yield scope.recipe.document.problem(place.path, "IR023", name, expected=expected, found=show(value))


class NotKnownError(LookupError):
    """An input depends on a step that has not run."""


class _KnownInputs(Mapping[str, Any]):
    """The inputs of a step, each evaluated when it is read; reading one that is not known raises an error."""

    def __init__(self, step: Step, action: ActionLike, samples: Samples) -> None:
        self._step = step
        self._action = action
        self._samples = samples

    def __getitem__(self, name: str) -> Any:
        value = self._step.with_[name]
        try:
            known = is_known(value, self._samples.known)
            found = evaluate(value, self._samples.names) if known else None
        except ExpressionError:  # `check_known` reports it.
            known = False
        if not known or not _is_checkable(found, self._action.inputs.get(name)):
            raise NotKnownError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._step.with_)

    def __len__(self) -> int:
        return len(self._step.with_)


def check_refusals(scope: Scope, samples: Samples) -> Iterator[Problem]:
    """Yield the steps whose actions refuse the inputs that are made from real values only."""
    for step in scope.recipe.steps:
        action = scope.action(step)
        if action is None or action.check is None or not samples.wants(step):
            continue
        try:
            with suppress(LookupError):
                action.check(_KnownInputs(step, action, samples))
        except RecipeToolError as exc:
            path = (*step.path, "with")
            yield scope.recipe.document.problem(path, REFUSED, exc.message, key=True, advice=exc.hint)


def _is_checkable(value: Any, given: Parameter | None) -> bool:
    """Return whether an input has the type that its action expects, and is no file: only plans open files."""
    if given is None or not type_system.fits(value, given.annotation):
        return False
    return value is None or not _is_file(given.annotation)


def _is_file(annotation: Any) -> bool:
    return annotation is Path or any(map(_is_file, get_args(annotation)))


def check_nulls(scope: Scope, samples: Samples) -> Iterator[Problem]:
    """Yield problems of inputs that are certainly null, because they are read from skipped steps."""
    steps = [step for step in scope.recipe.steps if step.for_each is None]  # the lists of others are empty
    skipped = {step.id: dict.fromkeys(scope.outputs(step) or ()) for step in steps if samples.skips(step)}
    names = {**samples.names, "steps": skipped}
    for step in steps if skipped else ():
        action = scope.action(step)
        wanted = _real(step.when, names, samples.known, skipped)
        if action is not None and wanted is not ... and wanted:
            known = {name: _real(value, names, samples.known, skipped) for name, value in step.with_.items()}
            yield from null_inputs(scope.recipe, step, action, known)


def _real(value: Any, names: Mapping[str, Any], known: Container[str], skipped: Container[str]) -> Any:
    """Return the value of an expression made from real values and outputs of skipped steps; ... otherwise."""
    if isinstance(value, list):
        return [_real(item, names, known, skipped) for item in value]
    try:
        read = references(value)
        certain = not read.run and all(name in known for name in read.names)
        return evaluate(value, names) if certain and all(one in skipped for one in read.steps) else ...
    except ExpressionError:
        return ...


def null_inputs(
    recipe: Recipe, step: Step, action: ActionLike, given: Mapping[str, Any]
) -> Iterator[Problem]:
    """Yield problems of a step's inputs that are null, or lists with null, although the action needs a value.

    Parameters
    ----------
    recipe : Recipe
        The step's recipe.
    step : Step
        The step whose inputs are checked.
    action : ActionLike
        The action it uses.
    given : mapping
        The values of its ``with:``.
    """
    advice = f"outputs of a skipped step are null: give step '{step.id}' a condition as well"
    for name, value in given.items():
        if name in action.inputs:
            for place, wanted in _nulls(value, action.inputs[name].annotation):
                path = (*step.path, "with", name, *place)
                expected = type_system.words(wanted)
                yield recipe.document.problem(
                    path, "IR023", name, advice=advice, expected=expected, found="null"
                )


def _nulls(value: Any, annotation: Any) -> Iterator[tuple[DataPath, Any]]:
    """Yield where a value is null although its type does not allow null, and the type that is expected."""
    wanted = type_system.members(annotation)
    if value is None and not {type_system.NONE, Any, object} & set(wanted):
        yield (), annotation
    elif isinstance(value, list):
        lists = [get_args(one)[0] for one in wanted if get_origin(one) is list]
        for index, item in enumerate(value if len(lists) == 1 else ()):
            yield from (((index, *place), kind) for place, kind in _nulls(item, lists[0]))


def check_part_values(scope: Scope, step: Step, part: Recipe, samples: Samples) -> Iterator[Problem]:
    """Yield problems of values that a step passes to a part and the part's parameters do not allow."""
    for name, value in step.with_.items():
        parameter = part.parameters.get(name)
        if parameter is None or not is_known(value, samples.known):
            continue
        try:
            found = evaluate(value, samples.names)
        except ExpressionError:
            continue
        if found is None and not (parameter.required or parameter.has_default):
            continue  # An optional parameter may be null.
        for violation in normalise(found, parameter.schema)[1]:
            mark = scope.recipe.document.mark((*step.path, "with", name, *violation.path))
            yield violation.problem(mark, "IR023", name, secret=parameter.secret)
