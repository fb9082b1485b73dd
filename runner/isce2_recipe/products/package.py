"""What packaging actions return and depend on, and the README and the archive of every product."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe import __version__
from isce2_recipe.copying import Copying
from isce2_recipe.inputs import InputFile, describe_files, read_inputs
from isce2_recipe.paths import data_folder

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

Read = Callable[[Path], str | None]

_README = "product/README.md.txt.j2"
# The earliest time that a zip file can hold, so that the time of writing does not change the archive.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_COMPRESSED_ALREADY = {".tif", ".png", ".kmz"}


@dataclass(frozen=True, slots=True)
class Product:
    """A product's folder and archive.

    Attributes
    ----------
    name : str
        Name of both.
    directory : Path
        The folder ``NAME``.
    zip : Path
        The archive ``NAME.zip``.
    layers : dict of Path
        GeoTIFFs on the map by layer name.
    browse : Path
        Picture of the unwrapped phase.
    """

    name: str
    directory: Path
    zip: Path
    layers: dict[str, Path]
    browse: Path


def describe_inputs(
    granules: Sequence[Path] | None = None, **files: Sequence[Path] | None
) -> tuple[InputFile, ...]:
    """Return all files that a product was made of.

    ``granules`` are records that the steps which fetched granules wrote of their files; further files are by
    kind.
    """
    more = (describe_files(kind.rstrip("s").replace("_", " "), paths or ()) for kind, paths in files.items())
    return (*read_inputs(granules or ()), *chain.from_iterable(more))


def readme_fingerprint(_: Mapping[str, Any], templates: tuple[Path, ...], read: Read) -> list[str]:
    """Return what a product's texts depend on besides the inputs; part of the step's content key."""
    return [__version__, template_text(templates, read)]


def read_text(path: Path) -> str | None:
    """Return a file's text, or None where there is no such file."""
    return path.read_text(encoding="utf-8") if path.is_file() else None


def template_text(folders: tuple[Path, ...], read: Read = read_text, name: str = _README) -> str:
    """Return the text of a template, by default the README's: the first in the folders, else our own."""
    texts = (read(folder / name) for folder in (*folders, data_folder("templates")))
    return next(text for text in texts if text is not None)


def user_templates(**options: Any) -> SandboxedEnvironment:
    """Return the environment of templates that users can replace; it has no access to Python."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, **options)


def write_readme(path: Path, template: str, values: Mapping[str, Any]) -> None:
    """Write the product's README from its template, which can use only the given values."""
    path.write_text(
        user_templates(keep_trailing_newline=True).from_string(template).render(values, zip=zip),
        encoding="utf-8",
    )


def write_zip(folder: Path, progress: Callable[[float, str], None]) -> Path:
    """Write ``FOLDER.zip`` next to the folder, with one root folder of the same name, files in order of path.

    HyP3's clients expect that the archive unpacks into a folder with its name. ``progress`` is called with
    the share of the bytes that is written and the name of the current file.
    """
    path = folder.with_name(f"{folder.name}.zip")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    copying = Copying(sum(file.stat().st_size for file in files), progress)
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            member = entry(f"{folder.name}/{file.relative_to(folder).as_posix()}")
            member.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(member, "w") as target:
                copying.copy(source, target, f"archive, {file.name}")
    return path


def entry(name: str) -> zipfile.ZipInfo:
    """Return a member of an archive, without the time of writing."""
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o100644 << 16
    stored = Path(name).suffix in _COMPRESSED_ALREADY
    member.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    return member
