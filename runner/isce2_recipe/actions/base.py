"""An action is a typed function; its signature is the schema of ``with:``.

The dataclass that it returns is the schema of ``steps.<id>.*``. An action receives a `Context` and never
reads the current directory or a global. Only ``command.run`` reads the environment, for its program.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:  # types of what actions receive; the linter needs none of it
    import logging

    from isce2_recipe.engines.base import AppSteps, Engine
    from isce2_recipe.sources.base import FullSource


class Budget(NamedTuple):
    """Memory and disk that a run's steps request, and that this machine has, bytes.

    Attributes
    ----------
    memory, memory_there : float
        The largest request of a step, and the memory of this machine.
    disk, disk_there : float
        The sum of all requests, and the free space of the work directory's disk.
    """

    memory: float = 0.0
    memory_there: float = float("inf")
    disk: float = 0.0
    disk_there: float = float("inf")


@dataclass(frozen=True, slots=True)
class Context:
    """The environment of an action.

    Attributes
    ----------
    workdir : Path
        The run's folder, absolute.
    out : Path
        The folder to write into, absolute and existing. For most steps it is a new scratch folder that
        becomes ``workdir/<step id>`` by one rename after the step has succeeded. For steps with ``folder:``
        it is that shared folder.
    source, engine
        The run's source and engine. An action may use only what it declares in ``uses``.
    log : logging.Logger
        Writes to the step's log file.
    progress : callable
        ``progress(fraction, text)`` with a fraction of 0 to 1.
    cpus : int
        Number of threads that the step may use.
    templates : tuple of Path
        Folders that are searched for templates before those of the package.
    published : Path or None
        The path that ``out`` has for later steps; None where it is the same.
    home : Path or None
        The folder that contains the shared folders of the step's part, if that is repeated in a loop; None
        where it is the run's folder.
    budget : callable
        Returns the requests of the whole run. Results must not depend on it.
    summary_of_run : callable
        Returns the run so far as JSON: recipe, parameters, versions, steps with times and memory. It is meant
        for reports; results must not depend on it, because it is in no content key.
    """

    workdir: Path
    out: Path
    source: FullSource
    engine: Engine
    log: logging.Logger
    progress: Callable[[float, str], None]
    cpus: int
    templates: tuple[Path, ...] = ()
    published: Path | None = None
    home: Path | None = None
    budget: Callable[[], Budget] = Budget
    summary_of_run: Callable[[], Mapping[str, Any]] = dict


Read = Callable[[Path], str | None]
"""Returns the text of a file, or None if there is no file. The runner records which files were read."""

Fingerprint = Callable[[Mapping[str, Any], tuple[Path, ...], Read], object]
"""Returns, from an action's inputs and the folders of templates, further JSON on which its outputs depend."""

Preview = Callable[[Mapping[str, Any], tuple[Path, ...]], Mapping[str, object]]
"""Returns what a plan shows of a step, from the inputs as far as they are known before a run.

Files in the work directory are relative to it; an input that is not known yet is the text of its expression.
``rendered`` is a text that the step will write.
"""

Takes = Callable[[Mapping[str, Any]], Mapping[str, Sequence[str]]]
"""Returns, from the inputs, what the step requests from its source: names by kind, empty if not known yet.

Kinds are the folders of ``sources/directory.py``: ``bursts``, ``slc``, ``alos``, ``orbits``, ``aux_cal``,
``dem``, ``geoid``, ``water_mask``. A plan lists them as downloads if the action's verb is ``fetch``. With a
source that is a folder, the contents of these files become part of the content key.
"""

Foresee = Callable[[Mapping[str, Any]], object]
"""Returns, from the inputs alone, the dataclass that the step will return."""

Check = Callable[[Mapping[str, Any]], object]
"""Checks an action's inputs before a run, and raises an error if they are wrong."""


Runs = Callable[[Mapping[str, Any]], "AppSteps | None"]
"""Returns the steps that an action will run with its engine, from the inputs as far as they are known.

An input that is not known yet is the text of its expression. None where the steps are not known yet.
"""


class Wrong(NamedTuple):
    """What is wrong with a step: its place within ``with:``, the message, and what to do."""

    path: tuple[str | int, ...]
    message: str
    advice: str | None = None


class Question(Protocol):
    """A question to a program whose answer is part of a content key. Equal questions are asked once a run."""

    def __hash__(self) -> int:
        """Return a number that is equal for equal questions."""

    def answer(self) -> str:
        """Start the program and return its answer."""


Asks = Callable[[Mapping[str, Any]], Question | None]
"""Returns, from an action's inputs, what a run asks a program before the key is known. Plans do not ask."""

Code = Callable[[Read], Mapping[str, str]]
"""Returns the code of the recipe's author that a step runs: texts by path relative to the recipe's folder."""


def nothing(_: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Return no names, as ``takes`` of an action that uses only the name of its source or engine."""
    return {}


def names_from(kind: str, *inputs: str) -> Takes:
    """Return a ``takes``: the names of a kind in inputs that are lists or single names, as far as known."""

    def takes(given: Mapping[str, Any]) -> dict[str, Sequence[str]]:
        values = [given[name] for name in inputs if name in given]
        listed = [value if isinstance(value, list) else [value] for value in values]
        return {kind: [str(name) for names in listed for name in names if "{{" not in str(name)]}

    return takes


class Action:
    """A registered action. The attributes are the arguments of `action`.

    Where ``for_step`` gives the types of each step, `of_step` returns the action with them.

    Attributes
    ----------
    uses : frozenset of str
        ``source`` and ``engine``, whichever enter the content key.
    capabilities : frozenset of str
        Capabilities that its source must have; see `isce2_recipe.sources.base.CAPABILITIES`.
    asks, code : callable or None
        What one step asks a program, and the code that it runs; see `Asks` and `Code`.
    steady : bool
        Whether files alone show that a step is up to date.
    """

    asks: Asks | None = None
    code: Code | None = None
    steady = True

    def __init__(
        self,
        name: str,
        version: int,
        function: Callable[..., Any],
        uses: Sequence[str] = (),
        fingerprint: Fingerprint | None = None,
        preview: Preview | None = None,
        check: Check | None = None,
        takes: Takes | None = None,
        foresee: Foresee | None = None,
        runs: Runs | None = None,
        for_step: ForStep | None = None,
        executes: Executes | None = None,
    ) -> None:
        parts = [use.partition(".") for use in uses]
        self.name = name
        self.version = version
        self.function = function
        self.uses = frozenset(provider for provider, _, _ in parts)
        self.capabilities = frozenset(capability for _, _, capability in parts if capability)
        self.fingerprint = fingerprint
        self.preview = preview
        self.check = check
        self.takes = takes
        self.foresee = foresee
        self.runs = runs
        self.for_step = for_step
        self.executes = executes

    def of_step(self, given: Mapping[str, Any], folder: Path) -> Action | list[Wrong]:
        """Return the action with the types of one step, or what is wrong with the step.

        Parameters
        ----------
        given : mapping
            The step's ``with:`` as it is written.
        folder : Path
            The folder of the recipe or part that has the step.
        """
        return self if self.for_step is None else self.for_step(self, given, folder)

    @cached_property
    def inputs(self) -> dict[str, inspect.Parameter]:
        """The keyword-only parameters by name, with evaluated annotations."""
        return {
            name: parameter
            for name, parameter in self._signature.parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """The fields of the returned dataclass by name, with their types."""
        returned = self._signature.return_annotation
        if not (isinstance(returned, type) and is_dataclass(returned)):
            return {}
        hints: dict[str, Any] = {}
        for kind in reversed(returned.__mro__):
            hints |= inspect.get_annotations(kind, eval_str=True)
        return {field.name: hints[field.name] for field in fields(returned)}

    @property
    def open(self) -> bool:
        """Whether a step may have other inputs than those of the signature."""
        kinds = [parameter.kind for parameter in self._signature.parameters.values()]
        return inspect.Parameter.VAR_KEYWORD in kinds

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function, eval_str=True)

    @property
    def summary(self) -> str:
        """The first line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


class StepAction(Action):
    """An action with the types of one step.

    Parameters
    ----------
    general : Action
        The action as it is registered.
    inputs : mapping
        Inputs by name.
    outputs : mapping
        Types of the outputs by name.
    function, check, fingerprint, asks, code, steady
        As the attributes of `Action`.
    """

    def __init__(
        self,
        general: Action,
        inputs: Mapping[str, inspect.Parameter],
        outputs: Mapping[str, Any],
        *,
        function: Callable[..., Any] | None = None,
        check: Check | None = None,
        fingerprint: Fingerprint | None = None,
        asks: Asks | None = None,
        code: Code | None = None,
        steady: bool = True,
    ) -> None:
        super().__init__(
            general.name,
            general.version,
            function or general.function,
            fingerprint=fingerprint,
            check=check,
            executes=general.executes,
        )
        self.inputs = dict(inputs)
        self.outputs = dict(outputs)
        self.asks = asks
        self.code = code
        self.steady = steady
        self._general = general

    @property
    def summary(self) -> str:
        """The first line of the docstring of the action as it is registered."""
        return self._general.summary


ForStep = Callable[[Action, Mapping[str, Any], Path], Action | list[Wrong]]
"""Returns an action with the types of one step, as `Action.of_step` does."""

Executes = Callable[[Mapping[str, Any]], str]
"""Returns, from a step's ``with:`` as written, which command or code of the recipe's author it executes."""


def action(
    name: str,
    *,
    version: int,
    uses: tuple[str, ...] = (),
    fingerprint: Fingerprint | None = None,
    preview: Preview | None = None,
    check: Check | None = None,
    takes: Takes | None = None,
    foresee: Foresee | None = None,
    runs: Runs | None = None,
    for_step: ForStep | None = None,
    executes: Executes | None = None,
) -> Callable[[Callable[..., Any]], Action]:
    """Make a function an action.

    Parameters
    ----------
    name : str
        ``subject.verb``, the value of ``uses:`` in a recipe. The subject is the module's name.
    version : int
        Part of the content key. Increase it whenever the same inputs give other outputs.
    uses : tuple of str
        ``"source.CAPABILITY"`` for each capability that the action calls, ``"source"`` if it uses only the
        source's name, and ``"engine"``. The source's or engine's fingerprint is part of the content key then.
    fingerprint : callable, optional
        Returns what the outputs depend on besides the inputs, for example a template's text; part of the
        content key.
    preview : callable, optional
        Returns what a plan can show of the step before it runs.
    check : callable, optional
        Called before anything runs with the inputs as a mapping. If it reads an input that depends on a step
        which has not run, it ends there, without an error.
    takes : callable, optional
        Returns what it requests from its source. Without it the action may request anything.
    foresee : callable, optional
        Returns what the action will return, for plans.
    runs : callable, optional
        Returns the steps of an ISCE2 application that it runs. Plans refuse an engine that lacks them.
    for_step : callable, optional
        Returns the action with types that depend on the step. It must not execute anything of the recipe.
    executes : callable, optional
        Returns what of the recipe's author it executes, in words. ``rerun`` asks for consent then.
    """

    def register(function: Callable[..., Any]) -> Action:
        hooks = (fingerprint, preview, check, takes, foresee, runs, for_step, executes)
        return Action(name, version, function, uses, *hooks)

    return register
