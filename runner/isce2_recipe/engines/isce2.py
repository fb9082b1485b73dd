"""The reference engine: ISCE2's own applications, run as child processes.

ISCE2 is never imported here: importing it rewires logging, ``sys.path`` and the environment.
"""

from __future__ import annotations

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
from isce2_recipe.recipe.isce2_values import python_value

_APPLICATIONS = "applications"
_TOPS = "topsApp.py"
_STATE = "PICKLE"
_READS_MEASUREMENTS = "preprocess"
_LAST_LINES = 15
_PROBE_TIMEOUT_S = 120
# A broken installation fails to import ISCE2's compiled modules or the GDAL that they were built with.
_PROBE = "import isce, isceobj, zerodop.topozero; from osgeo import gdal; print('version', isce.__version__)"

_RUNNING = re.compile(r"^Running step (\w+)")
_REFUSED_PROPERTY = re.compile(r'attribute corresponding to the key "([^"]+)" is not present in the object')
# Wall time of one burst on two cores (ISCE2 2.6.5), seconds; other steps take about one second.
_SECONDS = {
    "topo": 237.0,
    "fineoffsets": 41.0,
    "fineresamp": 17.0,
    "burstifg": 10.0,
    "mergebursts": 3.4,
    "unwrap": 6.0,
    "geocode": 56.0,
    # Steps of stripmapApp only, for two ALOS scenes of 12288 pulses.
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
# Files that exist after successful steps of topsApp.
_PROMISED = {
    "fineresamp": ("fine_coreg/IW*.xml",),
    "burstifg": ("fine_interferogram/IW*.xml",),
    "filter": ("merged/filt_topophase.flat", "merged/phsig.cor"),
    "geocode": ("merged/*.geo",),
}
OPENCV = "conda-forge: opencv, Debian: python3-opencv"
"""Packages with the module cv2, which only the step ionosphere of stripmapApp imports."""

_EXPLANATIONS = {
    "No space left on device": "free space on that disk, then resume",
    "Cannot open PICKLE/": "the previous step has not run in this folder; start at an earlier step",
    "No module named": "ISCE2's Python or a package that it needs has changed since the installation",
    "No module named 'cv2'": f"install OpenCV for ISCE2's Python ({OPENCV})",
    "MemoryError": "give the run more memory",
    # runTopo.py fails so if the list of bursts is empty.
    "array is 1-dimensional, but 2 were indexed": ("no requested swath has a burst that both passes show"),
    # Icu divides images into patches; up to 264 lines give none (mroipac/icu/src/icu.F).
    "number of patches:                                  0": (
        "ISCE2 leaves the coherence empty for an interferogram of fewer than 265 multilooked lines; use "
        "fewer azimuth looks, more bursts, or --engine builtin"
    ),
}


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation of ISCE2.

    Attributes
    ----------
    applications : Path
        Folder with ``topsApp.py`` and the other applications.
    home : Path or None
        Folder of ISCE2's package; None if ``topsApp.py`` is a user's replacement, which starts ISCE2 in
        another place, for example in a container.
    python : str
        Interpreter that ISCE2 was installed for.
    """

    applications: Path
    home: Path | None
    python: str

    def environment(self, base: Mapping[str, str], cpus: int) -> dict[str, str]:
        """Return the environment of a child process, without a change of this process's environment."""
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
        """Return the command that starts an application.

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
    """Return the ISCE2 that is found by ``ISCE_HOME``, ``PATH`` or the conda environment, in this order."""
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
    """Yield all paths that decide whether ISCE2 is found, and which version."""
    folders = [Path(folder).absolute() for folder in environment.get("PATH", "").split(os.pathsep)]
    yield from (folder / name for folder in folders for name in (_TOPS, "python3"))
    if home := environment.get("ISCE_HOME"):
        yield Path(home).absolute() / _APPLICATIONS / _TOPS
    if conda := environment.get("CONDA_PREFIX"):
        yield Path(conda) / "conda-meta"  # changes with every installation there
        yield from Path(conda).glob("lib/python3.*/site-packages")
    if (found := find_installation(environment)) is not None and found.home is not None:
        yield from (found.home / "__init__.py", found.home / "release_history.py", found.home.parent)
        yield Path(found.python)


def _installed(script: Path, python: str) -> Installation:
    """Return ISCE2 if the script is in its package, or is a link into it; else a replacement of ISCE2."""
    for found in (script, script.resolve()):
        package = found.parent.parent
        if found.parent.name == _APPLICATIONS and (package / "__init__.py").is_file():
            return Installation(found.parent, package, python)
    return Installation(script.parent, None, python)


class Isce2Engine:
    """Runs ISCE2's applications in a folder, each call as a child process that inherits an environment."""

    name = "isce2"

    def __init__(self, installation: Installation, version: str, environment: Mapping[str, str]) -> None:
        self.installation = installation
        self._version = version
        self._environment = dict(environment)

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> Isce2Engine:
        """Return the installed ISCE2, after a check that it works.

        Raises
        ------
        EngineMissing
            If there is none, or if it does not work, with the reason.
        """
        installation = find_installation(environment)
        if installation is None:
            raise EngineMissing(
                f"ISCE2 is not installed: no {_TOPS} in ISCE_HOME, on PATH or in the conda environment",
                hint="conda install -c conda-forge isce2, or use --engine builtin",
            )
        return cls(*_working(installation, environment), environment)

    def version(self) -> str:
        """Return ISCE2's release, or ``unknown`` for a replacement of ISCE2."""
        return self._version

    @classmethod
    def applications(cls) -> Applications:
        """Return all steps of ISCE2's applications, which are listed in ``schemas/isce2``."""
        return {app: isce2_xml.steps(app) for app in isce2_xml.APPLICATIONS}

    def lacks(self, module: str) -> bool:
        """Return whether a module is missing in ISCE2's Python; a replacement of ISCE2 is not checked."""
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
        job.check_measurements()
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
    """Return the installation with the first ``python3`` on PATH with which it works, and its version.

    Raises
    ------
    EngineMissing
        If it works with none, with the reason of its own interpreter.
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
    """Yield every ``python3`` on PATH: a virtual environment may hide the one that ISCE2 was built for."""
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        if python := shutil.which("python3", path=folder or os.curdir):
            yield python


def _probe(installation: Installation, environment: Mapping[str, str]) -> str:
    """Return the version that a child process imports. A replacement of ISCE2 is not imported."""
    if installation.home is None:
        return "unknown"
    with tempfile.TemporaryDirectory() as folder:  # ISCE2 writes a log into the current folder on import
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
        """Return the application's arguments; without ``--steps`` it does not save a state to resume from."""
        inside = self.config.is_relative_to(self.folder)
        config = self.config.relative_to(self.folder) if inside else self.config
        options = [f"--start={self.start}"] if self.start else []
        options += [f"--end={self.end}"] if self.end else []
        return [str(config), *(options or ["--steps"])]

    def by_hand(self, step: str) -> str:
        """Return the command that continues at a step."""
        words = ["isce2-recipe", "app", self.app, *replace(self, start=step).arguments()]
        return f"cd {shlex.quote(str(self.folder))} && {shlex.join(words)}"

    def state_marks(self) -> dict[Path, int]:
        """Return the times of the steps' saved states, to check later that a state is new."""
        return {path: path.stat().st_mtime_ns for path in self.folder.glob(f"{_STATE}/*") if path.is_file()}

    def missing(self, before: Mapping[Path, int]) -> list[str]:
        """Return the promised files that are missing or empty, and the state if it is not new."""
        last = self.folder / _STATE / self.steps[-1]
        lacking = []
        if last.parent.is_dir() and (not last.is_file() or before.get(last) == last.stat().st_mtime_ns):
            lacking.append(f"{_STATE}/{last.name}")
        if self.app != "topsApp":
            return lacking
        promised = [pattern for step in self.steps for pattern in _PROMISED.get(step, ())]
        if "unwrap" in self.steps and self.wants("do unwrap"):
            promised.append("merged/filt_topophase.unw")
        if not self.wants("do interferogram"):
            promised = []
        return lacking + [pattern for pattern in promised if not self.has(pattern)]

    def has(self, pattern: str) -> bool:
        """Return whether there are files of that pattern, none of them empty."""
        found = list(self.folder.glob(pattern))
        return bool(found) and all(path.stat().st_size > 0 for path in found)

    def settings(self) -> isce2_xml.Application:
        """Return what the XML sets."""
        content = self.config.read_bytes()
        return isce2_xml.read_text(content, self.folder, str(self.config), self.app, outside=True)

    def check_measurements(self) -> None:
        """Check the measurements that ISCE2 would find to be damaged only after minutes, if at all.

        Raise InputError if one is missing or incomplete. What ISCE2 refuses by itself is left to it.
        """
        from isce2_recipe.sentinel1.archive import check_slc

        if self.app != "topsApp" or _READS_MEASUREMENTS not in self.steps:
            return
        settings = self.settings()
        for component in ("reference", "secondary"):
            try:
                swaths = settings.value("swaths") or (1, 2, 3)
                polarization = str(settings.value("polarization", component))
                safes = [self.folder / safe for safe in settings.value("safe", component)]
            except InputError:
                continue
            for safe in safes:
                if safe.is_dir() or (safe.suffix == ".zip" and safe.is_file()):
                    check_slc(safe, polarization, swaths)

    def wants(self, name: str) -> bool:
        """Return a flag of topsApp; ISCE2 takes text that is no Python literal as true."""
        settings = self.settings()
        written = settings.written(name)
        return bool(python_value(written.text) if written else settings.value(name))


class _Watch:
    """Reads an application's output for the log, the progress, and the message if it fails."""

    def __init__(
        self, steps: tuple[str, ...], log: logging.Logger, progress: Callable[[float, str], None]
    ) -> None:
        self.step: str | None = None
        self.last: deque[str] = deque(maxlen=_LAST_LINES)
        self.refused_property: str | None = None
        self.explanation: str | None = None
        # ISCE2 prints "ERROR: " for an unknown step, but ends with code 0.
        self.refused = False
        self._log = log
        self._progress = progress
        ends = [0.0]
        for step in steps:
            ends.append(ends[-1] + _SECONDS.get(step, 1.0))
        self._begins = {step: begin / ends[-1] for step, begin in zip(steps, ends, strict=False)}

    def line(self, text: str) -> None:
        """Process one line of output."""
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
    """Run a child process that dies with this process, and return its exit code."""
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
    hint = ", probably because of too little memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def _failure(job: _Job, ending: str, watch: _Watch) -> EngineFailed | InputError:
    """Return the error with the last lines of output and the way to continue."""
    if watch.refused_property is not None:
        return _refused_property(job, watch.refused_property)
    step = watch.step or job.steps[0]
    last = "\n".join(f"    {line}" for line in watch.last) or "    (no output)"
    hints = [*([watch.explanation] if watch.explanation else []), f"to continue by hand: {job.by_hand(step)}"]
    what = f"{job.app} {ending} in its step {step}; its last lines:\n{last}"
    return EngineFailed(what, hint="; ".join(hints))


def _refused_property(job: _Job, key: str) -> InputError:
    """Return an error with line and name; ISCE2 gives neither, and one message for names and values."""
    name = isce2_xml.normalized(key)
    for problem in job.settings().problems():
        if isce2_xml.normalized(problem.name) == name and problem.severity == "error":
            return InputError(problem.text, hint=problem.suggestion.text if problem.suggestion else None)
    return InputError(f"{job.config}: {job.app} refuses the property '{key}' or its value")
