"""Checks of a recipe with values: of its expressions, settings and inputs, and of the texts of its templates.

A problem leads from ISCE2's property to the XML's line, the template's line, the value in ``with: values:``
and its parameter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from isce2_recipe.expressions import ExpressionError, evaluate, references
from isce2_recipe.problems import Problem
from isce2_recipe.recipe import isce2_xml, templates
from isce2_recipe.recipe.inputs_check import (
    check_known,
    check_nulls,
    check_part_values,
    check_refusals,
)
from isce2_recipe.recipe.isce2_xml import XmlProblem
from isce2_recipe.recipe.items import check_items
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.samples import Samples, inside, is_known, namespace
from isce2_recipe.recipe.scope import Actions, Scope
from isce2_recipe.recipe.settings import check_settings
from isce2_recipe.sandbox import budget

RENDER_ACTION = "template.render"


def template_of(step: Step, samples: Samples) -> str | None:
    """Return the name of the template that a step renders; None if it renders none or only a run knows it."""
    name = step.with_.get("template")
    if step.uses != RENDER_ACTION or not is_known(name, samples.known):
        return None
    with suppress(ExpressionError):
        name = evaluate(name, samples.names)
    return name if isinstance(name, str) else None


def check_values(recipe: Recipe, actions: Actions, parameters: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a recipe's expressions, settings, inputs and templates for parameter values.

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
    scope = Scope(recipe, actions)
    with budget():
        return check_samples(scope, namespace(scope, parameters))


def check_samples(scope: Scope, samples: Samples) -> list[Problem]:
    """Return what `check_values` finds, for values of some or all parameters."""
    with budget():
        return list(_check_samples(scope, samples, scope.recipe.path))


def check_null_defaults(scope: Scope) -> list[Problem]:
    """Return what is wrong when every parameter with the default null has that value.

    `check_samples` has samples in their places.
    """
    nulls = {
        name: None for name, one in scope.recipe.parameters.items() if one.schema.get("default", 0) is None
    }
    if not nulls:
        return []
    with budget():
        samples = namespace(scope, nulls)
        return [*check_known(scope, samples), *check_refusals(scope, samples)]


def _check_samples(scope: Scope, samples: Samples, home: Path) -> Iterator[Problem]:
    """Yield what is wrong with a recipe, and with its parts, whose templates are those of the recipe."""
    yield from check_known(scope, samples)
    yield from check_settings(scope, samples)
    yield from check_items(scope, samples)
    yield from check_nulls(scope, samples)
    yield from check_refusals(scope, samples)
    for step in scope.recipe.steps:
        if samples.skips(step):
            continue
        template = template_of(step, samples)
        if template is not None:
            yield from _check_template(scope.recipe, step, template, samples, home)
        if step.part is not None:
            yield from check_part_values(scope, step, step.part, samples)
            where = f"in the part that step '{step.id}' of {scope.recipe.path} uses"
            for problem in _check_samples(*inside(scope, step, step.part, samples), home):
                advice = where if problem.hint is None else f"{problem.hint}, {where}"
                yield problem._replace(advice=advice)


def _check_template(
    recipe: Recipe, step: Step, template: str, samples: Samples, home: Path
) -> Iterator[Problem]:
    """Yield what is wrong with a template, with the names of its values, and with what it makes of them."""
    try:
        wanted = templates.facts(template, home).wanted
    except templates.TemplateProblemError as exc:
        yield _template_problem(recipe, step, exc)
        return
    values = step.with_.get("values", {})
    missing = sorted(wanted - set(values)) if isinstance(values, Mapping) else []
    if missing:
        path = (*step.path, "with", "values")
        path = path if path in recipe.document.nodes else (*step.path, "with", "template")
        what = f"the template {template} also needs {', '.join(missing)}"
        yield recipe.document.problem(path, "IR027", what, key=True)
        return
    tried = samples.fill_in(values)
    if tried is not None:
        yield from check_rendered(recipe, step, template, tried[0], known=tried[1], home=home)


def check_rendered(
    recipe: Recipe,
    step: Step,
    template: str,
    values: Mapping[str, Any],
    *,
    known: Collection[str] | None = None,
    home: Path | None = None,
) -> list[Problem]:
    """Return what is wrong with the text that a template step would write.

    Parameters
    ----------
    recipe : Recipe
        The step's recipe.
    step : Step
        A step that renders a template.
    template : str
        The template's name.
    values : mapping
        ``with: values:`` evaluated.
    known : collection of str, optional
        The values that are real; properties made from others are not checked. All values by default.
    home : Path, optional
        The file next to which templates are searched; by default the step's recipe.
    """
    home = home or recipe.path
    try:
        rendered = templates.render(template, values, recipe_file=home)
    except templates.TemplateProblemError as exc:
        real = known is None or values.keys() <= set(known)
        return [_template_problem(recipe, step, exc)] if real else []
    if not template.removesuffix(".j2").endswith(".xml"):
        return []
    return [
        _problem(recipe, step, rendered, one, home)
        for one in isce2_xml.check(rendered.text)
        if known is None or _is_certain(home, rendered, one, known)
    ]


def _is_certain(
    home: Path, rendered: templates.Rendered, problem: XmlProblem, known: Collection[str]
) -> bool:
    """Return whether a problem does not depend on a value that is only a sample."""
    if problem.certain:
        return True
    names = templates.names_on_line(_origin(rendered, problem.line), home)
    return all(name in known for name in names)


def _origin(rendered: templates.Rendered, line: int) -> templates.TemplateLine:
    return rendered.origins[min(line, len(rendered.origins)) - 1]


def _problem(
    recipe: Recipe, step: Step, rendered: templates.Rendered, found: XmlProblem, home: Path
) -> Problem:
    origin = _origin(rendered, found.line)
    values = step.with_.get("values")
    values = values if isinstance(values, Mapping) else {}
    names = [name for name in templates.names_on_line(origin, home) if name in values]
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
