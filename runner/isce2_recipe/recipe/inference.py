"""Types of expressions, found in one pass that also checks the operands of operators and filters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from jinja2 import nodes

from isce2_recipe.expressions import (
    ExpressionError,
    field_chain,
    has_expression,
    parse,
    plain_chain,
    whole_expression,
)
from isce2_recipe.problems import DataPath
from isce2_recipe.recipe import type_system
from isce2_recipe.recipe.type_system import NONE, TypeOf, list_of, union
from isce2_recipe.sandbox import RETURNS

_FAMILIES: dict[Any, str] = {
    int: "a number", float: "a number", bool: "a number", str: "text", list: "a list", Path: "a file",
    dict: "a mapping",
}  # fmt: skip
_NUMBER = frozenset(("a number",))
_TEXT = frozenset(("text",))
_WANTED: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        ("range_looks", "azimuth_looks", "pixel_size", "burst_date", "burst_polarization"), _TEXT
    ),
    **dict.fromkeys(("basename", "stem"), _TEXT | {"a file"}),
    **dict.fromkeys(("abs", "round"), _NUMBER),
    **dict.fromkeys(("length", "count"), _TEXT | {"a list", "a mapping"}),
    "sum": frozenset(("a list",)),
    "dictsort": frozenset(("a mapping",)),
}
"""Input types of filters."""

_OF_FILES = frozenset(("basename", "stem", "default", "d", "first", "last"))
"""Filters that give the name of a file, or a file itself."""

_ORDERED = frozenset(("lt", "lteq", "gt", "gteq"))


class Mismatch(NamedTuple):
    """An operand of a type that its operator or filter refuses."""

    # As in `Problem`.
    what: str
    name: str  # the operand's name, if it has one
    expected: str = ""
    found: str = ""


class Typed(NamedTuple):
    """The type of a value, and the operands in it that cannot be right, each with its place in the value."""

    type: Any
    mismatches: tuple[tuple[DataPath, Mismatch], ...] = ()


def typed(value: Any, type_of: TypeOf) -> Typed:
    """Return the type of a recipe's value and its wrong operands; Any if an expression is wrong."""
    found: list[tuple[DataPath, Mismatch]] = []
    try:
        return Typed(_of_value(value, type_of, (), found), tuple(found))
    except ExpressionError:
        return Typed(Any)


def _of_value(value: Any, type_of: TypeOf, path: DataPath, found: list[tuple[DataPath, Mismatch]]) -> Any:
    if isinstance(value, str):
        return _of_text(value, type_of, lambda one: found.append((path, one)))
    if isinstance(value, list):
        items = enumerate(value)
        return list_of([_of_value(item, type_of, (*path, index), found) for index, item in items])
    if isinstance(value, Mapping):
        for key, item in value.items():
            _of_value(item, type_of, (*path, key), found)
    return type(value)


def _of_text(text: str, type_of: TypeOf, report: Callable[[Mismatch], None]) -> Any:
    if not has_expression(text):
        return Literal[text]
    chain = plain_chain(text)
    if chain is not None:
        return type_of(chain)
    with suppress(ExpressionError):  # it is text all the same, and reported with its place elsewhere
        tree = whole_expression(text)
        if tree is not None:
            return infer(tree, type_of, report)
        infer(parse(text), type_of, report)
    return str


Inner = Callable[[nodes.Node], Any]
"""Returns the type of a child that was visited."""


def infer(node: nodes.Node, type_of: TypeOf, report: Callable[[Mismatch], None]) -> Any:
    """Return the type of an expression's result, and report operands that cannot be right."""
    chain = field_chain(node)
    if chain is not None:
        return type_of(chain)
    found = {id(child): infer(child, type_of, report) for child in node.iter_child_nodes()}

    def inner(child: nodes.Node) -> Any:
        return found[id(child)]

    check = _CHECKS.get(type(node))
    for mismatch in check(node, inner) if check is not None else ():
        report(mismatch)
    result = _RESULTS.get(type(node))
    return Any if result is None else result(node, inner)


def _const(node: Any, _inner: Inner) -> Any:
    return Literal[node.value] if isinstance(node.value, str) else type(node.value)


def _conditional(node: Any, inner: Inner) -> Any:
    return union([inner(node.expr1), NONE if node.expr2 is None else inner(node.expr2)])


def _filter(node: Any, _inner: Inner) -> Any:
    return RETURNS.get(node.name, Any)


def _list(node: Any, inner: Inner) -> Any:
    return list_of([inner(item) for item in node.items])


def _item(node: Any, inner: Inner) -> Any:
    of = inner(node.node)
    return get_args(of)[0] if _is_list(of) and not isinstance(node.arg, nodes.Slice) else Any


def _is_list(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is list


def _number(node: Any, inner: Inner) -> Any:
    both = [inner(node.left), inner(node.right)]
    if both == [int, int]:
        return float if isinstance(node, nodes.Div | nodes.Pow) else int
    return float if all(kind in (int, float) for kind in both) else Any


def _sum(node: Any, inner: Inner) -> Any:
    left, right = inner(node.left), inner(node.right)
    if _is_list(left) and _is_list(right):
        return list_of([*get_args(left), *get_args(right)])
    return _number(node, inner)


def _always(result: Any) -> Callable[[Any, Inner], Any]:
    return lambda _node, _inner: result


_ARITHMETIC = (nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)
_RESULTS: dict[type, Callable[[Any, Inner], Any]] = {
    nodes.Const: _const,
    nodes.CondExpr: _conditional,
    nodes.Filter: _filter,
    nodes.List: _list,
    nodes.Getitem: _item,
    nodes.Compare: _always(bool),
    nodes.Not: _always(bool),
    nodes.Test: _always(bool),
    nodes.Concat: _always(str),
    nodes.Dict: _always(dict[str, Any]),
    nodes.Operand: lambda node, inner: inner(node.expr),
    nodes.Add: _sum,
    **dict.fromkeys(_ARITHMETIC, _number),
}


def _check_filter(node: Any, inner: Inner) -> Iterator[Mismatch]:
    wanted = _WANTED.get(node.name)
    if wanted is not None and node.node is not None:
        yield from _check_one(f"the input of '{node.name}'", wanted, node.node, inner)


def _check_arithmetic(node: Any, inner: Inner) -> Iterator[Mismatch]:
    for operand in (node.left, node.right):
        yield from _check_one(f"each side of '{node.operator}'", _NUMBER, operand, inner)


def _check_one(what: str, wanted: frozenset[str], node: nodes.Node, inner: Inner) -> Iterator[Mismatch]:
    kind = inner(node)
    families = _families(kind)
    if families and not families & wanted:
        yield Mismatch(what, _name(node), " or ".join(sorted(wanted)), _words(node, kind))


def _check_sum(node: Any, inner: Inner) -> Iterator[Mismatch]:
    yield from _check_both("added", node.left, inner(node.left), node.right, inner(node.right))


def _check_comparison(node: Any, inner: Inner) -> Iterator[Mismatch]:
    for operand in node.ops:
        if operand.op in _ORDERED:
            yield from _check_both("compared", node.expr, inner(node.expr), operand.expr, inner(operand))


def _check_both(verb: str, left: nodes.Node, one: Any, right: nodes.Node, other: Any) -> Iterator[Mismatch]:
    if _families(one) and _families(other) and not _families(one) & _families(other):
        what = f"{_words(left, one)} and {_words(right, other)} cannot be {verb}"
        yield Mismatch(what, _name(left) or _name(right))


def _words(node: nodes.Node, kind: Any) -> str:
    return repr(node.value) if isinstance(node, nodes.Const) else type_system.words(kind)


def _name(node: nodes.Node) -> str:
    return ".".join(field_chain(node) or ())


def _families(kind: Any) -> frozenset[str]:
    """Return the families of values of a type; none if they are not known. Null is checked elsewhere."""
    found: set[str] = set()
    for member in type_system.members(kind):
        choices = get_args(member) if get_origin(member) is Literal else ()
        for one in [type(choice) for choice in choices] or [get_origin(member) or member]:
            if one is not type_system.NONE and one not in _FAMILIES:
                return frozenset()
            found.update([_FAMILIES[one]] if one is not type_system.NONE else [])
    return frozenset(found)


_CHECKS: dict[type[nodes.Node], Callable[[Any, Inner], Iterator[Mismatch]]] = {
    nodes.Filter: _check_filter,
    nodes.Add: _check_sum,
    nodes.Compare: _check_comparison,
    **dict.fromkeys(_ARITHMETIC, _check_arithmetic),
}


def files_in_text(text: str, type_of: TypeOf) -> Iterator[tuple[str, ...]]:
    """Yield the files that become a part of a text; the name of a file is no file."""
    try:
        tree = whole_expression(text)
        if tree is None or isinstance(tree, nodes.Concat | nodes.Add | nodes.Filter):
            for chain in _read_as_text(parse(text)):
                if Path in type_system.members(type_of(chain)):
                    yield chain
    except ExpressionError:
        return


def _read_as_text(node: nodes.Node) -> Iterator[tuple[str, ...]]:
    chain = field_chain(node)
    if chain is not None:
        yield chain
    elif isinstance(node, nodes.CondExpr):
        for one in (node.expr1, node.expr2):
            yield from _read_as_text(one) if one is not None else ()
    elif not (isinstance(node, nodes.Filter) and node.name in _OF_FILES) and not isinstance(
        node, nodes.Compare | nodes.Test | nodes.Not
    ):
        for child in node.iter_child_nodes():
            yield from _read_as_text(child)
