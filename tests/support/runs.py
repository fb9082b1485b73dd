"""Real runs of the real command, with the quick actions of ``tests/support/quick`` installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

QUICK = Path(__file__).parent / "quick"
# The runner's own bookkeeping differs from run to run: times, process ids, stat fields.
BOOKKEEPING = (".isce2-recipe", "logs", "run.json", "tally.txt", "resolved.yml")

DIAMOND = """\
recipe: 1
name: diamond
summary: Two texts, joined, then two steps in a shared folder.
parameters:
  text: {type: string, default: hello, description: What to write.}
  pause: {type: number, default: 0, description: Seconds a step takes.}
  second_too: {type: boolean, default: true, description: Whether the second step in the folder runs.}
steps:
  - id: left
    uses: quick.write
    with: {text: "left {{ text }}", seconds: "{{ pause }}"}
  - id: right
    uses: quick.write
    with: {text: "right side", name: right.txt, seconds: "{{ pause }}"}
  - id: both
    uses: quick.join
    with: {files: ["{{ steps.left.path }}", "{{ steps.right.path }}"], seconds: "{{ pause }}"}
  - id: one
    uses: quick.work
    folder: shared
    with: {word: one, inputs: ["{{ steps.both.path }}"], seconds: "{{ pause }}"}
  - id: two
    uses: quick.work
    folder: shared
    when: "{{ second_too }}"
    with: {word: two, seconds: "{{ pause }}"}
  - id: three
    uses: quick.work
    folder: shared
    with: {word: three, inputs: ["{{ steps.right.path }}"], seconds: "{{ pause }}"}
  - id: last
    uses: quick.join
    with: {files: ["{{ steps.three.log }}"], seconds: "{{ pause }}"}
outputs:
  product: "{{ steps.last.path }}"
  text: "{{ steps.both.text }}"
"""


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without credentials, in which the quick actions can be imported.

    A PYTHONPATH among ``extra`` takes the quick actions' place, not that of the code under test.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EARTHDATA_", "AWS_"))}
    wanted = {"PYTHONPATH": str(QUICK), **(extra or {})}
    paths = (wanted["PYTHONPATH"], kept.get("PYTHONPATH"))
    return {**kept, **wanted, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def command(*words: object) -> list[str]:
    """Return the command line that runs isce2-recipe."""
    return [sys.executable, "-m", "isce2_recipe", *map(str, words)]


def call(
    *words: object, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run isce2-recipe to its end."""
    return subprocess.run(
        command(*words),
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the events that a run with ``--json`` printed."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def statuses(workdir: Path) -> dict[str, str]:
    """Return what the last run did with each step."""
    record = json.loads((workdir / "run.json").read_text())
    return {name: facts["status"] for name, facts in record["steps"].items()}


def contents(workdir: Path) -> dict[str, bytes | None]:
    """Return every file and folder of a run except its bookkeeping."""
    found: dict[str, bytes | None] = {}
    for path in sorted(workdir.rglob("*")):
        name = path.relative_to(workdir)
        if name.parts[0] not in BOOKKEEPING:
            found[str(name)] = path.read_bytes() if path.is_file() else None
    return found


def write_recipe(folder: Path, text: str = DIAMOND, name: str | None = None) -> Path:
    """Write a recipe to a file that is named after it."""
    stem = name or next(line.split()[1] for line in text.splitlines() if line.startswith("name:"))
    path = folder / f"{stem}.yml"
    path.write_text(text)
    return path


def edit(path: Path, old: str, new: str) -> None:
    """Change a file without changing its size or its time of modification."""
    before = path.stat()
    text = path.read_text()
    assert old in text
    assert len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


TOLD = {
    "site-packages/told-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: told\nVersion: 1\n",
    "site-packages/told-1.dist-info/entry_points.txt": "[isce2_recipe.actions]\ntold = told\n",
}
"""The files that pip writes for an installed package ``told`` with actions."""


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files below a folder, given by their names."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
