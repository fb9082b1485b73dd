"""Where secrets may go in a recipe: `plan` and `run` refuse what the linter refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import RecipeError
from isce2_recipe.lint.linting import lint_paths
from isce2_recipe.recipe.checking import load
from isce2_recipe.recipe.verifying import verify

PART = """recipe: 1
name: part
parameters: {text: {type: string}}
required: [text]
steps:
  - id: write
    uses: template.render
    with: {template: t.j2, to: a.txt, values: {x: "{{ text }}"}}
"""
HEAD = "recipe: 1\nname: top\nparameters: {pin: {type: integer, secret: true, default: 12}}\n"


OUTPUT = """variables: {v: '{{ pin }}'}
steps:
  - {id: a, uses: part.yml, with: {text: 'x'}}
outputs: {o: '{{ v }}'}
"""
IN_PART = "steps:\n  - {id: a, uses: part.yml, with: {text: 'pin {{ pin }}'}}\n"
VARIABLE = """variables: {v: 'pin {{ pin }}'}
steps:
  - id: a
    uses: template.render
    with: {template: t.j2, to: b, values: {x: ['{{ v }}']}}
"""


@pytest.mark.parametrize(("body", "line"), [(OUTPUT, 7), (IN_PART, 5), (VARIABLE, 8)])
def test_a_secret_that_would_be_written_is_refused(tmp_path: Path, body: str, line: int) -> None:
    (tmp_path / "part.yml").write_text(PART)
    (tmp_path / "t.j2").write_text("{{ x }}")
    path = tmp_path / "top.yml"
    path.write_text(HEAD + body)
    assert [one.line for one in lint_paths([path]) if one.rule == "IR046"] == [line]
    registry = load_registry()
    with pytest.raises(RecipeError, match=rf"top\.yml:{line}:.*IR046"):
        verify(load(path, registry), registry, {})
