"""The places where a part is searched for."""

from __future__ import annotations

from pathlib import Path

from isce2_recipe.paths import data_folder
from isce2_recipe.recipe.loading import find_part

MASK = "parts/mask_water.yml"


def test_a_part_next_to_its_user_wins_over_the_shipped_one(tmp_path: Path) -> None:
    own = tmp_path / MASK
    own.parent.mkdir()
    user = str(tmp_path / "parts" / "topsapp.yml")
    assert find_part(MASK, user) == data_folder("recipes") / MASK
    own.write_text("recipe: 1")
    assert find_part(MASK, user) == own
    assert find_part(MASK, str(tmp_path / "recipe.yml")) == own
    assert find_part("parts/none.yml", user) is None
