"""The network as a source: ASF for granules, orbits and water masks, Copernicus for terrain."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import urlsplit

from isce2_recipe.errors import SourceError, UsageError
from isce2_recipe.sources.asf import dem, formats, granules, orbits
from isce2_recipe.sources.asf.client import Client
from isce2_recipe.sources.asf.credentials import find_credentials
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import (
    AlosRecord,
    BurstFiles,
    BurstRecord,
    Needs,
    Outcome,
    Progress,
    SlcRecord,
    SourceTraits,
    run_checks,
)
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.names import PRECISE, scene_name, water_mask_tiles
from isce2_recipe.types import AlosName, Bounds, BurstName, PreflightCheck, SlcName


class AsfSource:
    """The services that production uses, with settings (see `Settings`) and credentials from the environment.

    Credentials are never written anywhere.
    """

    name = "asf"
    # Bursts are requested together because the extractor cuts them concurrently. The setting DOWNLOADS limits
    # how many are downloaded at a time.
    traits = SourceTraits(steady=True, downloads=True, terrain="GLO_30", parallel_bursts=10)

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._session: Client | None = None

    @classmethod
    def from_text(cls, options: str) -> AsfSource:
        """Return the source with the settings of this process's environment; it has no options."""
        if options:
            raise UsageError(f"the source asf takes no options, instead got '{options}'")
        return cls(os.environ)

    @cached_property
    def settings(self) -> Settings:
        """Endpoints and limits."""
        return Settings.from_environment(self._environment)

    def fingerprint(self) -> str:
        """Return a constant: the data that the services deliver for a granule name do not change."""
        return "asf 1"

    def examine(self, needs: Needs, log: logging.Logger) -> list[PreflightCheck]:
        """Check that the login is accepted and that orbits, terrain and water mask exist."""
        client, settings = self._client(log), self.settings
        passes = {
            f"orbit of {platform} {start:%Y-%m-%d}": partial(_orbit, platform, start, stop, client, settings)
            for platform, start, stop in needs.passes
        }
        return run_checks(
            {
                "Earthdata login": partial(_login, client),
                **passes,
                "terrain": partial(_terrain, needs.terrain),
                "water mask": partial(_water_mask, needs.terrain, client, settings),
            }
        )

    def find_bursts(self, names: list[BurstName], log: logging.Logger) -> list[BurstRecord]:
        """Return the records of NASA's catalogue, in the order of ``names``."""
        return granules.find(granules.BURST, names, self.settings, log)

    def search_bursts(self, query: BurstQuery, log: logging.Logger) -> list[BurstRecord]:
        """Return the records of NASA's catalogue that match a query."""
        return granules.search_bursts(query, self.settings, log)

    def burst_at(
        self, slc: SlcName, swath: int, polarization: str, number: int, log: logging.Logger
    ) -> BurstName:
        """Return the burst that NASA's catalogue has at a position, counted from 0, of a swath of an SLC."""
        found = granules.find_burst_of(slc, swath, polarization, number, self.settings, log)
        return BurstName.parse(found.name)

    def fetch_burst(
        self, record: BurstRecord, folder: Path, log: logging.Logger, progress: Progress
    ) -> BurstFiles:
        """Download measurement and metadata from the burst extractor."""
        url = granules.address(record)
        client = self._client(log)
        client.log_in()
        metadata = client.download(
            url.removesuffix(".tiff") + ".xml",
            folder / f"{record.name}.xml",
            format=formats.XML,
        )
        tiff = client.download(
            url,
            folder / f"{record.name}.tiff",
            format=formats.burst(record.name),
            progress=progress,
            least_bytes=record.bytes or 0,
        )
        log.info("fetched %s", record.name)
        return BurstFiles(tiff, metadata)

    def fetch_orbit(
        self, platform: str, start: datetime, stop: datetime, folder: Path, log: logging.Logger
    ) -> Path:
        """Download the precise orbit where there is one, else the restituted."""
        return orbits.fetch_orbit(platform, start, stop, folder, self.settings, log)

    def fetch_dem(self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Download Copernicus GLO-30 and add the EGM2008 geoid."""
        return dem.fetch_dem(bounds, folder, self._client(log), self.settings, progress)

    def fetch_water_mask(
        self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress
    ) -> list[Path]:
        """Download ASF's tiles, which are made of OpenStreetMap and ESA WorldCover."""
        urls = [f"{self.settings.water_mask_url}/{name}" for name in water_mask_tiles(bounds)]
        return self._client(log).download_all(urls, folder, format=formats.TIFF, progress=progress)

    def fetch_aux_cal(self, platform: str, folder: Path, log: logging.Logger) -> list[Path]:
        """Download ESA's calibration files from ASF."""
        from isce2_recipe.sentinel1.aux_cal import unpack

        name = f"{platform}_AUX_CAL_20241128.zip"
        url = f"{self.settings.aux_cal_url}/{name}"
        archive = self._client(log).download(url, folder / name, format=formats.ZIP)
        made = unpack(archive, platform, folder)
        archive.unlink()
        if not made:
            raise SourceError(f"{name} of {self.settings.aux_cal_url} has no {platform}_AUX_CAL_*.SAFE")
        return made

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Return the records of NASA's catalogue, in the order of ``names``."""
        return granules.find(granules.SLC, names, self.settings, log)

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,
        swaths: Sequence[int],
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> Path:
        """Download an SLC's archive from ASF."""
        return granules.fetch_archive(record, folder / f"{record.name}.zip", self._client(log), progress)

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Return the records of NASA's catalogue, in the order of ``names``."""
        return granules.find(granules.ALOS, names, self.settings, log)

    def fetch_alos(self, record: AlosRecord, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Download a scene's archive from ASF."""
        return granules.fetch_archive(record, folder / f"{record.name}-L1.0.zip", self._client(log), progress)

    def _client(self, log: logging.Logger) -> Client:
        """Return the session that all downloads of a step share, so that it logs in once."""
        with self._lock:
            if self._session is None:
                credentials = find_credentials(self._environment, self.settings.login_url)
                self._session = Client(self.settings, credentials, log)
            return self._session


def _login(client: Client) -> Outcome:
    client.log_in()
    credentials = client.credentials
    detail = f"accepted, from {credentials.origin}"
    if credentials.expires is not None:
        detail += f", expires {credentials.expires:%Y-%m-%d %H:%M} UTC"
    return "note" if credentials.warning else "ok", detail, credentials.warning


def _orbit(platform: str, start: datetime, stop: datetime, client: Client, settings: Settings) -> Outcome:
    place = client.locate(f"{settings.orbit_url}/{scene_name(platform, start, stop)}")
    name = urlsplit(place).path.rpartition("/")[2]
    orbits.check_name(name, platform, start, stop)
    if PRECISE in name:
        return "ok", f"precise, {name}", ""
    detail = f"only a restituted one exists so far: {name}"
    return "note", detail, "precise orbits are published after 20 days"


def _terrain(bounds: Bounds) -> Outcome:
    missing, some = dem.missing_terrain(bounds)
    none = f"Copernicus has none at {', '.join(missing)}"
    if not some:
        return "wrong", f"{none}, which is open sea", "choose bursts that show land"
    if missing:
        return "note", f"{none}; sea level is used there", ""
    return "ok", "Copernicus GLO-30 covers the scene", ""


def _water_mask(bounds: Bounds, client: Client, settings: Settings) -> Outcome:
    names = water_mask_tiles(bounds)
    for name in names:
        client.locate(f"{settings.water_mask_url}/{name}")
    return "ok", ", ".join(names), ""
