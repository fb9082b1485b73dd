"""The STAC collection of a stack, with an item for each date and each pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from isce2_recipe.files import write_json
from isce2_recipe.products.contents import COG
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.stac import Footprint, extensions, projection
from isce2_recipe.stack.network import StackPair
from isce2_recipe.types import Bounds

_VERSION = "1.1.0"
_OF_ALL = ("processing", "projection", "sar", "sat")
_OF_PAIRS = ("insar", *_OF_ALL)

Json = dict[str, Any]


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
    properties : mapping
        Properties of all items, with fields of the extensions ``processing``, ``sar`` and ``sat``.
    """
    seen, keywords = _footprint(grid), properties.get("keywords", [])
    place = {"geometry": seen.geometry, "bbox": seen.bbox}
    items = directory / "items"
    items.mkdir()
    for item in (*_items_of_dates(name, dates), *_items_of_pairs(directory, name, pairs)):
        own = item["properties"] | properties | projection(grid)
        write_json(items / f"{item['id']}.json", item | place | {"properties": own})
    collection = {
        "type": "Collection",
        "stac_version": _VERSION,
        "id": name,
        "description": f"Displacement from {len(dates)} {' '.join((*keywords, 'Sentinel-1'))} dates and "
        f"{len(pairs)} pairs.",
        **({"keywords": keywords} if keywords else {}),
        "license": "other",
        "extent": {
            "spatial": {"bbox": [seen.bbox]},
            "temporal": {"interval": [[_time(dates[0]), _time(dates[-1])]]},
        },
        "summaries": {
            key: value for key, value in properties.items() if isinstance(value, list) and key != "keywords"
        },
        "links": [
            {"rel": "root", "href": "./collection.json", "type": "application/json"},
            *(
                {"rel": "item", "href": f"./items/{file.name}", "type": "application/geo+json"}
                for file in sorted(items.iterdir())
            ),
        ],
        "assets": _assets(directory, ".")
        | {
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


def _footprint(grid: MapGrid) -> Footprint:
    """Return the box around a map in degrees."""
    from rasterio.warp import transform_bounds

    box = Bounds.of(*transform_bounds(grid.crs, "EPSG:4326", *grid.bounds))
    west, south, east, north = (round(edge, 6) for edge in box)
    return Footprint([[west, south], [east, south], [east, north], [west, north], [west, south]])


def _items_of_dates(name: str, dates: Sequence[str]) -> Iterator[Json]:
    for date in dates:
        assets = {"displacement": _asset(f"../displacement/{dates[0]}_{date}.tif")}
        yield _item(name, date, {"datetime": _time(date)}, assets, _OF_ALL)


def _items_of_pairs(directory: Path, name: str, pairs: Sequence[StackPair]) -> Iterator[Json]:
    products = {_dates_of(folder.name): folder for folder in sorted(directory.glob("pairs/*"))}
    for pair in pairs:
        properties: Json = {
            "datetime": None,
            "start_datetime": _time(pair.reference),
            "end_datetime": _time(pair.secondary),
            "insar:temporal_baseline": pair.days,
        }
        if pair.perpendicular_m is not None:
            properties["insar:perpendicular_baseline"] = pair.perpendicular_m
        product = products.get((pair.reference, pair.secondary))
        assets = {} if product is None else _assets(product, f"../pairs/{product.name}")
        yield _item(name, pair.name, properties, assets, _OF_PAIRS)


def _item(collection: str, ending: str, properties: Json, assets: Json, used: Sequence[str]) -> Json:
    """Return an item whose place and whose properties in common with the others are yet to be filled in."""
    return {
        "type": "Feature",
        "stac_version": _VERSION,
        "stac_extensions": extensions(*used),
        "id": f"{collection}_{ending}",
        "collection": collection,
        "geometry": None,
        "bbox": None,
        "properties": properties,
        "links": [
            {"rel": rel, "href": "../collection.json", "type": "application/json"}
            for rel in ("root", "parent", "collection")
        ],
        "assets": assets,
    }


def _assets(product: Path, place: str) -> Json:
    """Return the GeoTIFFs of a product by the names of their layers; ``place`` is its relative address."""
    prefix = f"{product.name}_"
    files = sorted(product.glob(f"{prefix}*.tif"))
    return {file.stem.removeprefix(prefix): _asset(f"{place}/{file.name}") for file in files}


def _asset(href: str) -> Json:
    return {"href": href, "type": COG, "roles": ["data"]}


def _time(date: str) -> str:
    return f"{datetime.strptime(date, '%Y%m%d'):%Y-%m-%dT%H:%M:%SZ}"


def _dates_of(product: str) -> tuple[str, ...]:
    """Return the two dates in a product's name."""
    return tuple(word for word in product.split("_") if len(word) == 8 and word.isdigit())[:2]
