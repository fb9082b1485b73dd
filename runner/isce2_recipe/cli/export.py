"""``export``: recipes in the words of other services."""

from __future__ import annotations

from typing import Any

import click

from isce2_recipe.cli.parameters import RecipeType


@click.group("export")
def export_command() -> None:
    """Write a recipe in the words of another service."""


@export_command.command("hyp3")
@click.argument("recipe", type=RecipeType())
@click.option(
    "--image", metavar="IMAGE[:TAG]", help="Container image; without a tag the deployment's is used."
)
@click.option("--job-type", metavar="NAME", help="Name of the job type; by default the recipe's in capitals.")
@click.option(
    "--recipe-path",
    "recipe_in_image",
    metavar="PATH",
    help="Where the image has a recipe that is not shipped; by default where it is here.",
)
@click.option("--pairs", type=click.IntRange(1), metavar="N", help="The most granules a side, 15 by default.")
@click.option("--vcpus", type=click.IntRange(1), metavar="N", help="Processors, 1 by default.")
@click.option(
    "--memory", "memory_mib", type=click.IntRange(1), metavar="MIB", help="In place of the recipe's."
)
@click.option(
    "--timeout", "timeout_s", type=click.IntRange(1), metavar="SECONDS", help="In place of the recipe's."
)
@click.option("--compute-environment", metavar="NAME", help="The deployment's, Default by default.")
@click.option("--cost", type=click.FloatRange(0), metavar="CREDITS", help="1 by default.")
def hyp3_command(recipe: str, recipe_in_image: str | None, **options: Any) -> None:
    """Print RECIPE as a job specification of HyP3, in YAML.

    \b
    isce2-recipe export hyp3 insar_tops_burst --image ghcr.io/me/isce2-recipe:0.1.0 > INSAR_TOPS_BURST.yml
    """  # noqa: D301
    from isce2_recipe.export.hyp3 import Deployment, job_spec
    from isce2_recipe.recipe import available, load
    from isce2_recipe.recipe.document import dump

    chosen = {name: value for name, value in options.items() if value is not None}
    shipped = recipe in available()
    where = recipe_in_image or ("" if shipped else recipe)
    loaded = load(recipe)
    click.echo(dump(job_spec(loaded, Deployment(recipe=where, **chosen))), nl=False)
    if not shipped and recipe_in_image is None:
        click.echo(f"note: the image must have the recipe at {recipe}", err=True)
