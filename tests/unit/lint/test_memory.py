"""Findings come from memory only while nothing they depend on has changed, however well that is hidden."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.runs import TOLD, edit, environment, write_files

RECIPE = """\
recipe: 1
name: kept
summary: Everything a finding may depend on.
parameters:
  text: {type: string, default: aaa, description: What to write.}
steps:
  - id: inner
    uses: parts/echo.yml
    with: {words: "{{ text }}"}
  - id: shipped
    uses: parts/mask_coherence.yml
    with: {}
  - id: note
    uses: template.render
    with: {template: note.xml.j2, to: note.xml, values: {text: "{{ text }}"}}
  - id: told
    uses: told.words
    with: {words: "{{ text }}"}
"""
PART = """\
recipe: 1
name: echo
summary: One text, from a template.
parameters:
  words: {type: string, description: The text.}
required: [words]
steps:
  - id: fill_in
    uses: template.render
    with: {template: echo.txt.j2, to: echo.txt, values: {text: "{{ words }}"}}
"""
PLUGIN = """\
from dataclasses import dataclass
from isce2_recipe.actions.base import Context, action

@dataclass(frozen=True)
class Told:
    text: str

@action("told.words", version=1)
def words(ctx: Context, words: str) -> Told:
    return Told(words)
"""


class Place:
    """A folder of recipes with all they need, and a plug-in in a package folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        texts = {
            "r/kept.yml": RECIPE,
            "r/parts/echo.yml": PART,
            "r/data.yml": "not: a recipe\n",
            "r/deep/keep": "",
            "r/templates/note.xml.j2": "<a>{% include 'inner.j2' %} {{ text }}</a>\n",
            "r/templates/inner.j2": "bbb",
            "r/templates/echo.txt.j2": "{{ text }}\n",
            "docs/recipes/kept.md": "text\n",
            "site-packages/told/__init__.py": PLUGIN,
            "packages/keep": "",
            **TOLD,
        }
        write_files(folder, texts)

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def environment(self) -> dict[str, str]:
        packages = os.pathsep.join(str(self.path(name)) for name in ("site-packages", "packages"))
        paths = {"PYTHONPATH": packages, "XDG_CACHE_HOME": str(self.path("cache"))}
        return environment({**paths, "PYTHONDONTWRITEBYTECODE": "1"})

    def lint(self, *words: str, program: tuple[str, ...] = ("-m", "isce2_recipe")) -> tuple[str, int, bool]:
        """What linting printed, its exit code, and whether that came from memory."""
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *program, "lint", *(words or ("r",))],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            input="",
            timeout=60,
            check=False,
        )
        return done.stdout, done.returncode, "isce2_recipe.lint" not in done.stderr

    def settle(self, *words: str) -> tuple[str, int]:
        """Lint until the answer comes from memory, as it does where nothing changes."""
        for _ in range(4):
            text, code, remembered = self.lint(*words)
            if remembered:
                return text, code
            time.sleep(0.05)
        raise AssertionError(f"the answer never came from memory: {text}")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    time.sleep(0.05)  # what is newer than a command's beginning is not remembered
    return made


def test_the_same_is_said_again(place: Place) -> None:
    first = place.lint("r", "--profile", "shared")
    assert first[1:] == (1, False), "there is something to find"
    assert place.settle("r", "--profile", "shared") == first[:2]


CHANGES: dict[str, Callable[[Place], object]] = {
    "the recipe": lambda at: edit(at.path("r/kept.yml"), "default: aaa", "default: 123"),
    "a part": lambda at: edit(at.path("r/parts/echo.yml"), "required: [words]", "required: [wards]"),
    "a part that is gone": lambda at: at.path("r/parts/echo.yml").unlink(),
    "a part before the shipped one": lambda at: at.path("r/parts/mask_coherence.yml").write_text(PART),
    "a template": lambda at: edit(at.path("r/templates/note.xml.j2"), "text", "test"),
    "a template inside another": lambda at: edit(at.path("r/templates/inner.j2"), "bbb", "{{x"),
    "a template before the other": lambda at: (
        at.path("r/parts/templates").mkdir(),
        at.path("r/parts/templates/echo.txt.j2").write_text("{{ wrong }}"),
    ),
    "one more recipe": lambda at: at.path("r/deep/more.yml").write_text("recipe: 1\n"),
    "one recipe less": lambda at: at.path("r/kept.yml").unlink(),
    "a file that turns into a recipe": lambda at: at.path("r/data.yml").write_text("recipe: 1\n"),
    "its page": lambda at: edit(at.path("docs/recipes/kept.md"), "text", "test"),
    "a plug-in": lambda at: edit(at.path("site-packages/told/__init__.py"), "words: str", "wards: str"),
    "a package in another folder": lambda at: at.path("packages/new-1.dist-info").mkdir(),
    "an installed package": lambda at: at.path("site-packages/new-1.dist-info").mkdir(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_looked_at(place: Place, what: str) -> None:
    place.settle("r", "--profile", "shared")
    CHANGES[what](place)
    assert not place.lint("r", "--profile", "shared")[2]


@pytest.mark.parametrize("more", [["--profile", "min"], ["--format", "json"], ["--ignore", "IR011"]])
def test_other_words_are_another_question(place: Place, more: list[str]) -> None:
    place.settle()
    assert not place.lint("r", *more)[2]
    assert place.settle("r", *more) == place.lint("r", *more, "--no-cache")[:2]


@pytest.mark.parametrize(
    "words", [["r", "--fix"], ["r", "--baseline", "known.json"], ["-"], ["--no-cache", "r"], ["nowhere"]]
)
def test_what_is_never_remembered(place: Place, words: list[str]) -> None:
    assert not any(place.lint(*words)[2] for _ in range(3))


def test_what_was_touched_while_linting_is_not_remembered(place: Place) -> None:
    place.path("r/deep/one.yml").write_text("recipe: 1\n")
    future = time.time_ns() + 10**12
    os.utime(place.path("r/deep/one.yml"), ns=(future, future))
    assert not any(place.lint()[2] for _ in range(3))


def test_a_spoilt_memory_is_no_harm(place: Place) -> None:
    said = place.settle()
    (kept,) = place.path("cache").rglob("linted/*.json")
    for spoilt in (b"", b"{}", b"[1]", b'{"said": "x", "code": 0}', kept.read_bytes()[:99]):
        kept.write_bytes(spoilt)
        assert place.lint() == (*said, False)


def test_old_answers_make_room(place: Place) -> None:
    folder = place.path("cache/isce2-recipe/linted")
    folder.mkdir(parents=True)
    for number in range(250):
        (folder / f"{number}.json").write_text("{}")
        os.utime(folder / f"{number}.json", (number, number))
    place.settle()
    left = {path.stem for path in folder.iterdir()}
    assert len(left) == 200
    assert {"249", "60"} < left
    assert "10" not in left


TRACED = """\
import builtins, io, os, sys
seen = set()
def note(path):
    if isinstance(path, (str, bytes, os.PathLike)):
        seen.add(os.path.abspath(os.fsdecode(path)))
def traced(function):
    def call(path=".", *more, **options):
        note(path)
        return function(path, *more, **options)
    return call
os.stat, os.scandir, os.listdir = traced(os.stat), traced(os.scandir), traced(os.listdir)
sys.addaudithook(lambda event, found: note(found[0]) if event == "open" else None)
from isce2_recipe.cli import main
code = main()
print(*sorted(seen), sep="\\n", file=open("seen.txt", "w"))
sys.exit(code)
"""


def test_everything_that_is_looked_at_is_watched(place: Place) -> None:
    """The system's own calls are the witness: whatever lint asked about in the user's folders is watched."""
    place.path("trace.py").write_text(TRACED)
    assert not place.lint(program=("trace.py",))[2]
    seen = place.path("seen.txt").read_text().splitlines()
    (kept,) = place.path("cache").rglob("linted/*.json")
    watched = set(json.loads(kept.read_text())["watched"])
    own = [path for path in seen if Path(path).is_relative_to(place.path("r")) and path not in watched]
    own += [path for path in seen if Path(path).is_relative_to(place.path("docs")) and path not in watched]
    assert len([path for path in seen if Path(path).is_relative_to(place.path("r"))]) > 10
    assert own == []
