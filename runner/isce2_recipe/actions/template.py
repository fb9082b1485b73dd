"""The action that renders templates."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Context, Read, action
from isce2_recipe.errors import InputError, RecipeError
from isce2_recipe.expressions import has_expression
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.templates import reader, searched, template_texts
from isce2_recipe.types import FileName


@dataclass(frozen=True)
class RenderedFile:
    """A file made from a template.

    Attributes
    ----------
    path : Path
        The file.
    """

    path: Path


def _fingerprint(inputs: Mapping[str, Any], folders: tuple[Path, ...], read: Read) -> object:
    """Return the digests of the template's text and of all templates that it includes."""
    from isce2_recipe.journal.files import text_digest

    texts = template_texts(str(inputs["template"]), folders, read)
    return {name: text_digest(text) for name, text in texts.items()}


def _preview(inputs: Mapping[str, Any], folders: tuple[Path, ...]) -> Mapping[str, object]:
    values = {name: _or_later(value) for name, value in inputs.get("values", {}).items()}
    return {"rendered": _render(str(inputs["template"]), folders, values, Path("isce"), Path())}


class _Later(str):
    """The text of an expression that is not evaluated yet. As a list it has one item, itself."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        yield str(self)

    def __html__(self) -> str:
        return str(self)


def _or_later(value: Any) -> Any:
    return _Later(value) if isinstance(value, str) and has_expression(value) else value


@action("template.render", version=1, fingerprint=_fingerprint, preview=_preview)
def render(
    ctx: Context, *, template: str, to: FileName, values: dict[str, Any], folder: str = "isce"
) -> RenderedFile:
    """Render a template with values. Paths in it are relative to the shared ``folder``.

    Parameters
    ----------
    template : str
        Name below ``templates`` next to the recipe or in the package.
    to : FileName
        Name of the file to write.
    values : dict
        Values by the template's names.
    folder : str
        Folder to which paths are relative.
    """
    target = ctx.out / to
    if not target.resolve().is_relative_to(ctx.out.resolve()):
        raise InputError(f"'{to}' is not below the step's folder", hint="give the name of a file")
    start = (ctx.home or ctx.workdir) / folder
    text = _render(template, (*ctx.templates, data_folder("templates")), values, start, ctx.workdir)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", errors="surrogateescape")
    ctx.log.info("%s from %s", to, template)
    return RenderedFile(target)


def _render(
    template: str, folders: tuple[Path, ...], values: Mapping[str, Any], start: Path, workdir: Path
) -> str:
    from jinja2 import TemplateError, TemplateNotFound

    from isce2_recipe.sandbox import FAILURES, budget

    made = reader(folders)
    try:
        with budget():
            text: str = made.get_template(template).render(
                {name: _plain(v, start, workdir) for name, v in values.items()}
            )
        return text
    except TemplateNotFound as exc:
        raise InputError(f"there is no template '{exc.name}'", hint=searched(folders)) from None
    except (TemplateError, *FAILURES) as exc:
        line = getattr(exc, "lineno", None) or _line_of(exc, template)
        place = f"{template}:{line}" if line else template
        hint = "the values are those of `values:` in the recipe"
        raise RecipeError(f"{place}: {exc}", hint=hint) from None


def _line_of(exc: BaseException, template: str) -> int | None:
    """Return the line of the template at which rendering failed, from Jinja2's traceback."""
    trace, line = exc.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith(template):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _plain(value: Any, start: Path, workdir: Path) -> Any:
    """Return a value in which paths are relative to ``start``, so that a work directory can be moved."""
    if isinstance(value, Path):
        return os.path.relpath(value, start) if value.is_relative_to(workdir) else str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item, start, workdir) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, start, workdir) for item in value]
    return value
