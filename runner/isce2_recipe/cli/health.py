"""What is installed here, what is missing, and what to do about it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from isce2_recipe import __version__
from isce2_recipe.errors import InputError, RecipeToolError
from isce2_recipe.plugins import importing
from isce2_recipe.quantities import format_bytes
from isce2_recipe.recipe import available
from isce2_recipe.running.resources import disk_bytes, memory_bytes, processors

if TYPE_CHECKING:
    from isce2_recipe.engines.base import Engine

_GIGABYTE = 1e9
_DISK_WANTED = 5 * _GIGABYTE  # one burst pair; what a recipe needs is in its plan
_MEMORY_WANTED = 4 * _GIGABYTE
_GROUPS = ("isce2_recipe.actions", "isce2_recipe.sources", "isce2_recipe.engines")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One thing looked at.

    Attributes
    ----------
    name : str
        What it is.
    state : str
        ``ok``, ``missing`` (fatal) or ``note`` (something is not there that not everybody needs).
    detail : str
        What was found.
    remedy : str
        What to do, where something is to be done.
    """

    name: str
    state: str
    detail: str
    remedy: str = ""


def examine() -> list[HealthCheck]:
    """All findings, in the order they are shown."""
    return [*_program(), *_packages(), *_engines(), *_credentials(), *_machine(), *_plugins()]


def has_earthdata_login() -> bool:
    """Whether there are credentials for NASA's Earthdata Login."""
    from isce2_recipe.sources.asf.credentials import find_credentials
    from isce2_recipe.sources.asf.settings import Settings

    try:
        return find_credentials(os.environ, Settings().login_url).found
    except RecipeToolError:
        return False


def has_aws_login() -> bool:
    """Whether there are credentials for AWS, as far as that can be told without asking a server."""
    variables = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
    roles = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    return any(os.environ.get(name) for name in (*variables, *roles)) or Path(file).expanduser().is_file()


def has_login_to_publish() -> bool:
    """Whether the login is set that products are published with."""
    from isce2_recipe.products.s3 import PUBLISH_KEYS

    return all(os.environ.get(name) for name in PUBLISH_KEYS)


def _program() -> Iterator[HealthCheck]:
    yield HealthCheck("isce2-recipe", "ok", f"{__version__}, {len(available())} recipes")
    yield HealthCheck("Python", "ok", f"{platform.python_version()} at {sys.executable}")


def _packages() -> Iterator[HealthCheck]:
    missing = []
    for line in requires("isce2-recipe") or ():
        if ";" in line:
            continue
        name = line.partition(">")[0].partition("[")[0].strip()
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(line)
    if missing:
        yield HealthCheck("packages", "missing", ", ".join(missing), f"pip install '{' '.join(missing)}'")
    else:
        yield HealthCheck("packages", "ok", "all there")


def _engines() -> Iterator[HealthCheck]:
    from isce2_recipe.engines import open_engine

    for name, state, remedy in (
        (
            "isce2",
            "note",
            "conda install -c conda-forge isce2, or set ISCE_HOME; the builtin engine needs neither",
        ),
        ("builtin", "missing", "install isce2-recipe again"),
    ):
        try:
            engine = open_engine(name)
            yield HealthCheck(f"engine {name}", "ok", engine.version())
            yield from _opencv(engine)
        except (RecipeToolError, ImportError) as exc:
            message = exc.message if isinstance(exc, RecipeToolError) else str(exc)
            yield HealthCheck(f"engine {name}", state, message, remedy)


def _opencv(engine: Engine) -> Iterator[HealthCheck]:
    from isce2_recipe.engines.isce2 import OPENCV, Isce2Engine

    if isinstance(engine, Isce2Engine) and engine.lacks("cv2"):
        what = "not in ISCE2's Python, so insar_stripmap cannot estimate the ionosphere"
        yield HealthCheck("OpenCV", "note", what, f"install it ({OPENCV}), or run with split_spectrum=false")


def _credentials() -> Iterator[HealthCheck]:
    from isce2_recipe.sources.asf.credentials import HINT, find_credentials
    from isce2_recipe.sources.asf.settings import Settings

    try:
        found = find_credentials(os.environ, Settings().login_url)
    except RecipeToolError as exc:
        yield HealthCheck("Earthdata login", "note", exc.message, exc.hint or HINT)
        return
    if found.found:
        yield HealthCheck("Earthdata login", "ok", f"from {found.origin}")
    else:
        yield HealthCheck("Earthdata login", "note", "none, so --source asf cannot download bursts", HINT)


def _machine() -> Iterator[HealthCheck]:
    memory, disk = memory_bytes(), disk_bytes(Path.cwd())
    yield HealthCheck("processors", "ok", str(processors()))
    few = "" if memory >= 0.9 * _MEMORY_WANTED else "a burst pair wants 4 GB"
    yield HealthCheck("memory", "note" if few else "ok", format_bytes(memory), few)
    little = "" if disk >= _DISK_WANTED else "a burst pair wants 5 GB; use --workdir on another disk"
    yield HealthCheck("free disk here", "note" if little else "ok", format_bytes(disk), little)


def _plugins() -> Iterator[HealthCheck]:
    for group in _GROUPS:
        names = []
        for point in sorted(entry_points(group=group)):
            try:
                with importing(f"'{point.name}'", point.value):
                    point.load()
                names.append(point.name)
            except InputError as exc:
                yield HealthCheck(f"plug-in: {point.name}", "note", exc.message, exc.hint or "")
        if names:
            yield HealthCheck(f"plug-ins: {group.partition('.')[2]}", "ok", ", ".join(names))
