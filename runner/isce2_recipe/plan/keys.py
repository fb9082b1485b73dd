"""Content keys: everything a step's outputs depend on, as one fingerprint that can be explained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

from isce2_recipe.actions.base import Action, Question, Read
from isce2_recipe.errors import InputError, RecipeToolError
from isce2_recipe.journal.files import Fingerprints, Manifest, json_digest, tree_digest
from isce2_recipe.journal.values import coerce
from isce2_recipe.plan.nodes import Node, prefixes
from isce2_recipe.recipe.type_system import fits, words
from isce2_recipe.recipe.violations import show

_MISSING = "(not there)"


@dataclass(frozen=True, slots=True)
class Key:
    """A step's content key."""

    digest: str
    parts: Mapping[str, Any]  # everything it was made of, as JSON, without secrets
    inputs: Mapping[str, Any]  # the arguments of the action
    files: tuple[Path, ...]  # files among the inputs whose content is part of the key


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a key that differs from an earlier key."""

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.name}: {_show(self.before)} -> {_show(self.after)}"


def _show(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return the parts in which two keys differ."""
    old, new = dict(values_with_paths(before)), dict(values_with_paths(after))
    return [
        Change(name, old.get(name, _MISSING), new.get(name, _MISSING))
        for name in sorted({*old, *new})
        if old.get(name, _MISSING) != new.get(name, _MISSING)
    ]


def values_with_paths(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the leaves of a JSON value with their dotted paths, to compare two values."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            for path, leaf in values_with_paths(item):
                yield (f"{key}.{path}" if path and not path.startswith("[") else f"{key}{path}"), leaf
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            for path, leaf in values_with_paths(item):
                yield (f"[{index}].{path}" if path and not path.startswith("[") else f"[{index}]{path}"), leaf
    else:
        yield "", value


@dataclass(frozen=True, slots=True)
class KeyContext:
    """Everything but the steps themselves on which content keys depend."""

    # The run's folder; the folder against which relative paths among the parameters are resolved.
    workdir: Path
    base: Path
    templates: tuple[Path, ...]  # folders of templates
    fingerprints: Fingerprints  # fingerprints of files
    # Return the source's fingerprint, and the engine's name and version.
    source: Callable[[], str]
    engine: Callable[[], str]
    read: Read  # reads a text on which a key depends
    # Returns the files of the source that an action uses.
    contents: Callable[[Mapping[str, Sequence[str]] | None], list[Path]]
    hide: Callable[[dict[str, Any]], dict[str, Any]]  # removes secrets from the parts of a key
    # Returns the answer of a program to the question of a step; in a plan, the answer in the last run.
    ask: Callable[[str, Question], str]


def make(
    node: Node,
    given: Mapping[str, Any],
    context: KeyContext,
    states: Mapping[str, Manifest],
    folder: Manifest | None,
    missing: Mapping[str, Sequence[str]],
) -> Key:
    """Return the key of a step whose inputs are known.

    Parameters
    ----------
    node : Node
        The step.
    given : mapping
        The values of its ``with:``.
    context : KeyContext
        Everything else on which the key depends.
    states : mapping
        For each shared folder that it reads: the files that the steps before it promise, by path.
    folder : mapping or None
        The same for the shared folder in which it works.
    missing : mapping
        Keys of the failed instances of the loops that it reads.

    Raises
    ------
    InputError
        If an input file is missing.
    """
    inputs = complete(node, given, context.base)
    describe = _Describe(context, states)
    counted = file_inputs(node.action)
    described = {
        name: describe(value, name in counted, f"{name} of step {node.id}") for name, value in inputs.items()
    }
    parts: dict[str, Any] = {"action": f"{node.action.name} v{node.action.version}", "inputs": described}
    if node.action.fingerprint is not None:
        parts["also"] = node.action.fingerprint(inputs, context.templates, context.read)
    question = None if node.action.asks is None else node.action.asks(inputs)
    if question is not None:
        parts["version"] = context.ask(node.id, question)
    if "source" in node.action.uses:
        parts["source"] = context.source()
        files = context.contents(None if node.action.takes is None else node.action.takes(inputs))
        if files:
            parts["taken"] = describe(files, True, f"source of step {node.id}")
    if "engine" in node.action.uses:
        parts["engine"] = context.engine()
    if folder is not None:
        parts["folder"] = {"name": node.folder, "before": tree_digest(folder)}
    if missing:
        parts["missing"] = {loop: list(names) for loop, names in missing.items()}
    return Key(json_digest(parts), context.hide(parts), inputs, tuple(describe.files))


def complete(node: Node, given: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return inputs with the types of the action's signature and with its defaults."""
    found = {}
    for name, parameter in node.action.inputs.items():
        if name in given:
            found[name] = coerce(given[name], parameter.annotation, base)
            if given[name] is not None and not fits(found[name], parameter.annotation):
                what = f"step {node.id}: the input '{name}' must be {words(parameter.annotation)}"
                raise InputError(f"{what}, instead got {show(given[name])}")
        elif parameter.default is ...:
            continue  # known to the function alone
        elif parameter.default is not parameter.empty:
            found[name] = parameter.default
        else:
            raise InputError(f"step {node.id}: the input '{name}' is missing")
    return found


@cache
def file_inputs(action: Action) -> frozenset[str]:
    """Return the inputs that are files whose content is part of the key."""
    return frozenset(name for name, parameter in action.inputs.items() if _is_file(parameter.annotation))


def _is_file(annotation: Any) -> bool:
    return annotation is Path or any(_is_file(inner) for inner in get_args(annotation))


class _Describe:
    """Writes values as parts of a key: files by name and, where it matters, by content."""

    def __init__(self, context: KeyContext, states: Mapping[str, Manifest]) -> None:
        self._context = context
        self._states = states
        self.files: list[Path] = []

    def __call__(self, value: Any, content: bool, what: str) -> Any:
        if isinstance(value, Path):
            return self._file(value, content, what)
        if isinstance(value, list | tuple):
            return [self(item, content, what) for item in value]
        if isinstance(value, Mapping):
            return {str(key): self(item, content, what) for key, item in value.items()}
        if value is None or isinstance(value, str | int | float | bool):
            return value
        return str(value)

    def _file(self, path: Path, content: bool, what: str) -> Any:
        workdir = self._context.workdir
        inside = path.is_relative_to(workdir)
        name = str(path.relative_to(workdir)) if inside else path.name
        if not content:
            return {"file": name if inside else str(path)}
        self.files.append(path)
        try:
            return {"file": name, "content": self._promised(name) or self._context.fingerprints.content(path)}
        except RecipeToolError as exc:
            hint = exc.hint or f"give its absolute path, or its path relative to {self._context.base}"
            raise InputError(f"{what}: {exc.message}", hint=hint) from exc

    def _promised(self, name: str) -> str | None:
        """Return the content that earlier steps promise for a file of a shared folder, or None."""
        state = next((self._states[one] for one in prefixes(name) if one in self._states), None)
        if state is None:
            return None
        if name in state and state[name].digest != "folder":
            return state[name].digest
        below = {key[len(name) + 1 :]: entry for key, entry in state.items() if key.startswith(f"{name}/")}
        return tree_digest(below) if below else None
