"""Values that many parts of the program use, each frozen, with its units."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeVar

from isce2_recipe.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Degrees = TypeVar("Degrees", float, "NDArray[np.float64]")

ALOS_NAME_PATTERN = r"ALPSRP(\d{5})(\d{4})(?:-L1\.0)?"
SLC_NAME_PATTERN = (
    r"(S1[A-D])_IW_SLC__1S([SD][VH])_(\d{8}T\d{6})_(\d{8}T\d{6})_(\d{6})_([0-9A-F]{6})_([0-9A-F]{4})"
)
BURST_NAME_PATTERN = r"S1_(\d{6})_IW([123])_(\d{8}T\d{6})_(VV|HH|VH|HV)_([0-9A-F]{4})-BURST"


class Constraint(NamedTuple):
    """What a text must be besides text, as metadata of an action's input."""

    words: str  # what is expected, for messages
    holds: Callable[[str], bool]  # returns whether a text is allowed


def _is_file_name(text: str) -> bool:
    path = PurePath(text)
    inside = not path.is_absolute() and ".." not in path.parts and path.name != "" and text[-1:] != "/"
    return inside and text.isprintable() and len(os.fsencode(text)) <= 200


FileName = Annotated[str, Constraint("the name of a file, at most 200 bytes long", _is_file_name)]
"""The name of a file to be written below a step's folder."""


class PreflightCheck(NamedTuple):
    """The result of a check before a run."""

    name: str  # what was checked
    # ``ok``, ``note`` (information for the user) or ``wrong`` (the run cannot succeed).
    state: Literal["ok", "note", "wrong"]
    detail: str  # what was found
    remedy: str = ""  # what to do; empty if nothing is to be done


class Looks(NamedTuple):
    """Multilooking window, in samples of slant range and lines of azimuth."""

    range: int
    azimuth: int

    @classmethod
    def parse(cls, text: str) -> Looks:
        """Parse looks that are written as ``RANGExAZIMUTH``, for example ``20x4``.

        Raise ParameterError if the text is not two positive integers with an ``x`` between them.
        """
        match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
        if match is None:
            raise ParameterError(f"looks must be RANGExAZIMUTH such as 20x4, instead got '{text}'")
        return cls(range=int(match[1]), azimuth=int(match[2]))

    @property
    def pixel_m(self) -> int:
        """Return the size of a pixel on the map, metres: 80 for 20x4 looks, 40 for 10x2, 20 for 5x1.

        This is the rule of HyP3; Sentinel-1 pixels are about 4 m on the ground in range and 14 m in azimuth.
        """
        return max(self.range, 5 * self.azimuth) * 4

    def __str__(self) -> str:
        return f"{self.range}x{self.azimuth}"


def longitude_near(longitude: Degrees, reference: float) -> Degrees:
    """Return a longitude, or an array of them, turned by whole circles to within 180 degrees of a reference.

    Both may be beyond 180 degrees. A longitude that is near already does not change by a bit.
    """
    apart = longitude - reference
    far = (apart < -180.0) | (apart >= 180.0)  # the sum below rounds up to 360 just below 180
    return longitude - 360.0 * far * ((apart + 180.0) // 360.0)


class Bounds(NamedTuple):
    """A box in degrees (EPSG:4326) or in the units of a projected grid.

    The eastern edge is always the larger number. In degrees, a box across the antimeridian therefore reaches
    beyond 180, for example from 179.4 to 180.6. The grids of a run have such continuous longitudes; only
    names of tiles, requests to services, and texts for people are between -180 and 180.
    """

    west: float
    south: float
    east: float
    north: float

    @classmethod
    def of(cls, west: float, south: float, east: float, north: float) -> Bounds:
        """Return a box of degrees of users or GDAL, whose east may be less than its west across the line."""
        around = 360.0 if east < west and east + 360.0 - west < 180.0 else 0.0
        return cls(west, south, east + around if around else east, north).on_globe()

    @classmethod
    def around(cls, places: Iterable[tuple[float, float]]) -> Bounds:
        """Return the box around places (longitude, latitude) that lie within 180 degrees of each other.

        Its western edge is between -180 and 180.
        """
        longitudes, latitudes = zip(*places, strict=True)
        first = longitudes[0]
        continued = [longitude_near(longitude, first) for longitude in longitudes]
        return cls(min(continued), min(latitudes), max(continued), max(latitudes)).on_globe()

    def on_globe(self) -> Bounds:
        """Return the same box in degrees with its western edge from -180 to less than 180."""
        return self._turned(longitude_near(self.west, 0.0))

    def near(self, other: Bounds) -> Bounds:
        """Return the same box in degrees, turned by whole circles to the longitudes of another box."""
        middle = (self.west + self.east) / 2
        shift = longitude_near(middle, (other.west + other.east) / 2) - middle
        return self._turned(self.west + shift) if shift else self

    def _turned(self, west: float) -> Bounds:
        return self if west == self.west else self._replace(west=west, east=self.east - self.west + west)

    @property
    def crosses_antimeridian(self) -> bool:
        """Whether the box, in degrees, has ground on both sides of 180 degrees."""
        return self.west < -180.0 or self.east > 180.0

    def halves(self) -> list[Bounds]:
        """Return a box in degrees as one box between -180 and 180, or as two on either side of the line."""
        box = self.on_globe()
        if not box.crosses_antimeridian:
            return [box]
        return [box._replace(east=180.0), box._replace(west=-180.0, east=box.east - 360.0)]

    def describe(self) -> str:
        """Return a box in degrees as text, with longitudes between -180 and 180."""
        west, east = (value if -180 <= value <= 180 else longitude_near(value, 0.0) for value in self[::2])
        return f"{west:.6g} to {east:.6g} E, {self.south:.6g} to {self.north:.6g} N"

    def overlap(self, other: Bounds) -> Bounds | None:
        """Return the box, in degrees, that both boxes share; None if there is none."""
        other = other.near(self)
        west, south = max(self.west, other.west), max(self.south, other.south)
        east, north = min(self.east, other.east), min(self.north, other.north)
        return Bounds(west, south, east, north).on_globe() if west < east and south < north else None

    def buffered(self, margin: float) -> Bounds:
        """Return the box enlarged by a margin on every side."""
        return Bounds(self.west - margin, self.south - margin, self.east + margin, self.north + margin)

    def union(self, other: Bounds) -> Bounds:
        """Return the smallest box that contains both boxes."""
        return Bounds(
            min(self.west, other.west),
            min(self.south, other.south),
            max(self.east, other.east),
            max(self.north, other.north),
        )

    def meets(self, other: Bounds) -> bool:
        """Return whether the two boxes overlap."""
        return max(self.west, other.west) < min(self.east, other.east) and max(self.south, other.south) < min(
            self.north, other.north
        )

    def contains(self, other: Bounds) -> bool:
        """Return whether the other box lies completely inside."""
        return (
            self.west <= other.west
            and self.south <= other.south
            and self.east >= other.east
            and self.north >= other.north
        )


class BurstName(NamedTuple):
    """The parts of the name of a Sentinel-1 burst granule at ASF."""

    start: datetime  # acquisition time, whole seconds, UTC
    relative_burst: int  # ESA's relative burst number, which is the same in every cycle
    swath: int  # 1, 2 or 3 (IW1 to IW3)
    polarization: str  # VV, HH, VH or HV
    suffix: str  # the four hexadecimal characters that distinguish products

    @classmethod
    def parse(cls, text: str) -> BurstName:
        """Parse a granule name such as ``S1_136231_IW2_20200604T022312_VV_7C85-BURST``.

        Raise ParameterError if the text is not such a name, or its time does not exist.
        """
        match = re.fullmatch(BURST_NAME_PATTERN, text)
        if match is None:
            raise ParameterError(
                f"'{text}' is not a Sentinel-1 burst name",
                hint="burst names look like S1_136231_IW2_20200604T022312_VV_7C85-BURST; "
                "find them at https://search.asf.alaska.edu (dataset S1 Bursts)",
            )
        try:
            start = datetime.fromisoformat(match[3]).replace(tzinfo=UTC)
        except ValueError:
            raise ParameterError(f"'{match[3]}' in burst name '{text}' is not a date and time") from None
        return cls(start, int(match[1]), int(match[2]), match[4], match[5])

    @property
    def identifier(self) -> tuple[int, int, str]:
        """Return burst number, swath and polarization, which the two granules of a pair share."""
        return self.relative_burst, self.swath, self.polarization

    def __str__(self) -> str:
        return (
            f"S1_{self.relative_burst:06d}_IW{self.swath}_{self.start:%Y%m%dT%H%M%S}"
            f"_{self.polarization}_{self.suffix}-BURST"
        )


class SlcName(NamedTuple):
    """The parts of the name of a Sentinel-1 IW SLC granule."""

    # Times of the first and last line, whole seconds, UTC.
    start: datetime
    stop: datetime
    platform: str  # ``S1A`` to ``S1D``
    # ``SV``, ``DV``, ``SH`` or ``DH``: single or dual polarization, and the transmitted polarization.
    channels: str
    absolute_orbit: int  # orbit number
    data_take: str  # six hexadecimal characters
    suffix: str  # the four hexadecimal characters that distinguish products

    @classmethod
    def parse(cls, text: str) -> SlcName:
        """Parse a name such as ``S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85``.

        Raise ParameterError if the text is not such a name, or its times do not exist.
        """
        match = re.fullmatch(SLC_NAME_PATTERN, text.removesuffix(".zip").removesuffix(".SAFE"))
        if match is None:
            raise ParameterError(
                f"'{text}' is not the name of a Sentinel-1 IW SLC",
                hint="names look like S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85; "
                "find them at https://search.asf.alaska.edu (dataset Sentinel-1, file type L1 SLC)",
            )
        try:
            start, stop = (datetime.fromisoformat(match[k]).replace(tzinfo=UTC) for k in (3, 4))
        except ValueError:
            raise ParameterError(f"the times in SLC name '{text}' are not dates and times") from None
        return cls(start, stop, match[1], match[2], int(match[5]), match[6], match[7])

    @property
    def polarizations(self) -> tuple[str, ...]:
        """Return the polarizations in the granule, co-polarized first."""
        letter = self.channels[1]
        other = "H" if letter == "V" else "V"
        return (letter * 2,) if self.channels[0] == "S" else (letter * 2, letter + other)

    def __str__(self) -> str:
        return (
            f"{self.platform}_IW_SLC__1S{self.channels}_{self.start:%Y%m%dT%H%M%S}_{self.stop:%Y%m%dT%H%M%S}"
            f"_{self.absolute_orbit:06d}_{self.data_take}_{self.suffix}"
        )


class AlosName(NamedTuple):
    """The parts of the name of an ALOS PALSAR scene."""

    orbit: int  # absolute orbit number; two orbits over the same ground differ by 671 (46 days)
    frame: int  # position along the orbit, 0 to 7199

    @classmethod
    def parse(cls, text: str) -> AlosName:
        """Parse a scene name such as ``ALPSRP156121200``, also with the ending ``-L1.0``.

        Raise ParameterError if the text is not the name of an ALOS PALSAR scene of level 1.0.
        """
        match = re.fullmatch(ALOS_NAME_PATTERN, text)
        if match is None:
            level = re.fullmatch(r"(ALPSRP\d{9})-L(1\.[15])", text)
            if level is not None:
                raise ParameterError(
                    f"'{text}' is of level {level[2]}, which is already focused",
                    hint=f"the raw signal is necessary: give {level[1]}, or {level[1]}-L1.0",
                )
            raise ParameterError(
                f"'{text}' is not the name of an ALOS PALSAR level 1.0 scene",
                hint="scene names look like ALPSRP156121200 (orbit 15612, frame 1200); find them at "
                "https://search.asf.alaska.edu (dataset ALOS PALSAR, file type L1.0)",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"ALPSRP{self.orbit:05d}{self.frame:04d}"
