"""Orbit files from ASF's orbit service, through ``s1_orbits``."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.settings import Settings


def fetch_orbit(
    platform: str, start: datetime, stop: datetime, folder: Path, settings: Settings, log: logging.Logger
) -> Path:
    """The orbit file of an acquisition: the precise one, else the restituted.

    Raises
    ------
    SourceError
        If there is none, or the service does not answer.
    """
    from s1_orbits import InvalidSceneError, OrbitNotFoundError
    from s1_orbits import s1_orbits as service

    # The service looks at the platform and the times of a scene's name and at nothing else.
    scene = f"{platform}_IW_SLC__1SDV_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_000000_000000_0000"
    # The library has no other way to be told of another server.
    service.API_URL = settings.orbit_url
    with TemporaryDirectory(dir=folder, prefix=".orbit-") as scratch:
        try:
            found = _patiently(lambda: service.fetch_for_scene(scene, scratch), settings, log)
        except (InvalidSceneError, OrbitNotFoundError) as exc:
            raise SourceError(
                f"there is no orbit file for {platform} at {start:%Y-%m-%dT%H:%M:%S}",
                hint="restituted orbits appear some hours after the acquisition, precise ones after 20 days",
            ) from exc
        if found.suffix != ".EOF":
            raise SourceError(
                f"{settings.orbit_url} sent {found.name or 'something'} instead of an orbit file",
                hint="check ISCE2_RECIPE_ASF_ORBIT_URL",
            )
        return Path(found.replace(folder / found.name))


def _patiently(fetch: Any, settings: Settings, log: logging.Logger) -> Any:
    """Call again after faults of the connection or the server, which the library leaves to its callers."""
    import requests

    wait_s = settings.retry_wait_s
    for number in range(1, settings.attempts + 1):
        try:
            return fetch()
        except requests.RequestException as exc:
            status = exc.response.status_code if exc.response is not None else None
            final = number == settings.attempts or (status is not None and status < 500 and status != 429)
            if final:
                raise SourceError(
                    f"the orbit service at {settings.orbit_url} does not answer: {str(exc)[:200]}",
                    hint="run the same command again later",
                ) from exc
            log.warning("orbit service: %s; trying again in %g s", str(exc)[:200], wait_s)
            time.sleep(wait_s)
            wait_s *= 2.0
    raise AssertionError("unreachable")
