"""What every test starts from: the builtin engine, though ISCE2 be there; no clock for property tests."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

os.environ.pop("ISCE_HOME", None)
os.environ["ISCE2_RECIPE_ENGINE"] = "builtin"

# How long an example takes says more of the machine's other work than of the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
