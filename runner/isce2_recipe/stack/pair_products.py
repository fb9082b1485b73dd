"""Products of the pairs of a stack: geocoding with one lookup table, and packaging like other products."""

from __future__ import annotations

import shutil
from pathlib import Path

from isce2_recipe import paths
from isce2_recipe.copying import link
from isce2_recipe.engines.builtin.dem import read_dem_header
from isce2_recipe.engines.builtin.geocoding import geocode
from isce2_recipe.products.layers import layers_of
from isce2_recipe.products.making import ProductRequest, make_folder, make_product
from isce2_recipe.stack.geometry import map_lookup
from isce2_recipe.stack.mapping import link_raster

PHASE_LAYERS = (
    "unw_phase", "wrapped_phase", "corr", "conncomp", "dem", "lv_theta", "lv_phi", "water_mask",
)  # fmt: skip
"""Layers of products that are made for programs that invert pairs, such as MintPy."""

_FILES = (
    paths.PHASE_SIGMA, paths.UNWRAPPED, paths.FILTERED_INTERFEROGRAM, f"{paths.UNWRAPPED}.conncomp",
)  # fmt: skip


def _silent(_fraction: float, _text: str) -> None:
    pass


class PairGeocoder:
    """Geocodes pairs one after another; what they have in common is done once.

    Parameters
    ----------
    work : Path
        Folder for temporary files, which `clean` removes.
    geometry : Path
        Folder of the reference geometry.
    geocode_dem : Path
        ISCE2 raster of the heights to whose grid pairs are geocoded.
    """

    def __init__(self, work: Path, geometry: Path, geocode_dem: Path, cpus: int) -> None:
        self._work = work
        self._dem = read_dem_header(geocode_dem)
        self._grid, self._locate = map_lookup(geometry, geocode_dem)
        self._cpus = cpus
        work.mkdir()
        self._geocode([link_raster(geometry / paths.LINE_OF_SIGHT, work)], work)

    def geocode(self, pair: Path) -> Path:
        """Geocode a pair; return a folder in the layout of topsApp."""
        folder = self._work / pair.name
        merged = folder / paths.MERGED
        merged.mkdir(parents=True)
        self._geocode([link_raster(pair / paths.MERGED / name, merged) for name in _FILES], merged)
        for ending in ("geo", "geo.xml", "geo.vrt"):
            name = f"{paths.LINE_OF_SIGHT}.{ending}"
            link(self._work / name, merged / name)
        return folder

    def package(self, out: Path, request: ProductRequest, content: str) -> Path:
        """Package the pair that was geocoded last; return the product's folder."""
        if content == "full":
            made = make_product(out, request, threads=self._cpus, progress=_silent).directory
        else:
            wanted = [layer for layer in layers_of(request.kind) if layer.name in PHASE_LAYERS]
            made = make_folder(out, request, wanted, threads=self._cpus, progress=_silent)[0].folder
        shutil.rmtree(request.folder)
        return made

    def clean(self) -> None:
        """Remove the temporary files."""
        shutil.rmtree(self._work)

    def _geocode(self, files: list[Path], folder: Path) -> None:
        geocode(
            files, self._locate, self._grid, self._dem, dem_crop=folder / paths.DEM_CROP, folder=folder,
            workers=self._cpus,
        )  # fmt: skip
