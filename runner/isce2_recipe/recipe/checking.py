"""What can be known wrong about a recipe before anything runs: names, inputs, types and cycles."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, get_args

from isce2_recipe.expressions import (
    ExpressionError,
    Reference,
    References,
    has_expression,
    parse,
    plain_chain,
    references,
)
from isce2_recipe.problems import Problem
from isce2_recipe.recipe import kinds, loading, operands
from isce2_recipe.recipe.document import Path
from isce2_recipe.recipe.loading import SUFFIXES, Reading, recipe_error, sort_problems
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.recipe.schema import closest, did_you_mean, show
from isce2_recipe.recipe.scope import RUN_FACTS, ActionLike, Actions, Place, Scope


def check(recipe: Recipe, actions: Actions) -> list[Problem]:
    """Everything wrong with a recipe's names, inputs, types and order, its parts' included.

    Parameters
    ----------
    recipe : Recipe
        As loaded.
    actions : mapping
        Known actions by name, for example `isce2_recipe.actions.registry.load_registry`.
    """
    problems = check_scope(Scope(recipe, actions))
    for step in recipe.steps:
        if step.part is not None:
            problems += check(step.part, actions)
    return sort_problems(problems)


def check_reading(reading: Reading, actions: Actions, *, parts: bool = True) -> list[Problem]:
    """What `check` finds; of a recipe whose grammar is wrong, what can be said in spite of that."""
    recipe = reading.recipe or reading.partial
    if recipe is None:
        return []
    found = check(recipe, actions) if parts else check_scope(Scope(recipe, actions))
    return [one for one in found if reading.repaired is None or reading.repaired.trusts(one)]


def load(path_or_name: str | PurePath, actions: Actions | None = None) -> Recipe:
    """The recipe in a file, or the shipped recipe of that name.

    Parameters
    ----------
    path_or_name : str or Path
        Where it is, or what it is called.
    actions : mapping, optional
        Known actions: what `check` finds is an error too, and comes together with mistakes of grammar.

    Raises
    ------
    RecipeError
        With every problem, its parts' included.
    InputError
        If there is no such file or it is not text.
    """
    reading = loading.read(loading.find(str(path_or_name)))
    more = [] if actions is None else check_reading(reading, actions)
    if reading.recipe is None or more:
        raise recipe_error(tuple(sort_problems([*reading.problems, *more])), reading.texts)
    return reading.recipe


def check_scope(scope: Scope) -> list[Problem]:
    """Everything wrong with one recipe's names, inputs, types and order, its parts left out."""
    problems: list[Problem] = []
    for place, read in scope.reads:
        problems += _check_references(scope, place, read)
    for step in scope.recipe.steps:
        problems += _check_step(scope, step)
    problems += _check_cycles(scope)
    return problems


def _check_references(scope: Scope, place: Place, found: References | ExpressionError) -> Iterator[Problem]:
    document = scope.recipe.document
    if isinstance(found, ExpressionError):
        path = (*place.path, *found.path)
        mark = document.find_name(path, found.word) if found.word else document.mark(path)
        hint = did_you_mean(found.word, found.known) if found.known else _braces_hint(found)
        yield Problem.at(mark, "IR020", found.message, hint=hint)
        return
    for reference in found.all:
        wrong = _wrong_reference(scope, place, reference)
        if wrong is not None:
            rule, message, hint = wrong
            mark = document.find_name((*place.path, *reference.path), reference.text)
            yield Problem.at(mark, rule, message, hint=hint)
    for path, text in _calculations(place.value, place.path):
        for one in operands.mismatches(parse(text), scope.type_of):
            mark = document.find_name(path, one.name) if one.name else document.mark(path)
            yield Problem.at(mark, "IR023", one.message)


def _calculations(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """Texts in a value whose expressions do more than read a name."""
    if isinstance(value, str):
        if has_expression(value) and plain_chain(value) is None:
            yield path, value
        return
    inner = (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in inner:
        yield from _calculations(item, (*path, key))


def _braces_hint(exc: ExpressionError) -> str | None:
    if exc.text.count("{{") != exc.text.count("}}"):
        return "an expression is written between {{ and }}"
    return None


Wrong = tuple[str, str, str | None]


def _wrong_reference(scope: Scope, place: Place, reference: Reference) -> Wrong | None:
    head, *rest = reference.parts
    if head == "steps":
        return _wrong_output(scope, place, rest)
    if head == "run":
        return _wrong_run_fact(reference)
    if head in scope.recipe.parameters or head in place.variables:
        return _wrong_field(scope, reference)
    return _wrong_name(scope, place, head)


def _wrong_run_fact(reference: Reference) -> Wrong | None:
    rest = reference.parts[1:]
    if len(rest) == 1 and rest[0] in RUN_FACTS:
        return None
    return "IR021", f"there is no '{reference.text}'", did_you_mean(rest[0] if rest else "", list(RUN_FACTS))


def _wrong_name(scope: Scope, place: Place, name: str) -> Wrong:
    if name in scope.recipe.variables:
        return "IR022", f"the variable '{name}' is used before it is defined", "move it up"
    if scope.step(name) is not None:
        return "IR021", f"'{name}' is a step", f"read its outputs with steps.{name}.OUTPUT"
    known = [*scope.recipe.parameters, *place.variables, *(["steps"] if place.steps else []), "run"]
    return "IR021", f"there is no parameter or variable '{name}'", did_you_mean(name, known)


def _wrong_field(scope: Scope, reference: Reference) -> Wrong | None:
    head, *rest = reference.parts
    kind = scope.type_of((head,))
    for index, name in enumerate(rest):
        try:
            kind = kinds.field_type(kind, name)
        except KeyError:
            return "IR021", f"{'.'.join(reference.parts[: index + 1])} has no field '{name}'", None
    return None


def _wrong_output(scope: Scope, place: Place, rest: list[str]) -> Wrong | None:
    if not place.steps:
        return (
            "IR022",
            f"no step has run when {place.path[-1]} is evaluated",
            "steps can be read in with, when, outputs",
        )
    if len(rest) < 2:
        return "IR021", "name a step and an output", "as in steps.dem.geotiff"
    step = scope.step(rest[0])
    if step is None:
        hint = did_you_mean(rest[0], [one.id for one in scope.recipe.steps])
        return "IR021", f"there is no step '{rest[0]}'", hint
    outputs = scope.outputs(step)
    if outputs is None:
        return None
    if rest[1] not in outputs:
        return "IR021", f"step '{step.id}' has no output '{rest[1]}'", did_you_mean(rest[1], list(outputs))
    return _wrong_output_field(outputs[rest[1]], rest)


def _wrong_output_field(kind: Any, rest: list[str]) -> Wrong | None:
    for index, name in enumerate(rest[2:], 2):
        try:
            kind = kinds.field_type(kind, name)
        except KeyError:
            return "IR021", f"steps.{'.'.join(rest[:index])} has no field '{name}'", None
    return None


_SETTINGS: dict[tuple[str, ...], Any] = {
    ("timeout",): float | str | None, ("retry", "count"): int, ("retry", "backoff"): float | str,
    ("retry", "on"): list[str], ("resources", "cpus"): float, ("resources", "memory"): float | str,
    ("resources", "disk"): float | str,
}  # fmt: skip


def _check_settings(scope: Scope, step: Step) -> Iterator[Problem]:
    """Expressions of settings: what they give is of a type the setting may have."""
    document = scope.recipe.document
    written = document.data["steps"][step.index]
    for keys, expected in _SETTINGS.items():
        if keys[0] not in written:
            continue
        path = (*step.path, *keys)
        value = loading.at(document.data, path)
        actual = scope.safe_type(value) if isinstance(value, str) and has_expression(value) else Any
        if not kinds.accepts(expected, actual):
            message = (
                f"{keys[-1]} must be {kinds.words(expected)}, but {_source(value)} is {kinds.words(actual)}"
            )
            yield document.problem(path, "IR023", message)


def _check_step(scope: Scope, step: Step) -> Iterator[Problem]:
    document = scope.recipe.document
    yield from _check_settings(scope, step)
    ids = [one.id for one in scope.recipe.steps] if step.needs else []
    for index, name in enumerate(step.needs):
        if name not in ids:
            hint = did_you_mean(name, ids)
            yield document.problem(
                (*step.path, "needs", index), "IR021", f"there is no step '{name}'", hint=hint
            )
    if step.part is not None:
        yield from _check_part(scope, step, step.part)
        return
    if step.uses.endswith(SUFFIXES):
        # A part that could not be read: its own problems say why.
        return
    action: ActionLike | None = scope.actions.get(step.uses)
    if action is None:
        hint = did_you_mean(step.uses, list(scope.actions))
        yield document.problem((*step.path, "uses"), "IR030", f"there is no action '{step.uses}'", hint=hint)
        return
    required = [name for name, given in action.inputs.items() if given.default is inspect.Parameter.empty]
    yield from _check_inputs(scope, step, list(action.inputs), required)
    for name, value in step.with_.items():
        if name in action.inputs:
            yield from _check_input(scope, step, name, value, action.inputs[name].annotation)


def _check_inputs(scope: Scope, step: Step, known: list[str], required: list[str]) -> Iterator[Problem]:
    """Names in ``with:``: none unknown, none missing."""
    document = scope.recipe.document
    free = [one for one in known if one not in step.with_]
    meant = set()
    for name in step.with_:
        if name not in known:
            meant.add(closest(name, free))
            message = f"{step.uses} has no input '{name}'"
            hint = did_you_mean(name, free or known)
            yield document.problem((*step.path, "with", name), "IR030", message, key=True, hint=hint)
    missing = [name for name in required if name not in step.with_ and name not in meant]
    if missing:
        names = ", ".join(f"'{name}'" for name in missing)
        path = (*step.path, "with") if "with" in document.data["steps"][step.index] else (*step.path, "uses")
        yield document.problem(path, "IR030", f"{step.uses} is missing {names}", key=path[-1] == "with")


def _check_part(scope: Scope, step: Step, part: Recipe) -> Iterator[Problem]:
    yield from _check_inputs(scope, step, list(part.parameters), list(part.required))
    document = scope.recipe.document
    for name, value in step.with_.items():
        parameter = part.parameters.get(name)
        if parameter is None:
            continue
        if _is_literal(value):
            for violation in normalise(value, parameter.schema)[1]:
                path = (*step.path, "with", name, *violation.path)
                yield document.problem(path, "IR023", f"{name} {violation.message}", hint=violation.hint)
        else:
            yield from _check_input(scope, step, name, value, scope.part(part).parameter_types[name])


def _is_literal(value: Any) -> bool:
    if isinstance(value, str):
        return not has_expression(value)
    below = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return all(_is_literal(item) for item in below)


def _check_input(scope: Scope, step: Step, name: str, value: Any, expected: Any) -> Iterator[Problem]:
    document = scope.recipe.document
    path = (*step.path, "with", name)
    if _is_literal(value):
        if not kinds.fits(value, expected):
            message = f"{name} must be {kinds.words(expected)}, instead got {show(value)}"
            yield document.problem(path, "IR023", message, hint=_choice_hint(value, expected))
        return
    if isinstance(value, Mapping):
        return
    actual = scope.safe_type(value)
    if kinds.accepts(expected, actual):
        return
    if step.when is not True or _reads_conditional(scope, value):
        # Whether a value is null is the condition's business.
        actual = kinds.without_none(actual)
    if not kinds.accepts(expected, actual):
        found = f"{_source(value)} is {kinds.words(actual)}"
        message = f"{name} must be {kinds.words(expected)}, but {found}"
        yield document.problem(path, "IR023", message)


def _choice_hint(value: Any, expected: Any) -> str | None:
    choices = [str(choice) for member in kinds.members(expected) for choice in get_args(member)]
    return (
        did_you_mean(value, choices)
        if isinstance(value, str) and choices and "type" not in choices[0]
        else None
    )


def _source(value: Any) -> str:
    return (
        str(value).strip().removeprefix("{{").removesuffix("}}").strip() if isinstance(value, str) else "it"
    )


def _reads_conditional(scope: Scope, value: Any) -> bool:
    try:
        read = references(value).steps
    except ExpressionError:
        return True
    return not read.isdisjoint(scope.conditional)


def _check_cycles(scope: Scope) -> Iterator[Problem]:
    order = {step.id: step.index for step in scope.recipe.steps}
    if all(order[one] < order[name] for name, waits in scope.waits.items() for one in waits):
        return  # as nearly all recipes are written
    from graphlib import CycleError, TopologicalSorter

    waits = {name: set(others) for name, others in scope.waits.items()}
    while True:
        try:
            TopologicalSorter(waits).prepare()
        except CycleError as exc:
            names = list(reversed(exc.args[1]))
        else:
            return
        step = scope.step(names[0])
        if step is not None:
            what = "waits for itself" if len(names) == 2 else "waits for itself: " + " > ".join(names)
            yield Problem.at(step.mark, "IR022", f"step '{step.id}' {what}")
        waits = {name: others.difference(names) for name, others in waits.items() if name not in names}
