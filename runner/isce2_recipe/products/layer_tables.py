"""Text that follows from the registry of layers, in the documentation and in the template of topsApp.

``python -m isce2_recipe.products.layer_tables`` writes it into the files of a checkout; a test checks that
they are current.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from isce2_recipe.markup import render_lines
from isce2_recipe.products.layer import KINDS, Layer
from isce2_recipe.products.layers import LAYERS, geocode_list, map_layers

_RESAMPLED = {
    "mean": "mean",
    "angle": "mean of unit vectors",
    "cycles": "mean of unit vectors, cycle of the nearest pixel",
    "nearest": "nearest pixel",
}
_PRODUCTS = {
    "burst": "one burst",
    "bursts": "bursts",
    "slc": "SLCs",
    "merged": "merged bursts",
    "stripmap": "ALOS scenes",
    "stack": "stacks",
}
_LIMITS = {
    "value": "{limit:g} {unit}",
    "angle": "{limit:g} {unit}, whole cycles ignored",
    "phase": "{limit:g} {unit} after removing one constant; at most {cycles:g} % of the pixels in another "
    "cycle",
    "ratio": "{percent:g} % of the value",
    "label": "{percent:g} % of the pixels with another label, after matching the labels",
}


def layer_table(layers: Sequence[Layer] = LAYERS) -> str:
    """Return the table of all layers, as Markdown."""
    return render_lines("docs/layers.md", layers=layers, resampled=_RESAMPLED, products=_products)


def _products(layer: Layer) -> str:
    """Return which products have a layer."""
    kinds = "all" if layer.kinds == KINDS else ", ".join(_PRODUCTS[kind] for kind in sorted(layer.kinds))
    return f"{kinds}, with {layer.option}" if layer.option else kinds


def tolerance_table(layers: Sequence[Layer] = LAYERS) -> str:
    """Return the table of what ``compare`` tolerates, as Markdown."""
    groups: dict[str, list[str]] = {}
    for layer in map_layers(layers):
        tolerance = layer.tolerance
        text = _LIMITS[tolerance.measure].format(
            limit=tolerance.limit,
            percent=100 * tolerance.limit,
            unit=tolerance.unit,
            cycles=100 * tolerance.cycles,
        )
        groups.setdefault(text.replace(" 1,", ",").removesuffix(" 1"), []).append(f"`{layer.name}`")
    return render_lines("docs/tolerances.md", groups=groups)


def geocode_property(layers: Sequence[Layer] = LAYERS) -> str:
    """Return topsApp's property with the files to geocode."""
    files = ", ".join(f"'{file}'" for file in geocode_list(layers))
    if_estimated = "{{ \", 'merged/topophase.ion'\" if ionosphere is defined and ionosphere }}"
    return f'<property name="geocode list">[{files}{if_estimated}]</property>'


_PLACES: tuple[tuple[str, str, Callable[[Sequence[Layer]], str]], ...] = (
    ("docs/products.md", r"(?<=<!-- layers -->\n).*?(?=<!-- end -->)", layer_table),
    ("docs/quality.md", r"(?<=<!-- tolerances -->\n).*?(?=<!-- end -->)", tolerance_table),
    ("templates/isce2/topsApp.xml.j2", r'<property name="geocode list">.*?</property>', geocode_property),
)


def current_texts(root: Path, layers: Sequence[Layer] = LAYERS) -> dict[Path, str]:
    """Return what the files of a checkout should hold, by path.

    Raises
    ------
    ValueError
        If a file has no place for its text.
    """
    texts = {}
    for name, pattern, make in _PLACES:
        text = (root / name).read_text(encoding="utf-8")
        parts = re.split(pattern, text, flags=re.DOTALL)
        if len(parts) != 2:
            raise ValueError(f"{name} has {len(parts) - 1} places for {pattern}")
        texts[root / name] = make(layers).join(parts)
    return texts


if __name__ == "__main__":
    for path, text in current_texts(Path(__file__).resolve().parents[3]).items():
        path.write_text(text, encoding="utf-8")
