"""The RO-Crate of a product, which describes its provenance for workflow tools.

It is a Workflow Run Crate (https://w3id.org/ro/wfrun/workflow/0.5) in plain JSON-LD. Equal runs give equal
crates, so it has no time of the run, which is in the run's ``run.json``. The date of publication, which
RO-Crate requires, is the day of the newer acquisition, the earliest possible date of the product.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from isce2_recipe import __version__
from isce2_recipe.files import json_text
from isce2_recipe.inputs import InputFile
from isce2_recipe.markup import render_json
from isce2_recipe.paths import CRATE, PRODUCT_RECIPE
from isce2_recipe.products.contents import contents
from isce2_recipe.products.facts import ProductFacts

_HOME = "https://github.com/isce2-recipe/isce2-recipe"
_HOMES = {"isce2-recipe": _HOME, "builtin": _HOME, "isce2": "https://github.com/isce-framework/isce2"}
# Types of JSON Schema and their names in schema.org.
_KINDS = {"boolean": "Boolean", "integer": "Integer", "number": "Float", "string": "Text"}


def write_crate(prefix: Path, facts: ProductFacts) -> Path:
    """Write ``ro-crate-metadata.json`` about all files in a product's folder, which begin with the prefix."""
    path = prefix.with_name(CRATE)
    files = contents(prefix, but=(CRATE,))
    recipe = next(file for file in files if file.href.endswith(PRODUCT_RECIPE))
    inputs: dict[str, list[InputFile]] = {}
    for file in facts.inputs:
        inputs.setdefault(_input_id(file), []).append(file)
    content = render_json(
        "product/crate.json",
        refer=_refer,
        few=_few,
        kind=_kind,
        plain=_plain,
        crate=CRATE,
        name=prefix.name,
        version=__version__,
        description=_description(facts),
        published=max(facts.reference_start, facts.secondary_start).date(),
        facts=facts,
        record=facts.record,
        files=files,
        recipe=recipe,
        layers=[file for file in files if file.is_layer],
        others=[file for file in files if file is not recipe],
        used=[*inputs, *(f"#value-{name}" for name in facts.parameters)],
        inputs=inputs,
        software=[_software(*one) for one in facts.software.items()],
    )
    path.write_text(json_text(content, indent=1) + "\n", encoding="utf-8")
    return path


def _refer(names: Iterable[str], start: str = "") -> Any:
    return _few({"@id": start + name} for name in names)


def _few(values: Iterable[Any]) -> Any:
    """Return a list, or its only element."""
    listed = list(values)
    return listed[0] if len(listed) == 1 else listed


def _description(facts: ProductFacts) -> str:
    origin = "simulated " if facts.simulated else ""
    first, second = facts.reference_start.date(), facts.secondary_start.date()
    return (
        f"Geocoded unwrapped interferogram of {origin}{facts.mission.name} data of {first} and {second}, "
        f"made by isce2-recipe {__version__} with the engine {facts.engine}."
    )


def _kind(schema: dict[str, Any]) -> str:
    given = schema.get("type", ["string"])
    types = [given] if isinstance(given, str) else given
    return _KINDS.get(next((one for one in types if one != "null"), ""), "Text")


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else json.dumps(value)


def _input_id(file: InputFile) -> str:
    """Return a name made of the file's content (RFC 6920), because the file is not part of the product."""
    digest = urlsafe_b64encode(bytes.fromhex(file.sha256)).decode().rstrip("=")
    return f"ni:///sha-256;{digest}"


def _software(name: str, version: str) -> dict[str, str]:
    address = _HOMES.get(name, f"https://pypi.org/project/{name}/")
    return {"name": name, "version": version, "address": f"{address}#{quote(name)}-{quote(version)}"}
