"""Whether a STAC item obeys STAC 1.1 and the extensions it names, without a network.

STAC's own schemas come with pystac. Those of extensions come with no package, so their rules stand here, in
our own words. Where ``ISCE2_RECIPE_STAC_SCHEMAS`` names a folder with the published ones, called
``NAME/vX.Y.Z/schema.json`` as at https://stac-extensions.github.io, these are applied too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pystac.validation
from pystac import STACObjectType
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from referencing import Registry
from referencing.jsonschema import DRAFT7

VERSION = "1.1.0"
PUBLISHED = os.environ.get("ISCE2_RECIPE_STAC_SCHEMAS")
HOME = "https://stac-extensions.github.io/"

_NUMBER, _TEXT, _TIME = {"type": "number"}, {"type": "string"}, {"type": "string", "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_POSITIVE = {"type": "number", "minimum": 0}
_ANGLE = {"type": "number", "minimum": 0, "maximum": 90}
_AZIMUTH = {"type": "number", "minimum": 0, "maximum": 360}
_ORBIT = {"type": "integer", "minimum": 1}


def _numbers(*lengths: int) -> dict[str, Any]:
    return {
        "type": "array",
        "items": _NUMBER,
        "oneOf": [{"minItems": count, "maxItems": count} for count in lengths],
    }


FIELDS: dict[str, dict[str, Any]] = {
    "insar": {
        "perpendicular_baseline": _NUMBER,
        "temporal_baseline": _NUMBER,
        "height_of_ambiguity": _NUMBER,
        "reference_datetime": _TIME,
        "secondary_datetime": _TIME,
        "processing_dem": _TEXT,
        "geocoding_dem": _TEXT,
    },
    "sar": {
        "instrument_mode": _TEXT,
        "frequency_band": {"enum": ["P", "L", "S", "C", "X", "Ku", "K", "Ka"]},
        "center_frequency": _NUMBER,
        "polarizations": {"type": "array", "minItems": 1, "items": {"enum": ["HH", "VV", "HV", "VH"]}},
        "product_type": _TEXT,
        "resolution_range": _POSITIVE,
        "resolution_azimuth": _POSITIVE,
        "pixel_spacing_range": _POSITIVE,
        "pixel_spacing_azimuth": _POSITIVE,
        "looks_range": _COUNT,
        "looks_azimuth": _COUNT,
        "looks_equivalent_number": _POSITIVE,
        "observation_direction": {"enum": ["left", "right"]},
    },
    "sat": {
        "platform_international_designator": _TEXT,
        "orbit_state": {"enum": ["ascending", "descending", "geostationary"]},
        "absolute_orbit": _ORBIT,
        "relative_orbit": _ORBIT,
        "anx_datetime": _TIME,
    },
    "view": {
        "off_nadir": _ANGLE,
        "incidence_angle": _ANGLE,
        "azimuth": _AZIMUTH,
        "sun_azimuth": _AZIMUTH,
        "sun_elevation": {"type": "number", "minimum": -90, "maximum": 90},
    },
    "proj": {
        "code": {"type": ["string", "null"]},
        "wkt2": {"type": ["string", "null"]},
        "bbox": _numbers(4, 6),
        "shape": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        "transform": _numbers(6, 9),
    },
    "raster": {
        "bits_per_sample": {"type": "integer"},
        "sampling": {"enum": ["area", "point"]},
        "scale": _NUMBER,
        "offset": _NUMBER,
        "spatial_resolution": _NUMBER,
    },
    "processing": {
        "expression": {"type": "object", "required": ["format", "expression"]},
        "lineage": _TEXT,
        "level": _TEXT,
        "facility": _TEXT,
        "version": _TEXT,
        "datetime": _TIME,
        "software": {"type": "object", "additionalProperties": _TEXT},
    },
    "file": {
        "byte_order": {"enum": ["big-endian", "little-endian"]},
        "checksum": {"type": "string", "pattern": "^[a-f0-9]+$"},
        "header_size": _COUNT,
        "size": _COUNT,
    },
}  # fmt: skip
"""Fields by prefix; others with that prefix are not allowed."""

REQUIRED = {"sar": ["instrument_mode", "frequency_band", "polarizations", "product_type"], "proj": ["code"]}
"""The fields that an item with the extension must have."""
FOLDERS = {"proj": "projection"}


def broken(item: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an item; nothing if it is valid."""
    yield from _core(item)
    yield from _links(item)
    declared = {address.removeprefix(HOME).partition("/")[0]: address for address in item["stac_extensions"]}
    if PUBLISHED:
        yield from (wrong for address in declared.values() for wrong in _published(item, address))
    for prefix, fields in FIELDS.items():
        name = FOLDERS.get(prefix, prefix)
        objects = [item["properties"], *item["assets"].values(), *item["links"]]
        used = [one for one in objects if any(key.startswith(f"{prefix}:") for key in one)]
        if bool(used) != (name in declared):
            yield f"{name} is {'used, not declared' if used else 'declared, not used'}"
        for one in used:
            yield from _obeys(one, prefix, fields)
        missing = [key for key in REQUIRED.get(prefix, ()) if f"{prefix}:{key}" not in item["properties"]]
        yield from (f"{prefix}:{key} is missing" for key in missing)
    unknown = {name for name in declared if name not in {FOLDERS.get(one, one) for one in FIELDS}}
    yield from (f"no rules for {name}" for name in unknown)


def _core(item: dict[str, Any]) -> Iterator[str]:
    try:
        JsonSchemaSTACValidator().validate_core(item, STACObjectType.ITEM, VERSION)
    except pystac.errors.STACValidationError as exc:
        yield str(exc)


def _links(item: dict[str, Any]) -> Iterator[str]:
    for link in item["links"]:
        if not link["href"].startswith("https://"):
            yield f"link {link['href']}"


def _obeys(one: dict[str, Any], prefix: str, fields: dict[str, Any]) -> Iterator[str]:
    values = {key.partition(":")[2]: value for key, value in one.items() if key.startswith(f"{prefix}:")}
    schema = {"properties": fields, "additionalProperties": False}
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    yield from (f"{prefix}: {error.message}" for error in validator.iter_errors(values))


def _published(item: dict[str, Any], address: str) -> Iterator[str]:
    """Yield the errors that the published schema finds."""
    schema = json.loads((Path(PUBLISHED or "") / address.removeprefix(HOME)).read_text())
    validator = jsonschema.Draft7Validator(
        schema, registry=_registry(), format_checker=jsonschema.FormatChecker()
    )
    yield from (f"{address}: {error.message}" for error in validator.iter_errors(item))


def _registry() -> Registry[Any]:
    """Return the documents that the schemas of extensions refer to."""
    home = Path(pystac.validation.__file__).parent / "jsonschemas"
    found: Registry[Any] = Registry()
    for path in (*(home / f"stac-spec/v{VERSION}").glob("*.json"), *(home / "geojson").glob("*.json")):
        schema = json.loads(path.read_text())
        resource = DRAFT7.create_resource(schema)
        found = found.with_resource(schema["$id"].rstrip("#"), resource)
        found = found.with_resource(f"https://geojson.org/schema/{path.name}", resource)
    return found.with_resource(
        "https://proj.org/schemas/v0.7/projjson.schema.json", DRAFT7.create_resource({})
    )
