"""Which dates form pairs, and that a network in pieces is refused with the gap."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sentinel1.stack_dates import StackDate
from isce2_recipe.stack.network import (
    NetworkChoice,
    check_date,
    connected,
    limit_baselines,
    make_network,
    read_pairs_file,
)


def dates(*days: int) -> list[StackDate]:
    return [StackDate(f"{date(2020, 1, 1) + timedelta(day):%Y%m%d}", "S1A", [], Path()) for day in days]


def names(*args: object, **kwargs: object) -> list[str]:
    return [pair.name for pair in make_network(*args, **kwargs)]  # type: ignore[arg-type]


def test_every_date_forms_pairs_with_the_next_ones() -> None:
    found = make_network(dates(*range(0, 30 * 12, 12)), NetworkChoice(3))
    assert len(found) == 84
    assert {pair.days for pair in found} == {12, 24, 36}
    assert connected([d.date for d in dates(*range(0, 30 * 12, 12))], found) == [
        [d.date for d in dates(*range(0, 30 * 12, 12))]
    ]


def test_a_date_more_adds_its_own_pairs_only() -> None:
    before = names(dates(*range(0, 96, 12)), NetworkChoice(3))
    after = names(dates(*range(0, 108, 12)), NetworkChoice(3))
    assert set(before) <= set(after)
    assert len(after) - len(before) == 3


def test_baselines_are_differences_and_limit_pairs() -> None:
    pairs = make_network(dates(0, 12, 24), NetworkChoice(2))
    apart = {"20200101": 0.0, "20200113": 80.0, "20200125": -40.0}
    assert [pair.perpendicular_m for pair in limit_baselines(pairs, apart, None)] == [80.0, -40.0, -120.0]
    kept = [pair.name for pair in limit_baselines(pairs, apart, 100)]
    assert kept == ["20200101_20200113", "20200101_20200125"]
    with pytest.raises(InputError, match=r"no pair joins .*; max_perpendicular is 50 m"):
        limit_baselines(pairs, apart, 50)


def test_pairs_of_a_year_may_be_longer_than_the_limit() -> None:
    found = make_network(dates(0, 12, 360, 372), NetworkChoice(1, one_year=True))
    assert [pair.days for pair in found] == [12, 360, 348, 360, 12]
    found = make_network(dates(0, 12, 360, 372), NetworkChoice(1, max_days=60, one_year=True))
    assert sorted(pair.days for pair in found) == [12, 12, 348, 360, 360]


def test_one_reference() -> None:
    found = names(dates(0, 12, 24), NetworkChoice(single_reference="20200113"))
    assert found == ["20200101_20200113", "20200113_20200125"]
    with pytest.raises(InputError, match="20200114 is not a date"):
        make_network(dates(0, 12), NetworkChoice(single_reference="20200114"))


def test_a_network_in_pieces_names_the_gap() -> None:
    with pytest.raises(InputError) as caught:
        make_network(dates(0, 12, 24, 120, 132), NetworkChoice(3, max_days=48))
    assert caught.value.message == (
        "the network of pairs is in 2 pieces: 20200101 to 20200125 (3 dates), 20200430 to 20200512 "
        "(2 dates); no pair joins 20200125 and 20200430, which are 96 days apart; max_days is 48"
    )


@pytest.mark.parametrize(("days", "text"), [((), "none was found"), ((0,), "only one was found: 20200101")])
def test_a_stack_needs_two_dates(days: tuple[int, ...], text: str) -> None:
    with pytest.raises(InputError, match=text):
        make_network(dates(*days), NetworkChoice())


def test_a_file_of_pairs(tmp_path: Path) -> None:
    file = tmp_path / "pairs.txt"
    file.write_text("# two pairs\n20200101_20200113\n2020-01-25, 20200113\n\n")
    assert read_pairs_file(file) == (("20200101", "20200113"), ("20200125", "20200113"))
    found = names(dates(0, 12, 24), NetworkChoice(pairs=read_pairs_file(file)))
    assert found == ["20200101_20200113", "20200113_20200125"]
    with pytest.raises(InputError, match="20200125, which the stack does not have"):
        make_network(dates(0, 12), NetworkChoice(pairs=read_pairs_file(file)))


@pytest.mark.parametrize(
    ("text", "message"), [("", "has no pair"), ("20200101", ":1: '20200101' is not a pair")]
)
def test_a_wrong_file_of_pairs(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_pairs_file(tmp_path / "pairs.txt")
    (tmp_path / "pairs.txt").write_bytes(b"\x89PNG\xff")
    with pytest.raises(InputError, match="is not text in UTF-8"):
        read_pairs_file(tmp_path / "pairs.txt")


def test_dates_may_have_hyphens() -> None:
    assert check_date("2020-06-04", "start") == "20200604"
    with pytest.raises(ParameterError, match="start must be a date"):
        check_date("20200631", "start")
