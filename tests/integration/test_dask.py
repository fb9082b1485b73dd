"""Steps in the workers of a Dask cluster: real schedulers, workers with nannies, and their deaths."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.dask_cluster import DaskCluster, members_of_run, wait_for
from support.runs import call, command, contents, environment, statuses, write_recipe

pytest.importorskip("distributed")

PAUSE = "0.3"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Two workers, which the tests of this module share."""
    found = DaskCluster(tmp_path_factory.mktemp("cluster"))
    for _ in range(2):
        found.add_worker()
    yield found
    found.close()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[DaskCluster]:
    """A scheduler of one test, without workers."""
    (tmp_path / "cluster").mkdir()
    found = DaskCluster(tmp_path / "cluster")
    yield found
    found.close()


def _keys(workdir: Path) -> dict[str, str]:
    return {
        name: facts["key"] for name, facts in json.loads((workdir / "run.json").read_text())["steps"].items()
    }


def _start(folder: Path, executor: str, pause: str = PAUSE) -> subprocess.Popen[bytes]:
    words = ("run", "diamond.yml", "--workdir", "w", "--pause", pause, "--executor", executor)
    with (folder / "printed").open("wb") as printed:
        return subprocess.Popen(
            command(*words), cwd=folder, env=environment(), stdout=printed, stderr=printed
        )


def _run(folder: Path, *words: object, pause: str = PAUSE) -> subprocess.CompletedProcess[str]:
    return call("run", "diamond.yml", "--workdir", "w", "--pause", pause, *words, cwd=folder, timeout=300)


def _local(folder: Path, pause: str = PAUSE) -> tuple[dict[str, bytes | None], dict[str, str]]:
    """Return files and keys of a local run in a work directory, which is deleted afterwards."""
    write_recipe(folder)
    done = _run(folder, pause=pause)
    assert done.returncode == 0, done.stderr
    found = contents(folder / "w"), _keys(folder / "w")
    shutil.rmtree(folder / "w")
    return found


def test_the_same_keys_and_bytes_as_a_local_run_which_may_continue_it(
    tmp_path: Path, cluster: DaskCluster
) -> None:
    local = _local(tmp_path)
    done = _run(tmp_path, "--executor", f"dask:{cluster.file}", "--until", "both")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "w/logs/left.log").read_text().endswith("wrote out.txt\n")
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (contents(tmp_path / "w"), _keys(tmp_path / "w")) == local
    assert statuses(tmp_path / "w")["both"] == "cached"
    again = _run(tmp_path, "--executor", f"dask:{cluster.address}")
    assert "everything was up to date" in again.stderr
    assert not list((tmp_path / "w/.isce2-recipe/attempts").glob("*"))


def _kill_workers(process: subprocess.Popen[bytes], cluster: DaskCluster, kills: int, seed: int) -> int:
    """Kill workers at random moments while a run lasts; return how many."""
    chance = random.Random(seed)
    for count in range(kills):
        try:
            process.wait(chance.uniform(0.3, 2.5))
        except subprocess.TimeoutExpired:
            victims = cluster.worker_processes()
            if victims:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
            continue
        return count
    return kills


def test_workers_that_are_killed_cost_only_their_steps(tmp_path: Path, cluster: DaskCluster) -> None:
    local = _local(tmp_path)
    process = _start(tmp_path, f"dask:{cluster.file}")
    wait_for(lambda: members_of_run(tmp_path / "w") != [] or process.poll() is not None)
    _kill_workers(process, cluster, 3, seed=1)
    assert process.wait(200) == 0, (tmp_path / "printed").read_text()
    assert (contents(tmp_path / "w"), _keys(tmp_path / "w")) == local
    assert members_of_run(tmp_path / "w") == []


@pytest.mark.slow
def test_fifty_workers_are_killed(tmp_path: Path, cluster: DaskCluster) -> None:
    """The run is repeated, from the beginning, until 50 workers have been killed."""
    local = _local(tmp_path, "1")
    kills, seed = 0, 0
    while kills < 50:
        seed += 1
        shutil.rmtree(tmp_path / "w", ignore_errors=True)
        process = _start(tmp_path, f"dask:{cluster.file}", "1")
        kills += _kill_workers(process, cluster, 50 - kills, seed)
        assert process.wait(300) == 0, (tmp_path / "printed").read_text()
        assert (contents(tmp_path / "w"), _keys(tmp_path / "w")) == local
    assert members_of_run(tmp_path / "w") == []


def test_a_killed_runner_leaves_no_step_and_the_run_continues_locally(
    tmp_path: Path, cluster: DaskCluster
) -> None:
    local = _local(tmp_path)
    process = _start(tmp_path, f"dask:{cluster.file}", "2")
    workdir = tmp_path / "w"
    wait_for(lambda: (workdir / "shared/one_0.dat").exists() or process.poll() is not None, 120)
    process.kill()
    process.wait()
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (contents(workdir), _keys(workdir)) == local
    assert members_of_run(workdir) == []


@pytest.mark.slow
def test_a_lost_scheduler_ends_the_run_with_the_line_that_resumes_it(
    tmp_path: Path, scheduler: DaskCluster
) -> None:
    local = _local(tmp_path)
    scheduler.add_worker()
    process = _start(tmp_path, f"dask:{scheduler.address}", "2")
    wait_for((tmp_path / "w/left").exists, 120)
    os.killpg(scheduler.scheduler.pid, signal.SIGKILL)
    assert process.wait(120) == 3
    printed = (tmp_path / "printed").read_text()
    assert "has ended" in printed
    assert "resume with: isce2-recipe run" in printed
    wait_for(lambda: members_of_run(tmp_path / "w") == [], 20)
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "w") == local[0]


def test_secrets_do_not_reach_the_shared_files_of_an_attempt(tmp_path: Path, scheduler: DaskCluster) -> None:
    scheduler.add_worker(env={"SOME_TOKEN": "secret-of-the-worker"})
    recipe = (
        "recipe: 1\nname: shout\nsummary: s\nsteps:\n- {id: a, uses: quick.shout, with: {name: SOME_TOKEN}}\n"
    )
    write_recipe(tmp_path, recipe)
    done = call("run", "shout.yml", "--workdir", "w", "--executor", f"dask:{scheduler.file}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "w/logs/a.log").read_text()
    assert "***" in log
    assert "secret-of-the-worker" not in log + done.stdout + done.stderr


def test_a_signal_stops_the_steps_in_the_workers(tmp_path: Path, cluster: DaskCluster) -> None:
    write_recipe(tmp_path)
    process = _start(tmp_path, f"dask:{cluster.file}", "30")
    wait_for(lambda: members_of_run(tmp_path / "w") != [])
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert "finished steps are kept" in (tmp_path / "printed").read_text()
    assert members_of_run(tmp_path / "w") == []


def test_a_step_is_stopped_after_its_timeout_counted_from_its_start(
    tmp_path: Path, cluster: DaskCluster
) -> None:
    recipe = """\
recipe: 1
name: late
summary: s
steps:
- {id: a, uses: quick.fail, with: {how: hang}, timeout: 1 s}
"""
    write_recipe(tmp_path, recipe)
    done = call("run", "late.yml", "--workdir", "w", "--executor", f"dask:{cluster.file}", cwd=tmp_path)
    assert done.returncode == 3
    assert "step a was stopped after its timeout" in done.stderr
