"""Rendering of templates, with the template's line of every line of the result.

A template is searched for in ``templates/`` next to the recipe or next to its folder, next to the recipe
itself, then among those of the package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import BaseLoader, TemplateNotFound, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.loaders import split_template_path

from isce2_recipe.errors import InputError, RecipeToolError
from isce2_recipe.expressions import ExpressionError, allow_operation
from isce2_recipe.files import read_bounded
from isce2_recipe.noop_cache import Signature, signature
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.python_source import decoded
from isce2_recipe.sandbox import FAILURES, MAX_SOURCE, budget, environment

_MARKER = re.compile("\x01([^\x02]*):(\\d+)\x02")
_LEADING = re.compile("(\x01[^\x02]*\x02)*")


class TemplateLine(NamedTuple):
    """A line of a template; line 0 means the template as a whole."""

    template: str
    line: int


class Rendered(NamedTuple):
    """A rendered template."""

    text: str
    origins: tuple[TemplateLine, ...]  # the template's line of every line of the result


class TemplateProblemError(RecipeToolError):
    """A template cannot be found, read or rendered.

    Attributes
    ----------
    origin : TemplateLine
        The template's line.
    """

    def __init__(self, message: str, origin: TemplateLine) -> None:
        super().__init__(message)
        self.origin = origin


Read = Callable[[Path], str | None]
"""Returns the text of a file, or None if there is no file."""


def read_template(path: Path, folder: Path | None = None) -> str | None:
    """Return the text of a template, or None if there is no such file.

    Parameters
    ----------
    folder : Path, optional
        The folder of templates, which symbolic links must not leave; by default the file's own.

    Raises
    ------
    InputError
        If it is not a regular file of a template's size in that folder, or not UTF-8.
    """
    try:
        if not path.exists():
            return None
        data = read_bounded(path, MAX_SOURCE, folder or path.parent)
        return decoded(data, str(path)) if path.suffix == ".py" else data.decode("utf-8")
    except OSError as exc:
        raise InputError(f"the template {path} cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"the template '{path}' is not a text in UTF-8") from None


def _is_unchanged(path: str, before: Signature) -> bool:
    return bool(signature(path) == before)


class Templates(BaseLoader):
    """Templates in some folders; the first folder that has one counts.

    Parameters
    ----------
    folders : iterable of Path
        The folders in order.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)

    def get_source(self, _: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return a template's text and file, for Jinja2."""
        parts = split_template_path(template)
        for folder in self._folders:
            path = folder.joinpath(*parts)
            unchanged = partial(_is_unchanged, str(path), signature(str(path)))
            text = read_template(path, folder)
            if text is not None:
                return text, str(path), unchanged
        raise TemplateNotFound(template)


def template_texts(template: str, folders: tuple[Path, ...], read: Read) -> dict[str, str]:
    """Return the texts of a template and of all that it includes by name.

    Raise InputError if one of them is missing.
    """
    found: dict[str, str] = {}
    wanted: list[tuple[str, ...]] = [(template,)]
    while wanted:
        names = wanted.pop()
        there = {name: text for name in names if name and (text := _text(name, folders, read)) is not None}
        if not there and OPTIONAL not in names:
            raise InputError(f"there is no template '{names[0]}'", hint=searched(folders))
        for name in there.keys() - found.keys():
            found[name] = there[name]
            wanted += _included_in(found[name])
    return found


@lru_cache(maxsize=64)
def _included_in(text: str) -> list[tuple[str, ...]]:
    """Return the templates that a template's text includes; of each group one must exist."""
    with budget():
        every = environment().parse(text).find_all(nodes.Node)
        return [names for node in every for names in included(node)]


def _text(template: str, folders: tuple[Path, ...], read: Read) -> str | None:
    """Return the text of a template from the first folder that has it; None if there is none."""
    try:
        parts = split_template_path(template)
    except TemplateNotFound:
        return None
    return next((text for folder in folders if (text := read(folder.joinpath(*parts))) is not None), None)


def searched(folders: Iterable[Path]) -> str:
    """Return a hint with the folders in which templates are searched."""
    return f"templates are searched in {', '.join(dict.fromkeys(map(str, folders)))}"


class _LineMarks(Extension):
    """A Jinja2 extension that puts the template's name and line before every line of literal text."""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", _mark_lines(token.value, stream.name or "", token.lineno))
            else:
                yield token


def _mark_lines(text: str, name: str, line: int) -> str:
    parts = text.split("\n")
    marked = [f"\x01{name}:{line}\x02{parts[0]}"]
    marked += [f"\x01{name}:{line + index}\x02{part}" for index, part in enumerate(parts[1:], 1)]
    return "\n".join(marked)


def template_folders(recipe_file: Path | None) -> tuple[str, ...]:
    """Return the folders in which templates of a recipe are searched for, in order."""
    return _template_folders(None if recipe_file is None else recipe_file.parent)


@lru_cache(maxsize=64)
def _template_folders(home: Path | None) -> tuple[str, ...]:
    own = [] if home is None else [home / "templates", home.absolute().parent / "templates", home]
    return tuple(dict.fromkeys(str(folder) for folder in (*own, data_folder("templates"))))


@lru_cache(maxsize=16)
def _environment(folders: tuple[str, ...]) -> Any:
    made = environment(Templates(map(Path, folders)))
    made.add_extension(_LineMarks)
    return made


@lru_cache(maxsize=16)
def reader(folders: tuple[Path, ...]) -> Any:
    """Return Jinja2's environment for the templates in some folders; a changed template is read again."""
    return environment(Templates(folders))


def render(template: str, values: Mapping[str, Any], *, recipe_file: Path | None = None) -> Rendered:
    """Return the template with the values filled in.

    Parameters
    ----------
    template : str
        Name below ``templates/``, such as ``isce2/topsApp.xml.j2``.
    values : mapping
        Values by the template's names; a missing name is an error.
    recipe_file : Path, optional
        The recipe, next to which its own templates may be.

    Raises
    ------
    TemplateProblemError
        With the template's line.
    """
    made = _environment(template_folders(recipe_file))
    try:
        with budget():
            marked = made.get_template(template).render(**values)
    except TemplateNotFound as exc:
        raise TemplateProblemError(f"there is no template '{exc.name}'", TemplateLine(template, 0)) from None
    except TemplateSyntaxError as exc:
        origin = TemplateLine(exc.name or template, exc.lineno)
        raise TemplateProblemError(f"the template cannot be read: {exc.message}", origin) from None
    except InputError as exc:
        raise TemplateProblemError(exc.message, TemplateLine(template, 0)) from None
    except (TemplateError, RecipeToolError, *FAILURES) as exc:
        origin = TemplateLine(template, _line_of(exc, template))
        raise TemplateProblemError(f"the template cannot be filled in: {exc}", origin) from None
    return _unmark(marked, template)


def _line_of(exc: BaseException, template: str) -> int:
    """Return the template's line in a traceback that Jinja2 has rewritten."""
    line, step = 0, exc.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename.endswith(template):
            line = step.tb_lineno
        step = step.tb_next
    return line


def _unmark(marked: str, template: str) -> Rendered:
    """Remove the marks. A line without literal text has the origin of the line above."""
    lines: list[str] = []
    origins: list[TemplateLine] = []
    last = TemplateLine(template, 1)
    for line in marked.split("\n"):
        marks = _MARKER.findall(line)
        if marks:
            # Blocks leave marks of lines without text; the last mark before the text belongs to the text.
            leading = _MARKER.findall(_LEADING.match(line)[0])  # type: ignore[index]
            name, number = leading[-1] if leading else marks[0]
            origins.append(TemplateLine(name, int(number)))
            last = TemplateLine(marks[-1][0], int(marks[-1][1]))
        else:
            origins.append(last)
        lines.append(_MARKER.sub("", line))
    return Rendered("\n".join(lines), tuple(origins))


class TemplateFacts(NamedTuple):
    """Facts of a template that are known without rendering it."""

    wanted: frozenset[str]  # the values it uses, without those of included templates
    # The templates that it includes or extends: of each group one must exist.
    includes: tuple[tuple[str, ...], ...]
    assigned: frozenset[str]  # the names that it sets itself; those that it includes see them
    names: dict[int, list[str]]  # the names that each line reads, in order


def facts(template: str, recipe_file: Path | None = None) -> TemplateFacts:
    """Return what is known of a template with those that it includes.

    Parameters
    ----------
    template : str
        Its name.
    recipe_file : Path, optional
        The recipe, next to which its own templates may be.

    Raises
    ------
    TemplateProblemError
        If one does not exist, cannot be read, includes itself, or holds something that cannot be evaluated.
    """
    with budget():
        return _with_included(template, recipe_file, (), {})


def _with_included(
    template: str, recipe_file: Path | None, above: tuple[str, ...], done: dict[str, TemplateFacts]
) -> TemplateFacts:
    """Return the facts of a template that others include; each is read once."""
    if template in above:
        way = " > ".join((*above[above.index(template) :], template))
        raise TemplateProblemError(f"a template includes itself: {way}", TemplateLine(above[-1], 0))
    if len(above) > MAX_INCLUDED:
        what = f"more than {MAX_INCLUDED} templates are included within each other"
        raise TemplateProblemError(what, TemplateLine(above[0], 0))
    if template not in done:
        found = _own_facts(template, recipe_file)
        wanted = found.wanted
        for names in found.includes:
            there = [name for name in names if has_template(name, recipe_file)]
            for name in there[:1] or ([] if OPTIONAL in names else names[:1]):
                below = _with_included(name, recipe_file, (*above, template), done)
                wanted |= below.wanted - found.assigned
        done[template] = found._replace(wanted=wanted)
    return done[template]


def _own_facts(template: str, recipe_file: Path | None) -> TemplateFacts:
    made = _environment(template_folders(recipe_file))
    try:
        return _facts(made, made.loader.get_source(made, template)[0], template)
    except TemplateNotFound:
        raise TemplateProblemError(f"there is no template '{template}'", TemplateLine(template, 0)) from None
    except TemplateSyntaxError as exc:
        origin = TemplateLine(template, exc.lineno)
        raise TemplateProblemError(f"the template cannot be read: {exc.message}", origin) from None
    except InputError as exc:
        raise TemplateProblemError(exc.message, TemplateLine(template, 0)) from None
    except (TemplateError, *FAILURES) as exc:
        what = str(exc) or "it is nested too deeply"
        raise TemplateProblemError(
            f"the template cannot be read: {what}", TemplateLine(template, 0)
        ) from None


MAX_INCLUDED = 20
"""Most templates that may be included within each other."""


def has_template(template: str, recipe_file: Path | None = None) -> bool:
    """Return whether there is a template of that name."""
    made = _environment(template_folders(recipe_file))
    try:
        made.loader.get_source(made, template)
    except (TemplateNotFound, InputError):
        return False
    return True


@lru_cache(maxsize=64)
def _facts(made: Any, source: str, template: str) -> TemplateFacts:
    parsed: nodes.Template = made.parse(source, template)
    names: dict[int, list[str]] = {}
    includes: list[tuple[str, ...]] = []
    assigned = frozenset(name.name for name in parsed.find_all(nodes.Name) if name.ctx != "load")
    for node in parsed.find_all(nodes.Node):
        if isinstance(node, nodes.Name) and node.ctx == "load":
            names.setdefault(node.lineno, []).append(node.name)
        try:
            allow_operation(node)
            includes += included(node)
        except ExpressionError as exc:
            raise TemplateProblemError(exc.message, TemplateLine(template, node.lineno)) from None
    wanted = frozenset(meta.find_undeclared_variables(parsed))
    return TemplateFacts(wanted, tuple(includes), assigned, names)


_INCLUDES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


OPTIONAL = ""
"""The name among those of an include if none of the others need exist."""


def included(node: Any) -> Iterator[tuple[str, ...]]:
    """Yield the names that an include gives, of which one must exist; nothing for other nodes.

    Raise ExpressionError if a name is not constant: the content key of the step could not depend on the
    template then.
    """
    if not isinstance(node, _INCLUDES):
        return
    try:
        given = node.template.as_const()
    except nodes.Impossible:
        given = None
    names = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not names or not all(isinstance(name, str) for name in names):
        raise ExpressionError("the name of an included template must be a constant text", text="")
    yield (*names, OPTIONAL) if getattr(node, "ignore_missing", False) else names


def names_on_line(origin: TemplateLine, recipe_file: Path | None = None) -> list[str]:
    """Return the values that a line of a template uses, in order."""
    try:
        return facts(origin.template, recipe_file).names.get(origin.line, [])
    except TemplateProblemError:
        return []
