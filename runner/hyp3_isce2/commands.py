"""The console commands of hyp3-isce2, each with its old name; each returns the exit code."""

from __future__ import annotations

import sys
from functools import partial
from importlib.metadata import PackageNotFoundError, version


def main() -> int:
    """Run the workflow that ``++process`` names and return the exit code."""
    return _run(sys.argv[1:])


def _run_workflow(name: str) -> int:
    return _run(["++process", name, *sys.argv[1:]])


insar_tops_burst = partial(_run_workflow, "insar_tops_burst")
topsapp_burst = insar_tops_burst  # its name in the first release
insar_tops_multi_burst = partial(_run_workflow, "insar_tops_multi_burst")
insar_tops = partial(_run_workflow, "insar_tops")
insar_stripmap = partial(_run_workflow, "insar_stripmap")
merge_tops_bursts = partial(_run_workflow, "merge_tops_bursts")


def _run(arguments: list[str]) -> int:
    from isce2_recipe.cli import prepare_streams
    from isce2_recipe.cli.commands import run_legacy_command_line

    prepare_streams()
    _warn_if_hyp3_isce2_is_installed()
    return run_legacy_command_line(arguments)


def _warn_if_hyp3_isce2_is_installed() -> None:
    """Warn that two distributions provide this module; the one installed last has overwritten the other."""
    try:
        other = version("hyp3-isce2")
    except PackageNotFoundError:
        return
    sys.stderr.write(
        f"warning: hyp3-isce2 {other} is installed too; this command is run by isce2-recipe "
        "(to keep only isce2-recipe: pip uninstall hyp3-isce2, then "
        "pip install --force-reinstall --no-deps isce2-recipe)\n"
    )
