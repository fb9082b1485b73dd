"""Expressions of recipes and templates: Jinja2 in a sandbox without access to Python.

``{{ ... }}`` may read names, take items, compare, calculate and use the filters below. No attribute of a
Python object is ever read and nothing is called, so planning a stranger's recipe is safe.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from jinja2 import BaseLoader, StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

from isce2_recipe.errors import RecipeError, RecipeToolError
from isce2_recipe.problems import DataPath
from isce2_recipe.types import BurstName, Looks

FAILURES = (TypeError, ValueError, ArithmeticError, LookupError, RecursionError)  # that Python may raise
MAX_TEXT = 100_000
"""Longest text, in characters, that an expression may give."""

MAX_BITS = 4096
"""Largest whole number, in bits, that an expression may give."""

MAX_DEPTH = 100
"""Deepest nesting of an expression."""

_LOOP_FIELDS = frozenset(("index", "index0", "first", "last", "length"))
_PATH_FIELDS = frozenset(("name", "stem", "suffix", "parent"))
_KEPT_FILTERS = (
    "abs", "count", "default", "dictsort", "first", "float", "int", "join", "last", "length", "list", "lower",
    "max", "min", "reverse", "round", "sort", "string", "sum", "trim", "unique", "upper",
)  # fmt: skip
_PLAIN_CHAIN = re.compile(r"\s*\{\{-?\s*([a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)*)\s*-?\}\}\s*", re.ASCII)
_RESERVED = frozenset(
    ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else")
)
_WORD = re.compile(r"\{\{|\{%|\{#")


class ExpressionError(RecipeError):
    """An expression is wrong or cannot be evaluated.

    Attributes
    ----------
    path : tuple
        Keys and indices that lead from the evaluated value to the text at fault.
    text, word : str
        The text at fault, and the name in it, if a name is at fault.
    known : tuple of str
        The names that exist.
    """

    def __init__(
        self, message: str, *, text: str, path: DataPath = (), word: str = "", known: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.text = text
        self.path = path
        self.word = word
        self.known = known

    def at(self, path: DataPath, text: str) -> ExpressionError:
        """Return the same error for a text at a path."""
        return ExpressionError(self.message, text=text, path=path, word=self.word, known=self.known)


class Reference(NamedTuple):
    """A name that an expression reads, with its fields: ``steps.pair.swaths`` for example.

    Attributes
    ----------
    parts : tuple of str
        The name and the fields, as far as they are constants.
    path : tuple
        Keys and indices that lead from the value to the text of the expression.
    """

    parts: tuple[str, ...]
    path: DataPath = ()

    @property
    def text(self) -> str:
        """Return it as it is written, with dots."""
        return ".".join(self.parts)


class References:
    """Everything that a value's expressions read.

    Attributes
    ----------
    all : tuple of Reference
        Each occurrence with its place.
    """

    def __init__(self, found: tuple[Reference, ...]) -> None:
        self.all = found

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the parameters and variables."""
        return frozenset(ref.parts[0] for ref in self.all if ref.parts[0] not in ("steps", "run"))

    @cached_property
    def outputs(self) -> frozenset[tuple[str, str]]:
        """Return pairs of step and output; the output is empty if a step is read as a whole."""
        chains = [ref.parts for ref in self.all if ref.parts[0] == "steps" and len(ref.parts) > 1]
        return frozenset((chain[1], chain[2] if len(chain) > 2 else "") for chain in chains)

    @cached_property
    def run(self) -> frozenset[str]:
        """Return the facts of the run: ``source``, ``engine``."""
        return frozenset(ref.parts[1] for ref in self.all if ref.parts[0] == "run" and len(ref.parts) > 1)

    @cached_property
    def steps(self) -> frozenset[str]:
        """Return the steps whose outputs are read."""
        return frozenset(step for step, _ in self.outputs)


class _Environment(SandboxedEnvironment):
    """A sandbox in which a dot reads a field of a record and never a Python attribute."""

    intercepted_binops = frozenset(("*", "**", "%", "+"))

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._field(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str) and not isinstance(obj, Mapping):
            return self._field(obj, argument)
        try:
            return obj[argument]
        except (LookupError, TypeError):
            return self.undefined(f"there is no item {argument!r}", obj, argument)

    def _field(self, obj: Any, name: str) -> Any:
        if isinstance(obj, Undefined):
            raise UndefinedError(str(obj._undefined_message))
        if isinstance(obj, Mapping):
            if name in obj:
                return obj[name]
        elif name in _readable_fields(obj):
            return getattr(obj, name)
        known = list(obj) if isinstance(obj, Mapping) else []
        hint = f"; known are {', '.join(map(str, known))}" if known else ""
        return self.undefined(f"there is no '{name}' here{hint}", obj, name)

    def is_safe_callable(self, _obj: Any) -> bool:
        return False

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and not (_small(left) and _small(right)):
            raise SecurityError("the power is too large")
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise SecurityError("'*' multiplies numbers only")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("'%' is for numbers")
        result = super().call_binop(context, operator, left, right)
        return _checked(result)


def _checked(result: Any) -> Any:
    """Return the result, or raise SecurityError if it is too large."""
    if isinstance(result, str | list) and len(result) > MAX_TEXT:
        raise SecurityError("the result is too long")
    if isinstance(result, int) and result.bit_length() > MAX_BITS:
        raise SecurityError("the result is too large")
    return result


def _readable_fields(obj: Any) -> Collection[str]:
    """Return the names that a dot may read of an object that is not a mapping."""
    if is_dataclass(obj):
        return [field.name for field in fields(obj)]
    if isinstance(obj, PurePath):
        return _PATH_FIELDS
    return _LOOP_FIELDS if isinstance(obj, LoopContext) else ()


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _small(value: Any) -> bool:
    return _is_number(value) and abs(value) < 1000


def range_looks(text: str) -> int:
    """Return the looks in range: 20 of ``20x4``."""
    return Looks.parse(text).range


def azimuth_looks(text: str) -> int:
    """Return the looks in azimuth: 4 of ``20x4``."""
    return Looks.parse(text).azimuth


def pixel_size(text: str) -> int:
    """Return the pixel size of looks on the map, metres: 80 for ``20x4``."""
    return Looks.parse(text).pixel_m


def basename(path: str | Path) -> str:
    """Return the last part of a path."""
    return PurePath(path).name


def stem(path: str | Path) -> str:
    """Return the last part of a path without its extension."""
    return PurePath(path).stem


def burst_date(name: str) -> str:
    """Return the day of a burst name, as 2020-06-04."""
    return BurstName.parse(name).start.date().isoformat()


def burst_polarization(name: str) -> str:
    """Return the polarization of a burst name."""
    return BurstName.parse(name).polarization


def replace(text: str, old: str, new: str) -> str:
    """Return the text with every ``old`` replaced by ``new``."""
    if len(text) * (len(new) + 1) > MAX_TEXT:
        raise SecurityError("the result is too long")
    return str(text).replace(old, new)


FILTERS = {
    "replace": replace,
    "range_looks": range_looks,
    "azimuth_looks": azimuth_looks,
    "pixel_size": pixel_size,
    "basename": basename,
    "stem": stem,
    "burst_date": burst_date,
    "burst_polarization": burst_polarization,
}
"""Our own filters, next to those of Jinja2 that are kept."""

RETURNS: dict[str, Any] = {
    "range_looks": int, "azimuth_looks": int, "pixel_size": int, "basename": str, "stem": str,
    "burst_date": str, "burst_polarization": str, "count": int, "length": int, "int": int, "float": float,
    "string": str, "join": str, "lower": str, "upper": str, "replace": str, "trim": str,
}  # fmt: skip
"""Result types of filters that always give the same type."""


def environment(loader: BaseLoader | None = None) -> SandboxedEnvironment:
    """Return the sandbox that recipes and templates share.

    Parameters
    ----------
    loader : jinja2.BaseLoader, optional
        Source of templates and of what they include. Values in ``*.xml.j2`` are escaped.
    """
    made = _Environment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=_is_markup,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters = {name: made.filters[name] for name in _KEPT_FILTERS} | FILTERS
    made.globals = {}
    return made


def _is_markup(name: str | None) -> bool:
    """Return whether values in a template of this name need XML's escapes."""
    return name is not None and name.endswith((".xml.j2", ".html.j2", ".svg.j2"))


@lru_cache(maxsize=1)
def _shared() -> SandboxedEnvironment:
    return environment()


def has_expression(text: str) -> bool:
    """Return whether a text contains anything for Jinja2."""
    return "{" in text and _WORD.search(text) is not None


@lru_cache(maxsize=4096)
def parse(text: str) -> nodes.Template:
    """Return the syntax tree of a recipe's text.

    Raises
    ------
    ExpressionError
        If it is not an expression, uses a statement, a call or an unknown filter.
    """
    try:
        tree = _shared().parse(text)
        for node in _walk(tree, MAX_DEPTH):
            _allow(node, text)
    except TemplateSyntaxError as exc:
        raise ExpressionError(f"wrong expression: {exc.message}", text=text) from None
    except (RecursionError, ValueError):
        what = "the expression is nested too deeply, or a number in it is too long"
        raise ExpressionError(what, text=text) from None
    return tree


def _allow(node: nodes.Node, text: str) -> None:
    if isinstance(node, nodes.Stmt) and not isinstance(node, nodes.Output):
        raise ExpressionError("statements in {% %} belong in templates; use {{ }} here", text=text)
    if isinstance(node, nodes.Call):
        message = "nothing can be called in an expression; use a filter such as | length"
        raise ExpressionError(message, text=text)
    name = node.attr if isinstance(node, nodes.Getattr) else _constant_item(node)
    if isinstance(name, str) and name.startswith("__"):
        raise ExpressionError(f"'{name}' is Python's and cannot be read", text=text)
    if isinstance(node, nodes.Filter):
        _know(node.name, "filter", _shared().filters, text)
    if isinstance(node, nodes.Test):
        _know(node.name, "test", _shared().tests, text)


def _know(name: str, what: str, known: Collection[str], text: str) -> None:
    if name not in known:
        raise ExpressionError(f"there is no {what} '{name}'", text=text, word=name, known=tuple(known))


def _constant_item(node: nodes.Node) -> Any:
    is_constant = isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const)
    return node.arg.value if is_constant else None  # type: ignore[attr-defined]


def _walk(node: nodes.Node, depth: int) -> Iterator[nodes.Node]:
    if depth == 0:
        raise RecursionError
    for child in node.iter_child_nodes():
        yield child
        yield from _walk(child, depth - 1)


@lru_cache(maxsize=4096)
def plain_chain(text: str) -> tuple[str, ...] | None:
    """Return ``("a", "b", "c")`` for a text that is only ``{{ a.b.c }}``; None for any other.

    Most expressions are of this form, and need no parser.
    """
    match = _PLAIN_CHAIN.fullmatch(text)
    if match is None:
        return None
    chain = tuple(match[1].split("."))
    return None if chain[0] in _RESERVED else chain


@lru_cache(maxsize=4096)
def whole_expression(text: str) -> nodes.Expr | None:
    """Return the tree of the only expression of a text; None if there is other text next to it."""
    if not text.lstrip().startswith("{{"):
        return None
    body = parse(text.strip()).body
    if len(body) == 1 and isinstance(body[0], nodes.Output) and len(body[0].nodes) == 1:
        only = body[0].nodes[0]
        return None if isinstance(only, nodes.TemplateData) else only
    return None


def evaluate(value: Any, namespace: Mapping[str, Any]) -> Any:
    """Return the value with every expression in it replaced by its result.

    A text that is one whole expression becomes its result, of any type; in other texts results are inserted.

    Raises
    ------
    ExpressionError
        With the path to the text at fault.
    """
    return _evaluate(value, namespace, ())


def _evaluate(value: Any, namespace: Mapping[str, Any], path: DataPath) -> Any:
    if isinstance(value, str):
        return _evaluate_text(value, namespace, path) if has_expression(value) else value
    if isinstance(value, Mapping):
        return {key: _evaluate(item, namespace, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_evaluate(item, namespace, (*path, index)) for index, item in enumerate(value)]
    return value


def _evaluate_text(text: str, namespace: Mapping[str, Any], path: DataPath) -> Any:
    try:
        chain = plain_chain(text)
        if chain is not None:
            return _follow(chain, namespace)
        if whole_expression(text) is None:
            parse(text)
            return _checked(_compile_text(text).render(namespace))
        result = _compile_expression(text.strip()[2:-2].strip("-+"))(namespace)
        if isinstance(result, Undefined):
            raise UndefinedError(str(result._undefined_message))
        return _checked(list(result) if isinstance(result, Iterator) else result)
    except ExpressionError as exc:
        raise exc.at(path, text) from None
    except UndefinedError as exc:
        raise ExpressionError(f"cannot evaluate: {exc.message}", text=text, path=path) from None
    except (TemplateError, RecipeToolError, *FAILURES) as exc:
        raise ExpressionError(f"cannot evaluate: {exc}", text=text, path=path) from None


def _follow(chain: tuple[str, ...], namespace: Mapping[str, Any]) -> Any:
    """Return the value of a plain ``a.b.c`` without compiling it."""
    if chain[0] not in namespace:
        raise UndefinedError(f"'{chain[0]}' is undefined")
    value = namespace[chain[0]]
    for name in chain[1:]:
        value = _shared().getattr(value, name)
        if isinstance(value, Undefined):
            raise UndefinedError(str(value._undefined_message))
    return value


@lru_cache(maxsize=1024)
def _compile_text(text: str) -> Any:
    return _shared().from_string(text)


@lru_cache(maxsize=1024)
def _compile_expression(source: str) -> Any:
    return _shared().compile_expression(source, undefined_to_none=False)


def references(value: Any) -> References:
    """Return everything that the expressions in a value read, without evaluating them.

    Raises
    ------
    ExpressionError
        If an expression is wrong.
    """
    return References(tuple(_references(value, ())))


def _references(value: Any, path: DataPath) -> Iterator[Reference]:
    if isinstance(value, str):
        if has_expression(value):
            try:
                names = _names_in(value)
            except ExpressionError as exc:
                raise exc.at(path, value) from None
            for parts in names:
                yield Reference(parts, path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _references(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _references(item, (*path, index))


@lru_cache(maxsize=4096)
def _names_in(text: str) -> tuple[tuple[str, ...], ...]:
    chain = plain_chain(text)
    return tuple(read_names(parse(text))) if chain is None else (chain,)


def read_names(node: nodes.Node) -> Iterator[tuple[str, ...]]:
    """Yield the names in a syntax tree with their fields, such as ``("steps", "pair", "swaths")``."""
    chain = field_chain(node)
    if chain is not None:
        yield chain
        return
    for child in node.iter_child_nodes():
        yield from read_names(child)


def field_chain(node: nodes.Node) -> tuple[str, ...] | None:
    """Return ``a.b['c']`` as a tuple; None for anything that is not a name with fields."""
    if isinstance(node, nodes.Name):
        return (node.name,) if node.ctx == "load" else None
    if isinstance(node, nodes.Getattr):
        below = field_chain(node.node)
        return None if below is None else (*below, node.attr)
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        below = field_chain(node.node)
        return None if below is None else (*below, node.arg.value)
    return None
