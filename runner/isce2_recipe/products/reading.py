"""A finished product as its readers find it: folder, layers, parameter file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.paths import RUN_RECORD
from isce2_recipe.products.facts import SENTINEL1_WAVELENGTH_M
from isce2_recipe.products.layer import RADAR_SUFFIX
from isce2_recipe.products.rasters import opened

_MARK = "_unw_phase.tif"
_BLOCK_PIXELS = 1 << 21


@dataclass(frozen=True)
class Finished:
    """A product that is there.

    Attributes
    ----------
    name : str
        What its files begin with.
    folder : Path
        Where they lie.
    layers : dict of Path
        GeoTIFFs on the product's map grid by layer name.
    """

    name: str
    folder: Path
    layers: dict[str, Path]

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Keys and values of the parameter file; empty where there is none."""
        path = self.folder / f"{self.name}.txt"
        if not path.is_file():
            return {}
        lines = path.read_text(encoding="utf-8").splitlines()
        pairs = (line.partition(":") for line in lines if ":" in line)
        return {key.strip(): value.strip() for key, _, value in pairs}

    @property
    def wavelength_m(self) -> float:
        """Of the radar; Sentinel-1's where the parameter file does not say."""
        return float(self.parameters.get("Radar wavelength (m)", SENTINEL1_WAVELENGTH_M))

    @cached_property
    def tags(self) -> dict[str, str]:
        """Metadata that every layer carries."""
        with opened(self.layers["unw_phase"]) as dataset:
            return dict(dataset.tags())

    @cached_property
    def grid(self) -> Grid:
        """Of all map layers."""
        with opened(self.layers["unw_phase"]) as dataset:
            return Grid(tuple(dataset.transform)[:6], dataset.width, dataset.height, dataset.crs.to_string())

    def read(self, layer: str, rows: slice | None = None) -> NDArray[Any]:
        """A layer, or some rows of it; numbers are NaN where there is no data, labels stay as they are."""
        with opened(self.layers[layer]) as dataset:
            return _values(dataset, rows)

    def blocks(self) -> Iterator[slice]:
        """Bands of whole rows that fit into little memory."""
        step = max(1, _BLOCK_PIXELS // self.grid.cols)
        for first in range(0, self.grid.rows, step):
            yield slice(first, min(first + step, self.grid.rows))


@dataclass(frozen=True, slots=True)
class Grid:
    """Pixels on a map.

    Attributes
    ----------
    transform : tuple of float
        The six coefficients from column and row to the map, as GDAL's ``a, b, c, d, e, f``.
    cols, rows : int
        Size.
    crs : str
        Reference system.
    """

    transform: tuple[float, ...]
    cols: int
    rows: int
    crs: str

    def part(self, row: int, col: int, rows: int, cols: int) -> Grid:
        """Some of its pixels."""
        a, b, west, d, e, north = self.transform
        return Grid((a, b, west + col * a, d, e, north + row * e), cols, rows, self.crs)

    @property
    def pixel_m(self) -> float:
        """Width of a pixel, in the map's unit."""
        return abs(self.transform[0])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge on the map."""
        a, _, west, _, e, north = self.transform
        return west, north + self.rows * e, west + self.cols * a, north


def _values(dataset: Any, rows: slice | None) -> NDArray[Any]:
    from rasterio.windows import Window

    window = None if rows is None else Window(0, rows.start, dataset.width, rows.stop - rows.start)
    values: NDArray[Any] = dataset.read(1, window=window)
    if values.dtype.kind == "f" and dataset.nodata is not None:
        values[values == dataset.nodata] = np.nan
    return values


def open_product(path: Path) -> Finished:
    """The product at a path: its folder, one of its files, its archive unpacked beside it, or a run's folder.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    folder = _folder(path)
    found = sorted(folder.glob(f"*{_MARK}"))
    if len(found) != 1:
        what = "no product" if not found else f"{len(found)} products"
        raise InputError(
            f"{path} holds {what}",
            hint=f"give a product's folder, the one with NAME{_MARK} in it, or a finished run's folder",
        )
    name = found[0].name.removesuffix(_MARK)
    layers = {
        file.name[len(name) + 1 : -len(".tif")]: file
        for file in sorted(folder.glob(f"{name}_*.tif"))
        if not file.stem.endswith(RADAR_SUFFIX)
    }
    return Finished(name, folder, layers)


def _folder(path: Path) -> Path:
    if (path / RUN_RECORD).is_file():
        return product_of_run(path)
    if path.suffix == ".zip" and path.with_suffix("").is_dir():
        return path.with_suffix("")
    if path.is_file() and path.suffix != ".zip":
        return path.parent
    if path.is_file():
        raise InputError(f"{path} is an archive", hint="unzip it, and give the folder that comes out of it")
    if not path.is_dir():
        raise InputError(
            f"there is no product at {path}", hint="give a product's folder or a finished run's folder"
        )
    return path


def product_of_run(workdir: Path) -> Path:
    """Folder of a run's product.

    Raises
    ------
    InputError
        If it has none.
    """
    outputs = json.loads((workdir / RUN_RECORD).read_text(encoding="utf-8")).get("outputs", {})
    product = outputs.get("product")
    if isinstance(product, dict):
        product = product.get("$file")
    if product is None:
        raise InputError(f"the run in {workdir} has no product", hint="finish it: run the same command again")
    return workdir / str(product)
