"""What is known of an interferogram, stated once for tags, texts and catalogues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypedDict

from isce2_recipe import __version__
from isce2_recipe.inputs import InputFile
from isce2_recipe.types import Looks

SENTINEL1_WAVELENGTH_M = 299792458.0 / 5.405000454e9
"""Speed of light over Sentinel-1's frequency of 5.405000454 GHz."""

# The packages on which values depend, besides the engine.
_PACKAGES = ("numpy", "scipy", "numba", "rasterio", "snaphu")


@dataclass(frozen=True, slots=True)
class Processing:
    """How the interferogram was processed.

    ``filter_strength`` is the exponent of the Goldstein filter, 0 for none; ``unwrapper`` is ISCE2's name;
    water was masked before unwrapping if ``water_masked`` is set.
    """

    looks: Looks
    filter_strength: float
    unwrapper: str
    water_masked: bool


class HowMade(TypedDict):
    """The part of the `ProductFacts` that describes how a product was made."""

    processing: Processing
    engine: str
    source: str
    simulated: bool
    terrain: str
    inputs: tuple[InputFile, ...]
    record: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Mission:
    """A kind of satellites; ``constellation``, ``instrument`` and ``band`` are STAC's names.

    Attributes
    ----------
    credit : str
        Sentence that the data's terms of use require; ``{year}`` stands for the year of acquisition.
    terms : str
        Address of these terms.
    granules : str
        Address of ASF's catalogue entry of a granule, up to the granule's name.
    suffix : str
        Ending of granules' names in that catalogue.
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
class ProductFacts:
    """What an interferogram shows and how it was made.

    Attributes
    ----------
    platform : str
        STAC's name of the reference's satellite, such as ``sentinel-1b``; empty where it is not known.
    direction : str
        ``ASCENDING`` or ``DESCENDING``.
    relative_orbit : int or None
        Track, where the mission counts tracks.
    reference_orbit, secondary_orbit : int
        Absolute orbits.
    reference_start, secondary_start : datetime
        UTC of the first burst or pulse.
    time_of_day_s : float
        Time of the reference's first burst or pulse since midnight.
    baseline_m : float
        Perpendicular baseline.
    heading_deg : float
        Heading of the flight, clockwise from north.
    height_m, earth_radius_m : float
        Height of the satellite above the ellipsoid; radius of the Earth below it.
    reference, secondary : tuple of str
        Granule names.
    engine, source, terrain : str
        Name and version of the engine; names of the source of the inputs and of the terrain model.
    record : mapping, optional
        What is needed to run the recipe again, as JSON.
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
    simulated: bool
    terrain: str
    inputs: tuple[InputFile, ...] = ()
    record: Mapping[str, Any] | None = None

    @property
    def days(self) -> float:
        """Days from the reference to the secondary."""
        return (self.secondary_start - self.reference_start).total_seconds() / 86400.0

    @property
    def reversed(self) -> bool:
        """Whether the reference is the newer pass; positive phase is then motion towards the satellite."""
        return self.days < 0

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the recipe that influence the product."""
        return dict((self.record or {}).get("parameters", {}))

    @property
    def software(self) -> dict[str, str]:
        """Names and versions of the software that made the product."""
        name, _, number = self.engine.partition(" ")
        found = {"isce2-recipe": __version__, name: number or __version__}
        for package in _PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found


_SIMULATED, _SIMULATED_BY = "simulated", ", simulated"


def tags(name: str, facts: ProductFacts) -> dict[str, str]:
    """Return the metadata of every GeoTIFF of the product ``name``."""
    processing = facts.processing
    return {
        "PRODUCT": name,
        "SOFTWARE": f"isce2-recipe {__version__}",
        "ENGINE": facts.engine,
        "INPUTS": inputs_tag(facts.source, simulated=facts.simulated),
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


def inputs_tag(source: str, *, simulated: bool) -> str:
    """Return the tag ``INPUTS`` of GeoTIFFs: the source, and whether it simulates."""
    return source + _SIMULATED_BY * (simulated and source != _SIMULATED)


def source_of_simulated(tags: Mapping[str, str]) -> str:
    """Return the source of the inputs of the GeoTIFF with these tags; an empty text if they were observed."""
    source = tags.get("INPUTS", "")
    return source.removesuffix(_SIMULATED_BY) if source.endswith((_SIMULATED, _SIMULATED_BY)) else ""


def utc(when: datetime) -> str:
    """Return a time as catalogues write it, to the microsecond."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
