"""The engine that a text of the command line opens."""

from pathlib import Path

import pytest

from isce2_recipe.engines import open_engine
from isce2_recipe.errors import EngineMissing, UsageError


@pytest.fixture
def no_isce2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove ISCE2 from the environment."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("ISCE_HOME", "CONDA_PREFIX", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)


def test_builtin_is_always_available() -> None:
    engine = open_engine("builtin")
    assert engine.name == "builtin"
    assert engine.version()


@pytest.mark.usefixtures("no_isce2")
def test_auto_reports_that_it_uses_builtin_because_isce2_is_missing() -> None:
    said: list[str] = []
    assert open_engine("auto", said.append).name == "builtin"
    assert len(said) == 1
    assert "ISCE2 is not installed" in said[0]
    assert said[0].endswith("; using the builtin engine")


@pytest.mark.usefixtures("no_isce2")
def test_isce2_by_name_is_an_error_if_it_is_missing() -> None:
    with pytest.raises(EngineMissing, match="ISCE2 is not installed") as caught:
        open_engine("isce2")
    assert "--engine builtin" in (caught.value.hint or "")


def test_unknown_engines() -> None:
    with pytest.raises(UsageError, match="there is no engine 'biultin'") as caught:
        open_engine("biultin")
    assert caught.value.hint == "did you mean builtin?"
    with pytest.raises(UsageError) as caught:
        open_engine("x")
    assert caught.value.hint == "known engines: auto, isce2, builtin"
