"""What packaging gives: a product's folder and archive, the same for every workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.inputs import InputFile, describe_files, read_inputs

Read = Callable[[Path], str | None]


@dataclass(frozen=True, slots=True)
class Product:
    """A product's folder and archive.

    Attributes
    ----------
    name : str
        What both are called.
    directory : Path
        The folder ``NAME``.
    zip : Path
        The archive ``NAME.zip``.
    layers : dict of Path
        GeoTIFFs by layer name.
    browse : Path
        A picture of the unwrapped phase.
    """

    name: str
    directory: Path
    zip: Path
    layers: dict[str, Path]
    browse: Path


def went_in(granules: Sequence[Path] | None = None, **files: Sequence[Path] | None) -> tuple[InputFile, ...]:
    """All that a product was made of.

    Parameters
    ----------
    granules : sequence of Path, optional
        What was noted of granules when they were fetched.
    **files : sequence of Path
        Further files by their kind.
    """
    noted = read_inputs(granules or ())
    more = (describe_files(kind.rstrip("s").replace("_", " "), paths or ()) for kind, paths in files.items())
    return (*noted, *chain.from_iterable(more))


def texts(_: Mapping[str, Any], templates: tuple[Path, ...], read: Read) -> list[str]:
    """What a product says beside what it is made of; part of the step's content key."""
    from isce2_recipe.products.readme import template_text

    return [__version__, template_text(templates, read)]
