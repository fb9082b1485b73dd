"""What every application needs of its run: work folder, log, threads, and records of finished steps."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from xml.etree import ElementTree as ET

from isce2_recipe.engines.builtin.isceimage import write_xml
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_text
from isce2_recipe.paths import STRIPMAP_PROC, TOPS_PROC
from isce2_recipe.sar.orbit import Orbit

STATE = "PICKLE"
"""ISCE2's folder of the state between steps."""

_PROC = {"topsApp": TOPS_PROC, "stripmapApp": STRIPMAP_PROC}
_T = TypeVar("_T")

# Entries of topsProc.xml or stripmapProc.xml: path of the node -> name of the entry -> value.
Catalog = dict[str, dict[str, Any]]


class Workplace:
    """One run of consecutive steps of an application in a work folder.

    ``folder`` is absolute, ``config`` has the settings, ``progress(fraction, text)`` is for the running step,
    and ``cpus`` is the number of threads that a step may use. With ``looks_only``, the steps of topsApp write
    no raster of full resolution.
    """

    app: ClassVar[str]

    def __init__(
        self,
        folder: Path,
        config: Any,
        log: logging.Logger,
        progress: Callable[[float, str], None],
        cpus: int,
        *,
        looks_only: bool = False,
    ) -> None:
        self.folder = folder
        self.looks_only = looks_only
        self.config = config
        self.log = log
        self.progress = progress
        self.cpus = max(1, cpus)

    def subfolder(self, *names: str) -> Path:
        """Return a folder below the work folder; create it if it is missing."""
        path = self.folder.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def in_threads(self, function: Callable[[_T], None], items: Iterable[_T], text: str) -> None:
        """Call ``function`` for every item in ``cpus`` threads; raise the first error."""
        todo = list(items)
        with ThreadPoolExecutor(self.cpus) as pool:
            for done, _ in enumerate(pool.map(function, todo), 1):
                self.progress(done / len(todo), text)


def orbit_vectors(orbit: Orbit, first_s: float, last_s: float) -> list[dict[str, Any]]:
    """Return time, position and velocity of the state vectors from ``first_s`` to before ``last_s``."""
    inside = (orbit.time_s >= first_s) & (orbit.time_s < last_s)
    return [
        {
            "time": (orbit.epoch + timedelta(seconds=float(time_s))).replace(tzinfo=None),
            "position": position.tolist(),
            "velocity": velocity.tolist(),
        }
        for time_s, position, velocity in zip(
            orbit.time_s[inside], orbit.position_m[inside], orbit.velocity_m_s[inside], strict=True
        )
    ]


def require_previous_steps(folder: Path, steps: Sequence[str], step: str) -> None:
    """Raise an `InputError` that names the missing step if one before ``step`` has not been run here.

    ``steps`` are those of the application, in order, for this function and the following ones.
    """
    for previous in steps[: steps.index(step)]:
        if not _record(folder, previous).is_file():
            raise InputError(
                f"step '{step}' needs the results of step '{previous}', which has not been run in {folder}",
                hint=f"start with --start={previous}",
            )


def clear_step_records(folder: Path, steps: Sequence[str]) -> None:
    """Delete the records of all steps, so that a run starts from the beginning."""
    for step in steps:
        _record(folder, step).unlink(missing_ok=True)


def record_finished_step(job: Workplace, steps: Sequence[str], step: str, catalog: Catalog) -> None:
    """Record that a step has finished; write ``topsProc.xml`` or ``stripmapProc.xml`` with all entries."""
    folder = job.folder
    record = _record(folder, step)
    record.parent.mkdir(exist_ok=True)
    write_text(record, json.dumps(catalog, indent=1, default=str))
    root = ET.Element(Path(_PROC[job.app]).stem)
    for name in steps:
        if _record(folder, name).is_file():
            _add_catalog(root, json.loads(_record(folder, name).read_text(encoding="utf-8")))
    write_xml(folder / _PROC[job.app], root)


def _record(folder: Path, step: str) -> Path:
    return folder / STATE / f"{step}.json"


def _add_catalog(root: ET.Element, catalog: Catalog) -> None:
    for path, entries in catalog.items():
        node = root
        for name in path.split("."):
            found = node.find(name)
            node = ET.SubElement(node, name) if found is None else found
        for key, value in entries.items():
            # Some of ISCE2's names end with a colon, which XML does not allow.
            tag = key.rstrip(": ").replace(" ", "_").replace("/", "_dirslash_")
            existing = node.find(tag)
            (ET.SubElement(node, tag) if existing is None else existing).text = str(value)
