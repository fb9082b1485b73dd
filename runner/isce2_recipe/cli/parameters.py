"""Every parameter of a recipe as an option of its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from isce2_recipe.errors import InputError, ParameterError, RecipeError, RecipeToolError, UsageError
from isce2_recipe.recipe import available, load
from isce2_recipe.recipe.document import Document, parse
from isce2_recipe.recipe.model import Parameter, Recipe
from isce2_recipe.recipe.parameters import Given
from isce2_recipe.redact import texts_of

_RECIPE = "isce2_recipe.recipe"
_NUMBER = re.compile(r"-[\d.]")


class RecipeCommand(click.Command):
    """A command whose first word is a recipe, and whose further options are that recipe's parameters."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Load the recipe first: its parameters are options."""
        word = self._recipe_word(ctx, args)
        if word is not None:
            try:
                ctx.meta[_RECIPE] = _load(word)
            except RecipeToolError:
                if not ctx.resilient_parsing:
                    raise
        recipe: Recipe | None = ctx.meta.get(_RECIPE)
        lists = set() if recipe is None else _list_spellings(recipe)
        return super().parse_args(ctx, _repeat_options(args, lists))

    def _recipe_word(self, ctx: click.Context, args: Sequence[str]) -> str | None:
        """The first word that is neither an option nor an option's value."""
        takes_value: dict[str, bool] = {}
        for option in super().get_params(ctx):
            if isinstance(option, click.Option):
                takes_value |= dict.fromkeys(option.opts, not option.is_flag)
        skip = False
        for word in args:
            if skip:
                skip = False
            elif word.startswith("-") and word != "-":
                skip = takes_value.get(word, False)
            else:
                return word
        return None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own options and the recipe's."""
        own = super().get_params(ctx)
        recipe: Recipe | None = ctx.meta.get(_RECIPE)
        if recipe is None:
            return own
        taken = {spelling for option in own for spelling in option.opts}
        extra = [_option(parameter, taken) for parameter in recipe.parameters.values()]
        return [*own[:1], *(option for option in extra if option is not None), *own[1:]]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Parameters of the recipe and options of the command, in two sections."""
        sections: dict[str, list[tuple[str, str]]] = {"Parameters": [], "Options": []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx) if isinstance(option, click.Option) else None
            if record is not None:
                sections["Parameters" if isinstance(option, ParameterOption) else "Options"].append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What the command does, and what the recipe."""
        super().format_help_text(ctx, formatter)
        recipe: Recipe | None = ctx.meta.get(_RECIPE)
        if recipe is not None:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(f"{recipe.name}: {recipe.summary}")


def _load(word: str) -> Recipe:
    """The recipe; where its grammar is wrong, all else that is wrong with it is told as well.

    What is wrong beyond the grammar comes together with what is wrong with the values, once they are read.
    """
    try:
        return load(word)
    except RecipeError:
        from isce2_recipe.actions.registry import load_registry

        return load(word, load_registry())


class ParameterOption(click.Option):
    """A recipe's parameter."""

    parameter: Parameter


class RecipeType(click.ParamType[str]):
    """A recipe's file, or a shipped recipe's name."""

    name = "recipe"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[click.shell_completion.CompletionItem]:
        """What may be written here."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name) for name in available() if name.startswith(incomplete)]
        # Files first: bash forgets what came before them.
        return [CompletionItem(incomplete, type="file"), *names]


class StepType(click.ParamType[str]):
    """A step of the recipe, or a part with all its steps."""

    name = "step"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[click.shell_completion.CompletionItem]:
        """The steps the recipe has."""
        from click.shell_completion import CompletionItem

        recipe: Recipe | None = ctx.meta.get(_RECIPE)
        steps = {} if recipe is None else dict(_steps_of(recipe))
        found = [name for name in steps if name.startswith(incomplete)]
        return [CompletionItem(name, help=steps[name]) for name in found]


def _steps_of(recipe: Recipe, prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Names and summaries of all steps, those in parts with and without the part's name."""
    for step in recipe.steps:
        yield prefix + step.id, step.summary
        if step.part is not None:
            yield from _steps_of(step.part, f"{prefix}{step.id}/")
            yield from _steps_of(step.part)


class _Words(click.ParamType[str]):
    """A parameter's value; the recipe's own reader checks it, the shell learns the choices here."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self.name = "value"

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[click.shell_completion.CompletionItem]:
        """What may be written here."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self._known() if word.startswith(incomplete)]

    def _known(self) -> list[str]:
        """All values there are, else examples of what has a usual value."""
        parameter = self._parameter
        if "boolean" in parameter.types:
            return ["true", "false"]
        known = parameter.choices or (parameter.schema.get("examples", ()) if parameter.has_default else ())
        return [str(value) for value in known if not isinstance(value, list | dict)]


def recipe_of(ctx: click.Context) -> Recipe:
    """The recipe a command is about."""
    found: Recipe = ctx.meta[_RECIPE]
    return found


def _list_spellings(recipe: Recipe) -> set[str]:
    lists = [parameter.name for parameter in recipe.parameters.values() if parameter.is_list]
    return {spelling for name in lists for spelling in spellings(name)}


def spellings(name: str) -> list[str]:
    """How a parameter is written as an option: with hyphens, and as in the recipe."""
    return list(dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}")))


def _repeat_options(args: Sequence[str], lists: set[str]) -> list[str]:
    """``--reference A B`` as ``--reference=A --reference=B``."""
    result: list[str] = []
    current: str | None = None
    for word in args:
        if word.startswith("-") and word != "-" and not _NUMBER.match(word):
            current = word if word in lists else None
            result.append(word)
        elif current is not None:
            if result[-1] == current:
                result.pop()
            result.append(f"{current}={word}")
        else:
            result.append(word)
    return result


def _option(parameter: Parameter, taken: set[str]) -> ParameterOption | None:
    """The option for a parameter; None where the command has one of that name and only --set is left."""
    names = [name for name in spellings(parameter.name) if name not in taken]
    if not names:
        return None
    alone: dict[str, Any] = {"flag_value": "true"} if "boolean" in parameter.types else {}
    option = ParameterOption(
        [*names, f"parameter_{parameter.name}"],
        type=_Words(parameter),
        multiple=parameter.is_list,
        default=None,
        is_flag=False,
        **alone,
        metavar=_metavar(parameter),
        help=_help(parameter),
    )
    option.parameter = parameter
    return option


def _metavar(parameter: Parameter) -> str:
    if parameter.choices:
        text = "|".join(str(choice) for choice in parameter.choices)
    elif "boolean" in parameter.types:
        text = "[true|false]"
    else:
        words = [name for name in parameter.types if name not in ("null", "array")]
        below = parameter.schema.get("items", {}).get("type", "text") if parameter.is_list else "text"
        kind = words[0] if words else str(below)
        text = {"string": "TEXT", "integer": "INTEGER", "number": "NUMBER", "object": "YAML"}.get(
            kind, "TEXT"
        )
        text += f" [{parameter.schema['units']}]" if "units" in parameter.schema else ""
    return f"{text}..." if parameter.is_list else text


def _help(parameter: Parameter) -> str:
    text = parameter.description
    if parameter.required and not parameter.has_default:
        return f"{text}  [required]"
    if parameter.has_default and not parameter.secret:
        return f"{text}  [default: {_show(parameter.default)}]"
    return text


def _show(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value) or "empty"


def given(
    ctx: click.Context, settings: Sequence[str], files: Sequence[str], options: dict[str, Any]
) -> Given:
    """Parameters the user gave: in files, by --set, by options of their own; the later win.

    Raises
    ------
    UsageError
        If a setting is not NAME=VALUE.
    """
    recipe = recipe_of(ctx)
    found, typed = Given(), _read_settings(settings, recipe)
    for file in files:
        document = _read_file(file)
        found.update(document.data)
        found.written.update(dict.fromkeys(document.data, document))
    for name, parameter in recipe.parameters.items():
        value = options.get(f"parameter_{name}")
        if value not in (None, ()):
            typed[name] = list(value) if parameter.is_list and len(value) > 1 else _only(value)
    for name, value in typed.items():
        found[name] = value
        found.written.pop(name, None)
    for name, parameter in recipe.parameters.items():
        if parameter.secret:
            ctx.ensure_object(set).update(texts_of(found.get(name)))
    return found


def _only(value: Any) -> Any:
    """The one word of a list, which may hold the whole list; any other value as it is."""
    return value[0] if isinstance(value, tuple) else value


def _read_file(name: str) -> Document:
    try:
        text = (sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        hint = "give a YAML file of NAME: VALUE lines, or - to read them from standard input"
        raise InputError(f"cannot read the parameters in '{name}': {why}", hint=hint) from None
    document = parse(text, "<stdin>" if name == "-" else name)
    if document.problems:
        from isce2_recipe.problems import render

        raise ParameterError(
            render(document.problems, {document.file: text}), problems=tuple(document.problems)
        )
    if not isinstance(document.data, dict):
        raise ParameterError(f"'{name}' holds no parameters", hint="write NAME: VALUE, one a line")
    return document


def _read_settings(settings: Sequence[str], recipe: Recipe) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set wants NAME=VALUE, instead got '{setting}'")
        name = name.strip().replace("-", "_") if name.strip() not in recipe.parameters else name.strip()
        parameter = recipe.parameters.get(name)
        if parameter is not None and parameter.is_list and name in found:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
        else:
            found[name] = value
    return found
