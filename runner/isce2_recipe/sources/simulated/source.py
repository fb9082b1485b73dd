"""The simulated source: it makes the requested granules, with a known motion of the ground."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.files import replace_when_complete
from isce2_recipe.sources.base import (
    AlosRecord,
    BurstFiles,
    BurstRecord,
    GranuleRecord,
    Needs,
    Progress,
    Sentinel1Record,
    SlcRecord,
    SourceTraits,
    group_by_pass,
)
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.simulated.acquisition import Slice, corrected_name, pass_at, slice_of, slice_of_slc
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.swaths import SWATHS, IwSwath
from isce2_recipe.sources.simulated.world import Air
from isce2_recipe.types import AlosName, Bounds, BurstName, PreflightCheck, SlcName

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from isce2_recipe.sources.simulated.orbits import Sentinel1Pass

    _Date = tuple[NDArray[np.float64], Air]

# Increase this number whenever the same names give other bytes.
_VERSION = 1


class SimulatedSource:
    """Granules, orbits, terrain and water of a ground that does not exist.

    Every file is a function of its name and the options: the same name gives the same bytes on all machines
    with the same floating-point rounding, and independently of the other requests.
    """

    name = "simulated"

    def __init__(self, options: SimulationOptions | None = None) -> None:
        self.options = options or SimulationOptions()
        self.traits = SourceTraits(steady=True, observed=False, share=self.options.share)

    @classmethod
    def from_text(cls, options: str) -> SimulatedSource:
        """Return the source with the options ``key=value,key=value``.

        Raise UsageError if an option is unknown or its value is not allowed.
        """
        return cls(SimulationOptions.parse(options))

    def fingerprint(self) -> str:
        """Return the version of the simulation and its options."""
        return f"simulated {_VERSION} {self.options}".rstrip()

    def examine(self, needs: Needs, log: logging.Logger) -> list[PreflightCheck]:
        """Return a note for each name whose time of day is impossible; nothing can be missing."""
        found = [PreflightCheck("inputs", "ok", f"{len(needs.granules)} granules will be simulated")]
        for text in needs.granules:
            name = BurstName.parse(text) if text.endswith("-BURST") else None
            right = None if name is None else corrected_name(name, self.options)
            if right is not None:
                detail = f"burst {text} is simulated at {right.start:%H:%M:%S} UTC, when the satellite passes"
                found.append(PreflightCheck("time of day", "note", detail, f"its name should be {right}"))
        return found

    def find_bursts(self, names: list[BurstName], log: logging.Logger) -> list[BurstRecord]:
        """Return the catalogue records, in the order of ``names``."""
        log.info("simulating %d bursts", len(names))
        return [self._record(name) for name in names]

    def search_bursts(self, query: BurstQuery, log: logging.Logger) -> list[BurstRecord]:
        """Return the bursts of every pass of the satellites that were flying then."""
        from isce2_recipe.sources.simulated.catalogue import search

        log.info("searching the simulated catalogue")
        return [self._record(name) for name in search(query, self.options.terrain)]

    def _record(self, name: BurstName) -> BurstRecord:
        from isce2_recipe.sources.simulated.geometry import burst_footprint, flight_direction

        slc = slice_of(name, self.options)
        swath = _swath(slc, name)
        footprint = burst_footprint(slc, name.relative_burst, swath, self.options.terrain)
        return BurstRecord(
            name=str(name),
            platform=slc.flight.platform,
            slc=slc.name,
            index=slc.bursts.index(name.relative_burst),
            absolute_orbit=slc.flight.absolute_orbit,
            relative_orbit=slc.flight.relative_orbit,
            direction=flight_direction(slc, name.relative_burst, swath),
            start=slc.start(name.relative_burst, swath),
            stop=slc.stop(name.relative_burst, swath),
            footprint=footprint,
            bytes=swath.lines * swath.samples * 4,
        )

    def burst_at(
        self, slc: SlcName, swath: int, polarization: str, number: int, log: logging.Logger
    ) -> BurstName:
        """Return the burst at a position, counted from 0, of a swath of an SLC."""
        held = slice_of_slc(slc, self.options)
        if not 0 <= number < len(held.bursts) or polarization not in slc.polarizations:
            raise InputError(
                f"there is no burst {number} of IW{swath} {polarization} in {slc}",
                hint=f"it has bursts 0 to {len(held.bursts) - 1} in {' and '.join(slc.polarizations)}",
            )
        burst = held.bursts[number]
        log.info("burst %d of IW%d of %s is %d", number, swath, slc, burst)
        start = held.start(burst, SWATHS[swath]).replace(microsecond=0)
        return BurstName(start, burst, swath, polarization, slc.suffix)

    def fetch_burst(
        self, record: BurstRecord, folder: Path, log: logging.Logger, progress: Progress
    ) -> BurstFiles:
        """Simulate a burst's measurement and metadata."""
        from isce2_recipe.sources.simulated.burst import BurstImage
        from isce2_recipe.sources.simulated.metadata_xml import burst_geometry, burst_metadata
        from isce2_recipe.sources.simulated.slc import write_tiff

        name = BurstName.parse(record.name)
        slc = slice_of(name, self.options)
        swath = _swath(slc, name)
        content = burst_metadata(slc, self.options.terrain)
        annotation = burst_geometry(content, name.swath, name.polarization, record.index)
        image = BurstImage(slc, name.relative_burst, swath, name.polarization, annotation, self.options)
        files = BurstFiles(folder / f"{record.name}.tiff", folder / f"{record.name}.xml")
        folder.mkdir(parents=True, exist_ok=True)
        log.info("simulating burst %s of %s", record.name, slc.name)
        write_tiff(files.tiff, swath.lines, swath.samples, image.blocks(progress))
        _write_whole(files.metadata, content)
        progress(1.0, record.name)
        return files

    def fetch_orbit(
        self, platform: str, start: datetime, stop: datetime, folder: Path, log: logging.Logger
    ) -> Path:
        """Write the precise orbit file of the day; ``start`` is the time of a burst's first line."""
        from isce2_recipe.sources.simulated.orbit_file import orbit_file

        if stop < start:
            raise ParameterError(f"the end of an orbit is before its start: {start} to {stop}")
        name, content = orbit_file(pass_at(platform, start, self.options), start)
        log.info("simulating orbit %s", name)
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(folder / name, content.encode())
        return folder / name

    def fetch_dem(self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Write the simulated terrain as ``dem.tif``."""
        from isce2_recipe.sources.simulated.rasters import write_dem

        log.info("simulating terrain of %s", bounds)
        folder.mkdir(parents=True, exist_ok=True)
        write_dem(folder / "dem.tif", bounds, self.options.terrain)
        progress(1.0, "dem.tif")
        return folder / "dem.tif"

    def fetch_water_mask(
        self, bounds: Bounds, folder: Path, log: logging.Logger, progress: Progress
    ) -> list[Path]:
        """Write the tiles of the simulated lakes."""
        from isce2_recipe.sources.simulated.rasters import write_water_tiles

        folder.mkdir(parents=True, exist_ok=True)
        tiles = write_water_tiles(folder, bounds, self.options.terrain)
        log.info("simulated water mask tiles %s", ", ".join(tile.name for tile in tiles))
        progress(1.0, "water mask")
        return tiles

    def write_truth(self, records: Sequence[GranuleRecord], dem: Path, folder: Path) -> Path:
        """Write the displacement from the first record's pass to the other, on the grid of ``dem``.

        If the air delays the signal, ``los_atmosphere.tif`` has the change of the delay, and
        ``los_total.tif`` the sum of both. With an ionosphere, ``los_ionosphere.tif`` has its change as the
        phase shows it, ``los_total.tif`` the sum of all, and ``los_neutral.tif`` the sum of all others if
        there are others than the displacement. If the annotation of a pass of Sentinel-1 is shifted,
        ``misregistration.json`` says by how much.

        Raise ParameterError if the records are not of two passes.
        """
        dates = self._dates(records)
        if len(dates) != 2:
            wanted = "two scenes" if isinstance(records[0], AlosRecord) else "bursts of two passes"
            raise ParameterError(f"the truth needs {wanted}, instead got {len(dates)}")
        path = self._write_truth(dem, folder, *dates)
        self._write_misregistration(records, folder)
        return path

    def _write_misregistration(self, records: Sequence[GranuleRecord], folder: Path) -> None:
        """Write what offsets by geometry lack, if it is not zero."""
        from isce2_recipe.files import write_json
        from isce2_recipe.paths import MISREGISTRATION
        from isce2_recipe.sources.simulated.acquisition import misregistration

        flights = self._flights(records)
        lines, samples = misregistration(*flights) if flights else (0.0, 0.0)
        if lines or samples:
            write_json(folder / MISREGISTRATION, {"azimuth_lines": lines, "range_samples": samples})

    def write_date_truth(self, records: Sequence[GranuleRecord], dem: Path, folder: Path) -> Path:
        """Write the displacement and the delay of one pass, as `write_truth` does for two.

        Raise ParameterError if the records are not of one pass.
        """
        dates = self._dates(records)
        if len(dates) != 1:
            raise ParameterError(f"the truth of a date needs granules of one pass, instead got {len(dates)}")
        import numpy as np

        return self._write_truth(dem, folder, (np.empty((0, 8)), Air()), *dates)

    def _write_truth(self, dem: Path, folder: Path, first: _Date, second: _Date) -> Path:
        from isce2_recipe.sources.simulated import rasters

        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "los_displacement.tif"
        rasters.write_displacement(path, dem, first[0], second[0])
        total = path
        if self.options.has_air:
            air = folder / "los_atmosphere.tif"
            rasters.write_delay(air, dem, self.options.terrain, first[1], second[1])
            total = rasters.write_sum(folder / "los_total.tif", path, air)
        if second[1].ionosphere_m:
            # The phase advances where the ionosphere delays the envelope.
            dispersive = folder / "los_ionosphere.tif"
            rasters.write_ionosphere(dispersive, dem, second[1], first[1])
            neutral = path if total == path else rasters.write_sum(folder / "los_neutral.tif", total)
            rasters.write_sum(folder / "los_total.tif", neutral, dispersive)
        return path

    def _dates(self, records: Sequence[GranuleRecord]) -> list[_Date]:
        """Return motion and air of each pass, the first record's pass first."""
        scenes = [record for record in records if isinstance(record, AlosRecord)]
        if scenes:
            return [self._alos_date(AlosName.parse(record.name)) for record in scenes]
        from isce2_recipe.sources.simulated.motion import lobes

        granules = [record for record in records if isinstance(record, Sentinel1Record)]
        bursts = sorted({number for record in granules for number in self._bursts_of(record)[1]})
        flights = self._flights(records)
        return [(lobes(each, bursts, self.options), self.options.air(*each.key)) for each in flights]

    def _flights(self, records: Sequence[GranuleRecord]) -> list[Sentinel1Pass]:
        """Return the passes of Sentinel-1, the first record's pass first."""
        granules = [record for record in records if isinstance(record, Sentinel1Record)]
        flown = sorted(group_by_pass(granules), key=lambda group: records[0] not in group)
        return [self._bursts_of(group[0])[0].flight for group in flown]

    def _alos_date(self, name: AlosName) -> _Date:
        from isce2_recipe.sources.simulated.alos.acquisition import lobes
        from isce2_recipe.sources.simulated.alos.scenes import find_scene

        scene = find_scene(name, self.options)
        return lobes(scene, self.options), self.options.air("alos", scene.name, ionosphere=True)

    def _bursts_of(self, record: Sentinel1Record) -> tuple[Slice, list[int]]:
        """Return the simulated SLC of a record and the numbers of the record's bursts in it."""
        if isinstance(record, SlcRecord):
            slc = slice_of_slc(SlcName.parse(record.name), self.options)
            return slc, list(slc.bursts)
        name = BurstName.parse(record.name)
        return slice_of(name, self.options), [name.relative_burst]

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Return the catalogue records of SLCs, in the order of ``names``."""
        from isce2_recipe.sources.simulated.slc import slc_record

        log.info("simulating %d SLCs", len(names))
        return [slc_record(name, self.options) for name in names]

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,
        swaths: Sequence[int],
        folder: Path,
        log: logging.Logger,
        progress: Progress,
    ) -> Path:
        """Simulate the SAFE folder of an SLC: the wanted swaths in the wanted polarization."""
        from isce2_recipe.sources.simulated.slc import write_slc

        log.info("simulating SLC %s", record.name)
        folder.mkdir(parents=True, exist_ok=True)
        name = SlcName.parse(record.name)
        return write_slc(name, polarization, swaths, self.options, folder, progress)

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Return the catalogue records of ALOS scenes, in the order of ``names``."""
        from isce2_recipe.sources.simulated.alos.scenes import find_scene, scene_record

        log.info("simulating %d ALOS scenes", len(names))
        return [scene_record(find_scene(name, self.options)) for name in names]

    def fetch_alos(self, record: AlosRecord, folder: Path, log: logging.Logger, progress: Progress) -> Path:
        """Simulate the raw signal of an ALOS scene."""
        from isce2_recipe.sources.simulated.alos.scenes import find_scene, write_scene

        log.info("simulating ALOS scene %s", record.name)
        folder.mkdir(parents=True, exist_ok=True)
        scene = find_scene(AlosName.parse(record.name), self.options)
        return write_scene(scene, self.options, folder, progress)


def _swath(slc: Slice, name: BurstName) -> IwSwath:
    return slc.swaths[name.swath - 1]


def _write_whole(path: Path, content: bytes) -> None:
    with replace_when_complete(path) as partial:
        partial.write_bytes(content)
