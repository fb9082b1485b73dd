"""Declarative InSAR recipes for ISCE2 and for the engine that comes with this package."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isce2_recipe.api import RunResult, run

__version__ = "0.1.0"
__all__ = ["RunResult", "__version__", "run"]


def __getattr__(name: str) -> Any:
    """Import the Python interface when it is first used."""
    if name in ("run", "RunResult"):
        from isce2_recipe import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names, with those that are imported when they are first used."""
    return sorted({*globals(), *__all__})
