"""Measure the overhead of the runner next to that of doit and Snakemake with hyperfine.

Every step writes one small file. Chains and fans of steps, and loops over a list, run for the first time,
then again with nothing to do: isce2-recipe with its no-op cache, as for a user who repeats a command, and
also without it, when the run checks every step. doit and Snakemake may be installed in their own environment:

    python -m venv peers && peers/bin/pip install doit snakemake
    python benchmarks/runner.py --peers peers/bin
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

QUICK = Path(__file__).resolve().parents[1] / "tests/support/quick"
OURS = "isce2-recipe"
RUN = f"{sys.executable} -m isce2_recipe run bench.yml --workdir w --jobs 2"
PLAN = f"{sys.executable} -m isce2_recipe plan bench.yml --workdir w"
NOOP_CACHE = "w/.isce2-recipe/noop_cache.json"
MOST = {OURS: 10_000, "doit": 10_000, "snakemake": 1_000}  # steps: Snakemake takes many minutes for more


@dataclass(frozen=True)
class Result:
    tool: str
    shape: str
    steps: int
    what: str
    wall_s: float
    cpu_s: float


def recipe(steps: int, shape: str) -> str:
    lines = ["recipe: 1", "name: bench", "summary: Many steps.", "steps:"]
    if shape == "loop":
        names = ", ".join(f"n{index}" for index in range(steps))
        lines.append(
            f'  - {{id: s, uses: quick.touch, for_each: [{names}], with: {{text: "x{{{{ item }}}}"}}}}'
        )
        return "\n".join(lines) + "\n"
    for index in range(steps):
        after = f', after: "{{{{ steps.s{index - 1}.value }}}}"' if shape == "chain" and index else ""
        lines.append(f'  - {{id: s{index}, uses: quick.touch, with: {{text: "x"{after}}}}}')
    return "\n".join(lines) + "\n"


def dodo(steps: int, shape: str) -> str:
    needs = "[f'out/{i - 1}'] if i else []" if shape == "chain" else "[]"
    return (
        "import os\nos.makedirs('out', exist_ok=True)\n"
        "def task_s():\n"
        f"    for i in range({steps}):\n"
        f"        yield {{'name': str(i), 'actions': [f'echo x > out/{{i}}'], 'file_dep': {needs},\n"
        "               'targets': [f'out/{i}'], 'uptodate': [True]}\n"
    )


def snakefile(steps: int, shape: str) -> str:
    rules = [f"rule all:\n    input: [f'out/{{i}}' for i in range({steps})]\n"]
    for index in range(steps):
        needs = f"    input: 'out/{index - 1}'\n" if shape == "chain" and index else ""
        rules.append(f"rule s{index}:\n{needs}    output: 'out/{index}'\n    shell: 'echo x > {{output}}'\n")
    return "\n".join(rules)


def hyperfine(command: str, folder: Path, runs: int, prepare: str = "") -> tuple[float, float]:
    """Return the shortest wall time and the mean processor time, seconds."""
    path = os.pathsep.join(filter(None, (str(QUICK), os.environ.get("PYTHONPATH"))))
    report = folder / "hyperfine.json"
    words = ["hyperfine", "--shell=none", "--style=none", f"--runs={runs}", f"--export-json={report}"]
    words += [f"--prepare={prepare}"] if prepare else []
    words += ["--warmup=1"] if runs > 1 else []
    environment = {**os.environ, "PYTHONPATH": path}
    subprocess.run([*words, command], cwd=folder, env=environment, check=True, capture_output=True)
    found = json.loads(report.read_text())["results"][0]
    return min(found["times"]), found["user"] + found["system"]


def measure(tool: str, steps: int, shape: str, runs: int, peers: str) -> list[Result]:
    name, text, command = {
        OURS: ("bench.yml", recipe, RUN),
        "doit": ("dodo.py", dodo, f"{peers}doit -n 2"),
        "snakemake": ("Snakefile", snakefile, f"{peers}snakemake -c2 --quiet all"),
    }[tool]
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        (folder / name).write_text(text(steps, shape))
        found = {
            "first run": hyperfine(command, folder, 1),
            "nothing to do": hyperfine(command, folder, runs),
        }
        if tool == OURS:
            found["nothing to do, no cache"] = hyperfine(command, folder, runs, f"rm -f {NOOP_CACHE}")
            found["plan"] = hyperfine(PLAN, folder, runs)
    finally:
        shutil.rmtree(folder)
    return [Result(tool, shape, steps, what, *times) for what, times in found.items()]


def start_up(runs: int, peers: str) -> list[Result]:
    ours = f"{sys.executable} -m isce2_recipe"
    commands = {
        ("python", "-c pass"): f"{sys.executable} -c pass",
        (OURS, "--version"): f"{ours} --version",
        (OURS, "--help"): f"{ours} --help",
        ("doit", "--version"): f"{peers}doit --version",
    }
    return [
        Result(tool, "", 0, what, *hyperfine(command, Path(tempfile.gettempdir()), 3 * runs))
        for (tool, what), command in commands.items()
        if shutil.which(shlex.split(command)[0])
    ]


def show(result: Result, doit: Result | None) -> None:
    steps = f"{result.shape} of {result.steps:,}" if result.steps else ""
    each = f"{1000 * result.wall_s / result.steps:8.2f} ms/step" if result.steps else ""
    ratio = f" {result.cpu_s / doit.cpu_s:6.2f} x doit's cpu" if doit is not None else ""
    times = f"{result.wall_s:9.3f} s wall {result.cpu_s:9.3f} s cpu"
    print(f"{result.tool:<12} {steps:<15} {result.what:<24} {times} {each}{ratio}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, nargs="+", default=[20, 100, 1000])
    parser.add_argument("--runs", type=int, default=5, help="runs with nothing to do")
    parser.add_argument("--peers", type=Path, help="folder with the commands doit and snakemake")
    parser.add_argument("--json", type=Path, help="write the results to a file")
    options = parser.parse_args()
    peers = f"{options.peers.absolute()}/" if options.peers else ""
    results = start_up(options.runs, peers)
    for result in results:
        show(result, None)
    for steps in options.steps:
        for shape in ("chain", "fan", "loop"):
            doit: dict[str, Result] = {}
            for tool in ("doit", OURS, "snakemake"):
                if (
                    (shape == "loop" and tool != OURS)
                    or steps > MOST[tool]
                    or (tool != OURS and shutil.which(f"{peers}{tool}") is None)
                ):
                    continue
                for result in measure(tool, steps, shape, options.runs, peers):
                    doit |= {result.what: result} if tool == "doit" else {}
                    show(result, doit.get(result.what.partition(",")[0]))
                    results.append(result)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
