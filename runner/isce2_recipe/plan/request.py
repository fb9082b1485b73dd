"""The request for a run: recipe, parameters, work directory, source and engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Action
from isce2_recipe.actions.registry import load_registry
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.recipe.verifying import verify
from isce2_recipe.redact import MASK, texts_of
from isce2_recipe.sources import DEFAULT_SOURCE

DEFAULT_ENGINE = "auto"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A recipe to run, with everything that the user chose."""

    recipe: Recipe
    parameters: Mapping[str, Any]  # a value for every parameter
    overrides: Mapping[str, Any]  # the values that the user gave
    # The run's folder; the folder against which relative paths among the parameters are resolved. Absolute.
    workdir: Path
    base: Path
    # Source and engine as the user wrote them.
    source_text: str = DEFAULT_SOURCE
    engine_text: str = DEFAULT_ENGINE

    @property
    def source_name(self) -> str:
        """Return the name of the source without its folder or settings."""
        return self.source_text.partition(":")[0]

    @property
    def portable_source(self) -> str:
        """Return the source as it can be written in any folder."""
        name, colon, rest = self.source_text.partition(":")
        folder = self.base / Path(rest).expanduser()
        return f"{name}:{folder}" if colon and rest and folder.is_dir() else self.source_text

    @property
    def templates(self) -> tuple[Path, ...]:
        """Return the folders of templates: next to the recipe, next to its folder, and the shipped one."""
        here = self.recipe.path.resolve().parent
        return here / "templates", here.parent / "templates", here, data_folder("templates")

    @property
    def secrets(self) -> frozenset[str]:
        """Return the values of secret parameters."""
        return frozenset(text for name in self.secret_names for text in texts_of(self.parameters[name]))

    @property
    def secret_names(self) -> frozenset[str]:
        """Return the names of secret parameters."""
        return frozenset(name for name, parameter in self.recipe.parameters.items() if parameter.secret)

    @property
    def public_parameters(self) -> dict[str, Any]:
        """Return the parameters, the values of secret ones masked."""
        return {
            name: MASK if self.recipe.parameters[name].secret and value is not None else value
            for name, value in self.parameters.items()
        }

    def in_workdir(self, workdir: Path) -> RunRequest:
        """Return the same request for another work directory."""
        return replace(self, workdir=workdir.resolve() if ".." in workdir.parts else workdir.absolute())


def make_request(
    recipe: Recipe,
    overrides: Mapping[str, Any],
    *,
    workdir: Path,
    base: Path,
    source: str = DEFAULT_SOURCE,
    engine: str = DEFAULT_ENGINE,
) -> RunRequest:
    """Return a request after checking everything that can be checked before a run.

    Parameters
    ----------
    recipe : Recipe
        The recipe as loaded.
    overrides : mapping
        Parameters as the user gave them, typed or as text.
    workdir, base, source, engine
        As the attributes of `RunRequest`.

    Raises
    ------
    RecipeError
        With all errors in the recipe, in the values of its parameters and in its templates.
    ParameterError
        With all errors, if only the values of parameters are wrong.
    """
    parameters = verify(recipe, load_registry(), overrides)
    chosen = {name: parameters[name] for name in overrides}
    return RunRequest(recipe, parameters, chosen, workdir.absolute(), base.absolute(), source, engine)


def actions_of(recipe: Recipe) -> dict[str, Action]:
    """Return the actions that a recipe and its parts use."""
    registry = load_registry()
    return {name: registry[name] for name in sorted(_used(recipe))}


def executed(recipe: Recipe, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the steps that execute a command or code of the recipe's author, with that command or code."""
    registry = load_registry()
    for step in recipe.steps:
        if step.part is not None:
            yield from executed(step.part, f"{prefix}{step.id}/")
            continue
        action = registry.get(step.uses)
        if action is not None and action.executes is not None:
            yield f"{prefix}{step.id}", action.executes(step.with_)


def _used(recipe: Recipe) -> set[str]:
    found = set()
    for step in recipe.steps:
        found |= {step.uses} if step.part is None else _used(step.part)
    return found
