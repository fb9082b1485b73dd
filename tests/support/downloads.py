"""One small file to download, and how tests do it."""

from __future__ import annotations

import logging
from pathlib import Path

from isce2_recipe.sources.asf import AsfSource, formats
from support.files import tiff

LOG = logging.getLogger("test")
TIFF = tiff(bytes(range(256)) * 3000)
FILE = "/water/n25e050.tif"


def silent(fraction: float, text: str) -> None:
    """Show no progress."""


def fetch(server, target: Path, path: str = FILE, **settings: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    environment = server.environment(**{f"ISCE2_RECIPE_ASF_{key}": value for key, value in settings.items()})
    client = AsfSource(environment)._client(LOG)
    return client.download(server.url + path, target, format=formats.TIFF, progress=silent)


def ranges(server) -> list[str | None]:
    return [headers.get("Range") for path, headers in server.requests if path == FILE]
