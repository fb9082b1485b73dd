"""The file ``quality.json``, with all measurements of a product."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from isce2_recipe.paths import QUALITY
from isce2_recipe.products.burst_products import read_burst_product
from isce2_recipe.products.quality.measuring import measure
from isce2_recipe.products.quality.seams import seams, seams_of_products
from isce2_recipe.products.reading import Finished, open_product


def quality(
    product: Path,
    folder: Path | None = None,
    truth: Path | None = None,
    other: Path | None = None,
    parts: Sequence[Path] = (),
) -> dict[str, Any]:
    """Measure a product.

    Parameters
    ----------
    product : Path
        The product's folder.
    folder : Path, optional
        ISCE2's folder, for the seams between bursts.
    truth : Path, optional
        GeoTIFF of the true displacement, metres.
    other : Path, optional
        Another product of the same pair to compare with.
    parts : sequence of Path
        Products of single bursts that were merged, by swath and time; for the seams, instead of ``folder``.

    Returns
    -------
    dict
        The keys of ``quality.json``; see ``docs/quality.md``.
    """
    finished = open_product(product)
    found = measure(finished)
    if folder is not None:
        found["seams"] = seams(folder, finished.wavelength_m)
    if parts:
        bursts = [read_burst_product(part) for part in parts]
        found["seams"] = seams_of_products(bursts, finished.wavelength_m)
    found["truth"] = None if truth is None else _truth(finished, truth)
    found["other"] = None
    if other is not None:
        from isce2_recipe.products.differences import compare

        found["other"] = compare(finished, open_product(other))
    return found


def _truth(product: Finished, truth: Path) -> dict[str, Any]:
    from isce2_recipe.products.agreement import compare_product

    found = compare_product(product, truth)
    return {
        "rms_mm": round(1e3 * found.rms_m, 4),
        "p95_mm": round(1e3 * found.p95_m, 4),
        "wrong_cycles": found.wrong_cycles,
        "pixels": found.pixels,
    }


def write(folder: Path, found: dict[str, Any]) -> Path:
    """Write ``quality.json`` into a folder and return its path; equal numbers give equal bytes."""
    path = folder / QUALITY
    path.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def summary(found: dict[str, Any]) -> str:
    """Return the most important numbers as a sentence."""
    coverage, land = found["coverage"], found["coherence"]["land"]
    parts = []
    if coverage["valid_fraction"] is not None:
        parts.append(f"{100 * coverage['valid_fraction']:.1f} % of the land unwrapped")
    if "p50" in land:
        parts.append(f"median coherence {land['p50']:.2f}")
    components = found["components"]
    count, largest = components["count"], components.get("largest_land_fraction")
    share = "" if count < 2 or largest is None else f", the largest with {100 * largest:.1f} % of the land"
    parts.append(f"{count} connected component{'' if count == 1 else 's'}{share}")
    if found.get("seams"):
        parts.append(
            f"burst seams within {max(abs(seam['displacement_mm']) for seam in found['seams']):.2g} mm"
        )
    return ", ".join(parts)
