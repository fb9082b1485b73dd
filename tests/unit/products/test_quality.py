"""The quality of a product, its limits and the seams between bursts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import rasterio

from isce2_recipe.errors import InputError
from isce2_recipe.products.burst_products import read_burst_product
from isce2_recipe.products.quality import limits, measuring
from isce2_recipe.products.quality.seams import seams, seams_of_products
from isce2_recipe.products.reading import open_product
from support import burst_product_folders
from support.finished import COLS, ROWS, fields, write_product, write_truth
from support.isce_folder import write_isce

SEEN = (ROWS - 4) * (COLS - 4)
LAND = (ROWS - 4) * 58


@pytest.fixture
def product(tmp_path):
    return write_product(tmp_path)


def test_coverage_and_coherence_are_those_of_the_layers(product):
    found = measuring.measure(open_product(product))
    assert found["coverage"]["observed"] == SEEN
    assert found["coverage"]["land"] == LAND
    assert found["coverage"]["valid_fraction"] == 1.0
    assert found["coverage"]["area_km2"] == pytest.approx(SEEN * 0.0064, abs=1e-3)
    # Quantiles come from a histogram of 2000 bins.
    assert found["coherence"]["land"]["p50"] == pytest.approx(0.8, abs=1e-3)
    assert found["coherence"]["water"]["p50"] == pytest.approx(0.2, abs=1e-3)
    assert sum(found["coherence_histogram"]["all"]) == SEEN


def test_components_are_listed_by_size(product):
    found = measuring.measure(open_product(product))["components"]
    assert found["count"] == 2
    assert [one["label"] for one in found["largest"]] == [1, 2]
    assert found["largest"][0]["pixels"] == LAND
    assert found["on_land"] == 1 and found["largest_land_fraction"] == 1.0
    assert found["largest"][0]["mean_coherence"] == pytest.approx(0.8, abs=1e-4)


def test_a_smooth_phase_has_neither_residues_nor_jumps(product):
    found = measuring.measure(open_product(product))["unwrapping"]
    assert found["residues"] == 0 and found["jumps"] == 0 and found["incongruent_fraction"] == 0.0


def test_a_vortex_is_one_residue():
    row, col = np.mgrid[0:20, 0:20] - 9.5
    residues, loops = measuring.winding(np.arctan2(row, col))
    assert loops == 19 * 19
    assert np.abs(residues).sum() == 1 and residues[9, 9] != 0
    assert (measuring.winding(-np.arctan2(row, col))[0] == -residues).all()


def test_pixels_without_phase_make_no_residue():
    phase = np.zeros((5, 5))
    phase[2, 2] = np.nan
    residues, loops = measuring.winding(phase)
    assert loops == 16 - 4 and not residues.any()


def test_a_wrong_cycle_within_a_component_is_a_jump(tmp_path):
    phase = fields()["unw_phase"]
    phase[10:12, 10:12] += 2 * math.pi
    found = measuring.measure(open_product(write_product(tmp_path, unw_phase=phase)))["unwrapping"]
    assert found["jumps"] == 8
    assert found["incongruent_fraction"] == 0.0


def test_small_blocks_give_the_same_numbers(product, monkeypatch):
    from isce2_recipe.products import reading

    whole = measuring.measure(open_product(product))
    monkeypatch.setattr(reading, "_BLOCK_PIXELS", 7 * COLS)
    assert measuring.measure(open_product(product)) == whole


def test_an_empty_product_has_a_quality_without_numbers(tmp_path):
    nothing = {name: np.zeros((ROWS, COLS)) for name in ("unw_phase", "wrapped_phase", "corr", "conncomp")}
    found = measuring.quality(write_product(tmp_path, **nothing))
    assert found["coverage"]["valid_fraction"] is None
    assert found["coherence"]["land"] == {"pixels": 0}
    assert "0 connected components" in measuring.summary(found)


def test_the_quality_contains_the_truth_and_its_file_is_reproducible(product, tmp_path):
    truth = write_truth(tmp_path / "truth.tif", error_m=0.002)
    first = measuring.write(tmp_path, measuring.quality(product, truth=truth)).read_bytes()
    found = json.loads(first)
    # Half of the pixels are 2 mm off the others: 1 mm about the mean, up to 2 mm about the median.
    assert 1.0 <= found["truth"]["rms_mm"] <= 2.0
    assert found["truth"]["wrong_cycles"] == 0
    assert measuring.write(tmp_path, measuring.quality(product, truth=truth)).read_bytes() == first


def test_only_pixels_in_another_cycle_than_their_component_are_wrong(tmp_path):
    """The truth is compared in each component's own cycle, because cycles between components are unknown."""
    truth = write_truth(tmp_path / "truth.tif")
    layers = fields()
    island = np.zeros(layers["conncomp"].shape, bool)
    island[10:40, 45:58] = True
    layers["conncomp"] = np.where(island, 3, layers["conncomp"])
    layers["unw_phase"] = layers["unw_phase"] - 2 * math.pi * island
    found = measuring.quality(write_product(tmp_path / "a", **layers), truth=truth)["truth"]
    assert found["wrong_cycles"] == 0 and found["rms_mm"] < 0.01
    layers["unw_phase"][20:23, 48:50] += 2 * math.pi
    assert (
        measuring.quality(write_product(tmp_path / "b", **layers), truth=truth)["truth"]["wrong_cycles"] == 6
    )


def test_limits_are_met_or_not(product):
    quality = measuring.quality(product)
    asked = {"min_valid_fraction": 0.5, "max_components": 1, "max_wrong_cycles": 0}
    found = {check.name: check for check in limits.check_limits(quality, asked)}
    assert found["min_valid_fraction"].met
    assert found["max_components"].text == "the number of connected components is 2, above max_components 1"
    # A number that was not measured does not meet its limit.
    assert found["max_wrong_cycles"].value is None and not found["max_wrong_cycles"].met
    assert "was not measured" in found["max_wrong_cycles"].text


def test_the_land_in_the_largest_component_is_measured_and_limited(tmp_path):
    labels = fields()["conncomp"]
    labels[:, 30:] = np.where(labels[:, 30:] > 0, labels[:, 30:] + 1, 0)
    quality = measuring.quality(write_product(tmp_path, conncomp=labels))
    share = quality["components"]["largest_land_fraction"]
    assert 0.4 < share < 0.6
    assert quality["components"]["on_land"] == 2
    assert f"the largest with {100 * share:.1f} % of the land" in measuring.summary(quality)
    (check,) = limits.check_limits(quality, {"min_largest_component": 0.9})
    assert not check.met
    assert check.text.startswith("the share of land in the largest component is 0.")


def test_seams_of_burst_products(tmp_path):
    """The second burst begins 45.5 looks after the first and shows the same field, 0.1 rad ahead."""
    first, second = (burst_product_folders.write_product(tmp_path, number) for number in (136231, 136232))
    path = second / f"{second.name}_wrapped_phase_rdr.tif"
    with rasterio.open(path, "r+") as dataset:
        dataset.write(dataset.read() * np.complex64(np.exp(0.1j)))
    alone = burst_product_folders.write_product(tmp_path, 136231, swath=1)
    found = seams_of_products([read_burst_product(folder) for folder in (alone, first, second)], 0.0555)
    (seam,) = found
    assert (seam["swath"], seam["bursts"]) == (2, [1, 2])
    # Of 60 looks, 4 are excluded at either end, and interpolation needs one more.
    assert seam["lines"] == 60 - 45 - 8 - 1
    assert seam["phase_rad"] == pytest.approx(-0.1, abs=2e-3)
    assert seam["coherence"] > 0.9999


def test_without_interferograms_there_are_no_seams(tmp_path):
    assert seams(tmp_path, 0.0555) == []


def _burst(folder, number, values):
    path = folder / "IW2" / f"burst_{number:02d}.int"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_isce(path, values.astype(np.complex64)[None])


def test_a_seam_is_the_phase_difference_on_common_ground(tmp_path):
    """Two bursts of 40 lines have 10 in common; the second is 0.1 rad ahead and has two empty lines."""
    ground = np.exp(1j * np.linspace(0, 20, 70))[:, None] * np.ones(25)
    second = ground[30:70] * np.exp(0.1j)
    second[:2] = 0
    _burst(tmp_path / "fine_interferogram", 1, ground[:40])
    _burst(tmp_path / "fine_interferogram", 2, second)
    text = "".join(
        f'<property name="azimuthtimeinterval"><value>0.002</value></property>'
        f'<property name="sensingstart"><value>2020-06-04 02:23:{second_of}</value></property>'
        for second_of in ("12.000000", "12.060000")
    )
    (tmp_path / "fine_interferogram" / "IW2.xml").write_text(text)
    (seam,) = seams(tmp_path, 0.0555)
    assert (seam["swath"], seam["bursts"], seam["lines"]) == (2, [1, 2], 8)
    assert seam["phase_rad"] == pytest.approx(-0.1, abs=1e-5)
    assert seam["displacement_mm"] == pytest.approx(-0.1 * 55.5 / (4 * math.pi), abs=1e-3)
    assert seam["coherence"] == pytest.approx(1.0, abs=1e-4)


def test_a_folder_without_a_product_is_an_error(tmp_path):
    with pytest.raises(InputError, match="holds no product"):
        open_product(tmp_path)
    with pytest.raises(InputError, match="there is no product"):
        open_product(tmp_path / "nowhere")


def test_an_archive_without_its_folder_is_an_error(product):
    archive = product.with_suffix(".zip")
    archive.write_bytes(b"PK")
    assert open_product(archive).folder == product
    lonely = product.parent / "lonely.zip"
    archive.rename(lonely)
    with pytest.raises(InputError, match="is an archive"):
        open_product(lonely)
