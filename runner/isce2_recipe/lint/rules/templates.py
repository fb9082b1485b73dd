"""IR027, IR030, IR032 to IR036 and IR039: actions, templates and ISCE2's applications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.lint.rule import Subject, all_needed, rule
from isce2_recipe.problems import Problem, suggest
from isce2_recipe.recipe import isce2_xml, templates
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.rendering import RENDER_ACTION

RUN_ACTION = "isce2.run"


def _template_steps(subject: Subject) -> Iterator[tuple[Step, str, Mapping[str, Any]]]:
    """Yield the steps that render a template of constant name, with that name and their values."""
    for step in subject.steps:
        name, values = step.with_.get("template"), step.with_.get("values", {})
        if (
            step.uses == RENDER_ACTION
            and isinstance(name, str)
            and "{{" not in name
            and isinstance(values, Mapping)
        ):
            yield step, name, values


@rule("IR027", "warning", "basic")
def unused_value(subject: Subject) -> Iterator[Problem]:
    """A template does not use a value that the step gives."""
    for step, name, values in _template_steps(subject):
        try:
            wanted = templates.facts(name, subject.recipe.path if subject.recipe else None).wanted
        except templates.TemplateProblemError:
            continue
        for unused in values:
            if unused not in wanted:
                suggestion = suggest(unused, sorted(wanted - set(values)) or sorted(wanted))
                what = f"the template {name} does not use '{unused}'"
                path = (*step.path, "with", "values", unused)
                yield subject.at_key(path, what, suggestion=suggestion)


@rule("IR034", "warning", "sar")
def unstable_template(subject: Subject) -> Iterator[Problem]:
    """The text of a template depends on the order of the keys of a mapping.

    Equal mappings then give different texts, and steps run again without need. Iterate over mappings with
    `| dictsort`.
    """
    if subject.recipe is None:
        return
    for step, name, values in _template_steps(subject):
        sampled = subject.samples.fill_in(values)
        if sampled is None or not any(
            isinstance(value, dict) and len(value) > 1 for value in sampled[0].values()
        ):
            continue
        try:
            one = templates.render(name, sampled[0], recipe_file=subject.recipe.path)
            other = templates.render(name, _reversed(sampled[0]), recipe_file=subject.recipe.path)
        except templates.TemplateProblemError:
            continue
        if one.text != other.text:
            path = (*step.path, "with", "template")
            yield subject.at(
                path, f"{name} depends on the order of a mapping's keys", "use | dictsort in the template"
            )


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(item) for item in value] if isinstance(value, list) else value


@rule("IR033", "error", "sar")
def isce2_step(subject: Subject) -> Iterator[Problem]:
    """`start` or `end` is not a step of the ISCE2 application, or `end` is before `start`."""
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
            message = f"the end '{step.with_['end']}' is before the start '{step.with_['start']}'"
            yield subject.at((*step.path, "with", "end"), message, "the steps are " + ", ".join(order))


@rule("IR036", "warning", "sar")
def isce2_gap(subject: Subject) -> Iterator[Problem]:
    """An ISCE2 run starts at a step whose previous step has not run.

    ISCE2 loads the state that the previous step has written. If that step has not run, ISCE2 continues with
    wrong state or stops.
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
        before = [runs[name] for name in all_needed(step.id, waits) if name in runs]
        ends = [_end(other, order) for other in before if other.folder == step.folder]
        missing = order.index(start) - max(ends, default=-1) - 1
        if missing > 0 and None not in ends:
            message = f"the step '{order[order.index(start) - 1]}' has not run when '{start}' begins"
            hint = "start earlier, or add the step that runs it to needs"
            yield subject.at((*step.path, "with", "start"), message, hint)


def _end(step: Step, order: tuple[str, ...]) -> int:
    end = step.with_.get("end")
    return order.index(end) if end in order else len(order) - 1


@rule("IR038", "error", "min")
def lacking_provider(subject: Subject) -> Iterator[Problem]:
    """A step needs something that the source or the engine does not have.

    The rule checks what `lint --source SOURCE` and `lint --engine ENGINE` name, and that some engine has the
    application. Steps with a condition are left to `plan`, which knows the values of the parameters.
    """
    given = subject.providers
    from isce2_recipe import engines
    from isce2_recipe.engines.base import AppSteps
    from isce2_recipe.sources import sources_with

    for outer, step in _steps(subject.recipe, subject.actions):
        path = (*outer.path, "uses")
        action = subject.actions[step.uses]
        lacking = sorted(action.capabilities - given.capabilities) if given.capabilities is not None else []
        if lacking:
            others = ", ".join(sources_with(lacking)) or "none"
            names = ", ".join(lacking)
            what = f"the step '{step.id}' needs {names}, which the source {given.source} does not have"
            yield subject.at(path, what, f"sources that have {names}: {others}")
        wanted = action.runs(step.with_) if action.runs is not None else None
        if wanted is not None and not given.engine and not engines.is_runnable(AppSteps(wanted.app)):
            what = f"the step '{step.id}' runs {wanted.app}, which no engine has"
            yield subject.at(path, what, "applications are topsApp and stripmapApp")
        elif wanted is not None:
            try:
                engines.check_steps(given.engine, given.applications, wanted)
            except InputError as exc:
                yield subject.at(path, exc.message, exc.hint)


def _steps(recipe: Recipe | None, actions: Mapping[str, Any]) -> Iterator[tuple[Step, Step]]:
    """Yield the unconditional steps of a recipe and of its parts, each after the recipe's own step."""
    for step in recipe.steps if recipe is not None else ():
        if step.when is not True:
            continue
        if step.part is not None:
            yield from ((step, inner) for _, inner in _steps(step.part, actions))
        elif step.uses in actions:
            yield step, step
