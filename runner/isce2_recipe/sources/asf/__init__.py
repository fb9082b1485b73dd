"""Bursts, orbits, terrain and water masks from the network."""

from isce2_recipe.sources.asf.source import AsfSource

__all__ = ["AsfSource"]
