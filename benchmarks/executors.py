"""Measure what an executor costs: processor time of a step, and the gain from a second worker.

Everything runs on this machine: the scheduler, its workers with one thread each, and the runner. The
processor time of all of them counts. The parts of a comparison run one after the other, several times,
because other programs share the processors:

    python benchmarks/executors.py --steps 200 --json executors.json
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

TRIVIAL = """\
recipe: 1
name: trivial
summary: Many steps that do nothing.
steps:
- id: each
  for_each: {items}
  uses: quick.touch
  with: {{text: "{{{{ item }}}}"}}
"""
BUSY = """\
recipe: 1
name: busy
summary: Steps that need a processor.
steps:
- id: each
  for_each: {items}
  uses: command.run
  with:
    argv: [{python}, -S, {folder}/busy.py, "{seconds}"]
    outputs: {{out: out}}
  resources: {{cpus: 1}}
"""
PROGRAM = """\
import sys, time
while time.process_time() < float(sys.argv[1]):
    pass
open("out", "w").write("x")
"""


@dataclass(frozen=True)
class Result:
    what: str
    steps: int
    wall_s: float
    cpu_s: float


def _cpu_of(pids: list[int]) -> float:
    """Return the processor time of some processes and of their children that have ended, seconds."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in pids:
        text = Path(f"/proc/{pid}/stat").read_text()
        total += sum(map(int, text[text.rindex(")") + 2 :].split()[11:15])) / ticks
    return total


def _tree(pid: int) -> list[int]:
    from support.processes import children

    return [pid, *(found for child in children(pid) for found in _tree(child))]


def run(folder: Path, what: str, steps: int, executor: str, jobs: int, daemons: list[int]) -> Result:
    from support.runs import command, environment

    shutil.rmtree(folder / "w", ignore_errors=True)
    words = command("run", "recipe.yml", "--workdir", "w", "--executor", executor, "--jobs", jobs)
    members = [found for pid in daemons for found in _tree(pid)]
    before = _cpu_of(members) + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    began = time.monotonic()
    done = subprocess.run(words, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    wall = time.monotonic() - began
    # A step server ends with the run; the worker has waited for it by then.
    cpu = _cpu_of(members) + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before
    return Result(what, steps, wall, cpu)


@contextmanager
def cluster(folder: Path, workers: int):
    from support.dask_cluster import DaskCluster
    from support.processes import wait_for

    folder.mkdir()
    found = DaskCluster(folder)
    try:
        for _ in range(workers):
            found.add_worker()
        wait_for(lambda: len(found.worker_processes()) == workers)
        time.sleep(5)
        yield f"dask:{found.address}", [found.scheduler.pid, *(one.pid for one in found.workers)]
    finally:
        found.close()


def show(result: Result) -> Result:
    each = f"{1000 * result.cpu_s / result.steps:8.2f} ms cpu/step"
    print(f"{result.what:<24} {result.wall_s:9.2f} s wall {result.cpu_s:9.2f} s cpu {each}", flush=True)
    return result


def overhead(folder: Path, steps: int, rounds: int) -> list[Result]:
    """Trivial steps, few and many, so that the start of a run cancels out."""
    found = []
    with cluster(folder / "two", 2) as (address, daemons):
        for _ in range(rounds):
            for count in (10, 10 + steps):
                (folder / "recipe.yml").write_text(TRIVIAL.format(items=list(map(str, range(count)))))
                found.append(show(run(folder, f"local, {count} steps", count, "local", 2, [])))
                found.append(show(run(folder, f"dask, {count} steps", count, address, 2, daemons)))
    return found


def per_step(results: list[Result], executor: str) -> float:
    """Return the median processor time of one step more, ms."""
    mine = [one for one in results if one.what.startswith(executor)]
    pairs = zip(mine[::2], mine[1::2], strict=True)
    return statistics.median(
        1000 * (many.cpu_s - few.cpu_s) / (many.steps - few.steps) for few, many in pairs
    )


def efficiency(folder: Path, steps: int, seconds: float) -> list[Result]:
    """Equal steps that need a processor, with one worker and with two."""
    text = BUSY.format(
        items=list(map(str, range(steps))), python=sys.executable, folder=folder, seconds=seconds
    )
    (folder / "recipe.yml").write_text(text)
    (folder / "busy.py").write_text(PROGRAM)
    found = [
        show(run(folder, f"local, {jobs} jobs, {steps} x {seconds} s", steps, "local", jobs, []))
        for jobs in (1, 2)
    ]  # what this machine has left for two processes now
    for workers in (1, 2):
        with cluster(folder / f"workers{workers}", workers) as (address, daemons):
            found.append(
                show(run(folder, f"{workers} workers, {steps} x {seconds} s", steps, address, 64, daemons))
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="processor time of a busy step")
    parser.add_argument("--json", type=Path, help="write the results to a file")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        results = overhead(folder, options.steps, options.rounds)
        local, dask = per_step(results, "local"), per_step(results, "dask")
        print(
            f"one step more: local {local:.1f} ms, dask {dask:.1f} ms, overhead {dask - local:.1f} ms of cpu"
        )
        busy = efficiency(folder, 16, options.seconds)
        for what, (one, two) in {"jobs, local": busy[:2], "workers": busy[2:]}.items():
            print(f"parallel efficiency of 2 {what}: {one.wall_s / two.wall_s / 2:.2f}")
    finally:
        shutil.rmtree(folder)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in [*results, *busy]], indent=1) + "\n")


if __name__ == "__main__":
    main()
