"""The builtin engine: ISCE2's topsApp in Python, installable with pip and without a compiler."""

from __future__ import annotations

from isce2_recipe.engines.builtin.engine import BuiltinEngine

__all__ = ["BuiltinEngine"]
