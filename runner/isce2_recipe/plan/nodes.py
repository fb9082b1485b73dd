"""Steps as nodes of a graph: their ids, folders and scopes, and the instances of loops."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from isce2_recipe.actions.base import Action
from isce2_recipe.expressions import references
from isce2_recipe.recipe.items import safe_key
from isce2_recipe.recipe.model import Recipe, Step

_WRITTEN_KEY = re.compile(r"\[(.+?)\](?=/|$)", re.DOTALL)  # as a user writes it
_KEY = re.compile(r"\[([A-Za-z0-9_][A-Za-z0-9._+=@-]*)?\]")


class Instance(NamedTuple):
    """One repetition of a looped step."""

    loop: str  # id of the loop
    name: str  # the name of the item in expressions
    key: str  # the name of the instance, unique in the loop
    value: Any  # the item

    @property
    def id(self) -> str:
        """Return ``pairs[KEY]``."""
        return f"{self.loop}[{self.key}]"


def place_of(step: str) -> str:
    """Return the folder of a step relative to the work directory: ``pairs/KEY`` for ``pairs[KEY]``."""
    return _KEY.sub(lambda found: f"/{found[1] or ''}", step) if "[" in step else step


def kind_of(step: str) -> str:
    """Return a step's id without the keys of its instances: the same for all instances of a loop."""
    return _KEY.sub("", step) if "[" in step else step


def with_ids(name: str) -> str:
    """Return a step's name in which the text of an item's key may stand for the id of its instance."""
    return _WRITTEN_KEY.sub(lambda found: f"[{safe_key(found[1])}]", name) if "[" in name else name


def loops_around(step: str) -> list[str]:
    """Return the ids of the loops around a step, the outermost first."""
    return [step[: found.start()] for found in _KEY.finditer(step)]


def prefixes(name: str) -> list[str]:
    """Return an id or path together with those of all parts, instances and folders around it."""
    parts = name.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


@dataclass(frozen=True, slots=True)
class StepScope:
    """The recipe whose names the expressions of a step see: the requested one, or a part of it in use."""

    recipe: Recipe  # the recipe or part itself
    # Prefix of the ids of its steps: empty, or ``mask/`` for the part that step ``mask`` uses.
    prefix: str = ""
    outer: StepScope | None = None  # the scope of the recipe that uses the part
    via: Step | None = None  # the outer recipe's step that uses the part
    item: Instance | None = None  # the instance whose item the expressions see as well
    base: str = ""  # prefix of the shared folders of its steps: empty, or ``pairs/KEY/`` for a part in a loop

    def inner(self, step: Step, part: Recipe) -> StepScope:
        """Return the scope of a part that one of its steps uses; for a loop, that of one instance."""
        item = self.item if step.for_each is not None else None
        name = self.prefix + step.id if item is None else item.id
        return StepScope(
            part, f"{name}/", self, step, None, self.base if item is None else f"{place_of(name)}/"
        )

    @property
    def home(self) -> StepScope | None:
        """Return the innermost scope, of this and its outer ones, that is of a part in a loop."""
        scope: StepScope | None = self
        while scope is not None and (scope.outer is None or scope.outer.item is None):
            scope = scope.outer
        return scope

    @property
    def instances(self) -> list[Instance]:
        """Return the instances of loops that it belongs to, the outermost first."""
        outer = [] if self.outer is None else self.outer.instances
        return outer if self.item is None else [*outer, self.item]

    def with_item(self, item: Instance) -> StepScope:
        """Return the scope of one instance of a loop."""
        return replace(self, item=item)

    def with_variables(self, names: Iterable[str]) -> frozenset[str]:
        """Return some names together with the names that the variables among them are derived from."""
        found, left = set[str](), list(names)
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += references(self.recipe.variables.get(name)).names
        return frozenset(found)


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A step that uses an action, or a loop; parts are unfolded."""

    # ``dem``, ``mask/multilook`` for a step of a part, ``pairs[KEY]`` for an instance of a loop. The loop
    # itself, ``pairs``, is a node too: it stands for the instances until they are known, and afterwards waits
    # for them and gathers their outputs.
    id: str
    step: Step  # the step as the recipe writes it
    action: Action  # the action that it uses; for a loop, one that is never called
    scope: StepScope  # the scope of its expressions
    index: tuple[int, ...]  # position in the recipe with all parts unfolded
    reads: frozenset[str]  # ids of the steps on whose outputs it depends
    is_loop: bool = False  # whether it is a loop rather than one of its instances

    @property
    def folder(self) -> str | None:
        """Return the shared folder in which the step works, or None."""
        return None if self.step.folder is None or self.is_loop else self.scope.base + self.step.folder

    @property
    def place(self) -> str:
        """Return the folder of its own, relative to the work directory."""
        return place_of(self.id)

    @property
    def uses(self) -> str:
        """Return the action or part that it uses."""
        return self.step.uses

    @property
    def summary(self) -> str:
        """Return what it is for."""
        if self.is_loop and self.step.part is not None:
            return self.step.summary or self.step.part.summary
        return self.step.summary or self.action.summary

    @property
    def instances(self) -> list[Instance]:
        """Return the instances of loops that it belongs to, the outermost first."""
        return self.scope.instances

    def around(self) -> Iterator[Step]:
        """Yield the step, and the steps of outer recipes that use the parts it belongs to."""
        return (step for step, _ in self.scopes())

    def scopes(self) -> Iterator[tuple[Step, StepScope]]:
        """Yield the same steps with the scopes of their expressions."""
        step: Step | None = self.step
        scope: StepScope | None = self.scope
        while step is not None and scope is not None:
            yield step, scope
            step, scope = scope.via, scope.outer
