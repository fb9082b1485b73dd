"""Runs on file systems that have no file locks, such as Lustre without ``flock`` and some NFS servers."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from support.runs import call, command, environment, statuses, write_recipe

# Python imports a module of this name before it runs a program.
NO_LOCKS = """\
import errno, fcntl, os

def flock(descriptor, operation):
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

fcntl.flock = flock
"""


@pytest.fixture
def without_locks(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the system refuses all file locks."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(NO_LOCKS)
    write_recipe(tmp_path)
    return {"PYTHONPATH": os.pathsep.join((str(tmp_path / "site"), environment()["PYTHONPATH"]))}


def test_a_run_gives_one_warning_and_leaves_no_lock(tmp_path: Path, without_locks: dict[str, str]) -> None:
    done = call("run", "diamond.yml", "--workdir", "w", cwd=tmp_path, env=without_locks)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("has no file locks") == 1
    assert list((tmp_path / "w/.isce2-recipe").glob("*.holder")) == []
    assert set(statuses(tmp_path / "w").values()) == {"done"}


def test_a_second_run_is_refused_until_the_first_one_has_died(
    tmp_path: Path, without_locks: dict[str, str]
) -> None:
    words = ("run", "diamond.yml", "--pause", "60", "--until", "left", "--workdir", "w")
    first = subprocess.Popen(
        command(*words), cwd=tmp_path, env=environment(without_locks), stderr=subprocess.DEVNULL
    )
    marker = tmp_path / "w/.isce2-recipe/lock.holder"
    deadline = time.monotonic() + 30
    while not (tmp_path / "w/.isce2-recipe/scratch/left/out.txt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    second = call(*words, cwd=tmp_path, env=without_locks)
    first.kill()
    first.wait()
    assert second.returncode == 3
    assert f"process {first.pid} on {os.uname().nodename}" in second.stderr
    assert f"delete {marker}" in second.stderr
    third = call("run", "diamond.yml", "--until", "left", "--workdir", "w", cwd=tmp_path, env=without_locks)
    assert third.returncode == 0, third.stderr
    assert f"process {first.pid}, the last run in this work directory, was killed" in third.stderr
