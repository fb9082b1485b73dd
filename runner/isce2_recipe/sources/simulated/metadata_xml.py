"""The metadata file of a burst granule: the manifest and all annotation of its SLC in one XML file."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np

from isce2_recipe.errors import InputError
from isce2_recipe.sar.annotation import BurstGeometry, read_annotation
from isce2_recipe.sources.simulated.acquisition import Slice
from isce2_recipe.sources.simulated.geometry import slice_footprint, swath_geometry
from isce2_recipe.sources.simulated.manifest_xml import DataObject, manifest
from isce2_recipe.sources.simulated.product_xml import AnnotatedImage, product_content
from isce2_recipe.sources.simulated.xml import element, fields, listing, numbers

# Pixels between the entries of calibration and noise vectors.
_VECTOR_STEP = 40
_BETA_NOUGHT = 237.0

DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"


def burst_metadata(slc: Slice, seed: int) -> bytes:
    """Return the metadata file that all bursts of an SLC share, in ASF's form.

    It has ``burst/manifest`` and, in ``burst/metadata``, the elements ``product``, ``noise``, ``calibration``
    and ``rfi`` of all swaths and polarizations, each with ``polarisation``, ``swath`` and ``content``.
    """
    geometries = {swath.number: swath_geometry(slc, swath, seed) for swath in slc.swaths}
    images = [
        AnnotatedImage(slc, swath, polarization, geometries[swath.number])
        for polarization in reversed(slc.polarizations)
        for swath in slc.swaths
    ]
    parts: list[str] = []
    objects: list[DataObject] = []
    for kind, folder, prefix, schema, content_of in KINDS:
        for image in images:
            name = f"{prefix}{image.stem}.xml"
            content = content_of(image)
            parts.append(_part(kind, name, image, content))
            file = f"{DECLARATION}<{kind}>{content}</{kind}>".encode()
            objects.append(DataObject(f"{folder}/{name}", schema, file, len(file)))
    for image in images:
        size = 108099 + image.lines * image.swath.samples * 4
        path = f"measurement/{image.stem}.tiff"
        objects.append(DataObject(path, "s1Level1MeasurementSchema", None, size))
    footprint = slice_footprint([geometries[swath.number].grid for swath in slc.swaths])
    safe = manifest(slc, geometries[2].direction, footprint, objects)
    whole = element("burst", element("manifest", safe), element("metadata", *parts))
    return (DECLARATION + whole + "\n").encode()


def _part(kind: str, name: str, image: AnnotatedImage, content: str) -> str:
    labels = fields(polarisation=image.polarization, swath=image.swath.name)
    return f'<{kind} source_filename="{name}">{labels}<content>{content}</content></{kind}>'


def _calibration(image: AnnotatedImage) -> str:
    pixels = _vector_pixels(image)
    incidence = np.interp(
        pixels, np.linspace(0, image.swath.samples - 1, 60), image.geometry.pattern.incidence_deg
    )
    sin, tan = np.sin(np.radians(incidence)), np.tan(np.radians(incidence))
    constant = np.full(pixels.size, _BETA_NOUGHT)
    arrays = (
        numbers("pixel", pixels, "%d")
        + numbers("sigmaNought", _BETA_NOUGHT / np.sqrt(sin))
        + numbers("betaNought", constant)
        + numbers("gamma", _BETA_NOUGHT / np.sqrt(tan))
        + numbers("dn", constant)
    )
    vectors = [
        element("calibrationVector", fields(azimuthTime=start, line=k * image.swath.lines), arrays)
        for k, start in enumerate(image.starts)
    ]
    information = element("calibrationInformation", fields(absoluteCalibrationConstant="1.000000e+00"))
    return image.header() + information + listing("calibrationVectorList", vectors)


def _noise(image: AnnotatedImage) -> str:
    pixels = _vector_pixels(image)
    arrays = numbers("pixel", pixels, "%d") + numbers("noiseRangeLut", np.full(pixels.size, 360.0))
    vectors = [
        element("noiseRangeVector", fields(azimuthTime=start, line=k * image.swath.lines), arrays)
        for k, start in enumerate(image.starts)
    ]
    lines = np.arange(0, image.lines, 100)
    azimuth = element(
        "noiseAzimuthVector",
        fields(
            swath=image.swath.name,
            firstAzimuthLine=0,
            firstRangeSample=0,
            lastAzimuthLine=image.lines - 1,
            lastRangeSample=image.swath.samples - 1,
        ),
        numbers("line", lines, "%d"),
        numbers("noiseAzimuthLut", np.ones(lines.size)),
    )
    ranges = listing("noiseRangeVectorList", vectors)
    return image.header() + ranges + listing("noiseAzimuthVectorList", [azimuth])


def _rfi(image: AnnotatedImage) -> str:
    lists = listing("rfiDetectionFromNoiseReportList", []) + listing("rfiBurstReportList", [])
    return image.header() + element("rfiMitigationApplied", "None") + lists


def _vector_pixels(image: AnnotatedImage) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    last = image.swath.samples - 1
    return np.append(np.arange(0, last, _VECTOR_STEP), last)


KINDS = (
    ("product", "annotation", "", "s1Level1ProductSchema", product_content),
    ("noise", "annotation/calibration", "noise-", "s1Level1NoiseSchema", _noise),
    ("calibration", "annotation/calibration", "calibration-", "s1Level1CalibrationSchema", _calibration),
    ("rfi", "annotation/rfi", "rfi-", "s1Level1RfiSchema", _rfi),
)


def burst_geometry(metadata: bytes, swath: int, polarization: str, index: int) -> BurstGeometry:
    """Return the metadata of one burst, read from the file with the reader of real files."""
    for product in ET.fromstring(metadata).iterfind("metadata/product"):
        label = product.findtext("swath"), product.findtext("polarisation")
        content = product.find("content")
        if label == (f"IW{swath}", polarization) and content is not None:
            content.tag = "product"
            return read_annotation(ET.tostring(content))[index]
    raise InputError(f"the metadata hold no IW{swath} {polarization}")
