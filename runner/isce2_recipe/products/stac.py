"""The STAC item of a product, with which catalogues find it.

Fields are those of STAC 1.1 (https://github.com/radiantearth/stac-spec) and of the extensions in
``_EXTENSIONS``. The same product always gives the same item, which therefore has no time of writing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.files import json_text
from isce2_recipe.markup import render_json
from isce2_recipe.products.contents import ProductFile, contents
from isce2_recipe.products.facts import ProductFacts, utc
from isce2_recipe.products.grid import METRES_A_DEGREE, MapGrid
from isce2_recipe.products.layer import Layer
from isce2_recipe.products.layers import LAYERS, by_name
from isce2_recipe.products.rasters import opened
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.types import Bounds, longitude_near

SUFFIX = ".stac.json"

_EXTENSIONS = {
    "file": "2.1.0",
    "insar": "1.0.0",
    "processing": "1.2.0",
    "projection": "2.0.0",
    "raster": "2.0.0",
    "sar": "1.0.0",
    "sat": "1.0.0",
    "view": "1.0.0",
}
_DEMS = {"GLO_30": "https://doi.org/10.5270/ESA-c5d3d65"}  # Copernicus DEM
_PICTURES = (".png", ".kmz")
_METADATA = (".json", ".pgw", ".qml", ".txt", ".yml", ".xml", ".vrt")
# NumPy's names of types that have other names in STAC.
_TYPES = {"complex64": "cfloat32", "complex128": "cfloat64"}
_MULTIHASH_SHA256 = "1220"  # the code of SHA-256 and its length of 32 bytes
_BAND = 512  # rows read at a time


def write_item(prefix: Path, grid: MapGrid, facts: ProductFacts, layers: Sequence[Layer] = LAYERS) -> Path:
    """Write ``PREFIX.stac.json`` about all files in its folder; the grid is that of the map layers."""
    known = by_name(layers)
    path = prefix.with_name(f"{prefix.name}{SUFFIX}")
    seen = Footprint.of(prefix)
    # Granules that were simulated were never read from a catalogue.
    read = () if facts.simulated else (("reference", facts.reference), ("secondary", facts.secondary))
    item = render_json(
        "product/stac.json",
        id=prefix.name,
        extensions=extensions(*_EXTENSIONS),
        seen=seen,
        facts=facts,
        grid=grid,
        projection=projection(grid),
        utc=utc,
        light_m_s=SPEED_OF_LIGHT_M_S,
        dem=_DEMS.get(facts.terrain, facts.terrain),
        ambiguity_m=_ambiguity_m(facts, seen.incidence_deg),
        lineage=_lineage(facts),
        inputs=[asdict(file) for file in facts.inputs],
        granules=[(role, name) for role, names in read for name in names],
        assets={file.key: _asset(file, known) for file in contents(prefix, but=(path.name,))},
    )
    path.write_text(json_text(item, indent=1) + "\n", encoding="utf-8")
    return path


def extensions(*names: str) -> list[str]:
    """Return the addresses of the schemas of extensions of STAC, in the versions of our items."""
    return [f"https://stac-extensions.github.io/{name}/v{_EXTENSIONS[name]}/schema.json" for name in names]


def projection(grid: MapGrid) -> dict[str, Any]:
    """Return the fields of the projection extension that give a map grid."""
    return {
        "proj:code": grid.crs,
        "proj:shape": [grid.rows, grid.cols],
        "proj:transform": [grid.pixel_m, 0, grid.west_m, 0, -grid.pixel_m, grid.north_m],
    }


@dataclass(frozen=True, slots=True)
class Footprint:
    """The outline of the data and the mean incidence angle.

    Attributes
    ----------
    ring : list of [float, float]
        Longitudes and latitudes of the convex closed outline, anticlockwise, degrees. The longitudes are
        continuous, as those of `Bounds.around`.
    incidence_deg : float or None
        Mean incidence angle; None if it is not known.
    """

    ring: list[list[float]]
    incidence_deg: float | None = None

    @property
    def bbox(self) -> list[float]:
        """West, south, east and north; across the antimeridian, west is the larger number (RFC 7946, 5.2)."""
        box = Bounds.around((x, y) for x, y in self.ring)
        return list(box._replace(east=box.east - 360.0) if box.crosses_antimeridian else box)

    @property
    def geometry(self) -> dict[str, Any]:
        """The outline, cut into two polygons where it crosses the antimeridian (RFC 7946, 3.1.9)."""
        if not Bounds.around((x, y) for x, y in self.ring).crosses_antimeridian:
            return {"type": "Polygon", "coordinates": [self.ring]}
        halves = [_cut(self.ring, keep=-1), [[x - 360.0, y] for x, y in _cut(self.ring, keep=1)]]
        rings = [[[round(x, 5), y] for x, y in half] for half in halves]
        return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}

    @classmethod
    def of(cls, prefix: Path) -> Footprint:
        """Compute them from the look angle, which every pixel with data has."""
        with opened(prefix.with_name(f"{prefix.name}_lv_theta.tif")) as dataset:
            ends, count, total = [], 0, 0.0
            for row, elevation in _bands(dataset):
                count += int(np.count_nonzero(elevation))
                total += float(elevation.sum(dtype=np.float64))
                ends.append(_row_ends(elevation != 0, row))
            corners = np.concatenate(ends) if count else _corners_of(dataset.shape)
            west, north, pixel = dataset.transform.c, dataset.transform.f, dataset.transform.a
            ring = _ring(corners * (pixel, -pixel) + (west, north), dataset.crs)
            return cls(ring, round(90.0 - math.degrees(total / count), 3) if count else None)


def _bands(dataset: Any) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield bands of rows, each with its first row."""
    from rasterio.windows import Window

    for row in range(0, dataset.height, _BAND):
        rows = min(_BAND, dataset.height - row)
        yield row, dataset.read(1, window=Window(0, row, dataset.width, rows))


def _row_ends(there: NDArray[np.bool_], row: int) -> NDArray[np.float64]:
    """Return the outer corners of each row's first and last pixel with data: column and row, shape (n, 2)."""
    rows = np.flatnonzero(there.any(axis=1))
    first = there[rows].argmax(axis=1)
    last = there.shape[1] - there[rows, ::-1].argmax(axis=1)
    places = [np.stack([cols, rows + row + down], axis=1) for cols in (first, last) for down in (0, 1)]
    return np.concatenate(places).astype(np.float64)


def _corners_of(shape: tuple[int, int]) -> NDArray[np.float64]:
    return np.array([(col, row) for col in (0, shape[1]) for row in (0, shape[0])], np.float64)


def _ring(places: NDArray[np.float64], crs: Any) -> list[list[float]]:
    """Return the closed ring around places on the map, anticlockwise, longitude and latitude in degrees.

    The longitudes are continuous, as those of `Bounds.around`.
    """
    from rasterio.warp import transform
    from scipy.spatial import ConvexHull

    hull = places[ConvexHull(places).vertices]
    longitudes, latitudes = transform(crs, "EPSG:4326", hull[:, 0], hull[:, 1])
    west = Bounds.around(zip(longitudes, latitudes, strict=True)).west
    ring = [
        [round(longitude_near(lon, west + 90.0), 5), round(lat, 5)]
        for lon, lat in zip(longitudes, latitudes, strict=True)
    ]
    return [*ring, ring[0]]


def _cut(ring: list[list[float]], keep: Literal[-1, 1]) -> list[list[float]]:
    """Return the part of a convex closed ring west (-1) or east (1) of 180 degrees."""
    kept: list[list[float]] = []
    for (x0, y0), (x1, y1) in pairwise(ring):
        if keep * (x0 - 180.0) >= 0:
            kept.append([x0, y0])
        if (x0 - 180.0) * (x1 - 180.0) < 0:
            kept.append([180.0, round(y0 + (y1 - y0) * (180.0 - x0) / (x1 - x0), 5)])
    return [*kept, kept[0]]


def _ambiguity_m(facts: ProductFacts, incidence_deg: float | None) -> float | None:
    """Return the difference in height that causes one more fringe; None if it is not known."""
    if incidence_deg is None or abs(facts.baseline_m) <= 1e-3:
        return None
    across_m = facts.center_range_m * math.sin(math.radians(incidence_deg))
    return round(facts.wavelength_m * across_m / 2 / facts.baseline_m, 3)


def _lineage(facts: ProductFacts) -> str:
    processing = facts.processing
    steps = [
        f"{processing.looks} looks",
        f"Goldstein filter {processing.filter_strength:g}",
        f"unwrapped with {processing.unwrapper}",
        *(["water masked before unwrapping"] if processing.water_masked else []),
        "geocoded",
    ]
    return f"Interferogram{' of simulated data' if facts.simulated else ''}: {', '.join(steps)}."


def _asset(file: ProductFile, layers: Mapping[str, Layer]) -> dict[str, Any]:
    return {
        "href": f"./{file.identifier}",
        "type": file.media,
        **({"title": file.title} if file.title else {}),
        "roles": _roles(file, layers),
        "file:size": file.size,
        "file:checksum": _MULTIHASH_SHA256 + file.sha256,
        **(_raster(file.path) if file.is_layer else {}),
    }


def _roles(file: ProductFile, layers: Mapping[str, Layer]) -> list[str]:
    if file.is_layer and file.key in layers:
        return list(layers[file.key].roles)
    if file.path.suffix in _PICTURES:
        return ["thumbnail"] if file.key.endswith("thumb.png") else ["overview"]
    return ["metadata"] if file.path.suffix in _METADATA else ["data"]


def _raster(path: Path) -> dict[str, Any]:
    """Return the fields that a GeoTIFF's own header gives; in radar geometry it has no place on the map."""
    with opened(path) as dataset:
        kind = dataset.dtypes[0]
        on_map = dataset.crs is not None
        return {
            "data_type": _TYPES.get(kind, kind),
            **({} if dataset.nodata is None else {"nodata": dataset.nodata}),
            **({"unit": dataset.units[0]} if dataset.units[0] else {}),
            "raster:sampling": "area",
            **({} if on_map else {"proj:code": None, "proj:shape": list(dataset.shape)}),
            **({"raster:spatial_resolution": _ground_m(dataset)} if on_map else {}),
        }


def _ground_m(dataset: Any) -> float:
    unit_m = METRES_A_DEGREE if dataset.crs.is_geographic else dataset.crs.linear_units_factor[1]
    return round(float(dataset.transform.a * unit_m), 3)
