"""IR027 and IR030 to IR036: actions, templates and ISCE2's own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isce2_recipe.lint.rule import Rule, Subject, reported, rule
from isce2_recipe.problems import Problem, suggest
from isce2_recipe.recipe import isce2_xml, templates
from isce2_recipe.recipe.model import Step
from isce2_recipe.recipe.rendering import RENDER_ACTION, check_rendered, is_xml

RUN_ACTION = "isce2.run"

UNKNOWN_ACTION = reported(
    "IR030",
    "error",
    "min",
    """An action, a part or one of its inputs does not exist, or an input is missing.

    Actions come with this package and with packages that offer some; `isce2-recipe doctor` lists them. Parts
    are looked for beside the recipe, then among the shipped recipes.
    """,
)


def _template_steps(subject: Subject) -> Iterator[tuple[Step, str, Mapping[str, Any]]]:
    """Steps that fill in a template named outright, with the template and the values they pass."""
    for step in subject.steps:
        name, values = step.with_.get("template"), step.with_.get("values", {})
        if (
            step.uses == RENDER_ACTION
            and isinstance(name, str)
            and "{{" not in name
            and isinstance(values, Mapping)
        ):
            yield step, name, values


@rule("IR035", "error", "basic")
def broken_template(subject: Subject) -> Iterator[Problem]:
    """A template is missing or cannot be read.

    Templates are looked for in `templates/` beside the recipe, then among those of the package.
    """
    for step, name, _ in _template_steps(subject):
        try:
            templates.facts(name, subject.recipe.path if subject.recipe else None)
        except templates.TemplateProblemError as exc:
            where = f"line {exc.origin.line} of template {exc.origin.template}" if exc.origin.line else None
            yield subject.at((*step.path, "with", "template"), exc.message, where)


@rule("IR027", "error", "basic")
def template_values(subject: Subject) -> Iterator[Problem]:
    """A template uses a value that is not given, or is given one it does not use.

    A missing value would stop the run when the template is filled in; one too many is a warning.
    """
    for step, name, values in _template_steps(subject):
        try:
            facts = templates.facts(name, subject.recipe.path if subject.recipe else None)
        except templates.TemplateProblemError:
            continue
        path = (*step.path, "with", "values")
        at = path if path in subject.document.nodes else (*step.path, "with", "template")
        missing = sorted(facts.wanted - set(values))
        if missing:
            yield subject.at_key(at, f"template {name} also needs {', '.join(missing)}")
        for unused in values if not facts.open_ended else ():
            if unused not in facts.wanted:
                suggestion = suggest(unused, sorted(facts.wanted - set(values)) or sorted(facts.wanted))
                what = f"template {name} does not use '{unused}'"
                yield subject.at_key((*path, unused), what, severity="warning", suggestion=suggestion)


@rule("IR032", "error", "sar")
def isce2_xml_property(subject: Subject) -> Iterator[Problem]:
    """The XML a template gives is not well-formed, or sets a property ISCE2 does not know or would refuse.

    ISCE2 stops at an unknown property with neither its line nor a suggestion. The template is filled in with
    the parameters' defaults, and with stand-ins for what only a run knows; problems lead back from the
    property over the lines of the XML and of the template to the value in the recipe.
    """
    if subject.recipe is None:
        return
    for step in subject.steps:
        tried = subject.samples.fill_in(step.with_.get("values", {})) if is_xml(step) else None
        if tried is None:
            continue
        for problem in check_rendered(subject.recipe, step, tried[0], known=tried[1]):
            if problem.rule == "IR035" and _is_told(subject, step):
                continue
            yield problem


def _is_told(subject: Subject, step: Step) -> bool:
    """Whether other rules say already why a template cannot be filled in."""
    try:
        facts = templates.facts(str(step.with_["template"]), subject.recipe.path if subject.recipe else None)
    except templates.TemplateProblemError:
        return True
    return not facts.wanted <= set(step.with_.get("values", {}))


@rule("IR034", "warning", "sar")
def unstable_template(subject: Subject) -> Iterator[Problem]:
    """A template's text depends on the order in which a mapping was written.

    Equal values then give unequal texts, and steps run again for nothing. Go through mappings with `|
    dictsort`.
    """
    if subject.recipe is None:
        return
    for step, name, values in _template_steps(subject):
        tried = subject.samples.fill_in(values)
        if tried is None or not any(
            isinstance(value, dict) and len(value) > 1 for value in tried[0].values()
        ):
            continue
        try:
            one = templates.render(name, tried[0], recipe_file=subject.recipe.path)
            other = templates.render(name, _reversed(tried[0]), recipe_file=subject.recipe.path)
        except templates.TemplateProblemError:
            continue
        if one.text != other.text:
            path = (*step.path, "with", "template")
            yield subject.at(
                path, f"{name} depends on the order of a mapping", "use | dictsort in the template"
            )


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


@rule("IR033", "error", "sar")
def isce2_step(subject: Subject) -> Iterator[Problem]:
    """`start` or `end` is not a step of the ISCE2 application, or the end comes before the start."""
    for step in subject.steps:
        order = isce2_xml.steps(str(step.with_.get("app"))) if step.uses == RUN_ACTION else ()
        places: dict[str, int] = {}
        for key in ("start", "end") if order else ():
            name = step.with_.get(key)
            if not isinstance(name, str) or "{{" in name:
                continue
            if name not in order:
                what = f"'{name}' is not a step of {step.with_['app']}"
                yield subject.at((*step.path, "with", key), what, suggestion=suggest(name, order))
            else:
                places[key] = order.index(name)
        if len(places) == 2 and places["start"] > places["end"]:
            message = f"'{step.with_['end']}' comes before '{step.with_['start']}'"
            yield subject.at((*step.path, "with", "end"), message, "steps are " + ", ".join(order))


@rule("IR036", "warning", "sar")
def isce2_gap(subject: Subject) -> Iterator[Problem]:
    """An ISCE2 run does not begin where the runs it waits for have ended.

    ISCE2 loads the state the previous step left; where that step never ran, it goes on with a message nobody
    sees, or stops.
    """
    if subject.scope is None:
        return
    runs = {step.id: step for step in subject.steps if step.uses == RUN_ACTION}
    waits = subject.scope.waits
    for step in runs.values():
        order = isce2_xml.steps(str(step.with_.get("app")))
        start = step.with_.get("start")
        if start not in order:
            continue
        before = [runs[name] for name in _all_before(step.id, waits) if name in runs]
        ends = [_end(other, order) for other in before if other.folder == step.folder]
        missing = order.index(start) - max(ends, default=-1) - 1
        if missing > 0 and None not in ends:
            message = f"step '{order[order.index(start) - 1]}' has not run when '{start}' begins"
            hint = "begin earlier, or wait for the step that runs it with needs"
            yield subject.at((*step.path, "with", "start"), message, hint)


def _end(step: Step, order: tuple[str, ...]) -> int:
    end = step.with_.get("end")
    return order.index(end) if end in order else len(order) - 1


def _all_before(name: str, waits: Mapping[str, list[str]]) -> set[str]:
    """Everything a step waits for, directly or not."""
    found: set[str] = set()
    todo = list(waits.get(name, ()))
    while todo:
        other = todo.pop()
        if other not in found:
            found.add(other)
            todo += waits.get(other, ())
    return found


RULES: tuple[Rule, ...] = (
    template_values, UNKNOWN_ACTION, isce2_xml_property, isce2_step, unstable_template, broken_template,
    isce2_gap,
)  # fmt: skip
