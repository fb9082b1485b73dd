"""The options of the simulated source: the text after ``simulated:``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields

from isce2_recipe.errors import UsageError

MOTIONS = ("dipole", "linear", "none")


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """Options of a simulation.

    Attributes
    ----------
    lines, samples : int or None
        Size to which every burst is cropped around its middle. Bursts of fewer than about 1350 lines do not
        overlap their neighbours. For ALOS, the number of pulses of a scene and of samples of a pulse.
    bursts : int or None
        Number of bursts in each swath of an SLC; by default it follows from the times in the SLC's name.
    seed : int
        Number from which terrain, lakes, backscatter and speckle are derived.
    motion : str
        ``dipole``: every pair of dates shows two lobes of opposite sign, about a decimetre between dates 12
        days apart, bounded in time. ``linear``: two lobes that move at constant rates of up to 0.3 m a year.
        ``none``: the ground stays where it is.
    coherence : float
        Coherence of land between any two dates, before thermal noise.
    """

    lines: int | None = None
    samples: int | None = None
    bursts: int | None = None
    seed: int = 17
    motion: str = "dipole"
    coherence: float = 0.92

    @classmethod
    def parse(cls, text: str) -> SimulationOptions:
        """Return the options that are written as ``key=value,key=value``.

        Raises
        ------
        UsageError
            If a key is unknown or a value is not allowed.
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
    """Return the value of an option, of the right type and range."""
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
