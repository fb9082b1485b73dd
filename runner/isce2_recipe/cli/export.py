"""``export``: convert recipes for other services."""

from __future__ import annotations

from typing import Any

import click

from isce2_recipe.cli.parameters import RECIPE
from isce2_recipe.cli.printing import echo


@click.group("export")
def export_command() -> None:
    """Convert a recipe for another service."""


@export_command.command("hyp3")
@click.argument("recipe", type=RECIPE)
@click.option(
    "--image", metavar="IMAGE[:TAG]", help="Container image. Without a tag, HyP3 uses its deployment's tag."
)
@click.option(
    "--job-type", metavar="NAME", help="Name of the job type.  [default: the recipe's, in capitals]"
)
@click.option(
    "--recipe-path",
    "recipe_in_image",
    metavar="PATH",
    help="Path of your own recipe in the image.  [default: its path here]",
)
@click.option(
    "--pairs", type=click.IntRange(1), metavar="N", help="Largest number of pairs of a job.  [default: 15]"
)
@click.option("--vcpus", type=click.IntRange(1), metavar="N", help="Number of processors.  [default: 1]")
@click.option(
    "--memory",
    "memory_mib",
    type=click.IntRange(1),
    metavar="MIB",
    help="Memory of a job, MiB.  [default: from the recipe]",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="Longest duration of a job.  [default: from the recipe]",
)
@click.option("--compute-environment", metavar="NAME", help="HyP3's compute environment.  [default: Default]")
@click.option("--cost", type=click.FloatRange(0), metavar="CREDITS", help="Cost of a job.  [default: 1]")
def hyp3_command(recipe: str, recipe_in_image: str | None, **options: Any) -> None:
    """Print RECIPE as a job specification of HyP3, in YAML.

    \b
    Example:
      isce2-recipe export hyp3 insar_tops_burst \\
        --image ghcr.io/me/isce2-recipe:0.1.0 > INSAR_TOPS_BURST.yml
    """  # noqa: D301
    from isce2_recipe.export.hyp3 import Deployment, job_spec
    from isce2_recipe.recipe import available, load
    from isce2_recipe.recipe.document import dump

    chosen = {name: value for name, value in options.items() if value is not None}
    shipped = recipe in available()
    path_in_image = recipe_in_image or ("" if shipped else recipe)
    loaded = load(recipe)
    echo(dump(job_spec(loaded, Deployment(recipe=path_in_image, **chosen))), nl=False)
    if not shipped and recipe_in_image is None:
        echo(f"note: the image must contain the recipe at {recipe}", err=True)
