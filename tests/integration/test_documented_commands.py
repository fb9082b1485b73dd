"""Every command in a shell block of README and documentation runs, or is listed here with a reason."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.main_job import REFERENCE, SECONDARY, TINY, stock_folder, tiny_job

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/recipes/*.md")
BLOCK = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TINY_OF = {
    "insar_tops": "simulated:clean,lines=120,samples=800,bursts=1",
    "insar_stripmap": "simulated:clean,lines=512,samples=1500",
}

# Pages and beginnings of commands that do not run here, each with the reason.
NOT_RUN = (
    ("*", "pip ", "installs the package, which the tests have"),
    ("*", "python3 -m venv", "makes the environment of the tests"),
    ("*", ". .venv", "enters the environment of the tests"),
    ("*", "git ", "gets the sources"),
    ("*", "conda ", "needs conda; the workflow image.yml builds the environment"),
    ("*", "docker ", "needs Docker; the workflow image.yml builds and runs the image"),
    ("*", "pytest", "is this test run"),
    ("CONTRIBUTING.md", "*", "the last steps of .ci/run, which runs this test"),
    ("docs/adding-*.md", "*", "test_worked_examples.py follows these pages"),
    ("docs/tutorial.md", "*", "test_documents.py follows this page"),
    ("docs/benchmarks.md", "*", "measures whole scenes for minutes, on a machine that does nothing else"),
    ("docs/cluster.md", "*", "needs a cluster; test_dask.py and test_slurm.py start one"),
    ("docs/mintpy.md", "smallbaselineApp.py", "needs MintPy; test_mintpy.py runs it"),
    ("docs/engines.md", "isce2-recipe app topsApp topsApp.xml --start", "needs ISCE2"),
    ("docs/legacy.md", "insar_tops_burst", "is a name of hyp3-isce2; test_legacy_commands.py runs it"),
    ("docs/legacy.md", "python -m hyp3_isce2", "the same"),
    ("docs/opening-products.md", "gdal", "needs the programs of GDAL, which no wheel has"),
)
# Pages whose runs are carried out on a tiny scene; other runs are planned.
CARRIED_OUT = ("README.md", "docs/first-product.md")


def documented() -> list[tuple[str, str]]:
    """Return all commands of shell blocks, each with its page."""
    found = []
    for path in sorted(path for pattern in PAGES for path in ROOT.glob(pattern)):
        for block in BLOCK.findall(path.read_text()):
            for line in block.replace("\\\n", " ").splitlines():
                text = re.split(r"\s#\s", line)[0]
                commands = (command.strip() for command in text.split("&&"))
                found += [(path.relative_to(ROOT).as_posix(), command) for command in commands if command]
    return found


def reason_not_to_run(page: str, command: str) -> str | None:
    return next(
        (
            why
            for pages, start, why in NOT_RUN
            if fnmatch.fnmatch(page, pages) and (start == "*" or command.startswith(start))
        ),
        None,
    )


def test_commands_that_do_not_run_are_there():
    """No reason is left over from a page that has changed."""
    for pages, start, _ in NOT_RUN:
        assert any(
            fnmatch.fnmatch(page, pages) and (start == "*" or command.startswith(start))
            for page, command in documented()
        ), (pages, start)


def test_all_other_commands_are_of_this_program():
    others = [line for page, line in documented() if reason_not_to_run(page, line) is None]
    assert others and all(line.startswith("isce2-recipe ") for line in others)


@pytest.fixture(scope="module")
def place(tmp_path_factory, shared) -> Path:
    """A folder with all files that the pages take for granted."""
    folder = tmp_path_factory.mktemp("place")
    job = tiny_job(shared)
    shutil.copytree(job.product, folder / "PRODUCT")
    for name in ("A", "B", "products", "bursts"):
        shutil.copytree(job.product, folder / name / job.product.name)
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    shutil.copytree(job.workdir, folder / "app")
    shutil.copy(folder / "app/topsapp/config/topsApp.xml", folder / "app/isce")
    (folder / "pairs.csv").write_text(f"reference,secondary\n{REFERENCE},{SECONDARY}\n")
    ring = [[53.5, 27.6], [53.7, 27.6], [53.7, 27.7], [53.5, 27.6]]
    (folder / "aoi.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    stock_folder(folder / "stock", REFERENCE, SECONDARY, source=TINY)
    return folder


def shrunk(page: str, command: str, place: Path) -> list[str]:
    """Return the arguments of a command with names for what the page leaves open, and a tiny scene."""
    text = command.replace("--reference S1_...", f"--reference {REFERENCE}")
    text = text.replace("--secondary S1_...", f"--secondary {SECONDARY}")
    text = text.replace(" ... ", f" --reference {REFERENCE} --secondary {SECONDARY} ")
    text = text.replace("/data/insar", str(place / "stock"))
    for name in ("A", "B"):
        text = re.sub(rf"(?<= ){name}(?= |$)", str(next((place / name).iterdir())), text)
    words = shlex.split(text)[1:]
    tiny = next((text for recipe, text in TINY_OF.items() if recipe in words), TINY)
    words = [
        tiny if before == "--source" and word.startswith("simulated") else word
        for before, word in zip(["", *words], words, strict=False)
    ]
    if words[0] == "run" and page not in CARRIED_OUT and "--help" not in words:
        words[0] = "plan"
        if "--publish" in words:
            del words[words.index("--publish") : words.index("--publish") + 2]
    if words[0] == "batch":
        words.append("--dry-run")
    return words


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({page for page, line in documented()}))
def test_commands_of_a_page_run(page: str, place: Path) -> None:
    environment = {
        **os.environ, "ISCE2_RECIPE_SOURCE": TINY, "ISCE2_RECIPE_ENGINE": "builtin", "COLUMNS": "80",
    }  # fmt: skip
    for command in [line for one, line in documented() if one == page]:
        if reason_not_to_run(page, command) is not None:
            continue
        words = shrunk(page, command, place)
        end = words.index(">") if ">" in words else len(words)
        folder = place / "app/isce" if words[0] == "app" else place
        done = subprocess.run(
            [sys.executable, "-m", "isce2_recipe", *words[:end]],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        # The doctor ends with 1 where something is missing that not everybody needs.
        assert done.returncode in ((0, 1) if words[0] == "doctor" else (0,)), (
            f"{page}: {command}\nas {shlex.join(words)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
        for output in words[end + 1 :]:
            (place / output).write_text(done.stdout)
