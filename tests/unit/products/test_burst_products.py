"""Reading of burst products, and the rules by which they can be merged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import rasterio

from isce2_recipe.errors import InputError
from isce2_recipe.products.burst_products import (
    check_mergeable,
    read_burst_product,
    read_burst_products,
    simulated_source,
)
from isce2_recipe.products.facts import HowMade, Processing, tags
from isce2_recipe.products.sentinel1_products import merged_facts
from isce2_recipe.types import Looks
from support.burst_product_folders import BURST_LINES, FIRST, LINE_S, write_product

PASS_S = BURST_LINES * LINE_S / 4


def complaint(folder) -> str:
    with pytest.raises(InputError) as caught:
        check_mergeable(read_burst_products(folder))
    assert caught.value.hint
    return caught.value.message


def test_start_and_position_of_a_product(tmp_path):
    product = read_burst_product(write_product(tmp_path, 136232))
    assert abs((product.start - FIRST).total_seconds() - PASS_S) < 2e-6
    assert (product.reference.relative_burst, str(product.looks)) == (136232, "20x4")


def test_products_are_ordered_by_swath_and_time(tmp_path):
    for number, swath, suffix in ((136232, 2, "0001"), (136231, 2, "FFFF"), (136231, 1, "AAAA")):
        write_product(tmp_path, number, swath, suffix=suffix)
    found = [(p.reference.swath, p.reference.relative_burst) for p in read_burst_products(tmp_path)]
    assert found == [(1, 136231), (2, 136231), (2, 136232)]
    check_mergeable(read_burst_products(tmp_path))


def test_horizontal_polarization_merges(tmp_path):
    for number in (136231, 136232):
        write_product(tmp_path, number, polarization="HH")
    check_mergeable(read_burst_products(tmp_path))


@pytest.mark.parametrize(
    ("source", "simulated", "tag", "found"),
    [
        ("simulated", True, "simulated", "simulated"),
        ("hills", True, "hills, simulated", "hills"),
        ("asf", False, "asf", ""),
    ],
)
def test_layers_state_whether_their_inputs_are_simulated(tmp_path, source, simulated, tag, found):
    product = read_burst_product(write_product(tmp_path))
    processing = Processing(Looks(20, 4), 0.5, "snaphu_mcf", water_masked=False)
    made: HowMade = {
        "processing": processing, "engine": "builtin", "source": source, "simulated": simulated,
        "terrain": "GLO_30", "inputs": (), "record": None,
    }  # fmt: skip
    written = tags("name", merged_facts([product, product], 64, made))
    assert written["INPUTS"] == tag
    assert simulated_source(product) == ""
    with rasterio.open(product.layer("wrapped_phase_rdr"), "r+") as layer:
        layer.update_tags(**written)
    assert simulated_source(product) == found


def test_a_pass_over_midnight_is_one_date(tmp_path):
    night = datetime(2020, 6, 4, 23, 59, 59, 500000, tzinfo=UTC)
    for number in (136231, 136232):
        write_product(tmp_path, number, start=night)
    write_product(tmp_path, 136233, start=night, changes={"UTC time": "1.5"})
    write_product(tmp_path, 136233, 1, start=night, changes={"UTC time": "1.5"})
    products = read_burst_products(tmp_path)
    assert {p.start.day for p in products} == {4, 5}
    check_mergeable(products)
    processing = Processing(Looks(20, 4), 0.5, "snaphu_mcf", water_masked=False)
    made: HowMade = {
        "processing": processing, "engine": "builtin", "source": "asf", "simulated": False,
        "terrain": "GLO_30", "inputs": (), "record": None,
    }  # fmt: skip
    facts = merged_facts(products, 64, made)
    assert facts.reference_start == datetime(2020, 6, 4, 23, 59, 59, tzinfo=UTC)
    assert facts.secondary_start == datetime(2020, 6, 16, 23, 59, 59, tzinfo=UTC)
    assert facts.time_of_day_s == 8592.0


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"start": FIRST - timedelta(days=12), "days": 24}, "reference date. Found 20200523, 20200604."),
        ({"days": 24}, "All products must have the same secondary date. Found 20200616, 20200628."),
        ({"polarization": "HH"}, "All products must have the same polarization. Found HH, VV."),
        ({"looks": "10x2"}, "All products must have the same looks. Found 10x2, 20x4."),
    ],
)  # fmt: skip
def test_products_that_differ_are_refused(tmp_path, other, words):
    write_product(tmp_path, 136231)
    write_product(tmp_path, 136232, **other)
    assert words in complaint(tmp_path)


def test_other_tracks_are_refused(tmp_path):
    write_product(tmp_path, 136231)
    write_product(tmp_path, 174000, start=FIRST - timedelta(seconds=(174000 - 136231) * PASS_S))
    assert "All products must have the same relative orbit. Found 64, 82." in complaint(tmp_path)


@pytest.mark.parametrize("numbers", [(136231, 136233), (136229, 136231), (136230, 136231, 136234)])
def test_gaps_are_found_in_both_directions(tmp_path, numbers):
    for number in numbers:
        write_product(tmp_path, number)
    assert "Products for swath IW2 are not contiguous (a gap between" in complaint(tmp_path)


def test_bursts_whose_data_do_not_touch_are_refused(tmp_path):
    write_product(tmp_path, 136231, changes={"Radar n valid lines": "20"})
    write_product(tmp_path, 136232)
    assert "do not touch: 0.2" in complaint(tmp_path)


@pytest.mark.parametrize("other", [136228, 136234])
def test_swaths_must_overlap(tmp_path, other):
    write_product(tmp_path, 136231, 1)
    write_product(tmp_path, other, 2)
    assert complaint(tmp_path) == "Products from swaths IW1 and IW2 do not overlap"


def test_swaths_that_are_not_neighbours_do_not_overlap(tmp_path):
    write_product(tmp_path, 136231, 1)
    write_product(tmp_path, 136231, 3)
    assert complaint(tmp_path) == "Products from swaths IW1 and IW3 do not overlap"


def test_the_same_burst_twice_and_one_alone_are_refused(tmp_path):
    write_product(tmp_path, 136231, suffix="0001")
    assert "at least two products" in complaint(tmp_path)
    write_product(tmp_path, 136231, suffix="0002")
    assert "more than one product of burst 136231 IW2 VV" in complaint(tmp_path)


def test_all_problems_are_reported_together(tmp_path):
    write_product(tmp_path, 136231)
    write_product(tmp_path, 136232, polarization="HH", days=24)
    said = complaint(tmp_path)
    assert "polarization" in said
    assert "secondary date" in said


def test_a_product_without_radar_layers_is_named_with_the_remedy(tmp_path):
    folder = write_product(tmp_path)
    (folder / f"{folder.name}_lat_rdr.tif").unlink()
    with pytest.raises(InputError, match=f"{folder.name} lacks lat_rdr.tif") as caught:
        read_burst_products(tmp_path)
    assert "isce2-recipe run insar_tops_burst --reference S1_136231_IW2_2020" in caught.value.hint


def test_a_product_without_radar_keys_is_named(tmp_path):
    folder = write_product(tmp_path, changes={"Radar n lines": None})
    with pytest.raises(InputError, match=f"{folder.name} lacks 'Radar n lines' in its .txt"):
        read_burst_products(tmp_path)


def test_invalid_parameters_are_named(tmp_path):
    folder = write_product(tmp_path, changes={"Radar n lines": "many"})
    with pytest.raises(InputError, match=f"{folder.name}: its .txt cannot be used"):
        read_burst_products(tmp_path)


def test_archives_must_be_unzipped_first(tmp_path):
    (tmp_path / "S1_136231_IW2_20200604_20200616_VV_INT80_AB12.zip").touch()
    with pytest.raises(InputError, match="holds no burst products") as caught:
        read_burst_products(tmp_path)
    assert "unzip" in caught.value.hint


@pytest.mark.parametrize("key", ["Baseline", "Heading", "Reference Orbit Number", "Slant range far"])
@pytest.mark.parametrize("value", [None, "nan"])
def test_facts_of_the_merged_product_are_required(tmp_path, key, value):
    """Some of HyP3's own products have "Baseline: nan"."""
    folder = write_product(tmp_path, changes={key: value})
    with pytest.raises(InputError, match=folder.name) as caught:
        read_burst_products(tmp_path)
    assert key in caught.value.message
    assert "isce2-recipe run insar_tops_burst" in caught.value.hint


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Secondary Granule": "S1_136231_IW2_20200604T022313_VV_0000-BURST"}, "is of one acquisition"),
        ({"Secondary Granule": "S1_136231_IW2_20200616T022312_VH_5D11-BURST"}, "is of different bursts"),
        ({"Secondary Granule": "S1_136231_IW2_20990616T022312_VV_5D11-BURST"}, "that is in the future"),
        ({"Reference Pass Direction": "ASCENDING"}, "the same pass direction. Found ASCENDING, DESCENDING"),
    ],
)
def test_products_of_no_pair_are_refused(tmp_path, changes, words):
    write_product(tmp_path, 136231, changes=changes)
    write_product(tmp_path, 136232)
    assert words in complaint(tmp_path)
