"""ESA's auxiliary calibration files, which ISCE2 wants for what version 002.36 of ESA's processor made."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path, PurePosixPath

from isce2_recipe.errors import InputError

NEEDED_BY = "002.36"
"""That version left the elevation antenna pattern's phase in the images."""

_VERSION = re.compile(r'name="Sentinel-1 IPF"\s+version="([\d.]+)"')
_SAFE = re.compile(r"S1[A-D]_AUX_CAL_.+\.SAFE", re.IGNORECASE)


def needed(safe: Path) -> bool:
    """Whether a SAFE folder was made by the version that needs calibration.

    Raises
    ------
    InputError
        If its manifest cannot be read.
    """
    manifest = safe / "manifest.safe"
    try:
        found = _VERSION.search(manifest.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{manifest} cannot be read: {exc}", hint="download it again") from exc
    return found is not None and found[1] == NEEDED_BY


def unpack(archive: Path, platform: str, folder: Path) -> list[Path]:
    """The calibration folders of a satellite in an archive, however deep, side by side in ``folder``.

    ISCE2 looks for ``{platform}_AUX_CAL_*`` there and no deeper.

    Raises
    ------
    InputError
        If the archive is damaged or has none.
    """
    made: set[Path] = set()
    try:
        with zipfile.ZipFile(archive) as source:
            for entry in source.infolist():
                parts = PurePosixPath(entry.filename).parts
                place = next((number for number, part in enumerate(parts) if _SAFE.fullmatch(part)), None)
                if place is None or entry.is_dir() or ".." in parts or not parts[place].startswith(platform):
                    continue
                target = folder.joinpath(*parts[place:])
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(entry) as content, target.open("wb") as copy:
                    shutil.copyfileobj(content, copy)
                made.add(folder / parts[place])
    except (zipfile.BadZipFile, EOFError) as exc:
        raise InputError(f"{archive} is damaged: {exc}", hint="download it again") from exc
    if not made:
        raise InputError(f"{archive} has no {platform}_AUX_CAL_*.SAFE", hint="download it again")
    return sorted(made)
