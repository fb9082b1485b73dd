"""Burst IDs, and stacks as values and files."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sentinel1.stack import (
    BurstId,
    BurstStack,
    IncompleteDate,
    StackDate,
    read_stack,
    write_stack,
)

NAMES = ("S1_136231_IW2_20200604T022312_VV_7C85-BURST", "S1_136231_IW2_20200616T022313_VV_5D11-BURST")
STACK = BurstStack(
    track=64,
    direction="DESCENDING",
    polarization="VV",
    bursts=("064_136231_IW2",),
    dates=tuple(
        StackDate(
            day=date(2020, 6, day),
            platform="S1A",
            start=datetime(2020, 6, day, 2, 23, 12, tzinfo=UTC),
            granules=(name,),
        )
        for day, name in zip((4, 16), NAMES, strict=True)
    ),
    incomplete=(IncompleteDate(day=date(2020, 6, 10), platform="S1B", missing=("064_136231_IW2",)),),
)


def test_burst_ids_know_their_track() -> None:
    assert str(BurstId.parse("136231_IW2")) == "064_136231_IW2"
    assert BurstId.parse("064_136231_IW2") == (136231, 2)
    assert str(BurstId.parse("174_372326_IW3")) == "174_372326_IW3"


@pytest.mark.parametrize(
    "text", ["065_136231_IW2", "136231_IW4", "136231", "S1_136231_IW2", "64_136231_IW2", "999999_IW1"]
)
def test_a_wrong_burst_id_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        BurstId.parse(text)


def test_a_stack_is_the_same_after_writing_and_reading(tmp_path: Path) -> None:
    path = write_stack(STACK, tmp_path / "stack.json")
    assert read_stack(path) == STACK
    assert STACK.granules() == list(NAMES)
    assert STACK.date("20200616").granules == NAMES[1:]
    with pytest.raises(ParameterError, match="has no date 20200617"):
        STACK.date("20200617")


@pytest.mark.parametrize("change", [('"S1A"', "[[["), (NAMES[0], "no burst"), ("_IW2", "_IW7")])
def test_a_file_that_is_no_stack_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    path = write_stack(STACK, tmp_path / "stack.json")
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(InputError, match="not a stack"):
        read_stack(path)
