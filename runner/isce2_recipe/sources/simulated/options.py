"""What may stand behind ``simulated:``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields

from isce2_recipe.errors import UsageError

MOTIONS = ("dipole", "linear", "none")


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """How to simulate.

    Attributes
    ----------
    lines, samples : int or None
        Crop every burst to so many lines and samples around its middle. Bursts of fewer than about 1350
        lines no longer overlap their neighbours. An ALOS scene has so many pulses of so many samples.
    bursts : int or None
        Bursts of each swath in a whole SLC; as many as its name tells if it is not given.
    seed : int
        Another ground: terrain, lakes, backscatter and speckle.
    motion : str
        ``dipole``: every pair of dates shows two lobes of opposite sign, about a decimetre between dates 12
        days apart, bounded in time. ``linear``: two lobes that move at constant rates of up to 0.3 m a year.
        ``none``: the ground stays where it is.
    coherence : float
        Of land, between any two dates; thermal noise comes on top.
    """

    lines: int | None = None
    samples: int | None = None
    bursts: int | None = None
    seed: int = 17
    motion: str = "dipole"
    coherence: float = 0.92

    @classmethod
    def parse(cls, text: str) -> SimulationOptions:
        """Options written as ``key=value,key=value``.

        Raises
        ------
        UsageError
            If a key is unknown or a value makes no sense.
        """
        known = [field.name for field in fields(cls)]
        values: dict[str, object] = {}
        for word in filter(None, text.split(",")):
            key, equals, value = word.partition("=")
            if key not in known or not equals:
                close = difflib.get_close_matches(key, known, 1)
                hint = f"did you mean {close[0]}=...?" if close else f"known: {', '.join(known)}"
                raise UsageError(f"the simulated source has no option '{word}'", hint=hint)
            values[key] = _value(key, value)
        return cls(**values)  # type: ignore[arg-type]

    def __str__(self) -> str:
        given = [(field.name, getattr(self, field.name), field.default) for field in fields(self)]
        return ",".join(f"{name}={value}" for name, value, default in given if value != default)


def _value(key: str, text: str) -> object:
    """A value of the right type and range for its key."""
    if key == "motion":
        if text not in MOTIONS:
            raise UsageError(f"simulated: motion must be one of {', '.join(MOTIONS)}, instead got '{text}'")
        return text
    try:
        if key == "coherence":
            value = float(text)
            if 0.05 <= value <= 1.0:
                return value
            raise UsageError(f"simulated: coherence must lie between 0.05 and 1, instead got {text}")
        number = int(text)
    except ValueError:
        raise UsageError(f"simulated: {key} must be a number, instead got '{text}'") from None
    least = {"lines": 64, "samples": 256, "bursts": 1, "seed": 0}[key]
    if number < least:
        raise UsageError(f"simulated: {key} must be at least {least}, instead got {number}")
    return number
