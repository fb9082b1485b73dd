"""Values that travel through the whole program, each named, frozen and with its units."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from isce2_recipe.errors import ParameterError

ALOS_NAME_PATTERN = r"ALPSRP(\d{5})(\d{4})(?:-L1\.0)?"
SLC_NAME_PATTERN = (
    r"(S1[A-D])_IW_SLC__1S([SD][VH])_(\d{8}T\d{6})_(\d{8}T\d{6})_(\d{6})_([0-9A-F]{6})_([0-9A-F]{4})"
)
BURST_NAME_PATTERN = r"S1_(\d{6})_IW([123])_(\d{8}T\d{6})_(VV|HH|VH|HV)_([0-9A-F]{4})-BURST"


class PreflightCheck(NamedTuple):
    """One thing looked at before a run.

    Attributes
    ----------
    name : str
        What it is.
    state : str
        ``ok``, ``note`` (worth knowing) or ``wrong`` (the run cannot succeed).
    detail : str
        What was found.
    remedy : str
        What to do, where something is to be done.
    """

    name: str
    state: Literal["ok", "note", "wrong"]
    detail: str
    remedy: str = ""


class Looks(NamedTuple):
    """Multilooking window, in samples of slant range and lines of azimuth."""

    range: int
    azimuth: int

    @classmethod
    def parse(cls, text: str) -> Looks:
        """Looks written as ``RANGExAZIMUTH``, for example ``20x4``.

        Raises
        ------
        ParameterError
            If the text is not two positive integers with an ``x`` between them.
        """
        match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
        if match is None:
            raise ParameterError(f"looks must be RANGExAZIMUTH such as 20x4, instead got '{text}'")
        return cls(range=int(match[1]), azimuth=int(match[2]))

    @property
    def pixel_m(self) -> int:
        """Pixel on the map that a window resolves: 80 m for 20x4 looks, 40 m for 10x2, 20 m for 5x1.

        Sentinel-1 pixels are about 4 m along the ground in range and 14 m in azimuth; this is HyP3's rule.
        """
        return max(self.range, 5 * self.azimuth) * 4

    def __str__(self) -> str:
        return f"{self.range}x{self.azimuth}"


class Bounds(NamedTuple):
    """A box in degrees (EPSG:4326) or in the units of a projected grid."""

    west: float
    south: float
    east: float
    north: float

    def buffered(self, margin: float) -> Bounds:
        """The box grown by ``margin`` on every side."""
        return Bounds(self.west - margin, self.south - margin, self.east + margin, self.north + margin)

    def union(self, other: Bounds) -> Bounds:
        """The smallest box that holds both."""
        return Bounds(
            min(self.west, other.west),
            min(self.south, other.south),
            max(self.east, other.east),
            max(self.north, other.north),
        )

    def contains(self, other: Bounds) -> bool:
        """Whether ``other`` lies wholly inside."""
        return (
            self.west <= other.west
            and self.south <= other.south
            and self.east >= other.east
            and self.north >= other.north
        )


class BurstName(NamedTuple):
    """A Sentinel-1 burst granule's name at ASF, taken apart.

    Attributes
    ----------
    start : datetime
        Acquisition time, whole seconds, UTC.
    relative_burst : int
        ESA's relative burst number, the same on every cycle.
    swath : int
        1, 2 or 3 (IW1 to IW3).
    polarization : str
        VV, HH, VH or HV.
    suffix : str
        The four hexadecimal characters that tell products apart.
    """

    start: datetime
    relative_burst: int
    swath: int
    polarization: str
    suffix: str

    @classmethod
    def parse(cls, text: str) -> BurstName:
        """The parts of a granule name such as ``S1_136231_IW2_20200604T022312_VV_7C85-BURST``.

        Raises
        ------
        ParameterError
            If the text is not such a name or its time is not a date.
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
        """Burst number, swath and polarization: what two granules of one pair share."""
        return self.relative_burst, self.swath, self.polarization

    def __str__(self) -> str:
        return (
            f"S1_{self.relative_burst:06d}_IW{self.swath}_{self.start:%Y%m%dT%H%M%S}"
            f"_{self.polarization}_{self.suffix}-BURST"
        )


class SlcName(NamedTuple):
    """A Sentinel-1 IW SLC granule's name, taken apart.

    Attributes
    ----------
    start, stop : datetime
        First and last line, whole seconds, UTC.
    platform : str
        ``S1A`` to ``S1D``.
    channels : str
        ``SV``, ``DV``, ``SH`` or ``DH``: single or dual polarization, and what was transmitted.
    absolute_orbit : int
        Orbit number.
    data_take : str
        Six hexadecimal characters.
    suffix : str
        The four hexadecimal characters that tell products apart.
    """

    start: datetime
    stop: datetime
    platform: str
    channels: str
    absolute_orbit: int
    data_take: str
    suffix: str

    @classmethod
    def parse(cls, text: str) -> SlcName:
        """The parts of ``S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85``.

        Raises
        ------
        ParameterError
            If the text is not such a name or its times are not dates.
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
        """What the granule holds, co-polarized first."""
        letter = self.channels[1]
        other = "H" if letter == "V" else "V"
        return (letter * 2,) if self.channels[0] == "S" else (letter * 2, letter + other)

    def __str__(self) -> str:
        return (
            f"{self.platform}_IW_SLC__1S{self.channels}_{self.start:%Y%m%dT%H%M%S}_{self.stop:%Y%m%dT%H%M%S}"
            f"_{self.absolute_orbit:06d}_{self.data_take}_{self.suffix}"
        )


class AlosName(NamedTuple):
    """An ALOS PALSAR scene's name, taken apart.

    Attributes
    ----------
    orbit : int
        Absolute orbit number; orbits that are 671 (46 days) apart fly over the same ground.
    frame : int
        Place along the orbit, 0 to 7199.
    """

    orbit: int
    frame: int

    @classmethod
    def parse(cls, text: str) -> AlosName:
        """The parts of a scene name such as ``ALPSRP156121200``, also with ``-L1.0`` behind it.

        Raises
        ------
        ParameterError
            If the text is not the name of an ALOS PALSAR scene of level 1.0.
        """
        match = re.fullmatch(ALOS_NAME_PATTERN, text)
        if match is None:
            raise ParameterError(
                f"'{text}' is not the name of an ALOS PALSAR level 1.0 scene",
                hint="scene names look like ALPSRP156121200 (orbit 15612, frame 1200); find them at "
                "https://search.asf.alaska.edu (dataset ALOS PALSAR, file type L1.0)",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"ALPSRP{self.orbit:05d}{self.frame:04d}"
