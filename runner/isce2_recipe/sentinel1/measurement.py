"""Burst measurements: CInt16 GeoTIFFs, checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.sentinel1.metadata import REFETCH


def check_measurement(path: Path, lines: int, samples: int) -> int:
    """Byte offset of the first sample, once the file is known to be a whole burst.

    Parameters
    ----------
    path : Path
        The burst's GeoTIFF.
    lines, samples : int
        As the annotation has them.

    Raises
    ------
    InputError
        If the file is missing, truncated, no GeoTIFF, or of another shape or type.
    """
    from rasterio.errors import RasterioIOError

    if not path.is_file():
        raise InputError(f"burst measurement {path} does not exist", hint="fetch it")
    try:
        with _open(path) as dataset:
            _check_shape(path, dataset, lines, samples)
            _check_size(path, dataset)
            dataset.read(1, window=((lines - 1, lines), (0, samples)))
            return int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1) or 0)
    except RasterioIOError as exc:
        raise InputError(
            f"burst measurement {path} is truncated or not a GeoTIFF ({path.stat().st_size} bytes): {exc}",
            hint=REFETCH,
        ) from exc


@contextmanager
def _open(path: Path, mode: str = "r", **profile: Any) -> Iterator[Any]:
    """A raster; measurements have no geotransform, and nobody wants to hear it."""
    import warnings

    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, mode, **profile) as dataset:
            yield dataset


def _check_shape(path: Path, dataset: Any, lines: int, samples: int) -> None:
    if dataset.count != 1 or dataset.dtypes[0] != "complex_int16":
        raise InputError(
            f"burst measurement {path} is {dataset.count} x {dataset.dtypes[0]}, not one band of CInt16",
            hint="give the burst as ASF's extractor delivers it",
        )
    if (dataset.height, dataset.width) != (lines, samples):
        raise InputError(
            f"burst measurement {path} has {dataset.height} lines x {dataset.width} samples, "
            f"but its annotation says {lines} x {samples}",
            hint="measurement and metadata must be of the same burst; fetch both again",
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
            f"burst measurement {path} is truncated: {present} bytes of at least {needed}", hint=REFETCH
        )


def stack_measurements(parts: Sequence[Path], target: Path, lines: int, samples: int) -> Path:
    """Write bursts of ``lines`` x ``samples`` one below the other, as in an SLC."""
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
