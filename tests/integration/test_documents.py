"""Documents agree with the program: the pages of the recipes, and the tutorial as it is written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from isce2_recipe.plan import describing
from isce2_recipe.recipe import available, load
from support.runs import call, events, statuses, write_recipe

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOTE = "<!-- Made by `isce2-recipe describe {name}`; edit the recipe instead. -->\n\n"


@pytest.mark.parametrize("name", sorted(available()))
def test_the_page_of_a_recipe_is_up_to_date(name: str) -> None:
    made = NOTE.format(name=name) + describing.page(load(name))
    page = DOCS / "recipes" / f"{name}.md"
    assert page.is_file(), f"write it with: isce2-recipe describe {name} --output docs/recipes"
    assert page.read_text() == made, f"write it anew with: isce2-recipe describe {name} --output docs/recipes"


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / "tutorial.md").read_text(), re.DOTALL)


def _grown() -> str:
    """Return the tutorial's recipe with all that its later sections add."""
    recipe = yaml.safe_load(_blocks("yaml")[0])
    for block in _blocks("yaml")[1:]:
        more = yaml.safe_load(block)
        if isinstance(more, list):
            recipe["steps"] += more
            continue
        if "recipe" in more:  # another recipe
            continue
        recipe["parameters"] |= more["parameters"]
        recipe["steps"] += more["steps"]
        recipe["outputs"] = more["outputs"]
    return yaml.safe_dump(recipe, sort_keys=False)


def test_the_tutorials_first_recipe_lints_clean_and_runs(tmp_path: Path) -> None:
    (tmp_path / "terrain.yml").write_text(_blocks("yaml")[0])
    lint, run = _blocks("sh")[0].replace("\\\n", " ").strip().splitlines()
    for line in (lint, run):
        done = call(*shlex.split(line)[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "bounds: " in done.stdout


@pytest.mark.slow
def test_the_whole_tutorial_runs(tmp_path: Path) -> None:
    (tmp_path / "terrain.yml").write_text(_grown())
    (tmp_path / "relief.py").write_text(_blocks("python")[0])
    (tmp_path / "templates").mkdir()
    template = tmp_path / "templates/note.txt.j2"
    template.write_text(_blocks("jinja")[0])
    words = shlex.split(_blocks("sh")[1].replace("\\\n", " "))[2:]
    plan = call("plan", *words, cwd=tmp_path)
    assert "The margin is generous." not in plan.stdout
    assert "| The DEM is {{ steps.dem.geotiff }}." in plan.stdout
    assert call("lint", "terrain.yml", cwd=tmp_path).returncode == 0
    for expected in ({"scenes", "dem", "note", "size", "relief"}, {"note"}):
        done = call("run", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        ran = {name for name, status in statuses(tmp_path / "terrain-run").items() if status == "done"}
        assert ran == expected
        template.write_text(template.read_text() + "One line more.\n")
    assert "note.txt.j2" in call("explain", "terrain-run", "note", cwd=tmp_path).stdout
    assert (tmp_path / "terrain-run/size/size.txt").read_text().endswith("dem.tif\n")
    assert (tmp_path / "terrain-run/relief/relief.txt").read_text().endswith(" m\n")


@pytest.mark.slow
def test_the_tutorials_loop_makes_only_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "boxes.yml").write_text(next(one for one in _blocks("yaml") if "name: boxes" in one))
    first, second = next(one for one in _blocks("sh") if "boxes.yml" in one).strip().splitlines()
    assert call("lint", "boxes.yml", cwd=tmp_path).returncode == 0
    for line in (first, second):
        done = call(*shlex.split(line)[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert statuses(tmp_path / "boxes") == {"dem": "done", "dem[0.02]": "cached", "dem[0.03]": "done"}
    assert sorted(path.name for path in (tmp_path / "boxes/dem").iterdir()) == ["0.02", "0.03"]


def _documented_events() -> dict[str, set[str]]:
    """Return the fields of each event, from the table of ``docs/events.md``."""
    rows = re.findall(r"^\| `([a-z.]+)` \| .*? \| (.*) \|$", (DOCS / "events.md").read_text(), re.MULTILINE)
    return {name: set(re.findall(r"`([a-z_]+)`", fields)) for name, fields in rows}


EVERY_EVENT = """\
recipe: 1
name: eventful
summary: Something of everything.
parameters:
  times: {type: integer, default: 1, description: How often to fail.}
steps:
  - id: good
    uses: quick.write
    with: {text: a, seconds: 0.5}
    resources: {memory: 900 TB}
  - id: never
    uses: quick.write
    when: "{{ times > 90 }}"
    with: {text: a}
  - id: tried
    uses: quick.fail
    with: {how: source, times: "{{ times }}"}
    retry: {count: 1, backoff: 0.05 s}
  - id: names
    uses: quick.pairs
    with: {names: [x, bad]}
  - id: each
    for_each: "{{ steps.names.names }}"
    on_failure: continue
    uses: quick.choose
    with: {text: "{{ item }}", refused: "{{ ['bad'] if times == 1 else [] }}"}
  - id: all
    uses: quick.pairs
    with: {names: "{{ steps.each.value }}"}
"""


def test_events_are_those_of_the_documentation(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, EVERY_EVENT)
    found = []
    for times in (1, 0, 80):
        found += events(call("run", recipe, "--workdir", "w", "--times", times, "--json", cwd=tmp_path))
    documented = _documented_events()
    assert {event["event"] for event in found} == documented.keys() - {"note"}
    for event in found:
        assert event.keys() - {"event", "time"} <= documented[event["event"]], event
