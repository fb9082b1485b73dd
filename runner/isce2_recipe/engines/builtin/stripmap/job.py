"""State that the steps of stripmapApp share: settings, scenes and focused images."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Literal

from isce2_recipe.alos.scene import AlosScene, read_frame
from isce2_recipe.alos.signal import RawSignal, open_signal
from isce2_recipe.engines.builtin.isceimage import IsceImage, render_xml
from isce2_recipe.engines.builtin.stripmap.config import AlosConfig, StripmapConfig, read_config
from isce2_recipe.engines.builtin.workplace import STATE, Workplace, orbit_vectors
from isce2_recipe.sar.focused import FocusedImage, load_focused
from isce2_recipe.sar.focusing import Radar

Date = Literal["reference", "secondary"]
DATES: tuple[Date, Date] = ("reference", "secondary")
# Length of PALSAR's antenna along track.
_ANTENNA_M = 8.9


class StripmapJob(Workplace):
    """One run of consecutive steps of stripmapApp in a work folder."""

    app = "stripmapApp"
    config: StripmapConfig
    read_config = staticmethod(read_config)

    def alos(self, date: Date) -> AlosConfig:
        """Return the settings of a date."""
        return self.config.reference if date == "reference" else self.config.secondary

    @cached_property
    def scenes(self) -> dict[Date, tuple[AlosScene, ...]]:
        """Return the frames of both dates, in the order of the settings."""
        return {
            date: tuple(map(read_frame, self.alos(date).images, self.alos(date).leaders)) for date in DATES
        }

    def signal(self, date: Date) -> RawSignal:
        """Return the raw signal of a date: all its pulses on one grid of lines."""
        if date not in self._signals:
            frame = self.scenes[date][0]
            self._signals[date] = open_signal(self.alos(date).images, frame.sampling_hz)
        return self._signals[date]

    @cached_property
    def _signals(self) -> dict[Date, RawSignal]:
        return {}

    def slc_path(self, date: Date, *, cropped: bool = True) -> Path:
        """Return the path of a focused image, such as ``reference_slc_crop/reference.slc``.

        Without a region of interest it is the one that is not cropped, as in ISCE2.
        """
        folder = self.product(date, "slc", cropped=cropped)
        return self.folder / folder / f"{Path(self.alos(date).output).name}.slc"

    def product(self, date: Date, level: Literal["raw", "slc"], *, cropped: bool) -> str:
        """Return ISCE2's name of a folder and, with ``.xml``, of its description."""
        crop = "_crop" if cropped and self.config.region_of_interest else ""
        return f"{self.alos(date).output}_{level}{crop}"

    def save_image(self, date: Date, image: FocusedImage, *, cropped: bool) -> None:
        """Keep the facts of a focused image for later steps, and write ISCE2's description of it."""
        image.save(self.subfolder(STATE) / f"{date}_slc{'_crop' if cropped else ''}.json")
        render_xml(
            self.folder / f"{self.product(date, 'slc', cropped=cropped)}.xml",
            "frame",
            slc=image,
            image=slc_raster(image),
            scene=self.scenes[date][0],
            middle=(image.start + (image.stop - image.start) / 2).replace(tzinfo=None),
            vectors=orbit_vectors(image.orbit, -math.inf, math.inf),
            antenna_m=_ANTENNA_M,
            folder=self.folder,
        )

    def image(self, date: Date, *, cropped: bool = True) -> FocusedImage:
        """Return the focused image of a date, by default the one that is cropped to the region of interest.

        Raises
        ------
        InputError
            If its step has not been run.
        """
        state = self.folder / STATE / f"{date}_slc{'_crop' if cropped else ''}.json"
        return load_focused(state, self.slc_path(date, cropped=cropped))


def slc_raster(image: FocusedImage) -> IsceImage:
    """Return the header of a focused image."""
    return IsceImage(image.path, image.lines, image.samples, 1, "CFLOAT", image_type="slc")


def radar_of(scene: AlosScene, signal: RawSignal) -> Radar:
    """Return the facts of the radar that focusing needs."""
    return Radar(signal.prf_hz, scene.sampling_hz, scene.wavelength_m, scene.pulse_s, scene.chirp_rate_hz_s)
