"""IR020 to IR029: expressions and what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from jinja2 import nodes

from isce2_recipe.expressions import (
    ExpressionError,
    field_chain,
    parse,
    plain_chain,
    references,
    whole_expression,
)
from isce2_recipe.lint.rule import Rule, Subject, reported, rule
from isce2_recipe.problems import Edit, Problem
from isce2_recipe.recipe import kinds

SYNTAX = reported(
    "IR020",
    "error",
    "min",
    """An expression that cannot be read.

    Between `{{` and `}}` stands a Jinja2 expression: names, fields, items, comparisons, arithmetic and
    filters. Statements (`{% %}`), calls and filters that reach into Python are not allowed in recipes.
    """,
)

UNKNOWN_NAME = reported(
    "IR021",
    "error",
    "min",
    """An expression, `needs` or `required` names something that is not there.

    Expressions may read parameters and variables by name, outputs as `steps.ID.OUTPUT`, and `run.source` and
    `run.engine`. What outputs a step has follows from its action, so a wrong one is found before anything
    runs.
    """,
)

ORDER = reported(
    "IR022",
    "error",
    "min",
    """A value is read before it can be there, or steps wait for each other in a circle.

    Variables see parameters and the variables above them; steps see all other steps' outputs as long as no
    circle comes of it. Timeouts, retries and resources are known before any step has run.
    """,
)

TYPE_MISMATCH = reported(
    "IR023",
    "error",
    "basic",
    """A value or an output is of another type than the input it is passed to.

    Types of inputs and outputs come from the actions' signatures, those of parameters from their schemas.
    """,
)


@rule("IR024", "warning", "basic")
def constant_condition(subject: Subject) -> Iterator[Problem]:
    """A condition that is always true or always false.

    Either it reads nothing, or it compares with a value that is not among the choices, or of another type.

        when: "{{ polarization == 'XX' }}"     # it is one of VV, VH, HH, HV
    """
    for step in subject.steps:
        path = (*step.path, "when")
        if isinstance(step.when, bool):
            if path in subject.document.nodes:
                outcome = "always" if step.when else "never"
                yield subject.at(path, f"step '{step.id}' {outcome} runs, its condition is constant")
            continue
        yield from _judge_condition(subject, path, step.when)


def _judge_condition(subject: Subject, path: tuple[str | int, ...], text: str) -> Iterator[Problem]:
    try:
        if not references(text).all:
            yield subject.at(path, "the condition reads nothing, so it is always the same")
            return
        tree = parse(text)
    except ExpressionError:
        return
    for node in tree.find_all(nodes.Compare):
        name, kind = _compared(subject, node)
        for operand in node.ops:
            if not (operand.op in ("eq", "ne") and isinstance(operand.expr, nodes.Const)):
                continue
            value = operand.expr.value
            if not any(_may_equal(value, member) for member in kinds.members(kind)):
                yield subject.at(path, f"{name} is never {value!r}", f"it is {kinds.words(kind)}")


def _compared(subject: Subject, node: nodes.Compare) -> tuple[str, Any]:
    chain = field_chain(node.expr)
    known = chain is not None and subject.scope is not None
    return (".".join(chain), subject.scope.type_of(chain)) if known else ("", Any)  # type: ignore[arg-type,union-attr]


def _may_equal(value: Any, kind: Any) -> bool:
    """Whether a value of a type can equal this one: 1 equals 1.0 and true, but no text."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if value is None or kind is kinds.NONE:
        return value is None and kind in (kinds.NONE, Any)
    if kind is str:
        return isinstance(value, str)
    return not (kind in (int, float, bool) and isinstance(value, str))


@rule("IR025", "warning", "basic")
def unused(subject: Subject) -> Iterator[Problem]:
    """A parameter or variable that nothing reads.

    Users would set it and wonder why nothing changes.
    """
    if subject.recipe is None or subject.scope is None:
        return
    read: set[str] = set()
    for _, found in subject.scope.reads:
        if isinstance(found, ExpressionError):
            return
        read |= found.names
    for kind, names in (("parameter", subject.recipe.parameters), ("variable", subject.recipe.variables)):
        for name in names:
            if name not in read:
                yield subject.at_key(
                    (f"{kind}s", name), f"{kind} '{name}' is never used", "use it or remove it"
                )


OWN_SCHEMA = reported(
    "IR026",
    "error",
    "basic",
    """A default or example that its own parameter would refuse.""",
)


@rule("IR028", "info", "basic", fixable=True)
def constant_expression(subject: Subject) -> Iterator[Problem]:
    """Braces around a constant.

    `"{{ 3 }}"` is `3`. `--fix` removes the braces.
    """
    for path, text in subject.expressions:
        tree = _whole(text)
        if isinstance(tree, nodes.Const) and isinstance(tree.value, int | float | bool):
            plain = str(tree.value).lower() if isinstance(tree.value, bool) else str(tree.value)
            edits = (Edit(subject.document.mark(path), plain),)
            yield subject.at(path, "braces around a constant are not needed", f"write {plain}", edits=edits)


def _whole(text: str) -> nodes.Expr | None:
    try:
        return whole_expression(text) if plain_chain(text) is None else None
    except ExpressionError:
        return None


@rule("IR029", "info", "shared")
def written_before(subject: Subject) -> Iterator[Problem]:
    """A step is written above a step whose outputs it reads.

    The runner goes by the references, people read from top to bottom.
    """
    if subject.scope is None:
        return
    order = {step.id: step.index for step in subject.steps}
    for step in subject.steps:
        for name in subject.scope.waits[step.id]:
            if order[name] > step.index:
                yield Problem(
                    step.mark, f"step '{step.id}' is written above step '{name}', which it waits for"
                )


@rule("IR056", "info", "shared")
def too_complex(subject: Subject) -> Iterator[Problem]:
    """An expression of more than 160 characters, or a recipe of more than 60 steps.

    Long expressions belong in `variables`, long recipes in parts.
    """
    for path, text in subject.expressions:
        if len(text) > 160:
            yield subject.at(
                path, f"an expression of {len(text)} characters", "take parts of it into variables"
            )
    if len(subject.steps) > 60:
        yield subject.at_key(("steps",), f"a recipe of {len(subject.steps)} steps", "take some into a part")


@rule("IR057", "info", "shared")
def redundant_needs(subject: Subject) -> Iterator[Problem]:
    """`needs` names a step that a reference already names."""
    for step in subject.steps:
        try:
            read = references([step.with_, step.when]).steps
        except ExpressionError:
            continue
        for index, name in enumerate(step.needs):
            if name in read:
                path = (*step.path, "needs", index)
                yield subject.at(path, f"'{name}' is waited for anyway, its outputs are read")


@rule("IR037", "warning", "basic")
def required_with_default(subject: Subject) -> Iterator[Problem]:
    """A required parameter has a default, which would never be used."""
    for parameter in subject.recipe.parameters.values() if subject.recipe else ():
        if parameter.required and parameter.has_default:
            message = f"parameter '{parameter.name}' is required, so its default is never used"
            yield subject.at_key(("parameters", parameter.name, "default"), message, "drop one of the two")


@rule("IR031", "warning", "basic")
def deprecated_input(subject: Subject) -> Iterator[Problem]:
    """A part's parameter that is marked as deprecated is set."""
    for step in subject.steps:
        for name in step.with_ if step.part is not None else ():
            parameter = step.part.parameters.get(name) if step.part else None
            if parameter is not None and parameter.schema.get("deprecated"):
                path = (*step.path, "with", name)
                yield subject.at_key(
                    path, f"'{name}' of {step.uses} is deprecated", parameter.description or None
                )


RULES: tuple[Rule, ...] = (
    SYNTAX, UNKNOWN_NAME, ORDER, TYPE_MISMATCH, constant_condition, unused, OWN_SCHEMA, constant_expression,
    written_before, deprecated_input, required_with_default, too_complex, redundant_needs,
)  # fmt: skip
