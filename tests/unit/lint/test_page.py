"""The page docs/lint.md is generated from the rules."""

from __future__ import annotations

from pathlib import Path

from isce2_recipe.lint import main
from isce2_recipe.lint.catalogue import by_id

PAGE = Path(__file__).parents[3] / "docs" / "lint.md"


def test_the_page_is_up_to_date() -> None:
    text, code = main([], explain="all")
    assert code == 0
    assert PAGE.read_text(encoding="utf-8") == text


def test_every_rule_can_be_linked_to() -> None:
    headings = {line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("## ")}
    assert headings == {f"## {identifier}" for identifier in by_id()}
