"""Names of products, in the patterns that HyP3's and MintPy's readers know."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from isce2_recipe.products.facts import Processing
from isce2_recipe.types import Bounds, BurstName, Looks

_SWATHS = (1, 2, 3)
_MULTI_BURST = re.compile(
    r"S1_(\d{3}_\d{6}s1n\d\d-\d{6}s2n\d\d-\d{6}s3n\d\d)_IW_\d{8}_\d{8}_[VH]{2}_(INT\d+)_"
)
# MintPy reads two digits; 99 means 99 m or more.
_MOST_METRES = 99
_IDENTIFIER = re.compile(r"_[0-9A-F]{4}$")


def product_id(made_of: Mapping[str, Any], processing: Processing, choices: Mapping[str, Any]) -> str:
    """Return the four hexadecimal characters that distinguish products of other inputs or parameters.

    All values are plain. ``made_of`` has the names of granules or products, and what was used of them (its
    looks, where they count); ``choices`` are others that influence the product, such as those of the grid.
    """
    values = {
        **made_of,
        "apply_water_mask": processing.water_masked,
        "filter_strength": processing.filter_strength,
        "unwrapper": processing.unwrapper,
        **choices,
    }
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:4].upper()


@dataclass(frozen=True, slots=True)
class NameParts:
    """What names of products are made of.

    Attributes
    ----------
    reference, secondary : sequence of BurstName
        At least one granule each.
    id4 : str
        ID from `product_id`.
    starts : pair of datetime, optional
        Times at which the passes began, if that was before their first granule.
    """

    reference: Sequence[BurstName]
    secondary: Sequence[BurstName]
    looks: Looks
    relative_orbit: int
    id4: str
    starts: tuple[datetime, datetime] | None = None

    @property
    def began(self) -> tuple[datetime, datetime]:
        """The times of the first lines of reference and secondary; their dates are those of the passes."""
        return self.starts or (min(self.reference).start, min(self.secondary).start)

    @property
    def pair(self) -> str:
        """The end of every name: dates, polarization, pixel (at most 99 m) and ID.

        The date of a pass is that of its first line, also if the pass continues over midnight.
        """
        first, second = self.began
        metres = min(self.looks.pixel_m, _MOST_METRES)
        return f"{first:%Y%m%d}_{second:%Y%m%d}_{self.reference[0].polarization}_INT{metres}_{self.id4}"


def burst_product_name(parts: NameParts) -> str:
    """Return a name in HyP3's single-burst pattern for one pair, in its multi-burst pattern for more.

    ``S1_136231_IW2_20200604_20200616_VV_INT80_663F`` is one pair;
    ``S1_064_000000s1n00-136231s2n02-000000s3n00_IW_20200604_20200616_VV_INT80_77F1`` has for each swath its
    first burst and the number of bursts.
    """
    if len(parts.reference) > 1:
        return multi_burst_name(parts)
    burst = parts.reference[0]
    return f"S1_{burst.relative_burst:06d}_IW{burst.swath}_{parts.pair}"


def multi_burst_name(parts: NameParts) -> str:
    """Return a name in HyP3's multi-burst pattern, also for a single burst; see `burst_product_name`."""
    return f"S1_{parts.relative_orbit:03d}_{swath_groups(parts.reference)}_IW_{parts.pair}"


def swath_groups(bursts: Sequence[BurstName]) -> str:
    """Return the part of a name that lists for each swath its first burst and the number of bursts."""
    return "-".join(_swath_token(bursts, swath) for swath in _SWATHS)


def legacy_merged_name(parts: NameParts) -> str:
    """Return HyP3's older name of merged bursts, which MintPy cannot read.

    ``S1_064__20200604_20200616_VV_INT80_AB12``
    """
    return f"S1_{parts.relative_orbit:03d}__{parts.pair}"


def legacy_slc_name(parts: NameParts, platform: str, bounds: Bounds) -> str:
    """Return HyP3's older name of products of SLCs, with platform, track and corners; MintPy cannot read it.

    ``S1A_064_E053_1_N27_3_E054_1_N27_8_20200604_20200616_VV_INT80_7EB5``; the bounds are those of the
    reference's footprint, degrees.
    """
    east = bounds.east - 360.0 if bounds.crosses_antimeridian else bounds.east
    edges = ((bounds.west, "EW", 5), (bounds.south, "NS", 4), (east, "EW", 5), (bounds.north, "NS", 4))
    corners = "_".join(_angle(*edge) for edge in edges)
    return f"{platform}_{parts.relative_orbit:03d}_{corners}_{parts.pair}"


def _angle(degrees: float, letters: str, width: int) -> str:
    return letters[degrees < 0] + f"{abs(degrees):.1f}".zfill(width).replace(".", "_")


def published_name(name: str) -> str:
    """Return HyP3's name of a published product: its ID is 0000, so that newer ones replace older ones."""
    return _IDENTIFIER.sub("_0000", name)


def published_folder(name: str) -> str:
    """Return the folder to which HyP3 publishes a product of several bursts, that of their stack; else empty.

    ``multiburst_products/064_000000s1n00_136231s2n02_000000s3n00_INT80``
    """
    found = _MULTI_BURST.match(name)
    return f"multiburst_products/{found[1].replace('-', '_')}_{found[2]}" if found else ""


def _swath_token(bursts: Sequence[BurstName], swath: int) -> str:
    of_swath = sorted(burst for burst in bursts if burst.swath == swath)
    first = of_swath[0].relative_burst if of_swath else 0
    return f"{first:06d}s{swath}n{len(of_swath):02d}"
