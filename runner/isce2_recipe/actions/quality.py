"""How good a product is, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from isce2_recipe.actions.base import Context, action
from isce2_recipe.errors import InputError, ParameterError, StepFailed


@dataclass(frozen=True, slots=True)
class Measured:
    """A product's quality.

    Attributes
    ----------
    quality : Path
        All numbers as JSON.
    valid_fraction : float or None
        Share of the observed land with unwrapped phase in a connected component.
    summary : str
        The most important numbers in a sentence.
    """

    quality: Path
    valid_fraction: float | None
    summary: str


@action("quality.measure", version=4)
def measure(
    ctx: Context,
    *,
    product: Path,
    folder: Path | None = None,
    truth: Path | None = None,
    atmosphere: Path | None = None,
    other: Path | None = None,
    parts: list[Path] | None = None,
) -> Measured:
    """Measure a product: coverage, coherence, residues, components, burst seams, agreement with a truth.

    Parameters
    ----------
    folder : Path, optional
        ISCE2's folder of the same run, whose single bursts show the seams.
    other : Path, optional
        The same product by another engine or version, to be compared with.
    parts : list of Path, optional
        Products of single bursts that were merged, by swath and time, which show the seams.

    Raises
    ------
    InputError
        If the product is not whole.
    """
    from isce2_recipe.products.quality import measuring

    found = measuring.quality(product, folder, truth, atmosphere, other, parts or ())
    path = measuring.write(ctx.out, found)
    summary = measuring.summary(found)
    if not found["coverage"]["land"]:
        ctx.log.warning("the map shows no land: all observed pixels are water in the water mask")
    ctx.log.info("%s", summary)
    return Measured(path, found["coverage"]["valid_fraction"], summary)


def _known_limits(inputs: Mapping[str, Any]) -> None:
    """Refuse limits that nobody could keep because there is no such thing."""
    from isce2_recipe.products.quality.limits import LIMITS

    limits = inputs.get("limits")
    for name, value in (limits if isinstance(limits, Mapping) else {}).items():
        if name not in LIMITS:
            raise ParameterError(
                f"there is no quality limit '{name}'", hint=f"limits are {', '.join(LIMITS)}"
            )
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(f"quality limit {name} must be a number, instead got {value!r}")


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of the limits.

    Attributes
    ----------
    passed : bool
        Whether all were kept.
    problems : list of str
        A sentence for each that was not.
    summary : str or None
        The same in one; None where no limit is set.
    """

    passed: bool
    problems: list[str]
    summary: str | None


@action("quality.check", version=1, check=_known_limits)
def check(
    ctx: Context,
    *,
    quality: Path,
    limits: dict[str, Any],
    then: Literal["fail", "warn"] = "fail",
) -> Checked:
    """Compare a product's quality with limits.

    Parameters
    ----------
    quality : Path
        What `measure` wrote.
    limits : dict
        Numbers by name: ``min_valid_fraction``, ``min_coherence``, ``max_residues_per_thousand``,
        ``max_jumps``, ``max_components``, ``min_largest_component``, ``min_observed_fraction``,
        ``max_seam_mm``, ``max_rms_mm``, ``max_wrong_cycles``.
    then : str
        What to do where one is not kept: ``fail`` ends the run with exit code 3, ``warn`` goes on.

    Raises
    ------
    StepFailed
        If a limit is not kept and the run shall fail then.
    """
    import json

    from isce2_recipe.products.quality.limits import check_limits

    _known_limits({"limits": limits})
    try:
        found = json.loads(quality.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(f"{quality} cannot be read: {exc}") from exc
    problems = [result.text for result in check_limits(found, limits) if not result.met]
    if problems and then == "fail":
        raise StepFailed(
            f"the product is not good enough: {'; '.join(problems)}",
            hint="the product and its report are there all the same; read them, then change the limits or "
            "the processing",
        )
    for problem in problems:
        ctx.log.warning("%s", problem)
    kept = f"all {len(limits)} quality limits are met" if limits else None
    return Checked(not problems, problems, f"warning: {'; '.join(problems)}" if problems else kept)
