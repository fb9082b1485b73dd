"""Checks of a recipe before anything runs: names, inputs, types and cycles."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, Literal, get_args, get_origin

from isce2_recipe.errors import RecipeError
from isce2_recipe.expressions import (
    ExpressionError,
    Reference,
    References,
    half_expressions,
    has_expression,
    plain_chain,
)
from isce2_recipe.problems import MAX_PROBLEMS, DataPath, Problem, Suggestion, closest, suggest, whole_file
from isce2_recipe.recipe import loading, type_system
from isce2_recipe.recipe.document import Document, at
from isce2_recipe.recipe.inference import files_in_text
from isce2_recipe.recipe.loading import SUFFIXES, Reading, recipe_error, sort_problems
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.parameters import normalise
from isce2_recipe.recipe.scope import REFUSED, RUN_FACTS, Actions, Place, Scope
from isce2_recipe.recipe.violations import show


def check(recipe: Recipe, actions: Actions) -> list[Problem]:
    """Return everything that is wrong with the names, inputs, types and order of a recipe and its parts.

    Parameters
    ----------
    recipe : Recipe
        As loaded.
    actions : mapping
        Known actions by name, for example `isce2_recipe.actions.registry.load_registry`.
    """
    problems: list[Problem] = []
    todo, seen = [recipe], {id(recipe)}
    while todo:
        one = todo.pop()
        problems += check_scope(Scope(one, actions))
        parts = {id(step.part): step.part for step in one.steps if step.part is not None}
        todo += [part for key, part in parts.items() if key not in seen]
        seen |= parts.keys()
    return sort_problems(problems)


def check_reading(reading: Reading, actions: Actions, *, parts: bool = True) -> list[Problem]:
    """Return what `check` finds; if the grammar is wrong, what is certain nevertheless."""
    recipe = reading.recipe or reading.partial
    if recipe is None:
        return []
    found = check(recipe, actions) if parts else check_scope(Scope(recipe, actions))
    return [one for one in found if reading.repaired is None or reading.repaired.trusts(one)]


def load(path_or_name: str | PurePath, actions: Actions | None = None, *, runnable: bool = True) -> Recipe:
    """Return the recipe in a file, or the shipped recipe of that name.

    Parameters
    ----------
    path_or_name : str or Path
        Path of the file, or name of a shipped recipe.
    actions : mapping, optional
        Known actions. What `check` finds is then reported together with mistakes of grammar.
    runnable : bool
        Whether to refuse a file that only declares parameters.

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
    if runnable and not reading.recipe.steps:
        what = f"{reading.document.file} has no steps: it declares parameters for recipes"
        raise RecipeError(what, hint="run a recipe that takes its parameters over")
    return reading.recipe


def check_scope(scope: Scope) -> list[Problem]:
    """Return everything that is wrong with one recipe's names, inputs, types and order, without its parts."""
    return list(islice(_check_scope(scope), MAX_PROBLEMS))


def _check_scope(scope: Scope) -> Iterator[Problem]:
    for place, read in scope.reads:
        yield from _check_references(scope, place, read)
    for step in scope.recipe.steps:
        yield from _check_step(scope, step)
    yield from _check_cycles(scope)


def _check_references(scope: Scope, place: Place, found: References | ExpressionError) -> Iterator[Problem]:
    document = scope.recipe.document
    if isinstance(found, ExpressionError):
        path = (*place.path, *found.path)
        mark = document.find_name(path, found.word) if found.word else document.mark(path)
        if found.known:
            suggestion = suggest(found.word, found.known)
            yield Problem(mark, found.message, rule="IR020", suggestion=suggestion, names=(found.word,))
        else:
            yield Problem(mark, found.message, _braces_advice(found), "IR020")
        return
    for reference in found.all:
        wrong = _wrong_reference(scope, place, reference)
        if wrong is not None:
            yield wrong._replace(place=document.find_name((*place.path, *reference.path), reference.text))
    known = (*scope.recipe.parameters, *place.variables, "steps", "run")
    for below, piece in half_expressions(place.value, known):
        what = f"'{piece}' is no expression, because a brace is missing"
        advice = "an expression is written between {{ and }}"
        yield document.problem((*place.path, *below), "IR020", what, advice=advice)
    for below, one in scope.typed(place.path, place.value).mismatches:
        path = (*place.path, *below)
        mark = document.find_name(path, one.name) if one.name else document.mark(path)
        yield Problem(mark, one.what, rule="IR023", expected=one.expected, found=one.found)


def _braces_advice(exc: ExpressionError) -> str | None:
    if exc.text.count("{{") != exc.text.count("}}"):
        return "an expression is written between {{ and }}"
    return None


_SOMEWHERE = whole_file("")


def _unknown(what: str, *names: str, rule: str = "IR021", **fields: Any) -> Problem:
    """Return the problem of a name that cannot be read; its place is filled in by the caller."""
    return Problem(_SOMEWHERE, what, rule=rule, names=names, **fields)


def _wrong_reference(scope: Scope, place: Place, reference: Reference) -> Problem | None:
    head, *rest = reference.parts
    if head == "steps":
        return _wrong_output(scope, place, rest)
    if head == "run":
        return _wrong_run_fact(reference)
    if head in scope.recipe.parameters or head in place.variables:
        step = place.step
        of_item = step is not None and step.for_each is not None and head == step.item
        kind = scope.item_type(step) if step is not None and of_item else scope.type_of((head,))
        return _wrong_field(kind, reference) or _wrong_item_field(scope, step if of_item else None, reference)
    return _wrong_name(scope, place, head)


def _wrong_run_fact(reference: Reference) -> Problem | None:
    rest = reference.parts[1:]
    if len(rest) == 1 and rest[0] in RUN_FACTS:
        return None
    suggestion = suggest(rest[0] if rest else "", RUN_FACTS)
    return _unknown(f"there is no '{reference.text}'", reference.text, suggestion=suggestion)


def _wrong_name(scope: Scope, place: Place, name: str) -> Problem:
    if name in scope.recipe.variables:
        what = f"the variable '{name}' is used before it is defined"
        return _unknown(what, name, rule="IR022", advice="move it up")
    if scope.step(name) is not None:
        return _unknown(f"'{name}' is a step", name, advice=f"read its outputs with steps.{name}.OUTPUT")
    known = [*scope.recipe.parameters, *place.variables, *(["steps"] if place.steps else []), "run"]
    what = f"there is no parameter or variable '{name}'"
    return _unknown(what, name, suggestion=suggest(name, known))


def _wrong_field(kind: Any, reference: Reference) -> Problem | None:
    for index, name in enumerate(reference.parts[1:]):
        try:
            kind = type_system.field_type(kind, name)
        except KeyError:
            return _unknown(f"{'.'.join(reference.parts[: index + 1])} has no field '{name}'", name)
    return None


def _wrong_item_field(scope: Scope, step: Step | None, reference: Reference) -> Problem | None:
    """Return the problem of a field that the schema of a parameter does not allow in its items."""
    chain = plain_chain(step.for_each) if step is not None and isinstance(step.for_each, str) else None
    parameter = scope.recipe.parameters.get(chain[0]) if chain is not None and len(chain) == 1 else None
    schema = {} if parameter is None else parameter.schema.get("items", {})
    for index, name in enumerate(reference.parts[1:]):
        known = schema.get("properties", {})
        if name not in known and schema.get("additionalProperties") is False:
            what = f"{'.'.join(reference.parts[: index + 1])} has no field '{name}'"
            return _unknown(what, name, suggestion=suggest(name, known))
        schema = known.get(name, {})
    return None


def _wrong_output(scope: Scope, place: Place, rest: list[str]) -> Problem | None:
    if not place.steps:
        what = f"no step has run when {place.path[-1]} is evaluated"
        return _unknown(what, rule="IR022", advice="outputs of steps can be read in with, when and outputs")
    if len(rest) < 2:
        return _unknown("a step and an output are expected", advice="as in steps.dem.geotiff")
    step = scope.step(rest[0])
    if step is None:
        suggestion = suggest(rest[0], [one.id for one in scope.recipe.steps])
        return _unknown(f"there is no step '{rest[0]}'", rest[0], suggestion=suggestion)
    outputs = scope.outputs(step)
    if outputs is None:
        return None
    if rest[1] not in outputs:
        what = f"step '{step.id}' has no output '{rest[1]}'"
        return _unknown(what, step.id, rest[1], suggestion=suggest(rest[1], outputs))
    return _wrong_output_field(outputs[rest[1]], rest)


def _wrong_output_field(kind: Any, rest: list[str]) -> Problem | None:
    for index, name in enumerate(rest[2:], 2):
        try:
            kind = type_system.field_type(kind, name)
        except KeyError:
            return _unknown(f"steps.{'.'.join(rest[:index])} has no field '{name}'", name)
    return None


_SETTINGS: dict[tuple[str, ...], Any] = {
    ("timeout",): float | str | None, ("retry", "count"): int, ("retry", "backoff"): float | str,
    ("retry", "on"): list[str], ("resources", "cpus"): float, ("resources", "memory"): float | str,
    ("resources", "disk"): float | str, ("for_each",): list[Any], ("key",): str | float,
    ("min_done",): float | str,
}  # fmt: skip


def _check_settings(scope: Scope, step: Step) -> Iterator[Problem]:
    """Yield problems of settings whose expressions give a wrong type."""
    document = scope.recipe.document
    written = document.data["steps"][step.index]
    for keys, expected in _SETTINGS.items():
        if keys[0] not in written:
            continue
        path = (*step.path, *keys)
        value = at(document.data, path)
        actual = scope.typed(path, value).type if isinstance(value, str) and has_expression(value) else Any
        if not type_system.accepts(expected, actual):
            yield _wrong_type(document, path, keys[-1], value, expected, actual)


def _wrong_type(
    document: Document, path: DataPath, name: str, value: Any, expected: Any, actual: Any
) -> Problem:
    """Return the problem of a value whose expression gives another type than is wanted."""
    source = str(value).strip().removeprefix("{{").removesuffix("}}").strip()
    found = type_system.words(actual) + (f" from {source}" if isinstance(value, str) else "")
    return document.problem(path, "IR023", name, expected=type_system.words(expected), found=found)


def _check_step(scope: Scope, step: Step) -> Iterator[Problem]:
    document = scope.recipe.document
    yield from _check_settings(scope, step)
    for index, name in enumerate(step.needs):
        if scope.step(name) is None:
            ids = [one.id for one in scope.recipe.steps]
            path = (*step.path, "needs", index)
            what = f"there is no step '{name}'"
            yield document.problem(path, "IR021", what, suggestion=suggest(name, ids), names=(name,))
    if step.part is not None:
        yield from _check_part(scope, step, step.part)
        return
    if step.uses.endswith(SUFFIXES):
        # The part could not be read; its own problems state why.
        return
    general: Any = scope.actions.get(step.uses)
    if general is None:
        what = f"there is no action '{step.uses}'"
        suggestion = suggest(step.uses, scope.actions)
        path = (*step.path, "uses")
        yield document.problem(path, "IR030", what, suggestion=suggestion, names=(step.uses,))
        return
    yield from scope.wrong(step)
    action: Any = scope.action(step) or general
    required = [name for name, given in action.inputs.items() if given.default is inspect.Parameter.empty]
    unknown = step.with_ if action is general and general.open else ()
    yield from _check_inputs(scope, step, [*action.inputs, *unknown], required)
    for name, value in step.with_.items():
        if name in action.inputs:
            yield from _check_input(scope, step, name, value, action.inputs[name].annotation)
            if _takes_text_or_file(action.inputs[name].annotation):
                yield from _files_in_texts(scope, (*step.path, "with", name), value)


def _takes_text_or_file(annotation: Any) -> bool:
    """Return whether the items of a list may be texts or files."""
    inner = [one for kind in type_system.members(annotation) for one in get_args(kind)]
    kinds = [kind for one in inner for kind in type_system.members(one)]
    return str in kinds and Path in kinds


def _files_in_texts(scope: Scope, path: DataPath, value: Any) -> Iterator[Problem]:
    """Yield files that are a part of a longer text: their content would not be part of the content key."""
    for index, text in enumerate(value) if isinstance(value, list) else ():
        if isinstance(text, str) and has_expression(text):
            for chain in files_in_text(text, scope.type_of):
                what = f"the file {'.'.join(chain)} is a part of a text, so its content would not be noticed"
                advice = "name it in inputs and write {input.NAME}"
                yield scope.recipe.document.problem((*path, index), REFUSED, what, advice=advice)


def _check_inputs(scope: Scope, step: Step, known: list[str], required: list[str]) -> Iterator[Problem]:
    """Yield problems of unknown and missing names in ``with:``."""
    document = scope.recipe.document
    free = [one for one in known if one not in step.with_]
    meant = set()
    for name in step.with_:
        if name not in known:
            meant.add(closest(name, free))
            what = f"{step.uses} has no input '{name}'"
            suggestion = suggest(name, free or known)
            path = (*step.path, "with", name)
            yield document.problem(path, "IR030", what, key=True, suggestion=suggestion, names=(name,))
    missing = tuple(name for name in required if name not in step.with_ and name not in meant)
    if missing:
        what = f"{step.uses} is missing {', '.join(map(repr, missing))}"
        last = "with" if "with" in document.data["steps"][step.index] else "uses"
        path = (*step.path, last)
        yield document.problem(path, "IR030", what, key=last == "with", names=missing, lacks=True)


def _check_part(scope: Scope, step: Step, part: Recipe) -> Iterator[Problem]:
    yield from _check_inputs(scope, step, list(part.parameters), list(part.required))
    document = scope.recipe.document
    for name, value in step.with_.items():
        parameter = part.parameters.get(name)
        if parameter is None:
            continue
        if _is_literal(value):
            for violation in normalise(value, parameter.schema)[1]:
                mark = document.mark((*step.path, "with", name, *violation.path))
                yield violation.problem(mark, "IR023", name, secret=parameter.secret)
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
    literal, mapping = _is_literal(value), isinstance(value, Mapping)
    if literal or mapping:
        if not (type_system.fits(value, expected) if literal else type_system.accepts(expected, dict)):
            yield document.problem(
                path, "IR023", name, expected=type_system.words(expected), found=show(value),
                suggestion=_choice_meant(value, expected), advice=_list_meant(value, expected),
            )  # fmt: skip
        return
    actual = scope.typed(path, value).type
    if type_system.accepts(expected, actual):
        return
    if step.when is not True or _reads_conditional(scope, path):
        # Null values of skipped steps are checked with real values, in inputs_check.
        actual = type_system.without_none(actual)
    if not type_system.accepts(expected, actual):
        yield _wrong_type(document, path, name, value, expected, actual)


def _list_meant(value: Any, expected: Any) -> str | None:
    """Return the list of arguments that a command line means, as advice."""
    if not isinstance(value, str) or not _takes_text_or_file(expected):
        return None
    return f"write a list with the program and each argument: {json.dumps(value.split(), ensure_ascii=False)}"


def _choice_meant(value: Any, expected: Any) -> Suggestion | None:
    literals = [member for member in type_system.members(expected) if get_origin(member) is Literal]
    choices = [str(choice) for member in literals for choice in get_args(member)]
    return suggest(value, choices) if isinstance(value, str) and choices else None


def _reads_conditional(scope: Scope, path: DataPath) -> bool:
    """Return whether the value at a path reads outputs of a step that may be skipped."""
    read = scope.reads_at[path]
    return not isinstance(read, References) or not read.steps.isdisjoint(scope.conditional)


def _check_cycles(scope: Scope) -> Iterator[Problem]:
    order = {step.id: step.index for step in scope.recipe.steps}
    if all(order[one] < order[name] for name, waits in scope.waits.items() for one in waits):
        return  # Nearly all recipes are written in this order.
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
            circle = "" if len(names) == 2 else ": " + " > ".join(names)
            what = f"step '{step.id}' waits for itself{circle}"
            yield Problem(step.mark, what, rule="IR022", names=tuple(names))
        waits = {name: others.difference(names) for name, others in waits.items() if name not in names}
