"""A folder as a source, for machines without a network.

::

    DIR/bursts/{granule}.tiff and {granule}.xml      as ASF's burst extractor delivers them
    DIR/slc/{granule}.zip                            whole SLCs, also .tar.gz, or folders with .SAFE
    DIR/orbits/S1A_OPER_AUX_POEORB_OPOD_*.EOF        precise or restituted orbits
    DIR/dem/*.tif                                    terrain, any grid, any number; see `directory_terrain`
    DIR/geoid/EGM2008.tif                            geoid, for terrain whose heights are above one
    DIR/aux_cal/S1A_AUX_CAL_*.SAFE                   for data of ESA's processor 002.36; or archives
    DIR/water_mask/n25e050.tif                       ASF's water mask tiles
    DIR/alos/ALPSRP156121200-L1.0.zip                ALOS scenes, or folders of the same name without .zip

Files may also lie in folders below these, in DIR itself, or in zip archives.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from isce2_recipe.archives import ENDINGS
from isce2_recipe.errors import InputError, ParameterError, UsageError
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.sources import orbit_names
from isce2_recipe.sources.base import (
    AlosRecord,
    BurstFiles,
    BurstRecord,
    Needs,
    Progress,
    SlcRecord,
    SourceTraits,
)
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.demgrid import DemGrid, write_dem
from isce2_recipe.sources.directory_files import FoundFile, checked, everything, files, find, members
from isce2_recipe.sources.directory_terrain import fill_sea, geoids, mosaic, uncovered
from isce2_recipe.sources.tiles import water_mask_tiles
from isce2_recipe.types import AlosName, Bounds, BurstName, PreflightCheck, SlcName

_SEARCH = "https://search.asf.alaska.edu"
_WATER_MASK = "https://asf-dem-west.s3.amazonaws.com/WATER_MASK/TILES"
_AUX_CAL = "https://d3g9emy65n853h.cloudfront.net/AUX_CAL"
# Times in names are whole seconds, truncated or rounded.
_WHOLE_S = timedelta(seconds=1)
_TIFF, _XML = (".tiff", ".tif"), (".xml",)


class DirectorySource:
    """Granules, orbits, terrain and water masks from a folder.

    Parameters
    ----------
    root : Path
        Folder with ``bursts``, ``orbits``, ``dem`` and ``water_mask``.

    Raises
    ------
    InputError
        If it is not a folder.
    """

    name = "directory"
    traits = SourceTraits()  # the fingerprint does not cover the files, so it is not steady

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(
                f"the source folder {root} does not exist",
                hint="give --source directory:DIR with bursts/, orbits/, dem/ and water_mask/ in DIR",
            )
        self.root = root.resolve()

    @classmethod
    def from_text(cls, options: str) -> DirectorySource:
        """Return the source for the folder that the command line names.

        Raise UsageError if no folder is named, and InputError if it does not exist.
        """
        if not options:
            raise UsageError("the source directory needs a folder", hint="write directory:DIR")
        return cls(Path(options).expanduser())

    def fingerprint(self) -> str:
        """Return a constant: the files enter content keys through `contents`."""
        return self.name

    def contents(self, wanted: Mapping[str, Sequence[str]] | None) -> list[Path]:
        """Return the files and archives that may contain what is wanted; all where it is None."""
        from isce2_recipe.sources.directory_files import candidates

        return candidates(self.root, wanted)

    def examine(self, needs: Needs, log: logging.Logger) -> list[PreflightCheck]:
        """Check that the folder has orbits, terrain and water mask."""
        from isce2_recipe.sources.directory_examine import examine

        checks = {
            f"orbit of {platform} {start:%Y-%m-%d}": partial(self._orbit, platform, start, stop)
            for platform, start, stop in needs.passes
        }
        log.info("checking %s", self.root)
        return examine(self.root, checks, lambda: self._water_tiles(needs.terrain), needs.terrain)

    def find_bursts(self, names: list[BurstName], log: logging.Logger) -> list[BurstRecord]:
        """Return records made from the metadata files."""
        missing = [
            f"bursts/{name}{suffixes[0]}"
            for name in names
            for suffixes in (_TIFF, _XML)
            if self._burst_file(str(name), suffixes) is None
        ]
        if missing:
            raise InputError(
                f"{self.root} lacks {', '.join(missing)}",
                hint=f"download the .tiff and .xml at {_SEARCH} (dataset S1 Bursts) and put them there",
            )
        log.info("reading metadata of %d burst(s) in %s", len(names), self.root)
        with TemporaryDirectory(prefix="isce2-recipe-") as scratch:
            files = [self._metadata(str(name), Path(scratch)) for name in names]
            return [
                checked(partial(_record, name, path), name) for name, path in zip(names, files, strict=True)
            ]

    def search_bursts(self, query: BurstQuery, log: logging.Logger) -> list[BurstRecord]:
        """Return the bursts whose measurement and metadata are in the folder."""
        found = sorted({name for name in map(_burst_name, files(self.root, "bursts")) if name is not None})
        log.info("%d burst(s) in %s", len(found), self.root)
        likely = [name for name in found if query.polarization == name.polarization and _asked(name, query)]
        whole = [name for name in likely if self._burst_file(str(name), _TIFF) is not None]
        for name in set(likely) - set(whole):
            log.warning("%s has the metadata of %s, but not its measurement", self.root, name)
        query.check_count(len(whole))
        return [record for record in self.find_bursts(whole, log) if _fits(record, query)]

    def _burst_file(self, name: str, suffixes: tuple[str, ...]) -> FoundFile | None:
        return find(self.root, "bursts", *(f"{name}{suffix}" for suffix in suffixes))

    def _metadata(self, name: str, scratch: Path) -> Path:
        """Return a burst's metadata file, extracted into ``scratch`` if it is in an archive."""
        found = self._burst_file(name, _XML)
        if found is None:
            raise InputError(f"{self.root} lacks bursts/{name}.xml", hint=f"download it at {_SEARCH}")
        return found.take(scratch) if found.member else found.path

    def burst_at(
        self, slc: SlcName, swath: int, polarization: str, number: int, log: logging.Logger
    ) -> BurstName:
        """Return the burst at a position, counted from 0, of a swath of an SLC, if the folder has it."""
        log.info("searching burst %d of IW%d of %s in %s", number, swath, slc, self.root)
        ending = f"_{polarization}_{slc.suffix}-BURST.xml"
        with TemporaryDirectory(prefix="isce2-recipe-") as scratch:
            for found in files(self.root, "bursts"):
                if not (found.name.startswith("S1_") and found.name.endswith(ending)):
                    continue
                name = BurstName.parse(found.name.removesuffix(".xml"))
                if name.swath != swath or not slc.start - _WHOLE_S <= name.start <= slc.stop + _WHOLE_S:
                    continue
                path = self._metadata(str(name), Path(scratch))
                record = checked(partial(_record, name, path), name)
                same = (record.platform, record.absolute_orbit) == (slc.platform, slc.absolute_orbit)
                if same and record.index == number:
                    return name
        raise InputError(
            f"{self.root} lacks burst {number} of IW{swath} {polarization} of {slc}",
            hint=f"bursts are counted from 0; download its .tiff and .xml at {_SEARCH} (dataset S1 Bursts) "
            "and put them into bursts/",
        )

    def fetch_burst(
        self,
        record: BurstRecord,
        folder: Path,
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> BurstFiles:
        """Link the files into ``folder``."""
        taken = []
        for suffixes in (_TIFF, _XML):
            found = self._burst_file(record.name, suffixes)
            if found is None:
                raise InputError(
                    f"{self.root} lacks bursts/{record.name}{suffixes[0]}", hint=f"download it at {_SEARCH}"
                )
            taken.append(found.take(folder, f"{record.name}{suffixes[0]}"))
        return BurstFiles(*taken)

    def fetch_orbit(
        self, platform: str, start: datetime, stop: datetime, folder: Path, log: logging.Logger
    ) -> Path:
        """Link the precise orbit if one covers the time, else a restituted one."""
        found = self._orbit(platform, start, stop)
        log.info("orbit %s", found.name)
        return found.take(folder)

    def _orbit(self, platform: str, start: datetime, stop: datetime) -> FoundFile:
        there = [found for found in files(self.root, "orbits") if found.name.upper().endswith(".EOF")]
        fitting = [found for found in there if orbit_names.covers(found.name, platform, start, stop)]
        for kind in (orbit_names.PRECISE, orbit_names.RESTITUTED):
            of_kind = [found for found in fitting if f"_{kind}_" in found.name]
            if of_kind:
                return max(of_kind, key=lambda found: found.name)
        names = ", ".join(sorted({found.name for found in there})) or "none"
        url = f"{orbit_names.SERVICE}/{orbit_names.scene_name(platform, start, stop)}"
        raise InputError(
            f"no orbit file in {self.root / 'orbits'} covers {platform} from {start:%Y-%m-%dT%H:%M:%S} to "
            f"{stop:%Y-%m-%dT%H:%M:%S} and one minute before and after (found: {names})",
            hint=f"download {url} and put it there",
        )

    def fetch_dem(
        self,
        bounds: Bounds,
        folder: Path,
        log: logging.Logger,
        progress: Progress,  # noqa: ARG002
    ) -> Path:
        """Write a mosaic of the folder's terrain, resampled to one arc second; sea has the geoid's height."""
        grid = DemGrid.covering(bounds)
        heights = mosaic(self.root, grid, log)
        if geoids(self.root) and _gaps(heights, grid) is not None:
            fill_sea(self.root, heights, grid, self._water_tiles(bounds), log)
        gaps = _gaps(heights, grid)
        if gaps is not None:
            raise uncovered(self.root, grid.bounds, f"there are no heights at {gaps.describe()}")
        return write_dem(heights, grid, folder / "dem.tif")

    def fetch_water_mask(
        self,
        bounds: Bounds,
        folder: Path,
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> list[Path]:
        """Link the folder's tiles."""
        return [tile.take(folder, tile.name.lower()) for tile in self._water_tiles(bounds)]

    def _water_tiles(self, bounds: Bounds) -> list[FoundFile]:
        tiles = {name: find(self.root, "water_mask", name) for name in water_mask_tiles(bounds)}
        missing = [name for name, tile in tiles.items() if tile is None]
        if missing:
            raise InputError(
                f"{self.root / 'water_mask'} lacks {', '.join(missing)}",
                hint=f"download {', '.join(f'{_WATER_MASK}/{name}' for name in missing)} and put it there",
            )
        return [tile for tile in tiles.values() if tile is not None]

    def fetch_aux_cal(self, platform: str, folder: Path, log: logging.Logger) -> list[Path]:
        """Copy the folder's calibration files, and unpack those in archives."""
        from isce2_recipe.sentinel1.aux_cal import unpack

        made: dict[str, Path] = {}
        for path in everything(self.root, "aux_cal"):
            if path.is_dir():
                if fnmatch(path.name, f"{platform}_AUX_CAL_*.SAFE") and path.name not in made:
                    made[path.name] = Path(shutil.copytree(path, folder / path.name))
            elif _may_have_calibration(path, self.root):
                made |= {found.name: found for found in unpack(path, platform, folder)}
        if made:
            log.info("%d calibration file(s) of %s in %s", len(made), platform, self.root)
            return sorted(made.values())
        raise InputError(
            f"{self.root / 'aux_cal'} lacks {platform}_AUX_CAL_*.SAFE, which data of version 002.36 of ESA's "
            "processor need",
            hint=f"download {_AUX_CAL}/{platform}_AUX_CAL_20241128.zip and put it there",
        )

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Return records made from the SLCs' annotation."""
        from isce2_recipe.sources.directory_slc import find_slcs

        return find_slcs(self.root, names, log)

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,  # noqa: ARG002 - the user's files are used as they are
        swaths: Sequence[int],  # noqa: ARG002
        folder: Path,  # noqa: ARG002
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> Path:
        """Return the path of the archive or the folder, without a copy."""
        from isce2_recipe.sources.directory_slc import locate

        return locate(self.root, SlcName.parse(record.name))

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Return records made from the scenes' files."""
        from isce2_recipe.sources.directory_alos import find_alos

        return find_alos(self.root, names, log)

    def fetch_alos(
        self,
        record: AlosRecord,
        folder: Path,  # noqa: ARG002
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> Path:
        """Return the path of the archive or the folder, without a copy."""
        from isce2_recipe.sources.directory_alos import locate

        return locate(self.root, AlosName.parse(record.name))


def _burst_name(found: FoundFile) -> BurstName | None:
    """Return the name of the burst whose metadata are in a file."""
    try:
        return BurstName.parse(found.name.removesuffix(".xml")) if found.name.endswith(".xml") else None
    except ParameterError:
        return None


def _asked(name: BurstName, query: BurstQuery) -> bool:
    """Return whether a burst can match a query, by its name."""
    burst = BurstId.of(name)
    near = query.start - _WHOLE_S <= name.start <= query.stop + _WHOLE_S
    return near and (not query.bursts or burst in query.bursts)


def _fits(record: BurstRecord, query: BurstQuery) -> bool:
    """Return whether a burst matches a query, by its metadata."""
    return (
        query.start <= record.start < query.stop
        and query.track in (None, record.relative_orbit)
        and query.direction in (None, record.direction)
        and (query.area is None or query.area.meets(record.footprint))
    )


def _may_have_calibration(path: Path, root: Path) -> bool:
    """Return whether a file is an archive of calibration files: by its folder, its name or its content."""
    name = path.name.lower()
    if not name.endswith(ENDINGS):
        return False
    if root / "aux_cal" in path.parents or "_aux_cal_" in name:
        return True
    return name.endswith(".zip") and any("_AUX_CAL_" in member for member in members(path))


def _record(name: BurstName, path: Path) -> BurstRecord:
    """Return the record of a burst, read from its metadata file."""
    from isce2_recipe.sentinel1.metadata import find_index, footprint, read_metadata, slc_name, track

    metadata = read_metadata(path, name)
    index = find_index(metadata, name)
    lines = int(metadata.number("swathTiming/linesPerBurst"))
    interval_s = metadata.number("imageAnnotation/imageInformation/azimuthTimeInterval")
    start = metadata.burst_time(index)
    return BurstRecord(
        name=str(name),
        platform=metadata.text("adsHeader/missionId"),
        slc=slc_name(metadata, name),
        index=index,
        absolute_orbit=int(metadata.number("adsHeader/absoluteOrbitNumber")),
        relative_orbit=track(metadata),
        direction=metadata.text("generalAnnotation/productInformation/pass").upper(),
        start=start,
        stop=start + timedelta(seconds=(lines - 1) * interval_s),
        footprint=footprint(metadata, index),
    )


def _gaps(heights: Any, grid: DemGrid) -> Bounds | None:
    """Return the box around the pixels without a height, or None."""
    import numpy as np

    rows, columns = np.nonzero(np.isnan(heights))
    if rows.size == 0:
        return None
    edge = grid.bounds
    return Bounds(
        edge.west + float(columns.min()) / 3600.0,
        edge.north - float(rows.max() + 1) / 3600.0,
        edge.west + float(columns.max() + 1) / 3600.0,
        edge.north - float(rows.min()) / 3600.0,
    )
