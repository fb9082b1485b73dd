"""``lint`` checks what a given source and a given engine lack."""

from __future__ import annotations

import pytest

from isce2_recipe.errors import UsageError
from isce2_recipe.lint import Options, lint_paths
from support.runs import write_recipe

RECIPE = """\
recipe: 1
name: needs
summary: Steps with needs.
steps:
  - id: config
    uses: template.render
    with: {template: isce2/topsApp.xml.j2, to: topsApp.xml, values: {}}
  - id: offsets
    uses: isce2.run
    folder: isce
    with: {app: topsApp, config: "{{ steps.config.path }}", end: denseoffsets}
  - id: truth
    uses: simulation.write_truth
    with: {catalog: bursts.json, dem: dem.tif}
"""


def problems(folder, **given):
    found = lint_paths([write_recipe(folder, RECIPE)], Options(select=("IR038",), **given))
    return [(problem.line, problem.message, problem.hint or "") for problem in found]


def test_an_engine_without_the_step(tmp_path) -> None:
    [(line, message, hint)] = problems(tmp_path, engine="builtin")
    assert line == 9
    assert message == "the engine builtin has no step 'denseoffsets' of topsApp"
    assert "--engine isce2" in hint
    assert "startup, preprocess" in hint


def test_a_source_without_the_capability(tmp_path) -> None:
    [(line, message, hint)] = problems(tmp_path, source="asf", engine="isce2")
    assert (line, hint) == (13, "sources that have truth: simulated")
    assert message == "the step 'truth' needs truth, which the source asf does not have"


def test_nothing_is_lacking_that_is_not_given(tmp_path) -> None:
    assert problems(tmp_path) == []
    assert problems(tmp_path, source="simulated:clean,lines=100", engine="isce2") == []
    assert problems(tmp_path, engine="auto") == []


def test_unknown_names(tmp_path) -> None:
    with pytest.raises(UsageError, match="there is no engine 'biultin'"):
        problems(tmp_path, engine="biultin")
