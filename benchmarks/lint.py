"""Measure how long linting takes: the least processor time of some attempts.

    python benchmarks/lint.py

Prints a table: the interpreter alone, the libraries that every command imports, one recipe, and 200 copies
of it. The last column gives multiples of the libraries' time, which depend less on the machine than
milliseconds do. Run it with the Python of an installation that is not editable and has its bytecode.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipes" / "insar_tops_burst.yml"
COPIES = 200
LIBRARIES = "import click, yaml, jinja2"


def least(command: list[str], attempts: int) -> tuple[float, float]:
    """Processor and wall time in milliseconds, each the least of all attempts."""
    found: list[tuple[float, float]] = []
    for _ in range(attempts):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        after, stop = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        found.append((spent * 1e3, (stop - start) * 1e3))
    return min(one[0] for one in found), min(one[1] for one in found)


def main() -> None:
    python = sys.executable
    lint = [python, "-m", "isce2_recipe", "lint"]
    with tempfile.TemporaryDirectory() as folder:
        text = RECIPE.read_text(encoding="utf-8")
        for number in range(COPIES):
            copy = text.replace(f"name: {RECIPE.stem}", f"name: r{number}", 1)
            (Path(folder) / f"r{number}.yml").write_text(copy, encoding="utf-8")
        cases = {
            "python -c pass": ([python, "-c", "pass"], 20),
            LIBRARIES: ([python, "-c", "import click, yaml.cyaml, jinja2.sandbox"], 20),
            f"lint {RECIPE.name}": ([*lint, str(RECIPE)], 20),
            f"lint, {COPIES} copies": ([*lint, folder], 5),
        }
        took = {name: least(command, attempts) for name, (command, attempts) in cases.items()}
    libraries_ms = took[LIBRARIES][0]
    print(f"| {'Command':36} | Processor | Wall | Libraries |\n|{'-' * 38}|---|---|---|")
    for name, (processor_ms, wall_ms) in took.items():
        ratio = processor_ms / libraries_ms
        print(f"| {name:36} | {processor_ms:.0f} ms | {wall_ms:.0f} ms | {ratio:.2f} |")


if __name__ == "__main__":
    main()
