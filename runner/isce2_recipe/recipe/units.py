"""Numbers with units in recipes and on the command line: ``30 m``, ``1 arcsec``, ``2h``, ``8 GiB``."""

from __future__ import annotations

import math
import re

from isce2_recipe.errors import ParameterError

# Factor to the base unit of its kind; the base units are those `units:` of a parameter may name.
_KINDS: dict[str, dict[str, float]] = {
    "m": {"m": 1.0, "km": 1e3, "cm": 1e-2, "mm": 1e-3},
    "deg": {
        "deg": 1.0, "°": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600, '"': 1 / 3600, "rad": 57.29577951308232,
    },
    "s": {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0},
    "Hz": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9},
    "byte": {
        "B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
        "KiB": 2.0**10, "kiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
        "Ki": 2.0**10, "ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40,
    },
}  # fmt: skip
_KINDS["d"] = {unit: factor / 86400 for unit, factor in _KINDS["s"].items()}
_KINDS["rad"] = {unit: factor / 57.29577951308232 for unit, factor in _KINDS["deg"].items()}
_QUANTITY = re.compile(r'\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([A-Za-z°"]*)\s*')


class QuantityError(ParameterError):
    """A text is not a number with a unit of the kind that is wanted.

    Attributes
    ----------
    expected, found : str
        What the text should be, and the text itself in quotes.
    """

    def __init__(self, expected: str, text: str) -> None:
        super().__init__(f"must be {expected}, instead got '{text}'")
        self.expected = expected
        self.found = f"'{text}'"


def parse(text: str, unit: str) -> float | int:
    """Return a number in ``unit``, read from text with or without a unit of the same kind.

    Whole numbers without a unit, or whose unit makes them whole, are returned as int.

    Raise QuantityError if the text is no number, or its unit is unknown or of another kind.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise QuantityError(f"a number with a unit such as '30 {unit}'", text)
    factors = _KINDS[unit]
    if match[2] and match[2] not in factors:
        known = ", ".join(name for name in factors if name.isalpha())
        raise QuantityError(f"in {known}", text)
    value = float(match[1]) * (factors[match[2]] if match[2] else 1.0)
    if not math.isfinite(value):
        raise QuantityError("a finite number", text)
    rounded = round(value, 12)
    return int(rounded) if rounded == int(rounded) and "." not in match[1] else rounded


def seconds(value: float | str) -> float:
    """Return a duration such as ``90``, ``90 s``, ``30 min`` or ``2h`` in seconds.

    Raise QuantityError if the text is not a duration.
    """
    return float(value if isinstance(value, int | float) else parse(value, "s"))


def amount(value: float | str) -> float:
    """Return an amount such as ``4``, ``8 GB`` or ``500 MiB`` as a number of threads or of bytes.

    Raise QuantityError if the text is not an amount.
    """
    return float(value if isinstance(value, int | float) else parse(value, "byte"))


def at_least(wanted: int | str, total: int) -> int:
    """Return a number such as ``12`` or ``90 %`` of some things as a whole number of them, rounded up."""
    if isinstance(wanted, int):
        return wanted
    return math.ceil(total * float(wanted.strip().rstrip("%")) / 100.0 - 1e-9)
