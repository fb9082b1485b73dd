"""State that the engine's steps share: settings, bursts, work folder, and records of finished steps."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

from isce2_recipe.engines.builtin.config import TopsConfig, tops_steps
from isce2_recipe.engines.builtin.isceimage import IsceImage, render_xml, write_xml
from isce2_recipe.engines.builtin.swaths import SwathBursts, SwathPair, read_pairs
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_text
from isce2_recipe.paths import TOPS_PROC
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S, BurstGeometry

# Names of ISCE2's folders.
GEOMETRY = "geom_reference"
OFFSETS = "fine_offsets"
COREGISTERED = "fine_coreg"
INTERFEROGRAMS = "fine_interferogram"
STATE = "PICKLE"

# ISCE2 writes the state vectors from this time before to this time after a swath.
_ORBIT_MARGIN_S = 60.0
_WINDOW = ("first_valid_line", "valid_lines", "first_valid_sample", "valid_samples")
_T = TypeVar("_T")

# Entries of topsProc.xml: path of the node -> name of the entry -> value.
Catalog = dict[str, dict[str, Any]]


class Job:
    """One run of consecutive steps in a work folder.

    ``folder`` is absolute, ``progress(fraction, text)`` is for the running step, and ``cpus`` is the number
    of threads that a step may use.
    """

    def __init__(
        self,
        folder: Path,
        config: TopsConfig,
        log: logging.Logger,
        progress: Callable[[float, str], None],
        cpus: int,
    ) -> None:
        self.folder = folder
        self.config = config
        self.log = log
        self.progress = progress
        self.cpus = max(1, cpus)

    @cached_property
    def pairs(self) -> list[SwathPair]:
        """Return the swaths that both dates contain, with their common bursts."""
        return read_pairs(self.config)

    def subfolder(self, *names: str) -> Path:
        """Return a folder below the work folder; create it if it is missing."""
        path = self.folder.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write_product(
        self,
        folder: str,
        swath: SwathBursts,
        bursts: list[tuple[BurstGeometry, IsceImage]],
        name: str | None = None,
    ) -> None:
        """Write ISCE2's description of the bursts of a swath, such as ``reference/IW2.xml``.

        ``bursts`` holds the geometry, with the valid window, and the raster of each burst.
        """
        orbit = swath.orbit
        start, stop = orbit.seconds(bursts[0][0].start), orbit.seconds(bursts[-1][0].stop)
        near = (orbit.time_s >= start - _ORBIT_MARGIN_S) & (orbit.time_s < stop + _ORBIT_MARGIN_S)
        vectors = [
            {
                "time": (orbit.epoch + timedelta(seconds=float(time_s))).replace(tzinfo=None),
                "position": position.tolist(),
                "velocity": velocity.tolist(),
            }
            for time_s, position, velocity in zip(
                orbit.time_s[near], orbit.position_m[near], orbit.velocity_m_s[near], strict=True
            )
        ]
        values = {"swath": swath, "bursts": bursts, "vectors": vectors, "folder": self.folder}
        path = self.subfolder(folder) / f"{name or f'IW{swath.number}'}.xml"
        render_xml(path, "product", light_m_s=SPEED_OF_LIGHT_M_S, **values)

    def save_valid_windows(self, kind: str, pair: SwathPair, bursts: list[BurstGeometry]) -> None:
        """Write the valid windows of a swath's common bursts for later steps."""
        values = [[getattr(burst, name) for name in _WINDOW] for burst in bursts]
        write_text(self._window_file(kind, pair), json.dumps(values))

    def load_valid_windows(self, kind: str, pair: SwathPair) -> list[BurstGeometry]:
        """Return the reference's common bursts with the valid windows that an earlier step wrote."""
        values = json.loads(self._window_file(kind, pair).read_text(encoding="utf-8"))
        return [
            replace(pair.reference.bursts[index].geometry, **dict(zip(_WINDOW, window, strict=True)))
            for index, window in zip(pair.indices(), values, strict=True)
        ]

    def _window_file(self, kind: str, pair: SwathPair) -> Path:
        return self.subfolder(STATE) / f"{kind}_IW{pair.number}.json"

    def in_threads(self, function: Callable[[_T], None], items: Iterable[_T], text: str) -> None:
        """Call ``function`` for every item in ``cpus`` threads; raise the first error."""
        todo = list(items)
        with ThreadPoolExecutor(self.cpus) as pool:
            for done, _ in enumerate(pool.map(function, todo), 1):
                self.progress(done / len(todo), text)


def require_previous_steps(folder: Path, step: str) -> None:
    """Raise an `InputError` that names the missing step if one before ``step`` has not been run here."""
    steps = tops_steps()
    for previous in steps[: steps.index(step)]:
        if not _record(folder, previous).is_file():
            raise InputError(
                f"step '{step}' needs the results of step '{previous}', which has not been run in {folder}",
                hint=f"start with --start={previous}",
            )


def clear_step_records(folder: Path) -> None:
    """Delete the records of all steps, so that a run starts from the beginning."""
    for step in tops_steps():
        _record(folder, step).unlink(missing_ok=True)


def record_finished_step(folder: Path, step: str, catalog: Catalog) -> None:
    """Record that a step has finished, and write ``topsProc.xml`` with the entries of all finished steps."""
    record = _record(folder, step)
    record.parent.mkdir(exist_ok=True)
    write_text(record, json.dumps(catalog, indent=1, default=str))
    root = ET.Element("topsProc")
    for name in tops_steps():
        if _record(folder, name).is_file():
            _add_catalog(root, json.loads(_record(folder, name).read_text(encoding="utf-8")))
    write_xml(folder / TOPS_PROC, root)


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
