"""Invalid values of timeouts, retries and resources are refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import RecipeError
from isce2_recipe.recipe import load, verify

TEXT = """\
recipe: 1
name: settings
parameters:
  hours: {type: number, default: 2}
  tries: {type: integer, default: 1}
  kinds: {type: array, items: {type: string}, default: [source]}
  size: {type: string, default: 8 GB}
  limit: {type: [string, "null"], default: 1h}
steps:
  - id: dem
    uses: dem.fetch
    with: {bounds: [1, 2, 3, 4], margin: 0.1}
    timeout: "{{ limit }}"
    retry: {count: "{{ tries }}", backoff: "{{ hours }} h", on: "{{ kinds }}"}
    resources: {cpus: "{{ tries }}", memory: "{{ size }}", disk: "{{ hours * 2 }} GB"}
"""
XML = """\
recipe: 1
name: xml
parameters:
  strength: {type: number, default: 0.5}
steps:
  - id: config
    uses: template.render
    with: {template: top.xml.j2, to: top.xml, values: {strength: "{{ strength }}"}}
"""
TEMPLATE = """\
<topsApp>
  <component name="topsinsar">
    <property name="filter strength">{{ strength }}</property>
  </component>
</topsApp>
"""
OUTER = """\
recipe: 1
name: outer
parameters:
  strength: {type: number, default: 0.4}
steps:
  - {id: inner, uses: xml.yml, when: "{{ strength > 0 }}", with: {strength: "{{ strength * 2 }}"}}
"""
AROUND = """\
recipe: 1
name: around
parameters:
  hours: {type: number, default: 2}
steps:
  - {id: inner, uses: settings.yml, with: {hours: "{{ hours - 1 }}"}}
"""


def refused(folder: Path, name: str, **values: Any) -> list[str]:
    (folder / "settings.yml").write_text(TEXT)
    (folder / "around.yml").write_text(AROUND)
    (folder / "outer.yml").write_text(OUTER)
    (folder / "xml.yml").write_text(XML)
    (folder / "top.xml.j2").write_text(TEMPLATE)
    recipe = load(folder / f"{name}.yml", load_registry())
    try:
        verify(recipe, load_registry(), values)
    except RecipeError as exc:
        return [f"{Path(one.file).name}:{one.line}:{one.column} {one.message}" for one in exc.problems]
    return []


def test_values_that_the_grammar_allows_are_accepted(tmp_path: Path) -> None:
    assert refused(tmp_path, "settings") == []
    assert refused(tmp_path, "settings", limit=None) == []
    assert refused(tmp_path, "settings", kinds=["crash", "timeout"], size="500 MiB", hours=0.5) == []


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({"limit": "soon"}, "settings.yml:13:14 timeout must be a number above 0 or a duration such as"),
        ({"limit": "-1 h"}, "settings.yml:13:14 timeout must be"),
        ({"kinds": ["sauce"]}, "settings.yml:14:65 retry.on[0] must be one of source, engine"),
        ({"size": "8 parsecs"}, "settings.yml:15:46 resources.memory must be a number above 0"),
    ],
)
def test_other_values_are_refused_at_their_place(tmp_path: Path, values: Any, found: str) -> None:
    (message,) = refused(tmp_path, "settings", **values)
    assert message.startswith(found)


def test_each_setting_that_reads_a_wrong_value_is_reported(tmp_path: Path) -> None:
    count, cpus = refused(tmp_path, "settings", tries=-1)
    assert count == "settings.yml:14:20 retry.count must be at least 0, instead got -1"
    assert cpus == "settings.yml:15:23 resources.cpus must be above 0, instead got -1"


def test_settings_of_parts_are_checked_with_the_given_values(tmp_path: Path) -> None:
    assert refused(tmp_path, "around") == []
    backoff, disk = refused(tmp_path, "around", hours=0)
    assert backoff.startswith("settings.yml:14:44 retry.backoff must be")
    assert disk.startswith("settings.yml:15:66 resources.disk must be")


def test_an_error_in_a_template_of_a_part_is_reported_with_the_part(tmp_path: Path) -> None:
    assert refused(tmp_path, "outer") == []
    (message,) = refused(tmp_path, "outer", strength=1)
    assert message == "xml.yml:8:66 property 'filter strength' must be at most 1, instead got '2'"
    with pytest.raises(RecipeError) as caught:
        verify(load(tmp_path / "outer.yml"), load_registry(), {"strength": 1})
    way = "line 3 of top.xml, from line 3 of template top.xml.j2, value 'strength' from strength"
    where = f"in the part that step 'inner' of {tmp_path}/outer.yml uses"
    assert caught.value.problems[0].hint == f"{way}, {where}"


def test_skipped_steps_are_not_checked(tmp_path: Path) -> None:
    assert refused(tmp_path, "outer", strength=-3) == []
