"""Reading of burst products, and the rules by which they can be merged.

Rules and messages are those of HyP3's ``merge_tops_bursts``, without the cases in which it refused good
products or accepted bad ones: passes over midnight, horizontal polarization, gaps in either direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.products import parameter_file
from isce2_recipe.products.facts import source_of_simulated
from isce2_recipe.products.layers import layers_of
from isce2_recipe.products.parameter_file import RADAR_KEYS, RADAR_TIME_FORMAT, RadarWindow
from isce2_recipe.products.rasters import opened
from isce2_recipe.sentinel1.pairs import PASS_WINDOW, is_one_pass, numbers_by_swath, wrong_time
from isce2_recipe.types import BurstName, Looks

RADAR_LAYERS = tuple(layer.name for layer in layers_of("burst") if layer.radar)
_FOLDERS = "S1_??????_IW?_*"
_REMEDY = (
    "merging needs products of single bursts with layers in radar geometry; make it again with: "
    "isce2-recipe run insar_tops_burst --reference {reference} --secondary {secondary}"
)


@dataclass(frozen=True, slots=True)
class BurstProduct:
    """A product of one burst pair that has all that merging needs.

    ``folder`` is unpacked and has the name with which its files begin; ``near_range_m`` is the slant range of
    the burst's first sample before multilooking.
    """

    folder: Path
    reference: BurstName
    secondary: BurstName
    parameters: Mapping[str, str]
    looks: Looks
    window: RadarWindow
    near_range_m: float

    @property
    def name(self) -> str:
        """The name of the product and its folder."""
        return self.folder.name

    def layer(self, name: str) -> Path:
        """Return the path of a layer."""
        return self.folder / f"{self.name}_{name}.tif"

    @property
    def start(self) -> datetime:
        """Zero-Doppler time of the burst's first line."""
        line_s = self.window.azimuth_interval_s / self.looks.azimuth
        return self.stop - timedelta(seconds=(self.window.lines * self.looks.azimuth - 1) * line_s)

    @property
    def stop(self) -> datetime:
        """Zero-Doppler time of the last line that is used."""
        try:
            return datetime.strptime(self.window.sensing_stop, RADAR_TIME_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            raise ValueError(f"'{_STOP}' is '{self.window.sensing_stop}'") from None


def read_burst_products(directory: Path) -> list[BurstProduct]:
    """Return all burst products in a folder, ordered by swath and time.

    Raises
    ------
    InputError
        If there are none, or some lack what merging needs; the message names all of these.
    """
    folders = sorted(path for path in directory.glob(_FOLDERS) if path.is_dir())
    if not folders:
        archives = sorted(path.name for path in directory.glob(f"{_FOLDERS}.zip"))
        there = f" (but {', '.join(archives)})" if archives else ""
        raise InputError(
            f"{directory} holds no burst products{there}",
            hint="unzip them there first"
            if archives
            else "give the folder that holds the unzipped products of insar_tops_burst",
        )
    products, problems = [], []
    for folder in folders:
        try:
            products.append(read_burst_product(folder))
        except InputError as exc:
            problems.append(exc)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = "".join(f"\n  - {problem.message}" for problem in problems)
        raise InputError(f"{len(problems)} products cannot be merged:{lines}", hint=problems[0].hint)
    return sorted(products, key=lambda product: (product.reference.swath, product.start))


def read_burst_product(folder: Path) -> BurstProduct:
    """Return one burst product; raise an `InputError` if it lacks a file or a key."""
    parameters = parameter_file.read(folder / f"{folder.name}.txt")
    names = [parameters.get(key, "") for key in ("Reference Granule", "Secondary Granule")]
    remedy = _REMEDY.format(reference=names[0] or "BURST", secondary=names[1] or "BURST")
    missing = [
        f"{layer}.tif" for layer in RADAR_LAYERS if not (folder / f"{folder.name}_{layer}.tif").is_file()
    ]
    missing += [f"'{key}' in its .txt" for key in _KEYS if key not in parameters]
    if missing:
        raise InputError(f"product {folder.name} lacks {', '.join(missing)}", hint=remedy)
    try:
        reference, secondary = (BurstName.parse(name) for name in names)
        for key in _FACTS:
            if not math.isfinite(float(parameters[key])):
                raise ValueError(f"'{key}' is {parameters[key]}")
        for key in ("Range looks", "Azimuth looks"):
            if not 1 <= int(parameters[key]) <= _MOST_LOOKS:
                raise ValueError(f"'{key}' is {parameters[key]}")
        product = BurstProduct(
            folder,
            reference,
            secondary,
            parameters,
            Looks(int(parameters["Range looks"]), int(parameters["Azimuth looks"])),
            _window(parameters),
            float(parameters["Slant range near"]),
        )
        if product.start > product.stop:
            raise ValueError("its first line is later than its last line")
        return product
    except (ParameterError, ValueError, OverflowError) as exc:
        reason = exc.message if isinstance(exc, ParameterError) else str(exc)
        raise InputError(f"product {folder.name}: its .txt cannot be used: {reason}", hint=remedy) from exc


_STOP = "Radar sensing stop"
_MOST_LOOKS = 1000
_MOST_PIXELS = 1_000_000  # along each side of a layer in radar geometry
_FACTS = (
    "Reference Orbit Number", "Secondary Orbit Number", "Baseline", "UTC time", "Heading",
    "Spacecraft height", "Earth radius at nadir", "Slant range near", "Slant range far",
)  # fmt: skip
_KEYS = (
    "Reference Granule", "Secondary Granule", "Reference Pass Direction", "Range looks", "Azimuth looks",
    *_FACTS, *RADAR_KEYS,
)  # fmt: skip


def _window(parameters: Mapping[str, str]) -> RadarWindow:
    texts = {name: parameters[key] for key, name in RADAR_KEYS.items()}
    kinds = get_type_hints(RadarWindow)
    window = RadarWindow(**{name: kinds[name](text) for name, text in texts.items()})
    numbers = (getattr(window, name) for name, kind in kinds.items() if kind is int)
    if not all(0 <= number <= _MOST_PIXELS for number in numbers):
        raise ValueError(f"a number of lines or samples is not from 0 to {_MOST_PIXELS}")
    if not all(0 < getattr(window, name) < math.inf for name, kind in kinds.items() if kind is float):
        raise ValueError("the spacing of lines or samples is not greater than 0")
    return window


def simulated_source(product: BurstProduct) -> str:
    """Return the source of a product's inputs if they were simulated, else an empty text."""
    with opened(product.layer("wrapped_phase_rdr")) as dataset:
        return source_of_simulated(dataset.tags())


def check_mergeable(products: Sequence[BurstProduct]) -> None:
    """Check that products make one interferogram.

    Raises
    ------
    InputError
        If they do not; the message names every rule that is broken.
    """
    problems = [
        *_number(products),
        *_two_passes(products),
        *_alike(products),
        *_one_pass("reference date", [product.reference for product in products]),
        *_one_pass("secondary date", [product.secondary for product in products]),
        *_unique(products),
    ]
    problems = problems or [*_contiguous(products), *_one_sampling(products)]
    if len(problems) == 1:
        raise InputError(problems[0], hint=_HINT)
    if problems:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        raise InputError(f"the products cannot be merged:{lines}", hint=_HINT)


_HINT = "keep in the folder only products of one pair of passes whose bursts are neighbours"


def _number(products: Sequence[BurstProduct]) -> list[str]:
    if len(products) > 1:
        return []
    return [f"Merging needs at least two products, found {', '.join(p.name for p in products) or 'none'}"]


def _alike(products: Sequence[BurstProduct]) -> list[str]:
    values = {
        "polarization": [product.reference.polarization for product in products],
        "looks": [str(product.looks) for product in products],
        "pass direction": [product.parameters["Reference Pass Direction"] for product in products],
        "relative orbit": [str(orbit) for orbit in _relative_orbits(products)],
    }
    return [
        f"All products must have the same {what}. Found {', '.join(sorted(set(found)))}."
        for what, found in values.items()
        if len(set(found)) > 1
    ]


def _relative_orbits(products: Sequence[BurstProduct]) -> list[int]:
    """Return the tracks; a pass over the equator keeps the track on which it began."""
    from isce2_recipe.sar.burst_grid import CYCLE_ORBITS, burst_slot

    tracks = [burst_slot(p.reference.relative_burst, p.reference.swath).relative_orbit for p in products]
    first, last = min(tracks), max(tracks)
    follows = last - first == 1 or (first, last) == (1, CYCLE_ORBITS)
    numbers = sorted(n for each in numbers_by_swath([p.reference for p in products]).values() for n in each)
    if set(tracks) == {first, last} and follows and all(b - a <= 1 for a, b in pairwise(numbers)):
        return [first]
    return tracks


def _one_pass(what: str, names: Sequence[BurstName]) -> list[str]:
    """Yield a problem unless all bursts are of one pass, which may go over midnight."""
    starts = sorted(name.start for name in names)
    if not starts or starts[-1] - starts[0] <= PASS_WINDOW:
        return []
    dates = sorted({f"{start:%Y%m%d}" for start in starts})
    if len(dates) == 1:
        dates = [f"{start:%Y%m%dT%H%M%S}" for start in (starts[0], starts[-1])]
    return [f"All products must have the same {what}. Found {', '.join(dates)}."]


def _two_passes(products: Sequence[BurstProduct]) -> list[str]:
    problems = []
    for product in products:
        reference, secondary = product.reference, product.secondary
        if is_one_pass(reference.start, secondary.start):
            problems.append(f"{product.name} is of one acquisition: {reference} and {secondary}")
        elif reference.identifier != secondary.identifier:
            problems.append(f"{product.name} is of different bursts: {reference} and {secondary}")
        problems += [
            f"{product.name} is of a burst that does not exist, {name}: {why}"
            for name in (reference, secondary)
            if (why := wrong_time(name.start))
        ]
    return problems


def _unique(products: Sequence[BurstProduct]) -> list[str]:
    of: dict[tuple[int, int, str], list[str]] = {}
    for product in products:
        of.setdefault(product.reference.identifier, []).append(product.name)
    return [
        f"There is more than one product of burst {number:06d} IW{swath} {polarization}: "
        f"{', '.join(sorted(names))}"
        for (number, swath, polarization), names in sorted(of.items())
        if len(names) > 1
    ]


def _contiguous(products: Sequence[BurstProduct]) -> list[str]:
    problems = []
    numbers = numbers_by_swath([product.reference for product in products])
    for swath, present in numbers.items():
        gaps = [f"between {low} and {high}" for low, high in pairwise(present) if high - low > 1]
        if gaps:
            problems.append(f"Products for swath IW{swath} are not contiguous (a gap {', '.join(gaps)})")
        else:
            problems += _apart(_swath(products, swath))
    for near, far in pairwise(numbers):
        if far - near > 1 or not _overlap(_swath(products, near), _swath(products, far)):
            problems.append(f"Products from swaths IW{near} and IW{far} do not overlap")
    return problems


def _apart(products: Sequence[BurstProduct]) -> Iterator[str]:
    """Yield a problem for neighbouring bursts whose lines with data do not touch."""
    for first, second in pairwise(sorted(products, key=lambda product: product.start)):
        gap_s = (_valid_times(second)[0] - _valid_times(first)[1]).total_seconds()
        if gap_s > 0:
            yield f"{first.name} and {second.name} do not touch: {gap_s:.2f} s are without data between them"


def _valid_times(product: BurstProduct) -> tuple[datetime, datetime]:
    """Return the zero-Doppler times of the first line with data and of the line after the last."""
    window = product.window
    lines = window.first_valid_line, window.first_valid_line + window.valid_lines
    start, stop = (product.start + timedelta(seconds=line * window.azimuth_interval_s) for line in lines)
    return start, stop


def _swath(products: Iterable[BurstProduct], swath: int) -> list[BurstProduct]:
    return [product for product in products if product.reference.swath == swath]


def _overlap(near: Sequence[BurstProduct], far: Sequence[BurstProduct]) -> bool:
    """Return whether some bursts of two swaths overlap in time and in range."""
    return any(
        a.start < b.stop and b.start < a.stop and b.near_range_m < _far_range_m(a) for a in near for b in far
    )


def _far_range_m(product: BurstProduct) -> float:
    return product.near_range_m + product.window.samples * product.window.range_spacing_m


def _one_sampling(products: Sequence[BurstProduct]) -> list[str]:
    """Return a problem for each product whose spacings differ: merging only shifts grids."""
    first = products[0].window
    return [
        f"{product.name} has other line or sample spacings than {products[0].name}"
        for product in products[1:]
        if abs(product.window.azimuth_interval_s / first.azimuth_interval_s - 1) > 1e-6
        or abs(product.window.range_spacing_m / first.range_spacing_m - 1) > 1e-6
    ]
