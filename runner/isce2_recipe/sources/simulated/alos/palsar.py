"""The instrument: PALSAR in fine beam single polarization (FBS), at an off-nadir angle of 34.3 degrees.

The values are from JAXA, ALOS/PALSAR Level 1.1/1.5 Product Format Description, and from real scenes.
"""

from __future__ import annotations

import math

from isce2_recipe.sar.annotation import SPEED_OF_LIGHT_M_S

OFF_NADIR_RAD = math.radians(34.3)
FREQUENCY_HZ = 1.27e9
WAVELENGTH_M = SPEED_OF_LIGHT_M_S / FREQUENCY_HZ
SAMPLING_HZ = 32.0e6
BANDWIDTH_HZ = 28.0e6
PULSE_S = 27.0e-6
PRF_HZ = 2159.827
ANTENNA_LENGTH_M = 8.9
RANGE_SPACING_M = SPEED_OF_LIGHT_M_S / (2.0 * SAMPLING_HZ)
PULSE_SAMPLES = round(PULSE_S * SAMPLING_HZ)
CHIRP_RATE_HZ_S = -BANDWIDTH_HZ / PULSE_S
BIAS = 15.5  # mean of the samples, which have five bits: 0 to 31
