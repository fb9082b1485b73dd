"""The step server of a Dask worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.plan.request import make_request
from isce2_recipe.processes import end_orphans
from isce2_recipe.recipe import load
from isce2_recipe.running.attempts import SERVER
from isce2_recipe.running.step_server import request_to_json
from support.runs import write_files

pytest.importorskip("distributed")

RECIPE = """\
recipe: 1
name: one
summary: s
steps:
- {id: a, uses: command.run, with: {argv: ["true"]}}
"""


def test_attempts_are_claimed_with_the_token_of_the_server_that_runs_them(tmp_path: Path) -> None:
    """A server ends when it is idle or killed; by its token others find what it left."""
    from isce2_recipe.running.dask_worker import StepServer

    write_files(tmp_path, {"one.yml": RECIPE})
    request = make_request(
        load(tmp_path / "one.yml"), {}, workdir=tmp_path / "w", base=tmp_path, source="asf", engine="auto"
    )
    run = {"request": request_to_json(request), "secrets": [], "facts": {}}
    server = StepServer(run)
    run["facts"] = server.start()
    assert "isce2-recipe" in run["facts"]
    first = server.running()
    assert server.running() == first
    assert end_orphans(f"{SERVER}={first}") == 1
    (tmp_path / "one.yml").write_text(RECIPE.replace("true", "false"))
    with pytest.raises(OSError, match="its step server started again and has recipe"):
        server.running()
    (tmp_path / "one.yml").write_text(RECIPE)
    second = server.running()
    assert end_orphans(f"{SERVER}={first}") == 0
    assert end_orphans(f"{SERVER}={second}") == 1
    server.teardown(None)


def test_what_does_not_fit_on_the_disk_is_kept(tmp_path: Path) -> None:
    from isce2_recipe.running.dask_worker import append_what_fits

    assert append_what_fits(Path("/dev/full"), b"x" * 20_000 + b"end") == b"x" * 9_997 + b"end"
    assert append_what_fits(tmp_path / "log", b"all") == b""
    assert append_what_fits(tmp_path / "log", b" of it") == b""
    assert (tmp_path / "log").read_bytes() == b"all of it"
