"""Functions of a user's Python file: parameters and results, read from its text without importing it."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Any, Literal

from isce2_recipe.errors import InputError
from isce2_recipe.problems import did_you_mean
from isce2_recipe.recipe import type_system

CONTEXT = "ctx"
"""The parameter that receives the step's context, as in actions."""

RESULT = "result"
"""The name of the output of a function that returns one value."""

GIVEN_BY_FUNCTION = ...
"""The default of a parameter whose own default is no constant: the function is called without it."""

_MOST_FILES = 100
_MOST_TYPES = 1000  # names and brackets in the annotations of a function
_TYPES: dict[str, Any] = {
    "str": str, "int": int, "float": float, "bool": bool, "object": Any, "typing.Any": Any, "None": None,
    "pathlib.Path": Path, "list": list[Any], "dict": dict[str, Any], "tuple": list[Any],
}  # fmt: skip
_LISTS = ("list", "tuple", "typing.List", "typing.Tuple", "typing.Sequence", "typing.Iterable")
_MAPPINGS = ("dict", "typing.Dict", "typing.Mapping")

_CODING = re.compile(r"^([ \t\f]*#.*?coding[:=][ \t]*)[-\w.]+", re.MULTILINE)  # as PEP 263 defines it


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a user's file."""

    # What a step gives it, with types; `GIVEN_BY_FUNCTION` in place of defaults that are no constants.
    parameters: Mapping[str, Parameter]
    # Types of its outputs by name: the fields of the dataclass that it returns, or `RESULT`.
    outputs: Mapping[str, Any]
    takes_context: bool  # whether its first parameter is `CONTEXT`
    line: int


def decoded(data: bytes, name: str) -> str:
    """Return the text of a file in the encoding that its first lines state, as Python reads it.

    A copy of the text in UTF-8 means the same: its line about the encoding then states UTF-8.
    Raise InputError if the file is no text in that encoding.
    """
    try:
        encoding, lines = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeError):
        raise InputError(
            f"{name} is not a text in UTF-8, or in the encoding that its first lines state"
        ) from None
    if encoding.startswith("utf-8") or text.isascii():
        return text
    head = data[: sum(map(len, lines))].decode(encoding)
    return _CODING.sub(r"\1utf-8", head) + text[len(head) :]


def parse(text: str, name: str) -> ast.Module:
    """Return the syntax tree of a file that a stranger may have written.

    Raise InputError if it is no Python, or nested too deeply.
    """
    try:
        return ast.parse(text, name)
    except SyntaxError as exc:
        raise InputError(f"{name}:{exc.lineno or 1}: {exc.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise InputError(
            f"{name} cannot be read as Python: it is nested too deeply or has NUL bytes"
        ) from None


def find_function(tree: ast.Module, name: str, file: str) -> Function:
    """Return a function of a file.

    Raise InputError if there is none of that name, or a step cannot call it.
    """
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if name not in functions:
        others = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        other = next((node for node in others if node.name == name), None)
        if other is not None:
            kind = "async" if isinstance(other, ast.AsyncFunctionDef) else "inside of another statement"
            raise InputError(
                f"{file}:{other.lineno}: the function '{name}' is {kind}, so a step cannot call it",
                hint="only plain functions ('def', not 'async def') at the top level of the file count",
            )
        raise InputError(f"{file} has no function '{name}'", hint=did_you_mean(name, functions))
    node, types = functions[name], _Types(tree)
    positional, named = node.args.args, node.args.kwonlyargs
    takes_context = bool(positional) and positional[0].arg == CONTEXT
    if node.args.posonlyargs or node.args.vararg or node.args.kwarg:
        raise InputError(
            f"{file}:{node.lineno}: '{name}' has parameters without a name of their own",
            hint="write them without / * and **, because a step gives each of them by its name",
        )
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.args.defaults))
    pairs = [*zip(positional, [*defaults, *node.args.defaults], strict=True)][takes_context:]
    pairs += zip(named, node.args.kw_defaults, strict=True)
    try:
        parameters = {one.arg: _parameter(one, default, types) for one, default in pairs}
        return Function(parameters, types.outputs(node.returns), takes_context, node.lineno)
    except RecursionError:
        what = f"{file}:{node.lineno}: the annotations of '{name}' are nested too deeply"
        raise InputError(what) from None


def _parameter(one: ast.arg, default: ast.expr | None, types: _Types) -> Parameter:
    value: Any = Parameter.empty
    if default is not None:
        try:
            value = ast.literal_eval(default)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            value = GIVEN_BY_FUNCTION
        if not (value is None or isinstance(value, str | int | float | bool)):
            value = GIVEN_BY_FUNCTION
    return Parameter(one.arg, Parameter.KEYWORD_ONLY, default=value, annotation=types.of(one.annotation))


class _Types:
    """The types that annotations of a file mean; Any where that is not known."""

    def __init__(self, tree: ast.Module) -> None:
        self._left = _MOST_TYPES
        self._imported = dict(_imported_names(tree))
        self._assigned = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        self._classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def outputs(self, annotation: ast.expr | None) -> dict[str, Any]:
        """Return the types of the outputs by name, from the annotation of what a function returns."""
        if isinstance(annotation, ast.Constant) and annotation.value is None:
            return {}
        kind = self._classes.get(self._name(_unquoted(annotation)))
        if kind is not None and _has_fields(kind):
            return self._fields(kind, set())
        return {RESULT: self.of(annotation)}

    def _fields(self, kind: ast.ClassDef, seen: set[str]) -> dict[str, Any]:
        """Return the types of the fields of a class, and before them those that it inherits."""
        found: dict[str, Any] = {}
        seen.add(kind.name)
        for base in reversed(kind.bases):
            above = self._classes.get(self._name(base))
            if above is not None and above.name not in seen:
                found |= self._fields(above, seen)
        return found | {
            node.target.id: self.of(node.annotation)
            for node in kind.body
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }

    def of(self, annotation: ast.expr | None) -> Any:
        """Return the type that an annotation means."""
        node = _unquoted(annotation)
        self._left -= 1
        if node is None or self._left < 0:
            return Any
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return type_system.union([self._member(one) for one in (node.left, node.right)])
        if isinstance(node, ast.Subscript):
            return self._generic(self._name(node.value), node.slice)
        name = self._name(node)
        if name in self._assigned:
            return self.of(self._assigned[name])
        return _TYPES.get(name, Any)

    def _member(self, node: ast.expr) -> Any:
        found = self.of(node)
        return type_system.NONE if found is None else found

    def _generic(self, name: str, inner: ast.expr) -> Any:
        arguments = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        name = name.replace("collections.abc.", "typing.")
        if name in ("typing.Optional", "typing.Union"):
            more = [type_system.NONE] if name.endswith("Optional") else []
            return type_system.union([*(self._member(one) for one in arguments), *more])
        if name == "typing.Literal":
            choices = tuple(one.value for one in arguments if isinstance(one, ast.Constant))
            return Literal[choices] if len(choices) == len(arguments) else Any
        if name == "typing.Annotated":
            return self.of(arguments[0])
        if name in _LISTS:
            kinds = [one for one in arguments if not (isinstance(one, ast.Constant) and one.value is ...)]
            return type_system.list_of([self._member(one) for one in kinds])
        if name in _MAPPINGS and len(arguments) == 2:
            return dict[str, self._member(arguments[1])]  # type: ignore[misc]
        return Any

    def _name(self, node: ast.expr | None) -> str:
        """Return the complete name of a name or an attribute, such as ``pathlib.Path``."""
        if isinstance(node, ast.Attribute):
            return f"{self._name(node.value)}.{node.attr}"
        return self._imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def _unquoted(node: ast.expr | None) -> ast.expr | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return parse(node.value, "").body[0].value  # type: ignore[attr-defined, no-any-return]
        except (InputError, IndexError, AttributeError):
            return None
    return node


def _has_fields(kind: ast.ClassDef) -> bool:
    """Return whether a class is a dataclass or a named tuple."""
    marks = [ast.unparse(node) for node in (*kind.decorator_list, *kind.bases)]
    return any(mark.partition("(")[0].rpartition(".")[2] in ("dataclass", "NamedTuple") for mark in marks)


def _imported_names(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from ((one.asname or one.name, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((one.asname or one.name, f"{node.module}.{one.name}") for one in node.names)


def local_sources(folder: Path, module: str, read: Callable[[Path], str | None]) -> dict[str, str]:
    """Return the texts of a file and of all files of its folder that it imports, by relative path.

    A file ``helpers.py`` is imported as ``helpers``; of a folder ``helpers``, every file ``*.py`` counts.
    Names of the standard library mean the standard library.

    Parameters
    ----------
    folder : Path
        The folder of the recipe.
    module : str
        The file, relative to it.
    read : callable
        Returns the text of a file, None where there is no file.

    Raises
    ------
    InputError
        If the file is missing, or one of the files cannot be read.
    """
    home = Path(module).parent
    found: dict[str, str] = {}
    todo = [Path(module)]
    while todo:
        place = todo.pop()
        text = None if place.as_posix() in found else read(folder / place)
        if text is None:
            continue
        found[place.as_posix()] = text
        if len(found) > _MOST_FILES:
            raise InputError(f"{module} imports more than {_MOST_FILES} files")
        tree = parse(text, place.as_posix())
        for name in sorted(_top_names(tree, place.as_posix(), in_package=place.parent != home)):
            package = folder / home / name
            todo.append(home / f"{name}.py")
            inside = sorted(package.rglob("*.py"))[: _MOST_FILES + 1] if package.is_dir() else ()
            todo += [home / path.relative_to(folder / home) for path in inside]
    if Path(module).as_posix() not in found:
        raise InputError(f"there is no file '{module}' in the folder of the recipe")
    return found


def _top_names(tree: ast.Module, file: str, in_package: bool) -> Iterator[str]:
    """Yield the top-level modules that a file imports and that the standard library does not have."""
    for node in ast.walk(tree):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            if node.level and not in_package:
                raise InputError(
                    f"{file}:{node.lineno}: a relative import needs a package",
                    hint=f"write: import {node.module or node.names[0].name}",
                )
            names = [] if node.level else [node.module or ""]
        for name in names:
            top = name.partition(".")[0]
            if top and top not in sys.stdlib_module_names:
                yield top
