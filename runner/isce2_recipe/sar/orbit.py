"""Where the satellite was: state vectors, ESA's EOF files, and a polynomial that kernels can evaluate."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isce2_recipe.errors import InputError

Float = NDArray[np.float64]

# Vectors are 10 s apart; degree 9 through a minute and a half of them is good to a tenth of a millimetre.
POLYNOMIAL_DEGREE = 9
# Vectors used on either side of the wanted interval, seconds.
_MARGIN_S = 45.0
# ISCE2 wants vectors a minute before and after the burst; so do we.
COVER_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Orbit:
    """State vectors in the Earth-fixed frame.

    Attributes
    ----------
    epoch : datetime
        UTC, what ``time_s`` counts from.
    time_s : ndarray, shape (n,)
        Seconds, ascending.
    position_m, velocity_m_s : ndarray, shape (n, 3)
        Earth-centred, Earth-fixed.
    """

    epoch: datetime
    time_s: Float
    position_m: Float
    velocity_m_s: Float

    def seconds(self, when: datetime) -> float:
        """``when`` as seconds since the orbit's epoch; a time without a zone is UTC."""
        aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return (aware - self.epoch) / timedelta(seconds=1)

    def covers(self, start_s: float, stop_s: float, margin_s: float = COVER_MARGIN_S) -> bool:
        """Whether there are vectors ``margin_s`` before ``start_s`` and after ``stop_s``."""
        return bool(self.time_s[0] <= start_s - margin_s and self.time_s[-1] >= stop_s + margin_s)

    def at(self, time_s: ArrayLike) -> tuple[Float, Float]:
        """Position (m) and velocity (m/s) at given seconds.

        Hermite interpolation through the eight nearest vectors, positions and velocities both: the
        reference that the kernels' polynomial is held against.

        Parameters
        ----------
        time_s : array_like, shape (...)
            Seconds since the epoch, inside the vectors' span.

        Returns
        -------
        position_m, velocity_m_s : ndarray, shape (..., 3)
        """
        from scipy.interpolate import KroghInterpolator

        wanted = np.atleast_1d(np.asarray(time_s, dtype=np.float64))
        flat = wanted.ravel()
        position = np.empty((flat.size, 3))
        velocity = np.empty((flat.size, 3))
        first = np.clip(np.searchsorted(self.time_s, flat) - 4, 0, max(self.time_s.size - 8, 0))
        for start in np.unique(first):
            here = first == start
            nodes = slice(start, start + 8)
            middle = self.time_s[nodes].mean()
            times = np.repeat(self.time_s[nodes] - middle, 2)
            values = np.stack([self.position_m[nodes], self.velocity_m_s[nodes]], axis=1).reshape(-1, 3)
            curve = KroghInterpolator(times, values)
            position[here] = curve(flat[here] - middle)
            velocity[here] = curve.derivative(flat[here] - middle)
        shape = (*np.shape(time_s), 3)
        return position.reshape(shape), velocity.reshape(shape)

    def polynomial(self, start_s: float, stop_s: float, degree: int = POLYNOMIAL_DEGREE) -> Float:
        """Coefficients for the kernels of `zero_doppler`, good between ``start_s`` and ``stop_s``.

        Least squares through positions and velocities of the vectors around the interval.

        Returns
        -------
        ndarray, shape (4, degree + 1)
            Row 0 holds the middle of the interval and the scale, both in seconds; rows 1 to 3 the ascending
            coefficients of x, y, z in metres for ``u = (t - middle) / scale``.

        Raises
        ------
        InputError
            If the vectors do not cover the interval.
        """
        if not self.covers(start_s, stop_s, margin_s=0.0):
            raise InputError(
                f"the orbit's state vectors ({self.describe_span()}) do not cover "
                f"{self._text(start_s)} to {self._text(stop_s)}"
            )
        inside = (self.time_s >= start_s - _MARGIN_S) & (self.time_s <= stop_s + _MARGIN_S)
        times = self.time_s[inside]
        middle = 0.5 * (start_s + stop_s)
        scale = max(float(np.abs(times - middle).max()), 1.0)
        u = (times - middle) / scale
        powers = np.vander(u, degree + 1, increasing=True)
        slopes = np.zeros_like(powers)
        slopes[:, 1:] = powers[:, :-1] * np.arange(1, degree + 1)
        design = np.vstack([powers, slopes])
        values = np.vstack([self.position_m[inside], self.velocity_m_s[inside] * scale])
        coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
        table = np.zeros((4, degree + 1))
        table[0, :2] = middle, scale
        table[1:] = coefficients.T
        return table

    def describe_span(self) -> str:
        """First and last vector's time as text."""
        return f"{self._text(self.time_s[0])} to {self._text(self.time_s[-1])}"

    def _text(self, time_s: float) -> str:
        return f"{self.epoch + timedelta(seconds=float(time_s)):%Y-%m-%dT%H:%M:%S}"


def _parse_utc(text: str) -> datetime:
    return datetime.fromisoformat(text.removeprefix("UTC=")).replace(tzinfo=UTC)


def read_orbit(path: Path, start: datetime | None = None, stop: datetime | None = None) -> Orbit:
    """The NOMINAL state vectors of an ESA orbit file.

    Parameters
    ----------
    path : Path
        ``S1A_OPER_AUX_POEORB_...EOF`` or ``..._RESORB_...EOF``.
    start, stop : datetime, optional
        Only vectors within ten minutes of this interval are kept, which is quicker for whole-day files.

    Raises
    ------
    InputError
        If the file is missing, is not such a file, or holds no usable vector.
    """
    try:
        root = ET.parse(path).getroot()
    except OSError as exc:
        raise InputError(f"orbit file {path} cannot be read: {exc.strerror}") from exc
    except ET.ParseError as exc:
        raise InputError(f"orbit file {path} is not well-formed XML: {exc}", hint="fetch it again") from exc
    margin = timedelta(minutes=10)
    lower = None if start is None else f"UTC={start - margin:%Y-%m-%dT%H:%M:%S}"
    upper = None if stop is None else f"UTC={stop + margin:%Y-%m-%dT%H:%M:%S}"
    try:
        vectors = [
            (vector.findtext("UTC", ""), [float(vector.findtext(tag, "")) for tag in _TAGS])
            for vector in root.iterfind("Data_Block/List_of_OSVs/OSV")
            if vector.findtext("Quality", "NOMINAL") == "NOMINAL"
            # ISO times sort as text.
            and (lower is None or vector.findtext("UTC", "") >= lower)
            and (upper is None or vector.findtext("UTC", "") <= upper)
        ]
        times = [_parse_utc(text) for text, _ in vectors]
    except ValueError as exc:
        raise InputError(f"orbit file {path}: a state vector cannot be read ({exc})") from exc
    if not vectors:
        wanted = "" if start is None else f" near {start:%Y-%m-%dT%H:%M:%S}"
        raise InputError(
            f"orbit file {path} holds no NOMINAL state vector{wanted}",
            hint="give the POEORB or RESORB file of the acquisition's day and satellite",
        )
    return _orbit(times, np.array([values for _, values in vectors]))


_TAGS = ("X", "Y", "Z", "VX", "VY", "VZ")


def _orbit(times: list[datetime], vectors: Float) -> Orbit:
    epoch = times[0].replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = np.array([(time - epoch) / timedelta(seconds=1) for time in times])
    order = np.argsort(seconds, kind="stable")
    return Orbit(epoch, seconds[order], vectors[order, :3], vectors[order, 3:])
