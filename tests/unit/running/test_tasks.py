"""Tasks and the messages of their processes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from isce2_recipe.journal.files import FileEntry
from isce2_recipe.plan.request import make_request
from isce2_recipe.plan.workspace import Workspace
from isce2_recipe.recipe import load
from isce2_recipe.running.executor import Task
from isce2_recipe.running.local import first_message
from support.runs import QUICK, write_recipe

RECIPE = """\
recipe: 1
name: tasks
summary: Inputs of many types.
steps:
  - id: joined
    uses: quick.join
    with: {files: [one.txt, sub/two.txt], seconds: 1}
  - id: dem
    uses: dem.fetch
    with: {bounds: [53.01, 27.01, 53.02, 27.02], margin: 0.001}
"""


@pytest.mark.parametrize("step", ["joined", "dem"])
def test_a_task_is_the_same_after_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.syspath_prepend(QUICK)
    for name in ("one.txt", "sub/two.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    recipe = load(write_recipe(tmp_path, RECIPE))
    request = make_request(recipe, {}, workdir=tmp_path / "w", base=tmp_path, source="simulated")
    workspace = Workspace(request)
    node = workspace.graph.nodes[step]
    key = workspace.key(node, {}, ())
    before = {"isce/a.dat": FileEntry("digest", (1, 2, 3, 4))}
    task = Task(node, key.inputs, tmp_path / "w/scratch", tmp_path / "w" / step, before, 2)
    text = json.dumps(task.to_json(request.workdir))
    assert Task.from_json(json.loads(text), workspace.graph, request.workdir, request.base) == task


def test_progress_that_is_reported_at_once_stays_in_the_pipe() -> None:
    """The runner waits for the process id alone, so that it does not swallow what follows."""
    end, start = os.pipe()
    os.write(start, b'{"pid": 7}\n{"progress": 0.5, "text": "half"}\n')
    assert json.loads(first_message(end)) == {"pid": 7}
    assert json.loads(os.read(end, 100)) == {"progress": 0.5, "text": "half"}
    os.close(start)
    assert first_message(end) == b""
    os.close(end)
