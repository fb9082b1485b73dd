"""Orbits: state vectors, ESA's EOF files, the polynomial that kernels evaluate, and baselines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isce2_recipe.errors import InputError

Float = NDArray[np.float64]

# Sentinel-1's vectors are 10 s apart; degree 9 fitted to 90 s of them is accurate to 0.1 mm.
POLYNOMIAL_DEGREE = 9
_STEP_S = 10.0
# Time before and after the requested interval from which vectors are used, seconds.
_MARGIN_S = 45.0
# ISCE2 requires vectors one minute before and after the burst.
COVER_MARGIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Orbit:
    """State vectors in the Earth-fixed frame.

    Attributes
    ----------
    epoch : datetime
        UTC origin of ``time_s``.
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
        """Return a time as seconds since the orbit's epoch; a time without a zone is UTC."""
        aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return (aware - self.epoch) / timedelta(seconds=1)

    def covers(self, start_s: float, stop_s: float, margin_s: float = COVER_MARGIN_S) -> bool:
        """Return whether vectors reach ``margin_s`` before ``start_s`` and after ``stop_s``."""
        return bool(self.time_s[0] <= start_s - margin_s and self.time_s[-1] >= stop_s + margin_s)

    def at(self, time_s: ArrayLike) -> tuple[Float, Float]:
        """Return position (m) and velocity (m/s), shape (..., 3), at seconds since the epoch, in the span.

        Uses Hermite interpolation of positions and velocities of the four nearest vectors, like ISCE2. Tests
        compare the kernels' polynomial with it.
        """
        wanted = np.asarray(time_s, dtype=np.float64)
        first = np.clip(np.searchsorted(self.time_s, wanted) - 2, 0, max(self.time_s.size - 4, 0))
        nodes = first[..., None] + np.arange(min(4, self.time_s.size))
        return _hermite(wanted, self.time_s[nodes], self.position_m[nodes], self.velocity_m_s[nodes])

    def polynomial(self, start_s: float, stop_s: float) -> Float:
        """Return coefficients for the kernels of `zero_doppler`, valid from ``start_s`` to ``stop_s``.

        They are a least-squares fit to positions and velocities of the vectors around the interval. Vectors
        that are further apart than Sentinel-1's, such as those of ALOS, are interpolated by `at` before.

        Returns
        -------
        ndarray, shape (4, `POLYNOMIAL_DEGREE` + 1)
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
        vectors = self._around(start_s - _MARGIN_S, stop_s + _MARGIN_S)
        times = vectors.time_s
        middle = 0.5 * (start_s + stop_s)
        scale = max(float(np.abs(times - middle).max()), 1.0)
        u = (times - middle) / scale
        powers = np.vander(u, POLYNOMIAL_DEGREE + 1, increasing=True)
        slopes = np.zeros_like(powers)
        slopes[:, 1:] = powers[:, :-1] * np.arange(1, POLYNOMIAL_DEGREE + 1)
        design = np.vstack([powers, slopes])
        values = np.vstack([vectors.position_m, vectors.velocity_m_s * scale])
        coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
        table = np.zeros((4, POLYNOMIAL_DEGREE + 1))
        table[0, :2] = middle, scale
        table[1:] = coefficients.T
        return table

    def _around(self, first_s: float, last_s: float) -> Orbit:
        """Return the vectors from ``first_s`` to ``last_s``, at most about ten seconds apart."""
        time_s = self.time_s
        inside = (time_s >= first_s) & (time_s <= last_s)
        nodes = [first_s, *time_s[inside], last_s]
        if np.diff(np.clip(nodes, time_s[0], time_s[-1])).max() <= 1.5 * _STEP_S:
            return Orbit(self.epoch, time_s[inside], self.position_m[inside], self.velocity_m_s[inside])
        first, last = max(first_s, float(self.time_s[0])), min(last_s, float(self.time_s[-1]))
        times = np.linspace(first, last, math.ceil((last - first) / _STEP_S) + 1)
        return Orbit(self.epoch, times, *self.at(times))

    def describe_span(self) -> str:
        """Return the times of the first and last vector as text."""
        return f"{self._text(self.time_s[0])} to {self._text(self.time_s[-1])}"

    def _text(self, time_s: float) -> str:
        return f"{self.epoch + timedelta(seconds=float(time_s)):%Y-%m-%dT%H:%M:%S}"


def _hermite(t: Float, nodes: Float, values: Float, slopes: Float) -> tuple[Float, Float]:
    """Evaluate the polynomial with given values and slopes at nodes, and its derivative.

    ``t`` has shape (...), ``nodes`` (..., n), ``values`` and ``slopes`` (..., n, 3). With Lagrange's
    polynomials L the polynomial is the sum of ``(v + (s - 2 v L'(node)) (t - node)) L(t)**2``.
    """
    n = nodes.shape[-1]
    apart = t[..., None] - nodes
    between = nodes[..., :, None] - nodes[..., None, :] + np.eye(n)
    basis = np.ones_like(apart)
    slope = np.zeros_like(apart)
    for i in range(n):
        for k in range(n):
            if k != i:
                step = 1.0 / between[..., i, k]
                slope[..., i] = slope[..., i] * apart[..., k] * step + basis[..., i] * step
                basis[..., i] *= apart[..., k] * step
    own = (1.0 / between).sum(axis=-1) - 1.0
    linear = slopes - 2.0 * values * own[..., None]
    line = values + linear * apart[..., None]
    square, square_slope = (basis**2)[..., None], (2.0 * basis * slope)[..., None]
    position: Float = (line * square).sum(axis=-2)
    velocity: Float = (linear * square + line * square_slope).sum(axis=-2)
    return position, velocity


def _parse_utc(text: str) -> datetime:
    return datetime.fromisoformat(text.removeprefix("UTC=")).replace(tzinfo=UTC)


def read_orbit(path: Path, start: datetime | None = None, stop: datetime | None = None) -> Orbit:
    """Read the NOMINAL state vectors of an ESA orbit file (POEORB or RESORB).

    With ``start`` and ``stop``, only vectors within ten minutes of them are read, which is faster for
    whole-day files.

    Raises
    ------
    InputError
        If the file is missing, is not an orbit file, or holds no usable vector.
    """
    root = _parse(path)
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


def _parse(path: Path) -> Any:
    # lxml is three times as fast as the standard library; the file of a day has 9361 vectors.
    from lxml import etree

    try:
        return etree.fromstring(path.read_bytes())
    except OSError as exc:
        raise InputError(f"orbit file {path} cannot be read: {exc.strerror}") from exc
    except etree.XMLSyntaxError as exc:
        raise InputError(
            f"orbit file {path} is not well-formed XML: {exc}", hint="download it again"
        ) from exc


def _orbit(times: list[datetime], vectors: Float) -> Orbit:
    epoch = times[0].replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = np.array([(time - epoch) / timedelta(seconds=1) for time in times])
    order = np.argsort(seconds, kind="stable")
    return Orbit(epoch, seconds[order], vectors[order, :3], vectors[order, 3:])


def across_track_baseline_m(
    reference: tuple[Float, Float],
    secondary_m: Float,
    target_m: ArrayLike,
    reference_range_m: float,
    secondary_range_m: float,
) -> tuple[float, float]:
    """Return parallel and perpendicular baseline in metres.

    Both are the part of the baseline normal to the reference's velocity, with ISCE2's signs: the
    perpendicular one is positive if the secondary is below the line of sight, on the side that the radar
    points away from.

    Parameters
    ----------
    reference : tuple of ndarray
        Position (ECEF, m) and velocity (m/s) of the reference satellite.
    secondary_m, target_m : ndarray, shape (3,)
        Positions of the secondary satellite and the ground point, ECEF.
    reference_range_m, secondary_range_m : float
        Slant ranges to the ground point.
    """
    position, velocity = reference
    along = velocity / np.linalg.norm(velocity)
    baseline = secondary_m - position
    baseline -= (baseline @ along) * along
    length = float(np.linalg.norm(baseline))
    if length == 0.0:
        return 0.0, 0.0
    cosine = (reference_range_m**2 + length**2 - secondary_range_m**2) / (2.0 * reference_range_m * length)
    cosine = min(max(cosine, -1.0), 1.0)
    side = np.cross(np.asarray(target_m) - position, baseline) @ velocity
    return length * cosine, math.copysign(length * math.sqrt(1.0 - cosine**2), float(side))
