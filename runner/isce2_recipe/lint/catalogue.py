"""The catalogue of rules: their selection by profile and id, and their documentation."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from isce2_recipe.errors import UsageError
from isce2_recipe.lint.rule import DEFAULT_PROFILE, PROFILES, Profile, Rule
from isce2_recipe.lint.rules import (
    documentation,
    expressions,
    grammar,
    reported,
    robustness,
    safety,
    sar,
    templates,
)
from isce2_recipe.paths import data_folder
from isce2_recipe.problems import did_you_mean

_CHECKED = (grammar, documentation, expressions, templates, safety, robustness, sar)

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *reported.RULES,
            *(one for module in _CHECKED for one in vars(module).values() if isinstance(one, Rule)),
        ),
        key=lambda rule: rule.id,
    )
)
"""All rules, sorted by id. Some ids have two: one that loading reports, and one that a function checks."""


@cache
def by_id() -> dict[str, tuple[Rule, ...]]:
    """Return the rules by id."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in RULES:
        found[rule.id] = (*found.get(rule.id, ()), rule)
    return found


def chosen(profile: Profile, select: Collection[str], ignore: Collection[str]) -> frozenset[str]:
    """Return the ids of the rules of a profile and those before it, or of ``select``, without ``ignore``.

    Both have ids or beginnings of ids: ``IR04`` stands for IR040 to IR049. Raise UsageError if there is no
    such profile or rule.
    """
    if profile not in PROFILES:
        raise UsageError(f"there is no profile '{profile}'", hint=did_you_mean(profile, PROFILES))
    limit = PROFILES.index(profile)
    base = {rule.id for rule in RULES if PROFILES.index(rule.profile) <= limit}
    return frozenset((matching(select) if select else base) - matching(ignore))


def matching(prefixes: Collection[str]) -> set[str]:
    """Return the ids that begin with any of the prefixes; raise UsageError if a prefix matches no rule."""
    found: set[str] = set()
    for prefix in prefixes:
        ids = {identifier for identifier in by_id() if identifier.startswith(prefix.upper())}
        if not ids or len(prefix) < 3:
            raise UsageError(f"there is no rule '{prefix}'", hint=did_you_mean(prefix, list(by_id())))
        found |= ids
    return found


def explain(identifier: str) -> str:
    """Return the documentation of a rule as text; raise UsageError if there is no such rule."""
    rules = by_id().get(identifier.upper())
    if rules is None:
        raise UsageError(f"there is no rule '{identifier}'", hint=did_you_mean(identifier, list(by_id())))
    return "\n\n".join(_explain_one(rule) for rule in rules)


def _explain_one(rule: Rule) -> str:
    fixable = ", --fix can repair it" if rule.fixable else ""
    head = f"{rule.id}: {rule.title}\n{rule.severity}, profile {rule.profile}{fixable}"
    return f"{head}\n\n{rule.why}" if rule.why else head


def markdown() -> str:
    """Return the page ``docs/lint.md``."""
    from jinja2 import Template

    text = (data_folder("templates") / "lint" / "rules.md.j2").read_text(encoding="utf-8")
    page = Template(text, trim_blocks=True, keep_trailing_newline=True)
    return str(page.render(rules=RULES, by_id=by_id(), profiles=PROFILES, default=DEFAULT_PROFILE))
