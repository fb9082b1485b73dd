"""The builtin engine: pip-installable, without a compiler, and many times faster than ISCE2."""

from __future__ import annotations

from isce2_recipe.engines.builtin.engine import BuiltinEngine

__all__ = ["BuiltinEngine"]
