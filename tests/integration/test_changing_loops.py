"""Loops within loops: killed and run again, and with lists that change in any way."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.runs import call, command, contents, environment, events, statuses, write_files

NESTED = {
    "parts/pair.yml": """recipe: 1
name: pair
summary: One pair.
parameters:
  name: {type: string, description: Name.}
  number: {type: integer, description: Number.}
  pause: {type: number, default: 0, description: Seconds.}
required: [name, number]
steps:
  - {id: one, uses: quick.work, folder: shared, with: {word: "{{ name }}", seconds: "{{ pause }}"}}
  - id: two
    uses: quick.work
    folder: shared
    when: "{{ number != 1 }}"
    needs: [one]
    with: {word: "{{ name }}2", seconds: "{{ pause }}"}
  - id: letters
    for_each: [x, "y"]
    as: letter
    uses: quick.write
    with: {text: "{{ name }}{{ letter }}{{ number }} ", seconds: "{{ pause }}"}
  - {id: joined, uses: quick.join, with: {files: "{{ steps.letters.path }}"}}
outputs:
  file: "{{ steps.joined.path }}"
  log: "{{ steps.one.log }}"
""",
    "nested.yml": """recipe: 1
name: nested
summary: Loops in a loop over the output of a step.
parameters:
  names: {type: array, items: {type: string}, default: [a, b, c], description: Names.}
  pause: {type: number, default: 0, description: Seconds.}
steps:
  - {id: network, uses: quick.pairs, with: {names: "{{ names }}"}}
  - id: pairs
    for_each: "{{ steps.network.pairs }}"
    as: pair
    uses: parts/pair.yml
    with: {name: "{{ pair.name }}", number: "{{ pair.number }}", pause: "{{ pause }}"}
  - {id: all, uses: quick.join, with: {files: "{{ steps.pairs.file + steps.pairs.log }}"}}
outputs: {text: "{{ steps.all.text }}", keys: "{{ steps.pairs.key }}"}
""",
}
PAUSE = "0.1"


def _run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return call("run", "nested.yml", "--workdir", "w", *words, cwd=folder)


def test_an_instance_that_a_late_loop_does_not_have(tmp_path: Path) -> None:
    write_files(tmp_path, NESTED)
    for option, name in (
        ("--until", "pairs[q]/one"),
        ("--from", "pairs[b]/letters[q]"),
        ("--force", "pairs[q]"),
    ):
        done = _run(tmp_path, option, name)
        assert done.returncode == 1
        assert f"error: recipe nested has no step '{name}'" in done.stderr
        assert "failed" not in set(statuses(tmp_path / "w").values())
    misspelt = _run(tmp_path, "--until", "pairs[b]/joind")
    assert misspelt.returncode == 1 and "did you mean 'pairs/joined'?" in misspelt.stderr


def test_loops_in_a_loop(tmp_path: Path) -> None:
    write_files(tmp_path, NESTED)
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "w/run.json").read_text())
    assert record["outputs"]["text"].startswith("ax0 ay0 bx1 by1 cx2 cy2 a began\na ended\na2 began")
    assert record["steps"]["pairs[b]/two"]["status"] == "skipped"
    assert (tmp_path / "w/pairs/a/shared/log.txt").is_file()
    assert set(statuses(tmp_path / "w").values()) == {"done", "skipped"}
    assert _run(tmp_path, "--until", "pairs[b]/letters[x]").returncode == 0
    assert {"pairs[b]/letters[x]", "network"} <= statuses(tmp_path / "w").keys()
    assert "pairs[a]/one" not in statuses(tmp_path / "w")
    for name, expected in {
        "pairs[a]/letters": {"pairs[a]/letters[x]", "pairs[a]/letters[y]"},
        "pairs[c]/joined": {"pairs[c]/joined"},
        "joined": {"pairs[a]/joined", "pairs[b]/joined", "pairs[c]/joined"},
        "pairs/letters": {f"pairs[{one}]/letters[{letter}]" for one in "abc" for letter in "xy"},
    }.items():
        done = _run(tmp_path, "--force", name, "--json")
        started = {one["step"] for one in events(done) if one["event"] == "step.started"}
        assert started == expected
    done = _run(tmp_path, "--from", "pairs[b]", "--json")
    started = {one["step"] for one in events(done) if one["event"] == "step.started"}
    assert started == {
        "all", "pairs[b]/one", "pairs[b]/letters[x]", "pairs[b]/letters[y]", "pairs[b]/joined",
    }  # fmt: skip
    wrong = _run(tmp_path, "--force", "pairs[d]")
    assert (wrong.returncode, "no step 'pairs[d]'" in wrong.stderr) == (1, True)


def _disturb(folder: Path, seed: int, kills: int) -> None:
    chance = random.Random(seed)
    write_files(folder, NESTED)
    calm = _run(folder, "--pause", PAUSE)
    assert calm.returncode == 0, calm.stderr
    undisturbed = contents(folder / "w")
    (folder / "w").rename(folder / "calm")
    for _ in range(kills):
        words = command("run", "nested.yml", "--workdir", "w", "--pause", PAUSE)
        process = subprocess.Popen(
            words, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(chance.uniform(0.3, 3.0))
        except subprocess.TimeoutExpired:
            process.send_signal(chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        process.wait(20)
    done = _run(folder, "--pause", PAUSE)
    assert done.returncode == 0, done.stderr
    assert contents(folder / "w") == undisturbed


def test_a_loop_that_is_killed_goes_on(tmp_path: Path) -> None:
    _disturb(tmp_path, 8, 2)  # with this seed, a kill interrupts a step in a shared folder


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_loop_that_is_killed_often_goes_on(tmp_path: Path, seed: int) -> None:
    _disturb(tmp_path, seed, 4)


CHANGING = """recipe: 1
name: changing
summary: A loop over a list that changes.
parameters:
  items: {type: array, items: {type: object}, default: [], description: Items.}
steps:
  - {id: each, for_each: "{{ items }}", uses: quick.touch, with: {text: "{{ item.text }}"}}
  - {id: all, uses: quick.join, with: {files: "{{ steps.each.path }}"}}
"""
ITEMS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("12")), max_size=5, unique_by=lambda item: item[0]
)


def _try_lists(lists: list[list[tuple[str, str]]]) -> None:
    """Run the recipe with one list after another: exactly those instances run that must."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, {"changing.yml": CHANGING})
        before: dict[str, str] = {}
        order: list[tuple[str, str]] | None = None
        for items in lists:
            text = json.dumps([{"name": key, "text": text} for key, text in items])
            done = call(
                "run", "changing.yml", "--workdir", "w", "--set", f"items={text}", "--json", cwd=folder
            )
            assert done.returncode == 0, done.stderr
            ran = {one["step"] for one in events(done) if one["event"] == "step.started"}
            must = {f"each[{key}]" for key, text in items if before.get(key) != text}
            assert ran == must | ({"all"} if items != order else set())
            left = folder / "w/each"
            folders = {path.name for path in left.iterdir()} if left.exists() else set()
            assert folders == {key for key, _ in items}
            before, order = dict(items), items


@settings(max_examples=4, deadline=None)
@given(st.lists(ITEMS, min_size=2, max_size=3))
def test_exactly_the_instances_run_that_must(lists: list[list[tuple[str, str]]]) -> None:
    _try_lists(lists)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(ITEMS, min_size=2, max_size=5))
def test_exactly_the_instances_run_that_must_for_many_lists(lists: list[list[tuple[str, str]]]) -> None:
    _try_lists(lists)
