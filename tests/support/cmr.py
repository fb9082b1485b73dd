"""Answers of NASA's Common Metadata Repository for invented bursts, as small as ``asf_search`` allows."""

from __future__ import annotations

from typing import Any

from isce2_recipe.types import BurstName
from support.burst_granules import Slc


def burst_item(name: BurstName, slc: Slc, index: int, host: str, *, bytes_: int = 240) -> dict[str, Any]:
    """Return the item of one burst, whose files are at ``host``."""
    start = str(slc.burst_start(f"IW{name.swath}", index))
    path = f"{slc.name}/IW{name.swath}/{name.polarization}/{index}"
    west = 54.0 - index / 10
    attributes = {
        "ASCENDING_DESCENDING": "DESCENDING",
        "AZIMUTH_ANX_TIME": "2026.2",
        "AZIMUTH_TIME": start,
        "BEAM_MODE": "IW",
        "BURST_ID_ABSOLUTE": "26364401",
        "BURST_ID_FULL": f"064_{name.relative_burst:06d}_IW{name.swath}",
        "BURST_ID_RELATIVE": str(name.relative_burst),
        "BURST_INDEX": str(index),
        "BYTE_LENGTH": str(bytes_),
        "CENTER_LAT": "27.1",
        "CENTER_LON": str(west + 0.05),
        "GROUP_ID": "group",
        "LINES_PER_BURST": str(slc.lines),
        "PATH_NUMBER": "64",
        "POLARIZATION": name.polarization,
        "PROCESSING_TYPE": "BURST",
        "SAMPLES_PER_BURST": str(slc.samples),
        "SUBSWATH_NAME": f"IW{name.swath}",
    }
    corners = [(27.0, west), (27.2, west), (27.2, west + 0.1), (27.0, west + 0.1), (27.0, west)]
    return {
        "meta": {"concept-id": "G1-ASF", "native-id": str(name), "provider-id": "ASF"},
        "umm": {
            "GranuleUR": str(name),
            "TemporalExtent": {
                "RangeDateTime": {"BeginningDateTime": f"{start}Z", "EndingDateTime": f"{_later(start)}Z"}
            },
            "OrbitCalculatedSpatialDomains": [{"OrbitNumber": int(slc.name[49:55])}],
            "AdditionalAttributes": [{"Name": key, "Values": [value]} for key, value in attributes.items()],
            "SpatialExtent": {
                "HorizontalSpatialDomain": {
                    "Geometry": {
                        "GPolygons": [
                            {"Boundary": {"Points": [{"Latitude": a, "Longitude": b} for a, b in corners]}}
                        ]
                    }
                }
            },
            "CollectionReference": {"ShortName": "SENTINEL-1_BURSTS", "Version": "1"},
            "PGEVersionClass": {"PGEName": "Sentinel-1 IPF", "PGEVersion": "003.31"},
            "RelatedUrls": [
                {"URL": f"{host}/{path}.{suffix}", "Type": "USE SERVICE API", "Format": kind}
                for suffix, kind in (("tiff", "GeoTIFF"), ("xml", "XML"))
            ],
            "InputGranules": [f"{slc.name}-SLC"],
            "Platforms": [{"ShortName": "SENTINEL-1A", "Instruments": [{"ShortName": "C-SAR"}]}],
        },
    }


def _later(start: str) -> str:
    import numpy as np

    return str(np.datetime64(start, "us") + np.timedelta64(3_120_000, "us"))
