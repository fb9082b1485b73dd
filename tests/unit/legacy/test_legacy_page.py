"""The page docs/legacy.md."""

from __future__ import annotations

from pathlib import Path

from isce2_recipe.legacy.workflows import WORKFLOWS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "legacy.md"


def test_the_page_lists_every_workflow_and_flag() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    named = "\n".join(rows)
    for name, workflow in WORKFLOWS.items():
        assert any(row.startswith(f"| `{name}`") for row in rows)
        for flag in workflow.flags:
            assert all(spelling in named for spelling in flag.spellings), flag
