"""A machine with an ISCE2 that runs stripmapApp."""

from __future__ import annotations

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def stand_in(folder: Path) -> dict[str, str]:
    """The environment of a machine whose ISCE2 is `support.stripmap_app`."""
    for name in ("topsApp.py", "stripmapApp.py"):
        script = folder / name
        script.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(TESTS)!r})\n"
            "from support.stripmap_app import main\nmain(*sys.argv[1:])\n"
        )
        script.chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return {"PATH": path, "ISCE_HOME": "", "CONDA_PREFIX": ""}
