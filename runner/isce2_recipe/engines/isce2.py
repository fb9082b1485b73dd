"""The reference engine: ISCE2's own applications, run as child processes.

ISCE2 is never imported here: importing it rewires logging, ``sys.path`` and the environment.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from isce2_recipe.engines.base import Applications, AppSteps, select_steps
from isce2_recipe.errors import EngineFailed, EngineMissing, InputError
from isce2_recipe.processes import before_exec
from isce2_recipe.recipe import isce2_xml

_APPLICATIONS = "applications"
_TOPS = "topsApp.py"
_STATE = "PICKLE"
_LAST_LINES = 15
_PROBE_TIMEOUT_S = 120
# What a broken installation fails at: compiled modules of ISCE2 and the GDAL they were built with.
_PROBE = "import isce, isceobj, zerodop.topozero; from osgeo import gdal; print('version', isce.__version__)"

_RUNNING = re.compile(r"^Running step (\w+)")
_REFUSED_PROPERTY = re.compile(r'attribute corresponding to the key "([^"]+)" is not present in the object')
# Wall seconds of one burst on two cores (ISCE2 2.6.5); a step that is not named takes about one.
_SECONDS = {
    "topo": 237.0,
    "fineoffsets": 41.0,
    "fineresamp": 17.0,
    "burstifg": 10.0,
    "mergebursts": 3.4,
    "unwrap": 6.0,
    "geocode": 56.0,
    # Of stripmapApp alone, for two ALOS scenes of 12288 pulses.
    "formslc": 20.0,
    "geo2rdr": 70.0,
    "coarse_resample": 50.0,
    "misregistration": 230.0,
    "refined_resample": 25.0,
    "sub_band_resample": 50.0,
    "sub_band_interferogram": 25.0,
    "unwrap_low_band": 12.0,
    "unwrap_high_band": 12.0,
    "ionosphere": 10.0,
}
# Files that steps of topsApp leave when they did their work.
_PROMISED = {
    "fineresamp": ("fine_coreg/IW*.xml",),
    "burstifg": ("fine_interferogram/IW*.xml",),
    "filter": ("merged/filt_topophase.flat", "merged/phsig.cor"),
    "geocode": ("merged/*.geo",),
}
OPENCV = "conda-forge: opencv, Debian: python3-opencv"
"""Packages of the module cv2, which only stripmapApp's step ionosphere imports."""

_EXPLANATIONS = {
    "No space left on device": "free space on that disk, then resume",
    "Cannot open PICKLE/": "the step before has not been run in this folder; start at an earlier one",
    "No module named": "ISCE2's Python or a package it needs is not the one it was installed with",
    "No module named 'cv2'": f"install OpenCV for ISCE2's Python ({OPENCV})",
    "MemoryError": "give the run more memory",
    # runTopo.py, of a list of bursts that is empty.
    "array is 1-dimensional, but 2 were indexed": (
        "no swath that was asked for has a burst that both passes show"
    ),
    # Icu takes images in patches and finds none in one of up to 264 lines (mroipac/icu/src/icu.F).
    "number of patches:                                  0": (
        "ISCE2 leaves the coherence empty for an interferogram of fewer than 265 looked lines; take fewer "
        "azimuth looks, more bursts, or --engine builtin"
    ),
}


@dataclass(frozen=True, slots=True)
class Installation:
    """Where ISCE2 is and how it is started.

    Attributes
    ----------
    applications : Path
        Folder of ``topsApp.py`` and its siblings.
    home : Path or None
        ISCE2's package folder; None where ``topsApp.py`` is a script of the user's that starts ISCE2
        somewhere else, in a container for example.
    python : str
        The interpreter ISCE2 was installed for.
    """

    applications: Path
    home: Path | None
    python: str

    def environment(self, base: Mapping[str, str], cpus: int) -> dict[str, str]:
        """The variables of a child process; those of this process stay as they are."""
        values = dict(base) | {"OMP_NUM_THREADS": str(cpus), "PYTHONUNBUFFERED": "1"}
        if self.home is None:
            return values
        modules = [self.home.parent, self.home / _APPLICATIONS, self.home / "components"]
        programs = [Path(self.python).parent, self.home / _APPLICATIONS, self.home / "bin"]
        return values | {
            "ISCE_HOME": str(self.home),
            "PYTHONPATH": _path_list(modules, base.get("PYTHONPATH")),
            "PATH": _path_list(programs, base.get("PATH")),
        }

    def command(self, app: str) -> list[str]:
        """How an application is started.

        Raises
        ------
        EngineMissing
            If the installation has no such application.
        """
        script = self.applications / f"{app}.py"
        if not script.is_file():
            raise EngineMissing(f"ISCE2 in {self.applications} has no {script.name}")
        return [str(script)] if self.home is None else [self.python, str(script)]


def _path_list(first: Iterable[Path], inherited: str | None) -> str:
    return os.pathsep.join([*map(str, first), *([inherited] if inherited else [])])


def find_installation(environment: Mapping[str, str]) -> Installation | None:
    """ISCE2 as ``ISCE_HOME``, ``PATH`` and the conda environment tell, in this order."""
    conda = environment.get("CONDA_PREFIX")
    path = environment.get("PATH")
    python = shutil.which("python3", path=path) or sys.executable
    if home := environment.get("ISCE_HOME"):
        found = Path(home).absolute() / _APPLICATIONS / _TOPS
        if found.is_file():
            return _installed(found, python)
    if on_path := shutil.which(_TOPS, path=path):
        return _installed(Path(on_path).absolute(), python)
    if conda:
        for found in sorted(Path(conda).glob(f"lib/python3.*/site-packages/isce/{_APPLICATIONS}/{_TOPS}")):
            return _installed(found, str(Path(conda) / "bin" / "python3"))
    return None


def places(environment: Mapping[str, str]) -> Iterator[Path]:
    """Everything that decides whether ISCE2 is found, and which version of it."""
    folders = [Path(folder).absolute() for folder in environment.get("PATH", "").split(os.pathsep)]
    yield from (folder / name for folder in folders for name in (_TOPS, "python3"))
    if home := environment.get("ISCE_HOME"):
        yield Path(home).absolute() / _APPLICATIONS / _TOPS
    if conda := environment.get("CONDA_PREFIX"):
        yield Path(conda) / "conda-meta"  # changes with whatever is installed there
        yield from Path(conda).glob("lib/python3.*/site-packages")
    if (found := find_installation(environment)) is not None and found.home is not None:
        yield from (found.home / "__init__.py", found.home / "release_history.py", found.home.parent)
        yield Path(found.python)


def _installed(script: Path, python: str) -> Installation:
    """ISCE2 itself where the script lies in its package, or is a link to there; else a stand-in for it."""
    for found in (script, script.resolve()):
        package = found.parent.parent
        if found.parent.name == _APPLICATIONS and (package / "__init__.py").is_file():
            return Installation(found.parent, package, python)
    return Installation(script.parent, None, python)


class Isce2Engine:
    """Runs ISCE2's applications in a folder, each call a child process.

    Parameters
    ----------
    installation : Installation
        What to run.
    version : str
        Its version.
    environment : mapping
        Variables the child processes start from.
    """

    name = "isce2"

    def __init__(self, installation: Installation, version: str, environment: Mapping[str, str]) -> None:
        self.installation = installation
        self._version = version
        self._environment = dict(environment)

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> Isce2Engine:
        """The installed ISCE2, after a look whether it works.

        Raises
        ------
        EngineMissing
            If there is none or it does not work, with the reason.
        """
        installation = find_installation(environment)
        if installation is None:
            raise EngineMissing(
                f"ISCE2 is not installed: no {_TOPS} in ISCE_HOME, on PATH or in the conda environment",
                hint="conda install -c conda-forge isce2, or use --engine builtin",
            )
        return cls(*_working(installation, environment), environment)

    def version(self) -> str:
        """ISCE2's release, or ``unknown`` for a stand-in."""
        return self._version

    @classmethod
    def applications(cls) -> Applications:
        """Return all steps of ISCE2's applications; ``schemas/isce2`` has them."""
        return {app: isce2_xml.steps(app) for app in isce2_xml.APPLICATIONS}

    def lacks(self, module: str) -> bool:
        """Whether ISCE2's Python has no module of that name; a stand-in for ISCE2 is not asked."""
        if self.installation.home is None:
            return False
        found = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        environment = self.installation.environment(self._environment, 1)
        return (
            subprocess.run([self.installation.python, "-c", found], env=environment, check=False).returncode
            != 0
        )

    def run(
        self,
        app: str,
        config: Path,
        *,
        folder: Path,
        start: str | None,
        end: str | None,
        log: logging.Logger,
        progress: Callable[[float, str], None],
        cpus: int,
    ) -> None:
        """Run steps of an ISCE2 application; see `isce2_recipe.engines.base.Engine`."""
        steps = select_steps(self.name, self.applications(), AppSteps(app, start, end))
        _require_own_state(self.applications()[app], steps[0], folder)
        job = _Job(app, config, folder, steps, start, end)
        marks = job.state_marks()
        command = [*self.installation.command(app), *job.arguments()]
        log.info("%s (in %s)", shlex.join(command), folder)
        watch = _Watch(job.steps, log, progress)
        code = _run(command, folder, self.installation.environment(self._environment, cpus), watch)
        if code != 0 or watch.refused:
            raise _failure(job, _ending(code), watch)
        missing = job.missing(marks)
        if missing:
            raise _failure(job, f"ended without {', '.join(missing)}", watch)
        progress(1.0, "done")


def _require_own_state(order: Sequence[str], first: str, folder: Path) -> None:
    """Raise an error if only the builtin engine has run the step before the first one in this folder.

    ISCE2 itself runs without its state if it finds none, and ends with code 0.
    """
    previous = order[order.index(first) - 1]
    state = folder / _STATE / previous
    if first != order[0] and not state.is_file() and state.with_name(f"{previous}.json").is_file():
        raise InputError(
            f"ISCE2 cannot start at step '{first}': the builtin engine ran the steps before it in {folder}, "
            f"and {_STATE}/{previous} of ISCE2 is missing",
            hint=f"use --engine builtin, or start with --start={order[0]}",
        )


def _working(installation: Installation, environment: Mapping[str, str]) -> tuple[Installation, str]:
    """The installation with the first ``python3`` on PATH that it works with, and its version.

    Raises
    ------
    EngineMissing
        If it works with none, with the reason why not with its own.
    """
    reasons: list[EngineMissing] = []
    for python in dict.fromkeys([installation.python, *_pythons(environment)]):
        found = replace(installation, python=python)
        try:
            return found, _probe(found, environment)
        except EngineMissing as exc:
            reasons.append(exc)
    raise reasons[0]


def _pythons(environment: Mapping[str, str]) -> Iterator[str]:
    """Every ``python3`` on PATH: an active virtual environment hides the one that ISCE2 was built for."""
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        if python := shutil.which("python3", path=folder or os.curdir):
            yield python


def _probe(installation: Installation, environment: Mapping[str, str]) -> str:
    """The version that a child process finds. A stand-in for ISCE2 is taken at its word."""
    if installation.home is None:
        return "unknown"
    with tempfile.TemporaryDirectory() as folder:  # ISCE2 leaves a log where it is imported
        try:
            done = subprocess.run(
                [installation.python, "-c", _PROBE],
                cwd=folder,
                env=installation.environment(environment, 1),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_PROBE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise EngineMissing(f"ISCE2 in {installation.home} does not work: {exc}") from exc
    found = re.search(r"^version (\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or found is None:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise EngineMissing(
            f"ISCE2 in {installation.home} does not work with {installation.python}: {last}",
            hint="activate the environment it was installed in, or use --engine builtin",
        )
    return found[1]


@dataclass(frozen=True, slots=True)
class _Job:
    """One call of an application."""

    app: str
    config: Path
    folder: Path
    steps: tuple[str, ...]
    start: str | None
    end: str | None

    def arguments(self) -> list[str]:
        """Arguments of the application; without ``--steps`` it would save no state to resume from."""
        inside = self.config.is_relative_to(self.folder)
        config = self.config.relative_to(self.folder) if inside else self.config
        options = [f"--start={self.start}"] if self.start else []
        options += [f"--end={self.end}"] if self.end else []
        return [str(config), *(options or ["--steps"])]

    def by_hand(self, step: str) -> str:
        """The command that goes on at a step."""
        words = ["isce2-recipe", "app", self.app, *replace(self, start=step).arguments()]
        return f"cd {shlex.quote(str(self.folder))} && {shlex.join(words)}"

    def state_marks(self) -> dict[Path, int]:
        """When the state of each step was last saved, to see whether it is saved anew."""
        return {path: path.stat().st_mtime_ns for path in self.folder.glob(f"{_STATE}/*") if path.is_file()}

    def missing(self, before: Mapping[Path, int]) -> list[str]:
        """What the steps promise and did not leave, or left empty or as it was."""
        last = self.folder / _STATE / self.steps[-1]
        lacking = []
        if last.parent.is_dir() and (not last.is_file() or before.get(last) == last.stat().st_mtime_ns):
            lacking.append(f"{_STATE}/{last.name}")
        if self.app != "topsApp":
            return lacking
        promised = [pattern for step in self.steps for pattern in _PROMISED.get(step, ())]
        if "unwrap" in self.steps and self.wants("do unwrap", default=False):
            promised.append("merged/filt_topophase.unw")
        if not self.wants("do interferogram", default=True):
            promised = []
        return lacking + [pattern for pattern in promised if not self.has(pattern)]

    def has(self, pattern: str) -> bool:
        """Whether files of that pattern are there, none of them empty."""
        found = list(self.folder.glob(pattern))
        return bool(found) and all(path.stat().st_size > 0 for path in found)

    def wants(self, name: str, *, default: bool) -> bool:
        """A flag of the configuration, names compared as ISCE2 does: without case and blanks."""
        text = self.config.read_text(encoding="utf-8", errors="replace")
        for found, inside in re.findall(r'<property\s+name="([^"]+)"\s*>(.*?)</property>', text, re.DOTALL):
            if _plain(found) == _plain(name):
                return "true" in inside.lower()
        return default


def _plain(name: str) -> str:
    return "".join(name.split()).lower()


class _Watch:
    """Reads an application's output as it comes: log, progress, and what to say if it fails."""

    def __init__(
        self, steps: tuple[str, ...], log: logging.Logger, progress: Callable[[float, str], None]
    ) -> None:
        self.step: str | None = None
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self.refused_property: str | None = None
        self.explanation: str | None = None
        # ISCE2 refuses steps it does not know with this word, and yet ends with code 0.
        self.refused = False
        self._log = log
        self._progress = progress
        ends = [0.0]
        for step in steps:
            ends.append(ends[-1] + _SECONDS.get(step, 1.0))
        self._begins = {step: begin / ends[-1] for step, begin in zip(steps, ends, strict=False)}

    def line(self, text: str) -> None:
        """Take one line of output."""
        self._log.info("%s", text)
        if text.strip():
            self.last.append(text)
        if running := _RUNNING.match(text):
            self.step = running[1]
            self._progress(self._begins.get(self.step, 0.0), self.step)
        elif property_ := _REFUSED_PROPERTY.search(text):
            self.refused_property = property_[1]
        elif text.startswith("ERROR: "):
            self.refused = True
        for sign, meaning in _EXPLANATIONS.items():
            if sign in text:
                self.explanation = meaning


def _run(command: list[str], folder: Path, environment: dict[str, str], watch: _Watch) -> int:
    """The exit code of a child that dies with this process, its output read line by line."""
    try:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=before_exec(),  # noqa: PLW1509 (it calls the kernel once and takes no lock)
        )
    except OSError as exc:
        raise EngineMissing(f"{command[0]} cannot be started: {exc.strerror}") from exc
    with child:
        try:
            for line in child.stdout or ():
                watch.line(line.rstrip())
        except BaseException:
            child.kill()
            raise
    return child.returncode


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}" if code else "refused its arguments"
    name = signal.Signals(-code).name
    hint = ", probably for want of memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def _failure(job: _Job, ending: str, watch: _Watch) -> EngineFailed | InputError:
    """The error that tells what happened and how to go on."""
    if watch.refused_property is not None:
        return _refused_property(job, watch.refused_property)
    step = watch.step or job.steps[0]
    last = "\n".join(f"    {line}" for line in watch.last) or "    (no output)"
    hints = [*([watch.explanation] if watch.explanation else []), f"to go on by hand: {job.by_hand(step)}"]
    what = f"{job.app} {ending} in its step {step}; its last lines:\n{last}"
    return EngineFailed(what, hint="; ".join(hints))


def _refused_property(job: _Job, key: str) -> InputError:
    """ISCE2 tells neither line nor name, and says the same of a name and of a value it cannot read."""
    entries = {_plain(entry["name"]): entry for entry in isce2_xml.facts(job.app)["properties"]}
    place, written, value = str(job.config), key, ""
    text = job.config.read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), 1):
        for name, inside in re.findall(r'name="([^"]+)"\s*>([^<]*)', line):
            if _plain(name) == _plain(key):
                place, written, value = f"{job.config}:{number}", name, inside.strip()
    if known := entries.get(_plain(key)):
        kind = f"a list of {known['type']}s" if known.get("list") else f"one {known['type']}"
        what = f"{place}: {job.app} cannot read '{value}' as its {known['name']}"
        return InputError(what, hint=f"it takes {kind}")
    close = difflib.get_close_matches(_plain(key), entries, 1)
    hint = (
        f"did you mean '{entries[close[0]]['name']}'?" if close else "names compare without case and blanks"
    )
    return InputError(f"{place}: {job.app} has no property '{written}'", hint=hint)
