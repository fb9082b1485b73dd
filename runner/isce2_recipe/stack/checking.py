"""Reference region, repair and closure of a stack together, with the figures for the report."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isce2_recipe.engines.builtin.geocoding import PICKED
from isce2_recipe.errors import InputError
from isce2_recipe.files import write_json
from isce2_recipe.progress import Progress
from isce2_recipe.quantities import counted
from isce2_recipe.stack.closure import CYCLES, Closure, Repair, measure_closure, repair
from isce2_recipe.stack.geometry import LAND, read_raster, write_raster
from isce2_recipe.stack.network import StackPair
from isce2_recipe.stack.pair_files import PairFiles, open_pairs, stacked
from isce2_recipe.stack.reference_region import ReferenceRegion, choose_region, find_suitable, given_region

FACTS = "check.json"
CLOSURE_MAPS = "closure.rdr"
"""Bands: open triplets before and after the repair, changed pairs, doubtful changes, 1 on land that is
connected with the reference, and mean coherence; NaN where no pair has data."""

# A date whose pairs are less coherent than this share of the median is suggested to be left out.
_LOW_SHARE = 0.6
# Share of a pair's looks that do not close from which the pair is named.
_OPEN_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Check:
    """The result of `check_stack`: the file of figures, findings, and a line about all."""

    facts: Path
    notes: tuple[str, ...]
    summary: str


def check_stack(
    out: Path,
    geometry: Path,
    pairs: Sequence[StackPair],
    folders: Sequence[Path],
    *,
    with_repair: bool,
    place: tuple[float, ...] | None,
    progress: Progress,
) -> Check:
    """Choose the reference region, repair whole cycles and measure closure; write all to a folder.

    Parameters
    ----------
    place : tuple of float, optional
        Longitude and latitude of the reference, degrees.
    """
    files = open_pairs(pairs, folders)
    land = np.asarray(read_raster(geometry / LAND)[0]) == 1
    suitable = find_suitable(files, land)
    region = (
        choose_region(suitable, geometry)
        if place is None
        else given_region(suitable, geometry, place[0], place[1])
    )
    smooth, exact = (region.constants(kind, suitable.usable) for kind in (files.smooth, files.phase))
    progress(0.2, "closure")
    none = np.broadcast_to(np.int8(0), (len(pairs), *files.shape))
    before = measure_closure(files, smooth, land, none)
    progress(0.5, "repair")
    if with_repair:
        repaired = repair(files, smooth, land, out / CYCLES)
    else:
        empty = np.lib.format.open_memmap(out / CYCLES, "w+", np.int8, none.shape)
        repaired = Repair(empty, np.zeros(files.shape, np.uint16), 0, 0)
    changed = _count_changes(repaired)
    after = measure_closure(files, smooth, land, repaired.cycles) if changed.any() else before
    progress(0.9, "maps")
    connected = _connected_land(land, region.line, region.sample)
    maps = [before.open_count, after.open_count, changed, repaired.doubtful, connected, suitable.coherence]
    bands = np.stack([one.astype(np.float32) for one in maps])
    write_raster(out / CLOSURE_MAPS, np.where(suitable.coherence > 0, bands, np.float32(np.nan)), PICKED)
    coherence = _mean_coherences(files, land)
    facts = {
        "reference": asdict(region),
        "constants": {"smooth": smooth.tolist(), "exact": exact.tolist()},
        "pairs": _pair_facts(files, repaired, coherence, land),
        "triplets": _triplet_facts(files, before, after),
        "repair": {
            "done": with_repair,
            "patterns": repaired.patterns,
            "looks": int((changed > 0).sum()),
            "doubtful_looks": int((repaired.doubtful > 0).sum()),
            "unsolved_looks": repaired.unsolved,
        },
        "land_looks": int(land.sum()),
        "island_looks": int((land & ~connected).sum()),
        "coherence_of_dates": _date_coherences(files, coherence),
    }
    notes = _notes(facts)
    write_json(out / FACTS, facts | {"notes": notes})
    return Check(out / FACTS, tuple(notes), _summary(facts, region.chosen))


@dataclass(frozen=True, slots=True)
class StackCheck:
    """What later steps read of a folder of `check_stack`."""

    facts: dict[str, Any]
    region: ReferenceRegion
    # Phase of the reference region in every pair, rad: filtered, and unfiltered.
    smooth: NDArray[np.float64]
    exact: NDArray[np.float64]
    coherence: NDArray[np.float32]  # mean over all pairs, NaN where no pair has data


def read_check(folder: Path) -> StackCheck:
    """Read the results of `check_stack`; raise InputError if the folder does not have them."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        smooth, exact = (np.array(facts["constants"][name], np.float64) for name in ("smooth", "exact"))
        coherence = np.asarray(read_raster(folder / CLOSURE_MAPS)[5], np.float32)
        return StackCheck(facts, ReferenceRegion(**facts["reference"]), smooth, exact, coherence)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InputError(f"{folder / FACTS} cannot be read: {exc}", hint="run the step check again") from exc


def _count_changes(repaired: Repair) -> NDArray[np.uint16]:
    """Return in how many pairs each look was changed."""
    count = np.zeros(repaired.doubtful.shape, np.uint16)
    for cycles in repaired.cycles:
        count += np.asarray(cycles) != 0
    return count


def _connected_land(land: NDArray[np.bool_], line: int, sample: int) -> NDArray[np.bool_]:
    """Return the piece of land that has the reference; the cycles of other pieces are not known."""
    from scipy.ndimage import label

    pieces, _ = label(land, np.ones((3, 3)))
    return np.asarray(pieces == pieces[line, sample])


def _mean_coherences(files: PairFiles, land: NDArray[np.bool_]) -> NDArray[np.float64]:
    sums = np.zeros((2, len(files.pairs)))
    for rows in files.blocks():
        values = stacked(files.coherence, rows)
        counted = land[rows.start : rows.stop] & (values > 0)
        sums[0] += np.where(counted, values, 0).sum((1, 2))
        sums[1] += counted.sum((1, 2))
    return np.asarray(sums[0] / np.maximum(sums[1], 1))


def _pair_facts(
    files: PairFiles, repaired: Repair, coherence: NDArray[np.float64], land: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    looks = max(int(land.sum()), 1)
    return [
        {
            "name": pair.name,
            "reference": pair.reference,
            "secondary": pair.secondary,
            "days": pair.days,
            "perpendicular_m": pair.perpendicular_m,
            "coherence": round(float(mean), 4),
            "changed_share": round(int((np.asarray(cycles) != 0).sum()) / looks, 6),
        }
        for pair, mean, cycles in zip(files.pairs, coherence, repaired.cycles, strict=True)
    ]


def _triplet_facts(files: PairFiles, before: Closure, after: Closure) -> list[dict[str, Any]]:
    return [
        {
            "dates": [
                files.dates[int(files.positions[ab][0])],
                *(files.dates[int(d)] for d in files.positions[bc]),
            ],
            "rms_rad": round(float(before.rms[number]), 5),
            "mean_rad": round(float(before.mean[number]), 6),
            "open_before": round(float(before.open_share[number]), 6),
            "open_after": round(float(after.open_share[number]), 6),
        }
        for number, (ab, bc, _) in enumerate(before.triplets)
    ]


def _date_coherences(files: PairFiles, coherence: NDArray[np.float64]) -> dict[str, float]:
    return {
        date: round(float(coherence[(files.positions == number).any(1)].mean()), 4)
        for number, date in enumerate(files.dates)
    }


def _notes(facts: dict[str, Any]) -> list[str]:
    """Return findings for the user, most important first."""
    notes = []
    if not facts["triplets"]:
        notes.append(
            "the network has no triplet of pairs, so that unwrapping errors cannot be found and temporal "
            "coherence says nothing; use at least 2 neighbours"
        )
    of_dates = facts["coherence_of_dates"]
    middle = float(np.median(list(of_dates.values())))
    low = [date for date, mean in of_dates.items() if mean < _LOW_SHARE * middle]
    if low:
        notes.append(
            f"the pairs of {', '.join(low)} have low coherence "
            f"({', '.join(f'{of_dates[date]:.2f}' for date in low)}; the median is {middle:.2f}); consider "
            "leaving these dates out"
        )
    wrong = [one for one in facts["triplets"] if one["open_before"] > _OPEN_SHARE]
    if wrong:
        worst = Counter(date for one in wrong for date in one["dates"]).most_common(1)[0]
        notes.append(
            f"{len(wrong)} of {counted(len(facts['triplets']), 'triplet')} did not close on more than "
            f"{100 * _OPEN_SHARE:.0f} % of the land, {worst[1]} of them with the date {worst[0]}"
        )
    repaired = facts["repair"]
    if repaired["doubtful_looks"]:
        notes.append(
            f"doubtful changes of whole cycles in {counted(repaired['doubtful_looks'], 'look')}; the map of "
            "closure shows them"
        )
    if facts["island_looks"]:
        notes.append(
            f"{facts['island_looks']} of {counted(facts['land_looks'], 'look')} on land lie on islands, "
            "which no land connects with the reference; their whole cycles are not known"
        )
    return notes


def _summary(facts: dict[str, Any], chosen: bool) -> str:
    region = facts["reference"]
    place = f"{region['longitude']:.4f} E, {region['latitude']:.4f} N"
    closure = ""
    if facts["triplets"]:
        rms = float(np.sqrt(np.mean([one["rms_rad"] ** 2 for one in facts["triplets"]])))
        triplets = counted(len(facts["triplets"]), "triplet")
        closure = f"closure of {triplets} within {rms:.3f} rad RMS; "
    how = "chosen" if chosen else "given"
    changed = facts["repair"]["looks"]
    return f"{closure}whole cycles changed in {counted(changed, 'look')}; reference {how} at {place}"
