"""A machine with an ISCE2 that runs stripmapApp."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.main_job import Ran
from support.runs import call
from support.shared import Shared

OLDER, NEWER = "ALPSRP156121200", "ALPSRP162831200"
TESTS = Path(__file__).parents[1]


def stand_in(folder: Path) -> dict[str, str]:
    """Return the environment of a machine whose ISCE2 is `support.stripmap_app`."""
    for name in ("topsApp.py", "stripmapApp.py"):
        script = folder / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(TESTS)!r})\n"
            "from support.stripmap_app import main\nmain(*sys.argv[1:])\n"
        )
        script.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return {"PATH": path, "ISCE_HOME": "", "CONDA_PREFIX": ""}


def stripmap_job(shared: Shared) -> Ran:
    """Return a run of the stripmap recipe with the newer scene as its reference, made once for all tests."""

    def make(folder: Path) -> None:
        (folder / "bin").mkdir()
        words = ["--reference", NEWER, "--secondary", OLDER, "--workdir", folder / "run", "--engine", "isce2"]
        words += ["--source", "simulated:clean,lines=256,samples=1200"]
        done = call("run", "insar_stripmap", *words, cwd=folder, env=stand_in(folder / "bin"), timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        (folder / "stdout").write_text(done.stdout)

    folder = shared.folder("stripmap_job", make)
    return Ran(0, (folder / "stdout").read_text(), "", folder / "run")
