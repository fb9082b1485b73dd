"""A Dask scheduler and workers with nannies as real processes of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from support.processes import children, command_of, wait_for
from support.runs import environment

_DASK = (sys.executable, "-m", "dask")


class DaskCluster:
    """A scheduler with workers; `close` ends them all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.scheduler = self._start([*_DASK, *words, "--scheduler-file", str(self.file)], "scheduler")
        wait_for(self._is_ready)

    def _is_ready(self) -> bool:
        with suppress(OSError, ValueError):
            return bool(json.loads(self.file.read_text())["address"])
        return False

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def add_worker(
        self, *options: str, env: Mapping[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start a worker with one thread, under the control of a nanny."""
        words = ["worker", self.address, "--nthreads", "1", "--no-dashboard"]
        words += ["--local-directory", str(self.folder / "local"), "--death-timeout", "60", *options]
        worker = self._start([*prefix, *_DASK, *words], f"worker{len(self.workers)}", env)
        self.workers.append(worker)
        return worker

    def _start(
        self, words: Sequence[str], name: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                words,
                cwd=self.folder,
                env={**environment(env), "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def worker_processes(self) -> list[int]:
        """Return the process ids of the workers, without their nannies."""
        found = [child for nanny in self.workers for child in children(nanny.pid)]
        return [pid for pid in found if b"spawn_main" in command_of(pid)]

    def replace_ended(self) -> None:
        """Start a worker for each whose nanny gave up, as it does if the worker is killed while it starts."""
        ended = [one for one in self.workers if one.poll() is not None]
        self.workers = [one for one in self.workers if one not in ended]
        for _ in ended:
            self.add_worker()

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
