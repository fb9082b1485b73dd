"""Actions are found by name, the package's own and those of installed packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from isce2_recipe.actions.registry import Registry, load_registry
from isce2_recipe.errors import InputError

MODULE = '''\
"""Actions of another package."""

from dataclasses import dataclass

from isce2_recipe.actions.base import Context, action


@dataclass(frozen=True)
class Greeting:
    words: str


@action("hello.say", version=3)
def say(ctx: Context, *, name: str = "you") -> Greeting:
    """A greeting."""
    return Greeting(f"hello {name}")


@action("dem.fetch", version=99)
def fetch(ctx: Context) -> None:
    """Do not replace a subject of the package."""
'''
ENTRY_POINTS = "[isce2_recipe.actions]\nhello = other_actions\ndem = other_actions\ngone = absent_module\n"
RECIPE = """\
recipe: 1
name: greet
summary: Says hello.
steps:
  - id: hello
    uses: hello.say
    with: {name: world}
outputs:
  words: "{{ steps.hello.words }}"
"""


def test_every_action_is_typed_and_documented() -> None:
    registry = load_registry()
    assert len(registry) == len(list(registry)) >= 10
    for name, action in registry.items():
        assert action.name == name
        assert action.summary
        assert action.inputs is not None
        assert action.outputs is not None


def test_an_unknown_name_is_absent() -> None:
    registry = load_registry()
    assert registry.get("dem.fech") is None
    assert registry.get("nothing.at_all") is None
    with pytest.raises(KeyError):
        registry["dem"]


def test_a_request_for_one_action_imports_only_its_module() -> None:
    script = (
        "import sys; from isce2_recipe.actions.registry import load_registry; load_registry()['dem.fetch'];"
        "print(sorted(name for name in sys.modules if name.startswith('isce2_recipe.actions.')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(
        [f"isce2_recipe.actions.{name}" for name in ("base", "dem", "registry")]
    )


def test_the_actions_import_no_large_package() -> None:
    large = {"numpy", "numba", "rasterio", "scipy", "boto3", "asf_search"}
    script = (
        "import sys; from isce2_recipe.actions.registry import load_registry; "
        f"print(len(dict(load_registry())), sorted({large} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(load_registry())} []\n"


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package as pip installs it: a module, and metadata with its entry points."""
    (tmp_path / "other_actions.py").write_text(MODULE)
    metadata = tmp_path / "other_actions-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: other-actions\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_another_package_adds_a_subject_but_replaces_none(other_package: Path) -> None:
    registry = Registry()
    assert registry["hello.say"].version == 3
    assert registry["dem.fetch"].version != 99
    assert "hello.say" in list(registry)


def test_a_package_that_cannot_be_imported_is_named(other_package: Path) -> None:
    with pytest.raises(InputError, match="'gone' of the package behind 'absent_module' cannot be imported"):
        Registry().get("gone.away")
    assert "dem.fetch" in list(Registry())


def test_a_package_that_fails_in_another_way_is_named_too(other_package: Path) -> None:
    (other_package / "absent_module.py").write_text("raise RuntimeError('out of order')\n")
    with pytest.raises(InputError, match="'absent_module' cannot be imported: RuntimeError: out of order"):
        Registry().get("gone.away")
    assert "dem.fetch" in list(Registry())


def test_doctor_reports_packages_that_cannot_be_imported(other_package: Path) -> None:
    from isce2_recipe.cli.doctor import check_installation

    found = {check.name: check for check in check_installation()}
    assert "hello" in found["plug-ins: actions"].detail.split(", ")
    assert "gone" not in found["plug-ins: actions"].detail.split(", ")
    assert "'absent_module' cannot be imported" in found["plug-in: gone"].detail


def test_the_linter_knows_actions_of_other_packages(other_package: Path) -> None:
    from isce2_recipe.lint import lint_paths

    path = other_package / "greet.yml"
    path.write_text(RECIPE)
    assert lint_paths([path]) == []
    path.write_text(RECIPE.replace("{name: world}", "{nmae: world}"))
    assert [problem.message for problem in lint_paths([path])] == ["hello.say has no input 'nmae'"]
