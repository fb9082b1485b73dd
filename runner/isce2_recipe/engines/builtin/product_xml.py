"""Writer of ISCE2's description of the bursts of a swath, such as ``IW2.xml``, which ISCE2's tools load."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from isce2_recipe.engines.builtin.isceimage import IsceImage, write_xml
from isce2_recipe.engines.builtin.swaths import SwathBursts
from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S, BurstGeometry, RangePolynomial
from isce2_recipe.sar.orbit import Orbit

# ISCE2 writes the state vectors from this time before to this time after a swath.
_ORBIT_MARGIN_S = 60.0


def write_product(
    path: Path, swath: SwathBursts, bursts: list[tuple[BurstGeometry, IsceImage]], folder: Path
) -> None:
    """Write the description of the bursts of a swath.

    Parameters
    ----------
    path : Path
        Output, such as ``reference/IW2.xml``.
    swath : SwathBursts
        Orbit, processor and satellite.
    bursts : list of tuple
        Geometry, with the valid window, and raster of each burst.
    folder : Path
        Work folder of the application.
    """
    first, last = bursts[0][0], bursts[-1][0]
    vectors = _vectors(swath.orbit, first.start, last.stop)
    product = {
        "ascendingnodetime": _text(first.ascending_node),
        "imagingmode": "TOPS",
        "mission": first.platform,
        "numberofbursts": len(bursts),
        "processingfacility": swath.facility,
        "processingsoftwareversion": swath.version,
        "processingsystem": swath.software,
        "spacecraftname": "Sentinel-1",
        "family": "topsswathslc",
        "name": "topsswathslc_name",
    }
    root = ET.Element("productmanager_name")
    _properties(root, {"family": "productmanager", "name": "productmanager_name"})
    instance = _component(root, "instance", "isceobj.Sensor.TOPS.TOPSSwathSLCProduct", "TOPSSwathSLCProduct")
    _properties(instance, product)
    sequence = _sequence(instance, "bursts", "BurstSLC", "burst", len(bursts))
    for number, (burst, image) in enumerate(bursts, 1):
        element = _component(sequence, f"burst{number}", "isceobj.Sensor.TOPS.BurstSLC", "BurstSLC")
        _properties(element, _burst(burst, number))
        _polynomial(element, "azimuthfmrate", burst.fm_rate)
        _polynomial(element, "doppler", burst.doppler)
        _image(element, image, folder)
        _orbit(element, vectors, swath.orbit_source)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_xml(path, root)


def _text(when: datetime) -> str:
    return str(when.replace(tzinfo=None))


def _burst(burst: BurstGeometry, number: int) -> dict[str, Any]:
    return {
        "azimuthprocessingbandwidth": burst.azimuth_weighting.bandwidth_hz,
        "azimuthsteeringrate": burst.steering_rate_rad_s,
        "azimuthtimeinterval": burst.azimuth_interval_s,
        "azimuthwindowcoefficient": burst.azimuth_weighting.coefficient,
        "azimuthwindowtype": burst.azimuth_weighting.window,
        "burstnumber": number,
        "burststartutc": _text(burst.sensing_start),
        "burststoputc": _text(burst.sensing_start + timedelta(seconds=(burst.lines - 1) / burst.prf_hz)),
        "family": "burstslc",
        "firstvalidline": burst.first_valid_line,
        "firstvalidsample": burst.first_valid_sample,
        "framenumber": 1,
        "name": "burstslc_name",
        "numberoflines": burst.lines,
        "numberofsamples": burst.samples,
        "numberofvalidlines": burst.valid_lines,
        "numberofvalidsamples": burst.valid_samples,
        "orbitnumber": burst.absolute_orbit,
        "passdirection": burst.direction,
        "polarization": burst.polarization,
        "pulserepetitionfrequency": burst.prf_hz,
        "radarwavelength": burst.wavelength_m,
        "rangepixelsize": burst.range_spacing_m,
        "rangeprocessingbandwidth": burst.range_weighting.bandwidth_hz,
        "rangewindowcoefficient": burst.range_weighting.coefficient,
        "rangewindowtype": burst.range_weighting.window,
        "sensingstart": _text(burst.start),
        "sensingstop": _text(burst.stop),
        "startingrange": burst.near_range_m,
        "swathnumber": burst.swath,
        "terrainheight": burst.terrain_height_m,
        "tracknumber": burst.relative_orbit,
    }


def _properties(parent: ET.Element, values: dict[str, Any]) -> None:
    for name, value in values.items():
        ET.SubElement(ET.SubElement(parent, "property", name=name), "value").text = str(value)


def _component(
    parent: ET.Element, name: str, module: str, factory: str, args: str | None = None
) -> ET.Element:
    element = ET.SubElement(parent, "component", name=name)
    ET.SubElement(element, "factorymodule").text = module
    ET.SubElement(element, "factoryname").text = factory
    if args is not None:
        ET.SubElement(element, "args").text = args
    return element


def _sequence(parent: ET.Element, name: str, module: str, member: str, count: int) -> ET.Element:
    element = _component(parent, name, "iscesys.Component", "createTraitSeq", f"('{member}',)")
    _properties(
        element,
        {
            "_factorname": "default",
            "_factory": True,
            "_mandatory": False,
            "_modulename": module,
            "_private": True,
            "family": "TraitSeq",
            "name": [f"{member}{number}" for number in range(1, count + 1)],
        },
    )
    return element


def _polynomial(parent: ET.Element, name: str, polynomial: RangePolynomial) -> None:
    element = _component(parent, name, "isceobj.Util.PolyFactory", "createPoly", "('1d',)")
    _properties(
        element,
        {
            "coeffs": list(polynomial.coefficients),
            "family": "poly1d",
            "length": 0,
            "mean": polynomial.t0_s * SPEED_OF_LIGHT_M_S / 2,
            "name": "poly1d_name",
            "norm": SPEED_OF_LIGHT_M_S / 2,
            "order": len(polynomial.coefficients) - 1,
            "width": 0,
        },
    )


def _image(parent: ET.Element, image: IsceImage, folder: Path) -> None:
    element = _component(parent, "image", "isceobj.Image", "createSlcImage")
    name = str(image.path.relative_to(folder))
    _properties(
        element,
        {
            "access_mode": "read",
            "byte_order": "l",
            "data_type": "cfloat",
            "extra_file_name": f"{name}.vrt",
            "family": "slcimage",
            "file_name": name,
            "image_type": image.image_type,
            "length": image.lines,
            "name": "slcimage_name",
            "number_bands": 1,
            "scheme": "BIP",
            "width": image.samples,
            "xmax": image.samples,
            "xmin": 0,
        },
    )


def _vectors(orbit: Orbit, start: datetime, stop: datetime) -> list[tuple[datetime, Any, Any]]:
    first, last = orbit.seconds(start) - _ORBIT_MARGIN_S, orbit.seconds(stop) + _ORBIT_MARGIN_S
    chosen = np.flatnonzero((orbit.time_s >= first) & (orbit.time_s < last))
    return [
        (
            orbit.epoch + timedelta(seconds=float(orbit.time_s[k])),
            orbit.position_m[k].tolist(),
            orbit.velocity_m_s[k].tolist(),
        )
        for k in chosen
    ]


def _orbit(parent: ET.Element, vectors: list[tuple[datetime, Any, Any]], source: str) -> None:
    element = _component(parent, "orbit", "isceobj.Orbit.Orbit", "createOrbit")
    times = [_text(time) for time, _, _ in vectors]
    _properties(
        element,
        {
            "family": "orbit",
            "max_time": times[-1],
            "min_time": times[0],
            "name": "orbit_name",
            "orbit_source": source,
        },
    )
    sequence = _sequence(element, "state_vectors", "StateVector", "statevector", len(vectors))
    for number, (time, position, velocity) in enumerate(vectors, 1):
        member = _component(sequence, f"statevector{number}", "isceobj.Orbit.Orbit", "StateVector")
        values = {"position": position, "time": _text(time), "velocity": velocity}
        _properties(member, {"family": "_family", "name": "_family_name", **values})
