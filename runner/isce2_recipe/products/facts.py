"""What is known of an interferogram: said once, and from here in tags, texts and catalogues alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.inputs import InputFile
from isce2_recipe.types import Looks

# The packages that values depend on, beside the engine.
_PACKAGES = ("numpy", "scipy", "numba", "rasterio", "snaphu")


@dataclass(frozen=True, slots=True)
class Processing:
    """How the interferogram was made.

    Attributes
    ----------
    looks : Looks
        Multilooking window.
    filter_strength : float
        Exponent of the Goldstein filter, 0 for none.
    unwrapper : str
        ISCE2's name of it.
    water_masked : bool
        Whether water was left out of the unwrapping.
    """

    looks: Looks
    filter_strength: float
    unwrapper: str
    water_masked: bool


@dataclass(frozen=True, slots=True)
class Mission:
    """A kind of satellites, in STAC's words.

    Attributes
    ----------
    name : str
        For people.
    constellation, instrument, band : str
    credit : str
        What its data's terms want said; ``{year}`` stands for the year of acquisition.
    terms : str
        Address of these terms.
    granules : str
        Address of what ASF's catalogue says of a granule; its name follows.
    suffix : str
        Of granules' names there.
    """

    name: str
    constellation: str
    instrument: str
    band: str
    credit: str
    terms: str
    granules: str
    suffix: str = ""


_CATALOGUE = "https://cmr.earthdata.nasa.gov/search/granules.umm_json?provider=ASF&readable_granule_name="
SENTINEL1 = Mission(
    "Sentinel-1",
    "sentinel-1",
    "c-sar",
    "C",
    "Contains modified Copernicus Sentinel data {year}.",
    "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice",
    _CATALOGUE,
)
ALOS = Mission(
    "ALOS PALSAR",
    "alos",
    "palsar",
    "L",
    "ALOS PALSAR data: © JAXA/METI {year}, accessed through ASF DAAC.",
    "https://asf.alaska.edu/data-sets/sar-data-sets/alos-palsar/",
    _CATALOGUE,
    "-L1.0",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an interferogram is of and how it came to be.

    Attributes
    ----------
    mission : Mission
    platform : str
        In STAC's words, ``sentinel-1b``; empty where it is not known.
    mode, polarization, direction : str
        Of the acquisitions; the last ``ASCENDING`` or ``DESCENDING``.
    relative_orbit : int or None
        The track, where the mission counts them.
    reference_orbit, secondary_orbit : int
        Absolute.
    reference_start, secondary_start : datetime
        UTC of the first bursts or pulses.
    time_of_day_s : float
        Of the reference's, since midnight.
    wavelength_m : float
        Of the radar.
    baseline_m : float
        Perpendicular.
    heading_deg : float
        Of the flight, clockwise from north.
    height_m, earth_radius_m : float
        Of the satellite above the ellipsoid; of the Earth below it.
    near_range_m, center_range_m, far_range_m : float
        Slant ranges.
    reference, secondary : tuple of str
        Granule names.
    processing : Processing
        How it was made.
    engine, source : str
        Name and version of what computed it, and where the inputs came from.
    inputs : tuple of InputFile
        What the source delivered.
    record : mapping, optional
        What makes the run again, as JSON.
    """

    mission: Mission
    platform: str
    mode: str
    polarization: str
    direction: str
    relative_orbit: int | None
    reference_orbit: int
    secondary_orbit: int
    reference_start: datetime
    secondary_start: datetime
    time_of_day_s: float
    wavelength_m: float
    baseline_m: float
    heading_deg: float
    height_m: float
    earth_radius_m: float
    near_range_m: float
    center_range_m: float
    far_range_m: float
    reference: tuple[str, ...]
    secondary: tuple[str, ...]
    processing: Processing
    engine: str
    source: str
    inputs: tuple[InputFile, ...] = ()
    record: Mapping[str, Any] | None = None

    @property
    def simulated(self) -> bool:
        """Whether nothing of it was observed."""
        return self.source == "simulated"

    @property
    def terrain(self) -> str:
        """The terrain model in HyP3's words; the source's name where it brings one of its own."""
        return "GLO_30" if self.source == "asf" else self.source

    @property
    def days(self) -> float:
        """Time from the reference to the secondary."""
        return (self.secondary_start - self.reference_start).total_seconds() / 86400.0

    @property
    def parameters(self) -> dict[str, Any]:
        """Of the recipe, as far as they decide over the product."""
        return dict((self.record or {}).get("parameters", {}))

    @property
    def software(self) -> dict[str, str]:
        """Names and versions of what it was made with."""
        name, _, number = self.engine.partition(" ")
        found = {"isce2-recipe": __version__, name: number or __version__}
        for package in _PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found


def tags(name: str, facts: Facts) -> dict[str, str]:
    """Metadata of every GeoTIFF of the product ``name``."""
    processing = facts.processing
    return {
        "PRODUCT": name,
        "SOFTWARE": f"isce2-recipe {__version__}",
        "ENGINE": facts.engine,
        "INPUTS": facts.source,
        "REFERENCE": " ".join(facts.reference),
        "SECONDARY": " ".join(facts.secondary),
        "REFERENCE_TIME": utc(facts.reference_start),
        "SECONDARY_TIME": utc(facts.secondary_start),
        "POLARIZATION": facts.polarization,
        "PASS_DIRECTION": facts.direction,
        "WAVELENGTH_M": str(facts.wavelength_m),
        "TERRAIN": facts.terrain,
        "PERPENDICULAR_BASELINE_M": str(facts.baseline_m),
        "LOOKS": str(processing.looks),
        "FILTER_STRENGTH": str(processing.filter_strength),
        "UNWRAPPER": processing.unwrapper,
        "WATER_MASKED": "yes" if processing.water_masked else "no",
        **({} if facts.record is None else {"PARAMETERS": json.dumps(facts.parameters)}),
    }


def utc(when: datetime) -> str:
    """A time as catalogues write it, to the microsecond."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
