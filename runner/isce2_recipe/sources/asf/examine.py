"""Checks of the services before anything large is downloaded."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from isce2_recipe.sources.asf.dem import missing_terrain
from isce2_recipe.sources.asf.orbits import check_name
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import Needs, Outcome, run_checks
from isce2_recipe.sources.names import PRECISE, scene_name, water_mask_tiles
from isce2_recipe.types import Bounds, PreflightCheck

if TYPE_CHECKING:
    from isce2_recipe.sources.asf.client import Client


def examine(needs: Needs, client: Client, settings: Settings) -> list[PreflightCheck]:
    """Return the results of all checks."""
    orbits = {
        f"orbit of {platform} {start:%Y-%m-%d}": partial(_orbit, platform, start, stop, client, settings)
        for platform, start, stop in needs.passes
    }
    return run_checks(
        {
            "Earthdata login": partial(_login, client),
            **orbits,
            "terrain": partial(_terrain, needs.terrain),
            "water mask": partial(_water_mask, needs.terrain, client, settings),
        }
    )


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
    check_name(name, platform, start, stop)
    if PRECISE in name:
        return "ok", f"precise, {name}", ""
    detail = f"only a restituted one exists so far: {name}"
    return "note", detail, "precise orbits are published after 20 days"


def _terrain(bounds: Bounds) -> Outcome:
    missing, some = missing_terrain(bounds)
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
