"""IR020 to IR031, IR037, IR056 and IR057: expressions, and the names that they read."""

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
from isce2_recipe.lint.rule import Subject, rule
from isce2_recipe.problems import DataPath, Edit, Problem
from isce2_recipe.recipe import type_system


@rule("IR024", "warning", "basic")
def constant_condition(subject: Subject) -> Iterator[Problem]:
    """A condition is always true or always false.

    The condition reads nothing, or it compares a value with a constant of another type or with none of its
    choices.

        when: "{{ polarization == 'XX' }}"     # polarization is one of VV, VH, HH, HV
    """
    for step in subject.steps:
        path = (*step.path, "when")
        if isinstance(step.when, bool):
            if path in subject.document.nodes:
                outcome = "always" if step.when else "never"
                yield subject.at(
                    path, f"the step '{step.id}' {outcome} runs, because its condition is constant"
                )
            continue
        yield from _check_condition(subject, path, step.when)


def _check_condition(subject: Subject, path: DataPath, text: str) -> Iterator[Problem]:
    try:
        if not references(text).all:
            yield subject.at(path, "the condition reads no value, so its result is always the same")
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
            if not any(_may_equal(value, member) for member in type_system.members(kind)):
                yield subject.at(path, f"{name} is never {value!r}", f"it is {type_system.words(kind)}")


def _compared(subject: Subject, node: nodes.Compare) -> tuple[str, Any]:
    chain = field_chain(node.expr)
    known = chain is not None and subject.scope is not None
    return (".".join(chain), subject.scope.type_of(chain)) if known else ("", Any)  # type: ignore[arg-type,union-attr]


def _may_equal(value: Any, kind: Any) -> bool:
    """Return whether a value of a type can equal a value: 1 equals 1.0 and true, but no text."""
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if value is None or kind is type_system.NONE:
        return value is None and kind in (type_system.NONE, Any)
    if kind is str:
        return isinstance(value, str)
    return not (kind in (int, float, bool) and isinstance(value, str))


@rule("IR025", "warning", "basic")
def unused(subject: Subject) -> Iterator[Problem]:
    """A parameter or variable is never read.

    Setting such a parameter has no effect.
    """
    if subject.scope is None or not subject.steps:
        return
    read: set[str] = set()
    for _, found in subject.scope.reads:
        if isinstance(found, ExpressionError):
            return
        read |= found.names
    recipe = subject.scope.recipe
    for kind, names in (("parameter", recipe.parameters), ("variable", recipe.variables)):
        for name in names:
            if name not in read:
                yield subject.at_key(
                    (f"{kind}s", name), f"the {kind} '{name}' is never used", "use it or remove it"
                )


@rule("IR028", "info", "basic", fixable=True)
def constant_expression(subject: Subject) -> Iterator[Problem]:
    """An expression is a constant.

    `"{{ 3 }}"` means `3`. `--fix` removes the braces.
    """
    for path, text in subject.expressions:
        tree = _whole(text)
        if isinstance(tree, nodes.Const) and isinstance(tree.value, int | float | bool):
            plain = str(tree.value).lower() if isinstance(tree.value, bool) else str(tree.value)
            edits = (Edit(subject.document.mark(path), plain),)
            yield subject.at(path, "the expression is a constant", f"write {plain}", edits=edits)


def _whole(text: str) -> nodes.Expr | None:
    try:
        return whole_expression(text) if plain_chain(text) is None else None
    except ExpressionError:
        return None


@rule("IR029", "info", "shared")
def written_before(subject: Subject) -> Iterator[Problem]:
    """A step is written above a step that runs before it.

    The order in the file does not matter to the runner, but people read from top to bottom.
    """
    if subject.scope is None:
        return
    order = {step.id: step.index for step in subject.steps}
    for step in subject.steps:
        for name in subject.scope.waits[step.id]:
            if order[name] > step.index:
                yield Problem(
                    step.mark,
                    f"the step '{step.id}' is written above the step '{name}', which runs before it",
                )


@rule("IR056", "info", "shared")
def too_complex(subject: Subject) -> Iterator[Problem]:
    """An expression has more than 160 characters, or a recipe has more than 60 steps.

    Split long expressions into `variables` and long recipes into parts.
    """
    for path, text in subject.expressions:
        if len(text) > 160:
            yield subject.at(path, f"the expression has {len(text)} characters", "split it into variables")
    if len(subject.steps) > 60:
        yield subject.at_key(
            ("steps",), f"the recipe has {len(subject.steps)} steps", "move some of them into a part"
        )


@rule("IR057", "info", "shared")
def redundant_needs(subject: Subject) -> Iterator[Problem]:
    """`needs` names a step whose outputs are read anyway."""
    for step in subject.steps:
        try:
            read = references([step.with_, step.when]).steps
        except ExpressionError:
            continue
        for index, name in enumerate(step.needs):
            if name in read:
                path = (*step.path, "needs", index)
                yield subject.at(path, f"'{name}' is not needed here, because the step reads its outputs")


@rule("IR037", "warning", "basic")
def required_with_default(subject: Subject) -> Iterator[Problem]:
    """A required parameter has a default, which is never used."""
    for parameter in subject.parameters:
        if parameter.required and parameter.has_default:
            message = f"the parameter '{parameter.name}' is required, so its default is never used"
            yield subject.at_key(
                ("parameters", parameter.name, "default"),
                message,
                "remove the default, or the name from required",
            )


@rule("IR031", "warning", "basic")
def deprecated_input(subject: Subject) -> Iterator[Problem]:
    """A step sets a deprecated parameter of a part."""
    for step in subject.steps:
        for name in step.with_ if step.part is not None else ():
            parameter = step.part.parameters.get(name) if step.part else None
            if parameter is not None and parameter.schema.get("deprecated"):
                path = (*step.path, "with", name)
                yield subject.at_key(
                    path, f"'{name}' of {step.uses} is deprecated", parameter.description or None
                )
