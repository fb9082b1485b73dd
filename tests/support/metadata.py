"""All metadata of a product, compared with its rasters and with each other."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import MaskFlags
from rasterio.warp import transform

from isce2_recipe.sar.annotation import relative_orbit
from support import stac_rules

LIGHT_M_S = 299792458.0
SELF = ("ro-crate-metadata.json",)


class Metadata:
    """Metadata in the files of a product."""

    def __init__(self, product: Path) -> None:
        name = product.name
        self.folder, self.name = product, name
        self.text = dict(
            line.split(": ", 1) for line in (product / f"{name}.txt").read_text().splitlines() if line
        )
        self.readme = (product / f"{name}_README.md.txt").read_text()
        self.item: dict[str, Any] = json.loads((product / f"{name}.stac.json").read_text())
        self.run: dict[str, Any] = json.loads((product / f"{name}_run.json").read_text())
        crate = json.loads((product / "ro-crate-metadata.json").read_text())
        self.crate: dict[str, dict[str, Any]] = {entity["@id"]: entity for entity in crate["@graph"]}
        assert len(self.crate) == len(crate["@graph"])
        self.layers = sorted(path for path in product.glob(f"{name}_*.tif"))
        self.tags = self._tags()

    def _tags(self) -> dict[str, str]:
        """Return the tags, which are the same in all map layers."""
        found = []
        for path in self.layers:
            if not path.stem.endswith("_rdr"):
                with rasterio.open(path) as dataset:
                    found.append(dataset.tags() | {"AREA_OR_POINT": ""})
        assert all(tags == found[0] for tags in found)
        return found[0]

    @property
    def properties(self) -> dict[str, Any]:
        return self.item["properties"]


def check(product: Path) -> None:
    """Check that the metadata of a product agree with each other and with its rasters."""
    made = Metadata(product)
    assert list(stac_rules.broken(made.item)) == []
    for compare in (
        granules, times, orbits, numbers, processing, software, inputs, parameters, files, layers, places,
    ):  # fmt: skip
        compare(made)


def granules(made: Metadata) -> None:
    for word in ("Reference", "Secondary"):
        names = made.text[f"{word} Granule"].split(", ")
        assert made.tags[word.upper()].split() == names
        titles = [link["title"] for link in made.item["links"]]
        read = [] if made.tags["INPUTS"].endswith("simulated") else names
        assert [title.split()[1] for title in titles if title.startswith(word.lower())] == read
        assert all(name in made.readme for name in names)
        given = made.run["parameters"].get(word.lower())
        # The stripmap recipe takes the older scene as its reference, in any order of the parameters.
        if given is not None and not names[0].startswith("ALPSRP"):
            assert sorted([given] if isinstance(given, str) else given) == sorted(names)


def times(made: Metadata) -> None:
    properties, tags = made.properties, made.tags
    for word, end in (("reference", "start"), ("secondary", "end")):
        when = properties[f"insar:{word}_datetime"]
        assert when == properties[f"{end}_datetime"] == tags[f"{word.upper()}_TIME"]
    start, end = (datetime.fromisoformat(properties[f"{one}_datetime"]) for one in ("start", "end"))
    assert (end - start).total_seconds() / 86400 == pytest.approx(
        properties["insar:temporal_baseline"], abs=1e-6
    )
    assert f"{(end - start).total_seconds() / 86400:.0f} days apart" in made.readme
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    assert float(made.text["UTC time"]) == pytest.approx((start - midnight).total_seconds(), abs=1e-5)
    assert made.crate["./"]["datePublished"] == end.date().isoformat()
    assert "endTime" not in made.crate["#run"]  # the same run gives the same bytes


def orbits(made: Metadata) -> None:
    properties, text = made.properties, made.text
    assert properties["sat:absolute_orbit"] == int(text["Reference Orbit Number"])
    direction = text["Reference Pass Direction"]
    assert direction == made.tags["PASS_DIRECTION"] == properties["sat:orbit_state"].upper()
    assert f"Satellite pass: {direction.lower()}" in made.readme
    assert properties["view:azimuth"] == pytest.approx((float(text["Heading"]) + 270) % 360, abs=1e-3)
    track = properties.get("sat:relative_orbit")
    if properties["constellation"] == "sentinel-1":
        platform = f"S1{properties['platform'][-1].upper()}"
        assert relative_orbit(platform, properties["sat:absolute_orbit"]) == track
    assert track is None or f"track {track}" in made.readme
    assert made.tags["POLARIZATION"] == properties["sar:polarizations"][0]
    assert f"polarization {made.tags['POLARIZATION']}" in made.readme


def numbers(made: Metadata) -> None:
    properties, text, tags = made.properties, made.text, made.tags
    baseline = float(text["Baseline"])
    assert baseline == float(tags["PERPENDICULAR_BASELINE_M"]) == properties["insar:perpendicular_baseline"]
    assert f"baseline of {baseline:.1f} m" in made.readme
    wavelength = float(tags["WAVELENGTH_M"])
    assert properties["sar:center_frequency"] * 1e9 * wavelength == pytest.approx(LIGHT_M_S, rel=1e-8)
    assert f"* {wavelength:.6f} /" in made.readme
    assert float(text.get("Radar wavelength (m)", wavelength)) == wavelength
    terrain = properties["insar:processing_dem"]
    assert terrain == properties["insar:geocoding_dem"]
    source = made.tags["INPUTS"]
    expected = ("GLO_30", "https://doi.org/10.5270/ESA-c5d3d65") if source == "asf" else (source, source)
    assert (text["DEM source"], terrain) == expected
    assert tags["TERRAIN"] == text["DEM source"]
    near, center, far = (float(text[f"Slant range {one}"]) for one in ("near", "center", "far"))
    assert center == pytest.approx((near + far) / 2, abs=1e-3)
    across = math.sin(math.radians(properties["view:incidence_angle"])) * center
    expected = wavelength * across / 2 / baseline
    assert properties["insar:height_of_ambiguity"] == pytest.approx(expected, abs=1e-3)


def processing(made: Metadata) -> None:
    properties, text, tags = made.properties, made.text, made.tags
    looks = f"{text['Range looks']}x{text['Azimuth looks']}"
    assert looks == tags["LOOKS"] == f"{properties['sar:looks_range']}x{properties['sar:looks_azimuth']}"
    strength = text["Phase filter parameter"]
    assert strength == tags["FILTER_STRENGTH"]
    assert text["INSAR phase filter"] == ("yes" if float(strength) > 0 else "no")
    unwrapper = text["Unwrapping type"]
    assert unwrapper == tags["UNWRAPPER"]
    assert text["Water mask"] == tags["WATER_MASKED"]
    lineage = properties["processing:lineage"]
    assert all(word in lineage for word in (f"{looks} looks", f"filter {float(strength):g}", unwrapper))
    assert ("water masked" in lineage) == (text["Water mask"] == "yes")
    assert f"strength {strength}" in made.readme
    assert f"`{unwrapper}`" in made.readme


def software(made: Metadata) -> None:
    found = made.properties["processing:software"]
    engine = made.tags["ENGINE"]
    name, _, version = engine.partition(" ")
    assert found[name] == version
    assert made.tags["SOFTWARE"] == f"isce2-recipe {found['isce2-recipe']}"
    assert found == made.run["software"]
    assert found["isce2-recipe"] == made.run["isce2_recipe"]
    crate = [entity for entity in made.crate.values() if entity["@type"] == "SoftwareApplication"]
    assert {entity["name"]: entity["softwareVersion"] for entity in crate} == found
    assert f"isce2-recipe {found['isce2-recipe']} with the engine {engine}" in made.readme
    assert made.tags["INPUTS"] == made.run["source"].partition(":")[0]
    assert f"the source `{made.tags['INPUTS']}`" in made.readme.replace("\n", " ")


def inputs(made: Metadata) -> None:
    found = made.run["inputs"]
    assert found == made.properties["processing:expression"]["expression"]["inputs"]
    kinds = {entry["kind"] for entry in found}
    assert {"dem", "water mask"} < kinds
    assert all(len(entry["sha256"]) == 64 and entry["size"] > 0 for entry in found)
    named = {entry["of"] for entry in found if entry["kind"] in ("burst", "slc", "scene")}
    expected = {name for word in ("REFERENCE", "SECONDARY") for name in made.tags[word].split()}
    assert named == (set() if "product" in kinds else expected)
    used = [made.crate[one["@id"]] for one in made.crate["#run"]["object"]]
    crate = {
        (name, one["sha256"])
        for one in used
        if one["@type"] == "CreativeWork"
        for name in (one["name"], *_listed(one.get("alternateName", [])))
    }
    assert crate == {(entry["name"], entry["sha256"]) for entry in found}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def parameters(made: Metadata) -> None:
    given = made.run["parameters"]
    assert made.properties["processing:expression"]["expression"]["parameters"] == given
    assert json.loads(made.tags["PARAMETERS"]) == given
    recipe = made.crate[f"{made.name}_recipe.yml"]
    formal = [made.crate[one["@id"]] for one in recipe["input"]]
    assert [one["name"] for one in formal] == list(given)
    for one in formal:
        value = made.crate[one["workExample"]["@id"]]
        assert value["exampleOfWork"] == {"@id": one["@id"]}
        expected = given[one["name"]]
        assert value["value"] == expected or json.loads(value["value"]) == expected
    assert recipe["name"] == made.run["recipe"]
    assert made.crate["#run"]["instrument"] == {"@id": recipe["@id"]}


def files(made: Metadata) -> None:
    """Check that both catalogues list every file with its checksum, and nothing else."""
    there = {
        path.relative_to(made.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in made.folder.rglob("*")
        if path.is_file() and path.name not in SELF
    }
    crate = {name: entity["sha256"] for name, entity in made.crate.items() if "File" in entity["@type"]}
    assert crate == there
    assert {one["@id"] for one in made.crate["./"]["hasPart"]} == there.keys()
    results = {one["@id"] for one in made.crate["#run"]["result"]}
    assert results == there.keys() - {f"{made.name}_recipe.yml"}
    assets = {
        asset["href"].removeprefix("./"): asset["file:checksum"].removeprefix("1220")
        for asset in made.item["assets"].values()
    }
    assert assets == {name: digest for name, digest in there.items() if name != f"{made.name}.stac.json"}
    for asset in made.item["assets"].values():
        assert asset["file:size"] == (made.folder / asset["href"]).stat().st_size


def layers(made: Metadata) -> None:
    kinds = {"complex64": "cfloat32"}
    for path in made.layers:
        key = path.stem.removeprefix(f"{made.name}_")
        asset = made.item["assets"][key]
        with rasterio.open(path) as dataset:
            assert asset["data_type"] == kinds.get(dataset.dtypes[0], dataset.dtypes[0])
            assert asset.get("nodata") == dataset.nodata
            assert asset.get("unit") == dataset.units[0]
            assert asset["title"] == dataset.descriptions[0] == made.crate[path.name]["name"]
            assert made.crate[f"#output-{key}"]["workExample"] == {"@id": path.name}
            if dataset.crs is None:
                assert (asset["proj:code"], asset["proj:shape"]) == (None, list(dataset.shape))
                continue
            row = next(line for line in made.readme.splitlines() if f"| `{key}.tif` |" in line)
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            masked = MaskFlags.per_dataset in dataset.mask_flag_enums[0]
            nodata = "none" if dataset.nodata is None else f"{dataset.nodata:g}"
            nodata = "a mask inside the file" if masked else nodata
            expected = [dataset.descriptions[0], dataset.units[0] or "-", dataset.dtypes[0], nodata]
            assert cells[1:] == expected


def places(made: Metadata) -> None:
    properties = made.properties
    with rasterio.open(made.folder / f"{made.name}_lv_theta.tif") as dataset:
        elevation = dataset.read(1)
        assert properties["proj:code"] == dataset.crs.to_string()
        assert properties["proj:shape"] == list(dataset.shape)
        assert properties["proj:transform"] == list(dataset.transform)[:6]
        assert properties["proj:bbox"] == list(dataset.bounds)
        assert properties["gsd"] == pytest.approx(dataset.transform.a)
        assert f"EPSG:{dataset.crs.to_epsg()}" in made.readme
        rows, cols = np.nonzero(elevation)
        xs, ys = rasterio.transform.xy(dataset.transform, rows[::97], cols[::97])
        lons, lats = transform(dataset.crs, "EPSG:4326", xs, ys)
    seen = 90 - math.degrees(elevation[elevation != 0].mean(dtype=np.float64))
    assert properties["view:incidence_angle"] == pytest.approx(seen, abs=1e-3)
    west, south, east, north = made.item["bbox"]
    assert west <= min(lons) <= max(lons) <= east
    assert south <= min(lats) <= max(lats) <= north
