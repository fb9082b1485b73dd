"""Overhead of the runner, side by side with doit and Snakemake where they are installed.

Every step is the same for all: it writes one small file. Chains and fans of 20 to 10,000 steps are run for a
first time, then again with nothing to do. The no-op is the best of a few repetitions.

    python benchmarks/runner.py                     # 20, 100 and 1,000 steps
    python benchmarks/runner.py --steps 20 10000 --json runner.json
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

QUICK = Path(__file__).resolve().parents[1] / "tests/support/quick"
FIRST_LIMIT = 1000  # steps above which only our own first run is timed: the others take minutes


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
        "               'targets': [f'out/{i}']}\n"
    )


def snakefile(steps: int, shape: str) -> str:
    rules = [f"rule all:\n    input: [f'out/{{i}}' for i in range({steps})]\n"]
    for index in range(steps):
        needs = f"    input: 'out/{index - 1}'\n" if shape == "chain" and index else ""
        rules.append(f"rule s{index}:\n{needs}    output: 'out/{index}'\n    shell: 'echo x > {{output}}'\n")
    return "\n".join(rules)


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    path = os.pathsep.join(filter(None, (str(QUICK), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def best(repeat: int, run: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    found = [run() for _ in range(repeat)]
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


TOOLS: dict[str, tuple[str, Callable[[int, str], str], list[str]]] = {
    "isce2-recipe": (
        "bench.yml",
        recipe,
        [sys.executable, "-m", "isce2_recipe", "run", "bench.yml", "--workdir", "w", "--jobs", "2"],
    ),
    "doit": ("dodo.py", dodo, [sys.executable, "-m", "doit", "-n", "2"]),
    "snakemake": ("Snakefile", snakefile, [sys.executable, "-m", "snakemake", "-c2", "--quiet", "all"]),
}


def measure(tool: str, steps: int, shape: str, repeat: int) -> list[Result]:
    name, text, command = TOOLS[tool]
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        (folder / name).write_text(text(steps, shape))
        first = timed(command, folder)
        again = best(repeat, lambda: timed(command, folder))
    finally:
        shutil.rmtree(folder)
    return [Result(tool, shape, steps, "first run", *first), Result(tool, shape, steps, "no-op", *again)]


def start_up(repeat: int) -> list[Result]:
    found = []
    for words in (["--version"], ["--help"]):
        command = [sys.executable, "-m", "isce2_recipe", *words]
        times = best(3 * repeat, lambda command=command: timed(command, Path.cwd()))
        found.append(Result("isce2-recipe", "", 0, words[0], *times))
    python = best(3 * repeat, lambda: timed([sys.executable, "-c", "pass"], Path.cwd()))
    return [Result("python", "", 0, "-c pass", *python), *found]


def show(result: Result) -> None:
    steps = f"{result.shape} of {result.steps:,}" if result.steps else ""
    each = f"{1000 * result.wall_s / result.steps:8.2f} ms/step" if result.steps else ""
    times = f"{result.wall_s:9.3f} s wall {result.cpu_s:9.3f} s cpu"
    print(f"{result.tool:<13} {steps:<17} {result.what:<10} {times} {each}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, nargs="+", default=[20, 100, 1000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), default=list(TOOLS))
    parser.add_argument("--json", type=Path, help="write the results to a file")
    options = parser.parse_args()
    tools = [tool for tool in options.tools if importlib.util.find_spec(tool.replace("isce2-", "isce2_"))]
    results = start_up(options.repeat)
    for result in results:
        show(result)
    for steps in options.steps:
        for shape in ("chain", "fan"):
            for tool in tools:
                if tool == "isce2-recipe" or steps <= FIRST_LIMIT:
                    found = measure(tool, steps, shape, options.repeat)
                    results += found
                    for result in found:
                        show(result)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
