from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from isce2_recipe.actions.base import Action, Context, action
from isce2_recipe.errors import RecipeError
from isce2_recipe.plan import drawing
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.keys import changes, values_with_paths
from isce2_recipe.recipe import load, read_text


@dataclass(frozen=True)
class Made:
    path: Path


@action("make.file", version=1)
def make(ctx: Context, *, of: list[Path] | None = None) -> Made:
    """Make a file."""
    return Made(ctx.out)


@action("make.remote", version=1, uses=("source",))
def remote(ctx: Context, *, of: list[Path] | None = None) -> Made:
    """Fetch a file."""
    return Made(ctx.out)


ACTIONS: dict[str, Action] = {one.name: one for one in (make, remote)}


def _graph(steps: str) -> Graph:
    reading = read_text(f"recipe: 1\nname: try\nsummary: A try.\nsteps:\n{steps}", "try.yml")
    assert reading.recipe is not None, reading.problems
    return Graph(reading.recipe, ACTIONS)


def _step(name: str, *after: str, more: str = "", uses: str = "make.file") -> str:
    files = ", ".join(f'"{{{{ steps.{other}.path }}}}"' for other in after)
    return f"  - {{id: {name}, uses: {uses}, with: {{of: [{files}]}}{more}}}\n"


def test_steps_come_after_what_they_read_and_otherwise_in_the_recipes_order() -> None:
    graph = _graph(_step("d", "b") + _step("a") + _step("b", "a") + _step("c"))
    assert list(graph.nodes) == ["a", "b", "d", "c"]
    assert graph.needs["d"] == ("b",)
    assert graph.descendants({"b"}) == {"b", "d"}
    assert graph.ancestors({"d"}) == {"a", "b", "d"}


PART = """\
recipe: 1
name: two
summary: Two things that have nothing to do with each other.
parameters:
  one: {description: Read by the first step.}
  other: {default: null, description: Read by the second.}
  word: {type: string, default: "", description: Read by a condition.}
required: [one]
variables: {both: "{{ [one] }}"}
steps:
  - {id: first, uses: make.file, with: {of: "{{ both }}"}}
  - {id: second, uses: make.file, with: {of: ["{{ other }}"]}, when: "{{ word == 'x' }}"}
outputs: {first: "{{ steps.first.path }}", second: "{{ steps.second.path if word else none }}"}
"""


def _with_part(folder: Path) -> Graph:
    (folder / "parts").mkdir()
    (folder / "parts/two.yml").write_text(PART)
    given = {name: f"{{{{ steps.{step}.path }}}}" for name, step in {"one": "a", "other": "b"}.items()}
    steps = _step("a") + _step("b") + _step("c") + _step("d")
    steps += (
        f'  - {{id: p, uses: parts/two.yml, when: "{{{{ steps.d.path }}}}", with: {json.dumps(given)}}}\n'
    )
    steps += '  - {id: e, uses: make.file, with: {of: ["{{ steps.p.first }}"]}}\n'
    steps += '  - {id: f, uses: make.file, with: {of: ["{{ steps.p.second }}"]}}\n'
    steps += "  - {id: g, uses: make.file, needs: [p]}\n"
    (folder / "try.yml").write_text(f"recipe: 1\nname: try\nsummary: A try.\nsteps:\n{steps}")
    return Graph(load(folder / "try.yml"), ACTIONS)


def test_steps_of_a_part_and_those_after_it_wait_for_what_they_read_only(tmp_path: Path) -> None:
    graph = _with_part(tmp_path)
    assert graph.needs["p/first"] == ("a", "d")
    assert graph.needs["p/second"] == ("b", "d")
    assert graph.needs["e"] == ("d", "p/first")
    assert graph.needs["f"] == ("d", "p/second")
    assert graph.needs["g"] == ("p/first", "p/second")


def test_the_last_name_of_a_step_is_enough_if_it_is_unique(tmp_path: Path) -> None:
    graph = _with_part(tmp_path)
    assert graph.select("second") == ["p/second"]
    assert graph.select("p") == ["p/first", "p/second"]
    with pytest.raises(RecipeError, match="no step 'econd'"):
        graph.select("econd")


def test_needs_order_without_reading() -> None:
    graph = _graph(_step("a", more=", needs: [b]") + _step("b"))
    assert list(graph.nodes) == ["b", "a"]


def test_steps_of_a_shared_folder_wait_for_each_other() -> None:
    shared = ", folder: isce"
    graph = _graph(
        _step("a", more=shared) + _step("b", more=shared) + _step("c", "b") + _step("d", more=shared)
    )
    assert graph.folders == {"isce": ("a", "b", "d")}
    assert graph.needs["b"] == ("a",)
    assert graph.needs["d"] == ("b", "c"), "who reads of the folder is done before it changes again"
    assert graph.reads == {"c": {"isce": 2}}


def test_a_circle_is_refused() -> None:
    with pytest.raises(RecipeError, match="in a circle: a > b > a"):
        _graph(_step("a", "b") + _step("b", "a"))


def test_names_of_shared_folders_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"try.yml:6:10: step 'shared' has the name of a shared folder"):
        _graph(_step("own", more=", folder: shared") + _step("shared"))


def test_an_unknown_step_is_refused_by_name() -> None:
    with pytest.raises(RecipeError, match="no step 'x'"):
        _graph(_step("a")).select("x")


def test_leaves_and_changes() -> None:
    before = {"inputs": {"files": [{"content": "x"}], "looks": "20x4"}, "action": "a v1"}
    after = {"inputs": {"files": [{"content": "y"}], "looks": "20x4", "new": []}, "action": "a v1"}
    assert dict(values_with_paths(before)) == {
        "inputs.files[0].content": "x",
        "inputs.looks": "20x4",
        "action": "a v1",
    }
    assert [(one.name, one.before, one.after) for one in changes(before, after)] == [
        ("inputs.files[0].content", "x", "y"),
        ("inputs.new", "(not there)", []),
    ]


FAN = (
    _step("a", uses="make.remote")
    + _step("b", "a")
    + _step("c", "a", more=', when: "{{ 1 > 2 }}"')
    + _step("d", "b", "c", "a")
)


def test_arrows_that_follow_from_others_are_omitted() -> None:
    assert set(drawing.arrows(_graph(FAN).needs)) == {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}


def test_pictures() -> None:
    graph = _graph(FAN)
    assert drawing.mermaid(graph).startswith("flowchart TD\n")
    assert "s0 --> s1" in drawing.mermaid(graph)
    assert '"a" -> "b";' in drawing.dot(graph)
    root = ElementTree.fromstring(drawing.svg(graph))
    boxes = root.findall(".//{http://www.w3.org/2000/svg}rect")
    assert len(boxes) == 4
    corners = {(box.get("x"), box.get("y")) for box in boxes}
    assert len(corners) == 4, "no box lies on another"
    dashed = [box.get("stroke-dasharray") is not None for box in boxes]
    assert dashed == [False, False, True, False], "only what has a condition is dashed"


def test_graphviz_reads_dot(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    path.write_text(drawing.dot(_graph(FAN)))
    try:
        done = subprocess.run(["dot", "-Tsvg", path], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("Graphviz is not installed")
    assert done.returncode == 0
