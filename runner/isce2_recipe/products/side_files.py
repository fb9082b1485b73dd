"""The files next to the layers in every product: texts, pictures, record, catalogue entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.products import parameter_file
from isce2_recipe.products.browse import write_browse, write_overlays
from isce2_recipe.products.crate import write_crate
from isce2_recipe.products.facts import ProductFacts
from isce2_recipe.products.grid import MapGrid
from isce2_recipe.products.layer import Layer
from isce2_recipe.products.readme import write_readme
from isce2_recipe.products.record import write_record
from isce2_recipe.products.stac import write_item


def write_side_files(
    prefix: Path,
    grid: MapGrid,
    facts: ProductFacts,
    *,
    readme: str,
    shown: Mapping[str, Any],
    layers: Sequence[Layer],
    more: Mapping[str, object] | None = None,
) -> None:
    """Write all of them; the layers have been written already.

    Parameters
    ----------
    prefix : Path
        Path with which the product's files begin.
    readme : str
        Template of the README.
    shown : mapping
        Values that the template shows besides name, version, facts and grid.
    layers : sequence of Layer
        Layers of the product.
    more : mapping, optional
        Further keys of the parameter file.
    """
    pairs = parameter_file.lines(facts, more)
    parameter_file.write(prefix.with_name(f"{prefix.name}.txt"), pairs)
    values = {"name": prefix.name, "version": __version__, "facts": facts, "grid": grid, **shown}
    write_readme(prefix.with_name(f"{prefix.name}_README.md.txt"), readme, values)
    unwrapped, amplitude, wrapped = (
        prefix.with_name(f"{prefix.name}_{layer}.tif") for layer in ("unw_phase", "amp", "wrapped_phase")
    )
    write_browse(unwrapped, prefix)
    write_overlays(amplitude, wrapped, prefix)
    if facts.record is not None:
        write_record(prefix, facts)
    write_item(prefix, grid, facts, layers)
    if facts.record is not None:
        write_crate(prefix, facts)
