"""The RO-Crate of a product, and RO-Crate's own validator on it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isce2_recipe.inputs import describe_files
from support import crates, isce_folder
from support.isce_folder import Ground

NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_663F"
RECORD = {
    "recipe": "small",
    "source": "simulated",
    "engine": "isce2",
    "parameters": {"looks": "20x4", "mask": False, "strength": 0.5, "bounds": None, "names": ["a", "b"]},
    "document": {
        "recipe": 1,
        "name": "small",
        "summary": "A small recipe.",
        "documentation": {"license": "Apache-2.0", "authors": ["Somebody"], "keywords": ["InSAR"]},
        "parameters": {
            "looks": {"type": "string", "description": "Looks."},
            "mask": {"type": "boolean"},
            "strength": {"type": "number"},
            "bounds": {"type": ["array", "null"]},
            "names": {"type": "array"},
        },
    },
    "files": {"parts/own.yml": "recipe: 1\n"},
}


@pytest.fixture(scope="module")
def product(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("crate")
    Ground().write(folder)
    (folder / "same.tif").hardlink_to(folder / "dem.tif")
    inputs = tuple(describe_files("dem", [folder / "dem.tif", folder / "same.tif"]))
    return isce_folder.product(folder, NAME, record=RECORD, inputs=inputs).directory


def graph(folder: Path) -> dict[str, dict]:
    text = (folder / "ro-crate-metadata.json").read_text()
    return {entity["@id"]: entity for entity in json.loads(text)["@graph"]}


def test_the_validator_accepts_it(product, tmp_path):
    assert crates.problems(product, tmp_path) == []


@pytest.mark.slow
def test_omitted_recommendations_are_known(product, tmp_path):
    """Times and people differ between equal runs; HyP3 decides the README's name; a recipe has no address."""
    advised = crates.problems(product, tmp_path, "recommended")
    known = ("endTime", "agent", "`author`", "`publisher`", "README.md", "have a url", "absolute URI")
    assert [text for text in advised if not any(word in text for word in known)] == []


@pytest.mark.slow
@pytest.mark.parametrize("spoil", ["mainEntity", "license", "file"])
def test_the_validator_finds_errors(product, tmp_path, spoil):
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    for path in product.iterdir():
        (spoilt / path.name).hardlink_to(path)
    path = spoilt / "ro-crate-metadata.json"
    document = json.loads(path.read_text())
    path.unlink()
    if spoil == "file":
        (spoilt / f"{NAME}_recipe.yml").unlink()
    for entity in document["@graph"]:
        entity.pop(spoil, None)
    path.write_text(json.dumps(document))
    assert crates.problems(spoilt, tmp_path) != []


def test_parameters_keep_their_types(product):
    values = {name: entity for name, entity in graph(product).items() if name.startswith("#value-")}
    assert {name.removeprefix("#value-"): entity["value"] for name, entity in values.items()} == {
        "looks": "20x4",
        "mask": False,
        "strength": 0.5,
        "bounds": "null",
        "names": '["a", "b"]',
    }
    kinds = [graph(product)[f"#parameter-{name}"]["additionalType"] for name in RECORD["parameters"]]
    assert kinds == ["Text", "Boolean", "Float", "Text", "Text"]


def test_inputs_are_named_by_their_content(product):
    [dem] = (entity for name, entity in graph(product).items() if name.startswith("ni:///sha-256;"))
    assert (dem["name"], dem["alternateName"], len(dem["sha256"])) == ("dem.tif", "same.tif", 64)
    assert {"@id": dem["@id"]} in graph(product)["#run"]["object"]


def test_the_product_contains_the_recipe_and_its_files(product):
    text = (product / f"{NAME}_recipe.yml").read_text()
    assert text.startswith("recipe: 1\nname: small\n")
    record = json.loads((product / f"{NAME}_run.json").read_text())
    assert record["files"] == {"parts/own.yml": "recipe: 1\n"}
    assert "document" not in record


def test_a_product_without_a_record_has_no_crate(tmp_path):
    Ground().write(tmp_path)
    made = isce_folder.product(tmp_path, NAME)
    names = {path.name for path in made.directory.iterdir()}
    assert not names & {"ro-crate-metadata.json", f"{NAME}_run.json", f"{NAME}_recipe.yml"}
