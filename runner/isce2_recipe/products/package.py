"""What packaging actions return and depend on, the same for every workflow."""

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
        Name of both.
    directory : Path
        The folder ``NAME``.
    zip : Path
        The archive ``NAME.zip``.
    layers : dict of Path
        GeoTIFFs on the map by layer name.
    browse : Path
        Picture of the unwrapped phase.
    """

    name: str
    directory: Path
    zip: Path
    layers: dict[str, Path]
    browse: Path


def describe_inputs(
    granules: Sequence[Path] | None = None, **files: Sequence[Path] | None
) -> tuple[InputFile, ...]:
    """Return all files that a product was made of.

    Parameters
    ----------
    granules : sequence of Path, optional
        Records that the steps which fetched granules wrote of the granules' files.
    **files : sequence of Path
        Further files by kind.
    """
    more = (describe_files(kind.rstrip("s").replace("_", " "), paths or ()) for kind, paths in files.items())
    return (*read_inputs(granules or ()), *chain.from_iterable(more))


def readme_fingerprint(_: Mapping[str, Any], templates: tuple[Path, ...], read: Read) -> list[str]:
    """Return what a product's texts depend on besides the inputs; part of the step's content key."""
    from isce2_recipe.products.readme import template_text

    return [__version__, template_text(templates, read)]
