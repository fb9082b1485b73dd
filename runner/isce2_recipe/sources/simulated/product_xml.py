"""The annotation of one swath and polarization of a simulated SLC.

The form follows ESA, *Sentinel-1 Product Specification*, S1-RS-MDA-52-7441. Elements that a simulation has no
values for (raw data statistics, replicas, attitude) are empty where the format allows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, LAST_BURST
from isce2_recipe.sources.simulated.acquisition import Slice
from isce2_recipe.sources.simulated.geometry import GridPoint, SwathGeometry
from isce2_recipe.sources.simulated.swaths import (
    AZIMUTH_INTERVAL_S,
    RADAR_FREQUENCY_HZ,
    RANGE_SAMPLING_HZ,
    RANGE_SPACING_M,
    IwSwath,
)
from isce2_recipe.sources.simulated.xml import element, fields, listing, numbers, text


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

    def header(self) -> str:
        """Return the ``adsHeader`` element, with which every annotation starts."""
        flight = self.slc.flight
        return element(
            "adsHeader",
            fields(
                missionId=flight.platform,
                productType="SLC",
                polarisation=self.polarization,
                mode="IW",
                swath=self.swath.name,
                startTime=self.first_time,
                stopTime=self.last_time,
                absoluteOrbitNumber=flight.absolute_orbit,
                missionDataTakeId=self.slc.data_take,
                imageNumber=f"{self.number:03d}",
            ),
        )


def product_content(image: AnnotatedImage) -> str:
    """Return the children of the annotation's root element."""
    return "".join(
        [
            image.header(),
            element("qualityInformation", fields(productQualityIndex=0.0), listing("qualityDataList", [])),
            _general(image),
            _image(image),
            element("dopplerCentroid", listing("dcEstimateList", _dc_estimates(image))),
            element("antennaPattern", listing("antennaPatternList", _antenna_patterns(image))),
            _timing(image),
            element("geolocationGrid", listing("geolocationGridPointList", _grid_points(image))),
            element("coordinateConversion", listing("coordinateConversionList", [])),
            element("swathMerging", listing("swathMergeList", [])),
        ]
    )


def _general(image: AnnotatedImage) -> str:
    slc, swath, geometry = image.slc, image.swath, image.geometry
    information = fields(
        **{"pass": geometry.direction.capitalize()},
        timelinessCategory="Fast-24h",
        platformHeading=geometry.heading_deg,
        projection="Slant Range",
        rangeSamplingRate=RANGE_SAMPLING_HZ,
        radarFrequency=RADAR_FREQUENCY_HZ,
        azimuthSteeringRate=swath.steering_deg_s,
    )
    heights = [
        element("terrainHeight", fields(azimuthTime=start, value=geometry.mean_height_m))
        for start in image.starts
    ]
    return element(
        "generalAnnotation",
        element("productInformation", information),
        listing("downlinkInformationList", [_downlink(image)]),
        listing("orbitList", [_vector(slc, time) for time in _vector_times(slc)]),
        listing("attitudeList", []),
        listing("rawDataAnalysisList", []),
        listing("replicaInformationList", []),
        listing("noiseList", []),
        listing("terrainHeightList", heights),
        listing("azimuthFmRateList", _fm_rates(image)),
    )


def _downlink(image: AnnotatedImage) -> str:
    swath = image.swath
    values = fields(pri=1.0 / swath.prf_hz, rank=swath.rank, dataTakeId=image.slc.data_take)
    decimation = fields(
        decimationFilterBandwidth=swath.range_bandwidth_hz,
        samplingFrequencyAfterDecimation=swath.decimated_hz,
    )
    pulse = fields(
        rxGain=-4.0, txPulseLength=swath.pulse_length_s, txPulseStartFrequency=swath.pulse_start_hz,
        txPulseRampRate=swath.pulse_ramp_hz_s, swathNumber=9 + swath.number,
    )  # fmt: skip
    return element(
        "downlinkInformation",
        fields(
            swath=swath.name,
            azimuthTime=image.first_time,
            firstLineSensingTime=image.first_time + timedelta(seconds=swath.sensing_delay_s),
            lastLineSensingTime=image.last_time + timedelta(seconds=swath.sensing_delay_s),
            prf=swath.prf_hz,
        ),
        element("downlinkValues", values, element("rangeDecimation", decimation), pulse),
    )


def _vector_times(slc: Slice) -> list[datetime]:
    """Return times every 10 s, from about a minute before the slice to a minute after it."""
    first = (slc.first_time - timedelta(seconds=65)).replace(microsecond=0)
    count = int((slc.last_time - first).total_seconds() + 65) // 10 + 1
    return [first + timedelta(seconds=10 * k) for k in range(count)]


def _vector(slc: Slice, time: datetime) -> str:
    position, velocity = slc.flight.states((time - slc.flight.node).total_seconds())
    return element(
        "orbit",
        fields(time=time, frame="Earth Fixed"),
        element("position", fields(**dict(zip("xyz", map(float, position[0]), strict=True)))),
        element("velocity", fields(**dict(zip("xyz", map(float, velocity[0]), strict=True)))),
    )


def _middle(image: AnnotatedImage, start: datetime) -> datetime:
    return start + timedelta(seconds=image.swath.lines // 2 * AZIMUTH_INTERVAL_S)


def _fm_rates(image: AnnotatedImage) -> list[str]:
    return [
        element(
            "azimuthFmRate",
            fields(azimuthTime=_middle(image, start), t0=burst.t0_s),
            numbers("azimuthFmRatePolynomial", burst.fm_rate, "%.15e"),
        )
        for start, burst in zip(image.starts, image.geometry.bursts, strict=True)
    ]


def _dc_estimates(image: AnnotatedImage) -> list[str]:
    return [
        element(
            "dcEstimate",
            fields(azimuthTime=_middle(image, start), t0=burst.t0_s),
            numbers("geometryDcPolynomial", burst.doppler),
            numbers("dataDcPolynomial", burst.doppler),
            fields(dataDcRmsError=0.0, dataDcRmsErrorAboveThreshold=False),
            fields(
                fineDceAzimuthStartTime=start,
                fineDceAzimuthStopTime=start + timedelta(seconds=image.swath.lines * AZIMUTH_INTERVAL_S),
            ),
            listing("fineDceList", []),
        )
        for start, burst in zip(image.starts, image.geometry.bursts, strict=True)
    ]


def _image(image: AnnotatedImage) -> str:
    swath, slc = image.swath, image.slc
    information = fields(
        productFirstLineUtcTime=image.first_time,
        productLastLineUtcTime=image.last_time,
        ascendingNodeTime=slc.flight.node,
        anchorTime=slc.first_time,
        productComposition="Slice",
        sliceNumber=1,
    )
    information += listing("sliceList", [])
    information += fields(
        slantRangeTime=swath.slant_range_time_s, pixelValue="Complex", outputPixels="16 bit Signed Integer",
        rangePixelSpacing=RANGE_SPACING_M,
        azimuthPixelSpacing=image.geometry.ground_speed_m_s * AZIMUTH_INTERVAL_S,
        azimuthTimeInterval=AZIMUTH_INTERVAL_S, azimuthFrequency=1.0 / AZIMUTH_INTERVAL_S,
        numberOfSamples=swath.samples, numberOfLines=image.lines, zeroDopMinusAcqTime=swath.sensing_delay_s,
        incidenceAngleMidSwath=image.geometry.incidence_deg,
    )  # fmt: skip
    return element("imageAnnotation", element("imageInformation", information), _processing(swath))


def _processing(swath: IwSwath) -> str:
    def spectrum(bandwidth: float) -> str:
        return fields(
            windowType="Hamming", windowCoefficient=0.75, totalBandwidth=bandwidth,
            processingBandwidth=bandwidth, lookBandwidth=bandwidth, numberOfLooks=1, lookOverlap=0.0,
        )  # fmt: skip

    parameters = element(
        "swathProcParams",
        fields(swath=swath.name),
        element("rangeProcessing", spectrum(swath.range_bandwidth_hz)),
        element("azimuthProcessing", spectrum(swath.azimuth_bandwidth_hz)),
        fields(processorScalingFactor=8.119112e11),
    )
    flags = fields(
        rawDataAnalysisUsed=True, orbitDataFileUsed=True, attitudeDataFileUsed=False,
        rxVariationCorrectionApplied=True, antennaElevationPatternApplied=True,
        antennaAzimuthPatternApplied=True, antennaAzimuthElementPatternApplied=True,
        dcMethod="Data Analysis", dcInputData="Range Compressed", rangeSpreadingLossCompensationApplied=True,
        srgrConversionApplied=False, detectionPerformed=False, thermalNoiseCorrectionPerformed=False,
    )  # fmt: skip
    ellipsoid = fields(
        referenceRange=8e5, ellipsoidName="WGS84", ellipsoidSemiMajorAxis=6378137.0,
        ellipsoidSemiMinorAxis=6356752.314245, bistaticDelayCorrectionApplied=True,
        topsFilterConvention="Only Echo Lines", orbitSource="Auxiliary", attitudeSource="Downlink",
    )  # fmt: skip
    return element("processingInformation", flags, listing("swathProcParamsList", [parameters]), ellipsoid)


def _antenna_patterns(image: AnnotatedImage) -> list[str]:
    pattern = image.geometry.pattern
    arrays = (
        numbers("slantRangeTime", pattern.slant_range_time_s, "%.15e")
        + numbers("elevationAngle", pattern.elevation_deg)
        + numbers("elevationPattern", [1.0, 0.0] * len(pattern.elevation_deg))
        + numbers("incidenceAngle", pattern.incidence_deg)
    )
    return [
        element(
            "antennaPattern", fields(swath=image.swath.name, azimuthTime=start), arrays, fields(roll=29.45)
        )
        for start in image.starts
    ]


def _timing(image: AnnotatedImage) -> str:
    swath, slc = image.swath, image.slc
    before = ["-1"] * swath.first_line
    after = ["-1"] * (swath.lines - 1 - swath.last_line)
    valid = swath.last_line - swath.first_line + 1
    first = " ".join(before + [str(swath.first_sample)] * valid + after)
    last = " ".join(before + [str(swath.last_sample)] * valid + after)
    bursts = [
        element(
            "burst",
            fields(
                azimuthTime=start,
                azimuthAnxTime=(start - slc.flight.node).total_seconds(),
                sensingTime=start + timedelta(seconds=swath.sensing_delay_s),
                byteOffset=image.first_byte + index * swath.lines * swath.samples * 4,
            ),
            element("firstValidSample", first, count=swath.lines),
            element("lastValidSample", last, count=swath.lines),
            element("burstId", number, absolute=_absolute_burst(slc, number)),
        )
        for index, (number, start) in enumerate(zip(slc.bursts, image.starts, strict=True))
    ]
    return element(
        "swathTiming",
        fields(linesPerBurst=swath.lines, samplesPerBurst=swath.samples),
        listing("burstList", bursts),
    )


def _absolute_burst(slc: Slice, number: int) -> int:
    """Return ESA's absolute burst number: the bursts of all full cycles plus the relative number."""
    cycles = (slc.flight.absolute_orbit - slc.flight.relative_orbit) // CYCLE_ORBITS
    return cycles * LAST_BURST + number


def _grid_points(image: AnnotatedImage) -> list[str]:
    return [_grid_point(image, point) for point in image.geometry.grid]


def _grid_point(image: AnnotatedImage, point: GridPoint) -> str:
    time = image.first_time + timedelta(seconds=point.seconds)
    return element(
        "geolocationGridPoint",
        f"<azimuthTime>{text(time)}</azimuthTime>",
        fields(
            slantRangeTime=image.swath.slant_range_time_s + point.pixel / RANGE_SAMPLING_HZ,
            line=point.line,
            pixel=point.pixel,
            latitude=point.latitude,
            longitude=point.longitude,
            height=point.height_m,
            incidenceAngle=point.incidence_deg,
            elevationAngle=point.elevation_deg,
        ),
    )
