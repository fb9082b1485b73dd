"""State that the steps of topsApp share: settings, bursts and files of their own."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from isce2_recipe.engines.builtin.config import TopsConfig, read_config
from isce2_recipe.engines.builtin.isceimage import IsceImage, render_xml
from isce2_recipe.engines.builtin.swaths import SwathBursts, SwathPair, read_pairs
from isce2_recipe.engines.builtin.workplace import STATE, Workplace, orbit_vectors
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_text
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S, BurstGeometry

# Names of ISCE2's folders.
GEOMETRY = "geom_reference"
OFFSETS = "fine_offsets"
COREGISTERED = "fine_coreg"
INTERFEROGRAMS = "fine_interferogram"

# ISCE2 writes the state vectors from this time before to this time after a swath.
_ORBIT_MARGIN_S = 60.0
# The steps that write rasters of full resolution, and those that read them.
_FIRST_AT_FULL_RESOLUTION = "topo"
_AT_FULL_RESOLUTION = (
    "subsetoverlaps", "overlapifg", "prepesd", "esd", "rangecoreg", "fineoffsets", "fineresamp", "ion",
    "burstifg", "mergebursts",
)  # fmt: skip
_WINDOW = ("first_valid_line", "valid_lines", "first_valid_sample", "valid_samples")


class Job(Workplace):
    """One run of consecutive steps of topsApp in a work folder."""

    app = "topsApp"
    config: TopsConfig
    read_config = staticmethod(read_config)

    @cached_property
    def pairs(self) -> list[SwathPair]:
        """Return the swaths that both dates contain, with their common bursts."""
        return read_pairs(self.config)

    def write_product(
        self,
        folder: str,
        swath: SwathBursts,
        bursts: list[tuple[BurstGeometry, IsceImage]],
        name: str | None = None,
    ) -> None:
        """Write ISCE2's description of the bursts of a swath, such as ``reference/IW2.xml``.

        ``bursts`` holds the geometry, with the valid window, and the raster of each burst.
        """
        orbit = swath.orbit
        start, stop = orbit.seconds(bursts[0][0].start), orbit.seconds(bursts[-1][0].stop)
        vectors = orbit_vectors(orbit, start - _ORBIT_MARGIN_S, stop + _ORBIT_MARGIN_S)
        values = {"swath": swath, "bursts": bursts, "vectors": vectors, "folder": self.folder}
        path = self.subfolder(folder) / f"{name or f'IW{swath.number}'}.xml"
        render_xml(path, "product", light_m_s=SPEED_OF_LIGHT_M_S, **values)

    def save_valid_windows(self, kind: str, pair: SwathPair, bursts: list[BurstGeometry]) -> None:
        """Write the valid windows of a swath's common bursts for later steps."""
        values = [[getattr(burst, name) for name in _WINDOW] for burst in bursts]
        write_text(self._window_file(kind, pair), json.dumps(values))

    def load_valid_windows(self, kind: str, pair: SwathPair) -> list[BurstGeometry]:
        """Return the reference's common bursts with the valid windows that an earlier step wrote."""
        values = json.loads(self._window_file(kind, pair).read_text(encoding="utf-8"))
        return [
            replace(pair.reference.bursts[index].geometry, **dict(zip(_WINDOW, window, strict=True)))
            for index, window in zip(pair.indices(), values, strict=True)
        ]

    def _window_file(self, kind: str, pair: SwathPair) -> Path:
        return self.subfolder(STATE) / f"{kind}_IW{pair.number}.json"


def require_full_resolution(folder: Path, steps: tuple[str, ...], *, looks_only: bool) -> None:
    """Raise an `InputError` if one of ``steps`` needs rasters that an earlier run left out.

    A run that begins with ``topo`` or before decides whether the folder has rasters of full resolution.
    """
    marker = folder / STATE / "looks_only"
    if _FIRST_AT_FULL_RESOLUTION in steps:
        marker.parent.mkdir(exist_ok=True)
        marker.touch() if looks_only else marker.unlink(missing_ok=True)
    elif marker.is_file() and not looks_only and any(step in _AT_FULL_RESOLUTION for step in steps):
        raise InputError(
            f"step '{steps[0]}' needs rasters of full resolution, which {folder} does not have, because a "
            "recipe made it with 'keep: looks'",
            hint=f"start with --start={_FIRST_AT_FULL_RESOLUTION}",
        )
