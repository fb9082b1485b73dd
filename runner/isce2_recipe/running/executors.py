"""The executors by name: this machine, Dask, and those of other packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

from isce2_recipe.errors import UsageError
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.plugins import importing
from isce2_recipe.problems import did_you_mean
from isce2_recipe.running.executor import Executor
from isce2_recipe.running.local import LocalExecutor
from isce2_recipe.running.state import Limits

GROUP = "isce2_recipe.executors"
"""Entry-point group: the name after ``--executor``, and a callable that returns an executor.

Its arguments are the text after the colon, the work directory of the run, a function that removes secrets
from a text, and a function that receives messages for the user. It returns an
`isce2_recipe.running.executor.Executor`.
"""

LOCAL = "local"
_DASK = "dask"

Make = Callable[[str, Workspace, Callable[[str], str], Callable[[str], None]], Executor]


def check_name(text: str) -> None:
    """Check that there is an executor of that name, without opening it.

    Raise UsageError if there is none, or if it lacks the text after the colon.
    """
    name, colon, rest = text.partition(":")
    known = [LOCAL, _DASK, *_plugins()]
    if name not in known:
        raise UsageError(f"there is no executor '{name}'", hint=did_you_mean(name, known))
    if name == LOCAL and colon:
        raise UsageError(f"the executor local takes nothing after its name, instead got '{text}'")
    if name == _DASK and not rest.strip():
        hint = "give dask:ADDRESS, dask:scheduler.json or dask:CLUSTER.yml"
        raise UsageError("the executor dask needs a scheduler", hint=hint)


def open_executor(
    text: str,
    workspace: Workspace,
    limits: Limits,
    redact: Callable[[str], str],
    report: Callable[[str], None],
) -> Executor:
    """Return the executor that a text of the command line names.

    Parameters
    ----------
    text : str
        ``local``, ``dask:ADDRESS``, ``dask:scheduler.json``, ``dask:CLUSTER.yml``, or ``NAME:...`` of a
        plug-in of the entry-point group `GROUP`.
    workspace : Workspace
        The work directory of the run.
    limits : Limits
        How much of this machine may be in use at the same time.
    redact : callable
        Removes secrets from a text.
    report : callable
        Receives messages for the user.

    Raises
    ------
    UsageError
        If there is no such executor.
    InputError
        If a plug-in cannot be imported.
    """
    check_name(text)
    name, _, rest = text.partition(":")
    if name == LOCAL:
        return LocalExecutor(workspace, limits, redact)
    if name == _DASK:
        from isce2_recipe.running.dask_executor import DaskExecutor

        return DaskExecutor(rest, workspace, redact, report)
    point = _plugins()[name]
    with importing(f"the executor '{name}'", point.value):
        make: Make = point.load()
    return make(rest, workspace, redact, report)


def _plugins() -> dict[str, EntryPoint]:
    return {each.name: each for each in entry_points(group=GROUP)}
