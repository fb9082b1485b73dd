"""An ALOS scene: unpacking, its leader and first and last pulse, and the baseline of two scenes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.alos.ceos import decode
from isce2_recipe.alos.signal import DESCRIPTOR, polarization_of, pulse_time, read_headers
from isce2_recipe.archives import open_archive
from isce2_recipe.copying import Copying, link
from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.types import AlosName

# Offsets of the leader's records and of the signal file's parts, bytes.
_SUMMARY, _POSITION, _CALIBRATION = 720, 4816, 17688
_STATED_LINES = slice(236, 244)
_VECTOR_BYTES = 132
# Time around the middle of a scene in which the points of the other lie, seconds.
_MARGIN_S = 30.0

_IMAGE = re.compile(r"IMG-(HH|HV|VH|VV)-(ALPSRP\d{9})-H1\.0__([AD])")
# File names of all products: mode, such as H (fine beam), and level.
_PRODUCT = re.compile(
    r"(?:ALPSR[PS]\d{9}-(?P<mode>[A-Z])|ALOS2\d{9}-\d{6}-\w{4})(?P<level>[123]\.[0-9])", re.ASCII
)
_NAME = re.compile(r"ALPSRP\d{9}")
_OTHER_MODES = {"W": "ScanSAR", "P": "polarimetric"}
_LEVELS = {"1.1": " (focused)", "1.5": " (detected)"}
_FINE_BEAM = "the workflow needs ALOS-1 scenes of fine beam mode (FBS or FBD), level 1.0"

Float = NDArray[np.float64]


def unpack(
    archive: Path, folder: Path, progress: Callable[[float, str], None] = lambda _fraction, _text: None
) -> Path:
    """Unpack an archive from ASF, or link the files of a folder, directly into one folder; return it.

    Raise InputError if the file is not an archive, is truncated or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if archive.is_dir():
        for path in sorted(path for path in archive.iterdir() if path.is_file()):
            link(path, folder / path.name)
        return folder
    with open_archive(archive) as opened:
        copying = Copying(sum(opened.sizes.values()), progress)
        for member in opened.sizes:
            name = _plain(member)
            with opened.open(member) as source, (folder / name).open("wb") as target:
                copying.copy(source, target, f"unpacking {name}")
    return folder


def _plain(name: str) -> str:
    """Return the file name of a member without folders, so that it stays inside the output folder."""
    return PurePosixPath(name.replace("\\", "/")).name


@dataclass(frozen=True, slots=True)
class AlosScene:
    """A scene on disk."""

    name: AlosName
    # Files of the signal data and the leader.
    image: Path
    leader: Path
    polarization: str  # of the image, such as HH
    polarizations: tuple[str, ...]  # in the folder, such as HH and HV; else that of the image
    ascending: bool
    # Times of the first and last pulse, UTC.
    start: datetime
    stop: datetime
    # Number of pulses, and of complex samples in each.
    lines: int
    samples: int
    # Parameters of the radar.
    prf_hz: float
    sampling_hz: float
    bandwidth_hz: float
    pulse_s: float
    wavelength_m: float
    near_range_m: float
    beam: int  # number of the beam, which has one off-nadir angle
    orbit: Orbit

    @property
    def range_spacing_m(self) -> float:
        """Return the slant range between samples."""
        return SPEED_OF_LIGHT_M_S / (2.0 * self.sampling_hz)

    @property
    def chirp_rate_hz_s(self) -> float:
        """Return the rate of the pulse's frequency, which falls."""
        return -self.bandwidth_hz / self.pulse_s

    @property
    def pulse_samples(self) -> int:
        """Return the number of samples of the pulse; as many at the end have no complete echo."""
        return round(self.pulse_s * self.sampling_hz)

    @property
    def far_range_m(self) -> float:
        """Return the slant range of the last sample that a complete pulse covers."""
        whole = self.samples - self.pulse_samples
        return self.near_range_m + (whole - 1) * self.range_spacing_m

    @property
    def mode(self) -> str:
        """Return ``FBS`` or ``FBD``: fine beam with one or two polarizations."""
        return "FBS" if self.bandwidth_hz > 20e6 else "FBD"

    @property
    def direction(self) -> str:
        """Return ``ASCENDING`` or ``DESCENDING``."""
        return "ASCENDING" if self.ascending else "DESCENDING"

    @property
    def height_m(self) -> float:
        """Return the height of the satellite above the ellipsoid at the first pulse."""
        return self._nadir[2]

    @property
    def earth_radius_m(self) -> float:
        """Return the distance from the Earth's centre to the ellipsoid below the satellite."""
        from isce2_recipe.sar.ellipsoid import geodetic_to_ecef

        lat, lon, _ = self._nadir
        return math.dist((0.0, 0.0, 0.0), geodetic_to_ecef(lat, lon, 0.0))

    @property
    def heading_deg(self) -> float:
        """Return the direction of the ground track at the first pulse, clockwise from north, -180 to 180."""
        lat, lon, _ = self._nadir
        _, velocity = self.orbit.at(self.orbit.seconds(self.start))
        east = -math.sin(lon) * velocity[0] + math.cos(lon) * velocity[1]
        north = math.cos(lat) * velocity[2] - math.sin(lat) * (
            math.cos(lon) * velocity[0] + math.sin(lon) * velocity[1]
        )
        return math.degrees(math.atan2(east, north))

    @property
    def _nadir(self) -> tuple[float, float, float]:
        """Return latitude, longitude (radians) and height of the satellite at the first pulse."""
        from isce2_recipe.sar.ellipsoid import ecef_to_geodetic

        position, _ = self.orbit.at(self.orbit.seconds(self.start))
        place: tuple[float, float, float] = ecef_to_geodetic(*position.tolist())
        return place

    @property
    def footprint(self) -> tuple[tuple[float, float], ...]:
        """Return the closed polygon of (longitude, latitude): start near, start far, end far, end near."""
        corners = [
            (time, slant)
            for time, ranges in (
                (self.start, (self.near_range_m, self.far_range_m)),
                (self.stop, (self.far_range_m, self.near_range_m)),
            )
            for slant in ranges
        ]
        ring = tuple(_on_ellipsoid(self.orbit, time, slant) for time, slant in corners)
        return (*ring, ring[0])


def _on_ellipsoid(orbit: Orbit, time: datetime, slant_range_m: float) -> tuple[float, float]:
    """Return longitude and latitude in degrees of the point of the ellipsoid at a time and a slant range."""
    from isce2_recipe.sar.zero_doppler import solve_look_angle, sphere_look_angle

    position, velocity = (values.tolist() for values in orbit.at(orbit.seconds(time)))
    state = (*position, *velocity)
    sea = np.zeros((1, 1), dtype=np.float32)
    look_angle = sphere_look_angle(state, slant_range_m, 0.0)
    lat, lon, _, _ = solve_look_angle(state, slant_range_m, look_angle, 0.0, sea, 0.0, 0.0, -1.0, 1.0)
    return math.degrees(lon), math.degrees(lat)


def read_scene(folder: Path, polarization: str = "HH") -> AlosScene:
    """Read the scene in a folder with its ``IMG-*`` and ``LED-*`` files, and one of its polarizations.

    Raise InputError if a file is missing, truncated, of another level, or invalid.
    """
    names = sorted(path.name for path in folder.glob("IMG-*"))
    images = {match[1]: match for name in names if (match := _IMAGE.fullmatch(name))}
    if polarization not in images:
        for name in names:
            _refuse_other_products(name)
        there = ", ".join(images) or "no signal data (IMG-...-H1.0__A)"
        raise InputError(
            f"{folder} holds no {polarization} signal data: {there}",
            hint=f"the workflow needs a level 1.0 scene with {polarization}; download it again as L1.0",
        )
    image = images[polarization][0]
    leader = folder / image.replace(f"IMG-{polarization}-", "LED-")
    if not leader.is_file():
        raise InputError(f"{folder} lacks {leader.name}", hint="unpack all files of the archive")
    return replace(read_frame(folder / image, leader), polarizations=tuple(images))


def read_frame(image: Path, leader: Path) -> AlosScene:
    """Read a scene from its signal file, of any polarization, and its leader; their names do not matter.

    Raise InputError if one is missing, truncated, of another product, or invalid.
    """
    for path in (image, leader):
        if not path.is_file():
            raise InputError(f"{path} does not exist", hint="check the names of image and leader")
        _refuse_other_products(path.name)
    try:
        return _read(image, leader)
    except (ValueError, OSError) as exc:
        raise InputError(
            f"{image.name} or {leader.name} cannot be read: {exc}", hint="download the scene again"
        ) from exc


def _refuse_other_products(name: str) -> None:
    """Raise an error for the file of a product that is no level 1.0 scene of ALOS-1 in fine beam mode."""
    match = _PRODUCT.search(name)
    if match is None:
        return
    if "ALOS2" in match[0]:
        raise InputError(f"{name} is from ALOS-2", hint=_FINE_BEAM)
    if match["mode"] in _OTHER_MODES:
        raise InputError(f"{name} is a {_OTHER_MODES[match['mode']]} scene", hint=_FINE_BEAM)
    _refuse_level(name, match["level"])


def _refuse_level(name: str, level: str) -> None:
    if level != "1.0":
        raise InputError(
            f"{name} is of level {level}{_LEVELS.get(level, '')}, not 1.0 (raw signal)",
            hint="download the scene again as L1.0",
        )


def _check_leader(name: str, led: bytes) -> None:
    """Raise an error if a leader's summary describes another product."""
    mission, mode = (_text(led, _SUMMARY + offset, width) for offset, width in ((396, 16), (412, 32)))
    if "ALOS" not in mission:
        raise InputError(f"{name} is no leader of an ALOS scene: its mission is '{mission}'", hint=_FINE_BEAM)
    if "2" in mission:
        raise InputError(f"{name} is from {mission}", hint=_FINE_BEAM)
    _refuse_level(name, _text(led, _SUMMARY + 1094, 16))
    # Character 13 is the mode: 0 high resolution, 1 wide (ScanSAR), 2 polarimetric.
    wrong = {"1": "W", "2": "P"}.get(mode[12:13])
    if wrong:
        raise InputError(f"{name} is of a {_OTHER_MODES[wrong]} scene", hint=_FINE_BEAM)


def _read(image: Path, leader: Path) -> AlosScene:
    led = leader.read_bytes()
    _check_leader(leader.name, led)
    _, headers = read_headers(image)
    _check_count(image, len(headers))
    first = headers[0]
    orbit = _orbit(led[_POSITION:])
    start, stop = pulse_time(image, first), pulse_time(image, headers[-1])
    if not orbit.covers(orbit.seconds(start), orbit.seconds(stop)):
        raise ValueError(f"the leader's state vectors ({orbit.describe_span()}) do not cover its pulses")
    match = _NAME.search(f"{image.name} {_text(led, _SUMMARY + 20, 32)}")
    if match is None:
        raise ValueError("neither the file nor its leader has the name of an ALOS scene (ALPSRP...)")
    polarization = polarization_of(first)
    return AlosScene(
        name=AlosName.parse(match[0]),
        image=image,
        leader=leader,
        polarization=polarization,
        polarizations=(polarization,),
        ascending=bool(orbit.at(orbit.seconds(start))[1][2] > 0.0),
        start=start,
        stop=stop,
        lines=len(headers),
        samples=int(first["data_pixels"]),
        prf_hz=int(first["prf_millihertz"]) / 1000.0,
        sampling_hz=_positive(led, _SUMMARY + 710, 16, "sampling rate") * 1e6,
        bandwidth_hz=_positive(led, _CALIBRATION + 64, 4, "bandwidth") * 1e6,
        pulse_s=_positive(led, _SUMMARY + 742, 16, "pulse length") * 1e-6,
        wavelength_m=_positive(led, _SUMMARY + 500, 16, "wavelength"),
        near_range_m=float(first["slant_range_m"]),
        beam=int(_number(led, _SUMMARY + 1854, 4)),
        orbit=orbit,
    )


def _check_count(image: Path, pulses: int) -> None:
    """Raise an error if a signal file has fewer pulses than its descriptor states."""
    with image.open("rb") as stream:
        stated = stream.read(DESCRIPTOR)[_STATED_LINES].strip()
    if stated.isdigit() and pulses < int(stated):
        raise ValueError(f"the signal data is truncated: it has {pulses} of {int(stated)} pulses")


def _orbit(record: bytes) -> Orbit:
    count, year, month, day = (int(_number(record, 140 + 4 * k, 4)) for k in range(4))
    epoch = datetime(year, month, day, tzinfo=UTC)
    times = _number(record, 160, 22) + np.arange(count, dtype=np.float64) * _number(record, 182, 22)
    vectors = np.array(
        [[_number(record, 386 + _VECTOR_BYTES * i + 22 * k, 22) for k in range(6)] for i in range(count)]
    )
    if count < 4 or not (np.diff(times) > 0.0).all() or not np.isfinite(vectors).all():
        raise ValueError(f"the leader has {count} usable state vectors")
    speed = np.linalg.norm(vectors[:, 3:], axis=1).max()
    # Leaders of ERSDAC have millimetres per second.
    return Orbit(epoch, times, vectors[:, :3], vectors[:, 3:] / (1000.0 if speed > 1e5 else 1.0))


def _positive(data: bytes, offset: int, width: int, what: str) -> float:
    value = _number(data, offset, width)
    if not 0.0 < value < math.inf:
        raise ValueError(f"the leader states a {what} of {value:g}")
    return value


def _text(data: bytes, offset: int, width: int) -> str:
    return str(decode(data, offset, f"A{width}"))


def _number(data: bytes, offset: int, width: int) -> float:
    return float(decode(data, offset, f"F{width}.0"))


def perpendicular_baseline_m(reference: AlosScene, secondary: AlosScene) -> float:
    """Return the perpendicular baseline at the middle of the reference, on the ellipsoid.

    See `isce2_recipe.sar.orbit.across_track_baseline_m` for the sign.
    """
    from isce2_recipe.sar.ellipsoid import geodetic_to_ecef
    from isce2_recipe.sar.orbit import across_track_baseline_m
    from isce2_recipe.sar.zero_doppler import geo2rdr, rdr2geo, state

    middle = reference.start + (reference.stop - reference.start) / 2
    slant = 0.5 * (reference.near_range_m + reference.far_range_m)
    first_time = reference.orbit.seconds(middle)
    second_time = secondary.orbit.seconds(secondary.start + (secondary.stop - secondary.start) / 2)
    first = reference.orbit.polynomial(first_time - _MARGIN_S, first_time + _MARGIN_S)
    second = secondary.orbit.polynomial(second_time - _MARGIN_S, second_time + _MARGIN_S)
    sea = np.zeros((1, 1), dtype=np.float32)
    target = geodetic_to_ecef(*rdr2geo(first, first_time, slant, sea, 0.0, 0.0, -1.0, 1.0))
    time, other_slant = geo2rdr(second, *target, second_time)
    here = np.array(state(first, first_time))
    there = np.array(state(second, time)[:3])
    _, perpendicular = across_track_baseline_m((here[:3], here[3:]), there, target, slant, other_slant)
    return perpendicular
