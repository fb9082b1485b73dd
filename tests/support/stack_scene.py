"""Simulated stacks: granules, orbits and terrain made by actions, and the functions of a stack on them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.actions import dem, sentinel1, water
from isce2_recipe.actions.base import Context
from isce2_recipe.engines.builtin import BuiltinEngine
from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
from isce2_recipe.sources import open_source
from isce2_recipe.sources.base import bounds_of
from isce2_recipe.sources.catalog import write_catalog
from isce2_recipe.sources.simulated import motion
from isce2_recipe.sources.simulated.acquisition import slice_of
from isce2_recipe.sources.simulated.ground import displacement
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.stack.coregister import coregister
from isce2_recipe.stack.geometry import LATITUDE, LONGITUDE, Pass, StackTerrain, make_geometry, read_raster
from isce2_recipe.stack.network import NetworkChoice, StackPair, make_network
from isce2_recipe.stack.pairs import Unwrapping, form_pairs
from isce2_recipe.types import BurstName, Looks
from support.simulated_names import burst_name

LOG = logging.getLogger("tests.stack")
FIRST = datetime(2020, 6, 4, tzinfo=UTC)


def silent(_fraction: float, _text: str) -> None:
    pass


@dataclass(frozen=True)
class StackScene:
    """A stack after coregistration."""

    folder: Path
    options: str
    looks: Looks
    names: dict[str, list[BurstName]]
    passes: dict[str, Pass]
    terrain: StackTerrain

    @property
    def dates(self) -> list[str]:
        return sorted(self.passes)

    @property
    def geometry(self) -> Path:
        return self.folder / "geometry"

    def slc(self, date: str) -> Path:
        return self.folder / "slc" / date

    def form(self, out: Path, pairs: list[StackPair], unwrapper: str = "snaphu_mcf") -> list[Path]:
        how = Unwrapping(0.5, unwrapper, mask_water=True)
        dates = {date: self.slc(date) for date in self.dates}
        form_pairs(out, self.geometry, dates, pairs, how, log=LOG, progress=silent, cpus=2)
        return [out / pair.name for pair in pairs]

    def truth(self) -> NDArray[np.float64]:
        """Displacement towards the satellite since the first date at every look, metres."""
        options = SimulationOptions.parse(f"clean,{self.options}")
        latitude, longitude = (
            np.radians(np.asarray(read_raster(self.geometry / name)[0])) for name in (LATITUDE, LONGITUDE)
        )
        found = []
        for date in self.dates:
            numbers = [name.relative_burst for name in self.names[date]]
            lobes = motion.lobes(slice_of(self.names[date][0], options).flight, numbers, options)
            places = zip(latitude.ravel(), longitude.ravel(), strict=True)
            away = [displacement(lobes, *geodetic_to_ecef(lat, lon, 0.0)) for lat, lon in places]
            found.append(np.array(away).reshape(latitude.shape))
        return np.array([found[0] - each for each in found])


def make_stack_scene(
    folder: Path, options: str, bursts: list[tuple[int, int]], count: int, looks: str = "20x4", days: int = 12
) -> StackScene:
    """Simulate and coregister ``count`` dates of bursts, given as (number, swath)."""
    source = open_source(f"simulated:clean,{options}")

    def context(name: str) -> Context:
        (folder / name).mkdir(parents=True)
        return Context(
            workdir=folder, out=folder / name, source=source, engine=BuiltinEngine(), log=LOG,
            progress=silent, cpus=2,
        )  # fmt: skip

    names, passes, terrain = {}, {}, None
    for number in range(count):
        day = FIRST + timedelta(days=days * number)
        granules = [burst_name(burst, swath, day) for burst, swath in bursts]
        date = f"{min(granules).start:%Y%m%d}"
        records = source.find_bursts(granules, LOG)
        (folder / date).mkdir(parents=True)
        catalog = write_catalog(records, folder / date / "bursts.json")
        safes = sentinel1.fetch_safes.function(
            context(f"{date}/safes"), catalog=catalog, granules=[str(name) for name in granules]
        )
        orbits = sentinel1.fetch_orbits.function(context(f"{date}/orbits"), catalog=catalog)
        passes[date], names[date] = Pass(tuple(safes.safes), orbits.files[0], "VV"), granules
        if terrain is None:
            found = dem.fetch.function(context("dem"), bounds=list(bounds_of(records)), margin=0.1)
            mask = water.fetch.function(context("water"), dem=found.geotiff)
            terrain = StackTerrain(found.isce, found.isce, mask.mask)
    assert terrain is not None
    scene = StackScene(folder, options, Looks.parse(looks), names, passes, terrain)
    swaths = tuple(sorted({swath for _, swath in bursts}))
    reference = passes[scene.dates[0]]
    make_geometry(scene.geometry, reference, swaths, scene.looks, terrain, log=LOG, progress=silent, cpus=2)
    for date in scene.dates:
        scene.slc(date).mkdir(parents=True)
        coregister(scene.slc(date), scene.geometry, reference, passes[date], log=LOG, progress=silent, cpus=2)
    return scene


def nearest(scene: StackScene, neighbours: int) -> list[StackPair]:
    """The pairs of every date with the next ones."""
    from isce2_recipe.sentinel1.stack_dates import StackDate

    dates = [StackDate(date, "S1A", [], Path()) for date in scene.dates]
    return make_network(dates, NetworkChoice(neighbours))
