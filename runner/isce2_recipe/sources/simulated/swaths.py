"""The instrument: Sentinel-1's three IW swaths, whole or cropped."""

from __future__ import annotations

from dataclasses import dataclass, replace

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S

# All numbers here are from the annotation of S1A_IW_SLC__1SDV_20200511T135117_..._7768.
RANGE_SAMPLING_HZ = 6.434523812571428e7
RADAR_FREQUENCY_HZ = 5.405000454334350e9
AZIMUTH_INTERVAL_S = 2.055556299999998e-3
WAVELENGTH_M = SPEED_OF_LIGHT_M_S / RADAR_FREQUENCY_HZ
RANGE_SPACING_M = SPEED_OF_LIGHT_M_S / (2.0 * RANGE_SAMPLING_HZ)


@dataclass(frozen=True, slots=True)
class IwSwath:
    """One IW swath, whole or cropped."""

    number: int  # 1, 2 or 3
    # Size of one burst.
    lines: int
    samples: int
    slant_range_time_s: float  # two-way travel time of sample 0
    # Window of valid pixels, first and last included.
    first_line: int
    last_line: int
    first_sample: int
    last_sample: int
    steering_deg_s: float  # antenna steering rate
    # Processed bandwidths (Hamming window, 0.75).
    azimuth_bandwidth_hz: float
    range_bandwidth_hz: float
    # Values that are only copied into the annotation.
    prf_hz: float
    rank: int
    pulse_length_s: float
    pulse_start_hz: float
    pulse_ramp_hz_s: float
    decimated_hz: float
    sensing_delay_s: float

    @property
    def name(self) -> str:
        """``IW1`` to ``IW3``."""
        return f"IW{self.number}"

    def cropped(self, lines: int | None, samples: int | None) -> IwSwath:
        """Return the swath with bursts cropped to the given size around their middle; None keeps all."""
        lines = min(lines or self.lines, self.lines)
        samples = min(samples or self.samples, self.samples)
        # The middle line of a burst, lines // 2, stays the same.
        top = self.lines // 2 - lines // 2
        left = (self.samples - samples) // 2
        return replace(
            self,
            lines=lines,
            samples=samples,
            slant_range_time_s=self.slant_range_time_s + left / RANGE_SAMPLING_HZ,
            first_line=max(self.first_line - top, min(4, top)),
            last_line=min(self.last_line - top, lines - 1 - min(4, top)),
            first_sample=max(self.first_sample - left, min(16, left)),
            last_sample=min(self.last_sample - left, samples - 1 - min(16, left)),
        )


SWATHS = {
    1: IwSwath(
        number=1, lines=1497, samples=21444, slant_range_time_s=5.334431164884956e-3, first_line=20,
        last_line=1478, first_sample=546, last_sample=21000, steering_deg_s=1.590368784,
        azimuth_bandwidth_hz=327.0, range_bandwidth_hz=5.65e7, prf_hz=1717.128973878037, rank=9,
        pulse_length_s=5.240481033595628e-5, pulse_start_hz=-2.825153419637256e7,
        pulse_ramp_hz_s=1.078230321255894e12, decimated_hz=6.434523812571429e7, sensing_delay_s=1.138857,
    ),
    2: IwSwath(
        number=2, lines=1509, samples=25359, slant_range_time_s=5.644353088882477e-3, first_line=25,
        last_line=1485, first_sample=504, last_sample=24945, steering_deg_s=0.979863325,
        azimuth_bandwidth_hz=313.0, range_bandwidth_hz=4.83e7, prf_hz=1451.627112193990, rank=8,
        pulse_length_s=6.199592966536363e-5, pulse_start_hz=-2.415503791125222e7,
        pulse_ramp_hz_s=7.792817275120481e11, decimated_hz=5.459595962181818e7, sensing_delay_s=1.027840,
    ),
    3: IwSwath(
        number=3, lines=1515, samples=24492, slant_range_time_s=6.015320711278467e-3, first_line=28,
        last_line=1487, first_sample=451, last_sample=24119, steering_deg_s=1.397440818,
        azimuth_bandwidth_hz=314.0, range_bandwidth_hz=4.278991840322842e7, prf_hz=1685.817302492702,
        rank=10, pulse_length_s=5.339056426703426e-5, pulse_start_hz=-2.139431040091632e7,
        pulse_ramp_hz_s=8.014509490705804e11, decimated_hz=4.691840280e7, sensing_delay_s=1.152099,
    ),
}  # fmt: skip
