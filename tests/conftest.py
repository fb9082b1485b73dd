"""What every test starts from: the builtin engine, on machines with ISCE2 too."""

from __future__ import annotations

import os

os.environ.pop("ISCE_HOME", None)
os.environ["ISCE2_RECIPE_ENGINE"] = "builtin"
