"""The SAFE manifest of a simulated SLC.

The form follows ESA, *Sentinel-1 Product Specification*, S1-RS-MDA-52-7441, and the manifests of real
products.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from isce2_recipe.sources.simulated.acquisition import Slice
from isce2_recipe.sources.simulated.xml import element, text

# A version that needs no antenna pattern correction; only 002.36 does.
IPF_VERSION = "003.71"

_NAMESPACES = (
    'xmlns:xfdu="urn:ccsds:schema:xfdu:1" xmlns:gml="http://www.opengis.net/gml" '
    'xmlns:safe="http://www.esa.int/safe/sentinel-1.0" '
    'xmlns:s1="http://www.esa.int/safe/sentinel-1.0/sentinel-1" '
    'xmlns:s1sarl1="http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-1"'
)
_SCHEMAS = {
    "s1Level1ProductSchema": "product",
    "s1Level1NoiseSchema": "noise",
    "s1Level1CalibrationSchema": "calibration",
    "s1Level1RfiSchema": "rfi",
    "s1Level1MeasurementSchema": "measurement",
}
_DESCRIPTIONS = (
    "acquisitionPeriod",
    "platform",
    "generalProductInformation",
    "measurementOrbitReference",
    "measurementFrameSet",
)
_NSSDC = {"S1A": "2014-016A", "S1B": "2016-025A", "S1C": "2024-235A", "S1D": "2025-250A"}


@dataclass(frozen=True, slots=True)
class DataObject:
    """A file of the SAFE folder, as the manifest lists it."""

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


def manifest(
    slc: Slice, direction: str, footprint: list[tuple[float, float]], objects: list[DataObject]
) -> str:
    """Return the manifest as one ``xfdu:XFDU`` element.

    Parameters
    ----------
    slc : Slice
        SLC that the manifest describes.
    direction : str
        ``ASCENDING`` or ``DESCENDING``.
    footprint : list of (latitude, longitude)
        Corners of the SLC, degrees.
    objects : list of DataObject
        Annotation and measurement files.
    """
    units = "".join(
        element(
            "xfdu:contentUnit",
            element("dataObjectPointer", dataObjectID=each.identifier),
            unitType="Measurement Data Unit" if each.content is None else "Metadata Unit",
            repID=each.schema,
        )
        for each in objects
    )
    package = element(
        "informationPackageMap",
        element(
            "xfdu:contentUnit",
            units,
            unitType="SAFE Archive Information Package",
            textInfo="Sentinel-1 IW Level-1 SLC Product",
            dmdID=" ".join(_DESCRIPTIONS),
            pdiID="processing",
        ),
    )
    metadata = element("metadataSection", *_metadata(slc, direction, footprint), *_schemas())
    data = element("dataObjectSection", *(_data_object(each) for each in objects))
    version = "esa/safe/sentinel-1.0/sentinel-1/sar/level-1/slc/standard/iwdp"
    return f'<xfdu:XFDU {_NAMESPACES} version="{version}">{package}{metadata}{data}</xfdu:XFDU>'


def _object(identifier: str, info: str, content: str, category: str = "DMD") -> str:
    wrapped = element("xmlData", content)
    wrap = element("metadataWrap", wrapped, mimeType="text/xml", vocabularyName="SAFE", textInfo=info)
    kind = "PROVENANCE" if category == "PDI" else "DESCRIPTION"
    return element("metadataObject", wrap, ID=identifier, classification=kind, category=category)


def _metadata(slc: Slice, direction: str, footprint: list[tuple[float, float]]) -> list[str]:
    corners = " ".join(f"{lat:.6f},{lon:.6f}" for lat, lon in footprint)
    coordinates = element("gml:coordinates", corners)
    print_ = element("safe:footPrint", coordinates, srsName="http://www.opengis.net/gml/srs/epsg.xml#4326")
    return [
        _object("processing", "Processing", _processing(slc), "PDI"),
        _object("platform", "Platform Description", _platform(slc)),
        _object("measurementOrbitReference", "Orbit Reference", _orbit(slc, direction)),
        _object("generalProductInformation", "General Product Information", _product(slc)),
        _object("acquisitionPeriod", "Acquisition Period", _period(slc)),
        _object(
            "measurementFrameSet",
            "Frame Set",
            element("safe:frameSet", element("safe:frame", print_)),
        ),
    ]


def _processing(slc: Slice) -> str:
    software = element("safe:software", name="Sentinel-1 IPF", version=IPF_VERSION)
    facility = element(
        "safe:facility",
        software,
        country="none",
        name="isce2-recipe simulated source",
        organisation="none",
        site="none",
    )
    return element(
        "safe:processing",
        facility,
        name="SLC Post Processing",
        start=text(slc.last_time),
        stop=text(slc.last_time),
    )


def _platform(slc: Slice) -> str:
    mode = element(
        "s1sarl1:instrumentMode",
        element("s1sarl1:mode", "IW"),
        *(element("s1sarl1:swath", swath.name) for swath in slc.swaths),
    )
    instrument = element(
        "safe:instrument",
        element("safe:familyName", "Synthetic Aperture Radar", abbreviation="SAR"),
        element("safe:extension", mode),
    )
    platform = slc.flight.platform
    return element(
        "safe:platform",
        element("safe:nssdcIdentifier", _NSSDC[platform]),
        element("safe:familyName", "SENTINEL-1"),
        element("safe:number", platform[2]),
        instrument,
    )


def _orbit(slc: Slice, direction: str) -> str:
    flight = slc.flight
    properties = element(
        "s1:orbitProperties",
        element("s1:pass", direction),
        element("s1:ascendingNodeTime", text(flight.node)),
    )
    ends = ("start", "stop")
    return element(
        "safe:orbitReference",
        *(element("safe:orbitNumber", flight.absolute_orbit, type=end) for end in ends),
        *(element("safe:relativeOrbitNumber", flight.relative_orbit, type=end) for end in ends),
        element("safe:cycleNumber", 1 + flight.absolute_orbit // 175),
        element("safe:phaseIdentifier", 1),
        element("safe:extension", properties),
    )


def _product(slc: Slice) -> str:
    def item(name: str, value: object) -> str:
        return element(f"s1sarl1:{name}", text(value))

    return element(
        "s1sarl1:standAloneProductInformation",
        item("instrumentConfigurationID", 7), item("missionDataTakeID", slc.data_take),
        *(item("transmitterReceiverPolarisation", name) for name in slc.polarizations),
        item("productClass", "S"), item("productClassDescription", "SAR Standard L1 Product"),
        item("productComposition", "Slice"), item("productType", "SLC"),
        item("productTimelinessCategory", "Fast-24h"), item("sliceProductFlag", True),
        item("segmentStartTime", slc.first_time), item("sliceNumber", 1), item("totalSlices", 1),
    )  # fmt: skip


def _period(slc: Slice) -> str:
    def anx_ms(name: str, seconds: float) -> str:
        return element(f"s1:{name}", f"{seconds * 1e3:.6e}")

    node = slc.flight.node
    anx = element(
        "s1:timeANX",
        anx_ms("startTimeANX", (slc.first_time - node).total_seconds()),
        anx_ms("stopTimeANX", (slc.last_time - node).total_seconds()),
    )
    return element(
        "safe:acquisitionPeriod",
        element("safe:startTime", text(slc.first_time)),
        element("safe:stopTime", text(slc.last_time)),
        element("safe:extension", anx),
    )


def _schemas() -> list[str]:
    return [
        element(
            "metadataObject",
            element(
                "metadataReference",
                mimeType="text/xml",
                vocabularyName="XML Schema",
                locatorType="URL",
                href=f"./support/s1-level-1-{name}.xsd",
            ),
            ID=identifier,
            classification="SYNTAX",
            category="REP",
        )
        for identifier, name in _SCHEMAS.items()
    ]


def _data_object(each: DataObject) -> str:
    location = element("fileLocation", locatorType="URL", href=f"./{each.path}")
    # Measurements have no checksum: the manifest of a burst granule lists measurements that are never made.
    digest = (
        ""
        if each.content is None
        else element(
            "checksum", hashlib.md5(each.content, usedforsecurity=False).hexdigest(), checksumName="MD5"
        )
    )
    mime = "application/octet-stream" if each.content is None else "text/xml"
    stream = element("byteStream", location, digest, mimeType=mime, size=each.size)
    return element("dataObject", stream, ID=each.identifier, repID=each.schema)
