"""Expressions of recipes and templates: Jinja2 in a sandbox without access to Python.

``{{ ... }}`` may read names, take items, compare, calculate and use filters. No attribute of a Python object
is ever read and nothing is called, so planning a stranger's recipe is safe.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePath
from typing import Any, NamedTuple

from jinja2 import TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import FilterArgumentError, SecurityError, UndefinedError
from jinja2.sandbox import SandboxedEnvironment

from isce2_recipe.errors import ParameterError, RecipeError
from isce2_recipe.problems import DataPath
from isce2_recipe.sandbox import FAILURES, BudgetError, budget, checked, environment, spend

MAX_DEPTH = 100
"""Deepest nesting of an expression."""

_PLAIN_CHAIN = re.compile(r"\s*\{\{-?\s*([a-zA-Z_]\w*(?:\.[a-zA-Z_]\w*)*)\s*-?\}\}\s*", re.ASCII)
RESERVED = frozenset(
    ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else")
)
"""Words that an expression does not read as names."""

_WORD = re.compile(r"\{\{|\{%|\{#")
_COMPLETE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_HALF = re.compile(r"\{\s*([a-zA-Z_]\w*)\b[^{}]*\}\}|\{\s*(steps|run)\.[\w.]+\s*\}")


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
        return type(self)(self.message, text=text, path=path, word=self.word, known=self.known)


class TooMuchError(ExpressionError):
    """An expression takes more steps, or gives a larger result, than a recipe needs."""


class Reference(NamedTuple):
    """A name that an expression reads, with its fields: ``steps.pair.swaths`` for example."""

    parts: tuple[str, ...]  # the name and the fields, as far as they are constants
    path: DataPath = ()  # keys and indices that lead from the value to the text of the expression

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
    names : frozenset of str
        The parameters and variables.
    outputs : frozenset of tuple of str
        Pairs of step and output; the output is empty if a step is read as a whole.
    steps : frozenset of str
        The steps whose outputs are read.
    run : frozenset of str
        The facts of the run: ``source``, ``engine``.
    """

    __slots__ = ("all", "names", "outputs", "run", "steps")

    def __init__(self, found: tuple[Reference, ...]) -> None:
        chains = [ref.parts for ref in found]
        outputs = [chain[1:3] for chain in chains if chain[0] == "steps" and len(chain) > 1]
        self.all = found
        self.names = frozenset(chain[0] for chain in chains if chain[0] not in ("steps", "run"))
        self.outputs = frozenset((name, output[0] if output else "") for name, *output in outputs)
        self.steps = frozenset(chain[0] for chain in outputs)
        self.run = frozenset(chain[1] for chain in chains if chain[0] == "run" and len(chain) > 1)


_NOTHING = References(())


@lru_cache(maxsize=1)
def _shared() -> SandboxedEnvironment:
    return environment()


def has_expression(text: str) -> bool:
    """Return whether a text contains anything for Jinja2."""
    return "{" in text and _WORD.search(text) is not None


def half_expressions(value: Any, names: Collection[str]) -> Iterator[tuple[DataPath, str]]:
    """Yield the pieces of a value that lack a brace to be an expression which reads some names."""
    if isinstance(value, str):
        for found in _HALF.finditer(_COMPLETE.sub("", value)) if "}" in value else ():
            if (found[1] or found[2]) in names:
                yield (), found[0]
    elif isinstance(value, Mapping | list):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from (((key, *path), piece) for path, piece in half_expressions(item, names))


@lru_cache(maxsize=4096)
def parse(text: str) -> nodes.Template:
    """Return the syntax tree of a recipe's text.

    Raise ExpressionError if it is not an expression, uses a statement, a call or an unknown filter.
    """
    try:
        tree = _shared().parse(text)
        for node in _walk(tree, MAX_DEPTH):
            _allow(node, text)
    except TemplateSyntaxError as exc:
        raise ExpressionError(f"wrong expression: {exc.message}", text=text) from None
    except BudgetError as exc:
        raise TooMuchError(f"cannot evaluate: {exc.message}", text=text) from None
    except (RecursionError, ValueError):
        what = "the expression is nested too deeply, or a number in it is too long"
        raise ExpressionError(what, text=text) from None
    return tree


def _allow(node: nodes.Node, text: str) -> None:
    if isinstance(node, nodes.Stmt) and not isinstance(node, nodes.Output):
        raise ExpressionError("statements in {% %} belong in templates; use {{ }} here", text=text)
    name = node.attr if isinstance(node, nodes.Getattr) else _constant_item(node)
    if isinstance(name, str) and name.startswith("__"):
        raise ExpressionError(f"'{name}' is Python's and cannot be read", text=text)
    allow_operation(node, text)


def allow_operation(node: nodes.Node, text: str = "") -> None:
    """Raise an error if a node of a recipe's expression or of a template can never be evaluated.

    Raise ExpressionError if it is a call, a number that is not finite, or an unknown filter or test, or has
    wrong arguments.
    """
    if isinstance(node, nodes.Call | nodes.CallBlock):
        message = "nothing can be called in an expression; use a filter such as | length"
        raise ExpressionError(message, text=text)
    if isinstance(node, nodes.Const) and isinstance(node.value, float) and not math.isfinite(node.value):
        raise ExpressionError("a number is too large", text=text)
    if isinstance(node, nodes.Filter):
        _know(node.name, "filter", [name for name in _shared().filters if name.isidentifier()], text)
        _check_arguments(node, "filter", _shared().filters[node.name], text)
    if isinstance(node, nodes.Test):
        _know(node.name, "test", _shared().tests, text)
        _check_arguments(node, "test", _shared().tests[node.name], text)


_INPUTS: tuple[Any, ...] = ("text", 2, 2.5, [1, 2], ["a", "b"], [{"a": 1}], {"a": 1}, PurePath("a"))
"""Inputs of filters and tests: arguments of a type that none of them takes are wrong."""


def _check_arguments(node: Any, what: str, function: Any, text: str) -> None:
    """Refuse a wrong number of arguments, and constant arguments that no type of input goes with."""
    function = inspect.unwrap(function)
    parameters = list(inspect.signature(function).parameters.values())
    own = parameters[2 if hasattr(function, "jinja_pass_arg") else 1 :]
    named = {pair.key: pair.value for pair in node.kwargs}
    try:
        inspect.Signature(own).bind(*node.args, **named)
        given = [one.as_const() for one in node.args], {key: one.as_const() for key, one in named.items()}
        right = node.dyn_args is node.dyn_kwargs is None
    except nodes.Impossible:
        return
    except TypeError:
        right = False
    if not right or ((node.args or named) and _is_refused(node.name, what, *given)):
        usage = ", ".join(str(one.replace(annotation=one.empty)) for one in own)
        expected = f"must fit ({usage})" if own else "are too many: it takes none"
        raise ExpressionError(f"the arguments of the {what} '{node.name}' {expected}", text=text)


def _is_refused(name: str, what: str, given: list[Any], named: dict[str, Any]) -> bool:
    """Return whether a filter or test fails with these arguments for every type of input."""
    call: Any = _shared().call_filter if what == "filter" else _shared().call_test
    for value in _INPUTS:
        try:
            call(name, value, given, named)
        except BudgetError:
            return False
        except (TypeError, AttributeError, ZeroDivisionError, FilterArgumentError, SecurityError):
            continue
        except (TemplateError, ParameterError, *FAILURES):
            return False
        return False
    return True


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
    return None if chain[0] in RESERVED else chain


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

    Raise ExpressionError with the path to the text at fault.
    """
    with budget():
        found = _evaluate(value, namespace, ())
        try:
            return found if isinstance(value, str) else checked(found)
        except BudgetError as exc:
            raise TooMuchError(f"cannot evaluate: {exc.message}", text=str(value)[:80]) from None


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
        spend(1)
        chain = plain_chain(text)
        if chain is not None:
            return _follow(chain, namespace)
        if whole_expression(text) is None:
            parse(text)
            return checked(_compile_text(text).render(namespace))
        result = _compile_expression(text.strip()[2:-2].strip("-+"))(namespace)
        if isinstance(result, Undefined):
            raise UndefinedError(str(result._undefined_message))
        return checked(list(result) if isinstance(result, Iterator) else result)
    except ExpressionError as exc:
        raise exc.at(path, text) from None
    except UndefinedError as exc:
        raise ExpressionError(f"cannot evaluate: {exc.message}", text=text, path=path) from None
    except BudgetError as exc:
        raise TooMuchError(f"cannot evaluate: {exc.message}", text=text, path=path) from None
    except (TemplateError, ParameterError, *FAILURES) as exc:  # errors of opening the source pass
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

    Raise ExpressionError if an expression is wrong.
    """
    return _references_of_text(value) if isinstance(value, str) else _references_of(value)


@lru_cache(maxsize=4096)
def _references_of_text(text: str) -> References:
    return _references_of(text)


def _references_of(value: Any) -> References:
    found = tuple(_references(value, ()))
    return References(found) if found else _NOTHING


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
