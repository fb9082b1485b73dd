"""The files of a product with which its run can be repeated: recipe, parameters and inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.paths import PRODUCT_RECIPE, PRODUCT_RECORD
from isce2_recipe.products.facts import ProductFacts
from isce2_recipe.recipe.document import dump


def write_record(prefix: Path, facts: ProductFacts) -> None:
    """Write ``PREFIX_recipe.yml`` and ``PREFIX_run.json``, which ``isce2-recipe rerun`` reads."""
    record = dict(facts.record or {})
    document: Mapping[str, Any] = record.pop("document")
    record_of_run = {
        "isce2_recipe": __version__,
        **record,
        "software": facts.software,
        "inputs": [asdict(file) for file in facts.inputs],
    }
    recipe = prefix.with_name(f"{prefix.name}{PRODUCT_RECIPE}")
    recipe.write_text(dump(document), encoding="utf-8")
    path = prefix.with_name(f"{prefix.name}{PRODUCT_RECORD}")
    path.write_text(json.dumps(record_of_run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
