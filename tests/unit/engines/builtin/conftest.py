"""A simulated pair in the form that the recipe passes to the engine; it is made once in a session."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.tops_scene import Scene, make_scene, run


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a scene of one burst with 400 lines x 2400 samples."""
    return make_scene(tmp_path_factory.mktemp("scene"), "lines=400,samples=2400", [("136231_IW2", "12")])


@pytest.fixture(scope="session")
def merged(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the scene's work folder after ``mergebursts``; tests must not change it."""
    return run(scene.application(tmp_path_factory.mktemp("merged")))


@pytest.fixture
def copied(scene: Scene, tmp_path: Path) -> Callable[[], Scene]:
    """Return a function that copies the scene's first SAFE, so that a test can damage it."""

    def make() -> Scene:
        target = tmp_path / scene.reference[0].name
        shutil.copytree(scene.reference[0], target)
        return Scene(tmp_path, [target], scene.secondary, scene.orbits, scene.dem, scene.truth)

    return make
