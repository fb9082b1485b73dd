"""Which rules there are, and which of them are asked for."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from isce2_recipe.errors import UsageError
from isce2_recipe.lint.rule import PROFILES, Profile, Rule, reported
from isce2_recipe.lint.rules import documentation, expressions, grammar, running, safety, sar, templates
from isce2_recipe.problems import did_you_mean

UNUSED_IGNORE = reported(
    "IR090",
    "warning",
    "basic",
    """An ignore comment that nothing needs any more.

    Take it out, so that the next finding on its line is seen. `--fix` does. Ignores of rules that were not
    asked for are left alone.
    """,
    fixable=True,
)

UNKNOWN_RULE = reported("IR091", "error", "basic", """An ignore comment names a rule that does not exist.""")

BASELINE_GONE = reported(
    "IR092",
    "warning",
    "basic",
    """A finding of the baseline is not there any more.

    Write the baseline again: delete the file and run with `--baseline FILE`.
    """,
)

NO_REASON = reported(
    "IR093",
    "info",
    "shared",
    """An ignore comment gives no reason.

        looks: 20x5   # recipe: ignore[IR064] the sensor is not Sentinel-1
    """,
)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *grammar.RULES, *documentation.RULES, *expressions.RULES, *templates.RULES, *safety.RULES,
            *running.RULES, *sar.RULES, UNUSED_IGNORE, UNKNOWN_RULE, BASELINE_GONE, NO_REASON,
        ),
        key=lambda rule: rule.id,
    )
)  # fmt: skip
"""Every rule, by id. A few ids have two: what loading reports, and what a function adds."""


@cache
def by_id() -> dict[str, tuple[Rule, ...]]:
    """Rules by their id."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in RULES:
        found[rule.id] = (*found.get(rule.id, ()), rule)
    return found


def chosen(profile: Profile, select: Collection[str], ignore: Collection[str]) -> frozenset[str]:
    """Ids of the rules asked for.

    Parameters
    ----------
    profile : str
        All rules of this profile and of smaller ones; not looked at where ``select`` is given.
    select, ignore : collection of str
        Ids or beginnings of ids: ``IR04`` stands for IR040 to IR049.

    Raises
    ------
    UsageError
        If a profile is unknown or an id matches no rule.
    """
    if profile not in PROFILES:
        raise UsageError(f"there is no profile '{profile}'", hint=did_you_mean(profile, PROFILES))
    limit = PROFILES.index(profile)
    base = {rule.id for rule in RULES if PROFILES.index(rule.profile) <= limit}
    return frozenset((matching(select) if select else base) - matching(ignore))


def matching(words: Collection[str]) -> set[str]:
    """Ids that begin with any of the words.

    Raises
    ------
    UsageError
        If a word matches no rule.
    """
    found: set[str] = set()
    for word in words:
        ids = {identifier for identifier in by_id() if identifier.startswith(word.upper())}
        if not ids or len(word) < 3:
            raise UsageError(f"there is no rule '{word}'", hint=did_you_mean(word, list(by_id())))
        found |= ids
    return found


def explain(identifier: str) -> str:
    """A rule's documentation as text.

    Raises
    ------
    UsageError
        If there is no such rule.
    """
    rules = by_id().get(identifier.upper())
    if rules is None:
        raise UsageError(f"there is no rule '{identifier}'", hint=did_you_mean(identifier, list(by_id())))
    return "\n\n".join(_explain_one(rule) for rule in rules)


def _explain_one(rule: Rule) -> str:
    fixable = ", --fix can put it right" if rule.fixable else ""
    head = f"{rule.id}: {rule.title}\n{rule.severity}, profile {rule.profile}{fixable}"
    return f"{head}\n\n{rule.why}" if rule.why else head
