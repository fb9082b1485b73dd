"""Steps that fail, hang, crash or fill the disk, with real processes."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.runs import call, command, environment, events, statuses, write_recipe

FAILING = """\
recipe: 1
name: failing
summary: One step that works, one that fails.
parameters:
  how: {type: string, description: How to fail.}
  times: {type: integer, default: 99, description: How often.}
  retries: {type: integer, default: 0, description: How often to try again.}
required: [how]
steps:
  - id: good
    uses: quick.write
    with: {text: kept}
  - id: bad
    uses: quick.fail
    with: {how: "{{ how }}", times: "{{ times }}"}
    needs: [good]
"""


def _fail(tmp_path: Path, how: str, extra: str = "", *words: object) -> subprocess.CompletedProcess[str]:
    recipe = write_recipe(tmp_path, FAILING + extra)
    return call("run", recipe, "--how", how, "--workdir", "w", *words, cwd=tmp_path)


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("input", 1, "step bad: the file a.tif is no TIFF\nhint: fetch it again"),
        ("source", 3, "step bad: the server does not answer"),
        ("engine", 3, "/w/logs/bad.log"),
        ("crash", 3, "step bad crashed (SIGSEGV)"),
        ("killed", 3, "as the system does when memory runs out"),
        ("exit", 3, "ended with exit code 7 and without a result"),
        ("bug", 4, "ZeroDivisionError: division by zero"),
    ],
)
def test_each_kind_of_failure_has_one_message_and_its_exit_code(
    tmp_path: Path, how: str, code: int, message: str
) -> None:
    done = _fail(tmp_path, how)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error:") == 1
    assert statuses(tmp_path / "w") == {"good": "done", "bad": "failed"}


@pytest.mark.slow
def test_the_traceback_of_a_bug_is_in_the_log(tmp_path: Path) -> None:
    done = _fail(tmp_path, "bug")
    log = tmp_path / "w/logs/bad.log"
    assert str(log) in done.stderr
    assert "ZeroDivisionError: division by zero" in log.read_text()


def test_a_failed_run_says_how_to_resume_and_keeps_what_is_done(tmp_path: Path) -> None:
    done = _fail(tmp_path, "source", "", "--times", "1")
    assert done.returncode == 3
    assert "resume with: isce2-recipe run" in done.stderr
    done = _fail(tmp_path, "source", "", "--times", "1")
    assert done.returncode == 0, done.stderr
    assert statuses(tmp_path / "w") == {"good": "cached", "bad": "done"}


def test_the_line_that_resumes_forces_only_what_is_left(tmp_path: Path) -> None:
    from_good = _fail(tmp_path, "source", "", "--from", "good")
    assert from_good.stderr.rstrip().endswith("--workdir w --force bad")
    assert _fail(tmp_path, "source", "", "--force=good").stderr.rstrip().endswith("--workdir w")
    assert _fail(tmp_path, "source", "", "--force", "bad").stderr.rstrip().endswith("--force bad")


def test_a_timeout_ends_the_step_and_its_children(tmp_path: Path) -> None:
    done = _fail(tmp_path, "hang", "    timeout: 0.5 s\n")
    assert done.returncode == 3
    assert re.search(r"step bad was stopped after its timeout, (0\.[5-9]|[1-9].*) s", done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "how"), [("source", "source"), ("engine", "engine"), ("crash", "crash"), ("timeout", "hang")]
)
def test_a_step_is_tried_again(tmp_path: Path, kind: str, how: str) -> None:
    extra = f"    timeout: 1 s\n    retry: {{count: 2, backoff: 0.05 s, on: [{kind}]}}\n"
    done = _fail(tmp_path, how, extra, "--times", "1", "--json")
    found = events(done)
    assert done.returncode == 0, found[-1]
    assert [event["event"] for event in found if event.get("step") == "bad"].count("step.retry") == 1
    (tmp_path / "w/tally.txt").unlink()
    assert json.loads((tmp_path / "w/run.json").read_text())["steps"]["bad"]["attempts"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "how"), [("engine", "source"), ("source", "engine"), ("timeout", "crash")])
def test_other_failures_than_those_named_are_not_tried_again(tmp_path: Path, kind: str, how: str) -> None:
    done = _fail(tmp_path, how, f"    retry: {{count: 2, backoff: 0.05 s, on: [{kind}]}}\n")
    assert done.returncode == 3
    assert (tmp_path / "w/tally.txt").read_text() == "1"


@pytest.mark.slow
def test_what_is_not_to_be_tried_again_is_not(tmp_path: Path) -> None:
    done = _fail(tmp_path, "input", "    retry: {count: 2, backoff: 0.05 s, on: [source]}\n")
    assert done.returncode == 1
    assert (tmp_path / "w/tally.txt").read_text() == "1"


@pytest.mark.slow
def test_retries_may_be_expressions(tmp_path: Path) -> None:
    retry = """    retry: {count: "{{ retries }}", backoff: "{{ retries / 20 }} s", on: "{{ [how] }}"}\n"""
    assert _fail(tmp_path, "source", retry, "--retries", "1").returncode == 3
    assert (tmp_path / "w/tally.txt").read_text() == "2"


@pytest.mark.slow
def test_retries_end(tmp_path: Path) -> None:
    done = _fail(tmp_path, "source", "    retry: {count: 2, backoff: 0.05 s}\n")
    assert done.returncode == 3
    assert (tmp_path / "w/tally.txt").read_text() == "3"


@pytest.mark.slow
def test_a_limit_on_file_sizes_is_one_clear_message(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, FAILING)
    done = subprocess.run(
        command("run", recipe, "--how", "disk", "--workdir", "w"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)),
    )
    assert done.returncode == 3
    assert "the disk is full or a limit on file sizes was reached" in done.stderr
    assert "free disk space and run the same command again" in done.stderr
    assert statuses(tmp_path / "w")["good"] == "done"


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 4 MB; skipped where none may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_one_clear_message_and_can_be_resumed_from(tmp_path: Path, small_disk: Path) -> None:
    recipe = write_recipe(tmp_path, FAILING)
    done = call("run", recipe, "--how", "disk", "--workdir", small_disk / "w", cwd=tmp_path)
    assert done.returncode == 3
    assert "the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    done = call("run", recipe, "--how", "disk", "--times", "0", "--workdir", small_disk / "w", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def _start_hanging(tmp_path: Path, *words: object) -> subprocess.Popen[str]:
    recipe = write_recipe(tmp_path, FAILING)
    process = subprocess.Popen(
        command("run", recipe, "--how", "hang", "--workdir", "w", *words),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "w/tally.txt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_children_keeps_steps_and_says_how_to_resume(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = _start_hanging(tmp_path)
    children = [
        int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ]
    process.send_signal(number)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"interrupted by {number.name}" in printed
    assert "resume with: isce2-recipe run" in printed
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert statuses(tmp_path / "w")["good"] == "done"


def test_an_interrupt_while_a_step_is_being_started_ends_it_too(tmp_path: Path) -> None:
    """The step itself interrupts the runner at its very start, before the runner has registered it."""
    done = _fail(tmp_path, "interrupt")
    assert done.returncode == 130
    assert "interrupted by SIGTERM" in done.stderr
    assert statuses(tmp_path / "w")["good"] == "done"


def test_the_second_run_in_a_folder_says_who_holds_it(tmp_path: Path) -> None:
    process = _start_hanging(tmp_path)
    try:
        second = call("run", "failing.yml", "--how", "hang", "--workdir", "w", cwd=tmp_path)
        assert second.returncode == 3
        assert f"is used by process {process.pid} on {os.uname().nodename}" in second.stderr
    finally:
        process.kill()
        process.communicate()
    third = call("run", "failing.yml", "--how", "hang", "--times", "0", "--workdir", "w", cwd=tmp_path)
    assert third.returncode == 0, third.stderr
    assert f"process {process.pid}, the last run in this work directory, was killed" in third.stderr


@pytest.mark.slow
def test_an_input_that_changes_while_a_step_reads_it_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "input.txt"
    source.write_text("before")
    text = (
        "recipe: 1\nname: changing\nsummary: A slow reader.\nsteps:\n  - id: slow\n    uses: quick.join\n"
        f"    with: {{files: ['{source}'], seconds: 1.0}}\n"
    )
    recipe = write_recipe(tmp_path, text)
    process = subprocess.Popen(
        command("run", recipe, "--workdir", "w"),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "w/.isce2-recipe/scratch/slow").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    source.write_text("after!")
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 3
    assert "files[0].content of step slow changed while the step ran" in printed
    assert not (tmp_path / "w/slow").exists()


def test_files_nobody_knows_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "w/good").mkdir(parents=True)
    (tmp_path / "w/good/thesis.txt").write_text("years of work")
    done = _fail(tmp_path, "input")
    assert done.returncode == 1
    assert "contains files that no run of isce2-recipe wrote" in done.stderr
    assert (tmp_path / "w/good/thesis.txt").read_text() == "years of work"


CANARIES = {
    "EARTHDATA_TOKEN": "canary-token-8a6f1",
    "EARTHDATA_PASSWORD": "canary/pass+word=7",
    "AWS_SECRET_ACCESS_KEY": "canaryAwsSecret000111",
}


def test_no_secret_reaches_any_file_of_a_run(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".netrc").write_text("machine urs.earthdata.nasa.gov login someone password canary-netrc-99\n")
    names = [*CANARIES, "FROM_NETRC"]
    steps = "".join(
        f"  - id: s{i}\n    uses: quick.shout\n    with: {{name: {name}}}\n" for i, name in enumerate(names)
    )
    recipe = write_recipe(tmp_path, f"recipe: 1\nname: shouting\nsummary: Prints secrets.\nsteps:\n{steps}")
    env = {**CANARIES, "EARTHDATA_USERNAME": "someone", "HOME": str(home), "FROM_NETRC": "canary-netrc-99"}
    for mode in ((), ("--json", "--force", "s0")):
        done = call("run", recipe, "--workdir", "w", *mode, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        written = [path.read_bytes() for path in (tmp_path / "w").rglob("*") if path.is_file()]
        for value in (*CANARIES.values(), "canary-netrc-99"):
            assert value not in done.stdout + done.stderr
            assert not any(value.encode() in text for text in written)
    assert "***" in (tmp_path / "w/logs/s0.log").read_text()


def test_the_value_of_a_secret_parameter_reaches_no_record(tmp_path: Path) -> None:
    """Only the step that is given the value could write it down; this one fails with it in its message."""
    text = (
        "recipe: 1\nname: confiding\nsummary: Has a secret.\nparameters:\n"
        "  key: {type: string, secret: true, description: A secret.}\nrequired: [key]\nsteps:\n"
        "  - id: informed\n    uses: quick.join\n    with: {files: ['{{ key }}']}\n"
    )
    recipe = write_recipe(tmp_path, text)
    (tmp_path / "canary-in-a-parameter").write_text("found")
    words = (recipe, "--workdir", "w", "--key")
    printed = []
    for verb, key in (
        ("plan", "canary-in-a-parameter"),
        ("run", "canary-in-a-parameter"),
        ("run", "canary-gone"),
    ):
        done = call(verb, *words, key, cwd=tmp_path)
        assert done.returncode == (key == "canary-gone"), done.stderr
        printed.append(done.stdout + done.stderr)
    explained = call("explain", "w", "informed", cwd=tmp_path)
    written = [path.read_text() for path in (tmp_path / "w").rglob("*") if path.is_file()]
    assert not [text for text in (*printed, explained.stdout, *written) if "canary" in text]
    assert "***" in (tmp_path / "w/.isce2-recipe/journal.jsonl").read_text()
