"""Checks of the XML that a template step would write, with problems placed in the recipe.

A problem leads from ISCE2's property to the XML's line, the template's line, the value in ``with: values:``
and its parameter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from isce2_recipe.expressions import ExpressionError, references
from isce2_recipe.problems import Problem
from isce2_recipe.recipe import isce2_xml, templates
from isce2_recipe.recipe.inputs_check import check_nulls, check_part_values
from isce2_recipe.recipe.isce2_xml import XmlProblem
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.samples import Samples, inside, namespace, too_much
from isce2_recipe.recipe.scope import Actions, Scope
from isce2_recipe.recipe.settings import check_settings, has_settings
from isce2_recipe.sandbox import budget

RENDER_ACTION = "template.render"


def is_xml(step: Step) -> bool:
    """Return whether a step renders XML from a template whose name is no expression."""
    name = step.with_.get("template")
    return step.uses == RENDER_ACTION and isinstance(name, str) and name.removesuffix(".j2").endswith(".xml")


def check_values(recipe: Recipe, actions: Actions, parameters: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a recipe's settings, inputs and templates for these parameter values.

    Samples replace values that only a run knows; properties made from them are not checked.

    Parameters
    ----------
    recipe : Recipe
        As loaded and checked.
    actions : mapping
        Known actions by name.
    parameters : mapping
        Values of all parameters, from `resolve_parameters`.
    """
    if not _has_values(recipe):
        return []
    scope = Scope(recipe, actions)
    with budget():
        return list(_check_values(scope, namespace(scope, parameters)))


def _has_values(recipe: Recipe) -> bool:
    """Return whether anything in a recipe or its parts depends on values."""
    inner = (step.part for step in recipe.steps if step.part is not None)
    conditional = any(isinstance(step.when, str) or (step.part and step.with_) for step in recipe.steps)
    return (
        conditional
        or bool(recipe.variables)
        or has_settings(recipe)
        or any(map(is_xml, recipe.steps))
        or any(map(_has_values, inner))
    )


def _check_values(scope: Scope, samples: Samples) -> Iterator[Problem]:
    yield from too_much(scope, samples)
    yield from check_settings(scope, samples)
    yield from check_nulls(scope, samples)
    for step in scope.recipe.steps:
        if samples.skips(step):
            continue
        tried = samples.fill_in(step.with_.get("values", {})) if is_xml(step) else None
        if tried is not None:
            yield from check_rendered(scope.recipe, step, tried[0], known=tried[1])
        if step.part is not None:
            yield from check_part_values(scope, step, step.part, samples)
        if step.part is not None and _has_values(step.part):
            where = f"in the part that step '{step.id}' of {scope.recipe.path} uses"
            for problem in _check_values(*inside(scope, step, step.part, samples)):
                advice = where if problem.hint is None else f"{problem.hint}, {where}"
                yield problem._replace(advice=advice)


def check_rendered(
    recipe: Recipe, step: Step, values: Mapping[str, Any], *, known: Collection[str] | None = None
) -> list[Problem]:
    """Return what is wrong with the XML that a template step would write.

    Parameters
    ----------
    recipe : Recipe
        The step's recipe.
    step : Step
        One for which `is_xml` holds.
    values : mapping
        ``with: values:`` evaluated.
    known : collection of str, optional
        The values that are real; properties made from others are not checked. All values by default.
    """
    template = str(step.with_["template"])
    try:
        rendered = templates.render(template, values, recipe_file=recipe.path)
    except templates.TemplateProblemError as exc:
        real = known is None or values.keys() <= set(known)
        return [_template_problem(recipe, step, exc)] if real else []
    return [
        _problem(recipe, step, rendered, one)
        for one in isce2_xml.check(rendered.text)
        if known is None or _is_certain(recipe, rendered, one, known)
    ]


def _is_certain(
    recipe: Recipe, rendered: templates.Rendered, problem: XmlProblem, known: Collection[str]
) -> bool:
    """Return whether a problem does not depend on a value that is only a sample."""
    if problem.certain:
        return True
    names = templates.names_on_line(_origin(rendered, problem.line), recipe.path)
    return all(name in known for name in names)


def _origin(rendered: templates.Rendered, line: int) -> templates.TemplateLine:
    return rendered.origins[min(line, len(rendered.origins)) - 1]


def _problem(recipe: Recipe, step: Step, rendered: templates.Rendered, found: XmlProblem) -> Problem:
    origin = _origin(rendered, found.line)
    values = step.with_.get("values")
    values = values if isinstance(values, Mapping) else {}
    names = [name for name in templates.names_on_line(origin, recipe.path) if name in values]
    path = (*step.path, "with", "values", names[0]) if names else (*step.path, "with", "template")
    target = step.with_.get("to") or str(step.with_["template"]).removesuffix(".j2")
    way = f"line {found.line} of {target}, from line {origin.line} of template {origin.template}"
    if names:
        way += f", value '{names[0]}'{_parameters(values[names[0]])}"
    advice = way if found.suggestion is None else f"{found.suggestion.text} ({way})"
    return recipe.document.problem(
        path, "IR032", found.what, advice=advice, expected=found.expected, found=found.found
    )


def _parameters(value: Any) -> str:
    try:
        names = sorted(references(value).names)
    except ExpressionError:
        names = []
    return f" from {', '.join(names)}" if names else ""


def _template_problem(recipe: Recipe, step: Step, exc: templates.TemplateProblemError) -> Problem:
    where = f"line {exc.origin.line} of template {exc.origin.template}" if exc.origin.line else None
    return recipe.document.problem((*step.path, "with", "template"), "IR035", exc.message, advice=where)
