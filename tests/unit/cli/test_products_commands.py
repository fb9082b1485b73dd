"""The commands ``show`` and ``compare``."""

from __future__ import annotations

import io
import json
import re
from importlib.util import find_spec

import pytest

from isce2_recipe.cli import main, product_summary
from isce2_recipe.cli.stack_viewer import groups
from isce2_recipe.products.quality.measuring import measure
from isce2_recipe.products.reading import open_product
from support.finished import fields, write_product


def test_show_summarises_a_product(tmp_path, capsys):
    product = write_product(tmp_path)
    assert main(["show", str(product)]) == 0
    said = capsys.readouterr().out
    assert product.name in said and "90 x 60 pixels of 80 m, EPSG:32639" in said
    assert "100.0 % of the land unwrapped" in said
    assert "\x1b" not in said  # no picture and no colours without a terminal


def test_a_run_whose_recipe_makes_no_product(tmp_path, capsys):
    (tmp_path / "run.json").write_text('{"outputs": {"dem": {"$file": "dem/dem.tif"}, "steepest": 21.4}}')
    assert main(["show", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "has no product" in said
    assert "its outputs are: dem, steepest" in said


def test_show_names_the_files_of_a_stack(tmp_path, capsys):
    dates = [f"displacement/20200604_{date}.tif" for date in (20200604, 20200616)]
    for name in ("A_velocity.tif", *dates):
        file = tmp_path / "A" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert main(["show", str(tmp_path / "A")]) == 0
    said = capsys.readouterr().out
    assert re.search(r"stack +A\ndates +2 from 20200604 to 20200616\nvelocity +.*A_velocity.tif", said)
    assert main(["compare", str(tmp_path / "A"), str(tmp_path / "A")]) == 1
    assert "is the product of a stack" in capsys.readouterr().err


def test_the_viewer_gets_the_maps_of_a_stack(tmp_path):
    folder = tmp_path / "A"
    (folder / "displacement").mkdir(parents=True)
    for name in ("A_velocity.tif", *(f"displacement/20200604_202006{day}.tif" for day in ("04", "10", "16"))):
        (folder / name).touch()
    series, velocity = groups(folder / "A_velocity.tif")
    assert [file.rpartition("_")[2] for file in series["file_list"]] == ["20200610.tif", "20200616.tif"]
    assert velocity == {"name": "velocity", "file_list": [str(folder / "A_velocity.tif")]}


def test_only_a_stack_is_served(tmp_path, capsys):
    assert main(["show", "--serve", str(write_product(tmp_path))]) == 2
    assert "is not a stack" in capsys.readouterr().err
    if find_spec("bowser") is None:
        (tmp_path / "A").mkdir()
        (tmp_path / "A" / "A_velocity.tif").touch()
        assert main(["show", "--serve", str(tmp_path / "A")]) == 1
        assert "pip install 'isce2-recipe[view]'" in capsys.readouterr().err


@pytest.mark.parametrize("layer", ["unw_phase", "wrapped_phase", "corr", "amp", "conncomp", "dem"])
def test_show_draws_half_blocks(tmp_path, capsys, layer):
    assert main(["show", str(write_product(tmp_path)), "--picture", "--layer", layer]) == 0
    said = capsys.readouterr().out
    assert said.count("▀") > 500 and "\x1b[38;2;" in said


@pytest.mark.parametrize(("columns", "lines"), [(80, 3), (200, 1)])
def test_show_fits_the_terminal(tmp_path, monkeypatch, columns, lines):
    """Long values are wrapped, and the colour bar has both end values."""
    said = on_terminal(tmp_path, monkeypatch, COLUMNS=str(columns))
    assert "▀" in said
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert max(map(len, plain.splitlines())) <= columns
    assert re.search(r"Displacement -\d[\d.]* ▀{24} \d[\d.]* cm", plain)
    (layers,) = re.findall(r"^ +layers  (\S.*(?:\n {14}\S.*)*)", plain, re.MULTILINE)
    assert layers.split()[-1] == "wrapped_phase"
    assert len(layers.splitlines()) <= lines


def test_show_without_colours_draws_nothing(tmp_path, monkeypatch):
    said = on_terminal(tmp_path, monkeypatch, COLUMNS="80", NO_COLOR="1")
    assert "▀" not in said and "▄" not in said
    assert "[38;" not in said


def on_terminal(tmp_path, monkeypatch, **environment: str) -> str:
    """Return what ``show`` prints on a terminal with 256 colours."""
    known = {"TERM": "xterm-256color", "FORCE_COLOR": "1"} | environment
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    product, stream = open_product(write_product(tmp_path)), io.StringIO()
    product_summary.show(product, measure(product), "unw_phase", stream, None)
    return stream.getvalue()


def test_show_prints_json(tmp_path, capsys):
    assert main(["show", str(write_product(tmp_path)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["quality"]["components"]["count"] == 2
    assert found["parameters"]["Range looks"] == "20"


def test_show_refuses_unknown_layers(tmp_path, capsys):
    assert main(["show", str(write_product(tmp_path)), "--layer", "phase"]) == 2
    assert "its layers are amp, conncomp" in capsys.readouterr().err


def test_compare_returns_0_or_1(tmp_path, capsys):
    first = write_product(tmp_path / "a")
    second = write_product(tmp_path / "b", corr=fields()["corr"] * 1.1)
    assert main(["compare", str(first), str(first)]) == 0
    assert "the same within these limits" in capsys.readouterr().out
    assert main(["compare", str(first), str(second)]) == 1
    assert "DIFF corr" in capsys.readouterr().out
    assert main(["compare", str(first), str(second), "--tolerance", "corr=0.5"]) == 0
    capsys.readouterr()
    assert main(["compare", str(first), str(second), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["layers"]["corr"]["same"] is False


def test_compare_refuses_missing_products_and_invalid_tolerances(tmp_path, capsys):
    product = str(write_product(tmp_path))
    assert main(["compare", product, str(tmp_path / "nowhere")]) == 1
    assert "there is no product" in capsys.readouterr().err
    assert main(["compare", product, product, "--tolerance", "corr"]) == 2
