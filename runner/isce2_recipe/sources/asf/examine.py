"""Checks of the services before anything large is downloaded."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from isce2_recipe.errors import RecipeToolError, SourceError
from isce2_recipe.sources.asf.orbits import check_name
from isce2_recipe.sources.asf.retrying import retry
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import Needs
from isce2_recipe.sources.orbit_names import PRECISE, scene_name
from isce2_recipe.sources.tiles import water_mask_tiles
from isce2_recipe.types import Bounds, PreflightCheck

if TYPE_CHECKING:
    from isce2_recipe.sources.asf.client import Client


def examine(needs: Needs, client: Client, settings: Settings, log: logging.Logger) -> list[PreflightCheck]:
    """Return the results of all checks."""
    checks: list[tuple[str, Callable[[], PreflightCheck]]] = [
        ("Earthdata login", lambda: _login(client)),
        *(
            (
                f"orbit of {platform} {start:%Y-%m-%d}",
                _orbit_check(platform, start, stop, client, settings, log),
            )
            for platform, start, stop in needs.passes
        ),
        ("terrain", lambda: _terrain(needs.terrain)),
        ("water mask", lambda: _water_mask(needs.terrain, client, settings, log)),
    ]
    return [_found(name, check) for name, check in checks]


def _found(name: str, check: Callable[[], PreflightCheck]) -> PreflightCheck:
    try:
        return check()
    except RecipeToolError as exc:
        return PreflightCheck(name, "wrong", exc.message, exc.hint or "")


def _login(client: Client) -> PreflightCheck:
    client.log_in()
    credentials = client.credentials
    detail = f"accepted, from {credentials.origin}"
    if credentials.expires is not None:
        detail += f", expires {credentials.expires:%Y-%m-%d %H:%M} UTC"
    return PreflightCheck(
        "Earthdata login", "note" if credentials.warning else "ok", detail, credentials.warning
    )


def _orbit_check(
    platform: str, start: datetime, stop: datetime, client: Client, settings: Settings, log: logging.Logger
) -> Callable[[], PreflightCheck]:
    def check() -> PreflightCheck:
        title = f"orbit of {platform} {start:%Y-%m-%d}"
        place = _locate(f"{settings.orbit_url}/{scene_name(platform, start, stop)}", client, settings, log)
        name = urlsplit(place).path.rpartition("/")[2]
        check_name(name, platform, start, stop)
        if PRECISE in name:
            return PreflightCheck(title, "ok", f"precise, {name}")
        return PreflightCheck(
            title,
            "note",
            f"only a restituted one exists so far: {name}",
            "precise orbits are published after 20 days",
        )

    return check


def _terrain(bounds: Bounds) -> PreflightCheck:
    from isce2_recipe.sources.asf.dem import missing_terrain

    missing, some = missing_terrain(bounds)
    if not some:
        return PreflightCheck(
            "terrain",
            "wrong",
            f"Copernicus has none at {', '.join(missing)}, which is open sea",
            "choose bursts that show land",
        )
    if missing:
        return PreflightCheck(
            "terrain", "note", f"Copernicus has none at {', '.join(missing)}; sea level is used there"
        )
    return PreflightCheck("terrain", "ok", "Copernicus GLO-30 covers the scene")


def _water_mask(bounds: Bounds, client: Client, settings: Settings, log: logging.Logger) -> PreflightCheck:
    names = water_mask_tiles(bounds)
    for name in names:
        _locate(f"{settings.water_mask_url}/{name}", client, settings, log)
    return PreflightCheck("water mask", "ok", ", ".join(names))


def _locate(url: str, client: Client, settings: Settings, log: logging.Logger) -> str:
    """Return the address to which an address, or one of its mirrors, is redirected."""
    *others, last = settings.mirrors_of(url)
    for mirror in others:
        with suppress(SourceError):
            return _reach(mirror, client, settings, log)
    return _reach(last, client, settings, log)


def _reach(url: str, client: Client, settings: Settings, log: logging.Logger) -> str:
    return retry(f"reach {urlsplit(url).netloc}", lambda: client.locate(url), settings, log)
