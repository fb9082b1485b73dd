"""The viewer of ``show STACK --serve``: the package ``bowser-insar`` with the maps of a stack."""

from __future__ import annotations

import json
import os
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from isce2_recipe.errors import InputError

_QUALITY = ("velocity_std", "temporal_coherence", "mean_coherence")


def serve(velocity: Path, port: int) -> None:
    """Serve the maps of a stack on this machine until the user interrupts; raise InputError if that fails.

    Parameters
    ----------
    velocity : Path
        The map of the velocity in the stack's folder.
    """
    [viewer, *_] = [*entry_points(group="console_scripts", name="bowser"), None]
    if viewer is None:
        raise InputError(
            "the viewer bowser-insar is not installed", hint="install it: pip install 'isce2-recipe[view]'"
        )
    with TemporaryDirectory() as folder:
        settings = Path(folder) / "rasters.json"
        settings.write_text(json.dumps(groups(velocity)), encoding="utf-8")
        # The viewer keeps settings for its server in the environment.
        before = dict(os.environ)
        try:
            viewer.load()(
                ["run", "--rasters-file", str(settings), "--port", str(port)], standalone_mode=False
            )
        finally:
            os.environ.clear()
            os.environ.update(before)


def groups(velocity: Path) -> list[dict[str, Any]]:
    """Return what the viewer shows: the displacement of every date but the first, and maps of one file."""
    folder = velocity.parent.resolve()
    name = velocity.name.removesuffix("_velocity.tif")
    series = sorted(str(file) for file in folder.glob("displacement/*_*.tif"))
    maps = [(layer, folder / f"{name}_{layer}.tif") for layer in ("velocity", *_QUALITY)]
    shown = {"name": "Displacement", "file_list": series[1:], "uses_spatial_ref": True, "algorithm": "shift"}
    return [shown, *({"name": layer, "file_list": [str(file)]} for layer, file in maps if file.is_file())]
