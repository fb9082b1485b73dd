"""The report's template; light, for plans."""

from __future__ import annotations

from functools import partial

from isce2_recipe.products.readme import template_text as named_template

template_text = partial(named_template, name="report/run.html.j2")
