"""The motion of the ground in an ALOS scene: two lobes of opposite sign around its middle."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sources.simulated.alos.acquisition import Acquisition
from isce2_recipe.sources.simulated.motion import amplitudes

Float = NDArray[np.float64]


def lobes(scene: Acquisition, motion: str) -> Float:
    """Return the pair of lobes on the date of a scene, for `ground.displacement`.

    Parameters
    ----------
    scene : Acquisition
        Acquisition of the scene.
    motion : str
        ``dipole``, ``linear`` or ``none``.

    Returns
    -------
    ndarray, shape (1, 6), or (0, 6) when nothing moves
        Centre (ECEF, m) and axis (unit vector times the displacement at the lobes' peaks, m).
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef

    if motion == "none":
        return np.empty((0, 6))
    across, along = amplitudes(scene.flight.node, motion)
    lat, lon = scene.centre
    centre = np.array(geodetic_to_ecef(math.radians(lat), math.radians(lon), 0.0))
    position, velocity = scene.flight.nominal.states(scene.middle_s)
    up = centre / np.linalg.norm(centre)
    right = _level(centre - position[0], up)
    ahead = _level(velocity[0], up)
    return np.concatenate([centre, across * right + along * ahead])[np.newaxis]


def _level(vector: Float, up: Float) -> Float:
    """Return the unit vector along the horizontal part of a vector."""
    flat = vector - (vector @ up) * up
    unit: Float = flat / np.linalg.norm(flat)
    return unit
