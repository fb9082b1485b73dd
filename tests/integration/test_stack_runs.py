"""A stack that is killed at any instant, or computed by a cluster, has the bytes of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from support.dask_cluster import DaskCluster
from support.processes import children, members_of_run
from support.runs import call, command, contents, environment
from support.shared import Shared

KILLS = int(os.environ.get("STACK_KILLS", "6"))
SOURCE = "simulated:lines=160,samples=1200,motion=linear"
WORDS = (
    "run", "insar_stack", "--source", SOURCE, "--area", "136231_IW2", "--start", "2020-06-01",
    "--workdir", "w",
)  # fmt: skip

pytestmark = pytest.mark.slow


def words(dates: int) -> tuple[str, ...]:
    """The command of a stack of some dates, 4 June 2020 and every sixth day."""
    return (*WORDS, "--end", {3: "2020-06-20", 6: "2020-07-05"}[dates])


def without_places(workdir: Path) -> dict[str, bytes | None]:
    """Return the files of a run; the folder, which some of them name, is left out of their bytes."""
    place = str(workdir).encode()
    return {name: data and data.replace(place, b"") for name, data in contents(workdir).items()}


def undisturbed(shared: Shared, dates: int) -> dict[str, bytes | None]:
    def make(folder: Path) -> None:
        done = call(*words(dates), cwd=folder, timeout=900)
        assert done.returncode == 0, done.stderr

    return without_places(shared.folder(f"stack-of-{dates}", make) / "w")


def kill_somewhere(process: subprocess.Popen[bytes], chance: random.Random) -> None:
    """Kill the runner, one of its steps or a step's own child; the runner in the end in any case."""
    family = [process.pid]
    for child in children(process.pid):
        family += [child, *children(child)]
    with suppress(ProcessLookupError):
        os.kill(chance.choice(family), signal.SIGKILL)
    process.kill()
    process.wait(60)


def test_killed_at_random_instants(shared: Shared, tmp_path: Path) -> None:
    expected = undisturbed(shared, 6)
    chance = random.Random(int(os.environ.get("STACK_SEED", "1")))
    folder, kills = tmp_path / "0", 0
    folder.mkdir()
    while kills < KILLS:
        process = subprocess.Popen(
            command(*words(6)), cwd=folder, env=environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            assert process.wait(chance.uniform(1.0, 15.0)) == 0
        except subprocess.TimeoutExpired:
            kill_somewhere(process, chance)
            kills += 1
            continue
        assert without_places(folder / "w") == expected
        folder = tmp_path / str(kills)
        folder.mkdir()
    done = call(*words(6), cwd=folder, timeout=900)
    assert done.returncode == 0, done.stderr
    assert without_places(folder / "w") == expected
    assert members_of_run(folder / "w") == []


def test_a_cluster_makes_the_same_bytes(shared: Shared, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "cluster").mkdir()
    cluster = DaskCluster(tmp_path / "cluster")
    try:
        for _ in range(4):
            cluster.add_worker()
        done = call(*words(3), "--executor", f"dask:{cluster.file}", cwd=tmp_path, timeout=900)
    finally:
        cluster.close()
    assert done.returncode == 0, done.stderr
    assert without_places(tmp_path / "w") == undisturbed(shared, 3)
