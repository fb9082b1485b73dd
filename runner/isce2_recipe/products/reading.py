"""Reading of finished products: folder, layers, parameter file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.files import read_bounded
from isce2_recipe.paths import RUN_RECORD
from isce2_recipe.products import parameter_file
from isce2_recipe.products.facts import SENTINEL1_WAVELENGTH_M
from isce2_recipe.products.grid import METRES_A_DEGREE, pixel_text
from isce2_recipe.products.layer import RADAR_SUFFIX
from isce2_recipe.products.rasters import opened

if TYPE_CHECKING:
    from rasterio.crs import CRS

_TIME = re.compile(r"\d{8}T\d{6}")
_MARK = "_unw_phase.tif"
_MOST_BYTES = 100_000_000
_GIVE = "give a product of isce2-recipe or HyP3"
_BLOCK_PIXELS = 1 << 21


@dataclass(frozen=True)
class Finished:
    """A finished product: the name and the folder of its files, and its GeoTIFFs on the map by layer."""

    name: str
    folder: Path
    layers: dict[str, Path]

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Keys and values of the parameter file; empty if there is none."""
        path = self.folder / f"{self.name}.txt"
        return parameter_file.read(path) if path.is_file() else {}

    @property
    def wavelength_m(self) -> float:
        """Radar wavelength; Sentinel-1's if the parameter file has none."""
        return self.number("Radar wavelength (m)", SENTINEL1_WAVELENGTH_M)

    def number(self, key: str, otherwise: float) -> float:
        """Return a number of the parameter file, or another one if it has none of that name."""
        try:
            value = float(self.parameters.get(key, otherwise))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            text = self.parameters[key]
            raise InputError(f"'{key}' in {self.name}.txt must be a number, instead got '{text}'", hint=_GIVE)
        return value

    @cached_property
    def tags(self) -> dict[str, str]:
        """Metadata of every layer."""
        with opened(self.layers["unw_phase"]) as dataset:
            return dict(dataset.tags())

    def start(self, which: str) -> datetime | None:
        """Return the time at which a pass began, from a tag or else from the names of the granules.

        Parameters
        ----------
        which : str
            ``Reference`` or ``Secondary``.
        """
        with suppress(ValueError):
            if tagged := self.tags.get(f"{which.upper()}_TIME"):
                return datetime.fromisoformat(tagged).replace(tzinfo=None)
            found = _TIME.findall(self.parameters.get(f"{which} Granule", ""))
            return min(datetime.strptime(text, "%Y%m%dT%H%M%S") for text in found) if found else None
        return None

    @property
    def reversed(self) -> bool:
        """Whether the reference is the newer pass; false if the times are not known."""
        reference, secondary = self.start("Reference"), self.start("Secondary")
        return reference is not None and secondary is not None and reference > secondary

    @cached_property
    def grid(self) -> Grid:
        """Grid of all map layers."""
        with opened(self.layers["unw_phase"]) as dataset:
            if dataset.crs is None or not abs(dataset.transform.determinant) > 0:
                raise InputError(f"{self.layers['unw_phase']} has no place on a map", hint=_GIVE)
            return Grid(tuple(dataset.transform)[:6], dataset.width, dataset.height, dataset.crs.to_string())

    def read(self, layer: str, rows: slice | None = None) -> NDArray[Any]:
        """Return a layer or some rows of it, with NaN for no data in layers of floating point numbers."""
        with opened(self.layers[layer]) as dataset:
            return _values(dataset, rows)

    def blocks(self) -> Iterator[slice]:
        """Yield bands of whole rows, each of about 2 million pixels."""
        step = max(1, _BLOCK_PIXELS // self.grid.cols)
        for first in range(0, self.grid.rows, step):
            yield slice(first, min(first + step, self.grid.rows))


@dataclass(frozen=True, slots=True)
class Grid:
    """Pixels on a map; the coefficients ``a, b, c, d, e, f`` lead from column and row to the map."""

    transform: tuple[float, ...]
    cols: int
    rows: int
    crs: str

    def part(self, row: int, col: int, rows: int, cols: int) -> Grid:
        """Return a part of the grid."""
        a, b, west, d, e, north = self.transform
        return Grid((a, b, west + col * a, d, e, north + row * e), cols, rows, self.crs)

    @property
    def pixel_m(self) -> float:
        """Width of a pixel, in the map's unit."""
        return abs(self.transform[0])

    @property
    def ground_m(self) -> tuple[float, float]:
        """Approximate width and height of a pixel on the ground in the middle of the map, metres."""
        crs = _crs(self.crs)
        if not crs.is_geographic:
            size: float = self.pixel_m * crs.linear_units_factor[1]
            return size, size
        _, south, _, north = self.bounds
        size = self.pixel_m * METRES_A_DEGREE
        return size * math.cos(math.radians((south + north) / 2)), size

    @property
    def pixel_text(self) -> str:
        """The size of pixels as text, such as ``pixels of 80 m``."""
        return pixel_text(self.pixel_m, _crs(self.crs))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge on the map."""
        a, _, west, _, e, north = self.transform
        return west, north + self.rows * e, west + self.cols * a, north


def _crs(text: str) -> CRS:
    from rasterio.crs import CRS

    return CRS.from_user_input(text)


def _values(dataset: Any, rows: slice | None) -> NDArray[Any]:
    from rasterio.windows import Window

    window = None if rows is None else Window(0, rows.start, dataset.width, rows.stop - rows.start)
    values: NDArray[Any] = dataset.read(1, window=window)
    if values.dtype.kind == "f" and dataset.nodata is not None:
        values[values == dataset.nodata] = np.nan
    return values


def read_on_grid(path: Path, grid: Grid, shape: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """Return a raster resampled to a grid, or to rows and columns that divide it; no data is NaN."""
    import rasterio
    from affine import Affine
    from rasterio.warp import Resampling, reproject

    rows, cols = shape or (grid.rows, grid.cols)
    a, b, west, d, e, north = grid.transform
    wide, tall = grid.cols / cols, grid.rows / rows
    target = np.full((rows, cols), np.nan)
    with opened(path) as dataset:
        reproject(
            rasterio.band(dataset, 1),
            target,
            src_nodata=np.nan,
            dst_transform=Affine(a * wide, b * tall, west, d * wide, e * tall, north),
            dst_crs=grid.crs,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    return target


def open_product(path: Path) -> Finished:
    """Open a product by its folder, a file in it, its archive next to the folder, or a run's folder.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    folder = _folder(path)
    found = sorted(folder.glob(f"*{_MARK}"))
    if not found and (velocity := velocity_of_stack(folder)):
        raise InputError(
            f"{path} is the product of a stack, and has no interferogram of its own",
            hint=f"its velocity is {velocity}; {folder / 'pairs'} has products of pairs, if any",
        )
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


def velocity_of_stack(path: Path) -> Path | None:
    """Return the map of the velocity if a folder is the product of a stack, or the run of one; else None."""
    folder = _folder(path)
    return next(iter(sorted(folder.glob(f"{folder.resolve().name}_velocity.tif"))), None)


def _folder(path: Path) -> Path:
    if (path / RUN_RECORD).is_file():
        return product_of_run(path)
    if path.suffix == ".zip" and path.with_suffix("").is_dir():
        return path.with_suffix("")
    if path.is_file() and path.suffix != ".zip":
        return path.parent
    if path.is_file():
        raise InputError(f"{path} is an archive", hint="unzip it, and give the unzipped folder")
    if not path.is_dir():
        raise InputError(
            f"there is no product at {path}", hint="give a product's folder or a finished run's folder"
        )
    return path


def run_record(workdir: Path) -> dict[str, Any]:
    """Return the record of a run.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    path = workdir / RUN_RECORD
    try:
        found = json.loads(read_bounded(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError) as exc:
        raise InputError(f"{path} cannot be read as JSON: {exc}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path} is not the record of a run")
    return found


def product_of_run(workdir: Path) -> Path:
    """Return the folder of a run's product.

    Raises
    ------
    InputError
        If the run has no product.
    """
    outputs = run_record(workdir).get("outputs")
    product = outputs.get("product") if isinstance(outputs, dict) else None
    if isinstance(product, dict):
        product = product.get("$file")
    if not isinstance(product, str):
        hint = "finish it: run the same command again"
        if isinstance(outputs, dict) and "product" not in outputs:
            names = ", ".join(map(str, outputs)) or "none"
            hint = f"the recipe has no output 'product'; its outputs are: {names}"
        raise InputError(f"the run in {workdir} has no product", hint=hint)
    path = workdir / product
    if not path.resolve().is_relative_to(workdir.resolve()):
        raise InputError(f"the product of the run in {workdir} is outside that folder: {path}")
    return path
