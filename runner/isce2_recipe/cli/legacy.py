"""``translate``, and the execution of hyp3-isce2 command lines."""

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
from isce2_recipe.cli.printing import echo
from isce2_recipe.errors import UsageError
from isce2_recipe.legacy import Translation, translate, translate_xml
from isce2_recipe.legacy.workflows import WORKFLOWS
from isce2_recipe.sources import DEFAULT_SOURCE
from isce2_recipe.types import BurstName, SlcName

_NO_LOGIN = "Earthdata credentials must be present as environment variables, or in your netrc."
_CONTAINERS = ("docker", "podman", "apptainer", "singularity")
_SHARED_EXIT_CODES = (errors.EXIT_OK, errors.EXIT_USAGE, errors.EXIT_INTERRUPTED)


def translated_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of isce2-recipe for a hyp3-isce2 command line; print notes to standard error."""
    translation = translate(arguments, _find_burst)
    if translation.help:
        echo(translation.help, nl=False)
        raise click.exceptions.Exit(errors.EXIT_OK)
    os.environ |= translation.environment
    for note in [*translation.notes, *_missing_login()]:
        echo(f"warning: {note}", err=True)
    translated = [*translation.arguments, *_threads(translation)]
    sys.argv[1:] = translated  # run records and hints show this command
    return translated


def _threads(translation: Translation) -> list[str]:
    """Return ``--cpus`` with OMP_NUM_THREADS, which HyP3 sets, unless the command line has the number."""
    count = os.environ.get("OMP_NUM_THREADS", "")
    if "--cpus" in translation.options or not count.isdigit() or int(count) == 0:
        return []
    return ["--cpus", count]


def _source() -> str:
    return os.environ.get("ISCE2_RECIPE_SOURCE", DEFAULT_SOURCE)


def _find_burst(slc: SlcName, swath: int, polarization: str, number: int) -> BurstName:
    """Find the burst at a position in an SLC with the run's source."""
    from isce2_recipe.sources import open_source
    from isce2_recipe.sources.base import capabilities_of

    source = open_source(_source())
    if "burst_positions" not in capabilities_of(source):
        raise UsageError(
            f"the source {source.name} cannot find a burst by its position in an SLC",
            hint="give the names of the bursts with --reference and --secondary",
        )
    return source.burst_at(slc, swath, polarization, number, logging.getLogger(__name__))


def _missing_login() -> list[str]:
    from isce2_recipe.cli.doctor import has_earthdata_login
    from isce2_recipe.sources import open_source
    from isce2_recipe.sources.base import traits_of

    downloads = traits_of(open_source(_source())).downloads
    return [_NO_LOGIN] if downloads and not has_earthdata_login() else []


def exit_code(code: int) -> int:
    """Return hyp3-isce2's exit code: 2 for an invalid command line, 1 for all other errors."""
    return code if code in _SHARED_EXIT_CODES else errors.EXIT_INPUT


@click.command("translate", context_settings={"ignore_unknown_options": True})
@click.option("--yaml", "as_yaml", is_flag=True, help="Print a parameter file instead of a command.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND... | FILE.xml")
def translate_command(as_yaml: bool, words: tuple[str, ...]) -> None:
    """Translate a hyp3-isce2 command or an ISCE2 XML file.

    The result is an isce2-recipe command that does the same. XML files of topsApp and stripmapApp can be
    translated.

    \b
    Examples:
      isce2-recipe translate -- ++process insar_tops_burst --reference ...
      isce2-recipe translate --yaml topsApp.xml > parameters.yml
    """  # noqa: D301
    translation = _translate(list(words))
    if translation.help:
        echo(translation.help, nl=False)
        return
    for note in translation.notes:
        echo(f"note: {note}", err=True)
    command = shlex.join(["isce2-recipe", *translation.arguments])
    echo(translation.yaml if as_yaml else command)


def _translate(words: list[str]) -> Translation:
    if len(words) == 1 and words[0].lower().endswith(".xml"):
        return translate_xml(Path.cwd() / words[0])
    arguments = _without_program(words)
    if arguments[:1] and arguments[0] in WORKFLOWS:
        arguments = ["++process", *arguments]
    if not any(argument.startswith("++process") for argument in arguments):
        raise UsageError(
            "this is neither a hyp3-isce2 command nor an XML file",
            hint="for example: isce2-recipe translate -- ++process insar_tops_burst --reference ...",
        )
    return translate(arguments, _find_burst)


def _without_program(words: list[str]) -> list[str]:
    """Return the arguments after ``python -m hyp3_isce2`` or ``docker run ... IMAGE`` in a copied command."""
    if "hyp3_isce2" in words:
        return words[words.index("hyp3_isce2") + 1 :]
    if words[0] in _CONTAINERS:
        return list(itertools.dropwhile(lambda word: not word.startswith("++"), words))
    return words
