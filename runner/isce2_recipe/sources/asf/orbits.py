"""Orbit files from ASF's orbit service, through ``s1_orbits``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.formats import XML
from isce2_recipe.sources.asf.retrying import TemporaryError, raise_if_temporary, retry, short
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.names import PRECISE, covers, scene_name

_WHEN = "restituted orbits appear some hours after the acquisition, precise ones after 20 days"


def fetch_orbit(
    platform: str, start: datetime, stop: datetime, folder: Path, settings: Settings, log: logging.Logger
) -> Path:
    """Download the orbit file of an acquisition: the precise one, else the restituted.

    Raise SourceError if there is none, if the file is for another satellite or time, or if the service does
    not answer.
    """
    with TemporaryDirectory(dir=folder, prefix=".orbit-") as scratch:
        found = retry(
            "fetch the orbit",
            lambda: _from_any(scene_name(platform, start, stop), Path(scratch), settings, log),
            settings,
            log,
        )
        check_name(found.name, platform, start, stop)
        if PRECISE not in found.name:
            log.warning("the precise orbit is not published yet; using the restituted %s", found.name)
        return Path(found.replace(folder / found.name))


def check_name(name: str, platform: str, start: datetime, stop: datetime) -> None:
    """Check that a file is an orbit file of that satellite and time; raise SourceError if it is not."""
    if not name.endswith(".EOF"):
        raise SourceError(
            f"the orbit service sent {name or 'a file without a name'} instead of an orbit file",
            hint="check ISCE2_RECIPE_ASF_ORBIT_URL",
        )
    if not covers(name, platform, start, stop):
        raise SourceError(
            f"the orbit service sent {name}, which does not cover {platform} from {start:%Y-%m-%dT%H:%M:%S} "
            f"to {stop:%Y-%m-%dT%H:%M:%S} and one minute before and after",
            hint=f"run the same command again later: {_WHEN}",
        )


def _from_any(scene: str, folder: Path, settings: Settings, log: logging.Logger) -> Path:
    """Download the orbit file from the first service that has it."""
    from s1_orbits import InvalidSceneError, OrbitNotFoundError

    missing: Exception | None = None
    fault: TemporaryError | None = None
    for url in settings.mirrors_of(settings.orbit_url):
        try:
            return _from_one(url, scene, folder, settings)
        except (InvalidSceneError, OrbitNotFoundError) as exc:
            missing = exc
        except TemporaryError as exc:
            fault = exc
        log.info("no orbit from %s", urlsplit(url).netloc)
    if fault is not None:
        raise fault
    time = datetime.fromisoformat(scene[17:32])
    raise SourceError(
        f"there is no orbit file for {scene[:3]} at {time:%Y-%m-%dT%H:%M:%S}", hint=_WHEN
    ) from missing


def _from_one(url: str, scene: str, folder: Path, settings: Settings) -> Path:
    import requests
    from s1_orbits import s1_orbits as service

    # The library has no other way to set the server.
    service.API_URL = url
    try:
        found = _within(settings.timeout_s, lambda: service.fetch_for_scene(scene, folder))
    except requests.RequestException as exc:
        if exc.response is None:
            raise TemporaryError(f"{urlsplit(url).netloc}: {short(exc)}") from exc
        raise_if_temporary(exc.response)
        raise SourceError(
            f"the orbit service at {url} answered {exc.response.status_code}",
            hint="check ISCE2_RECIPE_ASF_ORBIT_URL",
        ) from exc
    if found.name.endswith(".EOF") and (fault := XML.refuse_end(found)) is not None:
        raise TemporaryError(f"{found.name}: {fault}")
    return found


def _within(seconds: float, call: Callable[[], Path]) -> Path:
    """Return a call's result. It runs in a thread, because the library waits for a server without a limit."""
    done: list[Path] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as exc:  # the waiting thread raises it
            failed.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TemporaryError(f"the orbit service did not answer within {seconds:g} s")
    return done[0]
