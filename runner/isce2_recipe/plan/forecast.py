"""What a run would do, found out without doing it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from isce2_recipe.errors import RecipeToolError
from isce2_recipe.journal import times
from isce2_recipe.journal.values import decode, encode
from isce2_recipe.plan import decide, keys
from isce2_recipe.plan.downloads import downloads
from isce2_recipe.plan.folders import matcher
from isce2_recipe.plan.graph import Node
from isce2_recipe.plan.keys import Key
from isce2_recipe.plan.names import skipped_outputs
from isce2_recipe.plan.partial import partial_inputs
from isce2_recipe.plan.preflight import preflight
from isce2_recipe.plan.project import Project
from isce2_recipe.recipe.units import amount
from isce2_recipe.sources.base import traits_of

_ANYWAY = "its condition is known once {step} is done"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be done with one step.

    Attributes
    ----------
    id, uses, summary : str
        Of the step.
    status : str
        ``run``, ``cached`` or ``skipped``.
    reason : str
        Why.
    inputs : dict
        As far as they are known; the expression where they are not.
    needs : tuple of str
        Steps it waits for.
    memory, disk : float
        Bytes it asks for; 0 where the recipe says nothing.
    seconds : float or None
        How long it took the last time, here or in another run on this machine.
    shows : dict
        What its action can tell beforehand: ``rendered`` text, ``downloads`` as names with bytes or null.
    """

    id: str
    uses: str
    summary: str
    status: str
    reason: str
    inputs: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    memory: float = 0.0
    disk: float = 0.0
    seconds: float | None = None
    shows: dict[str, Any] = field(default_factory=dict)


class _Planner:
    """Walks the graph as a run would."""

    def __init__(self, project: Project, steps: frozenset[str], forced: Mapping[str, str]) -> None:
        self._project = project
        self._steps = steps
        self._forced = forced
        self._known: dict[str, dict[str, Any]] = {}
        self._foreseen: dict[str, dict[str, Any]] = {}
        self._skipped: set[str] = set()
        self._runs: dict[str, None] = {}
        self._matches = matcher(project.workdir, project.prints)
        self._times = times.known()

    def walk(self) -> list[Forecast]:
        """All steps, in order."""
        nodes = self._project.graph.nodes.values()
        return [self._one(node) for node in nodes if node.id in self._steps]

    def _one(self, node: Node) -> Forecast:
        status, reason = self._verdict(node)
        inputs = partial_inputs(self._project.names, node, self._tellable)
        if status == "run":
            self._runs[node.id] = None
            self._foresee(node)
        return Forecast(
            node.id,
            node.step.uses,
            node.step.summary or node.action.summary,
            status,
            reason,
            encode(inputs, self._project.workdir),
            self._project.graph.needs[node.id],
            *self._resources(node),
            self._seconds(node.id),
            self._shows(node, inputs) if status != "skipped" else {},
        )

    def _verdict(self, node: Node) -> tuple[str, str]:
        try:
            if not self._project.names.wanted(node, self._tellable):
                self._known[node.id] = skipped_outputs(node)
                self._skipped.add(node.id)
                return "skipped", "its condition is false"
        except KeyError as exc:
            return "run", _ANYWAY.format(step=exc.args[0])
        if node.id in self._forced:
            return "run", self._forced[node.id]
        before = self._first_unknown(node)
        if before is not None:
            return "run", f"{before} runs before it"
        try:
            key = self._project.key(node, self._known, self._skipped)
        except KeyError as exc:
            return "run", f"{exc.args[0]} runs before it"
        return self._judge(node, key)

    def _first_unknown(self, node: Node) -> str | None:
        """A step that runs and on whose outputs or files this one depends."""
        chain: set[str] = set()
        if node.folder is not None:
            chain = set(self._project.graph.folders[node.folder])
        read = node.reads | chain
        return next(
            (name for name in self._project.graph.needs[node.id] if name in read and name in self._runs), None
        )

    def _judge(self, node: Node, key: Key) -> tuple[str, str]:
        project = self._project
        shared = None
        if node.folder is not None:
            folder = project.shared(node.folder, self._skipped)
            shared = (folder, folder.steps.index(node.id))
        verdict = decide.judge(node.id, key, project.history, self._matches, project.workdir, shared)
        if verdict.run:
            return "run", verdict.reason
        self._known[node.id] = decode(project.history.done[node.id].outputs, project.workdir)
        return "cached", verdict.reason

    def _foresee(self, node: Node) -> None:
        """Note what a step will return, where its action can tell from its inputs alone."""
        if node.action.foresee is None:
            return
        with suppress(KeyError, RecipeToolError):
            inputs = keys.complete(node, self._project.names.inputs(node, self._tellable), self._project.base)
            self._foreseen[node.id] = _as_dict(node.action.foresee(inputs))

    @property
    def _tellable(self) -> dict[str, dict[str, Any]]:
        """Outputs of steps as they are or will be."""
        return {**self._foreseen, **self._known}

    def _resources(self, node: Node) -> tuple[float, float]:
        try:
            asked = self._project.names.setting(node, node.step.resources, "resources", self._known)
        except (KeyError, RecipeToolError):
            return 0.0, 0.0
        return amount(asked.get("memory", 0)), amount(asked.get("disk", 0))

    def _seconds(self, step: str) -> float | None:
        done = self._project.history.done.get(step)
        if done is not None:
            return float(done.facts.get("seconds", 0.0))
        return self._times.get(self._project.kind(self._project.graph.nodes[step]))

    def _shows(self, node: Node, inputs: Mapping[str, Any]) -> dict[str, Any]:
        shows: dict[str, Any] = {}
        if "source" in node.action.uses and traits_of(self._project.source).downloads:
            found = downloads(node.action, inputs)
            shows |= {"downloads": found} if found else {}
        if node.action.preview is None:
            return shows
        try:
            here = _relative(dict(inputs), self._project.workdir)
            return {**shows, **node.action.preview(here, self._project.templates)}
        except RecipeToolError as exc:
            return {**shows, "problem": exc.message}


def _as_dict(outputs: Any) -> dict[str, Any]:
    return {one.name: getattr(outputs, one.name) for one in fields(outputs)}


def _relative(value: Any, workdir: Path) -> Any:
    """A value with the files of the work directory relative to it."""
    if isinstance(value, Path):
        return value.relative_to(workdir) if value.is_relative_to(workdir) else value
    if isinstance(value, Mapping):
        return {key: _relative(item, workdir) for key, item in value.items()}
    return [_relative(item, workdir) for item in value] if isinstance(value, list) else value


def forecast(project: Project, steps: frozenset[str], forced: Mapping[str, str]) -> list[Forecast]:
    """What a run would do with each of the given steps. Nothing is written.

    Raises
    ------
    InputError
        If a file the run would read is missing.
    RecipeToolError
        What `preflight` finds.
    """
    preflight(project, steps)
    return _Planner(project, steps, forced).walk()


def to_json(found: list[Forecast], project: Project) -> dict[str, Any]:
    """A plan as JSON; its form is documented in ``docs/running.md``."""
    running = [one for one in found if one.status == "run"]
    return {
        "recipe": project.recipe.name,
        "workdir": str(project.workdir),
        "source": project.source_text,
        "engine": project.engine_text,
        "parameters": project.parameters,
        "run": len(running),
        "cached": sum(one.status == "cached" for one in found),
        "skipped": sum(one.status == "skipped" for one in found),
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
        **one.shows,
    }
