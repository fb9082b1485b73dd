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
from functools import partial, reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from isce2_recipe.archives import ENDINGS
from isce2_recipe.errors import InputError, ParameterError, UsageError
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.sources.base import (
    AlosRecord,
    BurstFiles,
    BurstRecord,
    Needs,
    Outcome,
    Progress,
    SlcRecord,
    SourceTraits,
    run_checks,
)
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.demgrid import DemGrid, write_dem
from isce2_recipe.sources.directory_files import FoundFile, candidates, everything, files, find, members
from isce2_recipe.sources.directory_granules import checked, locate_alos, locate_slc, read_alos, read_slc
from isce2_recipe.sources.directory_terrain import coverage, fill_sea, geoids, mosaic, uncovered
from isce2_recipe.sources.names import (
    AUX_CAL_URL,
    ORBIT_URL,
    PRECISE,
    RESTITUTED,
    SEARCH_URL,
    WATER_MASK_URL,
    covers,
    scene_name,
    water_mask_tiles,
)
from isce2_recipe.types import AlosName, Bounds, BurstName, PreflightCheck, SlcName

# Times in names are whole seconds, truncated or rounded.
_WHOLE_S = timedelta(seconds=1)
_TIFF, _XML = (".tiff", ".tif"), (".xml",)


class DirectorySource:
    """Granules, orbits, terrain and water masks from a folder; raise InputError if it does not exist."""

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
        return candidates(self.root, wanted)

    def examine(self, needs: Needs, log: logging.Logger) -> list[PreflightCheck]:
        """Check that the folder has orbits, terrain and water mask."""
        log.info("checking %s", self.root)
        orbits = {
            f"orbit of {platform} {start:%Y-%m-%d}": partial(self._check_orbit, platform, start, stop)
            for platform, start, stop in needs.passes
        }
        terrain = partial(self._check_terrain, needs.terrain)
        water = partial(self._check_water, needs.terrain)
        return run_checks({**orbits, "terrain": terrain, "water mask": water})

    def _check_orbit(self, platform: str, start: datetime, stop: datetime) -> Outcome:
        return "ok", self._orbit(platform, start, stop).name, ""

    def _check_water(self, bounds: Bounds) -> Outcome:
        return "ok", ", ".join(tile.name for tile in self._water_tiles(bounds)), ""

    def _check_terrain(self, wanted: Bounds) -> Outcome:
        """Check that the box around all files contains the wanted box; gaps between files are found later."""
        boxes = coverage(self.root)
        # A file of the whole globe reaches the wanted box from either side.
        turned = (
            box._replace(west=box.west + turn, east=box.east + turn)
            for box in boxes
            for turn in (-360, 0, 360)
        )
        near = [box for box in turned if box.west <= wanted.east and box.east >= wanted.west]
        around = reduce(Bounds.union, near or boxes)
        if around.contains(wanted):
            return "ok", f"{len(boxes)} file(s)", ""
        beyond = "sea beyond has the geoid's height"
        if near and geoids(self.root):
            return "ok", f"{len(boxes)} file(s), which cover {around.describe()}; {beyond}", ""
        raise uncovered(self.root, wanted, f"it covers {around.describe()}")

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
                hint=f"download the .tiff and .xml at {SEARCH_URL} (dataset S1 Bursts) and put them there",
            )
        log.info("reading metadata of %d burst(s) in %s", len(names), self.root)
        return [self._record(name) for name in names]

    def search_bursts(self, query: BurstQuery, log: logging.Logger) -> list[BurstRecord]:
        """Return the bursts whose measurement and metadata are in the folder."""
        found = sorted({name for name in map(_burst_name, files(self.root, "bursts")) if name is not None})
        log.info("%d burst(s) in %s", len(found), self.root)
        likely = [name for name in found if _may_fit(name, query)]
        whole = [name for name in likely if self._burst_file(str(name), _TIFF) is not None]
        for name in set(likely) - set(whole):
            log.warning("%s has the metadata of %s, but not its measurement", self.root, name)
        query.check_count(len(whole))
        return [record for record in self.find_bursts(whole, log) if _fits(record, query)]

    def _burst_file(self, name: str, suffixes: tuple[str, ...]) -> FoundFile | None:
        return find(self.root, "bursts", *(f"{name}{suffix}" for suffix in suffixes))

    def _required(self, name: str, suffixes: tuple[str, ...]) -> FoundFile:
        found = self._burst_file(name, suffixes)
        if found is None:
            what = f"{self.root} lacks bursts/{name}{suffixes[0]}"
            raise InputError(what, hint=f"download it at {SEARCH_URL}")
        return found

    def _record(self, name: BurstName) -> BurstRecord:
        """Return the record in a burst's metadata, which is extracted first if it is in an archive."""
        found = self._required(str(name), _XML)
        with TemporaryDirectory(prefix="isce2-recipe-") as scratch:
            path = found.take(Path(scratch)) if found.member else found.path
            return checked(partial(_record, name, path), name)

    def burst_at(
        self, slc: SlcName, swath: int, polarization: str, number: int, log: logging.Logger
    ) -> BurstName:
        """Return the burst at a position, counted from 0, of a swath of an SLC, if the folder has it."""
        log.info("searching burst %d of IW%d of %s in %s", number, swath, slc, self.root)
        ending = f"_{polarization}_{slc.suffix}-BURST.xml"
        for found in files(self.root, "bursts"):
            if not (found.name.startswith("S1_") and found.name.endswith(ending)):
                continue
            name = BurstName.parse(found.name.removesuffix(".xml"))
            if name.swath != swath or not slc.start - _WHOLE_S <= name.start <= slc.stop + _WHOLE_S:
                continue
            record = self._record(name)
            same = (record.platform, record.absolute_orbit) == (slc.platform, slc.absolute_orbit)
            if same and record.index == number:
                return name
        raise InputError(
            f"{self.root} lacks burst {number} of IW{swath} {polarization} of {slc}",
            hint=f"bursts are counted from 0; download its .tiff and .xml at {SEARCH_URL} (dataset S1 "
            "Bursts) and put them into bursts/",
        )

    def fetch_burst(
        self,
        record: BurstRecord,
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> BurstFiles:
        """Link the files into ``folder``."""
        tiff, metadata = (
            self._required(record.name, suffixes).take(folder, f"{record.name}{suffixes[0]}")
            for suffixes in (_TIFF, _XML)
        )
        return BurstFiles(tiff, metadata)

    def fetch_orbit(
        self, platform: str, start: datetime, stop: datetime, folder: Path, log: logging.Logger
    ) -> Path:
        """Link the precise orbit if one covers the time, else a restituted one."""
        found = self._orbit(platform, start, stop)
        log.info("orbit %s", found.name)
        return found.take(folder)

    def _orbit(self, platform: str, start: datetime, stop: datetime) -> FoundFile:
        there = [found for found in files(self.root, "orbits") if found.name.upper().endswith(".EOF")]
        fitting = [found for found in there if covers(found.name, platform, start, stop)]
        for kind in (PRECISE, RESTITUTED):
            of_kind = [found for found in fitting if f"_{kind}_" in found.name]
            if of_kind:
                return max(of_kind, key=lambda found: found.name)
        names = ", ".join(sorted({found.name for found in there})) or "none"
        url = f"{ORBIT_URL}/{scene_name(platform, start, stop)}"
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
        progress: Progress,
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
        log: logging.Logger,
        progress: Progress,
    ) -> list[Path]:
        """Link the folder's tiles."""
        return [tile.take(folder, tile.name.lower()) for tile in self._water_tiles(bounds)]

    def _water_tiles(self, bounds: Bounds) -> list[FoundFile]:
        tiles = {name: find(self.root, "water_mask", name) for name in water_mask_tiles(bounds)}
        missing = [name for name, tile in tiles.items() if tile is None]
        if missing:
            raise InputError(
                f"{self.root / 'water_mask'} lacks {', '.join(missing)}",
                hint=f"download {', '.join(f'{WATER_MASK_URL}/{name}' for name in missing)} and put it there",
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
            hint=f"download {AUX_CAL_URL}/{platform}_AUX_CAL_20241128.zip and put it there",
        )

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Return records made from the SLCs' annotation."""
        places = [locate_slc(self.root, name) for name in names]
        log.info("reading %d SLC(s) in %s", len(names), self.root)
        return [read_slc(*each) for each in zip(names, places, strict=True)]

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,
        swaths: Sequence[int],
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> Path:
        """Return the path of the archive or the folder, without a copy."""
        return locate_slc(self.root, SlcName.parse(record.name))

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Return records made from the scenes' files."""
        places = [locate_alos(self.root, name) for name in names]
        log.info("reading %d ALOS scene(s) in %s", len(names), self.root)
        return [read_alos(place) for place in places]

    def fetch_alos(
        self,
        record: AlosRecord,
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> Path:
        """Return the path of the archive or the folder, without a copy."""
        return locate_alos(self.root, AlosName.parse(record.name))


def _burst_name(found: FoundFile) -> BurstName | None:
    """Return the name of the burst whose metadata are in a file."""
    try:
        return BurstName.parse(found.name.removesuffix(".xml")) if found.name.endswith(".xml") else None
    except ParameterError:
        return None


def _may_fit(name: BurstName, query: BurstQuery) -> bool:
    """Return whether a burst can match a query, by its name."""
    near = query.start - _WHOLE_S <= name.start <= query.stop + _WHOLE_S
    wanted = not query.bursts or BurstId.of(name) in query.bursts
    return near and wanted and name.polarization == query.polarization


def _fits(record: BurstRecord, query: BurstQuery) -> bool:
    """Return whether a burst matches a query, by its metadata."""
    return (
        query.has_time(record.start)
        and query.has_track(record.relative_orbit, record.direction)
        and query.has_ground(record.footprint)
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
