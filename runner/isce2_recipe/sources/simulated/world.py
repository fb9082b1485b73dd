"""What the kernels of the simulator need of the settings: terrain, land cover, and the air of one date."""

from __future__ import annotations

from typing import NamedTuple


class Landscape(NamedTuple):
    """The shape of the ground."""

    seed: int  # number from which terrain, lakes, land cover and backscatter are derived
    relief: float = 1.0  # factor of all heights above or below the mean
    water_level_m: float = 240.0  # height of the lakes; lower ground is under water


class Air(NamedTuple):
    """The delay in the air of one date, along the line of sight."""

    seed: int = 0  # number from which the turbulence is derived
    turbulent_m: float = 0.0  # standard deviation of the turbulent part, metres
    # Delay of the stratified part, metres for each metre of height above the ellipsoid.
    per_height: float = 0.0
    # Standard deviation of the delay in the ionosphere, metres. The phase advances by as much.
    ionosphere_m: float = 0.0


class Cover(NamedTuple):
    """A kind of land."""

    coherence: float  # coherence of two dates close to each other, before thermal noise
    lasting: float = 1.0  # share of it, 0 to 1, that never decays
    decay_per_day: float = 0.0  # rate at which the rest decays exponentially
    brightness: float = 1.0  # amplitude relative to other land


MIXED = (
    Cover(0.98, 0.80, 0.1, 1.5),  # towns
    Cover(0.95, 0.60, 0.25, 1.1),  # bare ground and rock
    Cover(0.85, 0.25, 1.0, 0.9),  # grass and fields
    Cover(0.65, 0.10, 2.5, 1.0),  # forest
)
"""Kinds of land: coherence, share that lasts, decay relative to that of fields, and brightness.

With ``decay_days=60`` the coherence after 12 and 60 days is 0.98 and 0.96 in towns, 0.93 and 0.87 on bare
ground, 0.73 and 0.45 in fields, 0.42 and 0.11 in forest, before thermal noise.
"""
