"""Connections to Dask: a scheduler's address, its file, or a file that describes a cluster to start."""

from __future__ import annotations

import inspect
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.errors import InputError, RecipeToolError, StepFailed, UsageError
from isce2_recipe.files import read_bounded
from isce2_recipe.problems import DataPath, Problem, closest, suggest
from isce2_recipe.recipe.document import Document, label, parse
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.schema import CLUSTER, load_schema
from isce2_recipe.recipe.units import seconds
from isce2_recipe.recipe.validating import validate
from isce2_recipe.recipe.violations import Violation

if TYPE_CHECKING:
    from distributed import Client

_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_RULE = "cluster"
_MOST_BYTES = 100_000
_LONGEST = 500  # characters of a cluster's error
_CONNECT_S = 5.0
_WAIT_S = 60.0
"""Time without a worker after which a run gives up, if nobody starts workers for it."""
_WAIT_IN_QUEUE_S = 86_400.0
"""The same where a batch system may keep workers waiting."""


@dataclass(frozen=True, slots=True)
class ClusterFile:
    """A cluster as a file describes it.

    Attributes
    ----------
    document : Document
        The file.
    kind : callable
        The class.
    kwargs, scale, adapt : mapping
        Arguments of the class and of its methods ``scale`` and ``adapt``.
    wait : float
        Time without a worker after which a run gives up, seconds.
    """

    document: Document
    kind: Callable[..., Any]
    kwargs: Mapping[str, Any]
    scale: Mapping[str, Any]
    adapt: Mapping[str, Any]
    wait: float


@dataclass(frozen=True, slots=True)
class Connection:
    """A client of a scheduler.

    Attributes
    ----------
    client : Client
        The client.
    where : str
        The scheduler, for messages.
    wait : float
        Time without a worker after which a run gives up, seconds.
    cluster : object or None
        The cluster that was started for the run and ends with it.
    file : ClusterFile or None
        Its description.
    failures : list of str
        Why the cluster could not start workers, as far as it says so.
    """

    client: Client
    where: str
    wait: float
    cluster: Any = None
    file: ClusterFile | None = None
    failures: list[str] = field(default_factory=list)

    @property
    def walltime(self) -> float:
        """Return how long a worker lives at most, seconds; infinite if that is not known."""
        text = None if self.file is None else self.file.kwargs.get("walltime")
        return float("inf") if text is None else _walltime(str(text))

    def refuse_timeout(self, step: str, timeout: float) -> None:
        """Refuse a step whose timeout is longer than the life of a worker.

        Raises
        ------
        RecipeError
            If it is longer.
        """
        if self.file is not None and timeout > self.walltime:
            what = f"the walltime {self.file.kwargs['walltime']} is shorter than the timeout of step {step}, "
            advice = "raise the walltime of the workers, or lower the timeout of the step"
            raise _error(self.file.document, ("kwargs", "walltime"), f"{what}{timeout:g} s", advice)

    def ask_again(self) -> None:
        """Ask for the wanted number of workers again: clusters do not replace jobs that have ended."""
        if self.cluster is not None and self.file is not None and self.file.scale:
            with suppress(Exception):  # whatever a cluster class raises: the next call comes soon
                self.cluster.scale(**self.file.scale)

    def close(self) -> None:
        """End the client, and the cluster that it started."""
        for one in (self.client, self.cluster):
            if one is not None:
                with suppress(Exception):  # what is left of a cluster that failed
                    one.close(timeout=_CONNECT_S) if one is self.client else one.close()


def _walltime(text: str) -> float:
    """Return seconds of ``[DAYS-]HH[:MM[:SS]]``, minutes, or a text with a unit; infinite for other texts."""
    days, dash, rest = text.rpartition("-")
    try:
        parts = [float(part) for part in rest.split(":")]
        parts = [0.0, *parts] if len(parts) == 1 and not dash else parts
        hours, minutes, secs = [*parts, 0.0, 0.0][:3]
        return 86_400 * float(days or 0) + 3600 * hours + 60 * minutes + secs
    except ValueError:
        with suppress(RecipeToolError, ValueError):
            return seconds(text)
    return float("inf")


def connect(text: str) -> Connection:
    """Return a connection to a scheduler.

    Parameters
    ----------
    text : str
        The address of a scheduler, the name of its JSON file, or that of a YAML file with a cluster.

    Raises
    ------
    UsageError
        If the address has no meaning.
    InputError
        If a file is missing or wrong, or the package distributed is not installed.
    StepFailed
        If no scheduler answers, or the cluster cannot be started.
    """
    try:
        import distributed
    except ImportError as exc:
        hint = "pip install 'isce2-recipe[dask]'"
        raise InputError(f"--executor dask needs the package distributed: {exc}", hint=hint) from None
    failures = _be_quiet()
    if Path(text).suffix in (".yml", ".yaml"):
        return _start_cluster(read_cluster_file(Path(text)), failures)
    address = _address_in(Path(text)) if Path(text).suffix == ".json" else text
    _check_address(address)
    try:
        client = distributed.Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as exc:
        reason = str(exc).strip() or type(exc).__name__
        raise StepFailed(
            f"no Dask scheduler answers at {address} ({reason})",
            hint="start one with: dask scheduler; and workers with: dask worker ADDRESS",
        ) from None
    return Connection(client, address, _WAIT_S)


def _check_address(address: str) -> None:
    """Refuse a text that is no address, before a client tries to reach it."""
    from distributed.comm.registry import backends

    scheme, _, place = address.rpartition("://")
    port = place.rpartition(":")[2]
    if (scheme and scheme not in backends) or (":" not in place and scheme != "inproc") or not port:
        hint = "give for example dask:tcp://node1:8786, dask:scheduler.json or dask:CLUSTER.yml"
        raise UsageError(f"'{address}' is not the address of a Dask scheduler", hint=hint)
    if scheme != "inproc" and not (port.isdigit() and int(port) < 1 << 16):
        raise UsageError(f"'{address}' is not the address of a Dask scheduler: its port is no number")


class _Collector(logging.Handler):
    """Collects the errors that a cluster's own threads only log."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Exception):
            text = " ".join(str(error).split())
            self.found.append(f"{type(error).__name__}: {text[-_LONGEST:]}")


def _be_quiet() -> list[str]:
    """Keep what Dask logs off the terminal, as the run reports it itself; return a list of errors to come."""
    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    collector, log = _Collector(), logging.getLogger("tornado.application")
    log.setLevel(logging.ERROR)
    log.handlers, log.propagate = [collector], False
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")  # in workers that this program starts
    return collector.found


def _address_in(path: Path) -> str:
    try:
        return str(json.loads(path.read_bytes())["address"])
    except OSError as exc:
        hint = "a scheduler writes it with: dask scheduler --scheduler-file FILE"
        raise InputError(f"cannot read {path}: {exc.strerror}", hint=hint) from None
    except (ValueError, LookupError, TypeError):
        raise InputError(f"{path} is not the file of a Dask scheduler: it has no address") from None


def read_cluster_file(path: Path) -> ClusterFile:
    """Return the cluster that a file describes. Its class is imported.

    Raises
    ------
    InputError
        If there is no such file.
    RecipeError
        With everything that is wrong in it.
    """
    from distributed import Adaptive

    try:
        text = read_bounded(path, _MOST_BYTES).decode("utf-8")
    except OSError as exc:
        raise InputError(f"cannot read {path}: {exc.strerror}") from None
    except UnicodeDecodeError as exc:
        raise InputError(f"cannot read {path}: {exc}") from None
    document = parse(text, str(path))
    if document.problems:
        raise recipe_error(tuple(document.problems), {str(path): text})
    found = validate(document.data, load_schema(CLUSTER), CLUSTER)
    if found:
        raise recipe_error(tuple(_problem(document, one) for one in found), {document.file: document.text})
    data = _expanded(document) if document.data["class"].endswith("LocalCluster") else document.data
    if "scale" in data and "adapt" in data:
        raise _error(document, ("adapt",), "a cluster has either scale or adapt, not both", key=True)
    kind = _class(document, data["class"])
    _check_arguments(document, "kwargs", data, kind, getattr(kind, "job_cls", None), *_workers_of(kind))
    _check_arguments(document, "scale", data, getattr(kind, "scale", None))
    _check_arguments(document, "adapt", data, Adaptive, getattr(kind, "adapt", None))
    _check_limits(document, data.get("adapt", {}))
    try:
        wait = seconds(data["wait"]) if "wait" in data else None
    except (RecipeToolError, ValueError, TypeError):
        wait = -1.0
    if wait is not None and not 0 <= wait < float("inf"):
        raise _error(document, ("wait",), "wait must be a duration such as 10min")
    default = _WAIT_S if kind.__name__ == "LocalCluster" else _WAIT_IN_QUEUE_S
    kwargs, scale, adapt = (data.get(key, {}) for key in ("kwargs", "scale", "adapt"))
    return ClusterFile(document, kind, kwargs, scale, adapt, default if wait is None else wait)


def _error(
    document: Document, path: DataPath, what: str, advice: str | None = None, *, key: bool = False
) -> RecipeToolError:
    problem = document.problem(path, _RULE, what, key=key, advice=advice)
    return recipe_error((problem,), {document.file: document.text})


def _problem(document: Document, violation: Violation) -> Problem:
    path = violation.path[:-1] if violation.key else violation.path
    name = label(path) if path else "the cluster file"
    mark = document.key_mark(violation.path) if violation.key else document.mark(violation.path)
    return violation.problem(mark, _RULE, name)


def _expanded(document: Document) -> dict[str, Any]:
    """Return the content of a file with the variables of the environment in its texts replaced.

    This is for clusters of this machine: batch systems replace the variables where a job runs.
    """

    def expand(value: Any, path: DataPath) -> Any:
        if isinstance(value, dict):
            return {key: expand(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [expand(below, (*path, index)) for index, below in enumerate(value)]
        if not isinstance(value, str):
            return value
        for name in _VARIABLE.findall(value):
            if name not in os.environ:
                what = f"the variable {name} of the environment is not set"
                raise _error(document, path, what, f"export {name}=..., or write the value itself")
        return _VARIABLE.sub(lambda found: os.environ[found[1]], value)

    return {key: expand(value, (key,)) for key, value in document.data.items()}


def _class(document: Document, name: str) -> Callable[..., Any]:
    from distributed.deploy.cluster import Cluster

    example = "for example distributed.LocalCluster or dask_jobqueue.SLURMCluster"
    module, _, member = name.rpartition(".")
    try:
        package = import_module(module)
    except ImportError as exc:
        pip = module.partition(".")[0].replace("_", "-")
        advice = f"pip install {pip}" if isinstance(exc, ModuleNotFoundError) else None
        raise _error(document, ("class",), f"{module} cannot be imported: {exc}", advice) from None
    found = getattr(package, member, None)
    if found is None:
        known = [one for one in dir(package) if one.endswith("Cluster")]
        advice = suggest(member, known).text if closest(member, known) or known else example
        raise _error(document, ("class",), f"{module} has no class '{member}'", advice)
    if not (isinstance(found, type) and issubclass(found, Cluster)) or found is Cluster:
        raise _error(document, ("class",), f"{name} is no cluster class of Dask", example)
    return found


def _check_arguments(document: Document, key: str, data: Mapping[str, Any], *takers: Any) -> None:
    """Refuse arguments that neither the class or method knows, nor the classes that it builds on."""
    known: set[str] = set()
    for one in takers:
        for base in one.__mro__ if isinstance(one, type) else [one]:
            function: Any = vars(base).get("__init__", object) if isinstance(base, type) else base
            with suppress(ValueError, TypeError):
                known.update(inspect.signature(function).parameters)
    known -= {"self", "cls", "args", "kwargs", "cluster"}
    for name in data.get(key, {}):
        if name not in known:
            what = f"{data['class'].rpartition('.')[2]}{'' if key == 'kwargs' else '.' + key}"
            advice = suggest(name, sorted(known)).text
            raise _error(document, (key, name), f"{what} has no argument '{name}'", advice, key=True)


def _check_limits(document: Document, adapt: Mapping[str, Any]) -> None:
    for name, most in adapt.items():
        least = adapt.get(name.replace("max", "min", 1))
        if name.startswith("max") and isinstance(most, int) and isinstance(least, int) and least > most:
            raise _error(document, ("adapt", name), f"{name} {most} is smaller than the minimum {least}")


def _workers_of(kind: Callable[..., Any]) -> list[type]:
    """Return the classes of workers that take arguments of a local cluster too."""
    from distributed import LocalCluster, Nanny, Worker

    return [Nanny, Worker] if isinstance(kind, type) and issubclass(kind, LocalCluster) else []


def _start_cluster(file: ClusterFile, failures: list[str]) -> Connection:
    import distributed

    name = file.kind.__name__
    cluster = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as: the port of the dashboard is in use
            cluster = file.kind(**file.kwargs)
        if file.scale:
            cluster.scale(**file.scale)
        if file.adapt:
            cluster.adapt(**file.adapt)
        client = distributed.Client(cluster, timeout=_CONNECT_S, set_as_default=False)
    except Exception as exc:  # a cluster class may raise anything
        if cluster is not None:
            with suppress(Exception):
                cluster.close()
        cause: BaseException = exc
        while (deeper := cause.__cause__ or cause.__context__) is not None:
            cause = deeper
        what = f"{name} cannot be started: {type(cause).__name__}: {cause}"
        raise _error(file.document, ("class",), what) from exc
    return Connection(client, f"{name} ({client.scheduler.address})", file.wait, cluster, file, failures)
