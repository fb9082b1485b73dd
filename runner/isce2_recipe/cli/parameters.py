"""The parameters of a recipe as options of ``run`` and ``plan``."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from errno import EFBIG
from pathlib import Path
from typing import Any, TypeVar

import click

from isce2_recipe.errors import InputError, ParameterError, RecipeError, RecipeToolError, UsageError
from isce2_recipe.recipe import available, load, shipped_parts
from isce2_recipe.recipe.document import Document, parse
from isce2_recipe.recipe.loading import MAX_BYTES
from isce2_recipe.recipe.model import Parameter, Recipe
from isce2_recipe.recipe.parameters import Given
from isce2_recipe.redact import texts_of

_RECIPE = "isce2_recipe.recipe"
# The names that an option completes; it also accepts those of plug-ins.
_NAMES = {"source": ("asf", "simulated", "directory:"), "engine": ("auto", "isce2", "builtin")}
_Command = TypeVar("_Command", bound=Callable[..., Any])
_NEGATIVE_NUMBER = re.compile(r"-[\d.]")


class RecipeCommand(click.Command):
    """A command that takes a recipe, and whose further options are the parameters of that recipe."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Load the recipe first, because its parameters are options."""
        name = self._recipe_argument(ctx, args)
        if name is not None:
            try:
                ctx.meta[_RECIPE] = _load(name)
            except RecipeToolError:
                if not ctx.resilient_parsing:
                    raise
        recipe: Recipe | None = ctx.meta.get(_RECIPE)
        lists = set() if recipe is None else _list_spellings(recipe)
        try:
            return super().parse_args(ctx, _repeat_options(args, lists))
        except click.NoSuchOption as exc:
            spellings = [text for each in self.get_params(ctx) for text in each.opts]
            # Parameters may be written with underscores, too, but the help shows hyphens.
            usual = [text for text in spellings if text.startswith("--") and "_" not in text]
            close = difflib.get_close_matches(exc.option_name.replace("_", "-"), usual, 1)
            raise click.NoSuchOption(exc.option_name, possibilities=close, ctx=exc.ctx) from None

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Return the completions of an option; with underscores only if the user began to write one."""
        found = super().shell_complete(ctx, incomplete)
        return [one for one in found if "_" in incomplete or "_" not in one.value]

    def _recipe_argument(self, ctx: click.Context, args: Sequence[str]) -> str | None:
        """Return the first argument that is neither an option nor the value of an option."""
        takes_value: dict[str, bool] = {}
        for option in super().get_params(ctx):
            if isinstance(option, click.Option):
                takes_value |= dict.fromkeys(option.opts, not option.is_flag)
        skip = False
        for arg in args:
            if skip:
                skip = False
            elif arg.startswith("-") and arg != "-":
                skip = takes_value.get(arg, False)
            else:
                return arg
        return None

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the command and the parameters of the recipe."""
        own = super().get_params(ctx)
        recipe: Recipe | None = ctx.meta.get(_RECIPE)
        if recipe is None:
            return own
        taken = {spelling for option in own for spelling in option.opts}
        extra = [_option(parameter, taken) for parameter in recipe.parameters.values()]
        return [*own[:1], *(option for option in extra if option is not None), *own[1:]]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the parameters of the recipe and the options of the command, in two sections."""
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
        """Write what the command does and the summary of the recipe."""
        super().format_help_text(ctx, formatter)
        recipe: Recipe | None = ctx.meta.get(_RECIPE)
        if recipe is not None:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(f"{recipe.name}: {recipe.summary}")


def _load(name: str) -> Recipe:
    """Load the recipe; if it is not valid, raise an error with all problems, not only those of the schema.

    Other problems of a valid recipe are reported later, together with the problems of the parameter values.
    """
    try:
        return load(name)
    except RecipeError:
        from isce2_recipe.actions.registry import load_registry

        return load(name, load_registry())


class ParameterOption(click.Option):
    """An option that sets a parameter of the recipe."""

    parameter: Parameter


class _CompletedType(click.ParamType[str]):
    """A type of texts that the shell completes with suggestions, each of which may have an explanation."""

    def __init__(
        self, name: str, suggest: Callable[[click.Context], Mapping[str, str | None]], *, files: bool = False
    ) -> None:
        self.name = name
        self._suggest = suggest
        self._files = files

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[click.shell_completion.CompletionItem]:
        """Return the completions of an incomplete argument."""
        from click.shell_completion import CompletionItem

        values = self._suggest(ctx)
        found = [
            CompletionItem(value, help=values[value]) for value in values if value.startswith(incomplete)
        ]
        # Files come first, because bash drops what precedes them.
        return [CompletionItem(incomplete, type="file"), *found] if self._files else found


def _describable(_: click.Context) -> Mapping[str, str | None]:
    """Return the names that ``describe`` accepts, with the summaries of actions."""
    from isce2_recipe.actions.registry import load_registry

    actions = {name: one.summary for name, one in load_registry().items()}
    return dict.fromkeys([*available(), *shipped_parts(), "actions", "commands"]) | actions


def _steps_of_run(ctx: click.Context) -> Mapping[str, str | None]:
    """Return the steps of the finished run whose work directory the command line names."""
    from isce2_recipe.products.reading import run_record

    try:
        steps = run_record(Path(ctx.params["workdir"])).get("steps")
    except (InputError, KeyError, TypeError):
        return {}
    return dict.fromkeys(map(str, steps)) if isinstance(steps, dict) else {}


def _known_steps(ctx: click.Context) -> Mapping[str, str | None]:
    recipe: Recipe | None = ctx.meta.get(_RECIPE)
    return {} if recipe is None else dict(_steps_of(recipe))


def _steps_of(recipe: Recipe, prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """Yield the names and summaries of all steps; steps of parts come with and without the part's name."""
    for step in recipe.steps:
        yield prefix + step.id, step.summary
        if step.part is not None:
            yield from _steps_of(step.part, f"{prefix}{step.id}/")
            yield from _steps_of(step.part)


RECIPE = _CompletedType("recipe", lambda _: dict.fromkeys(available()), files=True)
"""The path of a recipe, or the name of a shipped recipe."""

DESCRIBABLE = _CompletedType("recipe", _describable, files=True)
"""A recipe, as `RECIPE`, a shipped part or the name of an action."""

RUN_STEP = _CompletedType("step", _steps_of_run)
"""The name of a step of the run whose work directory is the argument ``workdir``."""

STEP = _CompletedType("step", _known_steps)
"""The name of a step of the recipe, or of a part with all its steps."""


def _known_values(parameter: Parameter) -> Mapping[str, str | None]:
    """Return all possible values; if they are not a fixed set, the examples of an optional parameter."""
    if "boolean" in parameter.types:
        return dict.fromkeys(("true", "false"))
    known = parameter.choices or (parameter.schema.get("examples", ()) if parameter.has_default else ())
    return dict.fromkeys(str(value) for value in known if not isinstance(value, list | dict))


def recipe_of(ctx: click.Context) -> Recipe:
    """Return the recipe that the command line names."""
    found: Recipe = ctx.meta[_RECIPE]
    return found


def shared_option(name: str, default: str, text: str, **rest: Any) -> Callable[[_Command], _Command]:
    """Return an option that a variable of the environment sets too, such as ``ISCE2_RECIPE_ENGINE``."""
    word = name.upper()
    shown: dict[str, Any] = {"default": default, "show_default": True, "metavar": word, "help": text}
    shown["type"] = _CompletedType(name, lambda _: dict.fromkeys(_NAMES[name]))
    return click.option(f"--{name}", envvar=f"ISCE2_RECIPE_{word}", **shown, **rest)


def _list_spellings(recipe: Recipe) -> set[str]:
    lists = [parameter.name for parameter in recipe.parameters.values() if parameter.is_list]
    return {spelling for name in lists for spelling in spellings(name)}


def spellings(name: str) -> list[str]:
    """Return the option names of a parameter: with hyphens, and as in the recipe."""
    return list(dict.fromkeys((f"--{name.replace('_', '-')}", f"--{name}")))


def _repeat_options(args: Sequence[str], lists: set[str]) -> list[str]:
    """Return the arguments with ``--reference=A --reference=B`` in place of ``--reference A B``."""
    result: list[str] = []
    current: str | None = None
    for arg in args:
        if arg.startswith("-") and arg != "-" and not _NEGATIVE_NUMBER.match(arg):
            current = arg if arg in lists else None
            result.append(arg)
        elif current is not None:
            if result[-1] == current:
                result.pop()
            result.append(f"{current}={arg}")
        else:
            result.append(arg)
    return result


def _option(parameter: Parameter, taken: set[str]) -> ParameterOption | None:
    """Return the option of a parameter; None if the command has an option of that name (use --set then)."""
    names = [name for name in spellings(parameter.name) if name not in taken]
    if not names:
        return None
    flag: dict[str, Any] = {"flag_value": "true"} if "boolean" in parameter.types else {}
    option = ParameterOption(
        [*names, f"parameter_{parameter.name}"],
        type=_CompletedType("value", lambda _: _known_values(parameter)),  # checked with the recipe's schema
        multiple=parameter.is_list,
        default=None,
        is_flag=False,
        **flag,
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
        types = [name for name in parameter.types if name not in ("null", "array")]
        item = parameter.schema.get("items", {}).get("type", "text") if parameter.is_list else "text"
        kind = types[0] if types else str(item)
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
        return f"{text}  [default: {_default_text(parameter.default)}]"
    return text


def _default_text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return ",".join(map(str, value)) if isinstance(value, list) else str(value) or "empty"


def given_parameters(
    ctx: click.Context, settings: Sequence[str], files: Sequence[str], options: dict[str, Any]
) -> Given:
    """Return the parameters from files, from --set and from the recipe's options; later ones replace earlier.

    Raise UsageError if the value of --set is not NAME=VALUE.
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
    """Return the only item of a list, whose text may hold the whole list; return other values unchanged."""
    return value[0] if isinstance(value, tuple) else value


def read_text(name: str, most: int, what: str, hint: str) -> str:
    """Return the text of a file of at most so many bytes, or of standard input for ``-``.

    Raise InputError with the hint if it cannot be read; its message calls the file ``what``.
    """
    try:
        with nullcontext(sys.stdin.buffer) if name == "-" else Path(name).open("rb") as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise OSError(EFBIG, f"it is larger than {most:,} bytes")
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise InputError(f"cannot read {what} '{name}': {reason}", hint=hint) from None


def _read_file(name: str) -> Document:
    hint = "give a YAML file with lines NAME: VALUE, or - to read them from standard input"
    text = read_text(name, MAX_BYTES, "the parameters in", hint)
    document = parse(text, "<stdin>" if name == "-" else name)
    if document.problems:
        from isce2_recipe.problems import render

        raise ParameterError(
            render(document.problems, {document.file: text}), problems=tuple(document.problems)
        )
    if not isinstance(document.data, dict):
        raise ParameterError(f"'{name}' contains no parameters", hint="write lines NAME: VALUE")
    return document


def _read_settings(settings: Sequence[str], recipe: Recipe) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set must be NAME=VALUE, instead got '{setting}'")
        name = name.strip().replace("-", "_") if name.strip() not in recipe.parameters else name.strip()
        parameter = recipe.parameters.get(name)
        if parameter is not None and parameter.is_list and name in found:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
        else:
            found[name] = value
    return found
