"""A run that is killed at any instant and started again makes the same bytes as an undisturbed one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from support.processes import children, members_of_run, wait_for
from support.runs import call, command, contents, environment, statuses, write_recipe

PAUSE = "0.12"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes | None]:
    folder = tmp_path_factory.mktemp("undisturbed")
    done = call("run", write_recipe(folder), "--pause", PAUSE, "--workdir", "w", cwd=folder)
    assert done.returncode == 0, done.stderr
    return contents(folder / "w")


def _start(folder: Path, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("run", folder / "diamond.yml", "--pause", PAUSE, "--workdir", "w", *words),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _kill_somewhere(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Kill the runner, one of its steps or a step's own child; the runner in the end in any case."""
    family = [process.pid]
    for child in children(process.pid):
        family += [child, *children(child)]
    victim = chance.choice(family)
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    if chance.random() < 0.5:
        process.kill()


def _disturb(tmp_path: Path, seed: int, kills: int, undisturbed: dict[str, bytes | None]) -> None:
    chance = random.Random(seed)
    write_recipe(tmp_path)
    for _ in range(kills):
        process = _start(tmp_path)
        try:
            process.wait(chance.uniform(0.05, 1.3))
        except subprocess.TimeoutExpired:
            _kill_somewhere(process, chance)
        process.wait(20)
    # Run again at once, as an impatient user does: processes left by the killed run must not disturb.
    done = call("run", "diamond.yml", "--pause", PAUSE, "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "w") == undisturbed
    assert members_of_run(tmp_path / "w") == []
    again = call("run", "diamond.yml", "--pause", PAUSE, "--workdir", "w", cwd=tmp_path)
    assert again.returncode == 0
    assert set(statuses(tmp_path / "w").values()) == {"cached"}


def test_killed_twice_and_run_again(tmp_path: Path, undisturbed: dict[str, bytes | None]) -> None:
    _disturb(tmp_path, 3, 2, undisturbed)  # with this seed, the kills interrupt steps in the shared folder


@pytest.mark.slow
def test_killed_at_random_points(
    tmp_path: Path, undisturbed: dict[str, bytes | None], kill_seed: int
) -> None:
    _disturb(tmp_path, 100 + kill_seed, 3, undisturbed)


def test_a_killed_helper_is_replaced(tmp_path: Path, undisturbed: dict[str, bytes | None]) -> None:
    """The first child of the runner forks the steps."""
    write_recipe(tmp_path)
    process = _start(tmp_path)
    wait_for(lambda: children(process.pid))
    os.kill(children(process.pid)[0], signal.SIGKILL)
    assert process.wait(30) == 0
    assert contents(tmp_path / "w") == undisturbed


def test_children_die_with_a_killed_runner(tmp_path: Path) -> None:
    write_recipe(tmp_path)
    process = subprocess.Popen(
        command("run", "diamond.yml", "--pause", "3", "--workdir", "w", "--until", "one"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: len(children(process.pid)) >= 2)
    steps = children(process.pid)
    process.kill()
    process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in steps), seconds=2)


def test_a_finished_step_in_a_shared_folder_is_not_run_again_after_a_crash_in_the_next(
    tmp_path: Path,
) -> None:
    """The second step overwrites files of the first: they are restored from their checkpoints."""
    write_recipe(tmp_path)
    process = _start(tmp_path)
    workdir = tmp_path / "w"
    wait_for((workdir / "shared/two_1.dat").exists)
    process.kill()
    process.wait()
    assert call("run", "diamond.yml", "--pause", PAUSE, "--workdir", "w", cwd=tmp_path).returncode == 0
    found = statuses(workdir)
    assert (found["one"], found["two"]) == ("cached", "done")
