"""All actions by name: those of this package, and those of plug-ins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path

from isce2_recipe.actions.base import Action
from isce2_recipe.errors import InputError
from isce2_recipe.plugins import importing, plugins

GROUP = "isce2_recipe.actions"
"""Entry-point group: the subject as the name, the module with its actions as the value."""

_NOT_SUBJECTS = frozenset(("__init__", "base", "registry"))


class Registry(Mapping[str, Action]):
    """Actions by name. A module is imported when an action of its subject is first requested."""

    def __getitem__(self, name: str) -> Action:
        """Return the action of that name.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self.subject(name.partition(".")[0])[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all actions, sorted; this imports every module."""
        for subject in sorted({*self.builtin, *self.installed}):
            with suppress(InputError):
                yield from sorted(self.subject(subject))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @cached_property
    def builtin(self) -> frozenset[str]:
        """Subjects of this package."""
        files = Path(__file__).parent.glob("*.py")
        return frozenset(file.stem for file in files if file.stem not in _NOT_SUBJECTS)

    @cached_property
    def installed(self) -> dict[str, str]:
        """Modules of other packages by subject. They cannot replace a subject of this package."""
        return {name: point.value for name, point in plugins(GROUP).items() if name not in self.builtin}

    def subject(self, subject: str) -> dict[str, Action]:
        """Return the actions of one subject by name; none if the subject is unknown.

        Raises
        ------
        InputError
            If another package has the subject but cannot be imported.
        """
        if subject in self.builtin:
            return _actions(subject, f"isce2_recipe.actions.{subject}")
        if subject not in self.installed:
            return {}
        with importing(f"the actions '{subject}'", self.installed[subject]):
            return _actions(subject, self.installed[subject])


@cache
def _actions(subject: str, module: str) -> dict[str, Action]:
    """Return the actions of a subject that a module defines, by name."""
    found = [value for value in vars(import_module(module)).values() if isinstance(value, Action)]
    return {action.name: action for action in found if action.name.startswith(f"{subject}.")}


def load_registry() -> Registry:
    """Return the known actions; modules are imported when they are needed."""
    return Registry()
