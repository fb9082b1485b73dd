"""Explanations of why a step ran or did not run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.journal import log
from isce2_recipe.journal.log import Done, History
from isce2_recipe.paths import JOURNAL
from isce2_recipe.plan.keys import changes
from isce2_recipe.plan.nodes import with_ids
from isce2_recipe.problems import did_you_mean
from isce2_recipe.products.reading import run_record


def explain(workdir: Path, step: str) -> dict[str, Any]:
    """Return what is recorded about the last decision about a step.

    Returns
    -------
    dict
        ``status`` and ``reason`` in the last run; ``started``, the reason of the step's last start;
        ``changes``, a list of ``[part of the key, before, after]`` that led to it; ``key``, ``parts`` and
        ``facts`` of the last time that the step finished.

    Raises
    ------
    InputError
        If the folder is not a work directory, or has no such step.
    """
    row, step = _row_of_batch(workdir), with_ids(step)
    if row is not None:
        workdir, step = workdir.parent.parent, f"{row}/{step}"
    if not (workdir / JOURNAL).is_file():
        raise InputError(
            f"{workdir} is not the work directory of a run", hint="give the folder that contains run.json"
        )
    try:
        return _explained(workdir, log.read(workdir), step)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise InputError(f"the records in {workdir} are not those of a run of isce2-recipe") from None


def _row_of_batch(workdir: Path) -> str | None:
    """Return the instance whose work directory this is, if it belongs to a row of a batch."""
    above = workdir.parent.parent
    if (workdir / JOURNAL).is_file() or not (above / JOURNAL).is_file():
        return None
    return f"{workdir.parent.name}[{workdir.name}]"


def _explained(workdir: Path, history: History, step: str) -> dict[str, Any]:
    last = _last_run(workdir)
    known = list(dict.fromkeys([*last, *history.done, *history.started]))
    if step not in known and step not in history.loops:
        found = [name for name in known if name.endswith(f"/{step}")]
        inside = [name for name in known if name.startswith((f"{step}/", f"{step}["))]
        if len(found) != 1 and inside:
            raise InputError(f"'{step}' has several steps", hint=f"give one of {', '.join(inside[:12])}")
        if len(found) != 1:
            raise InputError(f"there is no step '{step}' in {workdir}", hint=did_you_mean(step, known))
        step = found[0]
    done, earlier = history.done.get(step), history.earlier.get(step)
    return {
        "step": step,
        "status": last.get(step, {}).get("status", _state(history, step)),
        "reason": last.get(step, {}).get("reason", ""),
        "started": history.started.get(step, {}).get("reason"),
        "changes": _changes(history, step, earlier, done),
        "key": None if done is None else done.key,
        "parts": {} if done is None else done.parts,
        "facts": {} if done is None else done.facts,
        **({"instances": history.loops[step]["keys"]} if step in history.loops else {}),
    }


def _state(history: History, step: str) -> str:
    return "interrupted" if step in history.open else "done"


def _changes(history: History, step: str, earlier: Done | None, done: Done | None) -> list[list[Any]]:
    started = history.started.get(step, {}).get("changes")
    if started:
        return [[name, before, after] for name, before, after in started]
    if earlier is None or done is None:
        return []
    return [[change.name, change.before, change.after] for change in changes(earlier.parts, done.parts)]


def _last_run(workdir: Path) -> dict[str, dict[str, Any]]:
    """Return what the record of the last run says of each step, as far as it can be read."""
    try:
        steps = run_record(workdir).get("steps")
    except InputError:
        return {}
    listed = steps.items() if isinstance(steps, dict) else ()
    return {name: facts for name, facts in listed if isinstance(facts, dict)}


def to_text(found: dict[str, Any]) -> str:
    """Return an explanation as text."""
    lines = [f"{found['step']}: {found['status']}" + (f" ({found['reason']})" if found["reason"] else "")]
    if found["status"] == "cached" and found["started"]:
        lines.append(f"reason of its last run: {found['started']}")
    if found["changes"]:
        lines.append("changes of its key at that time:")
        for name, before, after in found["changes"]:
            lines += [f"  {name}", f"    before: {_line(before)}", f"    after:  {_line(after)}"]
    if "instances" in found:
        lines.append("instances: " + (", ".join(map(str, found["instances"])) or "none"))
    if found["parts"]:
        lines.append(f"parts of its key {found['key'][:12]}:")
        lines += [
            f"  {line}" for line in json.dumps(found["parts"], indent=1, ensure_ascii=False).splitlines()
        ]
    return "\n".join(lines)


def _line(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
