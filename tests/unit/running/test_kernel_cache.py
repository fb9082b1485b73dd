"""Numba's cache where neither the installation nor the home folder can be written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from isce2_recipe.running import preloading


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a temporary folder, with an installation and a home in which no folder can be made."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def test_a_private_temporary_folder_is_used_with_a_warning(read_only: Path) -> None:
    environment: dict[str, str] = {}
    warning = preloading.prepare_kernel_cache(environment, read_only.parent / "file")
    folder = Path(environment["NUMBA_CACHE_DIR"])
    assert folder.parent == read_only
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert str(folder) in warning
    assert (
        preloading.prepare_kernel_cache({}, read_only.parent / "file") == warning
    )  # the next run finds the same folder


def test_a_folder_of_another_user_is_not_used(read_only: Path) -> None:
    planted = read_only / f"isce2-recipe-kernels-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    environment: dict[str, str] = {}
    preloading.prepare_kernel_cache(environment, read_only.parent / "file")
    assert Path(environment["NUMBA_CACHE_DIR"]) != planted


def test_a_given_folder_stays(read_only: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": "/given"}
    assert preloading.prepare_kernel_cache(environment, read_only.parent / "file") == ""
    assert environment == {"NUMBA_CACHE_DIR": "/given"}


def test_a_writable_installation_needs_no_other_folder() -> None:
    assert preloading.prepare_kernel_cache({}) == ""
