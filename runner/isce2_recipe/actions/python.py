"""The action that calls a function of the user's own Python file."""

from __future__ import annotations

import contextlib
import importlib.util
import math
import os
import sys
import traceback
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from isce2_recipe import processes
from isce2_recipe.actions.base import Action, Context, Read, StepAction, Wrong, action
from isce2_recipe.errors import InputError, ProgramFailed
from isce2_recipe.expressions import has_expression
from isce2_recipe.files import read_bounded
from isce2_recipe.journal.values import FILE
from isce2_recipe.recipe.python_source import (
    CONTEXT,
    RESULT,
    Function,
    decoded,
    find_function,
    local_sources,
    parse,
)
from isce2_recipe.recipe.type_system import fits, words
from isce2_recipe.sandbox import MAX_SOURCE

_OWN = ("module", "function")
_LONGEST_TEXT = 1000  # characters of an error
_LONGEST_INTEGER = 4096  # bits; Python reads and writes no more than 4,300 digits


def _for_step(general: Action, given: Mapping[str, Any], folder: Path) -> Action | list[Wrong]:
    """Return the action with the parameters of the function that a step calls."""
    module, function = (given.get(name) for name in _OWN)
    if not isinstance(module, str) or not isinstance(function, str):
        return []  # reported as a missing input, or as one of another type
    unknown = [name for name in _OWN if has_expression(given[name])]
    if unknown:
        return [
            Wrong((unknown[0],), f"'{unknown[0]}' must be a constant, as plans need the function's types")
        ]
    place = PurePosixPath(module)
    if place.is_absolute() or ".." in place.parts or place.suffix != ".py" or "\0" in module:
        what = f"'{module}' is not a Python file in the folder of the recipe"
        return [Wrong(("module",), what, "give its path relative to the recipe, such as scripts/mine.py")]
    found = _find(folder, module, function)
    if isinstance(found, Wrong):
        return [found]
    own = {name: general.inputs[name] for name in _OWN}
    return StepAction(
        general, {**own, **found.parameters}, found.outputs,
        function=lambda ctx, module, **given: general.function(ctx, module=str(folder / module), **given),
        fingerprint=lambda _inputs, _templates, read: _digests(folder, module, read),
        code=lambda read: local_sources(folder, module, read),
    )  # fmt: skip


def _find(folder: Path, module: str, function: str) -> Function | Wrong:
    """Return a function, or what is wrong with the file or the function."""
    place = "module"
    try:
        sources = local_sources(folder, module, lambda path: _read(path, folder))
        tree = parse(sources[Path(module).as_posix()], module)
        place = "function"
        found = find_function(tree, function, module)
    except InputError as exc:
        return Wrong((place,), exc.message, exc.hint)
    taken = next((name for name in _OWN if name in found.parameters), None)
    if taken is not None:
        what = f"the parameter '{taken}' of {function}() has the name of an input of python.call"
        return Wrong((place,), what, f"rename it in {module}")
    return found


def _read(path: Path, folder: Path) -> str | None:
    """Return the text of a file in a folder; None where there is none."""
    try:
        return decoded(read_bounded(path, MAX_SOURCE, folder), path.name)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as exc:
        raise InputError(f"{path} cannot be read: {exc.strerror}") from None


def _digests(folder: Path, module: str, read: Read) -> dict[str, str]:
    from isce2_recipe.journal.files import text_digest

    return {name: text_digest(text) for name, text in local_sources(folder, module, read).items()}


def _executes(given: Mapping[str, Any]) -> str:
    return f"{given.get('function')}() of {given.get('module')}"


@action("python.call", version=1, for_step=_for_step, executes=_executes)
def call(ctx: Context, *, module: str, function: str, **arguments: Any) -> Mapping[str, Any]:
    """Call a function of a Python file of your own.

    The file is next to the recipe or in a folder there. All parameters of the function are inputs of the
    step, with the types of their annotations; files are ``Path``. The outputs of the step are the fields of
    the dataclass that the function returns, or ``result`` if it returns anything else. Annotations are read
    from the text: neither `lint` nor `plan` imports the file. Its text and that of the files in its folder
    that it imports are part of the content key. The function runs in the step's folder, and a first parameter
    ``ctx`` receives the context of an action.

    Parameters
    ----------
    module : str
        The file, relative to the recipe.
    function : str
        Name of the function.

    Examples
    --------
    - id: mask
      uses: python.call
      with:
        module: mine.py
        function: mask
        coherence: '{{ steps.interferogram.coherence }}'
        threshold: 0.3
    """
    file = Path(module)
    source = _read(file, file.parent)
    if source is None:
        raise InputError(f"there is no file '{file}'")
    found = find_function(parse(source, file.name), function, file.name)
    given = dict(arguments)
    if found.takes_context:
        given[CONTEXT] = ctx
    ctx.log.info("%s() of %s", function, file)
    with processes.guarded(), contextlib.chdir(ctx.out):
        try:
            returned = getattr(_import(file), function)(**given)
        except BaseException as exc:  # also SystemExit: the function is not ours
            line = _print_traceback(exc, file)
            place = f"{file.name}:{line}" if line else file.name
            what = f"{function}() of {place} raised {type(exc).__name__}: {_text(exc)}".rstrip(": ")
            raise ProgramFailed(what) from exc
    what = f"{function}() of {file.name}"
    try:
        return _outputs(ctx.out, returned, found, what)
    except (ProgramFailed, MemoryError):
        raise
    except RecursionError as exc:
        raise ProgramFailed(f"{what} returned a value that contains itself, or is nested too deeply") from exc
    except Exception as exc:  # the objects that it returned are not ours
        reason = f"{type(exc).__name__}: {_text(exc)}".rstrip(": ")
        raise ProgramFailed(f"{what} returned a value that cannot be read: {reason}") from exc


def _text(exc: BaseException) -> str:
    """Return the beginning of an error's text; empty if the error of a user's file cannot make one."""
    try:
        text = str(exc)
    except BaseException:
        return ""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _print_traceback(exc: BaseException, file: Path) -> int | None:
    """Print the traceback from a user's file on; return the last line of the file in it, if it is there."""
    line, start = None, exc.__traceback__
    while start is not None and Path(start.tb_frame.f_code.co_filename) != file:
        start = start.tb_next
    trace = start
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename) == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    traceback.print_exception(exc.with_traceback(start or exc.__traceback__))
    return line


class _Neighbours:
    """Finds the files next to a user's file, and only these, when it imports them."""

    def __init__(self, folder: Path, names: frozenset[str]) -> None:
        self._folder = folder
        self._names = names

    def find_spec(self, name: str, path: object = None, _target: object = None) -> ModuleSpec | None:
        """Return where a module is; None for modules that are not in the folder."""
        if path is not None or name not in self._names:
            return None
        package = self._folder / name / "__init__.py"
        file = self._folder / f"{name}.py"
        if file.is_file():
            return importlib.util.spec_from_file_location(name, file)
        if package.is_file():
            inside = [str(package.parent)]
            return importlib.util.spec_from_file_location(name, package, submodule_search_locations=inside)
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(package.parent)]
        return spec


def _import(file: Path) -> ModuleType:
    """Import a user's file; the process ends with the step."""
    sys.dont_write_bytecode = True
    places = local_sources(file.parent, file.name, lambda path: _read(path, file.parent))
    names = frozenset(PurePosixPath(place).parts[0].removesuffix(".py") for place in places) - {file.stem}
    for name in sorted(names & sys.modules.keys()):
        raise ImportError(f"'{name}' is a package and also a file next to {file.name}: rename the file")
    sys.meta_path.insert(0, _Neighbours(file.parent, names))
    name = f"recipe_{file.stem}" if file.stem in sys.modules else file.stem
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _outputs(folder: Path, returned: Any, function: Function, what: str) -> dict[str, Any]:
    """Return the outputs of a step from what its function returned.

    Raises
    ------
    ProgramFailed
        If an output has another type than the annotation, or is a file that does not exist.
    """
    if function.outputs.keys() == {RESULT} and not is_dataclass(returned):
        values = {RESULT: returned}
    else:
        values = {name: getattr(returned, name, None) for name in function.outputs}
    found = {}
    for name, kind in function.outputs.items():
        value = found[name] = _plain(values[name], folder)
        strange = _strange(value)
        if strange is not None:
            raise ProgramFailed(
                f"{what}: the output '{name}' has {strange}, which recipes cannot read",
                hint="return finite numbers, texts, files (Path), and lists and mappings of them",
            )
        if not fits(value, kind):
            shown = f"{type(returned).__name__} {str(value)[:60]!r}"
            raise ProgramFailed(f"{what}: the output '{name}' must be {words(kind)}, instead got {shown}")
        _check_files(value, folder, f"{what}: the output '{name}'")
    return found


def _plain(value: Any, folder: Path) -> Any:
    """Return a value with absolute files, with lists for tuples, and with numbers for scalars of NumPy."""
    if isinstance(value, os.PathLike):
        return folder / os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, folder) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name), folder) for one in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(item, folder) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value


def _strange(value: Any) -> str | None:
    """Return what a value, or one in it, is that the journal cannot record; None if all can be."""
    if isinstance(value, list | dict):
        inside = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        if isinstance(value, dict) and FILE in value:
            return f"a mapping with the key '{FILE}'"
        return next((found for found in map(_strange, inside) if found is not None), None)
    if isinstance(value, float) and not math.isfinite(value):
        return f"the number {value}"
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:
        return f"a whole number of {value.bit_length():,} bits"
    if isinstance(value, str | Path) and not _is_text(str(value)):
        return "text that is not Unicode"
    plain = value is None or isinstance(value, str | int | float | Path)
    return None if plain else f"a value of type {type(value).__name__}"


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _check_files(value: Any, folder: Path, what: str) -> None:
    if isinstance(value, Path):
        name = value.relative_to(folder) if value.is_relative_to(folder) else value
        what_file = f"{what} is the file '{name}', which "
        if not value.exists():
            raise ProgramFailed(f"{what_file}does not exist")
        if not value.resolve().is_relative_to(folder.resolve()):
            raise ProgramFailed(
                f"{what_file}is outside of the step's folder",
                hint="write the file into the working directory, or copy it there, and return that path",
            )
        if not (any(value.iterdir()) if value.is_dir() else value.stat().st_size):
            raise ProgramFailed(f"{what_file}is empty")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_files(item, folder, what)
