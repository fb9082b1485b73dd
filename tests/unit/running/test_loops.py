"""Loops: real runs of small recipes whose steps are repeated for every item of a list."""

from __future__ import annotations

import json
from pathlib import Path

from support.runs import call

HEAD = """recipe: 1
name: loop
summary: A loop.
parameters:
  names: {type: array, items: {type: string}, default: [a, b, c], description: Names.}
"""
PLAIN = f"""{HEAD}steps:
  - {{id: each, for_each: "{{{{ names }}}}", uses: quick.choose, with: {{text: "hello {{{{ item }}}}"}}}}
  - {{id: all, uses: quick.join, with: {{files: "{{{{ steps.each.path }}}}"}}}}
outputs: {{text: "{{{{ steps.all.text }}}}", keys: "{{{{ steps.each.key }}}}"}}
"""
LATE = f"""{HEAD}steps:
  - {{id: network, uses: quick.pairs, with: {{names: "{{{{ names }}}}"}}}}
  - id: each
    for_each: "{{{{ steps.network.pairs }}}}"
    as: pair
    uses: quick.choose
    with: {{text: "hello {{{{ pair.name }}}}"}}
  - {{id: all, uses: quick.join, with: {{files: "{{{{ steps.each.path }}}}"}}}}
outputs: {{text: "{{{{ steps.all.text }}}}", keys: "{{{{ steps.each.key }}}}"}}
"""


def _ran(folder: Path, recipe: str, names: str, *words: object, code: int = 0) -> dict[str, str]:
    """Run a recipe and return the status of each step."""
    (folder / "loop.yml").write_text(recipe)
    done = call("run", "loop.yml", "--workdir", "w", f"--names=[{names}]", *words, cwd=folder)
    assert done.returncode == code, done.stderr
    record = json.loads((folder / "w/run.json").read_text())
    return {name: facts["status"] for name, facts in record["steps"].items()}


def _outputs(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "w/run.json").read_text())["outputs"]
    return found


def test_only_what_a_changed_list_concerns_runs_again(tmp_path: Path) -> None:
    for number, recipe in enumerate((PLAIN, LATE)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert set(_ran(folder, recipe, "a, b, c").values()) == {"done"}
        assert _outputs(folder) == {"text": "hello ahello bhello c", "keys": ["a", "b", "c"]}
        assert set(_ran(folder, recipe, "a, b, c").values()) == {"cached"}
        found = _ran(folder, recipe, "c, d, a")
        assert {name for name, status in found.items() if status == "done"} - {"network"} == {
            "each", "each[d]", "all",
        }  # fmt: skip
        assert _outputs(folder)["text"] == "hello chello dhello a"
        assert sorted(path.name for path in (folder / "w/each").iterdir()) == ["a", "c", "d"]
        assert '"removed":["b"]' in (folder / "w/.isce2-recipe/journal.jsonl").read_text()


def test_an_empty_list_works(tmp_path: Path) -> None:
    for recipe in (PLAIN, LATE):
        found = _ran(tmp_path, recipe, "")
        assert found["each"] == "skipped" and found["all"] in ("done", "cached")
        assert _outputs(tmp_path) == {"text": "", "keys": []}


def test_a_failure_ends_the_run_or_only_its_instance(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    refused = tmp_path / "w/refused.txt"
    refused.write_text("b")
    recipe = LATE.replace("hello {{ pair.name }}", "{{ pair.name }}")
    assert "all" not in _ran(tmp_path, recipe, "a, b, c", "--jobs=1", code=1)
    found = _ran(tmp_path, recipe, "a, b, c", "--keep-going", code=3)
    assert found["each[b]"] == "failed"
    assert (found["each[c]"], found["all"]) == ("done", "blocked")
    continuing = recipe.replace("id: each", "id: each\n    on_failure: continue")
    found = _ran(tmp_path, continuing, "a, b, c", code=3)
    assert (found["each[b]"], found["all"]) == ("failed", "blocked")
    partial = recipe.replace("id: all,", "id: all, partial: allowed,")
    found = _ran(tmp_path, partial, "a, b, c", "--keep-going", code=3)
    assert found["all"] == "done"
    enough = recipe.replace("id: all,", "id: all, partial: allowed, min_done: 60 %,")
    assert _ran(tmp_path, enough, "a, b, c", "--keep-going")["all"] == "cached"
    record = json.loads((tmp_path / "w/run.json").read_text())
    assert record["steps"]["all"]["missing"] == {"each": ["b"]}
    assert _ran(tmp_path, enough, "a, b, c", "--keep-going")["each[b]"] == "failed"  # it is tried again
    more = recipe.replace("id: all,", "id: all, partial: allowed, min_done: 3,")
    assert _ran(tmp_path, more, "a, b, c", "--keep-going", code=3)["all"] == "blocked"
    refused.unlink()
    found = _ran(tmp_path, recipe, "a, b, c")
    assert {name for name, status in found.items() if status == "done"} == {"each[b]", "each", "all"}


REPORTED = f"""{HEAD}steps:
  - {{id: each, for_each: "{{{{ names }}}}", uses: parts/one.yml, with: {{name: "{{{{ item }}}}"}}}}
  - {{id: all, uses: quick.summary, partial: allowed, with: {{after: "{{{{ steps.each.text }}}}"}}}}
"""
PART = """recipe: 1
name: one
summary: One name.
parameters:
  name: {type: string, description: Name.}
required: [name]
steps:
  - {id: text, uses: quick.choose, with: {text: "{{ name }}"}}
  - {id: report, uses: quick.summary, with: {after: ["{{ steps.text.value }}"]}}
outputs: {text: "{{ steps.text.value }}"}
"""


def test_reports_show_an_instance_or_the_loop_and_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/one.yml").write_text(PART)
    (tmp_path / "w").mkdir()
    (tmp_path / "w/refused.txt").write_text("b")
    _ran(tmp_path, REPORTED, "a, b, c", "--keep-going", code=3)
    inside = json.loads((tmp_path / "w/each/a/report/summary.json").read_text())
    assert (inside["recipe"]["name"], inside["parameters"]) == ("one", {"name": "a"})
    assert [step["id"] for step in inside["steps"]] == ["each[a]/text", "each[a]/report"]
    loop, last = json.loads((tmp_path / "w/all/summary.json").read_text())["steps"]
    assert (loop["id"], loop["instances"], loop["missing"]) == ("each", 3, ["b"])
    assert (last["id"], last["after"]) == ("all", ["each"])
