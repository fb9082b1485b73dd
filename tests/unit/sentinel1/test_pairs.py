"""Tests of the rules for burst pairs: HyP3's eight rules, contiguity, and several problems together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.errors import ParameterError
from isce2_recipe.sentinel1.pairs import BURSTS_PER_CYCLE, check_pair
from isce2_recipe.types import BurstName

FIRST = datetime(2020, 6, 4, 2, 23, 12, tzinfo=UTC)
A = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
B = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"
A2 = "S1_136232_IW2_20200604T022315_VV_7C85-BURST"
B2 = "S1_136232_IW2_20200616T022316_VV_5D11-BURST"


def named(
    number: int, swath: int = 2, *, days: int = 0, polarization: str = "VV", seconds: float = 0.0
) -> str:
    start = FIRST + timedelta(days=days, seconds=round((number - 136231) * 2.758 + seconds))
    return str(BurstName(start, number, swath, polarization, "0A1F"))


def message_of(reference: list[str], secondary: list[str]) -> str:
    with pytest.raises(ParameterError) as caught:
        check_pair(reference, secondary)
    assert caught.value.hint
    return caught.value.message


def test_a_pair_is_sorted():
    pair = check_pair([A2, A], [B, B2])
    assert [str(name) for name in pair.reference] == [A, A2]
    assert [str(name) for name in pair.secondary] == [B, B2]
    assert (pair.polarization, pair.swaths) == ("VV", (2,))


@pytest.mark.parametrize(
    ("reference", "secondary", "text"),
    [
        ([], [B], "Must include at least 1 reference scene and 1 secondary scene"),
        ([A], [], "Must include at least 1 reference scene and 1 secondary scene"),
        ([A, A2], [B], "got 2 reference and 1 secondary"),
        ([A], [B2], "only in the reference: 136231 IW2 VV; only in the secondary: 136232 IW2 VV"),
        ([A, A], [B, B], "Each reference scene must have a unique burst number + swath + pol"),
        ([A, named(136232, polarization="HH")], [B, B2], "Polarizations present: HH, VV"),
        ([A.replace("VV", "VH")], [B.replace("VV", "VH")], "VH polarization is not currently supported"),
        ([A.replace("VV", "HV")], [B.replace("VV", "HV")], "HV polarization is not currently supported"),
        ([A, named(136232, days=12)], [named(136231, days=24), named(136232, days=24)], "2-minute window"),
        ([B], [A], "Reference scenes must be older than secondary scenes"),
        ([A], [A], "are one acquisition"),
        ([A], [A.replace("312_VV_7C85", "313_VV_0000")], "are one acquisition"),
        ([A.replace("2020", "2013")], [B], "Sentinel-1 was launched later, on 2014-04-03"),
        ([A], [B.replace("2020", "2099")], "that is in the future"),
        (["S1_136231_IW4_20200604T022312_VV_7C85-BURST"], [B], "is not a Sentinel-1 burst name"),
        (["S1_136231_IW2_20201304T022312_VV_7C85-BURST"], [B], "is not a date and time"),
    ],
)  # fmt: skip
def test_each_violated_rule_has_its_message(reference, secondary, text):
    assert text in message_of(reference, secondary)


def test_a_gap_in_a_swath_is_named():
    message = message_of([A, named(136234)], [B, named(136234, days=12)])
    assert "scenes of IW2 must be consecutive bursts" in message
    assert "a gap between 136231 and 136234" in message


@pytest.mark.parametrize(("shift", "fits"), [(-1, True), (0, True), (1, True), (2, False), (-2, False)])
def test_neighbouring_swaths_may_differ_by_one_burst(shift, fits):
    sides = [
        [named(136231 + k, 1, days=days) for k in range(3)]
        + [named(136231 + shift + k, 2, days=days) for k in range(3)]
        for days in (0, 12)
    ]
    if fits:
        assert check_pair(*sides).swaths == (1, 2)
    else:
        assert "do not overlap" in message_of(*sides)


def test_a_pass_over_the_end_of_the_burst_count_is_contiguous():
    def at(number: int, days: int) -> str:
        return str(BurstName(FIRST + timedelta(days=days), number, 2, "VV", "0A1F"))

    pair = check_pair([at(BURSTS_PER_CYCLE, 0), at(1, 0)], [at(BURSTS_PER_CYCLE, 12), at(1, 12)])
    assert len(pair.reference) == 2


def test_a_pass_over_midnight_is_one_pass():
    late, early = "S1_100000_IW1_20200604T235959_HH_0000-BURST", "S1_100001_IW1_20200605T000001_HH_0000-BURST"
    later = [name.replace("20200604", "20200616").replace("20200605", "20200617") for name in (late, early)]
    assert check_pair([late, early], later).polarization == "HH"


def test_any_order_allows_a_newer_reference():
    with pytest.raises(ParameterError, match="set any_order"):
        check_pair([B], [A])
    pair = check_pair([B], [A], any_order=True)
    assert (str(pair.reference[0]), str(pair.secondary[0])) == (B, A)
    assert check_pair([A], [B], any_order=True) == check_pair([A], [B])
    for again in (A, A.replace("312_VV_7C85", "313_VV_0000")):  # the second is a later version of the first
        with pytest.raises(ParameterError, match="one acquisition"):
            check_pair([again], [A], any_order=True)


def test_all_problems_are_reported_together():
    message = message_of([B, named(136240, days=12, polarization="HH")], [A])
    assert message.startswith("the burst pair has ")
    for text in (
        "same number",
        "identifiers must be the same",
        "Polarizations present",
        "must be older",
        "gap",
    ):
        assert text in message


bursts = st.builds(
    lambda number, swath, day, polarization, suffix: str(
        BurstName(FIRST + timedelta(days=day), number, swath, polarization, f"{suffix:04X}")
    ),
    st.integers(136231, 136234), st.integers(1, 3), st.sampled_from([0, 12]),
    st.sampled_from(["VV", "HH", "VH"]), st.integers(0, 0xFFFF),
)  # fmt: skip


@given(
    st.lists(bursts | st.text(max_size=50), max_size=5), st.lists(bursts | st.text(max_size=50), max_size=5)
)
def test_any_two_lists_are_a_valid_pair_or_refused_with_a_hint(reference, secondary):
    try:
        pair = check_pair(reference, secondary)
    except ParameterError as exc:
        assert exc.message and exc.hint
        return
    assert [name.identifier for name in pair.reference] == [name.identifier for name in pair.secondary]
    assert len({name.identifier for name in pair.reference}) == len(reference) == len(secondary)
    assert max(pair.reference).start < min(pair.secondary).start
    assert {name.polarization for name in pair.reference} <= {"VV", "HH"}


@given(
    st.integers(1, BURSTS_PER_CYCLE - 20),
    st.integers(1, 8),
    st.sets(st.integers(1, 3), min_size=1),
    st.randoms(),
)
def test_contiguous_groups_in_any_order_are_pairs(first, count, swaths, random):
    sides = []
    for day in (0, 12):
        side = [
            str(BurstName(FIRST + timedelta(days=day, seconds=k * 2.758), first + k, swath, "VV", "0000"))
            for k in range(count)
            for swath in swaths
        ]
        random.shuffle(side)
        sides.append(side)
    assert check_pair(*sides).swaths == tuple(sorted(swaths))
