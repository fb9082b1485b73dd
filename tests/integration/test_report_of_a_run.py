"""Quality, report and limits of a whole run, by the command line."""

from __future__ import annotations

import json

import pytest
from lxml import html

from support.main_job import TINY, run_job

pytestmark = pytest.mark.slow

LIMITS = "quality_limits={min_valid_fraction: 0.5, max_rms_mm: 0.0001}"


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Return a run that demands more than radar can achieve."""
    return run_job(tmp_path_factory.mktemp("limits") / "run", "--set", LIMITS, source=TINY)


def test_a_product_below_the_limits_ends_the_run_with_code_3(failed):
    assert failed.code == 3
    assert "accept: the product is not good enough: the RMS difference from the truth" in failed.message
    assert "min_valid_fraction" not in failed.message.partition("hint:")[0]


def test_the_quality_is_written_all_the_same(failed):
    quality = json.loads((failed.workdir / "finish" / "quality" / "quality.json").read_text())
    assert quality["coverage"]["valid_fraction"] > 0.95
    assert quality["truth"]["wrong_cycles"] == 0
    assert quality["seams"] == []


def test_the_report_shows_the_run(failed):
    page = html.fromstring((failed.workdir / "finish" / "report" / "report.html").read_text(encoding="utf-8"))
    (table,) = page.xpath("//table[caption='Steps']")
    rows = {row.xpath("./th")[0].text: row.xpath("./td//text()") for row in table.xpath(".//tbody/tr")}
    assert rows["topsapp/unwrap"][1] == "done" and rows["topsapp/unwrap"][2].endswith(" s")
    assert rows["topsapp/unwrap"][3].endswith("MB")
    assert rows["topsapp/unmask"][1] == "skipped"
    assert rows["finish/report"][1] == "this page"
    assert rows["finish/accept"][1] == "to do"
    command = page.xpath("//pre")[0].text
    assert command.startswith("isce2-recipe run insar_tops_burst --source simulated:")
    assert "--engine builtin" in command and "--set 'quality_limits=" in command
    assert "precise (POEORB)" in page.text_content()


def test_a_warning_lets_the_run_go_on(failed):
    again = run_job(failed.workdir, "--set", LIMITS, "--set", "low_quality=warn", source=TINY)
    assert again.code == 0, again.printed
    assert again.output("limits").startswith("warning: the RMS difference from the truth in mm is")
    assert again.output("report").endswith("finish/report/report.html")
    assert "topsapp/unwrap: started" not in again.printed


def test_a_product_is_compared_with_another_one_and_stays_the_same(failed):
    (product,) = (failed.workdir / "package").glob("S1_*VV_INT80_????")
    again = run_job(failed.workdir, "--set", f"compare_with={product}", source=TINY)
    assert again.code == 0, again.printed
    assert "package: started" not in again.printed
    other = json.loads((failed.workdir / "finish" / "quality" / "quality.json").read_text())["other"]
    assert other["same"] and other["second"] == product.name
    page = (failed.workdir / "finish" / "report" / "report.html").read_text(encoding="utf-8")
    assert f"Compared with {product.name}" in page


def test_limits_have_names(tmp_path):
    wrong = run_job(tmp_path / "run", "--set", "quality_limits={min_valid: 1}")
    assert wrong.code == 1 and "did you mean 'min_valid_fraction'" in wrong.printed
    assert not (tmp_path / "run").exists()
