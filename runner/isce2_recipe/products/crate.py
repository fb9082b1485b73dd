"""The RO-Crate of a product, which describes its provenance for workflow tools.

It is a Workflow Run Crate (https://w3id.org/ro/wfrun/workflow/0.5) in plain JSON-LD. Equal runs give equal
crates, so it has no time of the run, which is in the run's ``run.json``. The date of publication, which
RO-Crate requires, is the day of the newer acquisition, the earliest possible date of the product.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from isce2_recipe import __version__
from isce2_recipe.inputs import InputFile
from isce2_recipe.paths import CRATE, PRODUCT_RECIPE
from isce2_recipe.products.contents import ProductFile, contents
from isce2_recipe.products.facts import ProductFacts

Entity = dict[str, Any]

_CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},
]
_PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_FORMAL = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
_WORKFLOW = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_HOME = "https://github.com/isce2-recipe/isce2-recipe"
_PACKAGES = "https://pypi.org/project/"
_ISCE2 = "https://github.com/isce-framework/isce2"
_LANGUAGE, _RUN, _TERMS = "#recipe-language", "#run", "#terms"
# Types of JSON Schema and their names in schema.org.
_KINDS = {"boolean": "Boolean", "integer": "Integer", "number": "Float", "string": "Text"}


def write_crate(prefix: Path, facts: ProductFacts) -> Path:
    """Write ``ro-crate-metadata.json`` about all files in a product's folder, which begin with the prefix."""
    path = prefix.with_name(CRATE)
    files = contents(prefix, but=(CRATE,))
    graph = [*_root(prefix.name, facts, files), *_workflow(facts, files), *_run(facts, files)]
    graph += [*_files(files), *_inputs(facts), *_software(facts)]
    text = json.dumps({"@context": _CONTEXT, "@graph": graph}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _recipe_of(files: list[ProductFile]) -> ProductFile:
    return next(file for file in files if file.href.endswith(PRODUCT_RECIPE))


def _refer(*names: str) -> Any:
    return _few([{"@id": name} for name in names])


def _few(values: list[Any]) -> Any:
    """Return a list, or its only element."""
    return values[0] if len(values) == 1 else values


def _root(name: str, facts: ProductFacts, files: list[ProductFile]) -> Iterator[Entity]:
    year = facts.reference_start.year
    yield {
        "@id": CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": _refer(
            "https://w3id.org/ro/crate/1.1", "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
        ),
    }
    yield {
        "@id": "./",
        "@type": "Dataset",
        "name": name,
        "description": _description(facts),
        "datePublished": max(facts.reference_start, facts.secondary_start).date().isoformat(),
        "license": {"@id": _TERMS},
        "conformsTo": _refer(*_PROFILES),
        "mainEntity": {"@id": _file_id(_recipe_of(files))},
        "hasPart": _refer(*map(_file_id, files)),
        "mentions": {"@id": _RUN},
    }
    for address, (title, version) in _PROFILES.items():
        yield {"@id": address, "@type": "CreativeWork", "name": title, "version": version}
    terms = "Simulated data: nothing in it was observed." if facts.simulated else facts.mission.credit
    yield {
        "@id": _TERMS,
        "@type": "CreativeWork",
        "name": "Terms of use",
        "description": terms.format(year=year),
        **({} if facts.simulated else {"url": facts.mission.terms}),
    }


def _description(facts: ProductFacts) -> str:
    origin = "simulated " if facts.simulated else ""
    first, second = facts.reference_start.date(), facts.secondary_start.date()
    return (
        f"Geocoded unwrapped interferogram of {origin}{facts.mission.name} data of {first} and {second}, "
        f"made by isce2-recipe {__version__} with the engine {facts.engine}."
    )


def _workflow(facts: ProductFacts, files: list[ProductFile]) -> Iterator[Entity]:
    """Yield the recipe, its language, its parameters and its outputs."""
    record = facts.record or {}
    document = record["document"]
    documentation = document.get("documentation", {})
    layers = [file for file in files if file.is_layer]
    recipe = _recipe_of(files)
    yield {
        "@id": _file_id(recipe),
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": record["recipe"],
        "version": __version__,
        "conformsTo": {"@id": _WORKFLOW},
        "description": document.get("summary", ""),
        "programmingLanguage": {"@id": _LANGUAGE},
        "input": _refer(*(_formal_id(one) for one in facts.parameters)),
        "output": _refer(*(_output_id(file) for file in layers)),
        "softwareRequirements": _refer(*(_software_id(*one) for one in facts.software.items())),
        **({"license": documentation["license"]} if "license" in documentation else {}),
        **({"keywords": ", ".join(documentation["keywords"])} if "keywords" in documentation else {}),
        **_described(recipe),
    }
    yield {
        "@id": _LANGUAGE,
        "@type": "ComputerLanguage",
        "name": "isce2-recipe",
        "version": str(document.get("recipe", 1)),
        "url": {"@id": _HOME},
    }
    schemas = document.get("parameters", {})
    for parameter, value in facts.parameters.items():
        yield from _parameter(parameter, value, schemas.get(parameter, {}))
    for file in layers:
        yield {
            "@id": _output_id(file),
            "@type": "FormalParameter",
            "name": file.key,
            "description": file.title,
            "additionalType": "File",
            "encodingFormat": file.media.partition(";")[0],
            "conformsTo": {"@id": _FORMAL},
            "workExample": {"@id": _file_id(file)},
        }


def _formal_id(parameter: str) -> str:
    return f"#parameter-{parameter}"


def _value_id(parameter: str) -> str:
    return f"#value-{parameter}"


def _output_id(file: ProductFile) -> str:
    return f"#output-{quote(file.key)}"


def _parameter(name: str, value: Any, schema: Entity) -> Iterator[Entity]:
    """Yield a parameter and its value."""
    plain = value if isinstance(value, str | int | float) else json.dumps(value)
    types = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", ["string"])
    kind = _KINDS.get(next((one for one in types if one != "null"), ""), "Text")
    yield {
        "@id": _formal_id(name),
        "@type": "FormalParameter",
        "name": name,
        "description": schema.get("description", name),
        "additionalType": kind,
        "conformsTo": {"@id": _FORMAL},
        "workExample": {"@id": _value_id(name)},
    }
    yield {
        "@id": _value_id(name),
        "@type": "PropertyValue",
        "name": name,
        "value": plain,
        "exampleOfWork": {"@id": _formal_id(name)},
    }


def _run(facts: ProductFacts, files: list[ProductFile]) -> Iterator[Entity]:
    recipe = _recipe_of(files)
    made = [file for file in files if file is not recipe]
    yield {
        "@id": _RUN,
        "@type": "CreateAction",
        "name": f"Run of {(facts.record or {})['recipe']}",
        "description": f"Inputs from the source {facts.source}, computed by {facts.engine}.",
        "instrument": {"@id": _file_id(recipe)},
        "object": _refer(*dict.fromkeys(map(_input_id, facts.inputs)), *map(_value_id, facts.parameters)),
        "result": _refer(*map(_file_id, made)),
        "actionStatus": "http://schema.org/CompletedActionStatus",
    }


def _file_id(file: ProductFile) -> str:
    return quote(file.href)


def _described(file: ProductFile) -> Entity:
    return {
        "encodingFormat": file.media.partition(";")[0],
        "contentSize": str(file.size),
        "sha256": file.sha256,
    }


def _files(files: list[ProductFile]) -> Iterator[Entity]:
    recipe = _recipe_of(files)
    for file in files:
        if file is recipe:
            continue
        yield {
            "@id": _file_id(file),
            "@type": "File",
            "name": file.title or file.path.name,
            **_described(file),
            **({"exampleOfWork": {"@id": _output_id(file)}} if file.is_layer else {}),
        }


def _input_id(file: InputFile) -> str:
    """Return a name made of the file's content (RFC 6920), because the file is not part of the product."""
    digest = urlsafe_b64encode(bytes.fromhex(file.sha256)).decode().rstrip("=")
    return f"ni:///sha-256;{digest}"


def _inputs(facts: ProductFacts) -> Iterator[Entity]:
    """Yield one entity for each content: bursts of one SLC have the same metadata file."""
    alike: dict[str, list[InputFile]] = {}
    for file in facts.inputs:
        alike.setdefault(_input_id(file), []).append(file)
    for name, files in alike.items():
        first, *others = files
        yield {
            "@id": name,
            "@type": "CreativeWork",
            "name": first.name,
            **({"alternateName": _few([file.name for file in others])} if others else {}),
            "description": f"{first.kind} {first.of}",
            "identifier": [file.of for file in files] if others else first.of,
            "contentSize": str(first.size),
            "sha256": first.sha256,
        }


def _software_id(name: str, version: str) -> str:
    address = {"isce2-recipe": _HOME, "builtin": _HOME, "isce2": _ISCE2}.get(name, f"{_PACKAGES}{name}/")
    return f"{address}#{quote(name)}-{quote(version)}"


def _software(facts: ProductFacts) -> Iterator[Entity]:
    for name, version in facts.software.items():
        address = _software_id(name, version)
        yield {
            "@id": address,
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
            "url": address.partition("#")[0],
        }
