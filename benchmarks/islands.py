"""Compare ways to exclude water from unwrapping, by the true phase of simulated scenes.

    python benchmarks/islands.py     # the tables of docs/engines.md; about two minutes of processor time

Ways: the water is left in; its coherence is set to zero, as by HyP3; the interferogram is set to zero there
(`water_mask.mask_interferogram`), in one piece and in tiles. Land is in the wrong cycle "in a component" if
its cycle is not that of most looks of its component.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin import filtering, isceimage, unwrapping, water_mask
from isce2_recipe.types import Looks

Array = NDArray[Any]
SHAPE = 360, 420
INDEPENDENT_LOOKS = 25
LOOKS = Looks(20, 4)
TWO_PI = 2 * np.pi
WAYS = ("water left in", "coherence zero", "interferogram zero", "the same in tiles")


def scenes() -> Iterator[tuple[str, Array, Array]]:
    """Yield name, coherence and land of every scene."""
    line, sample = np.mgrid[: SHAPE[0], : SHAPE[1]]
    islands = (line % 60 >= 20) & (line % 60 < 30) & (sample % 70 >= 20) & (sample % 70 < 32)
    yield "36 islands of 12x10 looks", np.where(islands, 0.8, 0.0), islands
    coasts = np.abs(sample - 210 - 10 * np.sin(line / 30)) > 31
    yield "5 km sea", np.where(coasts, 0.8, 0.0), coasts
    lake = ((line - 180) / 60) ** 2 + ((sample - 300) / 50) ** 2 < 1
    land = ~lake & (np.abs(sample - 120 - 0.2 * line) >= 6)
    valley = ((line - 150) / 110) ** 2 + ((sample - 220) / 120) ** 2 < 1
    for coherence in (0.25, 0.12):
        name = f"land of coherence {coherence}, lake and river"
        yield name, np.where(land, np.where(valley, coherence, 0.8), 0.0), land
    slopes = np.zeros(SHAPE, bool)
    for top, left, height, width in np.random.default_rng(1).integers(
        (0, 0, 20, 3), (340, 410, 90, 10), (25, 4)
    ):
        slopes[top : top + height, left : left + width] = True
    yield "layover, lake and river", np.where(land, np.where(slopes, 0.03, 0.8), 0.0), land


def surface() -> Array:
    """Return a true phase with about twenty fringes, radians."""
    line, sample = np.mgrid[: SHAPE[0], : SHAPE[1]]
    phase = 0.06 * sample - 0.03 * line
    for down, across, width, height in np.random.default_rng(3).random((12, 4)):
        away = (line - down * SHAPE[0]) ** 2 + (sample - across * SHAPE[1]) ** 2
        phase = phase + 24 * (height - 0.5) * np.exp(-away / (2 * (30 + 60 * width) ** 2))
    return phase


def write_scene(folder: Path, coherence: Array, land: Array) -> None:
    """Write the filtered interferogram and the coherence of a scene."""
    rng = np.random.default_rng(1)
    total = np.zeros(SHAPE, complex)
    for _ in range(INDEPENDENT_LOOKS):
        first, noise = (rng.standard_normal((2, 2, *SHAPE)) * [[[[1]], [[1j]]]]).sum(axis=1)
        total += first * np.conj(coherence * first + np.sqrt(1 - coherence**2) * noise)
    (folder / "merged").mkdir(parents=True)
    image = isceimage.IsceImage(
        folder / "merged/topophase.flat", *SHAPE, data_type="CFLOAT", image_type="cpx"
    )
    isceimage.create(image, folder)[0] = np.where(land, 1, 0.06) * total * np.exp(1j * surface())
    filtering.filter_interferogram(folder, 0.5)


def exclude(folder: Path, land: Array, way: str) -> None:
    """Exclude water in one of the `WAYS`."""
    filtered, coherence = folder / "merged/filt_topophase.flat", folder / "merged/phsig.cor"
    if way == WAYS[1]:
        isceimage.open_array(isceimage.read_header(coherence), "r+")[0][~land] = 0
    elif way != WAYS[0]:
        filtered.with_name(f"{filtered.name}.unmasked").write_bytes(filtered.read_bytes())
        isceimage.open_array(isceimage.read_header(filtered), "r+")[0][~land] = 0


def measured(folder: Path, land: Array) -> list[str]:
    """Return the columns of the table."""
    phase = isceimage.read(folder / "merged/filt_topophase.unw", 2)
    labels = isceimage.read(folder / "merged/filt_topophase.unw.conncomp", 1)
    cycles = np.rint((phase - surface()) / TWO_PI)
    sizes, wrong = [0], 0
    for label in range(1, 256):
        own = cycles[land & (labels == label)]
        sizes.append(own.size)
        wrong += own.size - np.unique(own, return_counts=True)[1].max(initial=0)
    all_wrong = land.sum() - np.unique(cycles[land], return_counts=True)[1].max()
    return [
        f"{100 * np.mean(labels[~land] > 0):.1f} %",
        f"{np.count_nonzero(sizes)}",
        f"{100 * sum(sizes) / land.sum():.1f} %",
        f"{100 * max(sizes) / land.sum():.1f} %",
        f"{wrong} of {land.sum()}",
        f"{100 * all_wrong / land.sum():.1f} %",
    ]


def main() -> None:
    """Print the table."""
    print(
        "| scene | unwrapper | water | water with a label | components on land | land with a label ", end=""
    )
    print("| land in the largest | in the wrong cycle in a component | wrong in all |")
    print(f"| --- | --- | --- |{' ---: |' * 6}")
    for name, coherence, land in scenes():
        for unwrapper in ("snaphu_mcf", "snaphu", "whirlwind"):
            for way in WAYS:
                with tempfile.TemporaryDirectory() as scratch:
                    folder = Path(scratch)
                    write_scene(folder, coherence, land)
                    exclude(folder, land, way)
                    size = 40_000 if way == WAYS[3] else land.size
                    unwrapping.unwrap(folder, LOOKS, unwrapper, max_untiled_pixels=size, max_tile_pixels=size)
                    water_mask.unmask_interferogram(folder)
                    print("|", " | ".join([name, unwrapper, way, *measured(folder, land)]), "|", flush=True)


if __name__ == "__main__":
    main()
