"""Names that HyP3's and MintPy's readers know."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.products.facts import Processing
from isce2_recipe.products.names import (
    NameParts,
    burst_product_name,
    legacy_merged_name,
    legacy_slc_name,
    multi_burst_name,
    product_id,
)
from isce2_recipe.types import Bounds, BurstName, Looks

PROCESSING = Processing(Looks(20, 4), 0.5, "snaphu_mcf", water_masked=False)
# What MintPy's prep_hyp3 matches on a file's name.
SINGLE = r"S1_\d{6}_IW[123](_\d{8}){2}_(VV|HH)_INT\d{2}_[0-9A-F]{4}"
MULTI = r"S1_\d{3}_\d{6}s1n\d{2}-\d{6}s2n\d{2}-\d{6}s3n\d{2}_IW(_\d{8}){2}_(VV|HH)_INT\d{2}_[0-9A-F]{4}"


def bursts(*texts: str) -> list[BurstName]:
    return [BurstName.parse(text) for text in texts]


def name(reference: list[BurstName], secondary: list[BurstName], looks: str = "20x4") -> str:
    return burst_product_name(NameParts(reference, secondary, Looks.parse(looks), 64, "663F"))


def test_one_pair():
    made = name(
        bursts("S1_136231_IW2_20200604T022312_VV_7C85-BURST"),
        bursts("S1_136231_IW2_20200616T022313_VV_5D11-BURST"),
    )
    assert made == "S1_136231_IW2_20200604_20200616_VV_INT80_663F"
    assert re.fullmatch(SINGLE, made)


@pytest.mark.parametrize("turned", [False, True])
def test_a_pass_over_midnight_has_the_date_of_its_first_line(turned):
    older = bursts(
        "S1_136232_IW2_20200605T000000_VV_7C85-BURST", "S1_136231_IW2_20200604T235957_VV_7C85-BURST"
    )
    newer = bursts(
        "S1_136232_IW2_20200617T000000_VV_5D11-BURST", "S1_136231_IW2_20200616T235957_VV_5D11-BURST"
    )
    sides, dates = ((newer, older), "20200616_20200604") if turned else ((older, newer), "20200604_20200616")
    assert f"_{dates}_VV_" in name(*sides)
    parts = NameParts(*sides, Looks(20, 4), 64, "AB12")
    assert legacy_merged_name(parts) == f"S1_064__{dates}_VV_INT80_AB12"
    assert f"_{dates}_VV_" in legacy_slc_name(parts, "S1A", Bounds(53, 27, 54, 28))


def test_many_pairs():
    made = name(
        bursts(
            "S1_136232_IW2_20200604T022315_VV_7C85-BURST",
            "S1_136231_IW2_20200604T022312_VV_7C85-BURST",
            "S1_136232_IW3_20200604T022316_VV_7C85-BURST",
        ),
        bursts(
            "S1_136232_IW2_20200616T022315_VV_5D11-BURST",
            "S1_136231_IW2_20200616T022313_VV_5D11-BURST",
            "S1_136232_IW3_20200616T022316_VV_5D11-BURST",
        ),
        looks="5x1",
    )
    assert made == "S1_064_000000s1n00-136231s2n02-136232s3n01_IW_20200604_20200616_VV_INT20_663F"
    assert re.fullmatch(MULTI, made)


@given(looks=st.builds(Looks, st.integers(1, 100), st.integers(1, 40)))
def test_mintpy_reads_names_of_all_looks(looks):
    made = name(
        bursts("S1_136231_IW2_20200604T022312_VV_7C85-BURST"),
        bursts("S1_136231_IW2_20200616T022313_VV_5D11-BURST"),
        str(looks),
    )
    assert re.fullmatch(SINGLE, made)
    assert f"_INT{min(looks.pixel_m, 99)}_" in made


@pytest.mark.parametrize(
    ("looks", "size"),
    [("20x4", 80), ("10x2", 40), ("5x1", 20), ("5x4", 80), ("40x2", 160), ("12x3", 60), ("1x1", 20)],
)
def test_pixel_size(looks, size):
    assert Looks.parse(looks).pixel_m == size


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.booleans(), st.integers(), st.lists(st.text()))))
def test_the_id_depends_on_values_only(inputs):
    made = product_id(inputs, PROCESSING, {})
    assert re.fullmatch("[0-9A-F]{4}", made)
    assert made == product_id(dict(reversed(inputs.items())), PROCESSING, {})


def test_different_requests_have_different_ids():
    made = {
        product_id({"looks": looks, "n": n}, PROCESSING, {})
        for looks in ("20x4", "10x2", "5x1")
        for n in range(20)
    }
    assert len(made) == 60


def test_the_id_of_a_known_request_stays():
    """Products that were made before keep their names: this ID is from release 0.1.0."""
    pair = {
        "reference": ["S1_136231_IW2_20200604T022312_VV_7C85-BURST"],
        "secondary": ["S1_136231_IW2_20200616T022313_VV_5D11-BURST"],
        "looks": "20x4",
    }
    assert product_id(pair, PROCESSING, {"parameters": {}}) == "F962"


PAIR = (
    bursts("S1_136231_IW2_20200604T022312_VV_7C85-BURST"),
    bursts("S1_136231_IW2_20200616T022313_VV_5D11-BURST"),
)


def test_names_of_hyp3s_older_style():
    parts = NameParts(*PAIR, Looks(20, 4), 64, "AB12")
    assert legacy_merged_name(parts) == "S1_064__20200604_20200616_VV_INT80_AB12"
    made = legacy_slc_name(parts, "S1A", Bounds(53.12, 27.31, 54.06, 27.79))
    assert made == "S1A_064_E053_1_N27_3_E054_1_N27_8_20200604_20200616_VV_INT80_AB12"
    made = legacy_slc_name(parts, "S1B", Bounds(-118.5, -3.04, -115.3, 0.5))
    assert made == "S1B_064_W118_5_S03_0_W115_3_N00_5_20200604_20200616_VV_INT80_AB12"


def test_one_burst_by_the_multi_burst_pattern():
    made = multi_burst_name(NameParts(*PAIR, Looks(20, 4), 64, "AB12"))
    assert made == "S1_064_000000s1n00-136231s2n01-000000s3n00_IW_20200604_20200616_VV_INT80_AB12"
    assert re.fullmatch(MULTI, made)
