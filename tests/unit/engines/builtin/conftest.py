"""A simulated pair as the recipe would hand it to the engine, made once a session."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.tops_scene import Scene, make_scene, run


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """One burst of 400 lines x 2400 samples."""
    return make_scene(tmp_path_factory.mktemp("scene"), "lines=400,samples=2400", [("136231_IW2", "12")])


@pytest.fixture(scope="session")
def merged(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scene's work folder after ``mergebursts``, to look at only."""
    return run(scene.application(tmp_path_factory.mktemp("merged")))


@pytest.fixture
def copied(scene: Scene, tmp_path: Path) -> Callable[[], Scene]:
    """Makes a copy of the scene's first SAFE that a test may spoil."""

    def make() -> Scene:
        target = tmp_path / scene.reference[0].name
        shutil.copytree(scene.reference[0], target)
        return Scene(tmp_path, [target], scene.secondary, scene.orbits, scene.dem, scene.truth)

    return make
