"""The text of a new recipe: a commented example, or a copy of another recipe."""

from __future__ import annotations

import re
from string import Template

from isce2_recipe.recipe import load
from isce2_recipe.recipe.model import Recipe

_SCHEMA = "https://raw.githubusercontent.com/isce2-recipe/isce2-recipe/main/schemas/recipe.schema.json"
_MODELINE = re.compile(r"^# yaml-language-server:.*\n", re.MULTILINE)
_NAME = re.compile(r"^name:.*$", re.MULTILINE)

_NEW = Template("""\
# yaml-language-server: $$schema=$schema
#
# A recipe is a list of steps. Check it with `isce2-recipe lint $name.yml`, show what it would do with
# `isce2-recipe plan $name.yml`, and run it with `isce2-recipe run $name.yml`.
recipe: 1
name: $name
summary: Terrain and water mask around a pair of Sentinel-1 bursts.

documentation:
  description: |
    Describe in a few sentences what the recipe is for; `isce2-recipe describe $name.yml` prints this text.
  references: ["https://github.com/isce-framework/isce2"]
  authors: ["Your name"]
  license: CC0-1.0

# Values that a user may set. Each parameter is a JSON Schema; types.schema.json has shared types.
parameters:
  reference:
    $$ref: types.schema.json#/$$defs/burst_names
    description: Names of the older bursts, all of one pass.
  secondary:
    $$ref: types.schema.json#/$$defs/burst_names
    description: Names of the newer bursts, with the same burst IDs.
  margin:
    type: number
    units: deg
    minimum: 0
    maximum: 2
    default: 0.1
    description: Margin around the bursts to fetch.
required: [reference, secondary]

# `uses` names the action of a step, and `with` gives its inputs. {{ steps.ID.OUTPUT }} is an output of
# another step; that step runs first.
steps:
  - id: pair
    summary: Check that the bursts make a pair
    uses: sentinel1.check_pair
    with:
      reference: "{{ reference }}"
      secondary: "{{ secondary }}"

  - id: scenes
    summary: Find the bursts in the catalogue
    uses: sentinel1.find_bursts
    with:
      reference: "{{ steps.pair.reference }}"
      secondary: "{{ steps.pair.secondary }}"
    timeout: 15 min
    retry: {count: 2, backoff: 30 s}

  - id: dem
    summary: Fetch terrain
    uses: dem.fetch
    with:
      bounds: "{{ steps.scenes.bounds }}"
      margin: "{{ margin }}"
    timeout: 2h
    retry: {count: 2, backoff: 60 s}

  - id: water_mask
    summary: Fetch the water mask
    uses: water.fetch
    with:
      dem: "{{ steps.dem.geotiff }}"
    timeout: 1h
    retry: {count: 2, backoff: 60 s}

# Results of the recipe: the run prints them, and recipes that use this one as a part read steps.ID.NAME.
outputs:
  dem: "{{ steps.dem.geotiff }}"
  water_mask: "{{ steps.water_mask.mask }}"
""")


def recipe_text(name: str, source: str | None) -> str:
    """Return the text of a new recipe: a commented example, or a copy of another recipe with the new name."""
    if source is None:
        return _NEW.substitute(name=name, schema=_SCHEMA)
    recipe: Recipe = load(source, runnable=False)
    text = _NAME.sub(f"name: {name}", recipe.document.text, count=1)
    return _MODELINE.sub(f"# yaml-language-server: $schema={_SCHEMA}\n", text, count=1)
