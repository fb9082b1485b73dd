"""The small files of a scene: volume directory, trailer and work report."""

from __future__ import annotations

import math

from isce2_recipe.alos.ceos import Field, descriptor, record
from isce2_recipe.sources.simulated.alos import leader, signal_file
from isce2_recipe.sources.simulated.alos.acquisition import (
    PRF_HZ,
    RANGE_SPACING_M,
    Acquisition,
)
from isce2_recipe.sources.simulated.alos.passes import OFF_NADIR_RAD

RECORD = 360
TRAILER = 720


def volume_file(scene: Acquisition) -> bytes:
    """Return the volume directory (``VOL-...``), which lists the files and their records."""
    made = f"{scene.start:%Y%m%d}"
    fields: list[Field] = [
        (12, "A2", "A"),
        (16, "A12", "CEOS-SAR-CCT"),
        (28, "A2", "A"),
        (30, "A2", "A"),
        (32, "A12", "1.0"),
        (44, "A16", "SIMULATED"),
        (60, "A16", str(scene.name)),
        (76, "A16", str(scene.name)),
        *[(offset, "I2", 1) for offset in (92, 94, 96, 98)],
        (100, "I4", 1),
        (108, "I4", 1),
        (112, "A8", made),
        (120, "A8", f"{scene.start:%H%M%S}"),
        (128, "A12", "SIMULATED"),
        (160, "I4", 3),
        (164, "I4", 5),
    ]
    length = signal_file.HEADER + 2 * scene.samples
    files = (
        ("SARL", "SARLEADER FILE", 5, leader.DESCRIPTOR, leader.CALIBRATION),
        ("IMOP", "IMAGERY OPTIONS FILE", scene.lines + 1, signal_file.DESCRIPTOR, length),
        ("SART", "SARTRAILER FILE", 1, TRAILER, TRAILER),
    )
    pointers = [_pointer(scene, k + 1, *entry) for k, entry in enumerate(files)]
    text: list[Field] = [
        (12, "A2", "A"),
        (16, "A40", "PRODUCT:ALOS PALSAR LEVEL 1.0"),
        (56, "A60", "PROCESS:SIMULATED"),
        (156, "A40", f"SCENE:{scene.name}"),
    ]
    head = record(RECORD, (192, 192, 18, 18), fields, sequence=1)
    tail = record(RECORD, (18, 63, 18, 18), text, sequence=5)
    return b"".join([head, *pointers, tail])


def _pointer(
    scene: Acquisition, number: int, kind: str, title: str, count: int, first: int, most: int
) -> bytes:
    fields: list[Field] = [
        (12, "A2", "A"),
        (16, "I4", number),
        (20, "A16", f"{str(scene.name)[:11]}{kind}"),
        (36, "A28", title),
        (64, "A4", kind),
        (68, "A28", "MIXED BINARY AND ASCII"),
        (96, "A4", "MBAA"),
        (100, "I8", count),
        (108, "I8", first),
        (116, "I8", most),
        (124, "A12", "VARIABLE LEN"),
        (136, "A4", "VARE"),
        (140, "I2", 1),
        (142, "I2", 1),
        (144, "I8", 1),
        (152, "I8", count),
    ]
    return record(RECORD, (219, 192, 18, 18), fields, sequence=number + 1)


def trailer_file(scene: Acquisition) -> bytes:
    """Return the trailer (``TRL-...``), which has no further records."""
    fields = descriptor("CEOS-SAR", 3, f"{str(scene.name)[:11]}SART", {})
    return record(TRAILER, (63, 192, 18, 18), fields, sequence=1)


def work_report(scene: Acquisition) -> str:
    """Return the work report, a summary of the scene as text."""
    centre = scene.centre
    lines = {
        "Scs_SceneID": scene.name,
        "Pds_ProductID": "H1.0__A" if scene.ascending else "H1.0__D",
        "Lbi_ProcessLevel": "1.0",
        "Lbi_Satellite": "ALOS",
        "Lbi_Sensor": "PALSAR",
        "Lbi_ObservationDate": f"{scene.start:%Y%m%d}",
        "Img_SceneStartDateTime": f"{scene.start:%Y%m%d %H:%M:%S.%f}"[:-3],
        "Img_SceneEndDateTime": f"{scene.stop:%Y%m%d %H:%M:%S.%f}"[:-3],
        "Img_ImageSceneCenterLatitude": f"{centre[0]:.3f}",
        "Img_ImageSceneCenterLongitude": f"{centre[1]:.3f}",
        "Img_OffNadirAngle": f"{math.degrees(OFF_NADIR_RAD):.1f}",
        "Img_PRF": f"{PRF_HZ:.3f}",
        "Img_RangeSpacing": f"{RANGE_SPACING_M:.6f}",
        "Pdi_NoOfLines": scene.lines,
        "Pdi_NoOfPixels": scene.samples,
        "Rad_PracticeResultCode": "SIMULATED",
    }
    return "".join(f'{key}="{value}"\n' for key, value in lines.items())
