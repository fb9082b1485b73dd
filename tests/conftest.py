"""Settings of every test: the builtin engine, no time limit for property tests, and what tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from support.examples import examples
from support.shared import Shared

# An installed ISCE2 must not change what the tests run.
os.environ.pop("ISCE_HOME", None)
os.environ["ISCE2_RECIPE_ENGINE"] = "builtin"

# How long one example takes depends more on the machine's load than on the code.
settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=examples(100)
)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kill-seeds", type=int, default=4, metavar="N", help="how many runs are killed at random points"
    )
    parser.addoption(
        "--mutations", type=int, default=400, metavar="N", help="how many recipes get random mistakes"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kill_seed" in metafunc.fixturenames:
        metafunc.parametrize("kill_seed", range(metafunc.config.getoption("--kill-seeds")))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Folders that all tests of a session share, whichever worker they run on."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    root.mkdir(exist_ok=True)
    return Shared(root)
