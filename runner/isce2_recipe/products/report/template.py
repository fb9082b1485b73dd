"""The template of the report; a module of its own, because plans read it without loading NumPy."""

from __future__ import annotations

from functools import partial

from isce2_recipe.products.readme import template_text as named_template

template_text = partial(named_template, name="report/run.html.j2")
