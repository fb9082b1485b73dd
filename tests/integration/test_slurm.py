"""Steps in jobs of Slurm itself, through a cluster file; this test starts a Slurm of one node."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.processes import members_of_run, wait_for
from support.runs import call, command, contents, environment, write_recipe
from support.slurm import Slurm, why_not

pytest.importorskip("dask_jobqueue")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_not()), reason=f"not run with Slurm: {why_not()}"),
]

CLUSTER = """\
class: dask_jobqueue.SLURMCluster
kwargs:
  queue: debug
  cores: 1
  processes: 1
  memory: 500MB
  walltime: "00:10:00"
  interface: lo
  local_directory: {folder}/local
  log_directory: {folder}/logs
  job_script_prologue: ["export PYTHONPATH={path}"]
scale: {{jobs: {jobs}}}
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    found = Slurm(tmp_path_factory.mktemp("slurm"))
    yield found
    found.close()


def _words(folder: Path, pause: str, jobs: int) -> tuple[str, ...]:
    path = environment()["PYTHONPATH"]
    (folder / "slurm.yml").write_text(CLUSTER.format(folder=folder, path=path, jobs=jobs))
    write_recipe(folder)
    return ("run", "diamond.yml", "--workdir", "w", "--pause", pause, "--executor", "dask:slurm.yml")


def _conf(slurm: Slurm) -> dict[str, str]:
    return {"SLURM_CONF": slurm.environment["SLURM_CONF"]}


def test_a_run_in_jobs_of_slurm_makes_the_same_bytes(tmp_path: Path, slurm: Slurm) -> None:
    words = _words(tmp_path, "0", 2 if (os.cpu_count() or 1) > 1 else 1)
    done = call(*words, cwd=tmp_path, env=_conf(slurm), timeout=300)
    assert done.returncode == 0, done.stderr
    found = contents(tmp_path / "w")
    assert members_of_run(tmp_path / "w") == []
    wait_for(lambda: slurm.call("squeue", "--noheader", "--states=RUNNING,PENDING") == "")
    again = call(*words[:-2], "--force", "left", "--force", "one", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "w") == found


def test_a_cancelled_job_is_replaced_and_its_step_runs_again(tmp_path: Path, slurm: Slurm) -> None:
    words = _words(tmp_path, "4", 1)
    with (tmp_path / "printed").open("wb") as printed:
        process = subprocess.Popen(
            command(*words), cwd=tmp_path, env=environment(_conf(slurm)), stdout=printed, stderr=printed
        )
    wait_for(lambda: members_of_run(tmp_path / "w") != [] or process.poll() is not None, 120)
    slurm.call("scancel", "--state=RUNNING")
    assert process.wait(300) == 0, (tmp_path / "printed").read_text()
    assert "has ended" in (tmp_path / "printed").read_text()
    assert members_of_run(tmp_path / "w") == []


def test_a_walltime_shorter_than_a_timeout_is_refused_before_anything_runs(
    tmp_path: Path, slurm: Slurm
) -> None:
    _words(tmp_path, "0", 1)
    step = "{id: a, uses: quick.write, with: {text: x}, timeout: 2h}"
    write_recipe(tmp_path, f"recipe: 1\nname: long\nsummary: s\nsteps:\n- {step}\n")
    words = ("run", "long.yml", "--workdir", "w", "--executor", "dask:slurm.yml")
    done = call(*words, cwd=tmp_path, env=_conf(slurm), timeout=120)
    assert done.returncode == 1
    assert "slurm.yml:7:" in done.stderr
    assert "the walltime 00:10:00 is shorter than the timeout of step a, 7200 s" in done.stderr
