"""Parameters that a recipe takes over from parts: ``parameters_from``.

A recipe with taken-over parameters becomes the same recipe written out: each declaration stands among the
recipe's own, and the steps that use parts pass it on. Nothing else in the program knows the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from isce2_recipe.problems import DataPath, Problem, suggest
from isce2_recipe.recipe.document import Document, dump
from isce2_recipe.recipe.model import Recipe

KEY = "parameters_from"
_CHANGEABLE = ("description", "default", "enum", "examples")
"""What a recipe may change of a parameter that it takes over."""


class Entry(NamedTuple):
    """A well-formed entry of ``parameters_from``."""

    path: DataPath  # where it is in the document
    part: str  # the file, as written
    only: tuple[str, ...]  # the parameters to take over; empty for all that no step using the part sets
    but: tuple[str, ...]  # the parameters not to take over


def entries(document: Document) -> Iterator[Entry]:
    """Yield the entries of ``parameters_from``; the schema reports those that are not well-formed."""
    listed = document.data.get(KEY) if isinstance(document.data, dict) else None
    for index, item in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(item, dict) and isinstance(item.get("part"), str):
            yield Entry((KEY, index), item["part"], _names(item.get("only")), _names(item.get("except")))


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()


def write_out(
    document: Document, sources: Mapping[Entry, Recipe], parts: Mapping[int, Recipe]
) -> tuple[Document, list[Problem]]:
    """Return the document with the parameters it takes over written out, and what is wrong with them.

    Parameters
    ----------
    document : Document
        As written; its grammar need not be right.
    sources : mapping
        For each entry of ``parameters_from`` the part it names.
    parts : mapping
        Parts that the recipe's steps use, by the step's index.
    """
    writer = _Writer(document)
    for entry, part in sources.items():
        writer.take(entry, part, _set_by_steps(document, part, parts))
    return writer.written(parts), writer.problems


def self_contained(recipe: Recipe) -> str:
    """Return a recipe's text, with the parameters that it takes over written out."""
    taken = (KEY,) in recipe.document.nodes
    return dump(recipe.document.data) if taken else recipe.document.text


def _set_by_steps(document: Document, part: Recipe, parts: Mapping[int, Recipe]) -> set[str]:
    """Return the parameters that every step using a part sets itself."""
    steps = [document.data["steps"][index] for index, used in parts.items() if used.path == part.path]
    given = [set(step["with"]) for step in steps if isinstance(step.get("with"), dict)]
    return set.intersection(*given) if given else set()


class _Writer:
    """Collects the declarations that a document takes over."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        own = document.data.get("parameters")
        self.parameters: dict[str, Any] = dict(own) if isinstance(own, dict) else {}
        self.own = frozenset(self.parameters)
        self.taken: dict[str, DataPath] = {}
        self.required: list[str] = []

    def take(self, entry: Entry, part: Recipe, set_by_steps: set[str]) -> None:
        """Take over what one entry names."""
        for name, path in self._chosen(entry, part, set_by_steps):
            if name in self.taken:
                what = f"parameter '{name}' is taken over from two parts"
                self._report(path, what, "list it under `except` in one of the entries", key=False)
                continue
            self.taken[name] = path
            own = self.parameters.pop(name, {})  # so that it stands where the part has it
            if isinstance(own, dict):
                self._check_change(name, own, part)
                self.parameters[name] = {**part.document.data["parameters"][name], **own}
                if name in part.required and "default" not in self.parameters[name]:
                    self.required.append(name)

    def _chosen(self, entry: Entry, part: Recipe, set_by_steps: set[str]) -> Iterator[tuple[str, DataPath]]:
        """Yield the parameters that an entry takes over, each with its place; report unknown names."""
        places = {name: (*entry.path, "only", index) for index, name in enumerate(entry.only)}
        listed = places | {name: (*entry.path, "except", index) for index, name in enumerate(entry.but)}
        for name, path in listed.items():
            if name not in part.parameters:
                what = f"{entry.part} has no parameter '{name}'"
                suggestion = suggest(name, part.parameters)
                self.problems.append(
                    self.document.problem(path, "IR021", what, suggestion=suggestion, names=(name,))
                )
        for name in part.parameters:
            wanted = name in places if places else name not in set_by_steps
            if wanted and name not in entry.but:
                yield name, places.get(name, (*entry.path, "part"))

    def _check_change(self, name: str, own: Mapping[str, Any], part: Recipe) -> None:
        """Report a recipe that changes more of a parameter than it may."""
        more = [key for key in own if key not in _CHANGEABLE]
        if more:
            what = f"parameter '{name}' is taken over from {part.path.name}, so '{more[0]}' cannot be changed"
            advice = f"change {', '.join(_CHANGEABLE)} only, or declare it alone: except: [{name}]"
            self._report(("parameters", name, more[0]), what, advice, key=True)

    def _report(self, path: DataPath, what: str, advice: str, *, key: bool) -> None:
        self.problems.append(self.document.problem(path, "IR003", what, key=key, advice=advice))

    def written(self, parts: Mapping[int, Recipe]) -> Document:
        """Return the document with all that was taken over."""
        written: dict[str, Any] = {}
        for key, value in self.document.data.items():
            if key in ("parameters", KEY):
                written["parameters"] = self.parameters
            else:
                written[key] = value
        required, steps = written.get("required"), written.get("steps")
        if self.required and (required is None or isinstance(required, list)):
            written["required"] = [*(required or ()), *self.required]
        if isinstance(steps, list):
            written["steps"] = [
                self._passing(step, parts[index]) if index in parts else step
                for index, step in enumerate(steps)
            ]
        nodes = dict(self.document.nodes)
        for name, path in self.taken.items():
            if name not in self.own and path in nodes:
                nodes["parameters", name] = (None, nodes[path][1])
        return self.document.with_data(written, nodes)

    def _passing(self, step: dict[str, Any], part: Recipe) -> dict[str, Any]:
        """Return a step that passes taken-over parameters on by their names."""
        given = step.get("with", {})
        if not isinstance(given, dict):
            return step
        passed = {
            name: f"{{{{ {name} }}}}" for name in part.parameters if name in self.taken and name not in given
        }
        return {**step, "with": {**given, **passed}} if passed else step
