"""A folder as a source: what a machine without a network has.

::

    DIR/bursts/{granule}.tiff and {granule}.xml      as ASF's burst extractor delivers them
    DIR/slc/{granule}.zip                            whole SLCs, or folders of the same name with .SAFE
    DIR/orbits/S1A_OPER_AUX_POEORB_OPOD_*.EOF        precise or restituted orbits
    DIR/dem/*.tif                                    terrain above the WGS84 ellipsoid, any grid, any number
    DIR/water_mask/n25e050.tif                       ASF's water mask tiles
    DIR/alos/ALPSRP156121200-L1.0.zip                ALOS scenes, or folders of the same name without .zip
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.sources.base import AlosRecord, BurstFiles, BurstRecord, Progress, SlcRecord
from isce2_recipe.sources.demgrid import DemGrid, write_dem
from isce2_recipe.sources.tiles import water_mask_tiles
from isce2_recipe.types import AlosName, Bounds, BurstName, SlcName

_SEARCH = "https://search.asf.alaska.edu"
_ORBITS = "https://s1-orbits.asf.alaska.edu/scene"
_WATER_MASK = "https://asf-dem-west.s3.amazonaws.com/WATER_MASK/TILES"
_ORBIT_TIME = "%Y%m%dT%H%M%S"
_ORBIT_MARGIN = timedelta(seconds=60)


class DirectorySource:
    """Granules, orbits, terrain and water masks from a folder.

    Parameters
    ----------
    root : Path
        Holds ``bursts``, ``orbits``, ``dem`` and ``water_mask``.

    Raises
    ------
    InputError
        If it is not a folder.
    """

    name = "directory"

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise InputError(
                f"the source folder {root} does not exist",
                hint="give --source directory:DIR with bursts/, orbits/, dem/ and water_mask/ in DIR",
            )
        self.root = root.resolve()

    def fingerprint(self) -> str:
        """Names, sizes and times of all that is there."""
        files = sorted(path for path in self.root.glob("*/*") if path.is_file())
        listing = "\n".join(
            f"{path.relative_to(self.root)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files
        )
        return f"directory {hashlib.sha256(listing.encode()).hexdigest()}"

    def find_bursts(self, names: list[BurstName], log: logging.Logger) -> list[BurstRecord]:
        """Records made of the metadata files themselves."""
        missing = [
            f"bursts/{name}{suffix}"
            for name in names
            for suffix in (".tiff", ".xml")
            if not (self.root / "bursts" / f"{name}{suffix}").is_file()
        ]
        if missing:
            raise InputError(
                f"{self.root} lacks {', '.join(missing)}",
                hint=f"download the .tiff and .xml at {_SEARCH} (dataset S1 Bursts) and put them there",
            )
        log.info("reading metadata of %d burst(s) in %s", len(names), self.root)
        return [_record(name, self.root / "bursts" / f"{name}.xml") for name in names]

    def fetch_burst(
        self,
        record: BurstRecord,
        folder: Path,
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> BurstFiles:
        """Links to the files."""
        tiff, metadata = (self._take(f"bursts/{record.name}{suffix}", folder) for suffix in (".tiff", ".xml"))
        return BurstFiles(tiff, metadata)

    def fetch_orbit(
        self, platform: str, start: datetime, stop: datetime, folder: Path, log: logging.Logger
    ) -> Path:
        """The precise orbit where one covers the time, else a restituted one."""
        for kind in ("POEORB", "RESORB"):
            for path in sorted(
                (self.root / "orbits").glob(f"{platform}_OPER_AUX_{kind}_OPOD_*.EOF"), reverse=True
            ):
                if _covers(path, start - _ORBIT_MARGIN, stop + _ORBIT_MARGIN):
                    log.info("orbit %s", path.name)
                    return self._take(f"orbits/{path.name}", folder)
        there = sorted(path.name for path in (self.root / "orbits").glob("*.EOF"))
        raise InputError(
            f"no orbit file in {self.root / 'orbits'} covers {platform} from {start:%Y-%m-%dT%H:%M:%S} to "
            f"{stop:%Y-%m-%dT%H:%M:%S} with a minute to spare (there: {', '.join(there) or 'none'})",
            hint=f"download {_ORBITS}/{_scene(platform, start, stop)} and put it there",
        )

    def fetch_dem(
        self,
        bounds: Bounds,
        folder: Path,
        log: logging.Logger,
        progress: Progress,  # noqa: ARG002
    ) -> Path:
        """The folder's terrain, put together and resampled to one arc second."""
        grid = DemGrid.covering(bounds)
        files = _rasters(self.root / "dem")
        log.info("terrain from %d file(s) in %s", len(files), self.root / "dem")
        heights = _mosaic(files, grid)
        gaps = _gaps(heights, grid)
        if gaps is not None:
            raise InputError(
                f"the terrain in {self.root / 'dem'} does not cover the scene "
                f"({_text(grid.bounds)}): nothing at {_text(gaps)}",
                hint="add GeoTIFFs with heights above the WGS84 ellipsoid there, for example Copernicus "
                "GLO-30 made ellipsoidal with dem_stitcher",
            )
        return write_dem(heights, grid, folder / "dem.tif")

    def fetch_water_mask(
        self,
        bounds: Bounds,
        folder: Path,
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> list[Path]:
        """The folder's tiles."""
        names = water_mask_tiles(bounds)
        missing = [name for name in names if not (self.root / "water_mask" / name).is_file()]
        if missing:
            raise InputError(
                f"{self.root / 'water_mask'} lacks {', '.join(missing)}",
                hint=f"download {', '.join(f'{_WATER_MASK}/{name}' for name in missing)} and put it there",
            )
        return [self._take(f"water_mask/{name}", folder) for name in names]

    def write_truth(
        self,
        records: Sequence[BurstRecord | SlcRecord],  # noqa: ARG002
        dem: Path,  # noqa: ARG002
        folder: Path,  # noqa: ARG002
    ) -> Path | None:
        """None: nobody knows the truth."""
        return None

    def find_slcs(self, names: list[SlcName], log: logging.Logger) -> list[SlcRecord]:
        """Records made of the SLCs' own annotation."""
        from isce2_recipe.sources.directory_slc import find_slcs

        return find_slcs(self.root, names, log)

    def fetch_slc(
        self,
        record: SlcRecord,
        polarization: str,  # noqa: ARG002 - whatever is there
        swaths: Sequence[int],  # noqa: ARG002
        folder: Path,  # noqa: ARG002
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> Path:
        """The archive or the folder, where it lies."""
        from isce2_recipe.sources.directory_slc import locate

        return locate(self.root, SlcName.parse(record.name))

    def find_alos(self, names: list[AlosName], log: logging.Logger) -> list[AlosRecord]:
        """Records made of the scenes' own files."""
        from isce2_recipe.sources.directory_alos import find_alos

        return find_alos(self.root, names, log)

    def fetch_alos(
        self,
        record: AlosRecord,
        folder: Path,  # noqa: ARG002
        log: logging.Logger,  # noqa: ARG002
        progress: Progress,  # noqa: ARG002
    ) -> Path:
        """The archive or the folder, where it lies."""
        from isce2_recipe.sources.directory_alos import locate

        return locate(self.root, AlosName.parse(record.name))

    def write_alos_truth(
        self,
        reference: AlosRecord,  # noqa: ARG002
        secondary: AlosRecord,  # noqa: ARG002
        dem: Path,  # noqa: ARG002
        folder: Path,  # noqa: ARG002
    ) -> Path | None:
        """None: nobody knows the truth."""
        return None

    def _take(self, name: str, folder: Path) -> Path:
        """A hard link into ``folder``, or between file systems a copy."""
        target = folder / Path(name).name
        target.unlink(missing_ok=True)
        try:
            target.hardlink_to(self.root / name)
        except OSError:
            shutil.copyfile(self.root / name, target)
        return target


def _record(name: BurstName, path: Path) -> BurstRecord:
    """What the burst's own annotation says."""
    from isce2_recipe.sar.annotation import relative_orbit
    from isce2_recipe.sentinel1.metadata import find_index, footprint, read_metadata, slc_name

    metadata = read_metadata(path, name)
    index = find_index(metadata, name)
    lines = int(metadata.number("swathTiming/linesPerBurst"))
    interval_s = metadata.number("imageAnnotation/imageInformation/azimuthTimeInterval")
    start = metadata.burst_time(index)
    orbit = int(metadata.number("adsHeader/absoluteOrbitNumber"))
    platform = metadata.text("adsHeader/missionId")
    return BurstRecord(
        name=str(name),
        slc=slc_name(metadata, name),
        index=index,
        absolute_orbit=orbit,
        relative_orbit=relative_orbit(platform, orbit),
        direction=metadata.text("generalAnnotation/productInformation/pass").upper(),
        start=start,
        stop=start + timedelta(seconds=(lines - 1) * interval_s),
        footprint=footprint(metadata, index),
    )


def _covers(path: Path, start: datetime, stop: datetime) -> bool:
    """Whether the validity in an orbit file's name covers an interval."""
    first, _, last = path.stem.rpartition("_V")[2].partition("_")
    try:
        begins, ends = (datetime.strptime(text, _ORBIT_TIME).replace(tzinfo=UTC) for text in (first, last))
    except ValueError:
        return False
    return begins <= start and stop <= ends


def _scene(platform: str, start: datetime, stop: datetime) -> str:
    return f"{platform}_IW_SLC__1SDV_{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}_000000_000000_0000"


def _rasters(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in (".tif", ".tiff", ".vrt"))
    if not files:
        raise InputError(
            f"{folder} holds no GeoTIFF",
            hint="put terrain there: GeoTIFFs with heights above the WGS84 ellipsoid that cover the bursts",
        )
    return files


def _mosaic(files: list[Path], grid: DemGrid) -> Any:
    """Heights (rows, columns) on the grid, NaN where no file has any; earlier files win."""
    import numpy as np
    import rasterio
    from rasterio.errors import RasterioError
    from rasterio.warp import Resampling, reproject

    heights = np.full((grid.rows, grid.columns), np.nan, dtype=np.float32)
    for path in files:
        layer = np.full_like(heights, np.nan)
        try:
            with rasterio.open(path) as dataset:
                if dataset.crs is None:
                    raise InputError(
                        f"terrain {path} has no coordinate reference system", hint="assign it one"
                    )
                reproject(
                    rasterio.band(dataset, 1),
                    layer,
                    dst_transform=grid.profile()["transform"],
                    dst_crs="EPSG:4326",
                    dst_nodata=float("nan"),
                    resampling=Resampling.cubic,
                )
        except RasterioError as exc:
            raise InputError(f"terrain {path} cannot be read: {exc}", hint="replace it") from exc
        empty = np.isnan(heights)
        heights[empty] = layer[empty]
        if not np.isnan(heights).any():
            break
    return heights


def _gaps(heights: Any, grid: DemGrid) -> Bounds | None:
    """The box around the pixels without a height."""
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


def _text(bounds: Bounds) -> str:
    return f"{bounds.west:.3f} to {bounds.east:.3f} E, {bounds.south:.3f} to {bounds.north:.3f} N"
