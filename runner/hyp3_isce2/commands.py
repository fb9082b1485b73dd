"""The console commands of hyp3-isce2, each under its old name."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version


def main() -> int:
    """Run the workflow that ``++process`` names and return the exit code."""
    return _run(sys.argv[1:])


def insar_tops_burst() -> int:
    """Run the workflow of this name and return the exit code."""
    return _workflow("insar_tops_burst")


def topsapp_burst() -> int:
    """Run ``insar_tops_burst`` by its name in the first release and return the exit code."""
    return _workflow("insar_tops_burst")


def insar_tops_multi_burst() -> int:
    """Run the workflow of this name and return the exit code."""
    return _workflow("insar_tops_multi_burst")


def insar_tops() -> int:
    """Run the workflow of this name and return the exit code."""
    return _workflow("insar_tops")


def insar_stripmap() -> int:
    """Run the workflow of this name and return the exit code."""
    return _workflow("insar_stripmap")


def merge_tops_bursts() -> int:
    """Run the workflow of this name and return the exit code."""
    return _workflow("merge_tops_bursts")


def _workflow(name: str) -> int:
    return _run(["++process", name, *sys.argv[1:]])


def _run(words: list[str]) -> int:
    from isce2_recipe.cli import prepare_streams
    from isce2_recipe.cli.app import run_legacy_line

    prepare_streams()
    _tell_of_the_original()
    return run_legacy_line(words)


def _tell_of_the_original() -> None:
    """Two distributions that own one module: whose files are there depends on the order of installing."""
    try:
        other = version("hyp3-isce2")
    except PackageNotFoundError:
        return
    sys.stderr.write(
        f"warning: hyp3-isce2 {other} is installed too; isce2-recipe runs this command in its place "
        "(pip uninstall hyp3-isce2, then pip install --force-reinstall --no-deps isce2-recipe, leaves one)\n"
    )
