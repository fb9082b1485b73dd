"""Share of places whose true velocity lies within one standard error, with turbulent air on each date.

python benchmarks/stack_errors.py [DATES] [SCENES]
"""

from __future__ import annotations

import sys
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.sources.simulated import ground
from isce2_recipe.sources.simulated.noise import hash_integer
from isce2_recipe.sources.simulated.world import Air, Landscape
from isce2_recipe.stack.inversion import MotionModel, fit

ROWS, COLS, STEP_DEG = 50, 200, 0.004
AIR_M = 0.01


def delays(scene: int, dates: int) -> NDArray[np.float32]:
    """Return the delay of every date on a map of about a burst, metres, shape (dates, rows, cols)."""
    found = np.empty((dates, ROWS, COLS), np.float32)
    for number, values in enumerate(found):
        air = Air(hash_integer("air", scene, number, bits=30), AIR_M, 0.0)
        place = np.radians([27.8, 53.3, STEP_DEG, STEP_DEG])
        ground.delay_grid(*place, Landscape(17, 1.0, 240.0), Air(), air, values)
    return found


def share_inside(scene: int, days: list[str]) -> float:
    """Return the share of places of a scene with still ground, relative to a random place."""
    air = delays(scene, len(days))
    chance = np.random.default_rng(scene)
    row, col = chance.integers(5, ROWS - 5), chance.integers(5, COLS - 5)
    away = (air - air[:, row, col, None, None]).reshape(len(days), -1)
    none = np.zeros((len(days),) * 2)
    velocity, error = fit(away[0] - away, MotionModel().design(days), none, np.zeros(away.shape[1]))
    return float((np.abs(velocity) < error).mean())


def main() -> None:
    """Print the mean share over scenes, its standard error, and its spread."""
    dates, scenes = (int(word) for word in (*sys.argv[1:], *(8, 60)[len(sys.argv) - 1 :]))
    days = [f"{date(2020, 1, 1) + timedelta(days=12 * number):%Y%m%d}" for number in range(dates)]
    shares = np.array([share_inside(scene, days) for scene in range(scenes)])
    error = shares.std(ddof=1) / np.sqrt(scenes)
    print(
        f"{dates} dates, {scenes} scenes: {shares.mean():.3f} +- {error:.3f}, one scene +- {shares.std():.2f}"
    )


if __name__ == "__main__":
    main()
