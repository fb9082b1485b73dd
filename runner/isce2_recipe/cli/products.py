"""The commands about products: ``show`` and ``compare``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from isce2_recipe import errors
from isce2_recipe.cli.printing import echo


@click.command("show")
@click.argument("product", type=click.Path(path_type=Path))
@click.option("--layer", metavar="LAYER", default="unw_phase", show_default=True, help="Layer to draw.")
@click.option(
    "--picture/--no-picture",
    default=None,
    help="Whether to draw the layer.  [default: on a terminal with colours]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--serve", is_flag=True, help="Show a stack in the viewer bowser (extra 'view').")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port of the viewer."
)
def show_command(
    product: Path, layer: str, picture: bool | None, as_json: bool, serve: bool, port: int
) -> None:
    """Summarise a product, with a picture.

    PRODUCT is the folder of a product, its zip archive next to that folder, or the work directory of a run.
    Of a stack the dates and the main files are printed.
    """
    from isce2_recipe.cli import product_summary
    from isce2_recipe.products.quality.measuring import measure
    from isce2_recipe.products.reading import open_product, velocity_of_stack

    velocity = velocity_of_stack(product)
    if serve:
        if velocity is None:
            raise errors.UsageError(
                f"{product} is not a stack, which --serve shows", hint="leave out --serve"
            )
        from isce2_recipe.cli import stack_viewer

        stack_viewer.serve(velocity, port)
        return
    if velocity is not None:
        stack = _stack_facts(product, velocity)
        text = "\n".join(f"{name:10}{value}" for name, value in stack.items())
        echo(json.dumps(stack, indent=1) if as_json else text)
        return
    found = open_product(product)
    if layer not in found.layers:
        raise errors.UsageError(
            f"{found.name} has no layer '{layer}'", hint=f"its layers are {', '.join(found.layers)}"
        )
    quality = measure(found)
    if as_json:
        facts = {"name": found.name, "folder": str(found.folder), "parameters": found.parameters}
        echo(json.dumps({**facts, "layers": sorted(found.layers), "quality": quality}, indent=1))
        return
    product_summary.show(found, quality, layer, sys.stdout, picture)


def _stack_facts(path: Path, velocity: Path) -> dict[str, str]:
    """Return what a stack is called, its dates, and where its results are."""
    from isce2_recipe.paths import REPORT, RUN_RECORD

    dates = sorted(file.stem.split("_")[-1] for file in velocity.parent.glob("displacement/*_*.tif"))
    facts = {"stack": velocity.name.removesuffix("_velocity.tif")}
    if dates:
        facts["dates"] = f"{len(dates)} from {dates[0]} to {dates[-1]}"
    facts["velocity"] = str(velocity)
    page = path / "show" / REPORT
    if (path / RUN_RECORD).is_file() and page.is_file():
        facts["report"] = str(page)
    return facts


@click.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    metavar="LAYER=LIMIT",
    help="Largest accepted RMS difference of a layer, in the unit that is printed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare_command(first: Path, second: Path, tolerances: tuple[str, ...], as_json: bool) -> int:
    """Compare two products layer by layer.

    A constant phase offset and other numbers of the same connected components count as no difference. The
    exit code is 0 if all layers agree within their tolerances, and 1 if not.
    """
    from isce2_recipe.products import differences
    from isce2_recipe.products.reading import open_product
    from isce2_recipe.running.resources import memory_bytes

    limits = dict(_limit(text) for text in tolerances)
    products = open_product(first), open_product(second)
    found = differences.compare(*products, limits, memory=memory_bytes())
    echo(json.dumps(found, indent=1) if as_json else differences.to_text(found))
    return errors.EXIT_OK if found["same"] else errors.EXIT_INPUT


def _limit(text: str) -> tuple[str, float]:
    name, sign, value = text.partition("=")
    try:
        if not sign:
            raise ValueError
        return name, float(value)
    except ValueError:
        raise errors.UsageError(
            f"'{text}' is not a tolerance", hint="write LAYER=LIMIT, for example unw_phase=0.1"
        ) from None
