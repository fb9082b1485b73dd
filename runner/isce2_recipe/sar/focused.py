"""A focused image: the facts that geometry, coregistration and interferograms need of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.files import write_text
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.orbit import Orbit

Float = NDArray[np.float64]

# The orbit's polynomial covers this time before and after the image, seconds.
_MARGIN_S = 10.0


@dataclass(frozen=True, slots=True)
class FocusedImage:
    """A focused image in zero-Doppler geometry.

    A scatterer at the slant range R has the phase ``-4 pi R / wavelength_m`` plus a constant that all images
    of a sensor share. The radar points to the right of the track, as in `isce2_recipe.sar.zero_doppler`.

    Attributes
    ----------
    path : Path
        Raster of ISCE2's type CFLOAT, shape (lines, samples).
    start : datetime
        Zero-Doppler time of line 0, UTC. Line i is ``i / prf_hz`` later.
    near_range_m, range_spacing_m : float
        Slant range of sample 0, and between samples.
    bandwidth_hz : float
        Band of the range spectrum that holds the signal, centred on the carrier.
    chirp_rate_hz_s : float
        Rate of the transmitted pulse's frequency; negative if the frequency falls.
    doppler_hz : tuple of float
        Doppler centroid as powers of the sample's number, ascending.
    orbit : Orbit
        State vectors.
    """

    path: Path
    lines: int
    samples: int
    start: datetime
    prf_hz: float
    near_range_m: float
    range_spacing_m: float
    wavelength_m: float
    bandwidth_hz: float
    chirp_rate_hz_s: float
    doppler_hz: tuple[float, ...]
    orbit: Orbit

    @property
    def start_s(self) -> float:
        """Return the time of line 0 in seconds since the orbit's epoch."""
        return self.orbit.seconds(self.start)

    @property
    def stop_s(self) -> float:
        """Return the time of the last line in seconds since the orbit's epoch."""
        return self.start_s + (self.lines - 1) / self.prf_hz

    @property
    def stop(self) -> datetime:
        """Return the time of the last line, UTC."""
        return self.start + timedelta(seconds=(self.lines - 1) / self.prf_hz)

    @property
    def far_range_m(self) -> float:
        """Return the slant range of the last sample."""
        return self.near_range_m + (self.samples - 1) * self.range_spacing_m

    @property
    def sampling_hz(self) -> float:
        """Return the number of samples per second of the range."""
        return SPEED_OF_LIGHT_M_S / (2.0 * self.range_spacing_m)

    @property
    def frequency_hz(self) -> float:
        """Return the carrier frequency."""
        return SPEED_OF_LIGHT_M_S / self.wavelength_m

    def doppler_at(self, samples: Float) -> Float:
        """Return the Doppler centroid at numbers of samples, Hz."""
        centroid: Float = np.polyval(self.doppler_hz[::-1], samples).astype(np.float64)
        return centroid

    def polynomial(self) -> Float:
        """Return the orbit for the kernels of `zero_doppler`, see `Orbit.polynomial`."""
        return self.orbit.polynomial(self.start_s - _MARGIN_S, self.stop_s + _MARGIN_S)

    def save(self, file: Path) -> None:
        """Write the facts to a JSON file, for `load_focused`; the path of the raster is not among them."""
        values = {name: value for name, value in asdict(self).items() if name != "path"}
        write_text(file, json.dumps(values, default=_plain, indent=1))


def load_focused(file: Path, raster: Path) -> FocusedImage:
    """Return the image that `FocusedImage.save` described; ``raster`` is its path.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        orbit = values.pop("orbit")
        epoch = datetime.fromisoformat(orbit.pop("epoch"))
        values["orbit"] = Orbit(epoch, **{name: np.array(value) for name, value in orbit.items()})
        values["start"] = datetime.fromisoformat(values["start"])
        values["doppler_hz"] = tuple(values["doppler_hz"])
        return FocusedImage(path=raster, **values)
    except (OSError, ValueError, TypeError, KeyError) as exc:
        raise InputError(
            f"{file} does not describe a focused image: {exc}", hint="focus the image again (step formslc)"
        ) from exc


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value.isoformat()
