"""A stack of bursts: the granules of every date on which one track was acquired over the same bursts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sar.burst_grid import burst_slot
from isce2_recipe.types import BurstName

BURST_ID_PATTERN = r"(?:(\d{3})_)?(\d{6})_IW([123])"


class BurstId(NamedTuple):
    """ESA's identifier of the ground of a burst, as ASF writes it: ``064_136231_IW2``.

    Attributes
    ----------
    number : int
        Relative burst number, the same in every cycle.
    swath : int
        1, 2 or 3.
    """

    number: int
    swath: int

    @classmethod
    def parse(cls, text: str) -> BurstId:
        """Parse an identifier, with or without its track.

        Raises
        ------
        ParameterError
            If the text is not an identifier, or there is no such burst on the track that it names.
        """
        match = re.fullmatch(BURST_ID_PATTERN, text)
        if match is None:
            raise ParameterError(
                f"'{text}' is not a burst ID", hint="burst IDs look like 064_136231_IW2 or 136231_IW2"
            )
        found = cls(int(match[2]), int(match[3]))
        track = found.track
        if match[1] and int(match[1]) != track:
            raise ParameterError(
                f"burst {match[2]} IW{match[3]} is of track {track}, not {int(match[1])}",
                hint=f"write {found}",
            )
        return found

    @classmethod
    def of(cls, name: BurstName) -> BurstId:
        """Return the identifier of a granule's ground."""
        return cls(name.relative_burst, name.swath)

    @property
    def track(self) -> int:
        """Return the relative orbit, 1 to 175."""
        return burst_slot(self.number, self.swath).relative_orbit

    def __str__(self) -> str:
        return f"{self.track:03d}_{self.number:06d}_IW{self.swath}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDate:
    """One pass over the bursts of a stack.

    Attributes
    ----------
    day : date
        UTC date of the pass's first line, also where the pass continues after midnight.
    platform : str
        ``S1A`` to ``S1D``.
    start : datetime
        Time of the first line, UTC.
    granules : tuple of str
        Names of the granules, in the order of the stack's ``bursts``.
    """

    day: date
    platform: str
    start: datetime
    granules: tuple[str, ...]

    @property
    def name(self) -> str:
        """Return the date as ``20200604``, the name of its steps and folders."""
        return f"{self.day:%Y%m%d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteDate:
    """A pass on which some of the wanted bursts are missing.

    Attributes
    ----------
    day : date
        UTC date of the pass.
    platform : str
        ``S1A`` to ``S1D``.
    missing : tuple of str
        Identifiers of the bursts that the source does not have.
    """

    day: date
    platform: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstStack:
    """The dates of a stack, each with one granule for every burst.

    Attributes
    ----------
    track : int
        Relative orbit of the first burst, 1 to 175.
    direction : str
        ``ASCENDING`` or ``DESCENDING``.
    polarization : str
        ``VV`` or ``HH``.
    bursts : tuple of str
        Identifiers such as ``064_136231_IW2``, sorted by number and swath.
    dates : tuple of StackDate
        In order of time, at least two.
    incomplete : tuple of IncompleteDate
        Passes that lack some of the bursts that were wanted. They are not among ``dates`` if
        ``dropped_bursts`` is empty.
    dropped_bursts : tuple of str
        Bursts that were left out because some date lacks them.
    """

    track: int
    direction: str
    polarization: str
    bursts: tuple[str, ...]
    dates: tuple[StackDate, ...]
    incomplete: tuple[IncompleteDate, ...] = ()
    dropped_bursts: tuple[str, ...] = ()

    def date(self, name: str) -> StackDate:
        """Return the date of a name such as ``20200604``.

        Raises
        ------
        ParameterError
            If the stack does not have it.
        """
        for each in self.dates:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.dates)
        raise ParameterError(f"the stack has no date {name}", hint=f"it has {known}")

    def granules(self) -> list[str]:
        """Return the names of all granules, date by date."""
        return [name for each in self.dates for name in each.granules]


def write_stack(stack: BurstStack, path: Path) -> Path:
    """Write a stack as JSON. The same stack always gives the same bytes."""
    path.write_text(json.dumps(asdict(stack), indent=1, default=_text) + "\n", encoding="utf-8")
    return path


def _text(value: Any) -> str:
    return str(value.isoformat())


def read_stack(path: Path) -> BurstStack:
    """Return the stack that `write_stack` wrote.

    Raises
    ------
    InputError
        If the file cannot be read or is not a stack.
    """
    try:
        return _stack(json.loads(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise InputError(f"stack {path} cannot be read: {exc.strerror}") from exc
    except (ParameterError, ValueError, TypeError, KeyError, AttributeError) as exc:
        raise InputError(f"{path} is not a stack of bursts", hint="run the search again") from exc


def _stack(entry: Mapping[str, Any]) -> BurstStack:
    dates = tuple(
        StackDate(
            day=date.fromisoformat(each["day"]),
            platform=each["platform"],
            start=datetime.fromisoformat(each["start"]),
            granules=tuple(str(BurstName.parse(name)) for name in each["granules"]),
        )
        for each in entry["dates"]
    )
    incomplete = tuple(
        IncompleteDate(
            day=date.fromisoformat(each["day"]), platform=each["platform"], missing=tuple(each["missing"])
        )
        for each in entry["incomplete"]
    )
    bursts = tuple(str(BurstId.parse(text)) for text in entry["bursts"])
    if any(len(each.granules) != len(bursts) for each in dates):
        raise ValueError
    return BurstStack(
        track=int(entry["track"]),
        direction=entry["direction"],
        polarization=entry["polarization"],
        bursts=bursts,
        dates=dates,
        incomplete=incomplete,
        dropped_bursts=tuple(entry["dropped_bursts"]),
    )
