"""What a product carries along so that its run can be made again from it alone."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.recipe.taking_over import self_contained

if TYPE_CHECKING:
    from isce2_recipe.plan.project import Project

FACT = "run.record"
# Actions that look at parameters of others without making anything.
_NO_PART = ("preflight.",)
_TEMPLATE = "*.j2"


def record(project: Project) -> dict[str, Any]:
    """Recipe, source, engine and parameters as JSON: the same for the same run, wherever it takes place.

    What only steps below the one that reads the record use is left out: where a product is sent to does not
    belong to it. Neither do secrets.
    """
    recipe = project.recipe
    engine_used = any("engine" in node.action.uses for node in project.graph.nodes.values())
    shown = _used(recipe, project.parameters)
    return {
        "recipe": recipe.name,
        "source": project.source_text,
        "engine": project.engine.name if engine_used else None,
        "parameters": shown,
        "document": resolved(recipe, shown),
        "files": own_files(recipe, project.templates),
    }


def own_files(recipe: Recipe, templates: Sequence[Path]) -> dict[str, str]:
    """Texts of the parts and templates that do not come with the package, by their places beside the recipe.

    Parameters
    ----------
    templates : sequence of Path
        Folders of templates, the first found counting; the last are those shipped.
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
        # Of the recipe's own folder the files beside it, of folders of templates all.
        for file in sorted(folder.glob(_TEMPLATE) if folder == own[-1] else folder.rglob(_TEMPLATE)):
            place = f"templates/{file.relative_to(folder).as_posix()}"
            found.setdefault(place, file.read_text(encoding="utf-8"))
    return found


def _used(recipe: Recipe, parameters: Mapping[str, Any]) -> dict[str, Any]:
    data = recipe.document.data
    steps = [
        json.dumps(step, default=str)
        for step in data.get("steps", ())
        if not str(step.get("uses", "")).startswith(_NO_PART)
    ]
    last = next((place for place, text in enumerate(steps) if FACT in text), len(steps))
    text = " ".join([json.dumps(data.get("variables", {}), default=str), *steps[: last + 1]])
    return {
        name: value
        for name, value in parameters.items()
        if not recipe.parameters[name].secret and re.search(rf"\b{re.escape(name)}\b", text)
    }


def resolved(recipe: Recipe, values: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe with the given values as its parameters' defaults."""
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
