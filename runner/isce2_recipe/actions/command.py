"""The action that runs a program of the user's."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import resource
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from isce2_recipe import processes
from isce2_recipe.actions.base import Action, Context, Question, Read, StepAction, Wrong, action
from isce2_recipe.errors import InputError, ProgramFailed
from isce2_recipe.expressions import has_expression
from isce2_recipe.problems import did_you_mean
from isce2_recipe.recipe.type_system import fits, words
from isce2_recipe.redact import is_secret_name
from isce2_recipe.types import FileName

BASE_VARIABLES = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "TZ", "TMPDIR",
    "LD_LIBRARY_PATH", "CONDA_PREFIX", "VIRTUAL_ENV", "GDAL_DATA", "PROJ_DATA", "PROJ_LIB",
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "GDAL_NUM_THREADS", "GDAL_CACHEMAX",
    "ISCE2_RECIPE_RUN", "ISCE2_RECIPE_STEP",
)  # fmt: skip
"""Variables that every program gets. They are in no content key."""

_VERSION_TIMEOUT_S = 60.0
_LONGEST_VERSION = 10_000  # characters
_MOST_PRINTED = 10_000_000  # bytes
_LONGEST_COMMAND = 500  # characters in messages
_FILE = re.compile(r"\{(input|output)\.([A-Za-z0-9_]+)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STDOUT = "stdout"

_IN_STEP_FOLDER = (
    "the program is searched in the step's folder, not next to the recipe: "
    "name it in inputs, as in script: my.sh, and write {input.script} in argv"
)

Argument = str | int | float | Path


def _for_step(general: Action, given: Mapping[str, Any], _folder: Path) -> Action | list[Wrong]:
    """Return the action with the outputs of a step, or what is wrong with its lists."""
    wrong = [*_wrong_lists(given), *_wrong_variables(given), *_wrong_names(given), *_wrong_files(given)]
    outputs = given.get("outputs") or {}
    if wrong or not isinstance(outputs, Mapping):
        return wrong
    names = [*outputs, *([_STDOUT] if given.get("stdout") is not None else [])]
    version, env = given.get("version"), given.get("env")
    program = _literal_program(given)
    return StepAction(
        general, general.inputs, dict.fromkeys(names, Path),
        check=lambda inputs: _check(program or _program(inputs), inputs),
        fingerprint=_environment_digests if env else None,
        asks=_question if version is not None else None,
        steady=version is None and not env,
    )  # fmt: skip


def _wrong_lists(given: Mapping[str, Any]) -> Iterator[Wrong]:
    """Yield lists that are empty or have impossible items."""
    for name in ("argv", "version", "success"):
        if given.get(name) == []:
            yield Wrong(
                (name,), f"'{name}' is empty", "name at least the program" if name != "success" else None
            )
    for place, code in enumerate(_list(given, "success")):
        if isinstance(code, int) and not 0 <= code <= 255:
            yield Wrong(("success", place), f"an exit code is a number from 0 to 255, instead got {code}")
    for name in ("argv", "version"):
        first = next(iter(_list(given, name)), None)
        if isinstance(first, str) and not first.strip():
            yield Wrong((name, 0), "the name of the program is empty", "name a program")
    for name in ("argv", "version", "env"):
        for place, text in enumerate(_list(given, name)):
            if "\0" in str(text):
                yield Wrong((name, place), "a program cannot be given a NUL character")


def _wrong_variables(given: Mapping[str, Any]) -> Iterator[Wrong]:
    """Yield variables without a name, given twice, or with a secret value that files would record."""
    seen: set[str] = set()
    for place, text in enumerate(_list(given, "env")):
        if not isinstance(text, str):
            continue
        name, _, value = text.partition("=")
        if _NAME.fullmatch(name) is None:
            yield Wrong(("env", place), f"'{name}' is not the name of a variable", "write NAME or NAME=value")
        elif name in seen:
            yield Wrong(("env", place), f"the variable '{name}' is given twice", "keep one of the two")
        elif value and is_secret_name(name) and not (has_expression(value) or _FILE.fullmatch(value)):
            yield Wrong(
                ("env", place),
                f"the variable '{name}' is secret by its name, and a value in the recipe would be recorded",
                f"write only {name}, which passes the variable on, or {name}={{{{ a secret parameter }}}}",
            )
        seen.add(name)


def _list(given: Mapping[str, Any], name: str) -> list[Any]:
    found = given.get(name)
    return found if isinstance(found, list) else []


def _wrong_names(given: Mapping[str, Any]) -> Iterator[Wrong]:
    """Yield names of inputs and outputs that expressions or arguments could not read."""
    outputs = given.get("outputs")
    if isinstance(outputs, str) and has_expression(outputs):
        what = "'outputs' must be a mapping that the recipe writes, as plans need the names of the outputs"
        yield Wrong(("outputs",), what, "write each name; its file may be an expression")
    for kind in ("inputs", "outputs"):
        named = given.get(kind)
        for name, file in named.items() if isinstance(named, Mapping) else ():
            if _NAME.fullmatch(str(name)) is None:
                yield Wrong((kind, name), f"'{name}' is not a name", "use letters, digits and _")
            elif name == _STDOUT and kind == "outputs":
                yield Wrong((kind, name), "the output 'stdout' is the file of the input 'stdout'")
            elif kind == "outputs" and not (has_expression(str(file)) or fits(file, FileName)):
                yield Wrong((kind, name), *_no_file_name(str(file)))
    for name, other, file in _same_files(given):
        yield Wrong((_STDOUT,) if name == _STDOUT else ("outputs", name), _same_file(name, other, file))


def _same_files(given: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield outputs whose file is already that of another output: both names, and the file."""
    outputs = given.get("outputs")
    first: dict[str, str] = {}
    named = dict(outputs) if isinstance(outputs, Mapping) else {}
    for name, file in (named | {_STDOUT: given.get(_STDOUT)}).items():
        if isinstance(file, str) and not has_expression(file):
            other = first.setdefault(posixpath.normpath(file), name)
            if other != name:
                yield name, other, file


def _same_file(name: str, other: str, file: str) -> str:
    return f"'{file}' is the file of the output '{other}' and also that of '{name}'"


def _no_file_name(text: str) -> tuple[str, str]:
    return f"'{text}' must be {words(FileName)}", "give a path relative to the step's folder"


def _wrong_files(given: Mapping[str, Any]) -> Iterator[Wrong]:
    """Yield arguments that name an input or output which the step does not have."""
    known = {kind: given.get(f"{kind}s") or {} for kind in ("input", "output")}
    for name in ("argv", "version", "env"):
        for place, text in enumerate(_list(given, name)):
            for kind, wanted in _FILE.findall(text) if isinstance(text, str) else ():
                names = known[kind]
                if isinstance(names, Mapping) and wanted not in names:
                    yield Wrong((name, place), *_no_file(kind, wanted, names))


def _no_file(kind: str, wanted: str, names: Iterable[str]) -> tuple[str, str]:
    return f"the step has no {kind} '{wanted}'", did_you_mean(wanted, names)


def _literal_program(given: Mapping[str, Any]) -> str:
    """Return the program if the recipe names it, so that plans can check it; empty if it is an expression."""
    first = next(iter(_list(given, "argv")), "")
    return first if isinstance(first, str) and not has_expression(first) and "{input." not in first else ""


def _program(inputs: Mapping[str, Any]) -> str:
    first = inputs["argv"][0] if inputs["argv"] else ""
    return "" if isinstance(first, str) and "{input." in first else str(first)


def _check(program: str, inputs: Mapping[str, Any]) -> None:
    """Refuse a program that is not there, before anything runs."""
    version = inputs.get("version")
    if inputs["argv"] == []:
        raise InputError("'argv' is empty", hint="name at least the program")
    for first in (found[0] for found in (inputs.get("argv"), version) if found):
        if not str(first).strip():
            raise InputError("the name of the program is empty")
    for name in (program, str(version[0]) if version else ""):
        reason = missing_program(name)
        if reason:
            raise InputError(reason, hint="install it, or give its absolute path")
    for name, other, file in _same_files(inputs):
        raise InputError(_same_file(name, other, file), hint="give each output a file of its own")


def missing_program(name: str) -> str:
    """Return why a program cannot be started; empty if it can, or if only the run finds that out."""
    if not name or (os.sep in name and not Path(name).is_absolute()) or _FILE.search(name):
        return ""
    if shutil.which(name) is not None:
        return ""
    if os.sep not in name:
        return f"there is no program '{name}' in the folders of PATH"
    return f"'{name}' {'is not executable' if Path(name).exists() else 'does not exist'}"


def _environment(env: Sequence[str]) -> dict[str, str]:
    """Return the variables of a program: the base, those that the step names, and those that it sets."""
    passed = {name: os.environ[name] for name in (*BASE_VARIABLES, *env) if name in os.environ}
    return passed | {name: value for name, equals, value in (text.partition("=") for text in env) if equals}


def _environment_digests(
    inputs: Mapping[str, Any], _templates: tuple[Path, ...], _read: Read
) -> dict[str, object]:
    """Return fingerprints of the variables that a step names, without those that are secret by their name."""
    from isce2_recipe.journal.files import text_digest

    names = [name for name in inputs["env"] or () if "=" not in name and not is_secret_name(name)]
    values = {name: os.environ.get(name) for name in names}
    return {
        f"variable {name}": value if value is None else text_digest(value) for name, value in values.items()
    }


@dataclass(frozen=True, slots=True)
class _Version:
    """A program that prints a version."""

    argv: tuple[str, ...]
    variables: tuple[tuple[str, str], ...]

    def answer(self) -> str:
        """Return what the program prints."""
        shown = shlex.join(self.argv)
        before = processes.before_exec()

        def prepare() -> None:
            before()
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

        most = min(_MOST_PRINTED, *(one % (1 << 64) for one in resource.getrlimit(resource.RLIMIT_FSIZE)))
        with (
            tempfile.TemporaryDirectory(prefix="isce2-recipe-") as folder,
            tempfile.TemporaryFile() as output,
            tempfile.TemporaryFile() as errors,
        ):
            try:
                done = subprocess.run(
                    self.argv,
                    cwd=folder,
                    env=dict(self.variables),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    timeout=_VERSION_TIMEOUT_S,
                    check=False,
                    preexec_fn=prepare,
                )
            except subprocess.TimeoutExpired:
                what = f"the version command '{shown}' did not end within {_VERSION_TIMEOUT_S:g} s"
                raise ProgramFailed(what) from None
            except (OSError, ValueError) as exc:
                raise _not_started(self.argv, exc) from exc
            if max(os.fstat(one.fileno()).st_size for one in (output, errors)) >= most:
                hint = "give a command that prints only a version"
                raise ProgramFailed(
                    f"the version command '{shown}' prints more than {most:,} bytes", hint=hint
                )
            text = _beginning(output) or _beginning(errors)
        if done.returncode:
            last = f": {text.splitlines()[-1][:_LONGEST_COMMAND]}" if text else ""
            raise ProgramFailed(f"the version command '{shown}' {_ending(done.returncode)}{last}")
        return text


def _beginning(file: IO[bytes]) -> str:
    """Return the beginning of what a program has written into a file."""
    file.seek(0)
    text = file.read(_MOST_PRINTED).decode(errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()[:_LONGEST_VERSION]


def _question(inputs: Mapping[str, Any]) -> Question | None:
    if not inputs["version"]:
        return None
    files, outputs = inputs["inputs"] or {}, inputs["outputs"] or {}
    argv = _arguments(inputs["version"], files, outputs)
    variables = _environment(_values(inputs["env"] or (), files, outputs))
    return _Version(tuple(argv), tuple(sorted(variables.items())))


def _arguments(argv: Sequence[Argument], inputs: Mapping[str, Any], outputs: Mapping[str, str]) -> list[str]:
    """Return arguments as texts, in which names of inputs and outputs are replaced by their files."""
    found: list[str] = []
    for item in argv:
        whole = _FILE.fullmatch(item) if isinstance(item, str) else None
        files = inputs.get(whole[2]) if whole is not None and whole[1] == "input" else None
        if isinstance(files, list):
            found += map(str, files)
        else:
            found += _values([str(item)], inputs, outputs)
    return found


def _values(texts: Sequence[str], inputs: Mapping[str, Any], outputs: Mapping[str, str]) -> list[str]:
    def file(match: re.Match[str]) -> str:
        files = inputs if match[1] == "input" else outputs
        if match[2] not in files:
            message, hint = _no_file(match[1], match[2], files)
            raise InputError(message, hint=hint)
        found = files[match[2]]
        if isinstance(found, list):
            raise InputError(
                f"the input '{match[2]}' is a list of files and cannot be part of an argument",
                hint=f"write '{match[0]}' as an argument of its own",
            )
        return str(found)

    return [_FILE.sub(file, text) for text in texts]


def _executes(given: Mapping[str, Any]) -> str:
    argv = given.get("argv")
    return _shown([*map(str, argv)]) if isinstance(argv, list) else str(argv)


@action("command.run", version=1, for_step=_for_step, executes=_executes)
def run(
    ctx: Context,
    *,
    argv: list[str | int | float | Path],
    inputs: dict[str, Path | list[Path]] | None = None,
    outputs: dict[str, str] | None = None,
    env: list[str] | None = None,
    stdin: Path | None = None,
    stdout: FileName | None = None,
    version: list[str | int | float] | None = None,  # noqa: ARG001 - the key depends on it
    success: list[int] | None = None,
) -> Mapping[str, Path]:
    """Run a program of your own, without a shell, in the step's folder.

    The outputs of the step are the files that ``outputs`` names, and ``stdout``. What the program prints is
    in the log of the step. It dies with the step, together with everything that it has started. It gets a
    small environment: `PATH`, `HOME`, the user's name, language, time zone, folders of libraries, conda, GDAL
    and PROJ, and the number of threads. Only files, arguments, and the variables of ``env`` are part of the
    content key. `lint` and `plan` start no program.

    Parameters
    ----------
    argv : list
        The program and its arguments. ``{input.NAME}`` and ``{output.NAME}`` are replaced by files of the
        step. A file of another step is an argument of its own.
    inputs : dict
        Files by name, or lists of files; their content is part of the content key.
    outputs : dict
        Files by name, relative to the step's folder, that the program must leave there. A missing or empty
        one is an error.
    env : list of str
        Variables: ``NAME`` is passed on, ``NAME=value`` is set. A value that is passed on is not recorded,
        and one that is secret by its name is not part of the content key. A value that the recipe sets is
        recorded with it, so a literal one is refused for a secret name; that of a secret parameter is masked.
    stdin : Path
        File that the program reads as its standard input; by default nothing.
    stdout : FileName
        File that receives the standard output, instead of the log.
    version : list
        Program and arguments that print a version, which becomes part of the content key. Only a run starts
        it.
    success : list of int
        Exit codes that mean success; by default 0.

    Examples
    --------
    - id: hillshade
      uses: command.run
      with:
        argv: [gdaldem, hillshade, '{input.dem}', '{output.shade}', -z, 2]
        inputs: {dem: '{{ steps.dem.geotiff }}'}
        outputs: {shade: hillshade.tif}
        version: [gdaldem, --version]
    """
    named = outputs or {}
    for file in named.values():
        if not fits(file, FileName):
            raise InputError("an output: " + ", so ".join(_no_file_name(file)))
    texts = _arguments(argv, inputs or {}, named)
    variables = _environment(_values(env or (), inputs or {}, named))
    for name in env or ():
        if "=" not in name and name not in os.environ:
            ctx.log.warning("the variable %s of env is not set, so the program does not get it", name)
    ctx.log.info("%s", shlex.join(texts))
    code = _run(texts, ctx.out, variables, stdin, stdout)
    if code not in (success or (0,)):
        raise ProgramFailed(f"'{_shown(texts)}' {_ending(code)}")
    kept = named | ({_STDOUT: stdout} if stdout is not None else {})
    for name, file in kept.items():
        _check_output(ctx.out, name, file, _shown(texts))
    return {name: ctx.out / file for name, file in kept.items()}


def _run(
    argv: list[str], folder: Path, variables: dict[str, str], stdin: Path | None, stdout: str | None
) -> int:
    """Run a program to its end and return its exit code; its output goes to that of this process."""
    with ExitStack() as stack:
        stack.enter_context(processes.guarded())
        source: IO[bytes] | int = subprocess.DEVNULL
        target: IO[bytes] | None = None
        if stdin is not None:
            source = stack.enter_context(stdin.open("rb"))
        if stdout is not None:
            (folder / stdout).parent.mkdir(parents=True, exist_ok=True)
            target = stack.enter_context((folder / stdout).open("wb"))
        try:
            child = subprocess.Popen(
                argv,
                cwd=folder,
                env=variables,
                stdin=source,
                stdout=target,
                preexec_fn=processes.before_exec(),  # noqa: PLW1509 (it calls the kernel once and takes no lock)
            )
        except (OSError, ValueError) as exc:
            raise _not_started(argv, exc) from exc
        return child.wait()


def _not_started(argv: Sequence[str], exc: OSError | ValueError) -> ProgramFailed:
    reason = exc.strerror if isinstance(exc, OSError) else str(exc)
    hint = None
    if isinstance(exc, FileNotFoundError):
        hint = _IN_STEP_FOLDER
        if Path(argv[0]).is_absolute() and Path(argv[0]).is_file():
            hint = "the interpreter in the first line of the script does not exist"
    if isinstance(exc, OSError) and exc.errno == errno.ENOEXEC:
        hint = "the first line of a script must name its interpreter, as in #!/bin/sh"
    if isinstance(exc, PermissionError):
        hint = f"make it executable: chmod +x {shlex.quote(argv[0])}"
    return ProgramFailed(f"'{_shown(argv)}' cannot be started: {reason}", hint=hint)


def _shown(argv: Sequence[str]) -> str:
    text = shlex.join(argv)
    return text if len(text) <= _LONGEST_COMMAND else f"{text[:_LONGEST_COMMAND]}..."


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by the signal {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _check_output(folder: Path, name: str, file: str, program: str) -> None:
    """Raise an error for an output that is missing, empty, or outside the step's folder."""
    path = folder / file
    what = f"'{program}' ended without error, but its output '{name}', the file '{file}', "
    if not path.exists():
        there = sorted(one.name for one in folder.iterdir())[:10]
        left = f"it left {', '.join(there)}" if there else "it left no file"
        raise ProgramFailed(f"{what}is missing", hint=f"{left} in the step's folder")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ProgramFailed(f"{what}is a link that leads out of the step's folder")
    if not (any(path.iterdir()) if path.is_dir() else path.stat().st_size):
        raise ProgramFailed(f"{what}is empty")
