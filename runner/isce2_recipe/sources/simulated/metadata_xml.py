"""Manifest and annotation files of simulated SLCs and bursts, from templates in ``templates/simulated``."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from isce2_recipe.errors import InputError
from isce2_recipe.paths import data_folder
from isce2_recipe.sar.annotation import BurstGeometry, read_annotation
from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, LAST_BURST
from isce2_recipe.sources.simulated.acquisition import Slice
from isce2_recipe.sources.simulated.geometry import SwathGeometry, slice_footprint, swath_geometry
from isce2_recipe.sources.simulated.swaths import (
    AZIMUTH_INTERVAL_S,
    RADAR_FREQUENCY_HZ,
    RANGE_SAMPLING_HZ,
    RANGE_SPACING_M,
    IwSwath,
)
from isce2_recipe.sources.simulated.world import Landscape

# A version that needs no antenna pattern correction; only 002.36 does.
IPF_VERSION = "003.71"

_NSSDC = {"S1A": "2014-016A", "S1B": "2016-025A", "S1C": "2024-235A", "S1D": "2025-250A"}
_MEASUREMENT = "s1Level1MeasurementSchema"
# Pixels between the entries of calibration and noise vectors.
_VECTOR_STEP = 40
_BETA_NOUGHT = 237.0

_DECLARATION = "<?xml version='1.0' encoding='UTF-8'?>\n"


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """The image that one annotation file describes: one swath of an SLC in one polarization."""

    slc: Slice
    swath: IwSwath
    polarization: str
    geometry: SwathGeometry
    first_byte: int = 108099

    @property
    def starts(self) -> list[datetime]:
        """Times of the first lines of the bursts."""
        return [self.slc.start(burst, self.swath) for burst in self.slc.bursts]

    @property
    def first_time(self) -> datetime:
        """Time of the first line of the first burst."""
        return self.starts[0]

    @property
    def last_time(self) -> datetime:
        """Time of the last line of the last burst."""
        return self.slc.stop(self.slc.bursts[-1], self.swath)

    @property
    def number(self) -> int:
        """Number of the image; cross-polarized images come first, as in ESA's products."""
        return self.swath.number + (3 if self.polarization in ("VV", "HH") else 0)

    @property
    def stem(self) -> str:
        """File name without extension, such as ``s1a-iw2-slc-vv-...-005``."""
        slc = self.slc
        return (
            f"{slc.flight.platform}-{self.swath.name}-slc-{self.polarization}"
            f"-{self.first_time:%Y%m%dT%H%M%S}-{self.last_time:%Y%m%dT%H%M%S}"
            f"-{slc.flight.absolute_orbit:06d}-{slc.data_take:06x}-{self.number:03d}"
        ).lower()

    @property
    def lines(self) -> int:
        """Number of lines of the measurement, in which all bursts are stacked."""
        return self.swath.lines * len(self.slc.bursts)


@dataclass(frozen=True, slots=True)
class DataObject:
    """A file of the SAFE folder, as the manifest lists it; measurements have no content here."""

    path: str
    schema: str
    content: bytes | None
    size: int

    @property
    def identifier(self) -> str:
        """Identifier of the file in the manifest."""
        stem = self.path.rpartition("/")[2].rpartition(".")[0]
        prefix = "product" if self.schema == "s1Level1ProductSchema" else ""
        return (prefix + stem).replace("-", "")

    @property
    def md5(self) -> str:
        """Checksum of the content; empty for measurements, some of which are never made."""
        return "" if self.content is None else hashlib.md5(self.content, usedforsecurity=False).hexdigest()


def annotation_files(images: list[AnnotatedImage]) -> list[DataObject]:
    """Return the files ``product``, ``noise``, ``calibration`` and ``rfi`` of each image."""
    files = []
    for kind, folder, prefix in _KINDS:
        for image in images:
            content = f"{_DECLARATION}<{kind}>{_content(kind, image)}</{kind}>".encode()
            path = f"{folder}/{prefix}{image.stem}.xml"
            files.append(DataObject(path, f"s1Level1{kind.capitalize()}Schema", content, len(content)))
    return files


def manifest(images: list[AnnotatedImage], files: list[DataObject]) -> str:
    """Return the manifest of an SLC with annotation files and measurements, one ``xfdu:XFDU`` element."""
    slc = images[0].slc
    measurements = [
        DataObject(
            f"measurement/{image.stem}.tiff",
            _MEASUREMENT,
            None,
            image.first_byte + image.lines * image.swath.samples * 4,
        )
        for image in images
    ]
    return _render(
        "manifest",
        slc=slc,
        direction=images[0].geometry.direction,
        footprint=slice_footprint([image.geometry.grid for image in images]),
        objects=[*files, *measurements],
        ipf_version=IPF_VERSION,
        nssdc=_NSSDC[slc.flight.platform],
    )


def manifest_file(images: list[AnnotatedImage], files: list[DataObject]) -> bytes:
    """Return the content of ``manifest.safe``."""
    return f"{_DECLARATION}{manifest(images, files)}\n".encode()


def burst_metadata(slc: Slice, terrain: Landscape) -> bytes:
    """Return the metadata file that all bursts of an SLC share, in ASF's form.

    It has ``burst/manifest`` and, in ``burst/metadata``, the elements ``product``, ``noise``, ``calibration``
    and ``rfi`` of all swaths and polarizations, each with ``polarisation``, ``swath`` and ``content``.
    """
    geometries = {swath.number: swath_geometry(slc, swath, terrain) for swath in slc.swaths}
    images = [
        AnnotatedImage(slc, swath, polarization, geometries[swath.number])
        for polarization in reversed(slc.polarizations)
        for swath in slc.swaths
    ]
    files = annotation_files(images)
    safe = manifest(images, files)
    parts = [_part(file, image) for file, image in zip(files, images * len(_KINDS), strict=True)]
    whole = f"<burst><manifest>{safe}</manifest><metadata>{''.join(parts)}</metadata></burst>"
    return f"{_DECLARATION}{whole}\n".encode()


def _part(file: DataObject, image: AnnotatedImage) -> str:
    """Return an annotation file as a part of the metadata of bursts."""
    root = (file.content or b"").decode().removeprefix(_DECLARATION)
    kind, content = re.fullmatch(r"<(\w+)>(.*)</\w+>", root, re.DOTALL).groups()  # type: ignore[union-attr]
    labels = f"<polarisation>{image.polarization}</polarisation><swath>{image.swath.name}</swath>"
    name = file.path.rpartition("/")[2]
    return f'<{kind} source_filename="{name}">{labels}<content>{content}</content></{kind}>'


def _content(kind: str, image: AnnotatedImage) -> str:
    """Return the children of the root element of an annotation file."""
    return _render(kind, image=image, **_VALUES[kind](image))


def _product(image: AnnotatedImage) -> dict[str, Any]:
    slc, half = image.slc, image.swath.lines // 2 * AZIMUTH_INTERVAL_S
    cycles = (slc.flight.absolute_orbit - slc.flight.relative_orbit) // CYCLE_ORBITS
    bursts = [
        {
            "number": number,
            # ESA's absolute burst number: the bursts of all full cycles plus the relative number.
            "absolute_number": cycles * LAST_BURST + number,
            "start": start,
            "middle": _later(start, half),
            "geometry": geometry,
        }
        for number, start, geometry in zip(slc.bursts, image.starts, image.geometry.bursts, strict=True)
    ]
    return {
        "bursts": bursts,
        "vectors": _vectors(slc),
        "azimuth_interval_s": AZIMUTH_INTERVAL_S,
        "radar_frequency_hz": RADAR_FREQUENCY_HZ,
        "range_sampling_hz": RANGE_SAMPLING_HZ,
        "range_spacing_m": RANGE_SPACING_M,
    }


def _vectors(slc: Slice) -> list[tuple[datetime, list[float], list[float]]]:
    """Return state vectors every 10 s, from about a minute before the slice to a minute after it."""
    first = (slc.first_time - timedelta(seconds=65)).replace(microsecond=0)
    count = int((slc.last_time - first).total_seconds() + 65) // 10 + 1
    times = [first + timedelta(seconds=10 * k) for k in range(count)]
    flight = slc.flight.announced
    states = [flight.states((time - slc.flight.node).total_seconds()) for time in times]
    return [
        (time, position[0].tolist(), velocity[0].tolist())
        for time, (position, velocity) in zip(times, states, strict=True)
    ]


def _calibration(image: AnnotatedImage) -> dict[str, Any]:
    pixels = _vector_pixels(image)
    incidence = np.interp(
        pixels, np.linspace(0, image.swath.samples - 1, 60), image.geometry.pattern.incidence_deg
    )
    return {
        "pixels": pixels,
        "sigma_nought": _BETA_NOUGHT / np.sqrt(np.sin(np.radians(incidence))),
        "beta_nought": [_BETA_NOUGHT] * len(pixels),
        "gamma": _BETA_NOUGHT / np.sqrt(np.tan(np.radians(incidence))),
    }


def _noise(image: AnnotatedImage) -> dict[str, Any]:
    return {"pixels": _vector_pixels(image), "lines": range(0, image.lines, 100)}


def _vector_pixels(image: AnnotatedImage) -> list[int]:
    last = image.swath.samples - 1
    return [*range(0, last, _VECTOR_STEP), last]


_KINDS = (
    ("product", "annotation", ""),
    ("noise", "annotation/calibration", "noise-"),
    ("calibration", "annotation/calibration", "calibration-"),
    ("rfi", "annotation/rfi", "rfi-"),
)
"""Annotation files: name of the template and root element, folder, and beginning of the file's name."""

_VALUES: dict[str, Callable[[AnnotatedImage], dict[str, Any]]] = {
    "product": _product,
    "noise": _noise,
    "calibration": _calibration,
    "rfi": lambda _image: {},
}
"""From an image to the values of each template."""


def _render(template: str, **values: object) -> str:
    """Return a template with values filled in, without space between elements."""
    text = environment().get_template(f"simulated/{template}.xml.j2").render(values)
    return re.sub(r"\n\s*", " ", re.sub(r">\s+<", "><", text.strip()))


@cache
def environment() -> Any:
    """Return the environment of templates, which writes numbers and times in ESA's form."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(data_folder("templates")),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_in_esa_form,
    )
    environment.filters |= {"later": _later, "formatted": _formatted, "valid": _valid_samples}
    return environment


def _in_esa_form(value: object) -> object:
    """Return a value in ESA's form: ``5.405000454334350e+09``, ``2020-06-04T02:23:12.648513``."""
    if isinstance(value, float):
        return f"{value:.15e}"
    return f"{value:%Y-%m-%dT%H:%M:%S.%f}" if isinstance(value, datetime) else value


def _later(time: datetime, seconds: float) -> datetime:
    return time + timedelta(seconds=seconds)


def _formatted(values: Iterable[float], form: str) -> str:
    """Return numbers in a row, each in a printf format."""
    return " ".join(form % value for value in np.asarray(values).tolist())


def _valid_samples(swath: IwSwath, sample: int) -> str:
    """Return a sample for every valid line of a burst, and -1 for the others."""
    after = swath.lines - 1 - swath.last_line
    valid = swath.last_line - swath.first_line + 1
    return " ".join(["-1"] * swath.first_line + [str(sample)] * valid + ["-1"] * after)


def burst_geometry(metadata: bytes, swath: int, polarization: str, index: int) -> BurstGeometry:
    """Return the metadata of one burst, read from the file with the reader of real files."""
    for product in ET.fromstring(metadata).iterfind("metadata/product"):
        label = product.findtext("swath"), product.findtext("polarisation")
        content = product.find("content")
        if label == (f"IW{swath}", polarization) and content is not None:
            content.tag = "product"
            return read_annotation(ET.tostring(content))[index]
    raise InputError(f"the metadata hold no IW{swath} {polarization}")
