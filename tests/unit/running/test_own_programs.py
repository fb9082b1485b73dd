"""Steps that run a program or call a function of the recipe's author, with the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.runs import call, command, environment, statuses, write_files, write_recipe

OWN = """\
recipe: 1
name: own
summary: Steps of one's own.
parameters:
  word: {type: string, pattern: "^[a-z]+$", default: hello, description: A word.}
  token: {type: string, secret: true, default: "", description: A secret.}
steps:
  - id: say
    uses: command.run
    with:
      argv: [printf, "%s\\\\n", "{{ word }}", first]
      stdout: said.txt
      env: [MOOD, MY_TOKEN, "KEY={{ token }}"]
  - id: sort
    uses: command.run
    with:
      argv: [sort, "{input.said}", "--output={output.sorted}"]
      inputs: {said: "{{ steps.say.stdout }}"}
      outputs: {sorted: sorted.txt}
      version: [sh, version.sh]
  - id: count
    uses: python.call
    with: {module: code/mine.py, function: count, text: "{{ steps.sort.sorted }}", factor: 3}
outputs:
  product: "{{ steps.count.copy }}"
  rate: "{{ steps.count.rate }}"
"""
MINE = """\
import datetime
from dataclasses import dataclass
from pathlib import Path
import helpers

print("imported")

@dataclass
class Counted:
    copy: Path
    rate: float

def count(text: Path, factor: float, names: tuple[str, ...] = ()) -> Counted:
    Path("copy.txt").write_text(text.read_text())
    return Counted(Path("copy.txt"), helpers.lines(text) * factor)
"""
HELPERS = "def lines(path):\n    return len(path.read_text().splitlines())\n"


def _write(folder: Path, text: str = OWN) -> Path:
    (folder / "version").write_text("1\n")
    script = f"cat {folder}/version; echo asked >> {folder}/asked"
    write_files(folder, {"code/mine.py": MINE, "code/helpers.py": HELPERS, "version.sh": script})
    return write_recipe(folder, text.replace("version.sh", f"{folder}/version.sh"))


def _ran(folder: Path) -> set[str]:
    return {name for name, status in statuses(folder / "w").items() if status == "done"}


def test_each_step_runs_again_only_if_something_it_depends_on_has_changed(tmp_path: Path) -> None:
    recipe = _write(tmp_path)
    secret = {"MOOD": "good", "MY_TOKEN": "sesame-open-1", "UNNAMED": "x"}

    def run(**variables: str) -> set[str]:
        options = ("--workdir", "w", "--token", "a-secret-value")
        done = call("run", recipe, *options, cwd=tmp_path, env={**secret, **variables})
        assert done.returncode == 0, done.stderr
        assert "printf" in done.stderr and "count() of code/mine.py" in done.stderr  # run says what it runs
        return _ran(tmp_path)

    assert run() == {"say", "sort", "count"}
    assert (tmp_path / "w/count/copy.txt").read_text() == "first\nhello\n"
    assert json.loads((tmp_path / "w/run.json").read_text())["outputs"]["rate"] == 6.0
    assert run(MY_TOKEN="sesame-open-2", UNNAMED="y") == set()
    assert run(MOOD="bad") == {"say"}
    (tmp_path / "version").write_text("2\n")
    assert run(MOOD="bad") == {"sort"}
    (tmp_path / "code/helpers.py").write_text(HELPERS.replace("len(", "2 * len("))
    assert run(MOOD="bad") == {"count"}
    kept = b"".join(path.read_bytes() for path in (tmp_path / "w").rglob("*") if path.is_file())
    for value in (b"a-secret-value", b"sesame-open", b"good"):
        assert value not in kept
    assert {path.name for path in (tmp_path / "w/code").iterdir()} == {"mine.py", "helpers.py"}


def test_plan_and_lint_start_nothing_and_import_nothing(tmp_path: Path) -> None:
    recipe = _write(tmp_path)
    marker = tmp_path / "imported"
    (tmp_path / "code/mine.py").write_text(MINE.replace('print("imported")', f'open("{marker}", "w")'))
    assert call("lint", recipe, "--ignore", "IR043", cwd=tmp_path).returncode == 0
    assert call("plan", recipe, "--workdir", "w", cwd=tmp_path).returncode == 0
    assert not (tmp_path / "asked").exists()
    assert not marker.exists()
    assert call("run", recipe, "--workdir", "w", cwd=tmp_path).returncode == 0
    assert (tmp_path / "asked").read_text() == "asked\n"
    plan = call("plan", recipe, "--workdir", "w", cwd=tmp_path)
    assert "unless the version of its program has, which is known only in the run" in plan.stdout
    assert (tmp_path / "asked").read_text() == "asked\n"
    assert marker.exists()
    assert not list(tmp_path.rglob("__pycache__"))


def _step(uses: str, given: str, more: str = "") -> str:
    return (
        f"recipe: 1\nname: one\nsummary: One.\nsteps:\n  - id: s\n    uses: {uses}\n    with: {given}\n{more}"
    )


COMMANDS = {
    '{argv: [sh, -c, "echo out; echo err >&2; exit 7"]}': (
        3, "'sh -c 'echo out; echo err >&2; exit 7'' ended with exit code 7; its last lines were:", "out",
        "err", "full log: ",
    ),
    '{argv: [sh, -c, "exit 7"], success: [0, 7]}': (0,),
    '{argv: [sh, -c, "kill -SEGV $$"]}': (3, "was ended by the signal SIGSEGV"),
    '{argv: ["true"], outputs: {a: a.txt}}': (3, "its output 'a', the file 'a.txt', is missing"),
    '{argv: [touch, a.txt], outputs: {a: a.txt}}': (3, "the file 'a.txt', is empty"),
    '{argv: [mkdir, a], outputs: {a: a}}': (3, "the file 'a', is empty"),
    '{argv: [ln, -s, /etc/passwd, a], outputs: {a: a}}': (3, "is a link that leads out of the step's folder"),
    "{argv: [sh, -c, 'rm -rf $PWD']}": (3, "the step's folder is gone"),
    "{argv: [sh, -c, 'mv $PWD $PWD.2'], outputs: {a: a}}": (3, "the step's folder is gone"),
    "{argv: [./own.sh]}": (3, "the program is searched in the step's folder, not next to the recipe"),
    "{argv: ['{{ 1 and \"\" }}']}": (1, "the name of the program is empty"),
    "{argv: ['true'], outputs: {a: '{{ \"a\" }}', b: a}}": (1, "'a' is the file of the output 'a' and"),
    "{argv: ['false'], env: [NOT_SET_VAR]}": (3, "the variable NOT_SET_VAR of env is not set"),
    "{argv: [no-such-program]}": (1, "there is no program 'no-such-program' in the folders of PATH"),
    '{argv: ["true"], version: [/no/such/program]}': (1, "'/no/such/program' does not exist"),
    '{argv: ["true"], version: [sh, -c, "echo no; exit 2"]}': (
        3, "step s: the version command 'sh -c 'echo no; exit 2'' ended with exit code 2: no",
    ),
    '{argv: ["true"], version: ["yes"]}': (3, "the version command 'yes' prints more than 10,000,000 bytes"),
    '{argv: ["{input.script}"], inputs: {script: one.yml}}': (3, "make it executable"),
    '{argv: [echo, "x{input.all}"], inputs: {all: [one.yml, one.yml]}}': (1, "cannot be part of an argument"),
    '{argv: [sh, -c, "echo x > $A"], outputs: {a: x}, env: ["A={output.a}"], '
    'version: [echo, "{output.a}"]}': (0,),
    "{argv: '{{ [] }}'}": (1, "'argv' is empty"),
    '{argv: ["true"], inputs: {all: [one.yml, "a\\0b"]}}': (1, "error: inputs of step s: ", "does not exist"),
    """{argv: [cat, "{input.al}"], inputs: "{{ {'all': 'one.yml'} }}"}""": (1, "the step has no input 'al'"),
}  # fmt: skip


def _quick_and_slow(cases: Collection[str], quick: Sequence[int]) -> list[Any]:
    slow = pytest.mark.slow
    return [pytest.param(case, marks=() if place in quick else slow) for place, case in enumerate(cases)]


@pytest.mark.parametrize("given", _quick_and_slow(COMMANDS, (0, 3, 7, 9, 18)))
def test_what_a_program_does_wrong_is_said_with_its_exit_code(tmp_path: Path, given: str) -> None:
    code, *texts = COMMANDS[given]
    done = call("run", write_recipe(tmp_path, _step("command.run", given)), "--workdir", "w", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    for text in texts:
        assert text in done.stderr


FUNCTIONS = """\
import os, sys
from dataclasses import dataclass
from pathlib import Path
import numpy as np
def fails(): raise ValueError("no good")
def leaves(): sys.exit(3)
def no_file() -> Path: return Path("x.txt")
def wrong() -> int: return "text"
def array() -> np.ndarray: return np.zeros(3)
def full(): raise OSError(28, "No space left on device", "f.txt")
def crashes(): os.kill(os.getpid(), 11)
def itself(): a = []; a.append(a); return a
class Mute(Exception):
    def __str__(self): raise ValueError
def mute(): raise Mute
def nan(): return {"a": [np.float32("nan")]}
def gone(): import shutil; shutil.rmtree(os.getcwd())
def outside() -> Path: return Path("/etc/passwd")
def link() -> list[Path]: Path("l").symlink_to("/etc/passwd"); return [Path("l")]
def empty() -> Path: Path("e").touch(); return Path("e")
def half_text(): return chr(0xdc80)
def long_number(): return 10 ** 5000
def forged(): return {"$file": "/etc/passwd"}
def long_line(): print("x" * 5_000_000); raise ValueError("y" * 5_000_000)
async def later(): return 1
if True:
    def inner(): return 1
@dataclass
class Base:
    first: int
@dataclass
class Derived(Base):
    second: int
def inherits() -> Derived: return Derived(1, 2)
def scalar(ctx, *, name: str = "a") -> dict[str, float]:
    (ctx.out / name).write_text("x")
    ctx.progress(1.0, "done")
    return {"half": np.float32(0.5)}
"""
CALLS = {
    "fails": (3, "fails() of own.py:5 raised ValueError: no good", "ValueError: no good"),
    "leaves": (3, "leaves() of own.py:6 raised SystemExit: 3"),
    "no_file": (3, "the output 'result' is the file 'x.txt', which does not exist"),
    "wrong": (3, "the output 'result' must be a whole number, instead got str 'text'"),
    "array": (3, "has a value of type ndarray, which recipes cannot read"),
    "full": (3, "the disk is full"),
    "crashes": (3, "crashed (SIGSEGV)"),
    "scalar": (0, ""),
    "itself": (3, "returned a value that contains itself"),
    "mute": (3, "raised Mute"),
    "nan": (3, "the output 'result' has the number nan"),
    "gone": (3, "the step's folder is gone"),
    "outside": (3, "is the file '/etc/passwd', which is outside of the step's folder"),
    "link": (3, "is the file 'l', which is outside of the step's folder"),
    "empty": (3, "is the file 'e', which is empty"),
    "half_text": (3, "has text that is not Unicode"),
    "long_number": (3, "has a whole number of 16,610 bits"),
    "forged": (3, "has a mapping with the key '$file'"),
    "long_line": (3, "raised ValueError: yyy"),
    "later": (1, "the function 'later' is async", "only plain functions"),
    "inner": (1, "the function 'inner' is inside of another statement", "only plain functions"),
    "absent": (1, "own.py has no function 'absent'"),
}


@pytest.mark.parametrize("function", _quick_and_slow(CALLS, (0, 4, 10, 11, 12)))
def test_what_a_function_does_wrong_is_said_with_its_line(tmp_path: Path, function: str) -> None:
    (tmp_path / "own.py").write_text(FUNCTIONS)
    text = _step("python.call", f"{{module: own.py, function: {function}}}")
    code, *texts = CALLS[function]
    done = call("run", write_recipe(tmp_path, text), "--workdir", "w", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert len(done.stderr) < 20_000
    for text in texts:
        assert text in done.stderr


def test_a_dataclass_gives_the_fields_that_it_inherits(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(FUNCTIONS)
    outputs = "outputs: {sum: '{{ steps.s.first + steps.s.second }}'}\n"
    text = _step("python.call", "{module: own.py, function: inherits}", outputs)
    done = call("run", write_recipe(tmp_path, text), "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "w/run.json").read_text())["outputs"]["sum"] == 3


@pytest.mark.parametrize("encoding", ["utf-8-sig", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_a_file_is_read_in_the_encoding_that_python_reads_it_in(tmp_path: Path, encoding: str) -> None:
    source = f"# -*- coding: {encoding.removesuffix('-sig')} -*-\ndef name() -> str: return 'Zürich'\n"
    (tmp_path / "own.py").write_text(source, encoding=encoding)
    text = _step("python.call", "{module: own.py, function: name}") + "outputs: {r: '{{ steps.s.result }}'}\n"
    done = call("run", write_recipe(tmp_path, text), "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "w/run.json").read_text())["outputs"]["r"] == "Zürich"
    copied = (tmp_path / "w/own.py").read_bytes()
    assert copied.decode() == source.replace("latin-1", "utf-8")


def test_a_failing_program_is_tried_again_if_the_recipe_says_so(tmp_path: Path) -> None:
    given = '{argv: [sh, "{input.script}"], inputs: {script: tries.sh}}'
    tries = tmp_path / "tries"
    (tmp_path / "tries.sh").write_text(f"echo x >> {tries}; test $(wc -l < {tries}) -gt 1\n")
    text = _step("command.run", given, "    retry: {count: 1, backoff: 0.01, on: [crash]}\n")
    done = call("run", write_recipe(tmp_path, text), "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert tries.read_text() == "x\nx\n"


ESCAPING = "sleep 98765 & setsid sleep 98765 & (setsid sleep 98765 &) ; touch started; sleep {}"


def _alive(workdir: Path) -> list[str]:
    """Return the programs that the steps of a run have started and that still exist."""
    mark = f"ISCE2_RECIPE_RUN={workdir}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def _wait(condition: object, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("ending", _quick_and_slow(("success", "timeout", "interrupt", "kill"), (0, 3)))
def test_nothing_that_a_program_started_outlives_its_step(tmp_path: Path, ending: str) -> None:
    script = ESCAPING.format("0.1" if ending == "success" else "98765")
    more = "    timeout: 1 s\n" if ending == "timeout" else ""
    recipe = write_recipe(tmp_path, _step("command.run", f'{{argv: [sh, -c, "{script}"]}}', more))
    started = tmp_path / "w/.isce2-recipe/scratch/s/started"
    words = command("run", recipe, "--workdir", "w")
    with subprocess.Popen(words, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL) as process:
        if ending in ("interrupt", "kill"):
            _wait(started.exists)
            os.kill(process.pid, signal.SIGINT if ending == "interrupt" else signal.SIGKILL)
        code = process.wait(60)
    assert code == {"success": 0, "timeout": 3, "interrupt": 130, "kill": -signal.SIGKILL}[ending]
    if ending == "kill":  # those in sessions of their own end with the next run
        _wait(lambda: len(_alive(tmp_path / "w")) <= 2)
        recipe.write_text(_step("command.run", '{argv: ["true"]}'))
        assert call("run", recipe, "--workdir", "w", cwd=tmp_path).returncode == 0
    _wait(lambda: not _alive(tmp_path / "w"))
