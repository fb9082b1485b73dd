"""A forecast of what a run would do with each step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from isce2_recipe.actions.base import Action
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.expressions import has_expression
from isce2_recipe.journal import times
from isce2_recipe.journal.values import decode, encode
from isce2_recipe.plan import decide, keys, loops
from isce2_recipe.plan.bindings import skipped_outputs
from isce2_recipe.plan.folders import matcher
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.keys import Key
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.preflight import preflight
from isce2_recipe.plan.ready_queue import ReadyQueue
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe.units import amount
from isce2_recipe.sources.base import traits_of

_UNASKED = ", unless the version of its program has, which is known only in the run"
_UNDECIDED = "its condition is known once {step} is done"

Download = tuple[str, int | None]
"""Name of a file, and its size in bytes where it is known."""

_SUFFIXES = {"bursts": (".tiff", ".xml"), "slc": (".zip",), "alos": ("-L1.0.zip",)}
_DESCRIPTIONS = {
    "bursts": "bursts",
    "slc": "SLCs",
    "alos": "scenes",
    "orbits": "an orbit file of each pass",
    "aux_cal": "calibration files, where data of version 002.36 are among the granules",
    "dem": "terrain tiles",
    "geoid": "the geoid around the scene",
    "water_mask": "water mask tiles",
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would do with one step."""

    id: str
    uses: str
    summary: str
    status: str  # ``run``, ``cached`` or ``skipped``
    reason: str
    # Inputs as far as they are known; the expressions of others.
    inputs: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # steps for which it waits
    # Bytes that it needs; 0 where the recipe gives no number.
    memory: float = 0.0
    disk: float = 0.0
    seconds: float | None = None  # how long it took the last time, here or in another run on this machine
    # What its action knows before the run: ``rendered`` text, ``downloads`` as names with bytes or null.
    shows: Mapping[str, Any] = field(default_factory=dict)
    instances: int | None = None  # for a loop, the number of its instances; -1 while it is not known

    @property
    def is_step(self) -> bool:
        """Return whether it is a step, or a loop whose steps are not known yet."""
        return self.instances is None or self.instances < 0


class Chosen(Protocol):
    """The steps that a plan is about; see `isce2_recipe.running.state.Selection`."""

    steps: set[str]
    forced: dict[str, str]

    def grow(self, graph: Graph, loop: str, new: Sequence[Node]) -> dict[str, str]:
        """Take the steps of a loop that was expanded; return those to run in any case."""


class _Planner:
    """Follows the graph as a run would."""

    def __init__(self, workspace: Workspace, selection: Chosen) -> None:
        self._workspace = workspace
        self._selection = selection
        self._queue = ReadyQueue()
        self._forced = dict(selection.forced)
        self._known: dict[str, Mapping[str, Any]] = {}
        self._foreseen: dict[str, dict[str, Any]] = {}
        self._skipped: set[str] = set()
        self._runs: dict[str, None] = {}
        self._matches = matcher(workspace.workdir, workspace.fingerprints)
        self._times = times.known()

    def walk(self) -> list[Forecast]:
        """Return the forecasts of all steps, in order."""
        graph = self._workspace.graph
        self._enqueue(self._selection.steps)
        found: dict[str, Forecast] = {}
        while (name := self._queue.take()) is not None:
            node = graph.nodes[name]
            if not node.is_loop:
                found[name] = self._one(node)
            elif name in graph.instances or not self._expand(node):
                found[name] = self._loop(node, found)
            else:
                continue
            self._queue.finish(name)
        return [found[node.id] for node in graph.ordered(loops_first=True) if node.id in found]

    def _enqueue(self, steps: Iterable[str]) -> None:
        graph, chosen, names = self._workspace.graph, self._selection.steps, list(steps)
        needs = {name: [other for other in graph.needs[name] if other in chosen] for name in names}
        self._queue.add(needs, {name: graph.nodes[name].index for name in names})

    def _expand(self, node: Node) -> bool:
        """Expand a loop if its items are known; return whether they are."""
        graph = self._workspace.graph
        try:
            if not self._workspace.bindings.wanted(node, self._expected):
                return False
            new = loops.expand(graph, node, self._workspace.bindings, self._expected)
        except KeyError:
            return False
        self._forced |= self._selection.grow(graph, node.id, new)
        chosen = [one.id for one in new if one.id in self._selection.steps]
        preflight(self._workspace, frozenset(chosen))
        self._enqueue([*chosen, node.id])
        return True

    def _loop(self, node: Node, found: Mapping[str, Forecast]) -> Forecast:
        """Return the forecast of a loop as a whole, after those of its instances if these are known."""
        workspace, instances = self._workspace, self._workspace.graph.instances.get(node.id)
        status = "run"
        if instances is None:
            status, reason = self._unexpanded(node)
        else:
            inside = [found[name].status for name in workspace.graph.members(node.id) if name in found]
            status = next((one for one in ("run", "cached") if one in inside), "skipped")
            reason = f"{len(instances)} instance{'s' * (len(instances) != 1)}"
            with suppress(KeyError):
                self._known[node.id] = workspace.bindings.gather(node, instances, self._expected)
        if status == "run":
            self._runs[node.id] = None
            self._known.pop(node.id, None)
        return Forecast(
            node.id, node.uses, node.summary, status, reason, needs=workspace.graph.needs[node.id],
            instances=-1 if instances is None else len(instances),
        )  # fmt: skip

    def _unexpanded(self, node: Node) -> tuple[str, str]:
        workspace = self._workspace
        with suppress(KeyError):
            if not workspace.bindings.wanted(node, self._expected):
                self._known[node.id] = skipped_outputs(node)
                return "skipped", "its condition is false"
        read = [name for name in workspace.graph.needs[node.id] if name in self._runs]
        after = (
            f"once {' and '.join(read)} {'is' if len(read) == 1 else 'are'} done" if read else "in the run"
        )
        known = workspace.history.loops.get(node.id)
        last = "" if known is None else f"; the last run had {len(known['keys'])} instances"
        return "run", f"its instances are known {after}{last}"

    def _one(self, node: Node) -> Forecast:
        status, reason = self._decide(node)
        inputs = self._workspace.bindings.partial_inputs(node, self._expected)
        if status == "run":
            self._runs[node.id] = None
            self._foresee(node)
        return Forecast(
            node.id,
            node.uses,
            node.summary,
            status,
            reason,
            encode(inputs, self._workspace.workdir),
            self._workspace.graph.needs[node.id],
            *self._resources(node),
            self._seconds(node.id),
            self._shows(node, inputs) if status != "skipped" else {},
        )

    def _decide(self, node: Node) -> tuple[str, str]:
        try:
            if not self._workspace.bindings.wanted(node, self._expected):
                self._known[node.id] = skipped_outputs(node)
                self._skipped.add(node.id)
                return "skipped", "its condition is false"
        except KeyError as exc:
            return "run", _UNDECIDED.format(step=exc.args[0])
        if node.id in self._forced:
            return "run", self._forced[node.id]
        before = self._first_unknown(node)
        if before is not None:
            return "run", f"{before} runs before it"
        try:
            key = self._workspace.key(node, self._known, self._skipped)
        except KeyError as exc:
            return "run", f"{exc.args[0]} runs before it"
        return self._compare(node, key)

    def _first_unknown(self, node: Node) -> str | None:
        """Return a step that will run and on whose outputs or files this one depends, or None."""
        chain: set[str] = set()
        if node.folder is not None:
            chain = set(self._workspace.graph.folders[node.folder])
        read = node.reads | chain
        return next(
            (name for name in self._workspace.graph.needs[node.id] if name in read and name in self._runs),
            None,
        )

    def _compare(self, node: Node, key: Key) -> tuple[str, str]:
        workspace = self._workspace
        shared = None
        if node.folder is not None:
            folder = workspace.shared(node.folder, self._skipped)
            shared = (folder, folder.steps.index(node.id))
        decision = decide.decide(node.id, key, workspace.history, self._matches, workspace.workdir, shared)
        if decision.run:
            return "run", decision.reason
        self._known[node.id] = decode(workspace.history.done[node.id].outputs, workspace.workdir)
        return "cached", decision.reason + (_UNASKED if "version" in key.parts else "")

    def _foresee(self, node: Node) -> None:
        """Note the outputs of a step whose action can derive them from its inputs."""
        if node.action.foresee is None:
            return
        with suppress(KeyError, RecipeToolError):
            inputs = keys.complete(
                node, self._workspace.bindings.inputs(node, self._expected), self._workspace.request.base
            )
            self._foreseen[node.id] = _as_dict(node.action.foresee(inputs))

    @property
    def _expected(self) -> dict[str, Mapping[str, Any]]:
        """Return the outputs of steps as they are or will be."""
        return {**self._foreseen, **self._known}

    def _resources(self, node: Node) -> tuple[float, float]:
        try:
            asked = self._workspace.bindings.setting(node, node.step.resources, "resources", self._known)
        except (KeyError, RecipeToolError):
            return 0.0, 0.0
        disk = amount(asked.get("disk", 0))
        return amount(asked.get("memory", 0)), disk and disk * disk_share(self._workspace)

    def _seconds(self, step: str) -> float | None:
        done = self._workspace.history.done.get(step)
        if done is not None:
            return float(done.facts.get("seconds", 0.0))
        return self._times.get(self._workspace.timing_group(self._workspace.graph.nodes[step]))

    def _shows(self, node: Node, inputs: Mapping[str, Any]) -> dict[str, Any]:
        shows: dict[str, Any] = {}
        if "source" in node.action.uses and traits_of(self._workspace.source).downloads:
            found = downloads(node.action, inputs)
            shows |= {"downloads": found} if found else {}
        if node.action.preview is None:
            return shows
        try:
            here = _relative(dict(inputs), self._workspace.workdir / node.scope.base)
            return {**shows, **node.action.preview(here, self._workspace.request.templates)}
        except RecipeToolError:
            if _is_complete(inputs):
                raise
            return shows  # A value that only the run knows may be of another type than its expression.


def disk_share(workspace: Workspace) -> float:
    """Return the factor of the disk that steps request, less than 1 for scenes that are cropped."""
    return traits_of(workspace.source).share if workspace.uses_source else 1.0


def _is_complete(value: Any) -> bool:
    """Return whether no expression in a value is left to the run."""
    if isinstance(value, Mapping | list):
        return all(map(_is_complete, value.values() if isinstance(value, Mapping) else value))
    return not (isinstance(value, str) and has_expression(value))


def _as_dict(outputs: Any) -> dict[str, Any]:
    return {one.name: getattr(outputs, one.name) for one in fields(outputs)}


def _relative(value: Any, workdir: Path) -> Any:
    """Return a value in which files of the work directory are relative to it."""
    if isinstance(value, Path):
        return value.relative_to(workdir) if value.is_relative_to(workdir) else value
    if isinstance(value, Mapping):
        return {key: _relative(item, workdir) for key, item in value.items()}
    return [_relative(item, workdir) for item in value] if isinstance(value, list) else value


def downloads(action: Action, inputs: Mapping[str, Any]) -> list[Download]:
    """Return the files that an action would download, with sizes from the catalogue among its inputs."""
    if action.takes is None or not action.name.partition(".")[2].startswith("fetch"):
        return []
    sizes = _sizes(inputs.get("catalog"))
    return [found for kind, names in action.takes(inputs).items() for found in _of_kind(kind, names, sizes)]


def _of_kind(kind: str, names: Any, sizes: Mapping[str, int | None]) -> Iterator[Download]:
    if not names:
        yield _DESCRIPTIONS.get(kind, kind), None
    suffixes = _SUFFIXES.get(kind, ("",))
    for name in names:
        yield f"{name}{suffixes[0]}", sizes.get(name)
        for suffix in suffixes[1:]:
            yield f"{name}{suffix}", None


def _sizes(catalog: object) -> dict[str, int | None]:
    """Return bytes by granule name; empty while the catalogue does not exist."""
    try:
        entries = json.loads(catalog.read_bytes()) if isinstance(catalog, Path) else []
        return {entry["name"]: entry["bytes"] for entry in entries}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def forecast(workspace: Workspace, selection: Chosen) -> list[Forecast]:
    """Return what a run would do with each of the selected steps. Nothing is written.

    Raise InputError if a file that the run would read is missing, and RecipeToolError what `preflight` finds.
    """
    preflight(workspace, frozenset(selection.steps))
    return _Planner(workspace, selection).walk()


def to_json(found: list[Forecast], workspace: Workspace) -> dict[str, Any]:
    """Return a plan as JSON; its form is documented in ``docs/running.md``."""
    counted = [one for one in found if one.is_step]
    running = [one for one in counted if one.status == "run"]
    request = workspace.request
    return {
        "recipe": request.recipe.name,
        "workdir": str(request.workdir),
        "source": request.source_text,
        "engine": request.engine_text,
        "parameters": request.parameters,
        "run": len(running),
        "cached": sum(one.status == "cached" for one in counted),
        "skipped": sum(one.status == "skipped" for one in counted),
        "memory": max((one.memory for one in running), default=0.0),
        "disk": sum(one.disk for one in running),
        "seconds": sum(one.seconds or 0.0 for one in running),
        "steps": [_step_json(one) for one in found],
    }


def _step_json(one: Forecast) -> dict[str, Any]:
    return {
        "step": one.id,
        "uses": one.uses,
        "summary": one.summary,
        "status": one.status,
        "reason": one.reason,
        "needs": list(one.needs),
        "inputs": one.inputs,
        "memory": one.memory,
        "disk": one.disk,
        "seconds": one.seconds,
        **({} if one.instances is None else {"instances": None if one.instances < 0 else one.instances}),
        **one.shows,
    }
