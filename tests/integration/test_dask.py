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

from support.dask_cluster import DaskCluster
from support.processes import children, members_of_run, wait_for
from support.runs import QUICK, call, command, contents, environment, statuses, write_files, write_recipe

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


def _kill_workers(
    process: subprocess.Popen[bytes], cluster: DaskCluster, workdir: Path, kills: int, seed: int
) -> int:
    """Kill workers at random moments while steps run in them, until the run ends; return how many."""
    chance, count = random.Random(seed), 0
    while count < kills:
        cluster.replace_ended()
        try:
            process.wait(chance.uniform(0.3, 2.5))
            return count
        except subprocess.TimeoutExpired:
            victims = cluster.worker_processes()
            if victims and members_of_run(workdir):
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGKILL)
                    count += 1
    return count


def _finish(process: subprocess.Popen[bytes], cluster: DaskCluster) -> int:
    """Return the exit code of a run, after the last kill."""

    def has_ended() -> bool:
        cluster.replace_ended()
        return process.poll() is not None

    wait_for(has_ended, 300)
    return process.wait()


def test_workers_that_are_killed_cost_only_their_steps(tmp_path: Path, cluster: DaskCluster) -> None:
    local = _local(tmp_path)
    process = _start(tmp_path, f"dask:{cluster.file}")
    wait_for(lambda: members_of_run(tmp_path / "w") != [] or process.poll() is not None)
    _kill_workers(process, cluster, tmp_path / "w", 3, seed=1)
    assert _finish(process, cluster) == 0, (tmp_path / "printed").read_text()
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
        wait_for(lambda: members_of_run(tmp_path / "w") != [], 120)
        kills += _kill_workers(process, cluster, tmp_path / "w", min(8, 50 - kills), seed)
        assert _finish(process, cluster) == 0, (tmp_path / "printed").read_text()
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


@pytest.mark.slow
def test_a_step_that_may_still_write_into_a_shared_folder_ends_the_run(
    tmp_path: Path, scheduler: DaskCluster
) -> None:
    elsewhere = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', "elsewhere"]
    if shutil.which("unshare") is None or subprocess.run([*elsewhere, "true"], check=False).returncode:
        pytest.skip("this user cannot give a process another name of the machine")
    nanny = scheduler.add_worker(prefix=elsewhere)
    write_recipe(tmp_path)
    process = _start(tmp_path, f"dask:{scheduler.file}", "5")
    wait_for(lambda: (tmp_path / "w/shared/one_0.dat").exists() or process.poll() is not None, 120)
    workers = scheduler.worker_processes()
    servers = [pid for worker in workers for pid in children(worker)]
    for pid in servers:  # it must not note the end of the step when the worker ends
        os.kill(pid, signal.SIGSTOP)
    for pid in (nanny.pid, *workers, *servers):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert process.wait(120) == 3
    printed = (tmp_path / "printed").read_text()
    assert "the worker on elsewhere was lost while the step worked in the shared folder shared" in printed
    assert "make sure that no process of the run is left on elsewhere" in printed


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


def _refused(folder: Path, executor: str, code: int, env: dict[str, str] | None = None) -> str:
    """Return what a run prints that ends with an exit code."""
    write_recipe(folder)
    words = ("run", "diamond.yml", "--workdir", "w", "--executor", executor)
    done = call(*words, cwd=folder, env=env, timeout=200)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert ("resume with: isce2-recipe run" in done.stderr) == (code == 3)
    return done.stderr


def test_an_address_where_no_scheduler_listens(tmp_path: Path) -> None:
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in _refused(tmp_path, "dask:tcp://127.0.0.1:9", 3)


def test_names_of_executors_are_checked_first(tmp_path: Path) -> None:
    assert "did you mean 'dask'?" in _refused(tmp_path, "dusk:here", 2)
    assert "needs a scheduler" in _refused(tmp_path, "dask", 2)
    assert not (tmp_path / "w").exists()


def test_a_step_that_no_worker_can_ever_take(tmp_path: Path, cluster: DaskCluster) -> None:
    recipe = """\
recipe: 1
name: large
summary: s
steps:
- {id: small, uses: quick.write, with: {text: x}}
- id: large
  uses: quick.join
  with: {files: ["{{ steps.small.path }}"]}
  resources: {memory: 900 GB}
"""
    write_recipe(tmp_path, recipe)
    words = ("run", "large.yml", "--workdir", "w", "--executor", f"dask:{cluster.file}")
    done = call(*words, "--keep-going", cwd=tmp_path)
    assert done.returncode == 3
    assert "can ever take a step that needs 900 GB of memory" in done.stderr
    assert (tmp_path / "w/small/out.txt").read_text() == "x"


def test_a_worker_with_another_version_is_not_used(tmp_path: Path, scheduler: DaskCluster) -> None:
    info = "other/isce2_recipe-9.9.dist-info/METADATA"
    write_files(tmp_path, {info: "Metadata-Version: 2.1\nName: isce2-recipe\nVersion: 9.9\n"})
    paths = os.pathsep.join((str(tmp_path / "other"), str(QUICK)))
    scheduler.add_worker(env={"PYTHONPATH": paths})
    printed = _refused(tmp_path, f"dask:{scheduler.address}", 3)
    assert "has isce2-recipe 9.9, this run has" in printed
    assert "hint: install isce2-recipe" in printed


@pytest.mark.slow
def test_a_worker_with_another_plug_in_is_not_used(tmp_path: Path, scheduler: DaskCluster) -> None:
    shutil.copytree(QUICK, tmp_path / "other")
    with (tmp_path / "other/quick_actions/__init__.py").open("a") as file:
        file.write("# changed\n")
    scheduler.add_worker(env={"PYTHONPATH": str(tmp_path / "other")})
    printed = _refused(tmp_path, f"dask:{scheduler.address}", 3)
    assert "has action quick.join version 1 (code " in printed


def test_a_worker_that_does_not_see_the_work_directory_is_not_used(
    tmp_path: Path, scheduler: DaskCluster
) -> None:
    hide = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs tmpfs "$0" && exec "$@"']
    (tmp_path / "run").mkdir()
    words = [*hide, str(tmp_path / "run"), "true"]
    if shutil.which("unshare") is None or subprocess.run(words, check=False).returncode:
        pytest.skip("this user cannot hide a folder from a process")
    scheduler.add_worker(prefix=[*hide, str(tmp_path / "run")])
    printed = _refused(tmp_path / "run", f"dask:{scheduler.address}", 3)
    assert f"does not see the work directory {tmp_path / 'run/w'}" in printed
    assert "give --workdir a folder that all workers see" in printed


def test_a_cluster_file_starts_a_cluster_and_ends_it(tmp_path: Path) -> None:
    local = _local(tmp_path, "0")
    text = "class: distributed.LocalCluster\nkwargs: {n_workers: 1, threads_per_worker: 2}\nwait: 1 min\n"
    (tmp_path / "cluster.yml").write_text(text)
    done = call(
        "run", "diamond.yml", "--workdir", "w", "--pause", "0", cwd=tmp_path, timeout=200,
        env={"ISCE2_RECIPE_EXECUTOR": "dask:cluster.yml"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert contents(tmp_path / "w") == local[0]
    assert members_of_run(tmp_path / "w") == []


def test_a_batch_system_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    text = "class: dask_jobqueue.PBSCluster\nkwargs: {cores: 1, memory: 1GB}\nscale: {jobs: 1}\n"
    (tmp_path / "cluster.yml").write_text(text)
    printed = _refused(tmp_path, "dask:cluster.yml", 3)
    assert "cannot start workers: FileNotFoundError" in printed
    assert "qsub" in printed


def test_no_worker_is_left(tmp_path: Path) -> None:
    text = "class: distributed.LocalCluster\nkwargs: {n_workers: 0}\nwait: 1 s\n"
    (tmp_path / "cluster.yml").write_text(text)
    assert "no worker is left at LocalCluster" in _refused(tmp_path, "dask:cluster.yml", 3)


@pytest.mark.slow
def test_a_batch_on_a_cluster(tmp_path: Path, cluster: DaskCluster) -> None:
    write_recipe(tmp_path)
    (tmp_path / "table.csv").write_text("name,text\na,one\nb,two\n")
    words = ("batch", "diamond.yml", "--table", "table.csv", "--workdir", "w")
    done = call(*words, "--executor", f"dask:{cluster.file}", cwd=tmp_path, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "everything was up to date" in call(*words, cwd=tmp_path).stderr


def test_another_package_adds_an_executor(tmp_path: Path) -> None:
    code = """\
from isce2_recipe.running.local import LocalExecutor
from isce2_recipe.running.state import Limits


def make(text, workspace, redact, report):
    report(f"mine with {text}")
    return LocalExecutor(workspace, Limits(1, 1, 1e12), redact)
"""
    info = "other/mine-1.dist-info"
    write_files(
        tmp_path,
        {
            "other/mine.py": code,
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: mine\nVersion: 1\n",
            f"{info}/entry_points.txt": "[isce2_recipe.executors]\nmine = mine:make\n",
        },
    )
    write_recipe(tmp_path)
    paths = {"PYTHONPATH": os.pathsep.join((str(tmp_path / "other"), str(QUICK)))}
    done = call("run", "diamond.yml", "--workdir", "w", "--executor", "mine:x", cwd=tmp_path, env=paths)
    assert done.returncode == 0, done.stderr
    assert "warning: mine with x" in done.stderr
    assert "plug-ins: executors" in call("doctor", cwd=tmp_path, env=paths).stdout
