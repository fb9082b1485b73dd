"""The unwrappers by name, which a plan checks without an import of any of them.

Another distribution can add one: a function with the signature of `unwrapping.Unwrapper`, registered in the
entry-point group `ENTRY_POINTS`.
"""

from __future__ import annotations

from importlib.util import find_spec

from isce2_recipe.errors import EngineMissing, ParameterError
from isce2_recipe.plugins import plugins

ENTRY_POINTS = "isce2_recipe.unwrappers"
BUILT_IN = ("snaphu_mcf", "snaphu", "whirlwind")
"""Unwrappers that need no plug-in."""


def check_unwrapper(name: str) -> None:
    """Check that an unwrapper exists and is installed, without loading it.

    Raises
    ------
    ParameterError, EngineMissing
        If no unwrapper has this name, or its package is missing.
    """
    if name.lower() == "whirlwind" and find_spec("whirlwind") is None:
        raise not_installed("whirlwind")
    if name.lower() not in BUILT_IN and name not in (plugged := plugins(ENTRY_POINTS)):
        known = ", ".join(sorted({*BUILT_IN, *plugged}))
        raise ParameterError(f"there is no unwrapper '{name}'", hint=f"choose one of {known}")


def not_installed(name: str) -> EngineMissing:
    """Return the error for an unwrapper whose package is missing."""
    hint = f"install it: pip install 'isce2-recipe[{name}]'"
    return EngineMissing(f"the unwrapper {name} is not installed", hint=hint)
