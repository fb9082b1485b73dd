"""Command lines of hyp3-isce2: run as they are, or shown as ours; and XML of ISCE2's applications."""

from __future__ import annotations

import itertools
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from isce2_recipe import errors
from isce2_recipe.errors import UsageError
from isce2_recipe.legacy import Translation, translate, translate_xml
from isce2_recipe.legacy.table import WORKFLOWS
from isce2_recipe.plan.project import DEFAULT_SOURCE
from isce2_recipe.types import BurstName, SlcName

_NO_LOGIN = "Earthdata credentials must be present as environment variables, or in your netrc."
_CONTAINERS = ("docker", "podman", "apptainer", "singularity")
_KEPT = (errors.EXIT_OK, errors.EXIT_USAGE, errors.EXIT_INTERRUPTED)


def own_words(words: Sequence[str]) -> list[str]:
    """An old command line as ours, ready to run; what its user should know goes to standard error."""
    translation = translate(words, _find_burst)
    if translation.help:
        click.echo(translation.help, nl=False)
        raise click.exceptions.Exit(errors.EXIT_OK)
    os.environ |= translation.environment
    for note in [*translation.notes, *_missing_login()]:
        click.echo(f"warning: {note}", err=True)
    words = [*translation.words, *_threads(translation)]
    sys.argv[1:] = words  # what records and hints name as the command
    return words


def _threads(translation: Translation) -> list[str]:
    """The number in OMP_NUM_THREADS, which ISCE2 went by where no other was given; HyP3 sets it."""
    count = os.environ.get("OMP_NUM_THREADS", "")
    given = "--cpus" in translation.options
    return ["--cpus", count] if count.isdigit() and int(count) > 0 and not given else []


def _source() -> str:
    return os.environ.get("ISCE2_RECIPE_SOURCE", DEFAULT_SOURCE)


def _find_burst(slc: SlcName, swath: int, polarization: str, number: int) -> BurstName:
    """The burst at a place in an SLC, as the source of the run knows it."""
    from isce2_recipe.sources import open_source
    from isce2_recipe.sources.base import BurstCounter

    source = open_source(_source())
    if not isinstance(source, BurstCounter):
        raise UsageError(
            f"the source {source.name} knows bursts by name only", hint="give --reference and --secondary"
        )
    return source.burst_at(slc, swath, polarization, number, logging.getLogger(__name__))


def _missing_login() -> list[str]:
    if _source() != DEFAULT_SOURCE:
        return []
    from isce2_recipe.cli.health import has_earthdata_login

    return [] if has_earthdata_login() else [_NO_LOGIN]


def exit_code(code: int) -> int:
    """Exit codes as hyp3-isce2 had them: 0, 1 and for command lines that make no sense 2."""
    return code if code in _KEPT else errors.EXIT_INPUT


@click.command("translate", context_settings={"ignore_unknown_options": True})
@click.option("--yaml", "as_yaml", is_flag=True, help="Print a parameter file.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- WORDS... | FILE.xml")
def translate_command(as_yaml: bool, words: tuple[str, ...]) -> None:
    """Show what a command line of hyp3-isce2, or an XML of ISCE2's topsApp or stripmapApp, is here.

    \b
    isce2-recipe translate -- ++process insar_tops_burst --reference ... --secondary ...
    isce2-recipe translate --yaml topsApp.xml > parameters.yml
    """  # noqa: D301
    translation = _translation(list(words))
    if translation.help:
        click.echo(translation.help, nl=False)
        return
    for note in translation.notes:
        click.echo(f"note: {note}", err=True)
    line = shlex.join(["isce2-recipe", *translation.words])
    click.echo(translation.yaml if as_yaml else line)


def _translation(words: list[str]) -> Translation:
    if len(words) == 1 and words[0].lower().endswith(".xml"):
        return translate_xml(Path.cwd() / words[0])
    words = _arguments(words)
    if words[:1] and words[0] in WORKFLOWS:
        words = ["++process", *words]
    if not any(word.startswith("++process") for word in words):
        raise UsageError(
            "this is neither a command line of hyp3-isce2 nor an XML file",
            hint="for example: isce2-recipe translate -- ++process insar_tops_burst --reference ...",
        )
    return translate(words, _find_burst)


def _arguments(words: list[str]) -> list[str]:
    """What follows the program in a line that was copied: ``python -m hyp3_isce2``, ``docker run IMAGE``."""
    if "hyp3_isce2" in words:
        return words[words.index("hyp3_isce2") + 1 :]
    if words[0] in _CONTAINERS:
        return list(itertools.dropwhile(lambda word: not word.startswith("++"), words))
    return words
