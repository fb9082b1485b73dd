"""The page of documentation about a recipe."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.expressions import references
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import shipped_parts
from isce2_recipe.recipe.document import dump
from isce2_recipe.recipe.model import Parameter, Recipe, Step


def facts(recipe: Recipe) -> dict[str, Any]:
    """Return everything that a recipe states about itself, as JSON."""
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "path": str(recipe.path),
        "documentation": dict(recipe.documentation),
        "parameters": {
            name: {**parameter.schema, "required": parameter.required}
            for name, parameter in recipe.parameters.items()
        },
        "steps": [
            {
                "id": step.id,
                "uses": step.uses,
                "summary": step_summary(step),
                "when": step.when,
                "for_each": step.for_each,
                "folder": step.folder,
            }
            for step in recipe.steps
        ],
        "outputs": dict(recipe.outputs),
    }


def step_summary(step: Step) -> str:
    """Return the summary of a step, or else that of its part or its action."""
    if step.summary:
        return step.summary
    if step.part is not None:
        return step.part.summary
    found = load_registry().get(step.uses)
    return "" if found is None else found.summary


def page(recipe: Recipe) -> str:
    """Return the page about a recipe in Markdown."""
    sections = [f"# {recipe.name}", recipe.summary, str(recipe.documentation.get("description", "")).strip()]
    sections += [_usage(recipe), _parameters(recipe), _steps(recipe), _outputs(recipe), _references(recipe)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _usage(recipe: Recipe) -> str:
    part = next((name for name, path in shipped_parts().items() if path.samefile(recipe.path)), None)
    if part is not None and not recipe.steps:
        return f"```yaml\n{dump({'parameters_from': [{'part': part}]})}```"
    if part is not None:
        given = dict.fromkeys(recipe.required, "...")
        step = {"id": recipe.name, "uses": part, **({"with": given} if given else {})}
        return f"```yaml\n{dump([step])}```"
    shipped = recipe.path.resolve().is_relative_to(data_folder("recipes").resolve())
    words = [f"isce2-recipe run {recipe.name if shipped else recipe.path}"]
    used: set[str] = set()
    for name in recipe.required:
        example = _example(recipe.parameters[name], used)
        used.add(example)
        words.append(f"--{name.replace('_', '-')} {example}")
    return "```sh\n" + " \\\n  ".join(words) + "\n```"


def _example(parameter: Parameter, used: Collection[str]) -> str:
    """Return an example as words, one that is not used yet, because a pair needs two different names."""
    examples = parameter.schema.get("examples") or parameter.choices or ("VALUE",)
    texts = [" ".join(map(str, one)) if isinstance(one, list) else str(one) for one in examples]
    return next((text for text in texts if text not in used), texts[0])


def _parameters(recipe: Recipe) -> str:
    if not recipe.parameters:
        return ""
    rows = [
        f"| `{name}` | {_type(parameter)} | {_default(parameter)} | {_cell(parameter.description)} |"
        for name, parameter in recipe.parameters.items()
    ]
    return "\n".join(["## Parameters", "", "| Name | Type | Default | Meaning |", "|---|---|---|---|", *rows])


def _type(parameter: Parameter) -> str:
    if parameter.choices:
        kind = " or ".join(f"`{_plain(choice)}`" for choice in parameter.choices)
    else:
        kind = str(parameter.schema.get("title", "")) or " or ".join(parameter.types) or "any"
    units = f", in {parameter.schema['units']}" if "units" in parameter.schema else ""
    limits = _limits(parameter.schema)
    return _cell(f"{kind}{units}{limits}")


def _limits(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", at least {low}"
    return f", at most {high}" if high is not None else ""


def _default(parameter: Parameter) -> str:
    if parameter.required and not parameter.has_default:
        return "required"
    return f"`{_plain(parameter.default)}`" if parameter.has_default and not parameter.secret else ""


def _plain(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def _steps(recipe: Recipe) -> str:
    if not recipe.steps:
        return ""
    rows = []
    for step in recipe.steps:
        needs = sorted({*references([step.with_, step.when, step.for_each]).steps, *step.needs})
        more = [] if step.when is True else [f"Only when `{_cell(str(step.when).strip('{ }'))}`."]
        if step.for_each is not None:
            more.append(f"For every {step.item} of `{_cell(str(step.for_each).strip('{ }'))}`.")
        when = f". {' '.join(more)}" if more else ""
        after = ", ".join(f"`{name}`" for name in needs)
        rows.append(
            f"| `{step.id}` | `{step.uses}` | {_cell(step_summary(step)).rstrip('.')}{when} | {after} |"
        )
    return "\n".join(["## Steps", "", "| Step | Uses | What it does | After |", "|---|---|---|---|", *rows])


def _outputs(recipe: Recipe) -> str:
    if not recipe.outputs:
        return ""
    rows = [f"* `{name}`: `{_plain(value).strip('{ }')}`" for name, value in recipe.outputs.items()]
    return "\n".join(["## Outputs", "", *rows])


def _references(recipe: Recipe) -> str:
    rows = [f"* {reference}" for reference in recipe.documentation.get("references", ())]
    return "\n".join(["## References", "", *rows]) if rows else ""
