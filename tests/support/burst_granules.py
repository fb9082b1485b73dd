"""Burst granules made for tests: ASF's metadata XML and the CInt16 measurement that goes with it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import rasterio

from isce2_recipe.types import BurstName

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
REAL_SAFE = "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768"


def real_metadata(target: Path) -> Path:
    """Return the metadata XML of a real SLC outside the repository, wrapped as ASF does."""
    root = ET.Element("burst")
    manifest = ET.SubElement(root, "manifest")
    metadata = ET.SubElement(root, "metadata")
    with zipfile.ZipFile(SHARED_DATA / f"{REAL_SAFE}.zip") as archive:
        for name in sorted(archive.namelist()):
            if name.endswith("manifest.safe"):
                manifest.append(ET.fromstring(archive.read(name)))
            elif name.endswith(".xml"):
                _append(metadata, name.rpartition("/")[2], ET.fromstring(archive.read(name)))
    target.write_bytes(ET.tostring(root))
    return target


def _append(metadata: ET.Element, file_name: str, content: ET.Element) -> None:
    part = ET.SubElement(metadata, content.tag, source_filename=file_name)
    ET.SubElement(part, "polarisation").text = content.findtext("adsHeader/polarisation")
    ET.SubElement(part, "swath").text = content.findtext("adsHeader/swath")
    content.tag = "content"
    part.append(content)


@dataclass(frozen=True)
class Slc:
    """A small invented SLC: what a test needs of it, and no more."""

    name: str = "S1A_IW_SLC__1SSV_20200604T022251_20200604T022318_032861_03CE65_7C85"
    first_line: str = "2020-06-04T02:23:09.500000"
    bursts: int = 3
    lines: int = 6
    samples: int = 10
    swaths: tuple[str, ...] = ("IW2",)
    polarization: str = "VV"
    interval_s: float = 0.45
    ipf: str = "003.31"

    def burst_start(self, swath: str, index: int) -> np.datetime64:
        """Return the first line of a burst; the swaths of one burst number begin 0.83 s after each other."""
        delay_s = index * 2.758273 + (int(swath[-1]) - 2) * 0.83
        return np.datetime64(self.first_line, "us") + np.timedelta64(round(delay_s * 1e6), "us")


def write_granule(
    folder: Path, name: BurstName, slc: Slc | None = None, *, value: int = 1
) -> tuple[Path, Path]:
    """Write ``{name}.tiff`` and ``{name}.xml``; every sample of the measurement is ``value + 2j``."""
    slc = slc or Slc()
    folder.mkdir(parents=True, exist_ok=True)
    tiff, xml = folder / f"{name}.tiff", folder / f"{name}.xml"
    xml.write_text(metadata_text(slc))
    samples = np.full((slc.lines, slc.samples), value + 2j, dtype=np.complex64)
    shape = {"height": slc.lines, "width": slc.samples, "count": 1, "blockysize": 1}
    anywhere = rasterio.Affine(1, 0, 0, 0, -1, 10)
    with rasterio.open(
        tiff, "w", driver="GTiff", dtype="complex_int16", crs="EPSG:4326", transform=anywhere, **shape
    ) as dataset:
        dataset.write(samples, 1)
    return tiff, xml


def metadata_text(slc: Slc) -> str:
    """Return the metadata XML of an invented SLC."""
    parts = "".join(_swath_text(slc, swath) for swath in slc.swaths)
    return f"<burst><manifest>{_manifest_text(slc)}</manifest><metadata>{parts}</metadata></burst>"


def _swath_text(slc: Slc, swath: str) -> str:
    header = (
        f"<adsHeader><missionId>{slc.name[:3]}</missionId><polarisation>{slc.polarization}</polarisation>"
        f"<swath>{swath}</swath><startTime>x</startTime><stopTime>x</stopTime>"
        f"<absoluteOrbitNumber>{int(slc.name[49:55])}</absoluteOrbitNumber>"
        f"<missionDataTakeId>{int(slc.name[56:62], 16)}</missionDataTakeId><imageNumber>005</imageNumber>"
        "</adsHeader>"
    )
    bursts = "".join(
        f"<burst><azimuthTime>{slc.burst_start(swath, k)}</azimuthTime>"
        f"<sensingTime>{slc.burst_start(swath, k)}</sensingTime><byteOffset>{k}</byteOffset></burst>"
        for k in range(slc.bursts)
    )
    points = "".join(
        f"<geolocationGridPoint><azimuthTime>x</azimuthTime><line>{line}</line><pixel>{pixel}</pixel>"
        f"<latitude>{27 - line / 100}</latitude><longitude>{53 - pixel / 10}</longitude>"
        "</geolocationGridPoint>"
        for line in range(0, slc.bursts * slc.lines + 1, slc.lines)
        for pixel in (0, slc.samples - 1)
    )
    estimates = "".join(
        f"<dcEstimate><azimuthTime>{slc.burst_start(swath, k)}</azimuthTime></dcEstimate>"
        for k in range(slc.bursts)
    )
    product = (
        f"{header}<generalAnnotation><productInformation><pass>Descending</pass></productInformation>"
        "</generalAnnotation><imageAnnotation><imageInformation><productFirstLineUtcTime>x</productFirstLineUtcTime>"
        "<productLastLineUtcTime>x</productLastLineUtcTime><numberOfLines>0</numberOfLines>"
        f"<azimuthTimeInterval>{slc.interval_s}</azimuthTimeInterval></imageInformation></imageAnnotation>"
        f'<dopplerCentroid><dcEstimateList count="{slc.bursts}">{estimates}</dcEstimateList>'
        "</dopplerCentroid>"
        f"<swathTiming><linesPerBurst>{slc.lines}</linesPerBurst><samplesPerBurst>{slc.samples}</samplesPerBurst>"
        f'<burstList count="{slc.bursts}">{bursts}</burstList></swathTiming>'
        f"<geolocationGrid><geolocationGridPointList>{points}</geolocationGridPointList></geolocationGrid>"
    )
    vector = f"<noiseRangeVector><line>{slc.lines}</line></noiseRangeVector>"
    noise = f"{header}<noiseRangeVectorList>{vector}</noiseRangeVectorList>"
    wrap = f"<polarisation>{slc.polarization}</polarisation><swath>{swath}</swath>"
    return (
        f'<product source_filename="p.xml">{wrap}<content>{product}</content></product>'
        f'<noise source_filename="n.xml">{wrap}<content>{noise}</content></noise>'
    )


def _manifest_text(slc: Slc) -> str:
    start, stop = (_iso(text) for text in slc.name.split("_")[5:7])
    stems = [f"s1a-{s.lower()}-slc-{slc.polarization.lower()}-a-b-c-d-005" for s in slc.swaths]
    objects = "".join(
        f'<dataObject ID="{kind}{stem}"><byteStream size="1"><fileLocation href="./{path}"/>'
        "<checksum>0</checksum></byteStream></dataObject>"
        for stem in [*stems, "s1a-iw1-slc-vh-a-b-c-d-001"]
        for kind, path in (("product", f"annotation/{stem}.xml"), ("data", f"measurement/{stem}.tiff"))
    )
    units = "".join(
        f'<metadataObject ID="m{stem}"><dataObjectPointer dataObjectID="product{stem}"/></metadataObject>'
        for stem in [*stems, "s1a-iw1-slc-vh-a-b-c-d-001"]
    )
    return (
        '<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:safe="http://www.esa.int/safe/sentinel-1.0">'
        f'<metadataSection>{units}<metadataObject ID="processing"><safe:processing><safe:facility>'
        f'<safe:software name="Sentinel-1 IPF" version="{slc.ipf}"/></safe:facility></safe:processing>'
        "</metadataObject>"
        f"<metadataObject><safe:acquisitionPeriod><safe:startTime>{start}</safe:startTime><safe:stopTime>{stop}</safe:stopTime>"
        "</safe:acquisitionPeriod><gml:coordinates>0,0</gml:coordinates></metadataObject></metadataSection>"
        f"<dataObjectSection>{objects}</dataObjectSection></xfdu:XFDU>"
    )


def _iso(compact: str) -> str:
    return (
        f"{compact[:4]}-{compact[4:6]}-{compact[6:8]}T{compact[9:11]}:{compact[11:13]}:{compact[13:]}.500000"
    )
