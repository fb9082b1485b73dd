"""Identifiers of the ground of a burst."""

import pytest

from isce2_recipe.errors import ParameterError
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.types import BurstName


def test_burst_ids_know_their_track() -> None:
    assert str(BurstId.parse("064_136231_IW2")) == "136231_IW2"
    assert BurstId.parse("136231_IW2").track == 64
    assert BurstId.parse("174_372326_IW3").track == 174
    name = BurstName.parse("S1_136231_IW2_20200604T022312_VV_7C85-BURST")
    assert BurstId.of(name) == BurstId.parse("136231_IW2")


@pytest.mark.parametrize(
    "text", ["065_136231_IW2", "136231_IW4", "136231", "S1_136231_IW2", "64_136231_IW2", "999999_IW1"]
)
def test_a_wrong_burst_id_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        BurstId.parse(text)
