"""Quick actions to try the runner with: found through entry points, as any other package's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.actions.base import Context, action
from isce2_recipe.errors import EngineFailed, InputError, SourceError
from isce2_recipe.processes import before_exec


@dataclass(frozen=True)
class Written:
    path: Path
    text: str


@action("quick.write", version=1)
def write(ctx: Context, *, text: str, name: str = "out.txt", seconds: float = 0.0) -> Written:
    """Write a text, slowly: in halves, so that a kill leaves half a file."""
    path = ctx.out / name
    with path.open("w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        ctx.progress(0.5, "half")
        time.sleep(seconds)
        file.write(text[len(text) // 2 :])
    ctx.log.info("wrote %s", name)
    return Written(path, text)


@action("quick.join", version=1)
def join(ctx: Context, *, files: list[Path], name: str = "joined.txt", seconds: float = 0.0) -> Written:
    """Join many files into one."""
    text = "".join(file.read_text() for file in files)
    time.sleep(seconds)
    path = ctx.out / name
    path.write_text(text)
    return Written(path, text)


_STEPS = """
import sys, time
folder, word, seconds = sys.argv[1:]
with open(f"{folder}/log.txt", "a") as log:
    log.write(word + " began\\n"); log.flush()
    for index in range(4):
        with open(f"{folder}/{word}_{index}.dat", "w") as file:
            file.write(word * 50); file.flush()
            time.sleep(float(seconds) / 8)
            file.write(word * 50)
        time.sleep(float(seconds) / 8)
    log.write(word + " ended\\n")
with open(f"{folder}/state.txt", "w") as state:
    state.write(word)
"""


@dataclass(frozen=True)
class Worked:
    folder: Path
    log: Path


@action("quick.work", version=1)
def work(ctx: Context, *, word: str, seconds: float = 0.0, inputs: list[Path] | None = None) -> Worked:
    """Work in a shared folder as an ISCE2 application does: a child process that appends and overwrites."""
    child = [sys.executable, "-S", "-c", _STEPS, str(ctx.out), word, str(seconds)]
    subprocess.run(child, check=True, preexec_fn=before_exec())
    return Worked(ctx.out, ctx.out / "log.txt")


@dataclass(frozen=True)
class Nothing:
    value: int


@action("quick.fail", version=1)
def fail(ctx: Context, *, how: str, counter: Path | None = None, times: int = 99) -> Nothing:
    """Fail in one of many ways, a given number of times."""
    tally = ctx.workdir / "tally.txt"
    count = int(tally.read_text()) if tally.exists() else 0
    tally.write_text(str(count + 1))
    if count < times:
        _fail(ctx, how)
    return Nothing(count)


def _fail(ctx: Context, how: str) -> None:
    if how == "input":
        raise InputError("the file a.tif is no TIFF", hint="fetch it again")
    if how == "source":
        raise SourceError("the server does not answer")
    if how == "engine":
        raise EngineFailed("topsApp.py ended with exit code 1")
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "interrupt":
        os.kill(os.getppid(), signal.SIGTERM)
    if how in ("hang", "interrupt"):
        time.sleep(60)
    if how == "exit":
        os._exit(7)
    if how == "bug":
        raise ZeroDivisionError("division by zero")
    if how == "disk":
        with (ctx.out / "large").open("wb") as file:
            for _ in range(1024):
                file.write(bytes(1 << 20))


@action("quick.shout", version=1)
def shout(ctx: Context, *, name: str) -> Nothing:
    """Print a variable of the environment in every possible way."""
    value = os.environ.get(name, "")
    print(value)
    ctx.log.info("value %s", value)
    ctx.progress(0.3, f"value {value}")
    subprocess.run(["/bin/sh", "-c", f'echo "$({name}=x; printenv {name})"; printenv {name}'], check=False)
    return Nothing(len(value))


@dataclass(frozen=True)
class Touched:
    path: Path
    value: str


@action("quick.touch", version=1)
def touch(ctx: Context, *, text: str, after: str = "") -> Touched:
    """Do as little as a step can do: write one small file."""
    path = ctx.out / "out"
    path.write_text(text)
    return Touched(path, text)


@action("quick.summary", version=1)
def summary(ctx: Context, *, after: list[str] | None = None) -> Written:
    """Write the summary of the run, as a report does."""
    path = ctx.out / "summary.json"
    path.write_text(json.dumps(ctx.summary_of_run()))
    return Written(path, "")


@dataclass(frozen=True)
class Pair:
    name: str
    number: int


@dataclass(frozen=True)
class Pairs:
    pairs: list[Pair]
    names: list[str]


@action("quick.pairs", version=1)
def pairs(ctx: Context, *, names: list[str]) -> Pairs:
    """Return a list of named pairs, as a step that selects pairs does."""
    (ctx.out / "pairs.txt").write_text("\n".join(names))
    return Pairs([Pair(name, index) for index, name in enumerate(names)], names)


@action("quick.choose", version=1)
def choose(
    ctx: Context,
    *,
    text: str,
    refused: list[str] | None = None,
    seconds: float = 0.0,
) -> Touched:
    """Write a text, unless it is one of those in a list or in the file ``refused.txt`` of the run."""
    file = ctx.workdir / "refused.txt"
    bad = [*(refused or []), *(file.read_text().split() if file.exists() else [])]
    time.sleep(seconds)
    if text in bad:
        raise InputError(f"'{text}' is refused", hint="take it off the list")
    path = ctx.out / "out"
    path.write_text(text)
    return Touched(path, text)
