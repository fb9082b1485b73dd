"""The source and the engine that recipes are linted for, if they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from isce2_recipe.engines.base import Applications


class Providers(NamedTuple):
    """The given source and engine, and what they can do.

    Attributes
    ----------
    source, engine : str
        Their names; empty if none is given.
    capabilities : frozenset of str or None
        Capabilities of the source; None if they are unknown.
    applications : mapping or None
        Steps of the engine by application; None if they are unknown.
    """

    source: str = ""
    engine: str = ""
    capabilities: frozenset[str] | None = None
    applications: Applications | None = None


NO_PROVIDERS = Providers()


def find_providers(source: str | None, engine: str | None) -> Providers:
    """Return what the named source and engine can do, without opening them.

    Raises
    ------
    UsageError
        If there is no such source or engine.
    """
    if not (source or engine):
        return NO_PROVIDERS
    from isce2_recipe.engines import published_steps
    from isce2_recipe.sources import declared_capabilities

    return Providers(
        (source or "").partition(":")[0],
        engine or "",
        declared_capabilities(source) if source else None,
        published_steps(engine) if engine else None,
    )
