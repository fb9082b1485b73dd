"""Reader of Sentinel-1 IW SLC annotation XML: one `BurstGeometry` for each burst.

Source: ESA, *Sentinel-1 Product Specification*, S1-RS-MDA-52-7441. The choice among several estimates and the
valid samples of a burst follow ISCE2.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError

SPEED_OF_LIGHT_M_S = 299792458.0

# For each satellite: (first absolute orbit, offset) so that relative orbit = (absolute - offset) % 175 + 1.
# S1C flew one day after S1A until early 2025, six days after it until June 2026, and then changed again
# (https://github.com/isce-framework/s1-reader/issues/141, https://github.com/isce-framework/isce2/pull/28130).
# Orbit 891 began on 2025-02-05, between the first known products, of January, and those of March.
_FIRST_ORBIT = {
    "S1A": ((0, 73),),
    "S1B": ((0, 27),),
    "S1C": ((0, 99), (891, 172), (8019, 99)),
    "S1D": ((0, 42),),
}
_REPEAT_ORBITS = 175
_SWATH = re.compile(r"IW[123]")
_IMAGE = re.compile(r"s1.-(iw\d)-slc-([vh]{2})-[^/]*$")


@dataclass(frozen=True, slots=True)
class RangePolynomial:
    """A quantity along range: ``sum(c[k] * (tau - t0_s)**k)``, tau the two-way travel time in seconds."""

    t0_s: float
    coefficients: tuple[float, ...]

    def __call__(self, tau_s: float) -> float:
        """Return the quantity at a two-way travel time in seconds."""
        return sum(c * (tau_s - self.t0_s) ** k for k, c in enumerate(self.coefficients))


@dataclass(frozen=True, slots=True)
class Weighting:
    """Spectral window that ESA's processor applied."""

    window: str
    coefficient: float
    bandwidth_hz: float


@dataclass(frozen=True, slots=True)
class BurstGeometry:
    """Acquisition geometry of one burst. Times are UTC; lines and samples are zero-based.

    Attributes
    ----------
    index : int
        Position in the annotation's burst list, and in its measurement file.
    start : datetime
        Zero-Doppler time of the first line (``azimuthTime``).
    sensing_start : datetime
        Time of the first echo (``sensingTime``).
    near_range_m, range_spacing_m : float
        Slant range of sample 0 and the distance between samples.
    fm_rate, doppler : RangePolynomial
        Azimuth FM rate (Hz/s) and Doppler centroid from data (Hz), estimates nearest to the burst's middle.
    heading_deg : float
        Heading of the satellite; NaN where the annotation has none.
    first_valid_line, valid_lines, first_valid_sample, valid_samples : int
        The valid window that ISCE2 uses (it excludes the last valid sample).
    burst_id : int or None
        ESA's relative burst number; processors before version 3.40 do not write it.
    """

    platform: str
    swath: int
    polarization: str
    direction: str
    absolute_orbit: int
    index: int
    start: datetime
    sensing_start: datetime
    ascending_node: datetime
    lines: int
    samples: int
    azimuth_interval_s: float
    near_range_m: float
    range_spacing_m: float
    range_sampling_hz: float
    wavelength_m: float
    prf_hz: float
    fm_rate: RangePolynomial
    doppler: RangePolynomial
    steering_rate_rad_s: float
    heading_deg: float
    terrain_height_m: float
    range_weighting: Weighting
    azimuth_weighting: Weighting
    first_valid_line: int
    valid_lines: int
    first_valid_sample: int
    valid_samples: int
    burst_id: int | None

    @property
    def stop(self) -> datetime:
        """Return the zero-Doppler time of the last line."""
        return self.start + timedelta(seconds=(self.lines - 1) * self.azimuth_interval_s)

    @property
    def sensing_stop(self) -> datetime:
        """Return the time of the last echo."""
        return self.sensing_start + timedelta(seconds=(self.lines - 1) / self.prf_hz)

    @property
    def middle(self) -> datetime:
        """Return the zero-Doppler time halfway between the first and the last line."""
        return self.start + (self.stop - self.start) / 2

    @property
    def far_range_m(self) -> float:
        """Return the slant range of the last sample."""
        return self.near_range_m + (self.samples - 1) * self.range_spacing_m

    @property
    def relative_orbit(self) -> int:
        """Return the track number, 1 to 175."""
        return relative_orbit(self.platform, self.absolute_orbit)


@dataclass(frozen=True, slots=True)
class SwathLayout:
    """The number of bursts of a swath's image, 0 if all were cut away, and the size of a burst."""

    bursts: int
    lines: int
    samples: int

    @property
    def bytes(self) -> int:
        """The size of the samples in bytes, two 16-bit integers each."""
        return self.bursts * self.lines * self.samples * 4


def relative_orbit(platform: str, absolute_orbit: int) -> int:
    """Return the track number, 1 to 175, of an absolute orbit of ``S1A`` to ``S1D``.

    Raises
    ------
    InputError
        If the satellite is unknown.
    """
    try:
        changes = _FIRST_ORBIT[platform]
    except KeyError:
        raise InputError(f"'{platform}' is not a Sentinel-1 satellite; known: S1A, S1B, S1C, S1D") from None
    offset = [first for since, first in changes if absolute_orbit >= since][-1]
    return (absolute_orbit - offset) % _REPEAT_ORBITS + 1


def platform_on(track: int, absolute_orbit: int) -> str:
    """Return the satellite, ``S1A`` to ``S1D``, whose absolute orbit lies on a track; empty for none."""
    found = (name for name in _FIRST_ORBIT if relative_orbit(name, absolute_orbit) == track)
    return next(found, "")


def read_annotation(source: Path | bytes, name: str | None = None) -> list[BurstGeometry]:
    """Read the bursts of one annotation file or its content, in its order; none if all were cut away.

    ``name`` is that of the file in messages, if its content is given.

    Raises
    ------
    InputError
        If the file is missing, is not well-formed, lacks an element, is not of an IW swath, or is not of the
        swath in its name; the message names file and element.
    """
    return _reader(source, name).bursts()


def read_layout(source: Path | bytes, name: str | None = None) -> SwathLayout:
    """Read the size of a swath's image; see `read_annotation`."""
    return _reader(source, name).layout()


def _reader(source: Path | bytes, name: str | None) -> _Reader:
    label = name or (str(source) if isinstance(source, Path) else "annotation")
    try:
        text = source.read_bytes() if isinstance(source, Path) else source
        reader = _Reader(ET.fromstring(text), label)
    except OSError as exc:
        raise InputError(f"annotation {label} cannot be read: {exc.strerror}") from exc
    except ET.ParseError as exc:
        raise InputError(
            f"annotation {label} is not well-formed XML ({len(text)} bytes, perhaps truncated): {exc}",
            hint="download the product again",
        ) from exc
    reader.check_swath()
    return reader


class _Reader:
    """Reads elements of one annotation; its errors name the file and the element."""

    def __init__(self, root: ET.Element, label: str) -> None:
        self.root = root
        self.label = label

    def check_swath(self) -> None:
        """Check that the annotation is of an IW swath, and of the swath and polarization in its name."""
        swath, polarization = self._text("adsHeader/swath"), self._text("adsHeader/polarisation")
        if _SWATH.fullmatch(swath) is None:
            raise InputError(
                f"annotation {self.label} is of the swath {swath}, not of IW1, IW2 or IW3",
                hint="use an SLC of the mode IW; the modes EW, SM and WV cannot be processed",
            )
        named = _IMAGE.search(self.label.lower())
        if named is not None and named.groups() != (swath.lower(), polarization.lower()):
            raise InputError(
                f"annotation {self.label} is of {swath} {polarization}, not of the image in its name",
                hint="download the product again",
            )

    def layout(self) -> SwathLayout:
        bursts = len(self.root.findall("swathTiming/burstList/burst"))
        lines, samples = (self._number(f"swathTiming/{what}PerBurst") for what in ("lines", "samples"))
        return SwathLayout(bursts, int(lines), int(samples))

    def bursts(self) -> list[BurstGeometry]:
        elements = self.root.findall("swathTiming/burstList/burst")
        if not elements:
            return []
        rates = self._estimates("generalAnnotation/azimuthFmRateList/azimuthFmRate", self._fm_rate)
        dopplers = self._estimates("dopplerCentroid/dcEstimateList/dcEstimate", self._doppler)
        common = self._common()
        return [self._burst(k, e, common, rates, dopplers) for k, e in enumerate(elements)]

    def _text(self, path: str, within: ET.Element | None = None) -> str:
        text = (self.root if within is None else within).findtext(path)
        if text is None or not text.strip():
            raise InputError(f"annotation {self.label} has no {path}", hint="download the product again")
        return text.strip()

    def _number(self, path: str, within: ET.Element | None = None) -> float:
        text = self._text(path, within)
        try:
            return float(text)
        except ValueError:
            raise InputError(f"annotation {self.label}: {path} is '{text}', not a number") from None

    def _numbers(self, path: str, within: ET.Element) -> tuple[float, ...]:
        text = self._text(path, within)
        try:
            return tuple(float(number) for number in text.split())
        except ValueError:
            raise InputError(f"annotation {self.label}: {path} must hold only numbers") from None

    def _time(self, path: str, within: ET.Element | None = None) -> datetime:
        text = self._text(path, within)
        try:
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except ValueError:
            raise InputError(f"annotation {self.label}: {path} is '{text}', not a time") from None

    def _weighting(self, kind: str) -> Weighting:
        base = f"imageAnnotation/processingInformation/swathProcParamsList/swathProcParams/{kind}Processing"
        return Weighting(
            self._text(f"{base}/windowType"),
            self._number(f"{base}/windowCoefficient"),
            self._number(f"{base}/processingBandwidth"),
        )

    def _common(self) -> dict[str, Any]:
        """Return the fields that are equal for all bursts of the swath."""
        product = "generalAnnotation/productInformation"
        image = "imageAnnotation/imageInformation"
        sampling = self._number(f"{product}/rangeSamplingRate")
        return {
            "platform": self._text("adsHeader/missionId"),
            "swath": int(self._text("adsHeader/swath")[-1]),
            "polarization": self._text("adsHeader/polarisation"),
            "direction": self._text(f"{product}/pass").upper(),
            "absolute_orbit": int(self._number("adsHeader/absoluteOrbitNumber")),
            "ascending_node": self._time(f"{image}/ascendingNodeTime"),
            "lines": int(self._number("swathTiming/linesPerBurst")),
            "samples": int(self._number("swathTiming/samplesPerBurst")),
            "azimuth_interval_s": self._number(f"{image}/azimuthTimeInterval"),
            "near_range_m": self._number(f"{image}/slantRangeTime") * SPEED_OF_LIGHT_M_S / 2.0,
            "range_spacing_m": SPEED_OF_LIGHT_M_S / (2.0 * sampling),
            "range_sampling_hz": sampling,
            "wavelength_m": SPEED_OF_LIGHT_M_S / self._number(f"{product}/radarFrequency"),
            "prf_hz": self._number("generalAnnotation/downlinkInformationList/downlinkInformation/prf"),
            "steering_rate_rad_s": math.radians(self._number(f"{product}/azimuthSteeringRate")),
            "heading_deg": float(self.root.findtext(f"{product}/platformHeading") or "nan"),
            "terrain_height_m": self._number("generalAnnotation/terrainHeightList/terrainHeight/value"),
            "range_weighting": self._weighting("range"),
            "azimuth_weighting": self._weighting("azimuth"),
        }

    def _estimates(
        self, path: str, read: Callable[[ET.Element], RangePolynomial]
    ) -> list[tuple[datetime, RangePolynomial]]:
        found = [(self._time("azimuthTime", e), read(e)) for e in self.root.iterfind(path)]
        if not found:
            raise InputError(f"annotation {self.label} has no {path}", hint="download the product again")
        return found

    def _fm_rate(self, element: ET.Element) -> RangePolynomial:
        # Processors before version 2.43 wrote each coefficient as an element.
        if element.find("c0") is not None:
            coefficients = tuple(self._number(f"c{k}", element) for k in range(3))
        else:
            coefficients = self._numbers("azimuthFmRatePolynomial", element)
        return RangePolynomial(self._number("t0", element), coefficients)

    def _doppler(self, element: ET.Element) -> RangePolynomial:
        return RangePolynomial(self._number("t0", element), self._numbers("dataDcPolynomial", element))

    def _burst(
        self,
        index: int,
        element: ET.Element,
        common: dict[str, Any],
        rates: list[tuple[datetime, RangePolynomial]],
        dopplers: list[tuple[datetime, RangePolynomial]],
    ) -> BurstGeometry:
        start = self._time("azimuthTime", element)
        half = timedelta(seconds=(common["lines"] - 1) * common["azimuth_interval_s"] / 2.0)
        line, lines, sample, samples = self._valid_window(element)
        burst_id = element.findtext("burstId")
        return BurstGeometry(
            **common,
            index=index,
            start=start,
            sensing_start=self._time("sensingTime", element),
            fm_rate=_nearest(rates, start + half),
            doppler=_nearest(dopplers, start + half),
            first_valid_line=line,
            valid_lines=lines,
            first_valid_sample=sample,
            valid_samples=samples,
            burst_id=None if burst_id is None else int(burst_id),
        )

    def _valid_window(self, element: ET.Element) -> tuple[int, int, int, int]:
        """Return first line, lines, first sample and samples that are valid, counted as in ISCE2."""
        first = self._numbers("firstValidSample", element)
        last = self._numbers("lastValidSample", element)
        valid = [k for k, sample in enumerate(first) if sample >= 0]
        if not valid or len(first) != len(last):
            raise InputError(f"annotation {self.label}: a burst has no valid lines")
        top = valid[0]
        bottom = next((k for k in range(top, len(first)) if first[k] < 0), len(first)) - 1
        left = int(max(first[top], first[bottom]))
        right = int(min(last[top], last[bottom]))
        return top, bottom - top + 1, left, right - left


def _nearest(estimates: list[tuple[datetime, RangePolynomial]], when: datetime) -> RangePolynomial:
    return min(estimates, key=lambda estimate: abs(estimate[0] - when))[1]
