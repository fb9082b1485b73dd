"""The Python interface: `run` runs a recipe and returns its product."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isce2_recipe import errors
from isce2_recipe.errors import RecipeToolError, StepFailed
from isce2_recipe.journal.values import decode


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run.

    Attributes
    ----------
    workdir : Path
        Folder of the run.
    product : Path or None
        The recipe's output ``product``, or else the first output that is a file or folder.
    outputs : mapping
        All outputs of the recipe, files as absolute paths.
    metadata : mapping
        The run's record (``run.json``): parameters, versions, steps with times, memory and file hashes.
    """

    workdir: Path
    product: Path | None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)


def run(
    recipe: str | Path,
    /,
    *,
    source: str | None = None,
    engine: str | None = None,
    workdir: str | Path | None = None,
    jobs: int | None = None,
    executor: str | None = None,
    keep_going: bool = False,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    **parameters: Any,
) -> RunResult:
    """Run a recipe in a separate process and return the result.

    Parameters
    ----------
    recipe : str or Path
        File of a recipe, or the name of a shipped recipe.
    source, engine : str, optional
        As ``--source`` and ``--engine``.
    workdir : str or Path, optional
        Folder of the run; by default a folder in the current one, named after recipe and inputs.
    jobs : int, optional
        Number of steps that run at the same time.
    executor : str, optional
        As ``--executor``.
    keep_going : bool
        Whether steps that do not depend on a failed step still run.
    on_event : callable, optional
        Called with each event of the run (``docs/events.md``).
    **parameters
        The recipe's parameters.

    Raises
    ------
    RecipeToolError
        The error that ended the run, in its own class.
    """
    command = [sys.executable, "-m", "isce2_recipe", "run", str(recipe), "--json", "--params", "-"]
    given = {"source": source, "engine": engine, "workdir": workdir, "jobs": jobs, "executor": executor}
    for name, value in given.items():
        if value is not None:
            command += [f"--{name}", str(value)]
    command += ["--keep-going"] if keep_going else []
    with tempfile.TemporaryFile("w+") as errors_file:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors_file, text=True
        )
        with process:
            last = _follow(process, json.dumps(_plain(parameters)), on_event)
        errors_file.seek(0)
        if last.get("event") == "run.done":
            return _result(last)
        raise _error(last, errors_file.read(), process.returncode)


def _plain(parameters: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(parameters, default=str))


def _follow(
    process: subprocess.Popen[str], parameters: str, on_event: Callable[[dict[str, Any]], None] | None
) -> dict[str, Any]:
    """Return the last event of a run. The run is stopped if this process is interrupted."""
    last: dict[str, Any] = {}
    try:
        with suppress(BrokenPipeError), process.stdin or nullcontext() as stdin:
            if stdin is not None:
                stdin.write(parameters)
        for line in process.stdout or ():
            last = json.loads(line)
            if on_event is not None:
                on_event(last)
    except BaseException:
        process.terminate()
        raise
    process.wait()
    return last


def _result(event: dict[str, Any]) -> RunResult:
    workdir = Path(event["workdir"])
    outputs = decode(event["outputs"], workdir)
    files = [value for value in outputs.values() if isinstance(value, Path)]
    product = outputs.get("product", files[0] if files else None)
    metadata = json.loads(Path(event["record"]).read_text(encoding="utf-8"))
    return RunResult(workdir, product, outputs, metadata)


def _error(event: dict[str, Any], printed: str, code: int) -> RecipeToolError:
    if event.get("event") != "run.failed":
        return StepFailed(f"the run ended with exit code {code}", hint=printed.strip()[-2000:] or None)
    kind = getattr(errors, event["error"], None)
    if not (isinstance(kind, type) and issubclass(kind, RecipeToolError)):
        kind = StepFailed
    return kind(event["message"], hint=event["hint"])
