"""The differences between two runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isce2_recipe.errors import InputError
from isce2_recipe.paths import RUN_RECORD
from isce2_recipe.plan.keys import changes
from isce2_recipe.products.reading import run_record

_RASTERS = (".tif", ".tiff")
_BLOCK_LINES = 512


def compare(first: Path, second: Path) -> dict[str, Any]:
    """Return the differences between two runs, by subject.

    Returns
    -------
    dict
        ``recipe``, ``parameters``, ``versions``: lists of ``[name, first, second]``; ``steps``: names with
        ``[status, seconds]`` of both; ``files``: those that differ or exist in one run only; ``rasters``:
        statistics of the difference of GeoTIFFs that differ.

    Raises
    ------
    InputError
        If one of the folders is not the work directory of a run.
    """
    one, two = _record(first), _record(second)
    try:
        return _compared(first, second, one, two)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise InputError(
            f"the {RUN_RECORD} of {first} or of {second} is not the record of a run",
            hint="give the work directories of two runs",
        ) from None


def _compared(first: Path, second: Path, one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    files = list(_files(_hashes(one), _hashes(two)))
    return {
        "recipe": _differences(one["recipe"]["resolved"], two["recipe"]["resolved"], skip="parameters"),
        "parameters": _differences(one["parameters"], two["parameters"]),
        "versions": _differences(_versions(one), _versions(two)),
        "steps": _steps(one["steps"], two["steps"]),
        "files": [[name, what] for name, what in files],
        "rasters": {
            name: _raster(first / name, second / name)
            for name, what in files
            if _is_raster(name, what) and _is_below(first, name) and _is_below(second, name)
        },
    }


def _record(workdir: Path) -> dict[str, Any]:
    if not (workdir / RUN_RECORD).exists():
        raise InputError(f"there is no {RUN_RECORD} in {workdir}", hint="give the work directory of a run")
    return run_record(workdir)


def _differences(one: Mapping[str, Any], two: Mapping[str, Any], skip: str = "") -> list[list[Any]]:
    before = {name: value for name, value in one.items() if name != skip}
    after = {name: value for name, value in two.items() if name != skip}
    return [[change.name, change.before, change.after] for change in changes(before, after)]


def _versions(record: Mapping[str, Any]) -> dict[str, Any]:
    names = ("isce2_recipe", "packages", "source", "engine", "actions", "host")
    return {name: record.get(name) for name in names}


def _hashes(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: digest for step in record["steps"].values() for name, digest in step.get("files", {}).items()
    }


def _files(one: Mapping[str, str], two: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name in sorted({*one, *two}):
        if name not in two:
            yield name, "only in the first"
        elif name not in one:
            yield name, "only in the second"
        elif one[name] != two[name]:
            yield name, "differs"


def _steps(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [[run.get(name, {}).get("status"), run.get(name, {}).get("seconds")] for run in (one, two)]
        for name in dict.fromkeys([*one, *two])
    }


def _is_raster(name: str, what: str) -> bool:
    return what == "differs" and name.lower().endswith(_RASTERS)


def _is_below(folder: Path, name: str) -> bool:
    return (folder / name).resolve().is_relative_to(folder.resolve())


def _raster(first: Path, second: Path) -> dict[str, Any]:
    """Return statistics of second minus first, over the pixels that are finite in both."""
    import numpy as np

    from isce2_recipe.products.rasters import opened

    try:
        with opened(first) as one, opened(second) as two:
            if (one.shape, one.count) != (two.shape, two.count):
                return {"shapes": [[one.count, *one.shape], [two.count, *two.shape]]}
            if one.transform != two.transform:
                return {"grids": [list(one.transform)[:6], list(two.transform)[:6]]}
            return _statistics(one, two, np)
    except InputError as exc:
        return {"problem": exc.message}


def _statistics(one: Any, two: Any, np: Any) -> dict[str, Any]:
    count, total, squares, largest, changed = 0, 0.0, 0.0, 0.0, 0
    for row in range(0, one.height, _BLOCK_LINES):
        window = ((row, min(row + _BLOCK_LINES, one.height)), (0, one.width))
        before, after = (np.asarray(data.read(window=window), dtype=complex) for data in (one, two))
        good = np.isfinite(before) & np.isfinite(after)
        difference = np.abs(after[good] - before[good])
        signed = (after[good] - before[good]).real
        count += int(good.sum())
        changed += int((difference > 0).sum())
        total, squares = total + float(signed.sum()), squares + float((difference**2).sum())
        largest = max(largest, float(difference.max(initial=0.0)))
    mean = total / count if count else 0.0
    return {
        "pixels": count,
        "changed": changed,
        "mean": mean,
        "rms": (squares / count) ** 0.5 if count else 0.0,
        "largest": largest,
    }


def to_text(found: Mapping[str, Any]) -> str:
    """Return a comparison as text; empty if the runs are the same."""
    lines: list[str] = []
    for title in ("recipe", "parameters", "versions"):
        if found[title]:
            lines.append(f"{title}:")
            lines += [f"  {name}: {before} -> {after}" for name, before, after in found[title]]
    if found["files"]:
        lines.append("files:")
        lines += [
            f"  {name}: {what}{_describe_raster(found['rasters'].get(name))}" for name, what in found["files"]
        ]
    return "\n".join(lines)


def _describe_raster(statistics: Mapping[str, Any] | None) -> str:
    if statistics is None:
        return ""
    if "rms" not in statistics:
        return f" ({', '.join(f'{name} {value}' for name, value in statistics.items())})"
    return (
        f" in {statistics['changed']} of {statistics['pixels']} pixels: mean {statistics['mean']:.3g}, "
        f"rms {statistics['rms']:.3g}, largest {statistics['largest']:.3g}"
    )
