"""The action that checks inputs, logins and machine before the first large download."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe.actions.base import Budget, Context, action, nothing
from isce2_recipe.errors import InputError, ParameterError, SourceError
from isce2_recipe.quantities import format_bytes
from isce2_recipe.types import Bounds, BurstName, Looks, PreflightCheck

if TYPE_CHECKING:
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.sources.base import GranuleRecord

# Downloads are on the disk twice for a while: as received, and as ISCE2 needs them.
_COPIES = 2
# ISCE2 draws its map around ground of up to 9 km, which seems to lie up to 16 km farther from the satellite.
_ISCE2_REACH_KM = 20
_KM_A_DEGREE = 111.2
_ENOUGH = 0.9  # of the requested memory; machines have a little less than their nominal memory


@dataclass(frozen=True, slots=True)
class Checks:
    """The results of all checks.

    Attributes
    ----------
    report : Path
        Text file with all results.
    summary : str
        One line about all results.
    notes : list of str
        One sentence for each problem that does not stop the run.
    """

    report: Path
    summary: str
    notes: list[str]


@action("preflight.check", version=4, uses=("source", "engine"), takes=nothing)
def check(
    ctx: Context,
    *,
    catalog: Path,
    margin: float = 0.1,
    bucket: str | None = None,
    publish_bucket: str | None = None,
    looks: str | None = None,
    grid: dict[str, Any] | None = None,
    grid_like: Path | None = None,
    always_builtin: bool = False,
) -> Checks:
    """Check inputs, logins and machine, and report all problems together.

    Parameters
    ----------
    catalog : Path
        Catalogue of bursts, SLCs or scenes.
    margin : float
        Margin of the terrain around them, degrees.
    bucket, publish_bucket : str, optional
        S3 buckets to which the product will be uploaded.
    looks : str, optional
        ``RANGExAZIMUTH``. With it, the map grid is checked against the scene.
    always_builtin : bool
        Whether the builtin engine's functions do the work, whichever engine is chosen, as in stacks.

    Raises
    ------
    InputError
        With all problems; SourceError if only the services have a fault.
    """
    from isce2_recipe.products.grid_choice import GridChoice
    from isce2_recipe.sources.base import GranuleRecord, bounds_of
    from isce2_recipe.sources.catalog import read_catalog

    records = list(read_catalog(catalog, GranuleRecord).values())
    findings = [
        *_granules(records),
        _antimeridian(bounds_of(records), "builtin" if always_builtin else ctx.engine.name),
        *_pairing(records),
        *_from_source(ctx, records, margin),
        *([] if looks is None else _map(ctx, records, looks, GridChoice.of(grid, grid_like))),
        *_machine(ctx.budget(), sum(record.bytes or 0 for record in records)),
        *_buckets(bucket, publish_bucket),
    ]
    for one in findings:
        ctx.log.log(_LEVELS[one.state], "%s: %s", one.name, one.detail)
    _refuse([one for one in findings if one.state == "wrong"])
    report = ctx.out / "preflight.txt"
    report.write_text(
        "".join(f"{_line(one)}\n" for one in findings), encoding="utf-8", errors="backslashreplace"
    )
    return Checks(report, _summary(findings), [_sentence(one) for one in findings if one.state == "note"])


_LEVELS = {"ok": 20, "note": 30, "wrong": 40}  # of the logging module


def _granules(records: Sequence[GranuleRecord]) -> Iterable[PreflightCheck]:
    days = _days(records)
    size = sum(record.bytes or 0 for record in records)
    amount = f", {size / 1e9:.2f} GB" if size else ""
    yield PreflightCheck("granules", "ok", f"{len(records)} found, of {' and '.join(days)}{amount}")


def _antimeridian(box: Bounds, engine: str) -> PreflightCheck:
    """Check the distance from 180 degrees, which ISCE2 cannot cross."""
    reach = _ISCE2_REACH_KM / (_KM_A_DEGREE * math.cos(math.radians(max(abs(box.south), abs(box.north)))))
    if engine == "isce2" and box.buffered(reach).crosses_antimeridian:
        return PreflightCheck(
            "antimeridian",
            "wrong",
            f"the scene ({box.describe()}) lies across 180 degrees or within {_ISCE2_REACH_KM} km of it, "
            "where ISCE2's longitudes jump from 180 to -180",
            "use the builtin engine (--engine builtin), or granules farther from 180 degrees",
        )
    return PreflightCheck("antimeridian", "ok", "crossed" if box.crosses_antimeridian else "not crossed")


def _days(records: Sequence[GranuleRecord]) -> list[str]:
    """Return the dates of the passes, each that of its first line."""
    from isce2_recipe.sources.base import Sentinel1Record, passes

    bursts = [record for record in records if isinstance(record, Sentinel1Record)]
    starts = [start for _, start, _ in passes(bursts)] if bursts else [record.start for record in records]
    return sorted({f"{start:%Y-%m-%d}" for start in starts})


def _pairing(records: Sequence[GranuleRecord]) -> Iterable[PreflightCheck]:
    """Check the pair by the names of its granules; granules that are not two passes are not checked."""
    try:
        detail = _pair(records)
    except ParameterError as exc:
        yield PreflightCheck("pair", "wrong", exc.message, exc.hint or "")
    else:
        if detail:
            yield PreflightCheck("pair", "ok", detail)


def _pair(records: Sequence[GranuleRecord]) -> str:
    from isce2_recipe.alos import pairs as scenes
    from isce2_recipe.sentinel1 import pairs
    from isce2_recipe.sources.base import BurstRecord, SlcRecord, group_by_pass

    bursts = [record for record in records if isinstance(record, BurstRecord)]
    sides = group_by_pass(bursts)
    if len(sides) == 2:
        pair = pairs.check_pair(*([record.name for record in side] for side in sides))
        swaths = ", ".join(f"IW{swath}" for swath in pair.swaths)
        return (
            f"{len(pair.reference)} of {pair.polarization} in {swaths}, contiguous, the same in both passes"
        )
    if bursts or len(records) != 2:
        return ""
    first, second = sorted(records, key=lambda record: record.start)
    if isinstance(first, SlcRecord):
        both = pairs.check_slc_pair(first.name, second.name, "auto", [1])
        held = set(both.reference.polarizations) & set(both.secondary.polarizations)
        return f"of one track, both hold {' and '.join(sorted(held))}"
    return f"of one track and frame, {scenes.check_pair(first.name, second.name).days} days apart"


def _from_source(ctx: Context, records: Sequence[GranuleRecord], margin: float) -> list[PreflightCheck]:
    from isce2_recipe.sources.base import Needs, Sentinel1Record, bounds_of, capabilities_of, passes

    orbits = tuple(passes(record for record in records if isinstance(record, Sentinel1Record)))
    needs = Needs(tuple(record.name for record in records), orbits, bounds_of(records).buffered(margin))
    return ctx.source.examine(needs, ctx.log) if "preflight" in capabilities_of(ctx.source) else []


def _map(
    ctx: Context, records: Sequence[GranuleRecord], looks: str, choice: GridChoice
) -> Iterable[PreflightCheck]:
    from isce2_recipe.products.grid_check import examine_grid
    from isce2_recipe.sources.base import BurstRecord

    names = [BurstName.parse(record.name) for record in records if isinstance(record, BurstRecord)]
    return examine_grid(
        choice,
        Looks.parse(looks).pixel_m,
        [record.footprint for record in records],
        [(name.relative_burst, name.swath) for name in names],
        ctx.budget().disk_there,
    )


def _machine(budget: Budget, download: int) -> Iterable[PreflightCheck]:
    yield _disk(budget, _COPIES * download)
    if budget.memory_there < _ENOUGH * budget.memory:
        requested, available = format_bytes(budget.memory), format_bytes(budget.memory_there)
        detail = f"a step requests up to {requested}, this machine has {available}"
        yield PreflightCheck("memory", "note", detail, "use fewer bursts, more looks or another machine")
    else:
        yield PreflightCheck("memory", "ok", "enough for the requests of the steps")


def _disk(budget: Budget, inputs: int) -> PreflightCheck:
    remedy = "free space, or use another disk with --workdir"
    free = f"{format_bytes(budget.disk_there)} are free"
    if budget.disk_there < inputs:
        detail = f"the inputs alone need {format_bytes(inputs)} while they are prepared, {free}"
        return PreflightCheck("disk", "wrong", detail, remedy)
    if budget.disk_there < budget.disk:
        detail = f"the steps request up to {format_bytes(budget.disk)}, {free}"
        return PreflightCheck("disk", "note", detail, remedy)
    return PreflightCheck("disk", "ok", "enough space for the requests of the steps")


def _buckets(bucket: str | None, publish_bucket: str | None) -> Iterable[PreflightCheck]:
    if bucket or publish_bucket:
        from isce2_recipe.products import s3

        if bucket:
            yield s3.examine(bucket)
        if publish_bucket:
            yield s3.examine(publish_bucket, publish=True)


def _refuse(wrong: Sequence[PreflightCheck]) -> None:
    if not wrong:
        return
    # If only services have faults, the same run may be tried again.
    kind = SourceError if all("again later" in one.remedy for one in wrong) else InputError
    message = wrong[0].detail
    if len(wrong) > 1:
        lines = "".join(f"\n  - {one.name}: {one.detail}" for one in wrong)
        message = f"this run has {len(wrong)} problems:{lines}"
    raise kind(message, hint="; ".join(dict.fromkeys(one.remedy for one in wrong if one.remedy)) or None)


def _line(one: PreflightCheck) -> str:
    remedy = f" ({one.remedy})" if one.remedy else ""
    return f"{one.state:5} {one.name}: {one.detail}{remedy}"


def _sentence(one: PreflightCheck) -> str:
    remedy = f" ({one.remedy})" if one.remedy else ""
    return f"Before the run, {one.name}: {one.detail}{remedy}."


def _summary(findings: Sequence[PreflightCheck]) -> str:
    notes = [one for one in findings if one.state == "note"]
    login = [one.detail for one in findings if one.name == "Earthdata login"]
    texts = [f"{len(findings) - len(notes)} checks passed", *(f"Earthdata login {text}" for text in login)]
    return "; ".join([*texts, *(f"note: {one.name}: {one.detail}" for one in notes)])
