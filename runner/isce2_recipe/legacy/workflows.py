"""The workflows of hyp3-isce2, and the flags of all its releases with the recipe parameters they set."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

Role = Literal["parameter", "granules", "looks", "position", "upload", "login", "unused"]
Kind = Literal["text", "list", "number", "integer", "true"]

DEFAULT = "insar_tops_burst"
SIDES = ("reference", "secondary")


@dataclass(frozen=True, slots=True)
class Flag:
    """An argument of a workflow."""

    spellings: tuple[str, ...]  # names as in the releases; a flag without hyphens is positional
    sets: str = ""  # the recipe's parameter that it sets; for a login, the environment variable
    # How its value is read. For ``true``, the text "true" in any case is true, all other text is false.
    kind: Kind = "text"
    help: str = ""
    default: Any = None
    choices: tuple[str, ...] = ()
    required: bool = False
    # Use of the flag. The ``position`` flags together give the position of a burst in an SLC; ``unused``
    # flags are accepted without effect.
    role: Role = "parameter"
    needs: str = ""  # another parameter; without it, this flag is ignored

    @property
    def positional(self) -> bool:
        """Whether the flag has no name on the command line."""
        return not self.spellings[0].startswith("-")


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow: its recipe, flags and messages, and the parameters that reproduce its products."""

    recipe: str
    summary: str
    flags: tuple[Flag, ...]
    fixed: dict[str, Any] = field(default_factory=dict)
    # hyp3-isce2's messages for bursts that are given in two ways, or not at all.
    both: str = ""
    neither: str = ""
    any_order: bool = False  # whether it accepted a reference newer than its secondary


_LOOKS = Flag(
    ("--looks",), "looks", help="looks in range x azimuth", default="20x4", choices=("20x4", "10x2", "5x1")
)
_WATER = Flag(
    ("--apply-water-mask",), "apply_water_mask", "true", "True to mask water before unwrapping", False
)
_upload = partial(Flag, role="upload")
_UPLOADS = (
    _upload(("--bucket",), "bucket", help="S3 bucket to upload the product to"),
    _upload(("--bucket-prefix",), "bucket_prefix", help="folder in the bucket", needs="bucket"),
    _upload(
        ("--publish-bucket",),
        "publish_bucket",
        help="second S3 bucket; PUBLISH_ACCESS_KEY_ID and PUBLISH_SECRET_ACCESS_KEY hold its login",
    ),
    _upload(
        ("--publish-prefix",),
        "publish_prefix",
        help="folder in the second bucket; by default the folder of the bursts' stack",
        needs="publish_bucket",
    ),
)
_PASSWORD_HELP = "password; prefer the variable EARTHDATA_PASSWORD, which other users cannot see"
_LOGIN = tuple(
    Flag((name,), variable, help=f"Earthdata {what}", role="login")
    for name, variable, what in (
        ("--username", "EARTHDATA_USERNAME", "user; prefer the variable EARTHDATA_USERNAME"),
        ("--password", "EARTHDATA_PASSWORD", _PASSWORD_HELP),
    )
)
_ESA = tuple(
    Flag((name,), role="unused", help="orbits no longer need a login")
    for name in ("--esa-username", "--esa-password")
)
# Releases before 0.4 had these flags instead of burst names.
_position = partial(Flag, role="position")
_POSITIONS = (
    *(_position((f"--{side}-scene",), side, help=f"{side} SLC that holds the burst") for side in SIDES),
    _position(("--swath-number",), kind="integer", help="swath of both bursts, 1 to 3"),
    _position(("--polarization",), help="polarization of both bursts", default="VV"),
    *(
        _position((f"--{side}-burst-number",), side, "integer", f"number of the {side} burst, from 0")
        for side in SIDES
    ),
)
_TWO_LOOKS = (
    Flag(("--range-looks",), "looks", "integer", "looks in range", 20, role="looks"),
    Flag(("--azimuth-looks",), "looks", "integer", "looks in azimuth", 4, role="looks"),
)
_PAIR = (
    Flag(("--reference",), "reference", "list", "names of the reference bursts"),
    Flag(("--secondary",), "secondary", "list", "names of the secondary bursts, of the same burst IDs"),
    Flag(("--granules",), "", "list", "two bursts in any order (deprecated)", role="granules"),
)
_BURSTS = (*_PAIR, _LOOKS, _WATER, *_UPLOADS, *_LOGIN, *_ESA)
_NOT_BOTH = "Provide either --reference and --secondary, or the positional granules argument, not both."
_ONE_OF = "Either --reference and --secondary, or the positional granules argument, must be provided."
_EXPECTED = "Expected either --reference and --secondary or --granules"

WORKFLOWS = {
    "insar_tops_burst": Workflow(
        "insar_tops_burst",
        "Interferogram from one or more pairs of Sentinel-1 bursts.",
        (
            Flag(("granules",), "", "list", "two bursts in any order (deprecated)", role="granules"),
            *_BURSTS,
            *_POSITIONS,
            *_TWO_LOOKS,
        ),
        {"name_style": "legacy"},
        both=_NOT_BOTH,
        neither=_ONE_OF,
    ),
    "insar_tops_multi_burst": Workflow(
        "insar_tops_burst",
        "Interferogram from one or more pairs of Sentinel-1 bursts.",
        _BURSTS,
        {"name_style": "multi_burst"},
        both=_EXPECTED,
        neither=_EXPECTED,
    ),
    "insar_tops": Workflow(
        "insar_tops",
        "Interferogram from two whole Sentinel-1 SLCs.",
        (
            Flag(("--reference", "--reference-scene"), "reference", help="reference SLC", required=True),
            Flag(("--secondary", "--secondary-scene"), "secondary", help="secondary SLC", required=True),
            Flag(("--polarization",), "polarization", help="VV, VH, HH or HV", default="VV"),
            _LOOKS,
            *_TWO_LOOKS,
            _WATER,
            *_UPLOADS,
            *_LOGIN,
            *_ESA,
        ),
        {"name_style": "legacy"},
        any_order=True,
    ),
    "insar_stripmap": Workflow(
        "insar_stripmap",
        "Interferogram from two ALOS PALSAR scenes of level 1.0.",
        (
            Flag(("--reference", "--reference-scene"), "reference", help="one scene", required=True),
            Flag(("--secondary", "--secondary-scene"), "secondary", help="another scene", required=True),
            *_UPLOADS,
            *_LOGIN,
        ),
    ),
    "merge_tops_bursts": Workflow(
        "merge_tops_bursts",
        "One interferogram from unzipped products of insar_tops_burst.",
        (
            Flag(("directory",), "directory", help="folder of the unzipped products", required=True),
            Flag(("--filter-strength",), "filter_strength", "number", "Goldstein filter, from 0 to 1", 0.6),
            _WATER,
            *_UPLOADS,
            *_LOGIN,
        ),
        {"name_style": "legacy"},
    ),
}
