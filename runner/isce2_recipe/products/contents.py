"""The files of a product, with the facts that catalogues list of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from isce2_recipe.inputs import sha256
from isce2_recipe.products.layer import RADAR_SUFFIX

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
PLAIN_TIFF = "image/tiff; application=geotiff"
_MEDIA = {
    ".png": "image/png",
    ".pgw": "text/plain",
    ".qml": "application/xml",
    ".txt": "text/plain",
    ".json": "application/json",
    ".yml": "application/yaml",
    ".kmz": "application/vnd.google-earth.kmz",
    ".xml": "application/xml",
    ".vrt": "application/xml",
}
_UNKNOWN = "application/octet-stream"
_TITLES = {
    "parameters": "Orbit, baseline and processing parameters, one key: value a line",
    "README.md.txt": "What was made from what, and how to read it",
    "run.json": "What is needed to run the recipe again",
    "recipe.yml": "The recipe with the values of this run",
    "stac.json": "STAC item",
    "unw_phase.pgw": "Place of the picture in the map projection (world file)",
}
_PICTURES = {
    ".png": "Picture of the unwrapped phase",
    ".qml": "Style for QGIS",
    ".kmz": "Picture for Google Earth",
}


@dataclass(frozen=True, slots=True)
class ProductFile:
    """A file of a product.

    Attributes
    ----------
    href : str
        Path relative to the product's folder.
    key : str
        File name without the product's name; for a GeoTIFF the layer's name.
    media : str
        Media type.
    title : str
        What it holds, for people; empty for ISCE2's files.
    size : int
        Size, bytes.
    """

    path: Path
    href: str
    key: str
    media: str
    title: str
    size: int
    sha256: str

    @property
    def identifier(self) -> str:
        """The path as part of an address."""
        return quote(self.href)

    @property
    def is_layer(self) -> bool:
        """Whether the file is a GeoTIFF."""
        return self.path.suffix == ".tif"


def contents(prefix: Path, but: Sequence[str] = ()) -> list[ProductFile]:
    """Return the files in a product's folder and its subfolders, without some names, in order of names."""
    folder = prefix.parent
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in but)
    return [_describe(path, path.relative_to(folder).as_posix(), prefix.name) for path in files]


def _describe(path: Path, href: str, name: str) -> ProductFile:
    key = href.removeprefix(name).lstrip("_.").removesuffix(".tif")
    key = "parameters" if key == "txt" else key
    return ProductFile(path, href, key, _media(path), _title(path, key), path.stat().st_size, sha256(path))


def _media(path: Path) -> str:
    if path.suffix == ".tif":
        return PLAIN_TIFF if path.stem.endswith(RADAR_SUFFIX) else COG
    return _MEDIA.get(path.suffix, _UNKNOWN)


def _title(path: Path, key: str) -> str:
    """Return what a file holds; for a GeoTIFF the description of its first band."""
    if path.suffix != ".tif":
        return _TITLES.get(key, _PICTURES.get(path.suffix, ""))
    from isce2_recipe.products.rasters import opened

    with opened(path) as dataset:
        return str(dataset.descriptions[0] or "")
