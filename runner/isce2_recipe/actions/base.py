"""What an action is: a typed function whose signature is the schema of ``with:``.

The return dataclass is the schema of ``steps.<id>.*``. An action gets a `Context` and never reads the
current directory, the environment or a global.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:  # what actions are handed, not what they are: linting needs none of it
    import logging

    from isce2_recipe.engines.base import Engine
    from isce2_recipe.sources.base import Source

Capability = Literal["source", "engine"]


class Budget(NamedTuple):
    """What a run's steps ask for and what there is, bytes.

    Attributes
    ----------
    memory, memory_there : float
        The most a step asks for; of this machine.
    disk, disk_there : float
        What all steps ask for; free where the run is.
    """

    memory: float = 0.0
    memory_there: float = float("inf")
    disk: float = 0.0
    disk_there: float = float("inf")


@dataclass(frozen=True, slots=True)
class Context:
    """What an action may touch.

    Attributes
    ----------
    workdir : Path
        The run's folder, absolute.
    out : Path
        The folder to write into, absolute and existing. For most steps a fresh scratch folder that becomes
        ``workdir/<step id>`` by one rename once the step has succeeded; for steps with ``folder:`` that
        shared folder itself.
    source, engine
        Where inputs come from and what computes. Only actions that declare them may use them.
    log : logging.Logger
        Goes to the step's own log file.
    progress : callable
        ``progress(fraction, text)`` with fraction 0 to 1.
    cpus : int
        Threads this step may use.
    templates : tuple of Path
        Folders in which templates are looked for before those that come with the package.
    published : Path or None
        Where ``out`` will be found by later steps; None where that is ``out`` itself.
    budget : callable
        What the whole run asks of the machine; never for results.
    summary_of_run : callable
        The run so far as JSON: recipe, parameters, versions, steps with times and memory. For pages that tell
        of a run, never for results: no content key knows of it.
    """

    workdir: Path
    out: Path
    source: Source
    engine: Engine
    log: logging.Logger
    progress: Callable[[float, str], None]
    cpus: int
    templates: tuple[Path, ...] = ()
    published: Path | None = None
    budget: Callable[[], Budget] = Budget
    summary_of_run: Callable[[], Mapping[str, Any]] = dict


Read = Callable[[Path], str | None]
"""Reads a text file; None where there is none. The runner takes note of what was looked at."""

Fingerprint = Callable[[Mapping[str, Any], tuple[Path, ...], Read], object]
"""From an action's inputs and the folders of templates to JSON that its outputs depend on as well."""

Preview = Callable[[Mapping[str, Any], tuple[Path, ...]], Mapping[str, object]]
"""From the inputs, as far as they are known before a run, to what a plan shows of a step.

Files of the work directory are relative to it; what is not known yet is the text of its expression.
``rendered`` is a text the step will write.
"""

Takes = Callable[[Mapping[str, Any]], Mapping[str, Sequence[str]]]
"""From the inputs to what the step asks its source for: names by kind, none where they are not known yet.

Kinds are the folders of ``sources/directory.py``: ``bursts``, ``slc``, ``alos``, ``orbits``, ``aux_cal``,
``dem``, ``geoid``, ``water_mask``. Of actions whose verb is ``fetch`` a plan lists them as downloads. Of a
source that is a folder they are the files whose content is part of the content key.
"""

Foresee = Callable[[Mapping[str, Any]], object]
"""From the inputs to the very dataclass that the step will return, where these alone tell."""

Check = Callable[[Mapping[str, Any]], object]
"""Looks at an action's inputs before a run and raises what is wrong with them."""


def nothing(_: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """What a step takes that only tells which source and engine its inputs are from."""
    return {}


def names_in(*values: object) -> list[str]:
    """The names in inputs that are lists or single names, as far as they are known."""
    listed = [value if isinstance(value, list) else [value] for value in values]
    return [str(name) for names in listed for name in names if "{{" not in str(name)]


class Action:
    """A registered action."""

    def __init__(
        self,
        name: str,
        version: int,
        function: Callable[..., Any],
        uses: frozenset[Capability],
        fingerprint: Fingerprint | None,
        preview: Preview | None,
        check: Check | None,
        takes: Takes | None,
        foresee: Foresee | None,
    ) -> None:
        self.name = name
        self.version = version
        self.function = function
        self.uses = uses
        self.fingerprint = fingerprint
        self.preview = preview
        self.check = check
        self.takes = takes
        self.foresee = foresee

    @cached_property
    def inputs(self) -> dict[str, inspect.Parameter]:
        """Keyword-only parameters by name, annotations resolved."""
        return {
            name: parameter
            for name, parameter in self._signature.parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """Fields of the returned dataclass by name, with their types."""
        returned = self._signature.return_annotation
        if returned is None:
            return {}
        hints: dict[str, Any] = {}
        for kind in reversed(returned.__mro__):
            hints |= inspect.get_annotations(kind, eval_str=True)
        return {field.name: hints[field.name] for field in fields(returned)}

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function, eval_str=True)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def action(
    name: str,
    *,
    version: int,
    uses: tuple[Capability, ...] = (),
    fingerprint: Fingerprint | None = None,
    preview: Preview | None = None,
    check: Check | None = None,
    takes: Takes | None = None,
    foresee: Foresee | None = None,
) -> Callable[[Callable[..., Any]], Action]:
    """Make a function an action.

    Parameters
    ----------
    name : str
        ``subject.verb``, the value of ``uses:`` in a recipe. The subject is the module's name.
    version : int
        Raised whenever the same inputs would give other outputs; part of every content key.
    uses : tuple of str
        ``"source"`` and/or ``"engine"`` when the outputs depend on them; part of the content key then.
    fingerprint : callable, optional
        What the outputs depend on beside the inputs, for example a template's text; part of the content key.
    preview : callable, optional
        What a plan can show of the step before it runs.
    check : callable, optional
        Called before anything runs where all inputs are known by then.
    takes : callable, optional
        What it takes from its source; without it anything.
    foresee : callable, optional
        What it will return, for plans.
    """

    def register(function: Callable[..., Any]) -> Action:
        return Action(name, version, function, frozenset(uses), fingerprint, preview, check, takes, foresee)

    return register
