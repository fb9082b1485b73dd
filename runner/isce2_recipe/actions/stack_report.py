"""Actions that measure and show the results of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.actions.base import Context, Read, action
from isce2_recipe.paths import REPORT, STACK_PAGE
from isce2_recipe.products.package import template_text


@dataclass(frozen=True, slots=True)
class StackQuality:
    """How good a stack is.

    Attributes
    ----------
    quality : Path
        All numbers as JSON.
    summary : str
        The most important numbers in a sentence.
    agreement : str or None
        The agreement with the truth in a sentence; None if there is no truth.
    """

    quality: Path
    summary: str
    agreement: str | None


@action("stack_report.measure", version=3)
def measure(
    ctx: Context,
    *,
    product: Path,
    terms: list[str],
    ground: list[Path] | None = None,
    total: list[Path] | None = None,
) -> StackQuality:
    """Measure a stack: coverage, coherence, closure, standard errors, agreement of every date with a truth.

    Parameters
    ----------
    terms : list of str
        The fitted terms.
    ground, total : list of Path, optional
        What `simulation.write_series_truth` wrote: the displacement of every date but the first, and that
        with the delay in the air.

    Raises
    ------
    InputError
        If nothing can be compared with the truth.
    """
    from isce2_recipe.products.quality import measuring
    from isce2_recipe.products.rasters import without_place
    from isce2_recipe.stack.agreement import describe, describe_agreement, measure_stack

    with without_place():
        found = measure_stack(product, terms, ground or (), total or ())
    truth = found["truth"]
    agreement = None if truth is None else describe_agreement(truth)
    for line in filter(None, (describe(found), agreement)):
        ctx.log.info("%s", line)
    return StackQuality(measuring.write(ctx.out, found), describe(found), agreement)


@dataclass(frozen=True, slots=True)
class StackPage:
    """The page of a stack.

    Attributes
    ----------
    html : Path
        One self-contained file.
    """

    html: Path


def _page_texts(_: Mapping[str, Any], templates: tuple[Path, ...], read: Read) -> list[str]:
    return [template_text(templates, read, STACK_PAGE)]


def _stations(inputs: Mapping[str, Any]) -> None:
    if inputs.get("stations") is not None:
        from isce2_recipe.stack.stations import read_stations

        read_stations(Path(inputs["stations"]))


@action("stack_report.write", version=4, uses=("engine",), fingerprint=_page_texts, check=_stations)
def write(
    ctx: Context, *, product: Path, quality: Path | None = None, stations: Path | None = None
) -> StackPage:
    """Write a page of a stack: maps, the series of every pixel, network, closure and stations.

    Parameters
    ----------
    product : Path
        The product's folder.
    quality : Path, optional
        What `stack_report.measure` wrote.
    stations : Path, optional
        CSV of stations: ``name,lon,lat`` with ``velocity`` towards the satellite or ``east,north,up``, mm a
        year.
    """
    from isce2_recipe.stack.page import write_page
    from isce2_recipe.stack.stations import read_stations

    known = [] if stations is None else read_stations(stations)
    template = template_text(ctx.templates, name=STACK_PAGE)
    html = write_page(ctx.out / REPORT, product, template, quality, known)
    ctx.log.info("%s, %.1f MB", html.name, html.stat().st_size / 1e6)
    return StackPage(html)
