"""Checks of operators and filters in expressions: whether they accept the types of their operands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from jinja2 import nodes

from isce2_recipe.expressions import field_chain
from isce2_recipe.recipe import type_system
from isce2_recipe.recipe.type_system import TypeOf

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

_ORDERED = frozenset(("lt", "lteq", "gt", "gteq"))
_ARITHMETIC = (nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow)


class Mismatch(NamedTuple):
    """An operand of a type that its operator or filter refuses.

    Attributes
    ----------
    what : str
        What is wrong, or which operand, where one of `expected` types is wanted.
    name : str
        What the operand is called, where that is a name.
    expected, found : str
        Types in words.
    """

    what: str
    name: str
    expected: str = ""
    found: str = ""


def mismatches(tree: nodes.Node, type_of: TypeOf) -> Iterator[Mismatch]:
    """Yield every operand in a syntax tree that its operator or filter refuses, as far as types are known."""
    for node in tree.find_all(_CHECKED):
        yield from _CHECKS[type(node)](node, type_of)


def _filter(node: Any, type_of: TypeOf) -> Iterator[Mismatch]:
    wanted = _WANTED.get(node.name)
    if wanted is not None and node.node is not None:
        yield from _wants(f"the input of '{node.name}'", wanted, node.node, type_of)


def _arithmetic(node: Any, type_of: TypeOf) -> Iterator[Mismatch]:
    for operand in (node.left, node.right):
        yield from _wants(f"each side of '{node.operator}'", _NUMBER, operand, type_of)


def _wants(what: str, wanted: frozenset[str], node: nodes.Node, type_of: TypeOf) -> Iterator[Mismatch]:
    kind = type_system.infer(node, type_of)
    given = _families(kind)
    if given and not given & wanted:
        yield Mismatch(what, _name(node), " or ".join(sorted(wanted)), _words(node, kind))


def _add(node: Any, type_of: TypeOf) -> Iterator[Mismatch]:
    yield from _together("added", node.left, node.right, type_of)


def _compare(node: Any, type_of: TypeOf) -> Iterator[Mismatch]:
    for operand in node.ops:
        if operand.op in _ORDERED:
            yield from _together("compared", node.expr, operand.expr, type_of)


def _together(verb: str, left: nodes.Node, right: nodes.Node, type_of: TypeOf) -> Iterator[Mismatch]:
    one, other = type_system.infer(left, type_of), type_system.infer(right, type_of)
    if _families(one) and _families(other) and not _families(one) & _families(other):
        message = f"{_words(left, one)} and {_words(right, other)} cannot be {verb}"
        yield Mismatch(message, _name(left) or _name(right))


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


_CHECKS: dict[type[nodes.Node], Callable[[Any, TypeOf], Iterator[Mismatch]]] = {
    nodes.Filter: _filter,
    nodes.Add: _add,
    nodes.Compare: _compare,
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
}
_CHECKED = tuple(_CHECKS)
