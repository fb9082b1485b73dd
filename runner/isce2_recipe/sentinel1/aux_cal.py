"""ESA's auxiliary calibration files, which ISCE2 needs for products of version 002.36 of ESA's processor."""

from __future__ import annotations

import re
import shutil
from pathlib import Path, PurePosixPath

from isce2_recipe.archives import open_archive
from isce2_recipe.errors import InputError

UNCORRECTED_IPF = "002.36"
"""Version of ESA's processor that did not remove the phase of the elevation antenna pattern."""

_VERSION = re.compile(r'name="Sentinel-1 IPF"\s+version="([\d.]+)"')
_SAFE = re.compile(r"S1[A-D]_AUX_CAL_.+\.SAFE", re.IGNORECASE)


def needed(safe: Path) -> bool:
    """Return whether a SAFE folder was made by the processor version that needs calibration files.

    Raises
    ------
    InputError
        If the manifest cannot be read.
    """
    manifest = safe / "manifest.safe"
    try:
        found = _VERSION.search(manifest.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{manifest} cannot be read: {exc}", hint="download it again") from exc
    return found is not None and found[1] == UNCORRECTED_IPF


def unpack(archive: Path, platform: str, folder: Path) -> list[Path]:
    """Unpack the calibration folders of a satellite from any level of an archive directly into ``folder``.

    ISCE2 searches ``{platform}_AUX_CAL_*`` only at the top of the folder.

    Raises
    ------
    InputError
        If the archive is damaged or contains no such folder.
    """
    made: set[Path] = set()
    with open_archive(archive) as source:
        for name in source.sizes:
            parts = PurePosixPath(name).parts
            place = next((number for number, part in enumerate(parts) if _SAFE.fullmatch(part)), None)
            if place is None or ".." in parts or not parts[place].startswith(platform):
                continue
            target = folder.joinpath(*parts[place:])
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open(name) as content, target.open("wb") as copy:
                shutil.copyfileobj(content, copy)
            made.add(folder / parts[place])
    if not made:
        raise InputError(f"{archive} has no {platform}_AUX_CAL_*.SAFE", hint="download it again")
    return sorted(made)
