"""A recipe with its parameters, work directory, source and engine: all a plan or a run needs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Action
from isce2_recipe.actions.registry import load_registry
from isce2_recipe.engines.base import Engine
from isce2_recipe.errors import InputError
from isce2_recipe.journal import log
from isce2_recipe.journal.files import Entry, Fingerprints
from isce2_recipe.journal.log import History
from isce2_recipe.noop_cache import Signature, signature
from isce2_recipe.paths import FINGERPRINTS, data_folder
from isce2_recipe.plan import graph, keys
from isce2_recipe.plan.folders import SharedFolder
from isce2_recipe.plan.graph import Graph, Node
from isce2_recipe.plan.names import Facts, Names, Outputs
from isce2_recipe.plan.record import record
from isce2_recipe.processes import boot_id
from isce2_recipe.recipe.inputs_check import null_inputs
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.model import Recipe
from isce2_recipe.recipe.verifying import verify
from isce2_recipe.redact import redactor, texts_of
from isce2_recipe.sources import DEFAULT_SOURCE
from isce2_recipe.sources.base import FileSource, FullSource, capabilities_of

DEFAULT_ENGINE = "auto"


@dataclass(frozen=True)
class Project:
    """What is asked for.

    Attributes
    ----------
    recipe : Recipe
        As loaded.
    parameters : dict
        A value for every parameter.
    given : dict
        Those the user gave.
    workdir, base : Path
        Where it runs; where relative paths among the parameters start. Both absolute.
    source_text, engine_text : str
        As the user wrote them.
    said : list of str
        What the engine's choice had to say.
    looked_at : dict
        Texts beside the recipe that keys were made of, and what the file system said of them.
    files : set of str
        Files whose content went into a key.
    """

    recipe: Recipe
    parameters: dict[str, Any]
    given: dict[str, Any]
    workdir: Path
    base: Path
    source_text: str = DEFAULT_SOURCE
    engine_text: str = DEFAULT_ENGINE
    said: list[str] = field(default_factory=list)
    looked_at: dict[str, Signature] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    @cached_property
    def actions(self) -> dict[str, Action]:
        """The actions the recipe and its parts use."""
        return actions_of(self.recipe)

    @cached_property
    def graph(self) -> Graph:
        """Its steps in order."""
        return graph.build(self.recipe, self.actions)

    @cached_property
    def source(self) -> FullSource:
        """Where inputs come from."""
        from isce2_recipe.sources import open_source

        return open_source(self.source_text)

    @cached_property
    def engine(self) -> Engine:
        """What computes."""
        from isce2_recipe.engines import open_engine

        return open_engine(self.engine_text, self.said.append)

    @cached_property
    def engine_label(self) -> str:
        """The engine's name and version."""
        return f"{self.engine.name} {self.engine.version()}"

    @cached_property
    def source_label(self) -> str:
        """The source's fingerprint."""
        return self.source.fingerprint()

    @cached_property
    def names(self) -> Names:
        """What expressions see."""
        facts = Facts(
            {
                "source": lambda: self.source.name,
                "truth": lambda: "truth" in capabilities_of(self.source),
                "engine": lambda: self.engine.name,
                "record": lambda: record(self),
            }
        )
        return Names(self.graph, self.parameters, facts)

    @cached_property
    def templates(self) -> tuple[Path, ...]:
        """Folders of templates: beside the recipe, beside its folder, and those shipped."""
        here = self.recipe.path.resolve().parent
        return here / "templates", here.parent / "templates", here, data_folder("templates")

    @cached_property
    def history(self) -> History:
        """What the work directory's journal says."""
        return log.read(self.workdir)

    @cached_property
    def prints(self) -> Fingerprints:
        """What files contain, as far as it is known from earlier runs."""
        if not _same_boot(self.history):
            return Fingerprints(trust=False)
        prints = Fingerprints(_read_fingerprints(self.workdir))
        for done in self.history.done.values():
            for name, entry in done.files.items():
                path = f"{self.workdir}/{name}"
                if entry is not None and entry.stat[3] and not prints.agrees(path, entry):
                    prints.learn(path, entry)
        return prints

    @cached_property
    def setting(self) -> keys.Setting:
        """What keys depend on beside the steps."""
        return keys.Setting(
            self.workdir,
            self.base,
            self.templates,
            self.prints,
            lambda: self.source_label,
            lambda: self.engine_label,
            self._read,
            self._contents,
            self._hide,
        )

    def _contents(self, wanted: Mapping[str, Sequence[str]] | None) -> list[Path]:
        """Files of the source's that a key depends on; only sources that are folders have such."""
        source: object = self.source
        return source.contents(wanted) if isinstance(source, FileSource) else []

    def _read(self, path: Path) -> str | None:
        """A text a key depends on; what was looked at is kept."""
        self.looked_at[str(path)] = signature(str(path))
        try:
            return path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except (OSError, UnicodeDecodeError) as exc:
            raise InputError(f"cannot read {path}: {exc}") from None

    def kind(self, node: Node) -> str:
        """What runs of a step on this machine have in common: recipe, step, source and engine it uses."""
        uses = node.action.uses
        doors = [self.source_text.partition(":")[0] if "source" in uses else ""]
        doors += [self.engine.name if "engine" in uses else ""]
        return " ".join(filter(None, (self.recipe.name, node.id, *doors)))

    def anywhere(self, value: Any) -> Any:
        """A value of the recipe in which files that were read have their whole path."""
        if isinstance(value, str):
            path = str(self.base / value)
            return path if path in self.files else value
        if isinstance(value, Mapping):
            return {key: self.anywhere(item) for key, item in value.items()}
        return [self.anywhere(item) for item in value] if isinstance(value, list) else value

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Values of secret parameters."""
        secret = [name for name, parameter in self.recipe.parameters.items() if parameter.secret]
        return frozenset(text for name in secret for text in texts_of(self.parameters[name]))

    def _hide(self, parts: dict[str, Any]) -> dict[str, Any]:
        """The parts of a key as they may be written down."""
        if not self.secrets:
            return parts
        hidden: dict[str, Any] = json.loads(redactor(self.secrets)(json.dumps(parts)))
        return hidden

    @property
    def source_anywhere(self) -> str:
        """The source as it is written in any folder."""
        name, colon, rest = self.source_text.partition(":")
        here = self.base / Path(rest).expanduser()
        return f"{name}:{here}" if colon and rest and here.is_dir() else self.source_text

    def shared(self, folder: str, skipped: set[str]) -> SharedFolder:
        """A shared folder with the steps that work in it this time."""
        steps = tuple(name for name in self.graph.folders[folder] if name not in skipped)
        return SharedFolder(folder, steps, self.history)

    def key(self, node: Node, done: Outputs, skipped: set[str]) -> keys.Key:
        """The content key of a step, all before it being done."""
        given = self.names.inputs(node, done)
        problems = tuple(null_inputs(node.scope.recipe, node.step, node.action, given))
        if problems:
            raise recipe_error(problems, node.scope.recipe.texts())
        states = {}
        for folder, position in self.graph.reads.get(node.id, {}).items():
            states[folder] = self._state(folder, position, skipped)
        own = None
        if node.folder is not None:
            own = self._state(node.folder, self.graph.folders[node.folder].index(node.id), skipped)
            states[node.folder] = own
        key = keys.make(node, given, self.setting, states, own)
        self.files.update(map(str, key.files))
        return key

    def _state(self, folder: str, position: int, skipped: set[str]) -> dict[str, Entry]:
        names = [name for name in self.graph.folders[folder][:position] if name not in skipped]
        return SharedFolder(folder, tuple(names), self.history).before(len(names))


def actions_of(recipe: Recipe) -> dict[str, Action]:
    """The actions a recipe and its parts use."""
    registry = load_registry()
    return {name: registry[name] for name in sorted(_used(recipe))}


def _used(recipe: Recipe) -> set[str]:
    found = set()
    for step in recipe.steps:
        found |= {step.uses} if step.part is None else _used(step.part)
    return found


def _same_boot(history: History) -> bool:
    """Whether the machine is up since the last run: else what had not reached the disk may be lost."""
    boots = [run["boot"] for run in history.runs if "boot" in run]
    return not boots or bool(boots[-1] == boot_id())


def _read_fingerprints(workdir: Path) -> dict[str, Entry]:
    try:
        found = json.loads((workdir / FINGERPRINTS).read_bytes())
        return {name: Entry.from_json(item) for name, item in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def make(
    recipe: Recipe,
    given: Mapping[str, Any],
    *,
    workdir: Path,
    base: Path,
    source: str = DEFAULT_SOURCE,
    engine: str = DEFAULT_ENGINE,
) -> Project:
    """A project in which all that can be checked beforehand is right.

    Parameters
    ----------
    given : mapping
        Parameters as the user gave them, typed or as text.

    Raises
    ------
    RecipeError
        With everything wrong with the recipe, its parameters' values and what its templates make of them.
    ParameterError
        With everything wrong, where that is the parameters' values alone.
    """
    parameters = verify(recipe, load_registry(), given)
    chosen = {name: parameters[name] for name in given}
    return Project(recipe, parameters, chosen, workdir.absolute(), base.absolute(), source, engine)


def with_workdir(project: Project, workdir: Path) -> Project:
    """The same project in another work directory."""
    plain = workdir.resolve() if ".." in workdir.parts else workdir.absolute()
    return replace(project, workdir=plain)
