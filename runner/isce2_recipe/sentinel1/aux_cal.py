"""ESA's auxiliary calibration files, which ISCE2 needs for products of version 002.36 of ESA's processor."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from isce2_recipe.archives import open_archive
from isce2_recipe.errors import InputError
from isce2_recipe.types import SlcName

UNCORRECTED_IPF = "002.36"
"""Version of ESA's processor that did not remove the phase of the elevation antenna pattern."""

_VERSION = re.compile(r'name="Sentinel-1 IPF"\s+version="([\d.]+)"')
_VALIDITY = re.compile(r"S1[A-D]_AUX_CAL_V(\d{8}T\d{6})_G(\d{8}T\d{6})\.SAFE", re.IGNORECASE)
_SAFE = re.compile(r"S1[A-D]_AUX_CAL_.+\.SAFE", re.IGNORECASE)


def needed(safe: Path) -> bool:
    """Return whether a SAFE folder was made by the processor version that needs calibration files.

    Raise InputError if the manifest cannot be read.
    """
    manifest = safe / "manifest.safe"
    try:
        found = _VERSION.search(manifest.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{manifest} cannot be read: {exc}", hint="download it again") from exc
    return found is not None and found[1] == UNCORRECTED_IPF


def unpack(archive: Path, platform: str, folder: Path) -> list[Path]:
    """Unpack the calibration folders of a satellite from any level of an archive directly into ``folder``.

    Return them; an archive may have none.

    ISCE2 searches ``{platform}_AUX_CAL_*`` only at the top of the folder.

    Raise InputError if the archive is damaged.
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
    return sorted(made)


def select(folders: Iterable[Path], safe: SlcName) -> Path:
    """Return the calibration that is right for an SLC: of the last one that became valid, the newest version.

    ISCE2 uses only calibrations that were generated after the acquisition.

    Raise InputError if there is none.
    """
    there = sorted(folder.name for folder in folders if folder.name.startswith(safe.platform))
    time = f"{safe.start:%Y%m%dT%H%M%S}"
    fitting = {
        (match[1], match[2]): folder
        for folder in folders
        if (match := _VALIDITY.fullmatch(folder.name)) is not None
        and folder.name.startswith(safe.platform)
        and match[1] <= time <= match[2]
    }
    if not fitting:
        raise InputError(
            f"no calibration file of {safe.platform} became valid before and was generated after "
            f"{safe.start:%Y-%m-%dT%H:%M:%S}, the time of {safe} (found: {', '.join(there) or 'none'})",
            hint=f"get {safe.platform}_AUX_CAL_V..._G....SAFE of that time, with V before and G after it",
        )
    return fitting[max(fitting)]
