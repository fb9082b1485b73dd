"""Simulated inputs of topsApp, made by the actions that the recipes use, and the builtin engine on them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.actions import dem, sentinel1
from isce2_recipe.actions.base import Context
from isce2_recipe.engines.builtin import BuiltinEngine
from isce2_recipe.sources import open_source
from isce2_recipe.sources.base import BurstRecord
from isce2_recipe.sources.catalog import read_catalog

LOG = logging.getLogger("tests.engine")
DATES = (("20200604T0223", "7C85"), ("20200616T0223", "5D11"))


@dataclass(frozen=True)
class Scene:
    """Inputs of topsApp and the displacement that is in them."""

    folder: Path
    reference: list[Path]
    secondary: list[Path]
    orbits: Path
    dem: Path
    truth: Path

    def application(self, folder: Path, **changes: object) -> Path:
        """A work folder with a ``topsApp.xml``; ``changes`` are properties, blanks written as ``_``."""
        folder.mkdir(parents=True, exist_ok=True)
        properties = {
            "sensor name": "SENTINEL1",
            "swaths": "[2]",
            "range looks": 20,
            "azimuth looks": 4,
            "do ESD": False,
            "demFilename": self.dem,
        }
        safes = {"reference": self.reference, "secondary": self.secondary}
        safes |= {name: changes.pop(name) for name in ("reference", "secondary") if name in changes}
        orbits = changes.pop("orbit_directory", self.orbits)
        properties |= {name.replace("_", " "): value for name, value in changes.items()}
        text = "".join(f'<property name="{name}">{value}</property>' for name, value in properties.items())
        for name, folders in safes.items():
            text += (
                f'<component name="{name}"><property name="safe">{[str(f) for f in folders]}</property>'
                f'<property name="orbit directory">{orbits}</property></component>'
            )
        (folder / "topsApp.xml").write_text(
            f'<topsApp><component name="topsinsar">{text}</component></topsApp>'
        )
        return folder


def run(
    folder: Path,
    start: str | None = None,
    end: str | None = "mergebursts",
    cpus: int = 2,
    *,
    looks_only: bool = False,
) -> Path:
    BuiltinEngine().run(
        "topsApp",
        Path("topsApp.xml"),
        folder=folder,
        start=start,
        end=end,
        log=LOG,
        progress=lambda _fraction, _text: None,
        cpus=cpus,
        looks_only=looks_only,
    )
    return folder


def make_scene(folder: Path, options: str, bursts: list[tuple[str, str]]) -> Scene:
    """Simulate bursts: relative burst and swath, such as 136231_IW2, and second of the first date."""
    source = open_source(f"simulated:clean,{options}")

    def context(name: str) -> Context:
        (folder / name).mkdir(parents=True)
        return Context(
            workdir=folder, out=folder / name, source=source, engine=BuiltinEngine(), log=LOG,
            progress=lambda _fraction, _text: None, cpus=2,
        )  # fmt: skip

    names: list[list[str]] = []
    for late, (date, suffix) in enumerate(DATES):
        names.append([f"S1_{burst}_{date}{int(s) + late:02d}_VV_{suffix}-BURST" for burst, s in bursts])
    scenes = sentinel1.find_bursts.function(context("scenes"), reference=names[0], secondary=names[1])
    safes = [
        sentinel1.fetch_safes.function(context(word), catalog=scenes.catalog, granules=granules).safes
        for word, granules in zip(("reference", "secondary"), names, strict=True)
    ]
    orbits = sentinel1.fetch_orbits.function(context("orbits"), catalog=scenes.catalog)
    terrain = dem.fetch.function(context("dem"), bounds=scenes.bounds, margin=0.1)
    records = list(read_catalog(scenes.catalog, BurstRecord).values())
    truth = source.write_truth(records, terrain.geotiff, folder / "truth")
    assert truth is not None
    return Scene(folder, *safes, orbits.folder, terrain.isce, truth)
