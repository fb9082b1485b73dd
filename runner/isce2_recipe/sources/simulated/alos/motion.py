"""The motion of the ground in an ALOS scene, around its middle."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sources.simulated.alos.acquisition import Acquisition
from isce2_recipe.sources.simulated.motion import rows
from isce2_recipe.sources.simulated.options import SimulationOptions

Float = NDArray[np.float64]


def lobes(scene: Acquisition, options: SimulationOptions) -> Float:
    """Return the motion of the ground on the date of a scene, for `ground.displacement`.

    Parameters
    ----------
    scene : Acquisition
        Acquisition of the scene.
    options : SimulationOptions
        Motions and their sizes.

    Returns
    -------
    ndarray, shape (n, 8)
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef

    lat, lon = scene.centre
    centre = np.array(geodetic_to_ecef(math.radians(lat), math.radians(lon), 0.0))
    position, velocity = scene.flight.nominal.states(scene.middle_s)
    up = centre / np.linalg.norm(centre)
    right = _level(centre - position[0], up)
    ahead = _level(velocity[0], up)
    return np.array(rows(centre, right, ahead, scene.flight.node, options)).reshape(-1, 8)


def _level(vector: Float, up: Float) -> Float:
    """Return the unit vector along the horizontal part of a vector."""
    flat = vector - (vector @ up) * up
    unit: Float = flat / np.linalg.norm(flat)
    return unit
