"""Where the program keeps things."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from isce2_recipe.journal import times
from isce2_recipe.paths import cache_folder


def test_without_a_home_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: Path("~/.cache", name))
    with pytest.raises(FileNotFoundError, match="no home"):
        cache_folder()
    times.keep({"step": 1.0})
    assert times.known() == {}
    assert list(tmp_path.iterdir()) == []
