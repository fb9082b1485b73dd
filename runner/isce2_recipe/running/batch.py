"""The results of a batch: a record in the work directory of each row, and a page with all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from isce2_recipe import __version__
from isce2_recipe.errors import RecipeToolError
from isce2_recipe.files import write_text
from isce2_recipe.journal.values import decode, encode
from isce2_recipe.markup import render
from isce2_recipe.paths import LOGS, RESOLVED_RECIPE, RUN_RECORD
from isce2_recipe.plan.batch import LOOP
from isce2_recipe.plan.bindings import skipped_outputs
from isce2_recipe.plan.nodes import Instance, place_of
from isce2_recipe.plan.record import plain_values, resolved
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.quantities import format_duration
from isce2_recipe.recipe.document import dump
from isce2_recipe.recipe.parameters import resolve_parameters
from isce2_recipe.redact import in_values

PAGE = "index.html"

_THUMBNAILS = ("*_thumb.png", "*quicklook*.png", "*.png")
_LONGEST_TEXT = 400  # characters of an output that the page shows


@dataclass(frozen=True, slots=True)
class RowResult:
    """The result of a row."""

    key: str  # the name of the row
    folder: str  # its work directory, relative to that of the batch
    status: str  # ``done``, ``cached``, ``failed`` or ``to do``
    values: Mapping[str, Any]  # the values of the row
    outputs: Mapping[str, Any]  # the recipe's outputs; empty unless all its steps are done
    steps: Mapping[str, Mapping[str, Any]]  # status and facts of its steps

    @property
    def seconds(self) -> float:
        """Return how long its steps took, s."""
        return float(sum(facts.get("seconds", 0.0) for facts in self.steps.values()))


def results(workspace: Workspace, steps: Mapping[str, Mapping[str, Any]]) -> list[RowResult]:
    """Return the results of all rows.

    Parameters
    ----------
    workspace : Workspace
        The batch.
    steps : mapping
        Status and facts of all steps, as in the run's record.
    """
    return [_result(workspace, one, steps) for one in workspace.graph.instances.get(LOOP, ())]


def _result(workspace: Workspace, row: Instance, steps: Mapping[str, Mapping[str, Any]]) -> RowResult:
    graph = workspace.graph
    names = [name for one in graph.members_of(row) for name in (one, *graph.below(one))]
    own = {name: steps[name] for name in names if name in steps}
    statuses = {facts["status"] for facts in own.values()}
    whole = len(own) == len(names) and statuses <= {"done", "cached", "skipped"}
    status = "failed" if "failed" in statuses else "to do"
    outputs: dict[str, Any] = {}
    if whole:
        status = "done" if "done" in statuses else "cached"
        node = graph.nodes[LOOP]
        done = {
            name: decode(workspace.history.done[name].outputs, workspace.workdir)
            if name in workspace.history.done and facts["status"] != "skipped"
            else skipped_outputs(graph.nodes[name])
            for name, facts in own.items()
        }
        outputs = workspace.bindings.outputs_of(node.scope.with_item(row), node.step, done)
    begin = len(row.id) + 1
    place = place_of(row.id)
    short = {name[begin:]: _inside(place, facts) for name, facts in own.items()}
    return RowResult(row.key, place, status, row.value["values"], outputs, short)


def _inside(place: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a step with files relative to the work directory of its row."""
    files = {name.removeprefix(f"{place}/"): digest for name, digest in facts.get("files", {}).items()}
    return {**facts, "files": files}


def write(workspace: Workspace, found: list[RowResult], redact: Callable[[str], str]) -> Path:
    """Write the records of all rows, and the page; return its path."""
    for one in found:
        if one.outputs:
            _write_record(workspace, one, redact)
    counts = Counter(one.status for one in found)
    recipe = workspace.graph.nodes[LOOP].step.part
    text = render(
        "report/batch.html",
        title=workspace.request.recipe.summary if recipe is None else f"{recipe.name}: {len(found)} rows",
        summary="" if recipe is None else recipe.summary,
        version=__version__,
        counts=dict(counts),
        rows=[_shown(workspace, one) for one in found],
    )
    path = workspace.workdir / PAGE
    write_text(path, redact(text))
    return path


def _write_record(workspace: Workspace, one: RowResult, redact: Callable[[str], str]) -> None:
    """Write ``run.json`` and ``resolved.yml`` into the work directory of a row."""
    part = workspace.graph.nodes[LOOP].step.part
    if part is None:
        return
    folder, request = workspace.workdir / one.folder, workspace.request
    common = {name: value for name, value in request.parameters.items() if name in part.parameters}
    public = {name: value for name, value in common.items() if not part.parameters[name].secret}
    values = resolve_parameters(part, {**public, **one.values}, public.keys() | one.values.keys())
    document = resolved(part, plain_values(values, workspace.workdir))
    record = {
        "isce2_recipe": __version__,
        "batch": {"workdir": str(workspace.workdir), "row": one.key},
        "recipe": {"name": part.name, "path": str(part.path), "resolved": document},
        "parameters": values,
        "source": {"asked": request.source_text},
        "engine": {"asked": request.engine_text},
        "seconds": round(one.seconds, 3),
        "steps": one.steps,
        "outputs": encode(dict(one.outputs), folder),
    }
    text = json.dumps(in_values(record, redact), indent=1, ensure_ascii=False, default=str) + "\n"
    path = folder / RUN_RECORD
    if not path.is_file() or one.status != "cached" or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
        write_text(folder / RESOLVED_RECIPE, dump(in_values(document, redact)))


def _shown(workspace: Workspace, one: RowResult) -> dict[str, Any]:
    """Return what the page shows of a row."""
    failed = [(name, facts) for name, facts in one.steps.items() if facts["status"] == "failed"]
    files = {name: value for name, value in one.outputs.items() if isinstance(value, Path)}
    texts = {name: _text(value) for name, value in one.outputs.items() if name not in files}
    product = files.get("product")
    return {
        "key": one.key,
        "status": one.status,
        "time": format_duration(one.seconds) if one.seconds else "",
        "values": {name: _text(value) for name, value in one.values.items()},
        "folder": _link(workspace, workspace.workdir / one.folder),
        "main": _link(workspace, files.get("report", workspace.workdir / one.folder)),
        "thumbnail": _thumbnail(workspace, product),
        "figures": {name: text for name, text in texts.items() if text},
        "links": {name: _link(workspace, path) for name, path in files.items()},
        "failures": [
            {
                "step": name,
                "lines": facts["reason"].splitlines(),
                "log": _link(workspace, workspace.workdir / LOGS / one.folder / f"{place_of(name)}.log"),
            }
            for name, facts in failed
        ],
    }


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _thumbnail(workspace: Workspace, product: Path | None) -> str:
    """Return the address of a small picture of a product; empty if there is none."""
    return next((_link(workspace, path) for path in _pictures(product)), "")


def _pictures(product: Path | None) -> Iterator[Path]:
    for pattern in _THUMBNAILS if product is not None and product.is_dir() else ():
        yield from sorted(product.glob(pattern)) if product is not None else ()


def _link(workspace: Workspace, path: Path) -> str:
    """Return the address of a file on the page."""
    if path.is_relative_to(workspace.workdir):
        return quote(str(path.relative_to(workspace.workdir)), safe="/")
    return path.as_uri()


def read_steps(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Return the steps in the record of the last run; none if there is no record."""
    try:
        found = json.loads((workspace.workdir / RUN_RECORD).read_bytes())
        return dict(found["steps"])
    except (OSError, ValueError, LookupError, TypeError, RecipeToolError):
        return {}
