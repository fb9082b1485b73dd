"""The summary of a product on a terminal: its facts, and a picture of half-block characters."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from isce2_recipe.problems import printable
from isce2_recipe.products.layer import Layer
from isce2_recipe.products.layers import LAYERS
from isce2_recipe.products.quality.measuring import summary
from isce2_recipe.products.reading import Finished
from isce2_recipe.products.report.reduced import ReducedProduct
from isce2_recipe.products.report.views import View, view_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from isce2_recipe.products.colours import Scale

_LARGEST = 78
_LABEL = 12
_BAR = 24
_ROWS = 24
_FACTS = (
    ("Reference Granule", "reference"),
    ("Secondary Granule", "secondary"),
    ("Reference Pass Direction", "pass"),
    ("Unwrapping type", "unwrapper"),
)


def show(
    product: Finished,
    quality: Mapping[str, Any],
    layer: str,
    stream: IO[str],
    picture: bool | None,
    layers: Sequence[Layer] = LAYERS,
) -> None:
    """Print the summary of a product; ``picture`` None means to draw the layer on terminals with colours."""
    from rich.console import Console

    forced = {"force_terminal": True, "color_system": "truecolor"} if picture else {}
    console = Console(file=stream, highlight=False, soft_wrap=True, **forced)  # type: ignore[arg-type]
    has_colours = console.is_terminal and console.color_system is not None and not console.no_color
    drawn = has_colours if picture is None else picture
    console.print(printable(product.name), style="bold", markup=False)
    view = view_of(ReducedProduct(product), layer, layers) if drawn else None
    if view is not None:
        _draw(console, view)
    parameters = product.parameters
    rows = [(label, parameters[key]) for key, label in _FACTS if key in parameters]
    if "Baseline" in parameters:
        rows.append(("baseline", f"{product.number('Baseline', 0.0):.1f} m, perpendicular"))
    grid = product.grid
    rows += [
        ("grid", f"{grid.cols} x {grid.rows} {grid.pixel_text}, {grid.crs}"),
        ("engine", product.tags.get("ENGINE", "")),
        ("inputs from", product.tags.get("INPUTS", "")),
        ("layers", ", ".join(sorted(product.layers))),
        ("quality", summary(dict(quality))),
    ]
    for label, value in rows:
        for number, line in enumerate(
            _wrap(printable(value), console.width if console.is_terminal else None)
        ):
            console.print(f"{'' if number else label:>{_LABEL}}  {line}", markup=False)


def _wrap(text: str, width: int | None) -> list[str]:
    """Wrap a value to the width of the terminal; return it in one line if there is no terminal."""
    return [text] if width is None and text else textwrap.wrap(text, max(20, (width or 0) - _LABEL - 2))


def _draw(console: Console, view: View) -> None:
    console.print()
    for line in _half_blocks(view, min(console.width - 2, _LARGEST)):
        console.print(line)
    if view.scale is not None:
        console.print(_colour_bar(view.title, view.scale))
    console.print()


def _colour_bar(title: str, scale: Scale) -> Text:
    """Return a colour bar with its lowest and highest value."""
    import numpy as np
    from rich.text import Text

    line = Text(f" {title} {scale.low:.3g} ")
    for colour in scale.paint(np.linspace(scale.low, scale.high, _BAR)[None])[0].tolist():
        line.append(*_block(colour, colour))
    return line.append(f" {scale.high:.3g} {scale.unit}".rstrip())


def _half_blocks(view: View, columns: int) -> list[Text]:
    """Return the picture as lines of text, in which every character is two pixels, one above the other."""
    import numpy as np
    from PIL import Image
    from rich.text import Text

    rows, cols = view.picture.shape[:2]
    shrink = max(cols / columns, rows / (2 * _ROWS))
    size = max(1, round(cols / shrink)), 2 * max(1, round(rows / shrink / 2))
    small = np.asarray(Image.fromarray(view.picture).resize(size, Image.Resampling.BOX))
    lines = []
    for row in range(0, len(small), 2):
        line = Text(" ")
        for upper, lower in zip(small[row].tolist(), small[row + 1].tolist(), strict=True):
            line.append(*_block(upper, lower))
        lines.append(line)
    return lines


def _block(upper: list[int], lower: list[int]) -> tuple[str, str]:
    """Return a character and its style; pixels that are more than half transparent have no colour."""
    above, below = (f"rgb({c[0]},{c[1]},{c[2]})" if c[3] > 127 else "" for c in (upper, lower))
    if above and below:
        return "▀", f"{above} on {below}"
    if above or below:
        return ("▀" if above else "▄"), above or below
    return " ", ""
