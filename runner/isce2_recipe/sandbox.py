"""The sandbox of expressions and templates: Jinja2 without access to Python, and its filters.

No attribute of a Python object is ever read and nothing is called. Sources, results and the number of steps
have limits, so that any text of a stranger ends after bounded time and memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Undefined, filters, nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError, TemplateSyntaxError, UndefinedError
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

from isce2_recipe.types import BurstName, Looks
from isce2_recipe.vector_files import vector_file

FAILURES = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, SyntaxError, TypeError,
    ValueError,
)  # fmt: skip
"""Exceptions of Python that an expression may raise: Python itself refuses deeply nested blocks."""

MAX_TEXT = 100_000
"""Longest text, in characters, and largest number of values, at all depths, that an expression may give."""

MAX_SOURCE = 250_000
"""Longest expression or template, in characters."""

MAX_STEPS = 2_000_000
"""Steps that expressions and templates may take together within one `budget`: a few seconds."""

MAX_BITS = 1000
"""Largest whole number, in bits, that an expression may give; it fits into a floating-point number."""

MAX_DIGITS = 300
"""Most decimals to which a number can be rounded; no float has more."""

_INCLUDE = 2000  # characters of literal text that cost as much as an included template
_FREE = 200  # characters of literal text of a template whose repetition costs nothing
_EACH, _SIZED, _JOINED = " each", " sized", " joined"  # filters whose names nobody can write
_LEFT: ContextVar[list[int] | None] = ContextVar("_LEFT", default=None)

_LOOP_FIELDS = frozenset(("index", "index0", "first", "last", "length"))
_PATH_FIELDS = frozenset(("name", "stem", "suffix", "parent"))
_KEPT_FILTERS = (
    "abs", "count", "default", "dictsort", "first", "float", "int", "join", "last", "length", "list", "lower",
    "max", "min", "reverse", "round", "sort", "string", "sum", "trim", "unique", "upper",
)  # fmt: skip


class BudgetError(SecurityError):
    """An expression or a template takes too many steps, or gives too large a result."""


@contextmanager
def budget(steps: int = MAX_STEPS) -> Iterator[None]:
    """Limit the steps of all expressions and templates in the block; the outermost limit counts."""
    if _LEFT.get() is not None:
        yield
        return
    token = _LEFT.set([steps])
    try:
        yield
    finally:
        _LEFT.reset(token)


def spend(steps: int) -> None:
    """Count steps of the current `budget`; raise BudgetError if there are none left."""
    left = _LEFT.get()
    if left is not None:
        left[0] -= steps
        if left[0] < 0:
            raise BudgetError("the expressions and templates together take too many steps")


class _Metered(NodeTransformer):
    """Makes the turns of loops and the sizes of intermediate values count."""

    def visit(self, node: nodes.Node, *_: Any, **__: Any) -> Any:
        return self._metered(self.generic_visit(node))

    def _metered(self, node: Any) -> Any:
        if isinstance(node, nodes.For):
            node.iter = _filter(node.iter, _EACH, nodes.Const(_literal_length(node)))
        elif isinstance(node, nodes.Include):
            node.template = _filter(node.template, _SIZED, nodes.Const(_INCLUDE))
        elif isinstance(node, nodes.Output):
            node.nodes = [
                text if isinstance(text, nodes.TemplateData) else _filter(text, _SIZED) for text in node.nodes
            ]
        elif isinstance(node, nodes.Compare):
            node.expr = _filter(node.expr, _SIZED)
            for operand in node.ops:
                operand.expr = _filter(operand.expr, _SIZED)
        elif isinstance(node, nodes.Concat):
            return _filter(nodes.List(node.nodes, lineno=node.lineno), _JOINED)
        elif isinstance(node, nodes.List | nodes.Dict | nodes.Filter) or (
            isinstance(node, nodes.Tuple) and node.ctx == "load"
        ):
            return _filter(node, _SIZED)
        elif isinstance(node, nodes.Template) and _literal_length(node) > _FREE:
            text = _filter(nodes.Const("", lineno=1), _SIZED, nodes.Const(_literal_length(node)))
            node.body.insert(0, nodes.Output([text], lineno=1))
        return node


def _filter(node: Any, name: str, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)


def _literal_length(node: nodes.Node) -> int:
    """Return how many characters of literal text are written below a node."""
    return 1 + sum(len(one.data) for one in node.find_all(nodes.TemplateData))


@pass_context  # so that Jinja2 does not run it while it compiles
def _each(_: Context, values: Iterable[Any], weight: int) -> Iterator[Any]:
    """Yield values, each of which costs as many steps as its turn of the loop writes characters, over 10."""
    for value in values:
        spend(1 + weight // 10)
        yield value


@pass_context
def _sized(_: Context, value: Any, weight: int = 0) -> Any:
    spend(weight // 10)
    return checked(value)


@pass_context
def _joined(context: Context, values: list[Any]) -> str:
    return str(checked((markup_join if context.eval_ctx.autoescape else str_join)(_few(values))))


class _Environment(SandboxedEnvironment):
    """A sandbox in which a dot reads a field of a record and never a Python attribute."""

    intercepted_binops = frozenset(("*", "**", "%", "+", "-", "/", "//"))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > MAX_SOURCE:
            raise TemplateSyntaxError(f"it is longer than {MAX_SOURCE} characters", 1, name, filename)
        spend(len(source))
        return super()._parse(source, name, filename)

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        return super()._generate(_Metered().visit(source), name, filename, defer_init)

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
            raise BudgetError("the power is too large")
        if operator == "*" and not (_is_number(left) and _is_number(right)):
            raise SecurityError("'*' multiplies numbers only")
        if operator == "%" and isinstance(left, str):
            raise SecurityError("'%' is for numbers")
        result = super().call_binop(context, operator, left, right)
        return checked(result)


def checked(result: Any) -> Any:
    """Return the result, or raise BudgetError if it is too large."""
    if isinstance(result, str):
        spend(1 + len(result) // 10)
        if len(result) > MAX_TEXT:
            raise BudgetError("the result is too long")
    elif isinstance(result, int):
        if result.bit_length() > MAX_BITS:
            raise BudgetError("the result is too large")
    elif isinstance(result, list | tuple | dict):
        size = _size(result)
        spend(size)
        if size > MAX_TEXT:
            raise BudgetError("the result is too long")
    elif isinstance(result, complex) or (isinstance(result, float) and not math.isfinite(result)):
        raise SecurityError("the result is not a finite real number")
    return result


def _size(value: Any) -> int:
    """Return the number of values at all depths, where a long text counts as several."""
    count, todo = 0, [value]
    while todo and count <= MAX_TEXT:
        one = todo.pop()
        count += 1
        if isinstance(one, str):
            count += len(one) // 10
        elif isinstance(one, list | tuple):
            todo += one
        elif isinstance(one, dict):
            todo += one.values()
    return count


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


def to_float(value: Any, default: float = 0.0) -> float:
    """Return the value as a floating-point number, or the default if it is none."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return default
    return found if math.isfinite(found) else default


def replace(text: str, old: str, new: str) -> str:
    """Return the text with every ``old`` replaced by ``new``."""
    text, old, new = str(text), str(old), str(new)
    if (
        len(text) + (len(text) + 1) * len(new) > MAX_TEXT
        and len(text) + text.count(old) * len(new) > MAX_TEXT
    ):
        raise BudgetError("the result is too long")
    return text.replace(old, new)


def _few(values: Iterable[Any], between: Any = "") -> list[Any]:
    """Return values whose texts, with one between each two, are not too long together."""
    found, length, gap = [], 0, len(str(between))
    for value in values:
        found.append(value)
        length += gap + (len(value) if isinstance(value, str) else _size(value))
        if length > MAX_TEXT:
            raise BudgetError("the result is too long")
    return found


@pass_eval_context
def join(context: EvalContext, value: Any, d: Any = "", attribute: str | int | None = None) -> str:
    """Return values as one text, with another text between each two."""
    if attribute is not None:
        value = map(filters.make_attrgetter(context.environment, attribute), value)
    return str(filters.do_join(context, _few(value, d), d))


def total(iterable: Iterable[Any], start: float = 0) -> Any:
    """Return the sum of numbers."""
    numbers = [start, *iterable]
    if not all(map(_is_number, numbers)):
        raise SecurityError("'sum' adds numbers only")
    return sum(numbers)


def rounded(value: float, precision: int = 0, method: Any = "common") -> float:
    """Return a number rounded to some decimals."""
    if not isinstance(precision, int) or abs(precision) > MAX_DIGITS:
        raise SecurityError(f"'round' takes at most {MAX_DIGITS} decimals")
    return filters.do_round(value, precision, method)


FILTERS = {
    "float": to_float,
    "replace": replace,
    "join": join,
    "sum": total,
    "round": rounded,
    "range_looks": range_looks,
    "azimuth_looks": azimuth_looks,
    "pixel_size": pixel_size,
    "basename": basename,
    "stem": stem,
    "burst_date": burst_date,
    "burst_polarization": burst_polarization,
    "vector_file": vector_file,
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
    made.filters |= {_EACH: _each, _SIZED: _sized, _JOINED: _joined}
    made.globals = {}
    return made


def _is_markup(name: str | None) -> bool:
    """Return whether values in a template of this name need XML's escapes."""
    return name is not None and name.endswith((".xml.j2", ".html.j2", ".svg.j2"))
