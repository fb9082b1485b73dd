"""The no-op cache is used only while nothing that a run depends on has changed, even by a hidden change."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from isce2_recipe.paths import NOOP_CACHE
from support.runs import QUICK, TOLD, call, command, edit, environment, statuses, write_files

RECIPE = """\
recipe: 1
name: memo
summary: Everything a run may depend on.
parameters:
  file: {type: string, description: A file to read.}
required: [file]
steps:
  - id: read
    uses: quick.join
    with: {files: ["{{ file }}"]}
  - id: inner
    uses: parts/echo.yml
    with: {words: aaa}
  - id: note
    uses: template.render
    with: {template: note.txt.j2, to: note.txt, values: {text: "{{ steps.read.text }}"}}
  - id: told
    uses: told.engine
"""
PART = """\
recipe: 1
name: echo
summary: A text.
parameters:
  words: {type: string, description: What to write.}
required: [words]
steps:
  - id: write
    uses: quick.write
    with: {text: "{{ words }} bbb"}
"""
PLUGIN = """\
from dataclasses import dataclass
from told_version import VERSION
from isce2_recipe.actions.base import Context, action

@dataclass(frozen=True)
class Told:
    engine: str

@action("told.engine", version=VERSION, uses=("engine",))
def engine(ctx: Context) -> Told:
    return Told(ctx.engine.name)
"""


class Place:
    """A folder with a recipe and everything it needs, and a plug-in in its own package folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workdir = folder, folder / "w"
        self.site, self.bin, self.isce = folder / "site-packages", folder / "bin", folder / "isce"
        self.env: dict[str, str] = {}
        texts = {
            "memo.yml": RECIPE,
            "parts/echo.yml": PART,
            "templates/note.txt.j2": "{% include 'inner.j2' %} {{ text }}\n",
            "templates/inner.j2": "ccc",
            "input.txt": "ddd",
            "given.yml": "file: input.txt\n",
            "bin/keep": "",
            "site-packages/told/__init__.py": PLUGIN.replace("told_version", "told.told_version"),
            "site-packages/told/told_version.py": "VERSION = 1\n",
            **TOLD,
        }
        write_files(folder, texts)

    def path(self, name: str) -> Path:
        return self.folder / name

    def _environment(self) -> dict[str, str]:
        paths = os.pathsep.join((str(self.site), str(QUICK)))
        programs = os.pathsep.join((str(self.bin), os.environ["PATH"]))
        hidden = dict.fromkeys(("ISCE_HOME", "CONDA_PREFIX"), "")
        fixed = {"PYTHONDONTWRITEBYTECODE": "1", "ISCE2_RECIPE_ENGINE": "auto"}
        return {**hidden, "PYTHONPATH": paths, "PATH": programs, **fixed, **self.env}

    def words(self) -> list[str]:
        return ["run", "memo.yml", "--params", "given.yml", "--workdir", "w"]

    def run(self) -> subprocess.CompletedProcess[str]:
        return call(*self.words(), cwd=self.folder, env=self._environment())

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command(*self.words()),
            cwd=self.folder,
            env=environment(self._environment()),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    def settle(self) -> None:
        """Run until the no-op cache is used, as it is in the end if nothing changes."""
        for _ in range(3):
            done = self.run()
            assert done.returncode == 0, done.stderr
            if from_cache(done):
                return
        raise AssertionError("the no-op cache was never used")

    def again(self) -> list[str]:
        """Run again and return the steps that ran."""
        done = self.run()
        assert done.returncode == 0, done.stderr
        assert not from_cache(done)
        return [name for name, status in statuses(self.workdir).items() if status == "done"]


def from_cache(done: subprocess.CompletedProcess[str]) -> bool:
    return done.stderr == "everything was up to date\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    time.sleep(0.05)  # the cache does not contain what is newer than the start of a run
    return made


def replace(path: Path, old: str, new: str) -> None:
    """Replace a file by another one with the same times."""
    other = path.with_name("other")
    other.write_text(path.read_text().replace(old, new))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def add_a_file(path: Path) -> None:
    """Add a file to a folder and restore the times of the folder."""
    before = path.stat()
    (path / "stranger").write_text("x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, tuple[Callable[[Place], object], list[str]]] = {
    "recipe": (lambda p: edit(p.path("memo.yml"), "aaa", "AAA"), ["inner/write"]),
    "part": (lambda p: edit(p.path("parts/echo.yml"), "bbb", "BBB"), ["inner/write"]),
    "template": (lambda p: edit(p.path("templates/note.txt.j2"), "{{ text }}", "{{text  }}"), ["note"]),
    "included": (lambda p: edit(p.path("templates/inner.j2"), "ccc", "CCC"), ["note"]),
    "input": (lambda p: edit(p.path("input.txt"), "ddd", "DDD"), ["read", "note"]),
    "replaced": (lambda p: replace(p.path("input.txt"), "ddd", "DDD"), ["read", "note"]),
    "output": (lambda p: edit(p.path("w/read/joined.txt"), "ddd", "DDD"), ["read"]),
    "stranger": (lambda p: add_a_file(p.path("w/read")), ["read"]),
    "plug-in": (lambda p: edit(p.path("site-packages/told/told_version.py"), "1", "2"), ["told"]),
    "setting": (lambda p: p.env.update(ISCE2_RECIPE_ENGINE="builtin"), []),
    "record": (lambda p: p.path("w/run.json").unlink(), []),
}
QUICK_ONES = ("recipe", "output", "plug-in")


@pytest.mark.parametrize(
    "what", [name if name in QUICK_ONES else pytest.param(name, marks=pytest.mark.slow) for name in CHANGES]
)
def test_a_change_of_what_a_run_depends_on_is_noticed(place: Place, what: str) -> None:
    place.settle()
    change, expected = CHANGES[what]
    change(place)
    assert place.again() == expected
    place.settle()


@pytest.mark.slow
def test_links_are_followed(place: Place) -> None:
    """Recipe, parameters and input are links: their targets count."""
    for name in ("memo.yml", "given.yml", "input.txt"):
        place.path(name).rename(place.path(f"real-{name}"))
        place.path(name).symlink_to(f"real-{name}")
    place.settle()
    edit(place.path("real-input.txt"), "ddd", "DDD")
    assert place.again() == ["read", "note"]
    place.settle()
    edit(place.path("real-memo.yml"), "aaa", "AAA")
    assert place.again() == ["inner/write"]
    place.settle()
    place.path("other.txt").write_text("DDD")
    place.path("input.txt").unlink()
    place.path("input.txt").symlink_to("other.txt")
    assert place.again() == []
    edit(place.path("real-given.yml"), "input", "other")
    assert place.again() == ["read"]  # the same text under another name


@pytest.mark.slow
def test_an_input_inside_the_work_directory_counts(place: Place) -> None:
    place.workdir.mkdir()
    inside = place.workdir / "mine.txt"
    inside.write_text("ddd")
    place.path("given.yml").write_text(f"file: {inside}\n")
    place.settle()
    edit(inside, "ddd", "DDD")
    assert place.again() == ["read", "note"]


@pytest.mark.slow
def test_a_part_or_template_that_takes_precedence_over_another_counts(place: Place) -> None:
    place.path("recipes").mkdir()
    for name in ("memo.yml", "input.txt", "given.yml"):
        place.path(name).rename(place.path(f"recipes/{name}"))
    place.path("templates").rename(place.path("recipes/templates"))
    place.path("parts").rename(place.path("recipes/parts"))
    place.path("recipes/templates/inner.j2").rename(place.path("recipes/inner.j2"))
    place.folder, place.workdir = place.folder / "recipes", place.folder / "recipes/w"
    place.settle()
    place.path("templates/inner.j2").write_text("first")
    assert place.again() == ["note"]


@pytest.mark.slow
def test_a_recipe_edited_during_a_run_counts_in_the_next_run(place: Place) -> None:
    slow = RECIPE.replace("{words: aaa}", "{words: aaa}\n    needs: [slow]")
    slow += "  - id: slow\n    uses: quick.write\n    with: {text: s, seconds: 1.5}\n"
    place.path("memo.yml").write_text(slow)
    process = place.start()
    while not (place.workdir / ".isce2-recipe/scratch/slow").exists():
        time.sleep(0.01)
    edit(place.path("memo.yml"), "aaa", "AAA")
    assert process.wait(30) == 0
    assert place.again() == ["inner/write"]


def _isce2(place: Place, version: str) -> None:
    """Make an ISCE2 installation whose Python prints its version."""
    for name, text in {
        "isce/applications/topsApp.py": "",
        "isce/__init__.py": f"__version__ = '{version}'\n",
        "bin/python3": "#!/bin/sh\nsed \"s/.*'\\(.*\\)'/version \\1/\" $ISCE_HOME/__init__.py\n",
    }.items():
        place.path(name).parent.mkdir(parents=True, exist_ok=True)
        place.path(name).write_text(text)
    place.path("bin/python3").chmod(0o755)


@pytest.mark.slow
def test_an_installed_or_replaced_isce2_counts(place: Place) -> None:
    place.env["ISCE_HOME"] = str(place.isce)
    place.settle()
    _isce2(place, "2.6.3")
    assert place.again() == ["told"]
    place.settle()
    edit(place.path("isce/__init__.py"), "2.6.3", "2.6.4")
    assert place.again() == ["told"]
    place.settle()
    place.path("isce/applications/topsApp.py").unlink()
    assert place.again() == ["told"]


@pytest.mark.slow
def test_a_run_without_its_journal_is_not_up_to_date(place: Place) -> None:
    place.settle()
    place.path("w/.isce2-recipe/journal.jsonl").unlink()
    done = place.run()
    assert done.returncode == 1
    assert "contains files that no run of isce2-recipe wrote" in done.stderr


@pytest.mark.slow
def test_copied_outputs_are_read_once(place: Place) -> None:
    place.settle()
    subprocess.run(["cp", "-a", "w", "copy"], cwd=place.folder, check=True)
    place.workdir.rename(place.path("gone"))
    place.path("copy").rename(place.workdir)
    assert place.again() == []
    place.settle()


@pytest.mark.slow
@pytest.mark.parametrize("boot", [None, "another"])
def test_after_a_new_start_of_the_machine_files_are_read(place: Place, boot: str | None) -> None:
    """The journal has the fingerprint of another content, which only reading the file shows."""
    place.settle()
    journal = place.workdir / ".isce2-recipe/journal.jsonl"
    text = journal.read_text()
    digest = text.partition('"read/joined.txt":["')[2][:40]
    text = text.replace(digest, "0" * 40)
    if boot is not None:
        this = text.partition('"boot":"')[2].partition('"')[0]
        text = text.replace(this, boot)
    journal.write_text(text)
    assert place.again() == ([] if boot is None else ["read"])


SEARCH = """\
recipe: 1
name: search
summary: Search a catalogue.
steps:
  - id: find
    uses: bursts.find
    with: {area: 136231_IW2, start: "2020-06-01", end: "2020-06-20"}
"""


def test_a_catalogue_is_searched_again_on_another_day(tmp_path: Path) -> None:
    """A catalogue may have more granules than yesterday, although no file has changed."""
    write_files(tmp_path, {"search.yml": SEARCH})
    time.sleep(0.05)
    words = ["run", "search.yml", "--workdir", "w", "--source", "simulated:clean,lines=64,samples=256"]
    runs = [call(*words, cwd=tmp_path) for _ in range(2)]
    assert [from_cache(done) for done in runs] == [False, True], runs[1].stderr
    cache = tmp_path / "w" / NOOP_CACHE
    today = json.loads(cache.read_text())["day"]
    edit(cache, f'"{today}"', '"2020-06-21"')
    assert not from_cache(call(*words, cwd=tmp_path))
