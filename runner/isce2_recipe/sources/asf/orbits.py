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
from isce2_recipe.sources.asf.retrying import TemporaryError, again, raise_if_passing, short
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.orbit_names import PRECISE, covers, scene_name

_WHEN = "restituted orbits appear some hours after the acquisition, precise ones after 20 days"


def fetch_orbit(
    platform: str, start: datetime, stop: datetime, folder: Path, settings: Settings, log: logging.Logger
) -> Path:
    """The orbit file of an acquisition: the precise one, else the restituted.

    Raises
    ------
    SourceError
        If there is none, what comes is no orbit of that satellite and time, or the service does not answer.
    """
    with TemporaryDirectory(dir=folder, prefix=".orbit-") as scratch:
        found = again(
            "fetch the orbit",
            lambda: _from_any(scene_name(platform, start, stop), Path(scratch), settings, log),
            settings,
            log,
        )
        check_name(found.name, platform, start, stop)
        if PRECISE not in found.name:
            log.warning("the precise orbit is not there yet; taking the restituted %s", found.name)
        return Path(found.replace(folder / found.name))


def check_name(name: str, platform: str, start: datetime, stop: datetime) -> None:
    """Refuse what is no orbit file, or one of another satellite or time.

    Raises
    ------
    SourceError
    """
    if not name.endswith(".EOF"):
        raise SourceError(
            f"the orbit service sent {name or 'something'} instead of an orbit file",
            hint="check ISCE2_RECIPE_ASF_ORBIT_URL",
        )
    if not covers(name, platform, start, stop):
        raise SourceError(
            f"the orbit service sent {name}, which does not cover {platform} from {start:%Y-%m-%dT%H:%M:%S} "
            f"to {stop:%Y-%m-%dT%H:%M:%S} with a minute to spare",
            hint=f"run the same command again later: {_WHEN}",
        )


def _from_any(scene: str, folder: Path, settings: Settings, log: logging.Logger) -> Path:
    """The orbit file from the first service that has it."""
    from s1_orbits import InvalidSceneError, OrbitNotFoundError

    absent: Exception | None = None
    trouble: TemporaryError | None = None
    for url in settings.mirrors_of(settings.orbit_url):
        try:
            return _from_one(url, scene, folder, settings)
        except (InvalidSceneError, OrbitNotFoundError) as exc:
            absent = exc
        except TemporaryError as exc:
            trouble = exc
        log.info("no orbit from %s", urlsplit(url).netloc)
    if trouble is not None:
        raise trouble
    time = datetime.fromisoformat(scene[17:32])
    raise SourceError(
        f"there is no orbit file for {scene[:3]} at {time:%Y-%m-%dT%H:%M:%S}", hint=_WHEN
    ) from absent


def _from_one(url: str, scene: str, folder: Path, settings: Settings) -> Path:
    import requests
    from s1_orbits import s1_orbits as service

    # The library has no other way to be told of another server.
    service.API_URL = url
    try:
        found = _within(settings.timeout_s, lambda: service.fetch_for_scene(scene, folder))
    except requests.RequestException as exc:
        if exc.response is None:
            raise TemporaryError(f"{urlsplit(url).netloc}: {short(exc)}") from exc
        raise_if_passing(exc.response)
        raise SourceError(
            f"the orbit service at {url} answered {exc.response.status_code}",
            hint="check ISCE2_RECIPE_ASF_ORBIT_URL",
        ) from exc
    if found.name.endswith(".EOF") and (fault := XML.refuse_end(found)) is not None:
        raise TemporaryError(f"{found.name}: {fault}")
    return found


def _within(seconds: float, call: Callable[[], Path]) -> Path:
    """A call's result; the library waits for a server for ever, so it waits in a thread of its own."""
    done: list[Path] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as exc:  # raised again by whoever waits
            failed.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if failed:
        raise failed[0]
    if not done:
        raise TemporaryError(f"the orbit service was silent for {seconds:g} s")
    return done[0]
