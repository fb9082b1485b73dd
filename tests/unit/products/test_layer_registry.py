"""The registry of layers: one entry is enough for a layer to be everywhere."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from isce2_recipe.cli import product_summary
from isce2_recipe.products import layer_tables
from isce2_recipe.products.differences import compare
from isce2_recipe.products.layer import Drawing, Layer, SourceRaster, Tolerance
from isce2_recipe.products.layers import DEM, LAYERS, geocode_list, map_layers
from isce2_recipe.products.package import Product, template_text
from isce2_recipe.products.quality import measuring
from isce2_recipe.products.reading import open_product
from isce2_recipe.products.report.page import ReportInputs, write_report
from support.isce_folder import Ground, product

ROOT = Path(__file__).parents[3]
HEIGHT = Layer(
    name="height_mm",
    description="Height in millimetres",
    reading="is a thousand times the height of a product with {facts.mission.name} data.",
    unit="millimetre",
    reads=(DEM,),
    make=lambda pixels, _: 1000.0 * pixels.read(DEM),
    roles=("data", "height-in-mm"),
    tolerance=Tolerance(500.0, "mm", "value"),
    drawing=Drawing("heights", "Fine heights", "How high the ground is.", "sequential", "mm"),
    hyp3="a rumour",
)
ALL = (*LAYERS, HEIGHT)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Product:
    """Return a product with the additional layer."""
    folder = tmp_path_factory.mktemp("registry")
    Ground().write(folder)
    return product(folder, "P", layers=ALL)


def test_it_is_written(made):
    with rasterio.open(made.layers["height_mm"]) as fine, rasterio.open(made.layers["dem"]) as coarse:
        values, heights = fine.read(1), coarse.read(1)
        assert (fine.units, fine.descriptions) == (("millimetre",), ("Height in millimetres",))
    known = heights != -32768
    np.testing.assert_allclose(values[known], 1000.0 * heights[known], rtol=1e-6)
    assert not values[~known].any()


def test_it_is_in_the_stac_item_and_the_readme(made):
    item = json.loads((made.directory / "P.stac.json").read_text())
    asset = item["assets"]["height_mm"]
    assert (asset["roles"], asset["unit"]) == (["data", "height-in-mm"], "millimetre")
    readme = (made.directory / "P_README.md.txt").read_text()
    assert "| `height_mm.tif` | Height in millimetres | millimetre | float32 | 0 |" in readme
    assert "* `height_mm` is a thousand times the height of a product with Sentinel-1 data." in readme


def test_it_is_compared_with_its_own_tolerance(made):
    found = compare(*[open_product(made.directory)] * 2, layers=ALL)["layers"]["height_mm"]
    assert (found["limit"], found["unit"], found["rms"]) == (500.0, "mm", 0.0)


def test_the_report_and_show_draw_it(made, tmp_path):
    quality = measuring.write(tmp_path, measuring.quality(made.directory))
    template = template_text((), name="report/run.html.j2")
    inputs = ReportInputs(made.directory, quality, (), None, {}, (), {}, template)
    page, pictures = write_report(tmp_path, inputs, ALL)
    assert "Fine heights" in page.read_text(encoding="utf-8")
    assert "P_heights.png" in [path.name for path in pictures]
    stream = io.StringIO()
    opened = open_product(made.directory)
    product_summary.show(opened, json.loads(quality.read_text()), "height_mm", stream, True, ALL)
    assert "Fine heights" in stream.getvalue()


def test_the_documentation_lists_it():
    row = "| `_height_mm.tif` | Height in millimetres | millimetre | float32 | 0 | mean | all | a rumour |"
    assert row in layer_tables.layer_table(ALL)
    assert "| `height_mm` | 500 mm |" in layer_tables.tolerance_table(ALL)


def test_topsapp_geocodes_the_file_that_a_layer_reads():
    ion = SourceRaster("ionosphere", topsapp="merged/topophase.ion")
    more = (*LAYERS, Layer(name="ionosphere", description="Ionosphere", reads=(ion,)))
    assert geocode_list(more) == [*geocode_list(), "merged/topophase.ion"]
    assert "'merged/topophase.ion'" in layer_tables.geocode_property(more)


def test_texts_made_from_the_registry_are_current():
    """``python -m isce2_recipe.products.layer_tables`` updates them."""
    for path, text in layer_tables.current_texts(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, path


def test_every_layer_on_the_map_states_its_tolerance_and_its_origin():
    names = [layer.name for layer in LAYERS]
    assert len(set(names)) == len(names)
    for layer in map_layers():
        assert layer.reads, layer.name
        assert layer.tolerance.unit, layer.name


def test_the_registry_is_light():
    """Plans and the linter import it, so that it must not import NumPy."""
    code = "import sys, isce2_recipe.products.layers; print({'numpy', 'rasterio'} & sys.modules.keys())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
