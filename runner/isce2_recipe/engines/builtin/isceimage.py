"""ISCE2's rasters: a flat binary file with two headers, ``.xml`` for ISCE2 and ``.vrt`` for GDAL.

Arrays have the shape ``(bands, lines, samples)`` for every interleaving of the file.
"""

from __future__ import annotations

import contextlib
import os
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.errors import InputError
from isce2_recipe.files import replace_when_complete, write_text
from isce2_recipe.markup import render
from isce2_recipe.types import Bounds

# ISCE2's DATA_TYPE, with NumPy's and GDAL's names of the same type.
_TYPES = {
    "BYTE": ("u1", "Byte"),
    "SHORT": ("i2", "Int16"),
    "INT": ("i4", "Int32"),
    "FLOAT": ("f4", "Float32"),
    "DOUBLE": ("f8", "Float64"),
    "CFLOAT": ("c8", "CFloat32"),
    "CDOUBLE": ("c16", "CFloat64"),
}
_FAMILIES = {"cpx": "intimage", "unw": "unwimage", "dem": "demimage", "slc": "slcimage"}
# Order of the axes (0 bands, 1 lines, 2 samples) in the file, from the slowest to the fastest.
_STORED = {"BSQ": (0, 1, 2), "BIL": (1, 0, 2), "BIP": (1, 2, 0)}
# Size of GDAL's block cache; its default is 5 % of the machine's memory.
GDAL_CACHE_MB = 64


@dataclass(frozen=True, slots=True)
class GeoGrid:
    """Positions of the pixels of a geographic raster, degrees.

    ISCE2's starting values are the *centre* of the first pixel, in the ``.xml`` and in the ``.vrt``, although
    GDAL reads those of a ``.vrt`` as its corner.
    """

    first_longitude: float
    first_latitude: float
    delta_longitude: float
    delta_latitude: float

    @property
    def corner_transform(self) -> tuple[float, float, float, float, float, float]:
        """Return GDAL's geotransform, which refers to the corner of the upper-left pixel."""
        return (
            self.first_longitude - self.delta_longitude / 2,
            self.delta_longitude,
            0.0,
            self.first_latitude - self.delta_latitude / 2,
            0.0,
            self.delta_latitude,
        )


@dataclass(frozen=True, slots=True)
class IsceImage:
    """Header of an ISCE2 raster.

    Attributes
    ----------
    path : Path
        Binary file; its headers are this path with ``.xml`` and ``.vrt`` appended.
    lines, samples, bands : int
        Size of the raster.
    data_type : str
        ISCE2's name: BYTE, SHORT, INT, FLOAT, DOUBLE, CFLOAT or CDOUBLE.
    scheme : str
        Interleaving: BIP, BIL or BSQ.
    image_type : str
        ISCE2's name of the content (``cpx``, ``cor``, ``unw``, ``dem``, ``slc``, ``bil``), which selects the
        interpolation when ISCE2 geocodes it. May be empty.
    grid : GeoGrid or None
        Map coordinates; None in radar geometry.
    reference : str or None
        Vertical datum of a DEM: WGS84 (ellipsoid) or EGM96.
    byte_order : str
        ``l`` (little-endian) or ``b`` (big-endian).
    """

    path: Path
    lines: int
    samples: int
    bands: int = 1
    data_type: str = "FLOAT"
    scheme: str = "BIP"
    image_type: str = ""
    grid: GeoGrid | None = None
    reference: str | None = None
    byte_order: str = "l"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the NumPy type of the file, including its byte order."""
        return np.dtype(_TYPES[self.data_type][0]).newbyteorder("<" if self.byte_order == "l" else ">")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return ``(bands, lines, samples)``."""
        return self.bands, self.lines, self.samples

    def require_map_grid(self) -> GeoGrid:
        """Return the map coordinates; raise `InputError` if there are none."""
        if self.grid is None:
            raise InputError(
                f"{self.path}.xml has no latitude and longitude", hint="use a DEM whose .xml has them"
            )
        return self.grid

    @property
    def node_bounds(self) -> Bounds:
        """Return the box around the centres of the pixels, degrees."""
        grid = self.require_map_grid()
        return Bounds(
            grid.first_longitude,
            grid.first_latitude + (self.lines - 1) * grid.delta_latitude,
            grid.first_longitude + (self.samples - 1) * grid.delta_longitude,
            grid.first_latitude,
        )

    @property
    def nbytes(self) -> int:
        """Return the size of the binary file in bytes."""
        return self.bands * self.lines * self.samples * self.dtype.itemsize


def append_suffix(path: Path, extension: str) -> Path:
    """Append an extension to a path: ``phsig.cor`` and ``xml`` give ``phsig.cor.xml``."""
    return path.with_name(f"{path.name}.{extension}")


def read_header(path: Path) -> IsceImage:
    """Read the header of an ISCE2 raster from its ``.xml``, or raise an `InputError`."""
    xml = append_suffix(path, "xml")
    try:
        root = ET.parse(xml).getroot()
    except FileNotFoundError:
        raise InputError(
            f"{xml} does not exist", hint="an ISCE2 raster needs its .xml in the same folder"
        ) from None
    except (ET.ParseError, OSError) as exc:
        raise InputError(f"{xml} is not an ISCE2 image header: {exc}") from exc
    try:
        return _header(path, root)
    except (KeyError, ValueError) as exc:
        raise InputError(f"{xml} is not an ISCE2 image header: {exc} is missing or wrong") from exc


def _header(path: Path, root: ET.Element) -> IsceImage:
    values = dict(_properties(root))
    return IsceImage(
        path,
        lines=int(values["length"]),
        samples=int(values["width"]),
        bands=int(values.get("number_bands", "1")),
        data_type=_known(values["data_type"].upper(), _TYPES),
        scheme=_known(values.get("scheme", "BIP").upper(), _STORED),
        image_type=values.get("image_type", ""),
        grid=_grid(root),
        reference=values.get("reference"),
        byte_order=_known(values.get("byte_order", "l")[0].lower(), "lb"),
    )


def _known(value: str, known: Any) -> str:
    if value not in known:
        raise ValueError(value)
    return value


def _properties(element: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield names, in lower case, and values of the direct properties of an element."""
    for child in element.findall("property"):
        value = child.get("value") or child.findtext("value") or ""
        yield (child.get("name") or "").lower(), value.strip()


def _grid(root: ET.Element) -> GeoGrid | None:
    axes = {(c.get("name") or "").lower(): dict(_properties(c)) for c in root.findall("component")}
    longitude, latitude = axes.get("coordinate1", {}), axes.get("coordinate2", {})
    numbers = [float(a.get(k, "1")) for k in ("startingvalue", "delta") for a in (longitude, latitude)]
    # ISCE2 writes looks and offsets here for multilooked rasters; only latitudes have a step between -1 and
    # 0.
    return GeoGrid(*numbers) if -1 < numbers[3] < 0 else None


def write_sidecars(image: IsceImage, folder: Path | None = None, *, name: str | None = None) -> None:
    """Write the ``.xml`` and ``.vrt`` of a raster.

    The ``.xml`` contains the path of the binary: ``name`` for a file that will be moved, else that relative
    to the work folder of the application, like ISCE2's own, or without a folder the absolute path.
    """
    name = name or (os.path.relpath(image.path, folder) if folder else str(image.path))
    values = {
        "image": image,
        "name": name,
        "family": _FAMILIES.get(image.image_type, "image"),
        "grid": image.grid or GeoGrid(0, 0, 1, 1),
    }
    render_xml(append_suffix(image.path, "xml"), "image", **values)
    values |= {"data_type": gdal_type(image), "strides": _strides(image)}
    render_xml(append_suffix(image.path, "vrt"), "image.vrt", **values)


def gdal_type(image: IsceImage) -> str:
    """Return GDAL's name of the type of a raster."""
    return _TYPES[image.data_type][1]


def _strides(image: IsceImage) -> list[int]:
    """Return the distance in bytes between bands, lines and samples."""
    strides, step = [0, 0, 0], image.dtype.itemsize
    for axis in reversed(_STORED[image.scheme]):
        strides[axis] = step
        step *= image.shape[axis]
    return strides


def render_xml(path: Path, template: str, **values: Any) -> None:
    """Write an XML file from a template in ``templates/builtin``."""
    write_xml(path, ET.fromstring(render(f"builtin/{template}.xml", **values)))


def write_xml(path: Path, root: ET.Element) -> None:
    """Write an indented XML file without a declaration, like ISCE2's."""
    ET.indent(root, "    ")
    write_text(path, ET.tostring(root, encoding="unicode") + "\n")


def open_for_writing(stack: contextlib.ExitStack, path: Path) -> BinaryIO:
    """Open a binary file for writing, which gets its final name when the stack ends without an error."""
    partial = stack.enter_context(replace_when_complete(path))
    return stack.enter_context(partial.open("wb"))


def create(image: IsceImage, folder: Path | None = None) -> NDArray[Any]:
    """Create a raster of zeros with its headers; return a writable memory map ``(bands, lines, samples)``."""
    with image.path.open("wb") as stream:
        stream.truncate(image.nbytes)
    write_sidecars(image, folder)
    return open_array(image, "r+")


def open_array(image: IsceImage, mode: Literal["r", "r+"] = "r") -> NDArray[Any]:
    """Return the raster as a memory map of shape ``(bands, lines, samples)``.

    Raises
    ------
    InputError
        If the binary is missing or its size differs from the header.
    """
    order = _STORED[image.scheme]
    size = image.path.stat().st_size if image.path.is_file() else None
    if size != image.nbytes:
        found = "does not exist" if size is None else f"has {size} bytes"
        raise InputError(f"{image.path} {found}; expected {image.nbytes} bytes from its header")
    stored = np.memmap(image.path, image.dtype, mode, shape=tuple(image.shape[axis] for axis in order))
    return stored.transpose([order.index(axis) for axis in range(3)])


def append_lines(stream: BinaryIO, image: IsceImage, lines: NDArray[Any]) -> None:
    """Write the next lines, ``(bands, n, samples)``, of a raster that is BIL, BIP or has one band."""
    stored = np.asarray(lines, image.dtype).transpose(_STORED[image.scheme])
    stream.write(np.ascontiguousarray(stored).data)


def read_part(path: Path, lines: range, samples: range | None = None, band: int = 1) -> NDArray[Any]:
    """Read part of one band (from 1) of a raster; by default all samples of the lines."""
    import rasterio

    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_MB), open_raster(append_suffix(path, "vrt")) as dataset:
        across = range(dataset.width) if samples is None else samples
        window = ((lines.start, lines.stop), (across.start, across.stop))
        return np.asarray(dataset.read(band, window=window))


@contextlib.contextmanager
def open_raster(path: Path) -> Iterator[Any]:
    """Open a raster, such as a ``.vrt``, as a rasterio dataset, or raise an `InputError`.

    A missing geotransform causes no warning.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(path, driver="VRT" if path.suffix == ".vrt" else "GTiff")
        with dataset:
            yield dataset
    except RasterioError as exc:
        raise InputError(f"{path} cannot be read: {exc}") from exc
