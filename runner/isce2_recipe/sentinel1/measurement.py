"""Measurements, which are CInt16 GeoTIFFs: checking and stacking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1.metadata import REFETCH


def check_measurement(path: Path, lines: int, samples: int) -> int:
    """Check that a GeoTIFF has complete bursts or a swath; return the byte offset of its first sample.

    ``lines`` and ``samples`` are the size from the annotation. Raise InputError if the file is missing,
    truncated, not a GeoTIFF, or has another size or data type.
    """
    from rasterio.errors import RasterioIOError

    if not path.is_file():
        raise InputError(f"measurement {path} does not exist", hint="download it")
    try:
        with _open(path) as dataset:
            _check_shape(path, dataset, lines, samples)
            _check_size(path, dataset)
            dataset.read(1, window=((lines - 1, lines), (0, samples)))
            return int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1) or 0)
    except RasterioIOError as exc:
        raise InputError(
            f"measurement {path} is truncated or not a GeoTIFF: it has {path.stat().st_size} bytes, about "
            f"{lines * samples * 4} are expected ({exc})",
            hint=REFETCH,
        ) from exc


@contextmanager
def _open(path: Path, mode: str = "r", **profile: Any) -> Iterator[Any]:
    """Open a raster without the warning about its missing geotransform."""
    import warnings

    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, mode, **{"driver": "GTiff", **profile}) as dataset:
            yield dataset


def _check_shape(path: Path, dataset: Any, lines: int, samples: int) -> None:
    if dataset.count != 1 or dataset.dtypes[0] != "complex_int16":
        raise InputError(
            f"measurement {path} is {dataset.count} x {dataset.dtypes[0]}, not one band of CInt16",
            hint="use the burst as ASF's extractor delivers it",
        )
    if (dataset.height, dataset.width) != (lines, samples):
        raise InputError(
            f"measurement {path} has {dataset.height} lines x {dataset.width} samples, "
            f"but its annotation has {lines} x {samples}",
            hint="measurement and metadata must be of the same burst; download both again",
        )


def _check_size(path: Path, dataset: Any) -> None:
    rows_of_blocks = -(-dataset.height // dataset.block_shapes[0][0])
    columns_of_blocks = -(-dataset.width // dataset.block_shapes[0][1])
    last = f"{columns_of_blocks - 1}_{rows_of_blocks - 1}"
    offset = dataset.get_tag_item(f"BLOCK_OFFSET_{last}", "TIFF", bidx=1)
    size = dataset.get_tag_item(f"BLOCK_SIZE_{last}", "TIFF", bidx=1)
    if offset is None or size is None:
        return
    needed, present = int(offset) + int(size), path.stat().st_size
    if present < needed:
        raise InputError(
            f"measurement {path} is truncated: it has {present} bytes, at least {needed} are expected",
            hint=REFETCH,
        )


def stack_measurements(parts: Sequence[Path], target: Path, lines: int, samples: int) -> Path:
    """Write bursts of ``lines`` x ``samples`` below each other, as in an SLC; return ``target``."""
    profile = {
        "driver": "GTiff",
        "height": lines * len(parts),
        "width": samples,
        "count": 1,
        "dtype": "complex_int16",
        "blockysize": 1,
    }
    with _open(target, "w", **profile) as stacked:
        for position, part in enumerate(parts):
            with _open(part) as single:
                window = ((position * lines, (position + 1) * lines), (0, samples))
                stacked.write(single.read(1), 1, window=window)
    return target
