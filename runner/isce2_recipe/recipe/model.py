"""A recipe as frozen values, each with its place in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from isce2_recipe.problems import DataPath, Mark
from isce2_recipe.recipe.document import Document


class Parameter(NamedTuple):
    """A value that a user may set."""

    name: str
    schema: Mapping[str, Any]  # JSON Schema with every ``$ref`` filled in
    required: bool  # whether the recipe does not run without it
    mark: Mark  # where its name is written

    @property
    def types(self) -> tuple[str, ...]:
        """Return the JSON types that a value may have; empty means any."""
        types = self.schema.get("type", ())
        return (types,) if isinstance(types, str) else tuple(types)

    @property
    def has_default(self) -> bool:
        """Return whether there is a value if the user gives none."""
        return "default" in self.schema

    @property
    def default(self) -> Any:
        """Return the value if the user gives none; None if there is no default."""
        return self.schema.get("default")

    @property
    def description(self) -> str:
        """Return the help for the user."""
        return str(self.schema.get("description", ""))

    @property
    def choices(self) -> tuple[Any, ...]:
        """Return the allowed values if they are listed; for a list, those of its items."""
        return tuple(self.schema.get("enum", ()) or self.schema.get("items", {}).get("enum", ()))

    @property
    def is_list(self) -> bool:
        """Return whether it takes several values."""
        return "array" in self.types

    @property
    def secret(self) -> bool:
        """Return whether its value is never shown."""
        return bool(self.schema.get("secret", False))


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try a step again."""

    count: int | str = 0  # attempts after the first; text is an expression
    # Wait before the first retry (seconds, ``30 s``, an expression); each later wait is twice as long.
    backoff: float | str = 5.0
    # Kinds of failure: ``source``, ``engine``, ``timeout``, ``crash``; text is an expression.
    on: list[str] | str = field(default_factory=lambda: ["source"])


@dataclass(frozen=True, slots=True)
class Step:
    """One step, its expressions not yet evaluated."""

    id: str  # unique within its recipe
    uses: str  # an action's name or a part's file
    with_: Mapping[str, Any]  # inputs of the action or parameters of the part
    when: bool | str  # a truth value or an expression; True where none is written
    needs: tuple[str, ...]  # steps to wait for beyond those the references show
    folder: str | None  # shared folder the step works in, in place
    timeout: float | str | None  # seconds, ``2h``, or an expression
    retry: Retry  # no retries where none are written
    resources: Mapping[str, float | str]  # ``cpus``, ``memory``, ``disk``: numbers, ``8 GB``, or expressions
    summary: str  # what it is for
    index: int  # position in the recipe's list of steps
    mark: Mark  # where its id is written
    part: Recipe | None = None  # the recipe behind ``uses: parts/x.yml``
    # The items for which the step is repeated; text is an expression. None where it runs once.
    for_each: list[Any] | str | None = None
    item: str = "item"  # the name of an item in the step's expressions
    key: str | None = None  # text with expressions that names the instance of an item; None for the default
    keep_going: bool = False  # whether others run after this one has failed
    partial: bool = False  # whether it runs although instances of a loop that it reads have failed
    min_done: int | str | None = None  # how many instances must be done: a number, ``90 %``, or an expression

    @property
    def path(self) -> DataPath:
        """Return its path in the document, for ``Recipe.mark``."""
        return ("steps", self.index)


class Recipe(NamedTuple):
    """A recipe with a correct grammar."""

    name: str
    path: Path
    summary: str
    documentation: Mapping[str, Any]  # description, references, authors, maintainers, license, keywords
    parameters: Mapping[str, Parameter]  # by name, in the order written
    required: tuple[str, ...]  # parameters without which it does not run
    variables: Mapping[str, Any]  # values with expressions, to be evaluated in order
    steps: tuple[Step, ...]  # in the order written, which need not be the order they run in
    outputs: Mapping[str, Any]  # values with expressions
    document: Document  # the text, with the place of everything in it
    by_id: Mapping[str, Step]  # the steps by id
    # Texts of all its parts and of the files it takes parameters over from, by the names problems use.
    sources: Mapping[str, str]
    depth: int  # number of levels of parts, its own included
    unfolded: int  # number of its steps with all parts unfolded

    def mark(self, *path: str | int) -> Mark:
        """Return the place of the value that the keys and indices lead to."""
        return self.document.mark(path)

    def key_mark(self, *path: str | int) -> Mark:
        """Return the place of the key of that value."""
        return self.document.key_mark(path)

    def step(self, name: str) -> Step | None:
        """Return the step of that id."""
        return self.by_id.get(name)

    def texts(self) -> dict[str, str]:
        """Return its own text and those of all files it is made of, by the names problems use."""
        return {self.document.file: self.document.text, **self.sources}
