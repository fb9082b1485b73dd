from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from isce2_recipe.actions import quality, report
from isce2_recipe.actions.base import Context
from isce2_recipe.errors import ParameterError, StepFailed
from support.finished import write_product, write_truth


def context(out: Path) -> Context:
    out.mkdir(exist_ok=True)
    return Context(out, out, None, None, logging.getLogger("t"), lambda _f, _t: None, 1)


@pytest.fixture
def measured(tmp_path):
    product = write_product(tmp_path)
    truth = write_truth(tmp_path / "truth.tif")
    out = context(tmp_path / "quality")
    return product, truth, quality.measure.function(out, product=product, truth=truth, other=product)


def test_quality_is_one_file(measured):
    found = json.loads(measured[2].quality.read_text())
    assert measured[2].valid_fraction == 1.0
    assert found["truth"]["wrong_cycles"] == 0 and found["other"]["same"]
    assert measured[2].summary.startswith("100.0 % of the land unwrapped, median coherence 0.80")


def test_limits_fail_or_warn(measured, tmp_path):
    ask = {"quality": measured[2].quality, "limits": {"max_components": 1, "min_coherence": 0.5}}
    with pytest.raises(StepFailed, match="not good enough: the number of connected") as failed:
        quality.check.function(context(tmp_path / "a"), **ask)
    assert failed.value.exit_code == 3
    warned = quality.check.function(context(tmp_path / "b"), **ask, then="warn")
    assert not warned.passed and len(warned.problems) == 1
    good = quality.check.function(
        context(tmp_path / "c"), quality=measured[2].quality, limits={"min_coherence": 0.5}
    )
    assert good.passed and good.summary == "all 1 quality limits are met"


@pytest.mark.parametrize("limits", [{"max_nonsense": 1}, {"max_components": "few"}, {"max_components": True}])
def test_limits_that_cannot_be_are_refused_before_a_run(limits):
    with pytest.raises(ParameterError, match="limit"):
        quality.check.check({"limits": limits})


def test_a_report_is_written_even_where_nothing_is_known_of_the_run(measured, tmp_path):
    product, truth, found = measured
    made = report.write.function(
        context(tmp_path / "report"), product=product, quality=found.quality, truth=truth
    )
    assert made.html.name == "report.html" and len(made.pictures) == 8
    assert "Repeat the run" not in made.html.read_text(encoding="utf-8")
