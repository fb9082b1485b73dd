"""``doctor``: check the installation, and the checks for credentials that other commands use."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from isce2_recipe import __version__, errors
from isce2_recipe.cli.printing import echo, echo_row
from isce2_recipe.errors import InputError, RecipeToolError
from isce2_recipe.plugins import importing, plugins
from isce2_recipe.quantities import format_bytes
from isce2_recipe.recipe import available
from isce2_recipe.running.resources import disk_bytes, memory_bytes, processors

if TYPE_CHECKING:
    from isce2_recipe.engines.base import Engine

_GIGABYTE = 1e9
# Needed for one burst pair; `isce2-recipe plan` shows what a recipe needs.
_DISK_NEEDED = 5 * _GIGABYTE
_MEMORY_NEEDED = 4 * _GIGABYTE
_GROUPS = tuple(f"isce2_recipe.{kind}" for kind in ("actions", "sources", "engines", "executors"))


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The result of one check of the installation."""

    name: str
    # ``ok``, ``missing`` (recipes cannot run) or ``note`` (something is missing that only some users need).
    state: str
    detail: str
    remedy: str = ""  # what the user can do; empty if nothing is to be done


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor_command(as_json: bool) -> int:
    """Check the installation and suggest fixes.

    The exit code is 1 if recipes cannot run because something is missing, else 0.
    """
    checks = check_installation()
    if as_json:
        echo(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            echo_row(f"{check.state:>7}  {check.name:<{width}}  ", check.detail)
            if check.remedy:
                echo_row(f"{'':>7}  {'':<{width}}  -> ", check.remedy)
    broken = any(check.state == "missing" for check in checks)
    return errors.EXIT_INPUT if broken else errors.EXIT_OK


def check_installation() -> list[HealthCheck]:
    """Return the results of all checks, in the order in which they are printed."""
    return [
        *_program(),
        *_packages(),
        *_kernel_cache(),
        *_engines(),
        _dask(),
        *_credentials(),
        *_machine(),
        *_plugins(),
    ]


def has_earthdata_login() -> bool:
    """Return whether there are credentials for NASA's Earthdata Login."""
    from isce2_recipe.sources.asf.credentials import find_credentials
    from isce2_recipe.sources.asf.settings import Settings

    try:
        return find_credentials(os.environ, Settings().login_url).found
    except RecipeToolError:
        return False


def has_aws_login() -> bool:
    """Return whether there are credentials for AWS, as far as this is known without a request to a server."""
    variables = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE")
    roles = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    if any(os.environ.get(name) for name in (*variables, *roles)):
        return True
    try:
        return Path(file).expanduser().is_file()
    except (OSError, RuntimeError):  # no home folder, or that of another user
        return False


def has_login_to_publish() -> bool:
    """Return whether the environment has the login of the bucket for published products."""
    from isce2_recipe.products.s3 import PUBLISH_KEYS

    return all(os.environ.get(name) for name in PUBLISH_KEYS)


def _program() -> Iterator[HealthCheck]:
    yield HealthCheck("isce2-recipe", "ok", f"{__version__}, {len(available())} recipes")
    yield HealthCheck("Python", "ok", f"{platform.python_version()} at {sys.executable}")


def _kernel_cache() -> Iterator[HealthCheck]:
    from isce2_recipe.running.preloading import temporary_kernel_cache

    if temporary_kernel_cache(os.environ) is not None:
        detail = "neither the installation nor the home folder can be written"
        remedy = "set NUMBA_CACHE_DIR to a folder that lasts, or every run compiles the kernels again"
        yield HealthCheck("kernel cache", "note", detail, remedy)


def _requirements() -> list[str]:
    """Return what this package requires; nothing if it is used without installation."""
    try:
        return requires("isce2-recipe") or []
    except PackageNotFoundError:
        return []


def _packages() -> Iterator[HealthCheck]:
    missing = []
    for line in _requirements():
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
        yield HealthCheck("packages", "ok", "all installed")
    with suppress(PackageNotFoundError):
        yield HealthCheck(
            "hyp3-isce2",
            "note",
            f"{version('hyp3-isce2')} is installed too; both have a package hyp3_isce2 and its commands, and "
            "the one installed last has replaced files of the other",
            "keep them in different environments, or keep only isce2-recipe: pip uninstall hyp3-isce2, then "
            "pip install --force-reinstall --no-deps isce2-recipe",
        )


def _engines() -> Iterator[HealthCheck]:
    from isce2_recipe.engines import open_engine

    for name, state, remedy in (
        (
            "isce2",
            "note",
            "conda install -c conda-forge isce2, or set ISCE_HOME; the builtin engine works without it",
        ),
        ("builtin", "missing", "reinstall isce2-recipe"),
    ):
        try:
            engine = open_engine(name)
            yield HealthCheck(f"engine {name}", "ok", engine.version())
            yield from _opencv(engine)
        except (RecipeToolError, ImportError) as exc:
            message = exc.message if isinstance(exc, RecipeToolError) else str(exc)
            yield HealthCheck(f"engine {name}", state, message, remedy)


def _dask() -> HealthCheck:
    try:
        return HealthCheck("executor dask", "ok", f"distributed {version('distributed')}")
    except PackageNotFoundError:
        remedy = "pip install 'isce2-recipe[dask]', to run steps on a cluster"
        return HealthCheck("executor dask", "note", "distributed is not installed", remedy)


def _opencv(engine: Engine) -> Iterator[HealthCheck]:
    from isce2_recipe.engines.isce2 import OPENCV, Isce2Engine

    if isinstance(engine, Isce2Engine) and engine.lacks("cv2"):
        yield HealthCheck(
            "OpenCV",
            "note",
            "not installed in ISCE2's Python, so insar_stripmap cannot estimate the ionosphere",
            f"install it ({OPENCV}), or run with --engine builtin or split_spectrum=false",
        )


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
        yield HealthCheck(
            "Earthdata login", "note", "none found, so --source asf cannot download bursts", HINT
        )


def _machine() -> Iterator[HealthCheck]:
    memory, disk = memory_bytes(), disk_bytes(Path.cwd())
    yield HealthCheck("processors", "ok", str(processors()))
    more_memory = "" if memory >= 0.9 * _MEMORY_NEEDED else "a burst pair needs 4 GB"
    yield HealthCheck("memory", "note" if more_memory else "ok", format_bytes(memory), more_memory)
    more_disk = "" if disk >= _DISK_NEEDED else "a burst pair needs 5 GB; use --workdir on another disk"
    yield HealthCheck("free disk space", "note" if more_disk else "ok", format_bytes(disk), more_disk)


def _plugins() -> Iterator[HealthCheck]:
    for group in _GROUPS:
        names = []
        for point in sorted(plugins(group).values()):
            try:
                with importing(f"'{point.name}'", point.value):
                    point.load()
                names.append(point.name)
            except InputError as exc:
                yield HealthCheck(f"plug-in: {point.name}", "note", exc.message, exc.hint or "")
        if names:
            yield HealthCheck(f"plug-ins: {group.partition('.')[2]}", "ok", ", ".join(names))
