"""The record that a product carries, from which alone its run can be repeated."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.expressions import References, references
from isce2_recipe.paths import data_folder
from isce2_recipe.plan.bindings import Bindings
from isce2_recipe.plan.nodes import Node, StepScope
from isce2_recipe.plan.request import RunRequest
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.taking_over import self_contained
from isce2_recipe.recipe.templates import read_template

_FACT = "record"  # the field of ``run`` in expressions
# Actions that check parameters of other steps without making anything.
_NO_PART = ("preflight.",)


def record(
    request: RunRequest,
    recipe: Recipe,
    parameters: Mapping[str, Any],
    nodes: Sequence[Node],
    bindings: Bindings,
    engine_name: Callable[[], str],
) -> dict[str, Any]:
    """Return recipe, source, engine and parameters as JSON: the same for the same run in any folder.

    Parameters
    ----------
    request : RunRequest
        The run.
    recipe, parameters : Recipe, mapping
        The requested recipe, or a part that is repeated in it, with a value for every parameter.
    nodes : sequence of Node
        Its steps.
    bindings : Bindings
        What its expressions see.
    engine_name : callable
        Returns the name of the engine.

    Parameters that only steps after the reader of the record use are not in it: the place to which a product
    is sent is not a property of the product. Neither are secrets.
    """
    engine_used = any("engine" in node.action.uses for node in nodes)
    shown = _of_product(recipe, parameters)
    return {
        "recipe": recipe.name,
        "source": request.source_text,
        "engine": engine_name() if engine_used else None,
        "parameters": shown,
        "document": resolved(recipe, shown),
        "files": own_files(recipe, nodes, bindings, request.templates),
    }


def plain_values(value: Any, workdir: Path) -> Any:
    """Return values of parameters as JSON; files of the work directory are relative to it."""
    if isinstance(value, Path):
        return str(value.relative_to(workdir) if value.is_relative_to(workdir) else value)
    if isinstance(value, Mapping):
        return {name: plain_values(item, workdir) for name, item in value.items()}
    return [plain_values(item, workdir) for item in value] if isinstance(value, list | tuple) else value


def own_files(
    recipe: Recipe, nodes: Sequence[Node], bindings: Bindings, templates: Sequence[Path]
) -> dict[str, str]:
    """Return the texts of parts, templates and Python files that are not shipped, by path from the recipe.

    Parameters
    ----------
    recipe, nodes, bindings : Recipe, sequence of Node, Bindings
        The recipe, its steps, and what their expressions see.
    templates : sequence of Path
        Folders of templates; the first one that has a template counts. The last one is the shipped folder.
    """
    found = _own_parts(recipe) | _own_templates(nodes, bindings, tuple(templates))
    for node in nodes:
        if node.action.code is not None:
            folder, place = node.scope.recipe.path.resolve().parent, _place(node.scope, recipe)
            code = node.action.code(lambda path, folder=folder: read_template(path, folder))  # type: ignore[misc]
            found |= {posixpath.join(place, name): text for name, text in code.items()}
    return found


def _place(scope: StepScope, recipe: Recipe) -> str:
    """Return the folder of a recipe or part, relative to a recipe around it."""
    if scope.outer is None or scope.via is None or scope.recipe is recipe:
        return ""
    return posixpath.dirname(posixpath.normpath(posixpath.join(_place(scope.outer, recipe), scope.via.uses)))


def _own_parts(recipe: Recipe) -> dict[str, str]:
    shipped = data_folder("recipes").resolve()
    found: dict[str, str] = {}
    todo = [(recipe, "")]
    while todo:
        outer, here = todo.pop()
        for step in outer.steps:
            part = step.part
            if part is None or part.path.resolve().is_relative_to(shipped):
                continue
            place = posixpath.normpath(posixpath.join(here, step.uses))
            if place not in found:
                found[place] = self_contained(part)
                todo.append((part, posixpath.dirname(place)))
    return found


def _own_templates(nodes: Iterable[Node], bindings: Bindings, templates: tuple[Path, ...]) -> dict[str, str]:
    """Return the texts of the templates that the actions read, as far as no step decides on their names."""
    *own, shipped = templates
    found: dict[str, str] = {}

    def read(path: Path) -> str | None:
        folder = next((one for one in own if path.is_relative_to(one)), path.parent)
        text = read_template(path, folder)
        if text is not None and folder in own and folder.resolve() != shipped.resolve():
            found.setdefault(f"templates/{path.relative_to(folder).as_posix()}", text)
        return text

    for node in nodes:
        if node.action.fingerprint is not None and node.action.executes is None:
            # An action that cannot say what it reads without its other inputs reads no templates.
            with suppress(RecipeToolError, KeyError):
                name = bindings.evaluate(node.step.with_.get("template"), node.scope, {})
                node.action.fingerprint({"template": name}, templates, read)
    return found


def _of_product(recipe: Recipe, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public parameters that the steps use up to the first one that reads the record."""
    steps = [step for step in recipe.steps if not step.uses.startswith(_NO_PART)]
    last = next((place for place, step in enumerate(steps) if _reads_record(step)), len(steps))
    names = {name for step in steps[: last + 1] for name in _read_by(step).names}
    names.update(*(references(value).names for value in recipe.variables.values()))
    return {
        name: value
        for name, value in parameters.items()
        if name in names and not recipe.parameters[name].secret
    }


def _read_by(step: Step) -> References:
    retry = step.retry
    limits = [step.timeout, dict(step.resources), retry.count, retry.backoff]
    return references([step.with_, step.when, *limits])


def _reads_record(step: Step) -> bool:
    """Return whether a step, or a step of the part it uses, reads the record."""
    part = step.part
    return _FACT in _read_by(step).run or (part is not None and any(map(_reads_record, part.steps)))


def resolved(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe's document with the given values as the defaults of its parameters."""
    data = dict(recipe.document.data)
    parameters = {name: dict(schema) for name, schema in data.get("parameters", {}).items()}
    required = list(data.get("required", ()))
    for name, value in values.items():
        if value is not None or recipe.parameters[name].has_default:
            parameters[name]["default"] = value
            required = [other for other in required if other != name]
    if parameters:
        data["parameters"] = parameters
    data.pop("required", None)
    if required:
        data["required"] = required
    return data
