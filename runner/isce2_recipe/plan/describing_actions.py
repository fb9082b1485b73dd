"""The documentation of actions: signatures, docstrings, and examples from the shipped recipes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from isce2_recipe.actions.base import Action
from isce2_recipe.actions.registry import load_registry
from isce2_recipe.recipe import available, read
from isce2_recipe.recipe.document import dump
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.type_system import words

PAGE = "isce2-recipe describe actions > docs/actions.md"

_HEAD = f"""\
# Actions

What steps can `use`. This page is generated from the signatures and docstrings of the actions with
`{PAGE}`; plug-ins may add others. `isce2-recipe list --actions` lists all
that are installed, and `isce2-recipe describe dem.fetch` prints the section of one action. Most examples are
steps of the shipped recipes.

"""
_ENTRY = re.compile(r"^(\w[\w, ]*) : .*\n((?:(?:    .*)?\n?)*)", re.MULTILINE)
_WRITTEN_EXAMPLE = re.compile(r"\nExamples\n-+\n(.*)", re.DOTALL)
_COMMON = {
    "reference": "The reference acquisition: names of granules, or its folder.",
    "secondary": "The secondary acquisition, in the same form.",
    "catalog": "Entries of the catalogue, from the step that found the granules.",
    "granules": "Names of the granules to fetch.",
    "granule": "Name of the granule to fetch.",
    "scene": "Name of the scene to fetch.",
    "polarization": "``VV``, ``VH``, ``HH``, ``HV``, or ``auto``.",
    "swaths": "Numbers of the swaths.",
    "any_order": "Whether the reference may be the newer pass.",
    "dem": "The DEM as GeoTIFF in degrees, metres above the ellipsoid.",
    "water_mask": "The water mask as GeoTIFF in degrees: 1 on land, 0 on water.",
    "mask": "The water mask: 1 on land, 0 on water.",
    "looks": "Multilooking, ``RANGExAZIMUTH``.",
    "filter_strength": "Exponent of the Goldstein filter.",
    "strength": "Exponent of the Goldstein filter.",
    "unwrapper": "ISCE2's name of the unwrapper.",
    "apply_water_mask": "Whether water has no data in the product.",
    "grid": "Choice of the map grid: any of ``extent`` (common or data), ``bounds``, ``crs`` and ``pixel``.",
    "grid_like": "Raster whose pixels to take instead.",
    "orbits": "Orbit files.",
    "record": "What is needed to run the recipe again, ``run.record``; it becomes part of the product.",
    "product": "The product's folder.",
    "truth": "GeoTIFF of all that the true phase holds: metres, positive where range increased.",
    "atmosphere": "GeoTIFF of the part of the truth that is the delay in the air, if there is one.",
    "products": "Folders of burst products.",
    "directory": "Folder of burst products.",
}
"""Inputs that have the same meaning everywhere and that not every docstring repeats."""


def catalogue() -> str:
    """Return the page about all actions of this package in Markdown."""
    registry = load_registry()
    names = [name for name in registry if name.partition(".")[0] in registry.builtin]
    rows = "".join(
        f"| [`{name}`](#{name.replace('.', '')}) | {_plain(registry[name].summary)} |\n" for name in names
    )
    table = f"| action | what it does |\n|---|---|\n{rows}\n"
    return _HEAD + table + "\n".join(page(registry[name]) for name in names)


def page(action: Action) -> str:
    """Return the section about one action in Markdown."""
    text = inspect.getdoc(action.function) or ""
    about = _plain(re.split(r"\n\n\w+\n---", text)[0])
    sections = [
        f"## {action.name}",
        about,
        _provided(action),
        _inputs(action, text),
        _outputs(action),
        _example(action),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def facts(action: Action) -> dict[str, Any]:
    """Return the same as JSON."""
    described = _described(inspect.getdoc(action.function) or "")
    return {
        "name": action.name,
        "version": action.version,
        "summary": action.summary,
        "uses": sorted({*action.uses, *action.capabilities}),
        "inputs": {
            name: {
                "type": words(given.annotation),
                "required": given.default is given.empty,
                **({} if given.default is given.empty else {"default": given.default}),
                "description": _meaning(name, described),
            }
            for name, given in action.inputs.items()
        },
        "outputs": {name: words(kind) for name, kind in action.outputs.items()},
    }


def _plain(text: str) -> str:
    return text.replace("``", "`")


def _described(docstring: str) -> dict[str, str]:
    """Return the descriptions of the names in a numpydoc docstring; several names may share one."""
    described: dict[str, str] = {}
    text = ""
    for found in reversed(list(_ENTRY.finditer(docstring))):
        text = " ".join(found[2].split()) or text
        described |= dict.fromkeys(found[1].split(", "), text)
    return described


def _meaning(name: str, described: Mapping[str, str]) -> str:
    return _plain(described.get(name, _COMMON.get(name, "")))


def _provided(action: Action) -> str:
    needs = [f"`{name}` of the source" for name in sorted(action.capabilities)]
    needs += ["the engine"] if "engine" in action.uses else []
    return f"Needs {' and '.join(needs)}." if needs else ""


def _inputs(action: Action, text: str) -> str:
    if not action.inputs:
        return ""
    described = _described(text)
    rows = [
        f"| `{name}` | {words(given.annotation)} | {_default(given.default)} | {_meaning(name, described)} |"
        for name, given in action.inputs.items()
    ]
    return "\n".join(["| input | type | default | meaning |", "|---|---|---|---|", *rows])


def _default(value: Any) -> str:
    return "required" if value is inspect.Parameter.empty else f"`{dump(value).split(chr(10))[0]}`"


def _outputs(action: Action) -> str:
    kind = inspect.signature(action.function, eval_str=True).return_annotation
    described: dict[str, str] = {}
    for one in reversed(getattr(kind, "__mro__", ())):
        described |= _described(inspect.getdoc(one) or "") if one is not object else {}
    rows = [
        f"| `{name}` | {words(of)} | {_plain(described.get(name, ''))} |"
        for name, of in action.outputs.items()
    ]
    return "\n".join(["| output | type | meaning |", "|---|---|---|", *rows]) if rows else ""


def _example(action: Action) -> str:
    """Return the example of the docstring, else the first step of a shipped recipe, else the inputs."""
    written = _WRITTEN_EXAMPLE.search(inspect.getdoc(action.function) or "")
    if written is not None:
        return f"```yaml\n{written[1]}\n```"
    for path in available().values():
        recipe = read(path).recipe
        for step, document in _steps(recipe) if recipe is not None else ():
            if step.uses == action.name:
                return _yaml(document)
    required = {name: "..." for name, given in action.inputs.items() if given.default is given.empty}
    name = action.name.replace(".", "_")
    return _yaml({"id": name, "uses": action.name, **({"with": required} if required else {})})


def _yaml(step: Any) -> str:
    return f"```yaml\n{dump([step])}```"


def _steps(recipe: Recipe) -> Iterator[tuple[Step, Any]]:
    """Yield all steps of a recipe and its parts, each as it is written."""
    for step in recipe.steps:
        yield step, recipe.document.data["steps"][step.index]
        if step.part is not None:
            yield from _steps(step.part)
