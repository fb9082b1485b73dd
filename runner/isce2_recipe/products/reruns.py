"""The files of a product with which its run can be repeated: recipe, parameters and inputs."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from isce2_recipe import __version__
from isce2_recipe.archives import Archive, open_archive
from isce2_recipe.errors import InputError
from isce2_recipe.files import json_text, read_bounded
from isce2_recipe.inputs import InputFile, sha256
from isce2_recipe.paths import PRODUCT_RECIPE, PRODUCT_RECORD
from isce2_recipe.products.facts import ProductFacts
from isce2_recipe.recipe.document import dump

_MOST_BYTES = 20_000_000  # of a recipe or a record
_MOST_FILES = 10_000
_NAME = re.compile("[a-z][a-z0-9_-]{0,63}")


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
    path.write_text(json_text(record_of_run, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Origin:
    """What is needed to make a product again: the recipe's text, and the content of ``NAME_run.json``."""

    name: str
    recipe: str
    record: Mapping[str, Any]

    @property
    def files(self) -> dict[str, str]:
        """Texts of the recipe's own parts and templates, by their paths relative to the recipe."""
        return dict(self.record.get("files", {}))

    @property
    def inputs(self) -> list[InputFile]:
        """Input files of the run."""
        return [InputFile(**entry) for entry in self.record.get("inputs", ())]


def read_origin(product: Path) -> Origin:
    """Return what a product's folder or archive holds for repeating its run.

    Raises
    ------
    InputError
        If there is no such product, or it has no record of its run.
    """
    if product.is_file():
        with _archive(product) as archive:
            names = list(islice(archive.sizes, _MOST_FILES))
            return _read(product, names, lambda name: _member(archive, name))
    names = [path.name for path in islice(product.glob("*"), _MOST_FILES)]
    return _read(product, names, lambda name: read_bounded(product / name, _MOST_BYTES, product))


def _archive(product: Path) -> AbstractContextManager[Archive]:
    """Open a product's archive."""
    if not zipfile.is_zipfile(product):
        raise InputError(f"{product} is neither a product's folder nor its zip archive")
    return open_archive(product)


def _member(archive: Archive, name: str) -> bytes:
    with archive.open(name) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError
    return data


def _read(product: Path, names: list[str], read: Callable[[str], bytes]) -> Origin:
    found = [name for name in names if name.endswith(PRODUCT_RECORD)]
    if len(found) != 1:
        there = "holds no record of a run" if product.exists() else "does not exist"
        raise InputError(
            f"{product} {there}",
            hint=f"give the folder or archive of a product that has a file ...{PRODUCT_RECORD}",
        )
    prefix = found[0].removesuffix(PRODUCT_RECORD)
    name = prefix.rpartition("/")[2]
    try:
        record = json.loads(read(found[0]))
        origin = Origin(name, read(f"{prefix}{PRODUCT_RECIPE}").decode(), record)
        _check(origin)
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise InputError(
            f"{name}{PRODUCT_RECORD} or {name}{PRODUCT_RECIPE} in {product} cannot be read",
            hint="give the product's archive instead",
        ) from None
    return origin


def _check(origin: Origin) -> None:
    """Raise an error of Python if a field of the record is missing or of another type."""
    record = origin.record
    engine = record["engine"]
    texts = [record["isce2_recipe"], record["source"], *origin.files, *origin.files.values()]
    if not all(isinstance(text, str) for text in (*texts, "" if engine is None else engine)):
        raise TypeError
    if _NAME.fullmatch(record["recipe"]) is None or not isinstance(record["parameters"], dict):
        raise ValueError
    for file in origin.inputs:
        if not all(isinstance(text, str) for text in (file.of, file.name, file.sha256)):
            raise TypeError


def changed_inputs(before: Origin, after: Origin) -> list[str]:
    """Return the names of inputs that only the first product has, or has with other content."""
    known = {(file.of, file.name): file.sha256 for file in after.inputs}
    return [file.name for file in before.inputs if known.get((file.of, file.name)) != file.sha256]


def different_files(one: Path, other: Path) -> list[str]:
    """Return the files, without the products' names, in which two products (folders or archives) differ."""
    first, second = _digests(one), _digests(other)
    return sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))


def _digests(product: Path) -> dict[str, str]:
    if product.is_dir():
        files = (path for path in product.rglob("*") if path.is_file())
        name = product.resolve().name
        return {path.relative_to(product).as_posix().removeprefix(name): sha256(path) for path in files}
    found = {}
    with _archive(product) as archive:
        for entry in archive.sizes:
            folder, _, place = entry.partition("/")
            with archive.open(entry) as file:
                found[place.removeprefix(folder)] = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return found
