"""A page that shows a product and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.actions.base import Context, Read, action
from isce2_recipe.paths import REPORT_TEMPLATE
from isce2_recipe.products.package import template_text


@dataclass(frozen=True, slots=True)
class Page:
    """A report.

    Attributes
    ----------
    html : Path
        One self-contained file.
    pictures : list of Path
        The maps as PNG files, for those who open no HTML.
    """

    html: Path
    pictures: list[Path]


def _texts(_: Mapping[str, Any], templates: tuple[Path, ...], read: Read) -> list[str]:
    """Return what a report depends on in addition to its inputs; the template by its digest."""
    import hashlib

    text = template_text(templates, read, REPORT_TEMPLATE)
    return [__version__, hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()]


@action("report.write", version=6, fingerprint=_texts)
def write(
    ctx: Context,
    *,
    product: Path,
    quality: Path,
    orbits: list[Path] | None = None,
    truth: Path | None = None,
    atmosphere: Path | None = None,
    limits: dict[str, Any] | None = None,
    notes: list[str] | None = None,
) -> Page:
    """Write ``report.html`` and PNG pictures of a product.

    The page also describes the run, its times and its memory; those belong to the run that wrote it.

    Parameters
    ----------
    quality : Path
        What ``quality.measure`` wrote.
    orbits : list of Path, optional
        Orbit files that were used.
    limits : dict, optional
        Limits of ``quality.check``, to be shown with what became of them.
    notes : list of str, optional
        Further warnings, such as those of ``preflight.check``.

    Raises
    ------
    InputError
        If the product is not whole.
    """
    from isce2_recipe.products.report.page import ReportInputs, write_report

    inputs = ReportInputs(
        product=product,
        quality=quality,
        orbits=tuple(path.name for path in orbits or ()),
        truth=truth,
        atmosphere=atmosphere,
        place=ctx.published or ctx.out,
        limits=limits or {},
        notes=tuple(notes or ()),
        run=dict(ctx.summary_of_run()),
        template=template_text(ctx.templates, name=REPORT_TEMPLATE),
    )
    html, pictures = write_report(ctx.out, inputs)
    ctx.log.info("%s, %.1f MB", html.name, html.stat().st_size / 1e6)
    return Page(html, pictures)
