"""The catalogue of rules, and the selection of rules by profile and id."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from isce2_recipe.errors import UsageError
from isce2_recipe.lint.rule import PROFILES, Profile, Rule, reported
from isce2_recipe.lint.rules import (
    documentation,
    expressions,
    grammar,
    providers,
    robustness,
    safety,
    sar,
    templates,
)
from isce2_recipe.problems import did_you_mean

UNUSED_IGNORE = reported(
    "IR090",
    "warning",
    "basic",
    """An ignore comment is no longer needed.

    Remove it, so that it does not hide another problem on its line; `--fix` does so. Comments about rules
    that are not selected are not reported.
    """,
    fixable=True,
)

UNKNOWN_RULE = reported("IR091", "error", "basic", """An ignore comment names a rule that does not exist.""")

BASELINE_GONE = reported(
    "IR092",
    "warning",
    "basic",
    """A problem in the baseline no longer exists.

    Write a new baseline: delete the file and run with `--baseline FILE`.
    """,
)

NO_REASON = reported(
    "IR093",
    "info",
    "shared",
    """An ignore comment has no reason.

    Write the reason after the brackets:

        looks: 20x5   # recipe: ignore[IR064] the sensor is not Sentinel-1
    """,
)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *grammar.RULES, *documentation.RULES, *expressions.RULES, *templates.RULES, *safety.RULES,
            *robustness.RULES, *sar.RULES,
            *providers.RULES, UNUSED_IGNORE, UNKNOWN_RULE, BASELINE_GONE, NO_REASON,
        ),
        key=lambda rule: rule.id,
    )
)  # fmt: skip
"""All rules, sorted by id. Some ids have two: one that loading reports, and one that a function checks."""


@cache
def by_id() -> dict[str, tuple[Rule, ...]]:
    """Return the rules by id."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in RULES:
        found[rule.id] = (*found.get(rule.id, ()), rule)
    return found


def chosen(profile: Profile, select: Collection[str], ignore: Collection[str]) -> frozenset[str]:
    """Return the ids of the selected rules.

    Parameters
    ----------
    profile : str
        All rules of this profile and of the profiles before it; ignored if ``select`` is given.
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


def matching(prefixes: Collection[str]) -> set[str]:
    """Return the ids that begin with any of the prefixes.

    Raises
    ------
    UsageError
        If a prefix matches no rule.
    """
    found: set[str] = set()
    for prefix in prefixes:
        ids = {identifier for identifier in by_id() if identifier.startswith(prefix.upper())}
        if not ids or len(prefix) < 3:
            raise UsageError(f"there is no rule '{prefix}'", hint=did_you_mean(prefix, list(by_id())))
        found |= ids
    return found


def explain(identifier: str) -> str:
    """Return the documentation of a rule as text.

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
    fixable = ", --fix can repair it" if rule.fixable else ""
    head = f"{rule.id}: {rule.title}\n{rule.severity}, profile {rule.profile}{fixable}"
    return f"{head}\n\n{rule.why}" if rule.why else head
