"""The network as a source: ASF for bursts, orbits and water masks, Copernicus for terrain."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from isce2_recipe.sources.asf import formats
from isce2_recipe.sources.asf.credentials import find_credentials
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import (
    AlosRecord,
    BurstFiles,
    BurstRecord,
    Needs,
    Progress,
    Sentinel1Record,
    SlcRecord,
)
from isce2_recipe.types import AlosName, Bounds, BurstName, PreflightCheck, SlcName

if TYPE_CHECKING:
    from isce2_recipe.sources.asf.client import Client


class AsfSource:
    """Everything from the services that production uses.

    Parameters
    ----------
    environment : mapping
        Endpoints (see `Settings`) and credentials are read from it; never written anywhere.
    """

    name = "asf"

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._lock = threading.Lock()
        self._session: Client | None = None

    @cached_property
    def settings(self) -> Settings:
        """Endpoints and limits."""
        return Settings.from_environment(self._environment)

    def fingerprint(self) -> str:
        """The services' names; what they deliver under one granule name does not change."""
        return "asf 1"

    def examine(self, needs: Needs, log: logging.Logger) -> list[PreflightCheck]:
        """Whether the login is accepted and orbits, terrain and water mask are there."""
        from isce2_recipe.sources.asf.examine import examine

        return examine(needs, self._client(log), self.settings, log)

    def find_bursts(self, names: list[BurstName], log: logging.Logger) -> list[BurstRecord]:
        """Records from NASA's catalogue, in the order of ``names``."""
        from isce2_recipe.sources.asf import granules

        return granules.find(granules.BURST, names, self.settings, log)

    def burst_at(
        self, slc: SlcName, swath: int, polarization: str, number: int, log: logging.Logger
    ) -> BurstName:
        """The burst at a position, counted from 0, of an SLC's swath, from NASA's catalogue."""
        from isce2_recipe.sources.asf.granules import find_burst_of

        return BurstName.parse(find_burst_of(slc, swath, polarization, number, self.settings, log).name)

    def fetch_burst(
        self, record: BurstRecord, folder: Path, log: logging.Logger, progress: Progress
    ) -> BurstFiles:
        """Measurement and metadata from the burst extractor."""
        from isce2_recipe.sources.asf.granules import address

        url = address(record)
        client = self._client(log)
        client.log_in()
        metadata = client.download(
            url.removesuffix(".tiff") + ".xml",
            folder / f"{record.name}.xml",
            format=formats.XML,
            progress=lambda _fraction, _text: None,
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
        """The precise orbit where there is one, else the restituted."""
        from isce2_recipe.sources.asf.orbits import fetch_orbit

        return fetch_orbit(platform, start, stop, folder, self.settings, log)

    def fetch_dem(self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Copernicus GLO-30 with the EGM2008 geoid added."""
        from isce2_recipe.sources.asf.dem import fetch_dem

        return fetch_dem(bounds, folder, self._client(log), self.settings, progress)

    def fetch_water_mask(
        self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress
    ) -> list[Path]:
        """ASF's tiles, made of OpenStreetMap and ESA WorldCover."""
        from isce2_recipe.sources.tiles import water_mask_tiles

        urls = [f"{self.settings.water_mask_url}/{name}" for name in water_mask_tiles(bounds)]
        return self._client(log).download_all(urls, folder, format=formats.TIFF, progress=progress)

    def fetch_aux_cal(self, platform: str, folder: Path, log: logging.Logger) -> list[Path]:
        """ESA's calibration files, as ASF keeps them."""
        from isce2_recipe.sentinel1.aux_cal import unpack

        name = f"{platform}_AUX_CAL_20241128.zip"
        archive = self._client(log).download(
            f"{self.settings.aux_cal_url}/{name}",
            folder / name,
            format=formats.ZIP,
            progress=lambda _fraction, _text: None,
        )
        made = unpack(archive, platform, folder)
        archive.unlink()
        return made

    def write_truth(
        self,
        records: Sequence[Sentinel1Record],  # noqa: ARG002
        dem: Path,  # noqa: ARG002
        folder: Path,  # noqa: ARG002
    ) -> Path | None:
        """None: nobody knows the truth."""
        return None

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Records from NASA's catalogue, in the order of ``names``."""
        from isce2_recipe.sources.asf import granules

        return granules.find(granules.SLC, names, self.settings, log)

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,  # noqa: ARG002 - archives come whole
        swaths: Sequence[int],  # noqa: ARG002
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> Path:
        """An SLC's archive from ASF."""
        from isce2_recipe.sources.asf.granules import fetch_archive

        return fetch_archive(record, folder / f"{record.name}.zip", self._client(log), progress)

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Records from NASA's catalogue, in the order of ``names``."""
        from isce2_recipe.sources.asf import granules

        return granules.find(granules.ALOS, names, self.settings, log)

    def fetch_alos(self, record: AlosRecord, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """A scene's archive from ASF."""
        from isce2_recipe.sources.asf.granules import fetch_archive

        return fetch_archive(record, folder / f"{record.name}-L1.0.zip", self._client(log), progress)

    def write_alos_truth(
        self,
        reference: AlosRecord,  # noqa: ARG002
        secondary: AlosRecord,  # noqa: ARG002
        dem: Path,  # noqa: ARG002
        folder: Path,  # noqa: ARG002
    ) -> Path | None:
        """None: nobody knows the truth."""
        return None

    def _client(self, log: logging.Logger) -> Client:
        """One session for all that a step fetches, so that it logs in once."""
        from isce2_recipe.sources.asf.client import Client

        with self._lock:
            if self._session is None:
                credentials = find_credentials(self._environment, self.settings.login_url)
                self._session = Client(self.settings, credentials, log)
            return self._session
