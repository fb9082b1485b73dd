"""A recipe as frozen values, each with its place in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from isce2_recipe.problems import DataPath, Mark
from isce2_recipe.recipe.document import Document


class Parameter(NamedTuple):
    """A value that a user may set.

    Attributes
    ----------
    name : str
        As written in expressions.
    schema : Mapping
        JSON Schema with every ``$ref`` filled in.
    required : bool
        Whether the recipe does not run without it.
    mark : Mark
        Where its name is written.
    """

    name: str
    schema: Mapping[str, Any]
    required: bool
    mark: Mark

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
    """How often to try a step again.

    Attributes
    ----------
    count : int or str
        Attempts after the first; text is an expression.
    backoff : float or str
        Wait before the first retry (seconds, ``30 s``, an expression); each later wait is twice as long.
    on : list of str, or str
        Kinds of failure: ``source``, ``engine``, ``timeout``, ``crash``; text is an expression.
    """

    count: int | str = 0
    backoff: float | str = 5.0
    on: list[str] | str = field(default_factory=lambda: ["source"])


@dataclass(frozen=True, slots=True)
class Step:
    """One step, its expressions not yet evaluated.

    Attributes
    ----------
    id : str
        Unique within its recipe.
    uses : str
        An action's name or a part's file.
    with_ : Mapping
        Inputs of the action or parameters of the part.
    when : bool or str
        A truth value or an expression; True where none is written.
    needs : tuple of str
        Steps to wait for beyond those the references show.
    folder : str or None
        Shared folder the step works in, in place.
    timeout : float, str or None
        Seconds, ``2h``, or an expression.
    retry : Retry
        No retries where none are written.
    resources : Mapping
        ``cpus``, ``memory``, ``disk``: numbers, ``8 GB``, or expressions.
    summary : str
        What it is for.
    index : int
        Position in the recipe's list of steps.
    mark : Mark
        Where its id is written.
    part : Recipe or None
        The recipe behind ``uses: parts/x.yml``.
    for_each : list, str or None
        The items for which the step is repeated; text is an expression. None where it runs once.
    item : str
        The name of an item in the step's expressions.
    key : str or None
        Text with expressions that names the instance of an item; None for the default.
    keep_going : bool
        Whether others run after this one has failed.
    partial : bool
        Whether it runs although instances of a loop that it reads have failed.
    min_done : int, str or None
        How many instances must be done: a number, ``90 %``, or an expression.
    """

    id: str
    uses: str
    with_: Mapping[str, Any]
    when: bool | str
    needs: tuple[str, ...]
    folder: str | None
    timeout: float | str | None
    retry: Retry
    resources: Mapping[str, float | str]
    summary: str
    index: int
    mark: Mark
    part: Recipe | None = None
    for_each: list[Any] | str | None = None
    item: str = "item"
    key: str | None = None
    keep_going: bool = False
    partial: bool = False
    min_done: int | str | None = None

    @property
    def path(self) -> DataPath:
        """Return its path in the document, for ``Recipe.mark``."""
        return ("steps", self.index)


class Recipe(NamedTuple):
    """A recipe with a correct grammar.

    Attributes
    ----------
    name, summary : str
        As written.
    path : Path
        The file.
    documentation : Mapping
        description, references, authors, maintainers, license, keywords.
    parameters : Mapping
        By name, in the order written.
    required : tuple of str
        Parameters without which it does not run.
    variables : Mapping
        Values with expressions, to be evaluated in order.
    steps : tuple of Step
        In the order written, which need not be the order they run in.
    outputs : Mapping
        Values with expressions.
    document : Document
        The text, with the place of everything in it.
    by_id : Mapping
        The steps by id.
    sources : Mapping
        Texts of all its parts and of the files it takes parameters over from, by the names problems use.
    depth : int
        Number of levels of parts, its own included.
    unfolded : int
        Number of its steps with all parts unfolded.
    """

    name: str
    path: Path
    summary: str
    documentation: Mapping[str, Any]
    parameters: Mapping[str, Parameter]
    required: tuple[str, ...]
    variables: Mapping[str, Any]
    steps: tuple[Step, ...]
    outputs: Mapping[str, Any]
    document: Document
    by_id: Mapping[str, Step]
    sources: Mapping[str, str]
    depth: int
    unfolded: int

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
