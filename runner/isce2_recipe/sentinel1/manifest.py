"""Manifest of a SAFE folder that contains a subset of another one."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import PurePosixPath

from isce2_recipe.sentinel1.annotation_subset import to_bytes
from isce2_recipe.sentinel1.metadata import BurstMetadata, Element

_SAFE = "{http://www.esa.int/safe/sentinel-1.0}"
_GML = "{http://www.opengis.net/gml}"


def subset_manifest(metadata: BurstMetadata, products: Sequence[Element], paths: Sequence[str]) -> bytes:
    """Return the SLC's manifest with the files, times and footprint of the subset.

    Parameters
    ----------
    metadata : BurstMetadata
        Metadata of the first burst.
    products : sequence of Element
        Annotation of the subset, one root for each swath.
    paths : sequence of str
        Files of the new folder, relative to it.
    """
    root = deepcopy(metadata.manifest)
    renamed = {_key(path): path for path in paths}
    gone = _keep_objects(root, renamed)
    _drop_references(root, gone)
    _set_times(root, products)
    _set_footprint(root, products)
    return to_bytes(root)


def _key(path: str) -> tuple[str, str, str, str]:
    """Return the parts of a name that do not change in a subset: folder, kind, swath and polarization."""
    pure = PurePosixPath(path)
    kind, _, rest = pure.stem.rpartition("s1") if "-s1" in pure.stem else ("", "", pure.stem)
    fields = rest.split("-")
    return str(pure.parent), kind, fields[1] if len(fields) > 1 else "", fields[3] if len(fields) > 3 else ""


def _keep_objects(root: Element, renamed: dict[tuple[str, str, str, str], str]) -> set[str]:
    """Remove the data objects of missing files; return their IDs."""
    gone = set()
    for data_object in list(root.iterfind("dataObjectSection/dataObject")):
        location = data_object.find("byteStream/fileLocation")
        path = "" if location is None else location.get("href", "").removeprefix("./")
        if _key(path) not in renamed:
            gone.add(data_object.get("ID"))
            data_object.getparent().remove(data_object)
            continue
        location.set("href", f"./{renamed[_key(path)]}")
        stream = data_object.find("byteStream")
        stream.attrib.pop("size", None)
        for checksum in stream.findall("checksum"):
            stream.remove(checksum)
    return gone


def _drop_references(root: Element, gone: set[str]) -> None:
    """Remove the owners of pointers to removed data objects: content units and metadata objects."""
    for pointer in list(root.iter("dataObjectPointer")):
        owner = pointer.getparent()
        if pointer.get("dataObjectID") in gone and owner is not None and owner.getparent() is not None:
            owner.getparent().remove(owner)


def _set_times(root: Element, products: Sequence[Element]) -> None:
    starts = [product.findtext("adsHeader/startTime") for product in products]
    stops = [product.findtext("adsHeader/stopTime") for product in products]
    for period in root.iter(f"{_SAFE}acquisitionPeriod"):
        for tag, text in (("startTime", min(starts)), ("stopTime", max(stops))):
            element = period.find(f"{_SAFE}{tag}")
            if element is not None:
                element.text = text


def _set_footprint(root: Element, products: Sequence[Element]) -> None:
    """Set the corners in ESA's order: last line near and far range, then first line far and near range."""
    corners = _corners(products)
    for coordinates in root.iter(f"{_GML}coordinates"):
        if corners:
            coordinates.text = " ".join(f"{lat:.6f},{lon:.6f}" for lat, lon in corners)


def _corners(products: Sequence[Element]) -> list[tuple[float, float]]:
    near, far = products[0], products[-1]
    last_line = [_point(near, -1, 0), _point(far, -1, -1)]
    first_line = [_point(far, 0, -1), _point(near, 0, 0)]
    return [corner for corner in (*last_line, *first_line) if corner is not None]


def _point(product: Element, row: int, column: int) -> tuple[float, float] | None:
    """Return latitude and longitude of a corner of a swath's geolocation grid."""
    points = product.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    if not points:
        return None
    lines = sorted({int(point.findtext("line")) for point in points})
    on_line = [point for point in points if int(point.findtext("line")) == lines[row]]
    chosen = sorted(on_line, key=lambda point: int(point.findtext("pixel")))[column]
    return float(chosen.findtext("latitude")), float(chosen.findtext("longitude"))
