"""A work directory and what is known about it: what plans read and runs change."""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from isce2_recipe import noop_cache
from isce2_recipe.actions.base import Question
from isce2_recipe.engines.base import Engine
from isce2_recipe.errors import InputError, RecipeToolError
from isce2_recipe.files import read_bounded, write_json
from isce2_recipe.journal import checkpoints, lock, log
from isce2_recipe.journal.files import FileEntry, Fingerprints
from isce2_recipe.journal.log import Done, History, Journal
from isce2_recipe.journal.values import decode, encode
from isce2_recipe.noop_cache import Signature, signature
from isce2_recipe.paths import FINGERPRINTS, LOCK, LOGS
from isce2_recipe.plan import aside, keys, loops
from isce2_recipe.plan.bindings import Bindings, Outputs, RunFacts
from isce2_recipe.plan.folders import Leftovers, SharedFolder
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.keys import Key, KeyContext
from isce2_recipe.plan.nodes import Instance, Node, StepScope, kind_of, place_of
from isce2_recipe.plan.record import plain_values, record
from isce2_recipe.plan.request import RunRequest, actions_of
from isce2_recipe.processes import boot_id
from isce2_recipe.recipe.inputs_check import null_inputs
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.python_source import decoded
from isce2_recipe.recipe.secrets import given_to, secret_names, with_item
from isce2_recipe.redact import MASK, in_values, redactor
from isce2_recipe.sandbox import MAX_SOURCE
from isce2_recipe.sources.base import FileSource, FullSource, capabilities_of

_BEAT_S = 1.0  # how often a run notes that it goes on


@dataclass(frozen=True, slots=True)
class _Known:
    """What earlier runs recorded in the work directory, and the context of keys that depends on it."""

    history: History
    fingerprints: Fingerprints
    key_context: KeyContext


class Workspace:
    """The work directory of a request, with everything that is derived from the request.

    Reading it writes nothing. `hold` locks it for a run and opens its journal.

    Attributes
    ----------
    request : RunRequest
        What is to be run.
    actions : dict
        The actions that the recipe and its parts use.
    graph : Graph
        The steps in order.
    bindings : Bindings
        The names that expressions see.
    messages : list of str
        Messages about the choice of the engine.
    texts_read : dict
        Signatures of texts, such as templates, of which keys were made; None where there is no file.
    files_read : set of str
        Files whose content is part of a key.
    last_end : float
        When steps of the last run may have written last, within two beats; seconds since 1970.
    """

    def __init__(self, request: RunRequest) -> None:
        self.request = request
        self.actions = actions_of(request.recipe)
        self.graph = Graph(request.recipe, self.actions)
        facts = {
            "source": lambda: self.source.name,
            "truth": lambda: "truth" in capabilities_of(self.source),
            "engine": lambda: self.engine.name,
        }
        self.bindings: Bindings = Bindings(self.graph, request.parameters, RunFacts(facts, self._record))
        loops.expand_known(self.graph, self.bindings, {})
        self.messages: list[str] = []
        self.texts_read: dict[str, Signature] = {}
        self.files_read: set[str] = set()
        self._answers: dict[Question, str] = {}
        self.last_end = 0.0
        self._next_beat = 0.0
        self._warn: Callable[[str], None] = warnings.warn
        self._secrets = request.secrets
        self._source: FullSource | None = None
        self._engine: Engine | None = None
        self._engine_label = ""
        self._source_label = ""
        self._known: _Known | None = None
        self._journal: Journal | None = None

    def _record(self, home: StepScope | None, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is needed to repeat the run, or to run the recipe of an instance alone."""
        recipe = self.request.recipe if home is None else home.recipe
        parameters = self.request.parameters if home is None else plain_values(values, self.workdir)
        instance = None if home is None or home.outer is None else home.outer.item
        nodes = list(self.graph.samples(self.graph.level(instance)))
        return record(self.request, recipe, parameters, nodes, self.bindings, lambda: self.engine.name)

    @property
    def workdir(self) -> Path:
        """Return the run's folder."""
        return self.request.workdir

    # Source and engine, opened when they are first used.

    @property
    def source(self) -> FullSource:
        """Return the source of inputs."""
        if self._source is None:
            from isce2_recipe.sources import open_source

            self._source = open_source(self.request.source_text)
        return self._source

    @property
    def engine(self) -> Engine:
        """Return the engine that computes."""
        if self._engine is None:
            from isce2_recipe.engines import open_engine

            self._engine = open_engine(self.request.engine_text, self.messages.append)
        return self._engine

    @property
    def opened(self) -> dict[str, object]:
        """Return the source and the engine as far as they are in use."""
        both = {"source": self._source, "engine": self._engine}
        return {name: one for name, one in both.items() if one is not None}

    @property
    def source_label(self) -> str:
        """Return the source's fingerprint."""
        self._source_label = self._source_label or self.source.fingerprint()
        return self._source_label

    @property
    def engine_label(self) -> str:
        """Return the engine's name and version."""
        self._engine_label = self._engine_label or f"{self.engine.name} {self.engine.version()}"
        return self._engine_label

    @property
    def uses_source(self) -> bool:
        """Return whether any step uses the source."""
        return any("source" in action.uses for action in self.actions.values())

    @property
    def uses_engine(self) -> bool:
        """Return whether any step uses the engine."""
        return any("engine" in action.uses for action in self.actions.values())

    # What earlier runs recorded.

    @property
    def history(self) -> History:
        """Return what the journal records."""
        return self._read_once().history

    @property
    def fingerprints(self) -> Fingerprints:
        """Return fingerprints of files, as far as they are known from earlier runs."""
        return self._read_once().fingerprints

    def _read_once(self) -> _Known:
        if self._known is None:
            history = log.read(self.workdir)
            self._known = self._knowledge(history, _fingerprints(self.workdir, history))
        return self._known

    def ignore_history(self) -> None:
        """Take the journal for empty, as a process does that only runs steps."""
        self._known = self._knowledge(History(), Fingerprints())

    def read_again(self) -> Workspace:
        """Return the same work directory with all steps and results that are recorded by now."""
        found = Workspace(self.request)
        found._source, found._engine = self._source, self._engine
        for loop, known in found.history.loops.items():
            if loop in found.graph.nodes and loop not in found.graph.instances:
                name = found.graph.nodes[loop].step.item
                items = zip(known["keys"], decode(known["items"], self.workdir), strict=True)
                found.graph.expand(loop, [Instance(loop, name, key, value) for key, value in items])
        return found

    # Content keys.

    def key(
        self,
        node: Node,
        done: Outputs,
        skipped: Collection[str],
        missing: Mapping[str, Sequence[str]] | None = None,
    ) -> Key:
        """Return the content key of a step, once everything it depends on is done.

        Parameters
        ----------
        node : Node
            The step.
        done : mapping
            Outputs of the steps that are done or skipped.
        skipped : collection of str
            The steps that are skipped.
        missing : mapping, optional
            Keys of the failed instances of the loops that it reads.
        """
        given = self.bindings.inputs(node, done)
        problems = tuple(null_inputs(node.scope.recipe, node.step, node.action, given))
        if problems:
            raise recipe_error(problems, node.scope.recipe.texts())
        states = {}
        for folder, position in self.graph.reads.get(node.id, {}).items():
            states[folder] = self.shared_before(folder, position, skipped).state()
        own = None
        if node.folder is not None:
            position = self.graph.folders[node.folder].index(node.id)
            own = states[node.folder] = self.shared_before(node.folder, position, skipped).state()
        key = keys.make(node, given, self._read_once().key_context, states, own, missing or {})
        self.files_read.update(map(str, key.files))
        secret = given_to(node.step, self._secret_names(node.scope))
        if secret:
            described = {**key.parts["inputs"], **dict.fromkeys(secret, MASK)}
            key = replace(key, parts={**key.parts, "inputs": described})
        return key

    def _secret_names(self, scope: StepScope) -> frozenset[str]:
        """Return the names with secret values that a scope's expressions see."""
        outer = frozenset[str]()
        if scope.outer is not None and scope.via is not None:
            outer = given_to(scope.via, self._secret_names(scope.outer))
        found = secret_names(scope.recipe, outer)
        step = None if scope.item is None else scope.recipe.step(scope.item.loop.rpartition("/")[2])
        return found if step is None else with_item(step, found)

    def _knowledge(self, history: History, fingerprints: Fingerprints) -> _Known:
        request = self.request
        context = KeyContext(
            request.workdir,
            request.base,
            request.templates,
            fingerprints,
            lambda: self.source_label,
            lambda: self.engine_label,
            self._read_text,
            self._source_files,
            self._hide_secrets,
            self._ask,
        )
        return _Known(history, fingerprints, context)

    def _ask(self, step: str, question: Question) -> str:
        """Return the answer of a program, which is started once in a run; a plan takes the last answer."""
        if self._journal is None:
            done = self.history.done.get(step)
            return "" if done is None else str(done.parts.get("version", ""))
        if question not in self._answers:
            try:
                self._answers[question] = question.answer()
            except RecipeToolError as exc:
                raise type(exc)(f"step {step}: {exc.message}", hint=exc.hint) from exc
        return self._answers[question]

    def _source_files(self, wanted: Mapping[str, Sequence[str]] | None) -> list[Path]:
        """Return the files of the source on which a key depends; only sources that are folders have any."""
        source: object = self.source
        return source.contents(wanted) if isinstance(source, FileSource) else []

    def _read_text(self, path: Path) -> str | None:
        """Read a text on which a key depends, and record its signature."""
        self.texts_read[str(path)] = signature(str(path))
        try:
            folder = next((one for one in self.request.templates if path.is_relative_to(one)), path.parent)
            data = read_bounded(path, MAX_SOURCE, folder)
            return decoded(data, str(path)) if path.suffix == ".py" else data.decode("utf-8")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise InputError(f"cannot read {path}: {getattr(exc, 'strerror', exc)}") from None

    def _hide_secrets(self, parts: dict[str, Any]) -> dict[str, Any]:
        """Return the parts of a key without secrets, as they may be recorded."""
        if not self._secrets:
            return parts
        hidden: dict[str, Any] = in_values(parts, redactor(self._secrets))
        return hidden

    def shared(self, folder: str, skipped: Collection[str]) -> SharedFolder:
        """Return a shared folder with the steps that work in it this time."""
        return self.shared_before(folder, len(self.graph.folders[folder]), skipped)

    def shared_before(self, folder: str, position: int, skipped: Collection[str]) -> SharedFolder:
        """Return a shared folder with those of its first ``position`` steps that work in it this time."""
        names = self.graph.folders[folder][:position]
        return SharedFolder(folder, tuple(name for name in names if name not in skipped), self.history)

    def timing_group(self, node: Node) -> str:
        """Return what runs of a step that take about the same time have in common, as one text."""
        uses = node.action.uses
        source = self.request.source_name if "source" in uses else ""
        engine = self.engine.name if "engine" in uses else ""
        return " ".join(filter(None, (self.request.recipe.name, kind_of(node.id), source, engine)))

    def with_absolute_paths(self, value: Any) -> Any:
        """Return a value of the recipe in which the names of files that were read are absolute."""
        if isinstance(value, str):
            path = str(self.request.base / value)
            return path if path in self.files_read else value
        if isinstance(value, Mapping):
            return {key: self.with_absolute_paths(item) for key, item in value.items()}
        return [self.with_absolute_paths(item) for item in value] if isinstance(value, list) else value

    # A run.

    @contextmanager
    def hold(
        self, command: str, redact: Callable[[str], str], warn: Callable[[str], None]
    ) -> Iterator[dict[str, Any] | None]:
        """Hold the work directory for a run: its lock, its journal and its fingerprints.

        The arguments, the result and the errors are those of `lock.hold`; ``redact`` removes secrets from the
        command line and the journal.
        """
        self.last_end = _changed(self.workdir / LOCK)
        with lock.hold(self.workdir, redact(command), warn) as killed:
            self._warn = warn
            self._known = None  # another run may have changed it before this one held the lock
            self._journal = Journal(self.workdir, redact)
            noop_cache.forget(self.workdir)
            try:
                yield killed
            finally:
                self._journal.close()
                self._journal = None
                self._save_fingerprints(redact)

    @property
    def journal(self) -> Journal:
        """Return the open journal of the run that holds this work directory."""
        if self._journal is None:
            raise RuntimeError("the journal is open only while the work directory is held")
        return self._journal

    def add_event(self, event: dict[str, Any], *, sync: bool = True) -> None:
        """Add an event to the journal and to the history."""
        self.journal.append(event, sync=sync)
        self.history.add(event)

    def add_done(self, done: Done) -> None:
        """Add a finished step to the journal and to the history; `Journal.sync` must follow."""
        self.journal.finished(done)
        self.history.lines += 1
        self.history.finish(done)
        for name, entry in done.made.items():
            if entry.stat[3]:
                self.fingerprints.learn(f"{self.workdir}/{name}", entry)

    def beat(self) -> None:
        """Note from time to time that this run goes on: the next one learns when it ended."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + _BEAT_S
            with suppress(OSError):
                os.utime(self.workdir / LOCK)

    def leftovers(self, record: Mapping[str, Any] | None, *, of_this_run: bool) -> Leftovers:
        """Return how to recognise files of steps; also those of a step that failed or was killed.

        Parameters
        ----------
        record : mapping or None
            The journal's record of the start of that step.
        of_this_run : bool
            Whether it was started in this run.
        """
        done = chain(self.history.done.values(), self.history.earlier.values())
        if record is None or record.get("rolled"):
            return Leftovers(done, self.fingerprints)
        until = time.time() if of_this_run else self.last_end + 2 * _BEAT_S
        return Leftovers(done, self.fingerprints, float(record.get("time", 0.0)), until)

    def set_aside_edited(self, step: str, place: str) -> None:
        """Set aside files in a step's own folder that the user changed since the step finished."""
        history = self.history
        done = history.done.get(step)
        if done is None:
            return
        found = self.leftovers(history.open.get(step), of_this_run=False)
        found.done = [one for one in (done, history.earlier.get(step)) if one is not None]
        folder = done.made.get(place)
        with suppress(OSError):
            if folder is not None and folder.stat[3] == (self.workdir / place).stat().st_ino:
                found.until = 0.0  # a killed attempt would have left another folder
        self.set_aside(found.edited(self.workdir, done.made))

    def set_aside(self, names: Sequence[str]) -> None:
        """Move files that no step made out of the way, and warn; paths are relative to the work directory."""
        aside.move(self.workdir, names, self._warn)

    def set_aside_foreign(self, place: str, known: aside.Known) -> None:
        """Set aside what a step's own folder contains besides known files; also if it is no folder."""
        self.set_aside(aside.foreign(self.workdir, place, known))

    def note_expansion(self, loop: str) -> None:
        """Record the items of a loop in the journal, unless it has them, and delete what it no longer has.

        The folders go first: if this is interrupted, the next run does it again.
        """
        instances = self.graph.instances[loop]
        keys = [one.key for one in instances]
        items = encode([one.value for one in instances], self.workdir)
        steps = (*self.history.done, *self.history.started)
        old = dict.fromkeys(key for step in steps if (key := log.instance_in(loop, step)) is not None)
        now = frozenset(keys)
        removed = [key for key in old if key not in now]
        gone = [f"{loop}[{key}]" for key in removed]
        made = aside.or_record(self.leftovers(None, of_this_run=True).has)
        if loop in self.history.done:  # it was a step until now
            self.set_aside_foreign(place_of(loop), made)
            checkpoints.remove(self.workdir / place_of(loop))
            self.add_event({"event": "dropped", "step": loop})
        for place in map(place_of, gone):
            for name in (place, f"{LOGS}/{place}", f"{LOGS}/{place}.log"):
                path = self.workdir / name
                if path.parent.resolve().is_relative_to(self.workdir.resolve()):
                    if name == place:
                        self.set_aside_foreign(name, made)
                    checkpoints.remove(path)
        known = self.history.loops.get(loop, {})
        if removed or known.get("keys") != keys or known.get("items") != items:
            event = {"event": "expanded", "step": loop, "keys": keys, "items": items, "removed": removed}
            self.add_event(event)

    def delete_unneeded_checkpoints(self) -> None:
        """Delete copies of files that no finished step promises any more."""
        entries = (entry for done in self.history.done.values() for entry in done.files.values())
        checkpoints.delete_unneeded(self.workdir, {entry.digest for entry in entries if entry is not None})

    def _save_fingerprints(self, redact: Callable[[str], str]) -> None:
        """Save new fingerprints of files that no step made."""
        if self._known is None or not self._known.fingerprints.learnt:
            return
        known = self._known.fingerprints
        made = {f"{self.workdir}/{name}" for done in self.history.done.values() for name in done.files}
        kept = {
            name: entry.to_json()
            for name, entry in known.known().items()
            if (name not in made or name in known.learnt) and redact(name) == name
        }
        with suppress(OSError):  # fingerprints only save time
            write_json(self.workdir / FINGERPRINTS, kept, indent=None)


def _changed(path: Path) -> float:
    """Return when a file was changed last, seconds since 1970; 0 if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _fingerprints(workdir: Path, history: History) -> Fingerprints:
    if not _same_boot(history):
        return Fingerprints(trust=False)
    found = Fingerprints(_saved_fingerprints(workdir))
    for done in history.done.values():
        for name, entry in done.files.items():
            path = f"{workdir}/{name}"
            if entry is not None and entry.stat[3] and not found.agrees(path, entry):
                found.learn(path, entry)
    return found


def _same_boot(history: History) -> bool:
    """Return whether the machine has not been started since the last run: else files may be incomplete."""
    boots = [run["boot"] for run in history.runs if "boot" in run]
    return not boots or bool(boots[-1] == boot_id())


def _saved_fingerprints(workdir: Path) -> dict[str, FileEntry]:
    try:
        found = json.loads((workdir / FINGERPRINTS).read_bytes())
        return {name: FileEntry.from_json(item) for name, item in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
