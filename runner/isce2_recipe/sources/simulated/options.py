"""The options of the simulated source: the text after ``simulated:``."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from isce2_recipe.errors import UsageError
from isce2_recipe.sources.simulated.noise import hash_integer, hash_normal
from isce2_recipe.sources.simulated.world import MIXED, Air, Cover, Landscape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOTIONS = ("dipole", "linear", "annual", "step", "bowl", "fault", "none")

# Smallest and largest value of each setting that is a number.
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "lines": (64, float("inf")), "samples": (256, float("inf")), "bursts": (1, float("inf")),
        "seed": (0, float("inf")), "rate": (-10, 10), "annual": (0, 1), "step": (-10, 10),
        "coherence": (0.05, 1), "decay_days": (0, 10_000), "water_coherence": (0, 1),
        "water_level": (-500, 2000), "relief": (0, 1.6),
        "atmosphere": (0, 100), "stratified": (0, 100), "ionosphere": (0, 1),
        "orbit_error": (0, 10), "timing_error": (0, 1), "azimuth_shift": (-1, 1), "range_shift": (-2, 2),
    }
)  # fmt: skip
# Lines and samples of a burst, bursts of a swath of an SLC; share of the disk that does not follow them.
_WHOLE = (1500, 24_000, 9)
_FIXED_SHARE = 0.05
_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType({"land_cover": ("uniform", "mixed")})
PRESETS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "natural": MappingProxyType({
            "land_cover": "mixed", "coherence": 0.98, "decay_days": 60.0,
            "atmosphere": 4.0, "stratified": 3.0, "relief": 1.4,
        }),
        "clean": MappingProxyType({
            "land_cover": "uniform", "coherence": 0.92, "decay_days": 0.0,
            "atmosphere": 0.0, "stratified": 0.0, "relief": 1.0,
        }),
    }
)  # fmt: skip
"""Settings that have one name: ``simulated:clean``. Those of ``natural`` are the defaults."""


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """Options of a simulation; without any, the ground and its air are like real ones."""

    # Size to which every burst is cropped around its middle. Bursts of fewer than about 1350 lines do not
    # overlap their neighbours. For ALOS, the number of pulses of a scene and of samples of a pulse.
    lines: int | None = None
    samples: int | None = None
    # Number of bursts in each swath of an SLC; by default it follows from the times in the SLC's name.
    bursts: int | None = None
    seed: int = 17  # number from which terrain, lakes, backscatter and speckle are derived
    # Motions of the ground, joined by ``+``. ``dipole``: every pair of dates shows two lobes of opposite
    # sign, about a decimetre between dates 12 days apart, bounded in time. ``linear``: two lobes that move at
    # constant rates. ``annual``: two lobes that move with the seasons. ``step``: two lobes that appear on a
    # date. ``bowl``: ground that sinks at a constant rate. ``fault``: two sides of a fault that slip past
    # each other at a constant rate. ``none``: the ground stays where it is.
    motion: str = "dipole"
    # Largest rate of ``linear`` and ``bowl``, and slip rate of ``fault``, metres a year in line of sight.
    rate: float = 0.3
    annual: float = 0.02  # amplitude of ``annual``, metres
    step: float = 0.1  # largest displacement of ``step``, metres
    step_date: str = "2020-07-01"  # day of ``step``, ``YYYY-MM-DD``
    # Coherence of land, or of the best land, between two dates close to each other, before thermal noise.
    coherence: float = 0.98
    # ``uniform``, or ``mixed``: towns, bare ground, fields and forest, each with its coherence and decay.
    land_cover: str = "mixed"
    # Days in which the coherence of uniform land, or of fields, decays to 1/e; 0 for no decay.
    decay_days: float = 60.0
    water_coherence: float = 0.08  # coherence of water
    water_level: float = 240.0  # height of the lakes, metres; with 600 the land is islands
    relief: float = 1.4  # factor of the heights of hills
    # Standard deviation of the turbulent delay of a date in line of sight, millimetres.
    atmosphere: float = 4.0
    # Standard deviation over the dates of the delay for each kilometre of height, millimetres.
    stratified: float = 3.0
    # Standard deviation of the delay of a date in the ionosphere, metres in line of sight; ALOS only, because
    # that of Sentinel-1's shorter waves is an eighteenth of it.
    ionosphere: float = 0.0
    # Standard deviation of the radial and the cross-track error of an orbit file, metres.
    orbit_error: float = 0.0
    timing_error: float = 0.0  # standard deviation of the error of the azimuth times of a date, milliseconds
    # Lines and samples by which azimuth times and slant ranges of the annotation are too large from a date
    # on, as by a delay. The offsets of a later date from an earlier one have this on top of the geometry.
    azimuth_shift: float = 0.0
    range_shift: float = 0.0
    shift_date: str = "2020-06-10"  # first day with these shifts, ``YYYY-MM-DD``

    @classmethod
    def parse(cls, text: str) -> SimulationOptions:
        """Return the options that are written as ``key=value,key=value``, perhaps after a preset.

        Raise UsageError if a key is unknown or a value is not allowed.
        """
        kinds = {field.name: type(field.default) for field in fields(cls)}
        values: dict[str, object] = {}
        for word in filter(None, text.split(",")):
            key, equals, value = word.partition("=")
            if word in PRESETS:
                values |= PRESETS[word]
            elif key not in kinds or not equals:
                known = [*PRESETS, *kinds]
                close = difflib.get_close_matches(key, known, 1)
                hint = f"known: {', '.join(known)}"
                if close:
                    hint = f"did you mean {close[0]}{'' if close[0] in PRESETS else '=...'}?"
                raise UsageError(f"the simulated source has no option '{word}'", hint=hint)
            else:
                values[key] = _value(key, kinds[key], value)
        return cls(**values)  # type: ignore[arg-type]

    def __str__(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        clean = PRESETS["clean"]
        usual = {field.name: field.default for field in fields(self)}
        words = []
        if clean.items() <= values.items():
            usual |= clean
            words = ["clean"]
        return ",".join(
            [*words, *(f"{name}={value}" for name, value in values.items() if value != usual[name])]
        )

    @property
    def share(self) -> float:
        """Share of the disk that whole scenes need; terrain and products shrink less than images."""
        lines, samples, bursts = _WHOLE
        kept = min(1.0, (self.lines or lines) / lines) * min(1.0, (self.samples or samples) / samples)
        return min(1.0, kept * min(1.0, (self.bursts or bursts) / bursts) + _FIXED_SHARE)

    @property
    def terrain(self) -> Landscape:
        """The shape of the ground."""
        return Landscape(self.seed, self.relief, self.water_level)

    @property
    def errors(self) -> tuple[float, float]:
        """Standard deviations of the errors of orbits, metres, and of times, seconds."""
        return self.orbit_error, 1e-3 * self.timing_error

    def shifts(self, node: datetime) -> tuple[float, float]:
        """Return lines and samples by which the annotation of a pass is too late and too far."""
        if f"{node:%Y-%m-%d}" < self.shift_date:
            return 0.0, 0.0
        return self.azimuth_shift, self.range_shift

    @property
    def step_time(self) -> datetime:
        """The time of a step."""
        return datetime.fromisoformat(self.step_date).replace(tzinfo=UTC)

    def air(self, *date: object, ionosphere: bool = False) -> Air:
        """Return the delay in the air on a date, which a key identifies; in the ionosphere too if asked."""
        dispersive = self.ionosphere if ionosphere else 0.0
        if not self.has_air and not dispersive:
            return Air()
        slope = 1e-6 * self.stratified * hash_normal("stratified", self.seed, *date)
        seed = hash_integer("air", self.seed, *date, bits=30)
        return Air(seed, 1e-3 * self.atmosphere, slope, dispersive)

    @property
    def has_air(self) -> bool:
        """Whether the neutral air delays the signal."""
        return self.atmosphere > 0.0 or self.stratified > 0.0

    def kinds(self) -> NDArray[np.float64]:
        """Return the fields of `Cover` of each kind of land, and in the last row of water, shape (n, 4)."""
        import numpy as np

        rate = 1.0 / self.decay_days if self.decay_days else 0.0
        if self.land_cover == "uniform":
            land = [Cover(self.coherence, 0.0 if rate else 1.0, rate)]
        else:
            land = [
                each._replace(
                    coherence=min(each.coherence, self.coherence),
                    lasting=each.lasting if rate else 1.0,
                    decay_per_day=rate * each.decay_per_day,
                )
                for each in MIXED
            ]
        return np.array([*land, Cover(self.water_coherence)])


def _value(key: str, kind: type, text: str) -> object:
    """Return the value of an option, of the right type and range."""
    if key == "motion":
        return _motion(text)
    if key in ("step_date", "shift_date"):
        try:
            return datetime.strptime(text, "%Y-%m-%d").date().isoformat()
        except ValueError:
            raise UsageError(
                f"simulated: {key} must be a date such as 2020-07-01, instead got '{text}'"
            ) from None
    if key in _CHOICES:
        if text not in _CHOICES[key]:
            raise UsageError(
                f"simulated: {key} must be one of {', '.join(_CHOICES[key])}, instead got '{text}'"
            )
        return text
    try:
        number = float(text) if kind is float else int(text)
    except ValueError:
        raise UsageError(f"simulated: {key} must be a number, instead got '{text}'") from None
    least, most = _RANGES[key]
    if least <= number <= most:
        return number
    if most == float("inf"):
        raise UsageError(f"simulated: {key} must be at least {least}, instead got {text}")
    raise UsageError(f"simulated: {key} must lie between {least:g} and {most:g}, instead got {text}")


def _motion(text: str) -> str:
    names = text.split("+")
    if not set(names) <= set(MOTIONS) or len(set(names)) < len(names):
        raise UsageError(
            f"simulated: motion must be one of {', '.join(MOTIONS)}, or some of them joined by +, "
            f"instead got '{text}'"
        )
    return text
