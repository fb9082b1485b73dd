"""Which steps run and why: runs of the real command with real files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.runs import DIAMOND, call, contents, events, statuses, write_recipe

ALL = ("left", "right", "both", "one", "two", "three", "last")


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """Return the work directory of a finished run."""
    write_recipe(tmp_path)
    first = call("run", "diamond.yml", "--workdir", "w", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    return tmp_path / "w"


def _again(workdir: Path, *words: object) -> dict[str, str]:
    result = call("run", "diamond.yml", "--workdir", "w", "--json", *words, cwd=workdir.parent)
    assert result.returncode == 0, result.stdout
    return statuses(workdir)


def _ran(found: dict[str, str]) -> list[str]:
    return [name for name, status in found.items() if status == "done"]


def test_outputs_without_text_are_not_printed(tmp_path: Path) -> None:
    write_recipe(tmp_path, DIAMOND.rstrip() + "\n  notes: \"{{ '' }}\"\n  list: []\n")
    done = call("run", "diamond.yml", "--workdir", "w", cwd=tmp_path)
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["product", "text", "work directory"]


def test_a_run_prints_its_outputs_and_where_they_are(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    first = call("run", "diamond.yml", "--workdir", "w", cwd=tmp_path)
    assert first.stdout.splitlines() == [
        f"product: {tmp_path}/w/last/joined.txt",
        "text: left helloright side",
        f"work directory: {tmp_path}/w",
    ]
    second = call("run", "diamond.yml", "--workdir", "w", cwd=tmp_path)
    assert second.stdout == first.stdout
    assert "everything was up to date" in second.stderr
    assert set(statuses(tmp_path / "w").values()) == {"cached"}


def test_an_unchanged_run_does_nothing(done: Path) -> None:
    before = contents(done)
    assert _ran(_again(done)) == []
    assert contents(done) == before


def test_an_edited_recipe_runs_exactly_what_changed(done: Path) -> None:
    edited = DIAMOND.replace("right side", "left alone")
    (done.parent / "diamond.yml").write_text(edited)
    assert _ran(_again(done)) == ["right", "both", "one", "two", "three"]


@pytest.mark.slow
def test_a_step_whose_inputs_are_the_same_again_does_not_run(done: Path) -> None:
    """The text changes; the input of ``last`` does not."""
    assert "last" not in _ran(_again(done, "--text", "other"))


@pytest.mark.slow
def test_a_changed_comment_or_summary_runs_nothing(done: Path) -> None:
    (done.parent / "diamond.yml").write_text("# A remark.\n" + DIAMOND.replace("Two texts", "2 texts"))
    assert _ran(_again(done)) == []


@pytest.mark.slow
def test_a_touched_or_copied_file_counts_by_its_content(done: Path) -> None:
    for path in done.rglob("*.txt"):
        os.utime(path)
    assert _ran(_again(done)) == []


def test_a_damaged_output_is_made_again(done: Path) -> None:
    path = done / "left/out.txt"
    status = path.stat()
    path.write_text("X" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # same size, same time
    before = contents(done)
    assert _ran(_again(done)) == ["left"]
    assert contents(done) != before
    assert path.read_text() == "left hello"


@pytest.mark.slow
def test_a_file_added_to_a_steps_folder_is_noticed(done: Path) -> None:
    (done / "left/more.txt").write_text("not yours")
    assert _ran(_again(done)) == ["left"]
    assert not (done / "left/more.txt").exists()


@pytest.mark.parametrize(
    "name", ["shared/one_2.dat", "shared/log.txt", "shared/two_0.dat", "shared/state.txt"]
)
@pytest.mark.slow
def test_damage_in_a_shared_folder_is_repaired(done: Path, name: str) -> None:
    before = contents(done)
    (done / name).write_text("damaged")
    assert _ran(_again(done))
    assert _without_set_aside(done) == before


def _without_set_aside(done: Path) -> dict[str, bytes | None]:
    """Return the files of a run but for the damaged file, which must have been set aside."""
    found = contents(done)
    aside = {name for name in found if name.split("/")[0] == "set-aside"}
    assert [found[name] for name in aside if found[name] is not None] == [b"damaged"]
    return {name: content for name, content in found.items() if name not in aside}


@pytest.mark.slow
def test_without_checkpoints_the_earliest_damaged_step_runs_too(done: Path) -> None:
    before = contents(done)
    for copy in (done / ".isce2-recipe/checkpoints").iterdir():
        copy.unlink()
    (done / "shared/log.txt").write_text("damaged")
    (done / "shared/three_1.dat").unlink()
    assert _ran(_again(done))[:3] == ["one", "two", "three"]
    assert _without_set_aside(done) == before


@pytest.mark.slow
def test_a_step_of_a_shared_folder_that_is_skipped_later_leaves_no_trace(done: Path, tmp_path: Path) -> None:
    _again(done, "--second-too", "false")
    found = contents(done)
    assert not [name for name in found if name.startswith("shared/two")]
    assert b"two" not in (found["shared/log.txt"] or b"")
    other = call("run", "diamond.yml", "--second-too", "false", "--workdir", "other", cwd=tmp_path)
    assert other.returncode == 0
    assert contents(tmp_path / "other") == found


@pytest.mark.slow
def test_a_step_skipped_later_leaves_no_trace_without_checkpoints_either(done: Path, tmp_path: Path) -> None:
    for copy in (done / ".isce2-recipe/checkpoints").iterdir():
        copy.unlink()
    assert _ran(_again(done, "--second-too", "false"))[0] == "one"
    assert call("run", "diamond.yml", "--second-too", "false", "--workdir", "o", cwd=tmp_path).returncode == 0
    assert contents(tmp_path / "o") == contents(done)


@pytest.mark.slow
def test_force_from_and_until(done: Path) -> None:
    assert _ran(_again(done, "--force", "right")) == ["right"]
    assert _ran(_again(done, "--from", "three")) == ["three", "last"]
    assert list(_again(done, "--until", "both", "--text", "new")) == ["left", "right", "both"]


@pytest.mark.slow
def test_a_moved_work_directory_is_still_up_to_date(done: Path) -> None:
    done.rename(done.with_name("moved"))
    result = call("run", "diamond.yml", "--workdir", "moved", "--json", cwd=done.parent)
    assert result.returncode == 0
    assert _ran(statuses(done.with_name("moved"))) == []


@pytest.mark.slow
def test_two_runs_make_the_same_bytes(done: Path, tmp_path: Path) -> None:
    assert call("run", "diamond.yml", "--workdir", "second", "--jobs", "1", cwd=tmp_path).returncode == 0
    assert contents(tmp_path / "second") == contents(done)


@pytest.mark.slow
def test_the_resolved_recipe_runs_again_as_it_is(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    assert call("run", "diamond.yml", "--workdir", "w", "--text", "20:4", cwd=tmp_path).returncode == 0
    other = call("run", "w/resolved.yml", "--workdir", "again", cwd=tmp_path)
    assert other.returncode == 0, other.stderr
    assert contents(tmp_path / "again") == contents(tmp_path / "w")
    assert call("run", "w/resolved.yml", "--workdir", "w", "--json", cwd=tmp_path).returncode == 0
    assert _ran(statuses(tmp_path / "w")) == []


PART = """\
recipe: 1
name: twice
summary: A text, and the same again.
parameters:
  words: {type: string, description: What to write.}
  source: {description: A file to append.}
required: [words, source]
steps:
  - id: write
    uses: quick.write
    with: {text: "{{ words }}"}
  - id: join
    uses: quick.join
    with: {files: ["{{ steps.write.path }}", "{{ source }}"]}
outputs:
  path: "{{ steps.join.path }}"
  text: "{{ steps.join.text }}"
"""
WHOLE = """\
recipe: 1
name: whole
summary: A recipe with a part.
parameters:
  wanted: {type: boolean, default: true, description: Whether to use the part.}
steps:
  - id: start
    uses: quick.write
    with: {text: "from outside"}
  - id: inner
    uses: parts/twice.yml
    when: "{{ wanted }}"
    with: {words: "{{ steps.start.text }}, ", source: "{{ steps.start.path }}"}
outputs:
  text: "{{ steps.inner.text }}"
"""


def test_a_part_has_its_own_names_folders_and_outputs(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/twice.yml").write_text(PART)
    write_recipe(tmp_path, WHOLE)
    found = events(call("run", "whole.yml", "--workdir", "w", "--json", cwd=tmp_path))
    assert found[-1]["outputs"] == {"text": "from outside, from outside"}
    assert (tmp_path / "w/inner/join/joined.txt").read_text() == "from outside, from outside"
    assert list(statuses(tmp_path / "w")) == ["start", "inner/write", "inner/join"]
    again = events(call("run", "w/resolved.yml", "--workdir", "again", "--json", cwd=tmp_path))
    assert again[-1]["outputs"] == found[-1]["outputs"]
    without = events(call("run", "whole.yml", "--workdir", "w", "--wanted", "false", "--json", cwd=tmp_path))
    assert without[-1]["outputs"] == {"text": None}
    assert statuses(tmp_path / "w") == {"start": "cached", "inner/write": "skipped", "inner/join": "skipped"}


def test_a_plan_shows_the_known_inputs_of_a_part(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/twice.yml").write_text(PART)
    write_recipe(tmp_path, WHOLE.replace('words: "{{ steps.start.text }}, "', "words: known"))
    planned = call("plan", "whole.yml", "--workdir", "w", "--json", cwd=tmp_path)
    steps = {one["step"]: one for one in json.loads(planned.stdout)["steps"]}
    assert steps["inner/write"]["inputs"] == {"text": "known"}
    assert steps["inner/write"]["needs"] == []
    assert steps["inner/join"]["inputs"] == {"files": ["{{ steps.write.path }}", "{{ steps.start.path }}"]}
    assert call("run", "whole.yml", "--workdir", "w", "--until", "write", cwd=tmp_path).returncode == 0
    assert list(statuses(tmp_path / "w")) == ["inner/write"]
    assert "inner/write: done" in call("explain", "w", "write", cwd=tmp_path).stdout


def test_explain_prints_what_changed(done: Path) -> None:
    _again(done, "--text", "other")
    explained = call("explain", done, "left", cwd=done.parent)
    assert "left: done (text: left hello -> left other)" in explained.stdout
    as_json = json.loads(call("explain", done, "left", "--json", cwd=done.parent).stdout)
    assert as_json["changes"] == [["inputs.text", "left hello", "left other"]]
    unknown = call("explain", done, "lft", cwd=done.parent)
    assert unknown.returncode == 1
    assert "did you mean 'left'?" in unknown.stderr


@pytest.mark.slow
def test_diff_compares_two_runs(done: Path, tmp_path: Path) -> None:
    assert call("run", "diamond.yml", "--workdir", "v", "--text", "other", cwd=tmp_path).returncode == 0
    found = call("diff", "w", "v", cwd=tmp_path)
    assert found.returncode == 1
    assert "text: hello -> other" in found.stdout
    assert "left/out.txt: differs" in found.stdout
    assert call("diff", "w", "w", cwd=tmp_path).stdout == "no difference\n"


def test_a_plan_shows_what_a_run_would_do_and_writes_nothing(done: Path) -> None:
    before = contents(done)
    planned = call("plan", "diamond.yml", "--workdir", "w", "--text", "other", "--json", cwd=done.parent)
    found = {one["step"]: (one["status"], one["reason"]) for one in json.loads(planned.stdout)["steps"]}
    assert found["left"] == ("run", "text: left hello -> left other")
    assert found["both"] == ("run", "left runs before it")
    assert found["right"][0] == "cached"
    assert contents(done) == before
    nowhere = call("plan", "diamond.yml", "--workdir", "nowhere", cwd=done.parent)
    assert nowhere.returncode == 0
    assert not (done.parent / "nowhere").exists()
    dry = call("run", "diamond.yml", "--workdir", "nowhere", "--dry-run", cwd=done.parent)
    assert dry.stdout == nowhere.stdout


@pytest.mark.slow
def test_events_are_printed_one_a_line_in_order(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    found = events(call("run", "diamond.yml", "--workdir", "w", "--json", cwd=tmp_path))
    kinds = [event["event"] for event in found]
    assert kinds[0] == "run.started"
    assert kinds[-1] == "run.done"
    assert [one["step"] for one in found[0]["steps"]] == list(ALL)
    assert kinds.count("step.started") == kinds.count("step.done") == len(ALL)
    assert all("time" in event for event in found)


def test_missing_input_file(tmp_path: Path) -> None:
    text = (
        "recipe: 1\nname: missing\nsummary: Reads what is not there.\nsteps:\n"
        "  - id: read\n    uses: quick.join\n"
        "    with: {files: [nowhere.txt]}\n"
    )
    failed = call("run", write_recipe(tmp_path, text), "--workdir", "w", cwd=tmp_path)
    assert failed.returncode == 1
    assert f"error: files of step read: {tmp_path}/nowhere.txt does not exist" in failed.stderr


def test_a_step_that_needs_more_than_the_machine_has_gives_a_warning_before_it_runs(tmp_path: Path) -> None:
    text = (
        "recipe: 1\nname: greedy\nsummary: Asks for much.\nparameters:\n"
        "  size: {type: string, default: 900 TB, description: How much.}\nsteps:\n  - id: much\n"
        "    uses: quick.write\n    with: {text: a}\n    resources: {memory: '{{ size }}', disk: 800 TB}\n"
    )
    found = events(call("run", write_recipe(tmp_path, text), "--workdir", "w", "--json", cwd=tmp_path))
    messages = [event["message"] for event in found if event["event"] == "warning"]
    assert [message.partition(",")[0] for message in messages] == [
        "step much needs 900.0 TB of memory",
        "step much needs 800.0 TB of disk",
    ]
    assert found[-1]["event"] == "run.done"


def test_steps_run_in_parallel_within_their_resources(tmp_path: Path) -> None:
    steps = "".join(
        f"  - id: s{index}\n    uses: quick.write\n    with: {{text: a, seconds: 0.6}}\n"
        f"    resources: {{cpus: {cpus}}}\n"
        for index, cpus in enumerate((1, 1, 2))
    )
    recipe = write_recipe(tmp_path, f"recipe: 1\nname: side\nsummary: Side by side.\nsteps:\n{steps}")
    found = events(call("run", recipe, "--workdir", "w", "--cpus", "2", "--json", cwd=tmp_path))
    times = {(event["event"], event["step"]): event["time"] for event in found if "step" in event}
    assert times["step.started", "s1"] < times["step.done", "s0"], "two steps of one thread fit"
    assert times["step.started", "s2"] >= max(times["step.done", "s0"], times["step.done", "s1"])


def test_the_resolved_recipe_runs_again_from_any_folder(tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_text("from here")
    text = (
        "recipe: 1\nname: reading\nsummary: Reads a file.\nparameters:\n"
        "  file: {type: string, description: A file.}\nrequired: [file]\nsteps:\n"
        "  - id: read\n    uses: quick.join\n    with: {files: ['{{ file }}', given.txt]}\n"
    )
    write_recipe(tmp_path, text)
    words = ("run", "reading.yml", "--file", "given.txt", "--workdir", "w")
    assert call(*words, cwd=tmp_path).returncode == 0
    (tmp_path / "elsewhere").mkdir()
    again = call("run", "../w/resolved.yml", "--workdir", "../w", cwd=tmp_path / "elsewhere")
    assert again.returncode == 0, again.stderr
    assert statuses(tmp_path / "w") == {"read": "cached"}


def test_steps_run_in_parallel_within_memory(tmp_path: Path) -> None:
    half = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') * 0.7:.0f}"
    steps = "".join(
        f"  - id: s{index}\n    uses: quick.write\n    with: {{text: a, seconds: 0.5}}\n"
        f"    resources: {{memory: {half if index else 1}}}\n"
        for index in range(3)
    )
    recipe = write_recipe(tmp_path, f"recipe: 1\nname: side\nsummary: Side by side.\nsteps:\n{steps}")
    found = events(call("run", recipe, "--workdir", "w", "--json", cwd=tmp_path))
    times = {(event["event"], event["step"]): event["time"] for event in found if "step" in event}
    assert times["step.started", "s1"] < times["step.done", "s0"], "little fits next to much"
    assert times["step.started", "s2"] >= times["step.done", "s1"], "much does not fit next to much"


def test_a_plan_knows_the_times_of_other_runs_on_the_machine(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    write_recipe(tmp_path)
    before = call("plan", "diamond.yml", "--workdir", "v", cwd=tmp_path, env=env)
    assert "time: unknown before the first run on this machine" in before.stdout
    assert (
        call("run", "diamond.yml", "--pause", "0.3", "--workdir", "w", cwd=tmp_path, env=env).returncode == 0
    )
    after = call("plan", "diamond.yml", "--workdir", "v", "--json", cwd=tmp_path, env=env)
    assert all(step["seconds"] >= 0.3 for step in json.loads(after.stdout)["steps"])
    assert not (tmp_path / "v").exists()


NULL = """\
recipe: 1
name: nulls
summary: A condition that only a run can judge.
steps:
  - id: first
    uses: quick.write
    with: {text: "no"}
  - id: perhaps
    uses: quick.write
    when: "{{ steps.first.text == 'yes' }}"
    with: {text: "a"}
  - id: both
    uses: quick.join
    with: {files: ["{{ steps.first.path }}", "{{ steps.perhaps.path }}"]}
"""


def test_null_from_a_skipped_step_is_reported_at_its_line_not_as_a_bug(tmp_path: Path) -> None:
    write_recipe(tmp_path, NULL)
    result = call("run", "nulls.yml", "--workdir", "w", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert "nulls.yml:14:46: files must be a file, instead got null [IR023]" in result.stderr
    assert "hint: outputs of a skipped step are null: give step 'both' a condition as well" in result.stderr
    planned = call("plan", "nulls.yml", "--workdir", "w", cwd=tmp_path)
    assert (planned.returncode, "instead got null" in planned.stderr) == (1, True)


def test_a_wrong_parameter_of_a_part_is_reported_where_it_is_set(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/twice.yml").write_text(PART.replace("words: {type: string", "words: {maxLength: 9"))
    write_recipe(tmp_path, WHOLE)
    result = call("run", "whole.yml", "--workdir", "w", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert "whole.yml:13:19: words must be at most 9 characters long, instead got 14 [IR023]" in result.stderr


def test_a_changed_template_is_named_as_the_reason(tmp_path: Path) -> None:
    (tmp_path / "note.txt.j2").write_text("one\n")
    write_recipe(
        tmp_path,
        "recipe: 1\nname: notes\nsummary: A note.\nsteps:\n  - id: note\n    uses: template.render\n"
        "    with: {template: note.txt.j2, to: note.txt, values: {}}\n",
    )
    assert call("run", "notes.yml", "--workdir", "w", cwd=tmp_path).returncode == 0
    (tmp_path / "note.txt.j2").write_text("two\n")
    result = call("run", "notes.yml", "--workdir", "w", cwd=tmp_path)
    assert "note: started: note.txt.j2 has changed" in result.stderr.splitlines()
