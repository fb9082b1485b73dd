"""Imports go one way, and each thing has one home: read from the source, not from a running program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import isce2_recipe

ROOT = Path(isce2_recipe.__file__).parent
LAYERS = (
    {"files", "quantities", "problems", "paths", "redact", "processes"},
    {"progress", "copying", "inputs"},
    {"errors", "noop_cache"},
    {"types", "plugins"},
    {"expressions", "journal"},
    {"recipe"},
    {"sar"},
    {"sentinel1", "alos"},
    {"engines", "sources", "products"},
    {"actions"},
    {"plan", "lint"},
    {"running"},
    {"api", "legacy"},
    {"batch", "export"},
    {"cli"},
    {"__init__", "__main__"},
)
"""From the bottom to the top; what is in one set are siblings, which do not import each other."""

ISCE2 = ("isce", "isceobj", "iscesys", "zerodop", "osgeo")
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HOMES = {
    "yaml": ("recipe",),
    "click": ("cli",),
    "rich": ("cli", "progress"),
    "subprocess": ("engines/isce2", "api"),
    "ctypes": ("processes",),
    "filelock": ("files",),
}
"""Libraries that only one place may import."""


def _modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)


def _name(path: Path) -> str:
    """``plan/keys`` for ``.../plan/keys.py``."""
    return path.relative_to(ROOT).with_suffix("").as_posix()


def _imports(path: Path) -> Iterator[str]:
    """Full names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = node.module or ""
            yield from (f"{module}.{alias.name}" for alias in node.names)


def test_arrows_go_down() -> None:
    wrong = []
    for path in _modules():
        layer = _name(path).partition("/")[0]
        assert layer in RANK, f"say in LAYERS where {layer} belongs"
        for module in _imports(path):
            package, _, below = module.partition(".")
            other = below.partition(".")[0]
            if package == "isce2_recipe" and other in RANK and other != layer and RANK[other] >= RANK[layer]:
                wrong.append(f"{_name(path)} imports {module}")
    assert wrong == []


def test_each_thing_has_one_home() -> None:
    wrong = []
    for path in _modules():
        for module in _imports(path):
            library = module.partition(".")[0]
            # ISCE2 rewires logging, sys.path and the current folder: its applications run as programs.
            homes = () if library in ISCE2 else HOMES.get(library)
            if homes is not None and not _name(path).startswith(homes):
                wrong.append(f"{_name(path)} imports {module}")
    assert wrong == []


def test_no_step_depends_on_the_current_folder() -> None:
    words = re.compile(r"os\.chdir|os\.getcwd|Path\.cwd|contextlib\.chdir")
    found = [_name(path) for path in _modules() if words.search(path.read_text(encoding="utf-8"))]
    assert [name for name in found if not name.startswith(("cli/", "noop_cache"))] == []


def test_files_stay_short_enough_to_read() -> None:
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _modules()}
    assert {name: lines for name, lines in lengths.items() if lines > 500} == {}
