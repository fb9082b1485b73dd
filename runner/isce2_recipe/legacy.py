"""The command lines of hyp3-isce2 (``++process WORKFLOW ++omp-num-threads N ...``) as ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isce2_recipe.errors import UsageError
from isce2_recipe.recipe import available

_DEFAULT = "insar_tops_burst"
_WORKFLOWS = {
    "insar_tops_burst": "insar_tops_burst",
    "insar_tops_multi_burst": "insar_tops_burst",
    "insar_tops": "insar_tops",
    "insar_stripmap": "insar_stripmap",
    "merge_tops_bursts": "merge_tops_bursts",
}
_LISTS = ("--reference", "--secondary", "--granules")
_TIME = slice(14, 29)  # of a burst name: its date and time
_DEPRECATED = "{} is deprecated. Please use --reference and --secondary."


@dataclass(frozen=True, slots=True)
class Translation:
    """An old command line in our words.

    Attributes
    ----------
    words : list of str
        Arguments of ``isce2-recipe``.
    notes : list of str
        What its user should know.
    """

    words: list[str]
    notes: list[str]


def translate(words: Sequence[str]) -> Translation:
    """An old command line as one of ours that does the same.

    Raises
    ------
    UsageError
        If it is none, or asks for something that is not there.
    """
    plus, rest = _split(words)
    process = plus.get("++process", _DEFAULT)
    if process not in _WORKFLOWS:
        known = ", ".join(_WORKFLOWS)
        raise UsageError(f"argument ++process: invalid choice: '{process}' (choose from {known})")
    recipe = _WORKFLOWS[process]
    if recipe not in available():
        raise UsageError(
            f"the workflow {process} is not part of this version",
            hint="isce2-recipe list shows the recipes there are",
        )
    own = ["run", recipe, "--publish", "."]
    if "++omp-num-threads" in plus:
        own += ["--cpus", plus["++omp-num-threads"]]
    if recipe != _DEFAULT:
        return Translation([*own, *rest], [])
    return _bursts(own, rest)


def _split(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Options with ``++`` and their values, and everything else."""
    plus: dict[str, str] = {}
    rest: list[str] = []
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        name, equals, value = word.partition("=")
        if name not in ("++process", "++omp-num-threads"):
            if word.startswith("++"):
                raise UsageError(
                    f"there is no option '{word}'", hint="known are ++process and ++omp-num-threads"
                )
            rest.append(word)
        elif equals:
            plus[name] = value
        elif remaining:
            plus[name] = remaining.pop(0)
        else:
            raise UsageError(f"argument {name}: expected one argument")
    return plus, rest


def _bursts(own: list[str], rest: list[str]) -> Translation:
    options = _options(rest)
    positional = options.pop("", [])
    granules = options.pop("--granules", [])
    notes: list[str] = []
    if granules or positional:
        if "--reference" in options or "--secondary" in options:
            raise UsageError(
                "Provide either --reference and --secondary, or the positional granules argument, not both."
            )
        pair = granules or positional
        if len(pair) > 2:
            raise UsageError("No more than two granules may be provided.")
        if len(pair) < 2:
            raise UsageError(
                "--granules must specify exactly two granules" if granules else "two granules are needed"
            )
        older, newer = sorted(pair, key=lambda name: name[_TIME])
        options |= {"--reference": [older], "--secondary": [newer]}
        notes.append(_DEPRECATED.format("--granules" if granules else "The positional argument for granules"))
    elif not ("--reference" in options and "--secondary" in options):
        raise UsageError(
            "Either --reference and --secondary, or the positional granules argument, must be provided."
        )
    return Translation([*own, *_own_options(options)], notes)


def _options(rest: Sequence[str]) -> dict[str, list[str]]:
    """Values by option, those of none under the empty name; values are split at blanks, as they were."""
    found: dict[str, list[str]] = {}
    current, full = "", False
    for word in rest:
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            current, full = name.replace("_", "-"), bool(equals)
            found[current] = value.split() if equals else []
            continue
        many = current in ("", *_LISTS)
        found.setdefault("" if full and not many else current, []).extend(word.split())
        full = True
    return found


def _own_options(options: dict[str, list[str]]) -> list[str]:
    words: list[str] = []
    for name, values in options.items():
        if name == "--apply-water-mask":
            words += [name, "true" if "".join(values).lower() == "true" else "false"]
        elif not (name.startswith(("--bucket", "--publish")) and values in ([], [""], ["None"])):
            words += [name, *values]
    return words
