"""The corpus of recipes: the rules that each bad one is checked with, and how its ``.out`` is made.

``python tests/recipes/corpus.py`` writes every ``.out`` again; look at the difference before committing it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
OK = sorted((HERE / "ok").glob("*.yml"))
BAD = sorted((HERE / "err").glob("*.yml"))


def rules_of(recipe: Path) -> list[str]:
    """Return the rules in a bad recipe's name: ``ir021_x.yml`` is linted for IR021 alone, others for all."""
    return [found.upper() for found in re.findall(r"ir\d{3}", recipe.stem)]


def output(recipe: Path) -> str:
    """Return what linting a bad recipe prints, and its exit code."""
    from isce2_recipe.lint import main

    text, code = main([str(recipe)], select=rules_of(recipe))
    return f"{text}\nexit code {code}\n".replace(f"{recipe.parent}/", "")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1] / "runner"))
    for path in BAD:
        path.with_suffix(".out").write_text(output(path), encoding="utf-8")
