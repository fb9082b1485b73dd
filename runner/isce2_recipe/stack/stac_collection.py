"""The STAC collection of a stack, with an item for each date and each pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from isce2_recipe.files import write_json
from isce2_recipe.products.contents import COG
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.stack.network import StackPair

_VERSION = "1.1.0"
_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"


def write_collection(
    directory: Path,
    name: str,
    dates: Sequence[str],
    pairs: Sequence[StackPair],
    grid: MapGrid,
    properties: Mapping[str, Any],
) -> Path:
    """Write ``collection.json`` and the items in ``items``; return the collection.

    Parameters
    ----------
    directory : Path
        Folder of the product.
    """
    from rasterio.warp import transform_bounds

    west, south, east, north = transform_bounds(grid.crs, "EPSG:4326", *grid.bounds)
    box = [round(edge, 6) for edge in (west, south, east, north)]
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
    place = {"geometry": {"type": "Polygon", "coordinates": [ring]}, "bbox": box}
    items = directory / "items"
    items.mkdir()
    for date in dates:
        shown = {"datetime": _time(date), **properties, **_projection(grid)}
        file = f"displacement/{dates[0]}_{date}.tif"
        _write_item(items, name, f"{name}_{date}", place, shown, {"displacement": _asset(f"../{file}")})
    products = {_dates_of(folder.name): folder for folder in sorted(directory.glob("pairs/*"))}
    for pair in pairs:
        shown = {
            "datetime": None,
            "start_datetime": _time(pair.reference),
            "end_datetime": _time(pair.secondary),
            "insar:temporal_baseline": pair.days,
            "insar:perpendicular_baseline": pair.perpendicular_m,
            **properties,
            **_projection(grid),
        }
        product = products.get((pair.reference, pair.secondary))
        maps = sorted(product.glob(f"{product.name}_*.tif")) if product is not None else []
        assets = {
            file.stem.removeprefix(f"{file.parent.name}_"): _asset(f"../pairs/{file.parent.name}/{file.name}")
            for file in maps
        }
        _write_item(items, name, f"{name}_{pair.name}", place, shown, assets)
    maps = sorted(directory.glob(f"{name}_*.tif"))
    collection = {
        "type": "Collection",
        "stac_version": _VERSION,
        "id": name,
        "description": f"Displacement from {len(dates)} Sentinel-1 dates and {len(pairs)} pairs.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [box]},
            "temporal": {"interval": [[_time(dates[0]), _time(dates[-1])]]},
        },
        "summaries": {key: value for key, value in properties.items() if isinstance(value, list)},
        "links": [
            {"rel": "root", "href": "./collection.json", "type": "application/json"},
            *(
                {"rel": "item", "href": f"./items/{file.name}", "type": "application/geo+json"}
                for file in sorted(items.iterdir())
            ),
        ],
        "assets": {
            **{file.stem.removeprefix(f"{name}_"): _asset(f"./{file.name}") for file in maps},
            "cube": {
                "href": f"./{name}_displacement.nc",
                "type": "application/x-netcdf",
                "roles": ["data"],
                "title": "Displacement of all dates",
            },
        },
    }
    path = directory / "collection.json"
    write_json(path, collection)
    return path


def _write_item(
    folder: Path,
    collection: str,
    name: str,
    place: Mapping[str, Any],
    properties: Mapping[str, Any],
    assets: Mapping[str, Any],
) -> None:
    item = {
        "type": "Feature",
        "stac_version": _VERSION,
        "stac_extensions": [_PROJECTION],
        "id": name,
        "collection": collection,
        **place,
        "properties": {
            key: value for key, value in properties.items() if value is not None or key == "datetime"
        },
        "links": [
            {"rel": rel, "href": "../collection.json", "type": "application/json"}
            for rel in ("root", "parent", "collection")
        ],
        "assets": dict(assets),
    }
    write_json(folder / f"{name}.json", item)


def _asset(href: str) -> dict[str, Any]:
    return {"href": href, "type": COG, "roles": ["data"]}


def _time(date: str) -> str:
    return f"{datetime.strptime(date, '%Y%m%d'):%Y-%m-%dT%H:%M:%SZ}"


def _dates_of(product: str) -> tuple[str, ...]:
    """Return the two dates in a product's name."""
    return tuple(word for word in product.split("_") if len(word) == 8 and word.isdigit())[:2]


def _projection(grid: MapGrid) -> dict[str, Any]:
    return {
        "proj:code": grid.crs,
        "proj:shape": [grid.rows, grid.cols],
        "proj:transform": [grid.pixel_m, 0, grid.west_m, 0, -grid.pixel_m, grid.north_m],
    }
