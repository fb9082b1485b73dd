"""Addresses and time limits of the services; every value can be set with an environment variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from isce2_recipe.errors import ParameterError
from isce2_recipe.sources.names import AUX_CAL_URL, ORBIT_URL, WATER_MASK_URL

PREFIX = "ISCE2_RECIPE_ASF_"

# Groups of public addresses of the same data.
_MIRRORS = (
    (
        "https://aria-geoid.s3.us-west-2.amazonaws.com/us_nga_egm2008_1_4326__agisoft.tif",
        "https://asf-dem-west.s3.amazonaws.com/GEOID/us_nga_egm2008_1.tif",
    ),
    (
        "https://copernicus-dem-30m.s3.amazonaws.com",
        "https://copernicus-dem-30m.s3.eu-central-1.amazonaws.com",
    ),
    (
        "https://copernicus-dem-90m.s3.amazonaws.com",
        "https://copernicus-dem-90m.s3.eu-central-1.amazonaws.com",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Endpoints and limits of the ASF source.

    Every attribute has an environment variable: ``ISCE2_RECIPE_ASF_`` and its name in capitals, for example
    ``ISCE2_RECIPE_ASF_CMR_URL``. Set it to use a mirror, or a local server in a test. An address may be
    followed by mirrors, separated by blanks, which are tried in that order.
    """

    # NASA's Common Metadata Repository, the catalogue of granules.
    cmr_url: str = "https://cmr.earthdata.nasa.gov"
    # Scheme and host that replace those of bursts, SLC and ALOS archives in the catalogue's results; empty to
    # keep them.
    burst_url: str = ""
    slc_url: str = ""
    alos_url: str = ""
    login_url: str = "https://urs.earthdata.nasa.gov"
    # A small protected file at ASF. Its download sets the session cookie that the burst extractor requires.
    cookie_url: str = (
        "https://sentinel1.asf.alaska.edu/METADATA_RAW/SA/"
        "S1A_IW_RAW__0SSV_20141229T072718_20141229T072750_003931_004B96_B79F.iso.xml"
    )
    orbit_url: str = ORBIT_URL  # ASF's orbit service; the name of a scene is appended to its address
    # Copernicus GLO-30, and GLO-90 for areas where GLO-30 is not released.
    dem_url: str = "https://copernicus-dem-30m.s3.amazonaws.com"
    dem90_url: str = "https://copernicus-dem-90m.s3.amazonaws.com"
    # EGM2008 undulation, as a GeoTIFF that GDAL can read remotely.
    geoid_url: str = "https://aria-geoid.s3.us-west-2.amazonaws.com/us_nga_egm2008_1_4326__agisoft.tif"
    # Folder of ASF's water mask tiles.
    water_mask_url: str = WATER_MASK_URL
    # Folder of the auxiliary calibration archives ``S1A_AUX_CAL_20241128.zip`` and ``S1B_...``.
    aux_cal_url: str = AUX_CAL_URL
    attempts: int = 6
    retry_wait_s: float = 2.0  # wait before the second attempt, seconds; doubled before each further one
    # Longest silence of a server, and longest time until all headers are received, seconds.
    timeout_s: float = 60.0
    extraction_timeout_s: float = 900.0  # longest wait for the extractor to cut a burst, seconds
    # First wait between requests for a burst that is not ready, seconds; it grows to twenty times that.
    poll_s: float = 1.0
    # Rate, kilobytes per second. A download that is slower for ``timeout_s`` is interrupted and resumed.
    slowest_kb_s: float = 1.0
    downloads: int = 4  # number of simultaneous downloads of all runs that share a cache
    cache: str = ""  # folder of the cache; empty for the user's cache folder, ``none`` for no cache
    # Size of the cache, gigabytes. The least recently used files are deleted first.
    cache_gb: float = 20.0
    # Groups of equivalent beginnings of addresses; derived from the settings above.
    mirrors: tuple[tuple[str, ...], ...] = _MIRRORS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Return the settings of an environment.

        Raise ParameterError if the value of a variable should be a number but is not.
        """
        given: dict[str, object] = {}
        mirrors: list[tuple[str, ...]] = list(_MIRRORS)
        for field in fields(cls):
            variable = PREFIX + field.name.upper()
            if variable not in environment or field.name == "mirrors":
                continue
            if field.name.endswith("_url"):
                addresses = tuple(word.rstrip("/") for word in environment[variable].split()) or ("",)
                given[field.name] = addresses[0]
                mirrors += [addresses] if len(addresses) > 1 else []
            else:
                given[field.name] = _convert(variable, environment[variable], str(field.type))
        return cls(**given, mirrors=tuple(mirrors))  # type: ignore[arg-type]

    def mirrors_of(self, url: str) -> list[str]:
        """Return the addresses of a file, in the order in which they are tried."""
        found = [url]
        for group in self.mirrors:
            for prefix in group:
                if url == prefix or url.startswith(f"{prefix}/"):
                    found += [other + url.removeprefix(prefix) for other in group if other != prefix]
        return list(dict.fromkeys(found))


def _convert(variable: str, text: str, kind: str) -> object:
    if kind == "str":
        return text
    try:
        value = float(text) if kind == "float" else int(text)
    except ValueError:
        value = -1
    if value < 0 or (value == 0 and not variable.endswith("_GB")):
        raise ParameterError(f"{variable} must be a positive number, instead got '{text}'")
    return value
