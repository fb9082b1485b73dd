"""Processor time, memory and accuracy of a stack of simulated bursts whose ground moves at a constant rate.

python benchmarks/stack.py WORKDIR [--source OPTIONS] [--end DATE] [PARAMETERS OF insar_stack]...
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from isce2_recipe.stack.agreement import describe, describe_agreement


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("workdir", type=Path)
    words.add_argument("--source", default="simulated:clean,lines=800,samples=4000,motion=linear")
    words.add_argument("--area", default="136231_IW2")
    words.add_argument("--start", default="2020-06-01")
    words.add_argument("--end", default="2020-08-30")
    given, more = words.parse_known_args()
    place = ["--area", given.area, "--start", given.start, "--end", given.end]
    command = [sys.executable, "-m", "isce2_recipe", "run", "insar_stack", "--source", given.source, *place]
    subprocess.run([*command, "--workdir", given.workdir, "--jobs", "1", "--cpus", "1", *more], check=True)
    show_costs(given.workdir)
    show_accuracy(given.workdir)


def show_costs(workdir: Path) -> None:
    """Print processor time and memory of each kind of step."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for line in (workdir / ".isce2-recipe" / "journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event.get("event") == "done":
            facts = event["facts"]
            kind = re.sub(r"\[.*?\]", "[...]", event["step"])
            found[kind].append((facts["cpu_seconds"], facts["memory"] / 1e6))
    print("| step | times | CPU s each | CPU s | peak MB |\n|---|---|---|---|---|")
    for kind, costs in found.items():
        seconds = [one for one, _ in costs]
        most = max(memory for _, memory in costs)
        print(f"| {kind} | {len(costs)} | {np.mean(seconds):.2f} | {sum(seconds):.1f} | {most:.0f} |")


def show_accuracy(workdir: Path) -> None:
    """Print the agreement with the truth."""
    found = json.loads((workdir / "quality" / "quality.json").read_text())
    print(describe(found), describe_agreement(found["truth"]), sep="\n")


if __name__ == "__main__":
    main()
