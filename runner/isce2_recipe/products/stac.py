"""The STAC item of a product: what a catalogue needs to find it, in words that others use too.

Fields are those of STAC 1.1 (https://github.com/radiantearth/stac-spec) and of the extensions named in
``_EXTENSIONS``. The same product always gives the same item: there is no time of making in it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from isce2_recipe import __version__
from isce2_recipe.products.agreement import WAVELENGTH_M
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.layers import LAYERS
from isce2_recipe.products.parameter_file import Processing
from isce2_recipe.products.rasters import opened
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S

SUFFIX = ".stac.json"

_VERSIONS = {
    "file": "v2.1.0",
    "insar": "v1.0.0",
    "processing": "v1.2.0",
    "projection": "v2.0.0",
    "raster": "v2.0.0",
    "sar": "v1.0.0",
    "sat": "v1.0.0",
    "view": "v1.0.0",
}
_EXTENSIONS = [f"https://stac-extensions.github.io/{name}/{v}/schema.json" for name, v in _VERSIONS.items()]
_GRANULES = "https://cmr.earthdata.nasa.gov/search/granules.umm_json?provider=ASF&readable_granule_name="
_DEM = "https://doi.org/10.5270/ESA-c5d3d65"  # Copernicus DEM
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_MEDIA = {
    ".tif": _COG,
    ".png": "image/png",
    ".txt": "text/plain",
    ".json": "application/json",
    ".kmz": "application/vnd.google-earth.kmz",
}
_ROLES = {
    "unw_phase": ["data", "phase", "unwrapped_phase"],
    "wrapped_phase": ["data", "phase"],
    "corr": ["data", "coherence"],
    "amp": ["data", "amplitude"],
    "conncomp": ["data", "labels"],
    "dem": ["data", "height"],
    "lv_theta": ["data", "incidence-angle"],
    "lv_phi": ["data", "azimuth"],
    "water_mask": ["data", "mask", "water-mask"],
}
_MULTIHASH_SHA256 = "1220"  # the code of SHA-256 and its length of 32 bytes
_PREVIEW = 256  # pixels along the longer side from which the footprint is taken


@dataclass(frozen=True, slots=True)
class Acquisition:
    """What an interferogram was made of.

    Attributes
    ----------
    platform : str
        ``S1A`` to ``S1D``; empty where it is not known.
    polarization : str
    relative_orbit, absolute_orbit : int
        Of the reference.
    direction : str
        ASCENDING or DESCENDING.
    reference_start, secondary_start : datetime
        UTC of the first bursts.
    baseline_m : float
        Perpendicular.
    mid_range_m : float
        Slant range in the middle.
    heading_deg : float
        Of the flight, clockwise from north.
    reference, secondary : sequence of str
        Granule names.
    engine, source : str
        What computed, and where the inputs came from.
    """

    platform: str
    polarization: str
    relative_orbit: int
    absolute_orbit: int
    direction: str
    reference_start: datetime
    secondary_start: datetime
    baseline_m: float
    mid_range_m: float
    heading_deg: float
    reference: Sequence[str]
    secondary: Sequence[str]
    engine: str
    source: str


def write_item(prefix: Path, grid: MapGrid, acquisition: Acquisition, processing: Processing) -> Path:
    """Write ``PREFIX.stac.json`` about all files that lie beside it.

    Parameters
    ----------
    prefix : Path
        What the product's files are called up to their suffixes.
    grid : MapGrid
        Of its map layers.
    """
    path = prefix.with_name(f"{prefix.name}{SUFFIX}")
    preview = _Preview.of(prefix)
    properties = _properties(acquisition, processing, grid, preview)
    item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": _EXTENSIONS,
        "id": prefix.name,
        "geometry": {"type": "Polygon", "coordinates": [preview.ring]},
        "bbox": preview.bbox,
        "properties": properties,
        "links": _links(acquisition),
        "assets": _assets(prefix, grid),
    }
    path.write_text(json.dumps(item, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class _Preview:
    """Where there are data, and how they were seen."""

    ring: list[list[float]]
    incidence_deg: float | None

    @property
    def bbox(self) -> list[float]:
        longitudes, latitudes = zip(*self.ring, strict=True)
        return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]

    @classmethod
    def of(cls, prefix: Path) -> _Preview:
        """From the look angle, which every pixel with data has."""
        with opened(prefix.with_name(f"{prefix.name}_lv_theta.tif")) as dataset:
            scale = max(1.0, max(dataset.shape) / _PREVIEW)
            shape = tuple(max(1, math.ceil(size / scale)) for size in dataset.shape)
            elevation = dataset.read(1, out_shape=shape)
            rows, cols = np.nonzero(elevation)
            if rows.size == 0:
                rows, cols = np.array([0, shape[0] - 1]), np.array([0, shape[1] - 1])
            west, north, pixel = dataset.transform.c, dataset.transform.f, dataset.transform.a
            step = np.array([dataset.width / shape[1], -dataset.height / shape[0]]) * pixel
            places = _corners(rows, cols) * step + (west, north)
            seen = elevation[elevation != 0]
            incidence = None if seen.size == 0 else round(90.0 - math.degrees(float(seen.mean())), 3)
            return cls(_ring(places, dataset.crs), incidence)


def _corners(rows: NDArray[np.intp], cols: NDArray[np.intp]) -> NDArray[np.float64]:
    """Columns and rows of all four corners of pixels, shape (n, 2)."""
    return np.concatenate(
        [np.stack([cols + right, rows + down], axis=1) for right in (0, 1) for down in (0, 1)]
    ).astype(np.float64)


def _ring(places: NDArray[np.float64], crs: Any) -> list[list[float]]:
    """The closed ring around places on the map, anticlockwise, longitude and latitude in degrees."""
    from rasterio.warp import transform
    from scipy.spatial import ConvexHull

    hull = places[ConvexHull(places).vertices]
    longitudes, latitudes = transform(crs, "EPSG:4326", hull[:, 0], hull[:, 1])
    ring = [[round(lon, 5), round(lat, 5)] for lon, lat in zip(longitudes, latitudes, strict=True)]
    return [*ring, ring[0]]


def _properties(
    acquisition: Acquisition, processing: Processing, grid: MapGrid, preview: _Preview
) -> dict[str, Any]:
    first, second = _time(acquisition.reference_start), _time(acquisition.secondary_start)
    return {
        "title": "Interferogram of Sentinel-1",
        "datetime": None,
        "start_datetime": first,
        "end_datetime": second,
        **({"platform": f"sentinel-1{acquisition.platform[2:].lower()}"} if acquisition.platform else {}),
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "gsd": round(grid.ground_pixel_m, 3),
        **_sar(acquisition, processing),
        **_insar(acquisition, preview.incidence_deg),
        "sat:orbit_state": acquisition.direction.lower(),
        "sat:relative_orbit": acquisition.relative_orbit,
        "sat:absolute_orbit": acquisition.absolute_orbit,
        **({} if preview.incidence_deg is None else {"view:incidence_angle": preview.incidence_deg}),
        # Sentinel-1 looks to the right of its flight; from the ground it is seen in the opposite direction.
        "view:azimuth": round((acquisition.heading_deg + 270.0) % 360.0, 3),
        **_projection(grid),
        **_processing(acquisition, processing),
    }


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _sar(acquisition: Acquisition, processing: Processing) -> dict[str, Any]:
    return {
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:center_frequency": round(SPEED_OF_LIGHT_M_S / WAVELENGTH_M / 1e9, 9),
        "sar:polarizations": [acquisition.polarization],
        "sar:product_type": "INSAR",
        "sar:looks_range": processing.looks.range,
        "sar:looks_azimuth": processing.looks.azimuth,
        "sar:observation_direction": "right",
    }


def _insar(acquisition: Acquisition, incidence_deg: float | None) -> dict[str, Any]:
    days = (acquisition.secondary_start - acquisition.reference_start).total_seconds() / 86400.0
    found = {
        "insar:reference_datetime": _time(acquisition.reference_start),
        "insar:secondary_datetime": _time(acquisition.secondary_start),
        "insar:temporal_baseline": round(days, 3),
        "insar:perpendicular_baseline": round(acquisition.baseline_m, 3),
        "insar:processing_dem": _DEM,
        "insar:geocoding_dem": _DEM,
    }
    if incidence_deg is not None and abs(acquisition.baseline_m) > 1e-3:
        # The height that makes one more fringe.
        height = (
            WAVELENGTH_M
            * acquisition.mid_range_m
            * math.sin(math.radians(incidence_deg))
            / (2.0 * acquisition.baseline_m)
        )
        found["insar:height_of_ambiguity"] = round(height, 3)
    return found


def _projection(grid: MapGrid) -> dict[str, Any]:
    box = grid.bounds
    return {
        "proj:code": grid.crs,
        "proj:shape": [grid.rows, grid.cols],
        "proj:transform": [grid.pixel_m, 0, grid.west_m, 0, -grid.pixel_m, grid.north_m],
        "proj:bbox": [box.west, box.south, box.east, box.north],
    }


def _processing(acquisition: Acquisition, processing: Processing) -> dict[str, Any]:
    name, _, version = acquisition.engine.partition(" ")
    steps = [
        f"{processing.looks} looks",
        f"Goldstein filter {processing.filter_strength:g}",
        f"unwrapped with {processing.unwrapper}",
        *(["water left out before unwrapping"] if processing.water_masked else []),
        "geocoded",
    ]
    origin = " of simulated data" if acquisition.source == "simulated" else ""
    return {
        "processing:level": "L3",
        "processing:lineage": f"Interferogram{origin}: {', '.join(steps)}.",
        "processing:software": {"isce2-recipe": __version__, name: version or __version__},
    }


def _links(acquisition: Acquisition) -> list[dict[str, str]]:
    return [
        {
            "rel": "derived_from",
            "href": _GRANULES + quote(name),
            "type": "application/json",
            "title": f"{role} {name}",
        }
        for role, names in (("reference", acquisition.reference), ("secondary", acquisition.secondary))
        for name in names
    ]


def _assets(prefix: Path, grid: MapGrid) -> dict[str, Any]:
    """All files of the product but the item, by what follows the product's name."""
    stores = {layer.name: layer.store for layer in LAYERS}
    assets = {}
    for file in sorted(path for path in prefix.parent.iterdir() if path.is_file()):
        key = file.name.removeprefix(prefix.name).lstrip("_.")
        key = key.removesuffix(".tif") or "parameters"
        asset: dict[str, Any] = {
            "href": f"./{file.name}",
            "type": _MEDIA.get(file.suffix, "application/octet-stream"),
            "roles": _roles(key, file),
            "file:size": file.stat().st_size,
            "file:checksum": _MULTIHASH_SHA256 + _sha256(file),
        }
        if key in stores:
            asset |= _raster(stores[key], grid)
        assets["parameters" if key == "txt" else key] = asset
    return assets


def _roles(key: str, file: Path) -> list[str]:
    if file.suffix == ".png":
        return ["thumbnail"] if key.endswith("thumb.png") else ["overview"]
    if file.suffix == ".kmz":
        return ["overview"]
    return _ROLES.get(key, ["data"] if file.suffix == ".tif" else ["metadata"])


def _raster(store: Any, grid: MapGrid) -> Mapping[str, Any]:
    return {
        "title": store.description,
        "data_type": store.dtype,
        **({} if store.nodata is None else {"nodata": store.nodata}),
        **({"unit": store.unit} if store.unit else {}),
        "raster:spatial_resolution": round(grid.ground_pixel_m, 3),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
