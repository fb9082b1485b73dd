"""The product of a stack: maps, cube, STAC collection, README, and settings for MintPy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.copying import link
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_json, write_text
from isce2_recipe.products.facts import inputs_tag
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.grid_choice import GridChoice, map_grid
from isce2_recipe.products.names import swath_groups
from isce2_recipe.products.package import write_readme
from isce2_recipe.progress import Progress, partly
from isce2_recipe.stack.checking import FACTS, read_check
from isce2_recipe.stack.frame import read_frame
from isce2_recipe.stack.mapping import StackFolders, stack_layers, write_cube, write_maps
from isce2_recipe.stack.network import StackPair, network_table
from isce2_recipe.stack.stac_collection import write_collection
from isce2_recipe.types import BurstName, Looks

CUBE, NETWORK, PAIRS, MINTPY = "displacement.nc", "network.csv", "pairs", "mintpy"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFacts:
    """What a stack shows and how it was made."""

    granules: Mapping[str, list[str]]  # names of the burst granules by date
    pairs: tuple[StackPair, ...]
    reference_date: str  # the date that has the common geometry
    relative_orbit: int
    # ``ASCENDING`` or ``DESCENDING``; ``VV`` or ``HH``.
    direction: str
    polarization: str
    looks: Looks
    terms: tuple[str, ...]
    processing: Mapping[str, Any]  # further choices that influence the result, as plain values
    second_pass: Mapping[str, Any]  # what `timeseries.invert` says of it; may be empty
    # Names of the source, and of the engine with its version.
    source: str
    engine: str
    simulated: bool  # whether the data are simulated

    @property
    def dates(self) -> list[str]:
        """All dates, sorted."""
        return sorted(self.granules)

    @property
    def bursts(self) -> list[BurstName]:
        """The granules of the reference date by number and swath."""
        names = [BurstName.parse(name) for name in self.granules[self.reference_date]]
        return sorted(names, key=lambda name: name.identifier)

    @property
    def name(self) -> str:
        """Name of the product; the same request has the same name."""
        made_of = {
            "granules": {date: sorted(names) for date, names in self.granules.items()},
            "pairs": [pair.name for pair in self.pairs],
            "looks": str(self.looks),
            "terms": self.terms,
            **self.processing,
        }
        if self.second_pass.get("mode", "auto") != "auto":
            made_of["second_pass"] = self.second_pass["mode"]
        text = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
        identifier = hashlib.sha256(text.encode()).hexdigest()[:4].upper()
        return (
            f"S1_{self.relative_orbit:03d}_{swath_groups(self.bursts)}_IW_{self.dates[0]}_{self.dates[-1]}_"
            f"{self.polarization}_STACK{self.looks.pixel_m}_{identifier}"
        )

    def tags(self) -> dict[str, str]:
        """Return the metadata of every GeoTIFF."""
        return {
            "PRODUCT": self.name,
            "SOFTWARE": f"isce2-recipe {__version__}",
            "ENGINE": self.engine,
            "INPUTS": inputs_tag(self.source, simulated=self.simulated),
            "DATES": " ".join(self.dates),
            "REFERENCE_DATE": self.reference_date,
            "POLARIZATION": self.polarization,
            "PASS_DIRECTION": self.direction,
            "LOOKS": str(self.looks),
            "SECOND_PASS_LOOKS": str(self.second_pass.get("looks", 0)),
            **{name.upper(): str(value) for name, value in self.processing.items() if name != "source"},
        }


def package_stack(
    out: Path,
    facts: StackFacts,
    folders: StackFolders,
    choice: GridChoice,
    products: Sequence[Path],
    readme: str,
    *,
    progress: Progress,
    cpus: int,
) -> Path:
    """Make the product's folder and return it.

    Parameters
    ----------
    products : sequence of Path
        Products of the pairs, which are linked into the folder; may be empty.
    readme : str
        Template of the README.
    """
    directory = out / facts.name
    directory.mkdir()
    prefix = directory / facts.name
    layers = stack_layers(facts.dates, facts.terms)
    numbers = [(name.relative_burst, name.swath) for name in facts.bursts]

    def grid_of(raster: Any) -> MapGrid:
        return map_grid(choice, facts.looks.pixel_m, raster.bounds, numbers)

    tags = facts.tags() | {"WAVELENGTH_M": str(read_frame(folders.geometry).wavelength_m)}
    grid, written = write_maps(
        prefix, folders, layers, grid_of, tags, progress=partly(progress, 0.0, 0.8), cpus=cpus
    )
    _refuse_empty_map(written["velocity"], grid)
    progress(0.8, "cube")
    series = _move_series(directory, facts, written)
    write_cube(prefix.with_name(f"{facts.name}_{CUBE}"), facts.dates, series, facts.name)
    write_text(directory / NETWORK, network_table(facts.pairs))
    found = read_check(folders.checked).facts | {"second_pass": dict(facts.second_pass)}
    write_json(directory / FACTS, found)
    linked = _link_products(directory, products)
    if linked:
        _write_mintpy(directory / MINTPY, found["reference"])
    shown = [layer for layer in layers if not layer.name.startswith("displacement_")]
    _write_readme(prefix, facts, found, grid, shown, readme, mintpy=bool(linked))
    write_collection(directory, facts.name, facts.dates, facts.pairs, grid, _properties(facts))
    return directory


def _refuse_empty_map(velocity: Path, grid: MapGrid) -> None:
    """Raise InputError if the map of the velocity has no value."""
    import numpy as np
    import rasterio

    with rasterio.open(velocity) as raster:
        if any(np.isfinite(raster.read(1, window=window)).any() for _, window in raster.block_windows(1)):
            return
    raise InputError(
        f"the map of the velocity has no value in its {grid.rows} x {grid.cols} pixels",
        hint="choose a grid inside the stack, or leave out grid_bounds and grid_like; if you did not give "
        "them, no place on land has data in enough pairs",
    )


def _properties(facts: StackFacts) -> dict[str, Any]:
    return {
        **({"keywords": ["simulated"]} if facts.simulated else {}),
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:polarizations": [facts.polarization],
        "sar:product_type": "STACK",
        "sat:orbit_state": facts.direction.lower(),
        "sat:relative_orbit": facts.relative_orbit,
        "processing:software": {"isce2-recipe": __version__},
    }


def _move_series(directory: Path, facts: StackFacts, written: Mapping[str, Path]) -> list[Path]:
    """Move the displacements into a folder of their own, named by both dates like those of other programs."""
    folder = directory / "displacement"
    folder.mkdir()
    moved = []
    for date in facts.dates:
        target = folder / f"{facts.dates[0]}_{date}.tif"
        written[f"displacement_{date}"].rename(target)
        moved.append(target)
    return moved


def _link_products(directory: Path, products: Sequence[Path]) -> list[Path]:
    """Link the products of pairs into the folder ``pairs``."""
    linked = []
    for product in products:
        target = directory / PAIRS / product.name
        for file in sorted(found for found in product.rglob("*") if found.is_file()):
            place = target / file.relative_to(product)
            place.parent.mkdir(parents=True, exist_ok=True)
            link(file, place)
        linked.append(target)
    return linked


def _write_mintpy(folder: Path, region: Mapping[str, Any]) -> None:
    """Write settings with which MintPy reads the products of the pairs, with the same reference."""
    folder.mkdir()
    files = {
        "unwFile": "unw_phase", "corFile": "corr", "connCompFile": "conncomp", "demFile": "dem",
        "incAngleFile": "lv_theta", "azAngleFile": "lv_phi", "waterMaskFile": "water_mask",
    }  # fmt: skip
    lines = [
        "# Run in this folder: smallbaselineApp.py smallbaselineApp.cfg",
        "mintpy.load.processor = hyp3",
        *(f"mintpy.load.{name} = ../{PAIRS}/*/*_{layer}.tif" for name, layer in files.items()),
        f"mintpy.reference.lalo = {region['latitude']}, {region['longitude']}",
        "mintpy.troposphericDelay.method = no",
        "mintpy.topographicResidual = no",
    ]
    write_text(folder / "smallbaselineApp.cfg", "\n".join(lines) + "\n")


def _write_readme(
    prefix: Path,
    facts: StackFacts,
    found: Mapping[str, Any],
    grid: MapGrid,
    layers: Sequence[Any],
    readme: str,
    *,
    mintpy: bool,
) -> None:
    weighted = facts.processing.get("weights", True)
    values = {
        "name": facts.name,
        "version": __version__,
        "dates": [f"{datetime.strptime(date, '%Y%m%d'):%Y-%m-%d}" for date in facts.dates],
        "pairs": facts.pairs,
        "simulated": facts.simulated,
        "track": facts.relative_orbit,
        "direction": facts.direction,
        "polarization": facts.polarization,
        "bursts": [f"{name.relative_burst:06d}_IW{name.swath}" for name in facts.bursts],
        "reference_date": facts.reference_date,
        "looks": facts.looks,
        "weights": "pairs weighted by their coherence" if weighted else "all pairs with the same weight",
        "region": found["reference"],
        "islands": found["island_looks"],
        "triplets": found["triplets"],
        "second_pass": facts.second_pass,
        "grid": grid,
        "layers": layers,
        "mintpy": mintpy,
    }
    write_readme(prefix.with_name(f"{prefix.name}_README.md.txt"), readme, values)
