from __future__ import annotations

import numpy as np
import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.products.differences import compare, to_text
from isce2_recipe.products.reading import open_product
from support.finished import fields, write_product


def compared(tmp_path, limits=None, shift=0, **changed):
    first = write_product(tmp_path / "a")
    second = write_product(tmp_path / "b", shift=shift, **changed)
    return compare(open_product(first), open_product(second), limits or {})


def test_a_product_is_the_same_as_itself(tmp_path):
    found = compared(tmp_path)
    assert found["same"] and found["grid"]["same"]
    assert all(layer["rms"] == 0 for layer in found["layers"].values())


def test_a_constant_and_other_labels_of_components_are_no_difference(tmp_path):
    layers = fields()
    phase = np.where(layers["unw_phase"] != 0, layers["unw_phase"] + 12.566, 0)
    labels = np.choose(layers["conncomp"].astype(int), [0, 7, 3])
    found = compared(tmp_path, unw_phase=phase, conncomp=labels)
    assert found["same"]
    assert found["layers"]["unw_phase"]["constant"] == pytest.approx(-12.566, abs=1e-4)


def test_merged_components_are_a_difference(tmp_path):
    labels = (fields()["conncomp"] > 0).astype(int)
    layer = compared(tmp_path, conncomp=labels)["layers"]["conncomp"]
    assert not layer["same"] and layer["rms"] == pytest.approx(28 / 86, abs=1e-3)


def test_a_wrong_cycle_is_a_difference_and_is_counted(tmp_path):
    phase = fields()["unw_phase"]
    phase[20:30, 20:30] += 2 * np.pi
    found = compared(tmp_path, unw_phase=phase)
    assert not found["same"]
    assert found["layers"]["unw_phase"]["other_cycles"] == 100
    assert "100 pixels in another cycle" in to_text(found)


def test_another_cycle_of_a_whole_component_is_no_difference(tmp_path):
    layers = fields()
    phase = np.where(layers["conncomp"] == 2, layers["unw_phase"] - 4 * np.pi, layers["unw_phase"])
    found = compared(tmp_path, unw_phase=phase)
    assert found["same"] and found["layers"]["unw_phase"]["other_cycles"] == 0
    phase[20:30, 20:30] += 2 * np.pi
    assert compared(tmp_path / "more", unw_phase=phase)["layers"]["unw_phase"]["other_cycles"] == 100


def test_a_few_pixels_in_another_cycle_are_counted_and_do_not_hide_the_rest(tmp_path):
    phase = fields()["unw_phase"]
    phase[20, 20:23] += 2 * np.pi
    found = compared(tmp_path, unw_phase=phase)
    layer = found["layers"]["unw_phase"]
    assert found["same"] and layer["other_cycles"] == 3 and layer["rms"] < 1e-6


def test_wrapped_phases_on_both_sides_of_pi_are_close(tmp_path):
    first = write_product(tmp_path / "a", wrapped_phase=np.full((60, 90), 3.14))
    second = write_product(tmp_path / "b", wrapped_phase=np.full((60, 90), -3.14))
    layer = compare(open_product(first), open_product(second))["layers"]["wrapped_phase"]
    assert layer["rms"] == pytest.approx(2 * np.pi - 6.28, abs=1e-5)


def test_grids_are_compared_where_they_overlap(tmp_path):
    """The second grid, with its values, starts ten columns further east."""
    moved = {name: np.roll(values, -10, axis=1)[:, :80] for name, values in fields().items()}
    found = compared(tmp_path, shift=10, **moved)
    assert not found["grid"]["same"] and found["grid"]["cols"] == 80
    assert found["same"]
    assert "compared where they overlap" in to_text(found)


def test_grids_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InputError, match="do not overlap"):
        compared(tmp_path, shift=500)


def test_a_layer_that_only_one_product_has_is_a_difference(tmp_path):
    first = write_product(tmp_path / "a")
    second = write_product(tmp_path / "b")
    next(second.glob("*_amp.tif")).unlink()
    found = compare(open_product(first), open_product(second))
    assert not found["same"] and found["missing"]["second"] == ["amp"]


def test_the_caller_can_set_limits(tmp_path):
    dem = fields()["dem"] + 0.1
    assert compared(tmp_path / "wide", dem=dem)["same"]
    assert not compared(tmp_path / "narrow", {"dem": 0.01}, dem=dem)["same"]
    with pytest.raises(InputError, match="a layer 'nonsense'"):
        compared(tmp_path / "wrong", {"nonsense": 1.0})
