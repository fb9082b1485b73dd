"""The record that a product carries, from which alone its run can be repeated."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from isce2_recipe.expressions import References, references
from isce2_recipe.paths import data_folder
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.request import RunRequest
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.taking_over import self_contained

_FACT = "record"  # the field of ``run`` in expressions
# Actions that check parameters of other steps without making anything.
_NO_PART = ("preflight.",)
_TEMPLATE = "*.j2"


def record(request: RunRequest, graph: Graph, engine_name: Callable[[], str]) -> dict[str, Any]:
    """Return recipe, source, engine and parameters as JSON: the same for the same run in any folder.

    Parameters that only steps after the reader of the record use are not in it: the place to which a product
    is sent is not a property of the product. Neither are secrets.
    """
    engine_used = any("engine" in node.action.uses for node in graph.nodes.values())
    shown = _of_product(request.recipe, request.parameters)
    return {
        "recipe": request.recipe.name,
        "source": request.source_text,
        "engine": engine_name() if engine_used else None,
        "parameters": shown,
        "document": resolved(request.recipe, shown),
        "files": own_files(request.recipe, request.templates),
    }


def own_files(recipe: Recipe, templates: Sequence[Path]) -> dict[str, str]:
    """Return the texts of parts and templates that are not shipped, by their paths relative to the recipe.

    Parameters
    ----------
    recipe : Recipe
        The recipe that uses them.
    templates : sequence of Path
        Folders of templates; the first one that has a template counts. The last one is the shipped folder.
    """
    return _own_parts(recipe, "") | _own_templates(templates)


def _own_parts(recipe: Recipe, folder: str) -> dict[str, str]:
    shipped = data_folder("recipes").resolve()
    found: dict[str, str] = {}
    for step in recipe.steps:
        part = step.part
        if part is None or part.path.resolve().is_relative_to(shipped):
            continue
        place = posixpath.normpath(posixpath.join(folder, step.uses))
        found |= {place: self_contained(part)} | _own_parts(part, posixpath.dirname(place))
    return found


def _own_templates(templates: Sequence[Path]) -> dict[str, str]:
    *own, shipped = templates
    found: dict[str, str] = {}
    for folder in own:
        if folder.resolve() == shipped.resolve() or not folder.is_dir():
            continue
        # Only the files next to the recipe, but everything in folders of templates.
        for file in sorted(folder.glob(_TEMPLATE) if folder == own[-1] else folder.rglob(_TEMPLATE)):
            place = f"templates/{file.relative_to(folder).as_posix()}"
            found.setdefault(place, file.read_text(encoding="utf-8"))
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
