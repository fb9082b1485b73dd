"""The structure of the package, read from its source: imports go one way, and each thing has one home."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import isce2_recipe

ROOT = Path(isce2_recipe.__file__).parent
LAYERS = (
    {"files", "quantities", "problems", "paths", "redact", "processes"},
    {"progress", "copying", "inputs", "markup"},
    {"errors", "noop_cache"},
    {"types", "plugins", "archives", "vector_files"},
    {"sandbox", "area"},
    {"expressions", "journal"},
    {"recipe"},
    {"sar"},
    {"sentinel1", "alos"},
    {"engines", "sources", "products"},
    {"stack"},
    {"actions"},
    {"plan", "lint"},
    {"running"},
    {"api", "legacy"},
    {"batch", "export"},
    {"cli"},
    {"__init__", "__main__"},
)
"""Packages and modules from the bottom to the top; those of one set do not import each other."""

ISCE2 = ("isce", "isceobj", "iscesys", "zerodop", "osgeo")
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
HOMES = {
    "yaml": ("recipe",),
    "click": ("cli",),
    "rich": ("cli", "progress"),
    "subprocess": ("engines/isce2", "actions/command", "api", "running/dask_worker"),
    "distributed": ("running/dask_cluster", "running/dask_task", "running/dask_worker"),
    "ctypes": ("processes",),
    "filelock": ("files",),
}
"""Libraries that only one module or package may import."""


def _modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)


def _name(path: Path) -> str:
    """Return ``plan/keys`` for ``.../plan/keys.py``."""
    return path.relative_to(ROOT).with_suffix("").as_posix()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imports(path: Path) -> Iterator[str]:
    """Yield the full names of everything that a file imports, in functions too."""
    for node in ast.walk(_tree(path)):
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
        assert layer in RANK, f"{layer} is missing in LAYERS"
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
    # A function of the user's runs in the folder of its step, whose process ends with it.
    assert [name for name in found if not name.startswith(("cli/", "noop_cache", "actions/python"))] == []


def test_files_stay_short_enough_to_read() -> None:
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in _modules()}
    assert {name: lines for name, lines in lengths.items() if lines > 500} == {}


_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_CONSTRUCTORS = {"list", "dict", "set", "defaultdict", "deque", "OrderedDict", "Counter", "bytearray"}
_CHANGING = {
    "append",
    "extend",
    "insert",
    "add",
    "update",
    "setdefault",
    "pop",
    "popitem",
    "remove",
    "discard",
    "clear",
    "appendleft",
    "sort",
}


def _trees() -> dict[str, ast.Module]:
    return {_name(path): _tree(path) for path in _modules()}


def _collections(tree: ast.Module) -> Iterator[str]:
    """Yield the names of a module's lists, dicts and sets."""
    for node in tree.body:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        value = getattr(node, "value", None)
        made = isinstance(value, ast.Call) and getattr(value.func, "id", "") in _CONSTRUCTORS
        if made or isinstance(value, _MUTABLE):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _changed(tree: ast.Module) -> Iterator[str]:
    """Yield the names, also of other modules' attributes, of values that functions change."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in (node for function in functions for node in ast.walk(function)):
        if isinstance(node, ast.Global):
            yield from node.names
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _CHANGING
        ):
            yield from _last_name(node.func.value)
        elif isinstance(node, ast.AugAssign):
            yield from _last_name(node.target)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            yield from _last_name(node.value)


def _last_name(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id != "self":
        yield node.attr


def test_modules_have_no_state() -> None:
    """No function changes a list, dict or set that belongs to a module, nor a global name.

    Results of pure functions that `functools.cache` keeps are not state.
    """
    trees = _trees()
    owners: dict[str, set[str]] = {}
    for module, tree in trees.items():
        for name in _collections(tree):
            owners.setdefault(name, set()).add(module)
    wrong = set()
    for module, tree in trees.items():
        local = set(_bound_names(tree))
        for name in _changed(tree):
            if name in owners and (module in owners[name] or name not in local):
                wrong.add(f"{module} changes {name}")
    assert wrong == set()


def _bound_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of variables and parameters in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arguments):
            yield from (argument.arg for argument in [*node.args, *node.kwonlyargs])


def test_a_public_class_name_has_one_meaning() -> None:
    homes: dict[str, list[str]] = {}
    for module, tree in _trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """All imports count: also those within functions, and those for type checkers."""
    names = {_name(path) for path in _modules()}
    needs = {_name(path): set(_own_imports(path, names)) - {_name(path)} for path in _modules()}
    circles = []
    while (circle := _circle(needs)) is not None:
        circles.append(" > ".join(circle))
        needs[circle[1]].discard(circle[0])
    assert circles == []


def _own_imports(path: Path, names: set[str]) -> Iterator[str]:
    """Yield the modules of this package that a module imports."""
    for module in _imports(path):
        parts = module.removeprefix("isce2_recipe.").split(".")
        for other in ("/".join(parts), "/".join(parts[:-1])):  # with the imported name, or without
            if module.startswith("isce2_recipe.") and other in names:
                yield other


def _circle(needs: dict[str, set[str]]) -> list[str] | None:
    """Return modules of which each is imported by the next one, from the first by name back to itself."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as exc:
        found: list[str] = exc.args[1][:-1]
        start = found.index(min(found))
        return [*found[start:], *found[:start], found[start]]
    return None
