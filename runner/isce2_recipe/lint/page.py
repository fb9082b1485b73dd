"""The page ``docs/lint.md``, which is generated from the rules."""

from __future__ import annotations

from isce2_recipe.lint.catalogue import RULES, by_id
from isce2_recipe.lint.rule import DEFAULT_PROFILE, PROFILES, Rule

_HEAD = """\
# Lint rules

`isce2-recipe lint PATH...` checks recipes, folders of recipes, and XML files of topsApp and stripmapApp. This
page is generated from the rules with `isce2-recipe lint --explain all > docs/lint.md`.

* A profile is a set of rules: PROFILES. Each profile contains the rules of the profiles before it. The
  default is `DEFAULT`. `--select IR04,IR060` checks only these rules, and `--ignore IR013` skips rules.
* The comment `# recipe: ignore[IR012] reason` turns a rule off for its line. A comment on a line of its own
  turns it off for the next line.
* `--fix` repairs problems of the rules marked *fixable* in the file; comments and layout stay the same.
* `--baseline FILE` writes the current problems to the file if it does not exist; later calls report only new
  problems.
* `--format text|github|sarif|json` sets the format of the report.
* The exit code is 0 without problems, 1 with problems, and 2 if the command line is invalid, a folder has no
  recipes, or a file cannot be read.
* `plan` and `run` refuse a recipe that violates IR001 to IR010, IR020 to IR023, IR026, IR027, IR030,
  IR032, IR035 or IR039.

In CI, with [pre-commit](https://pre-commit.com) or as a GitHub Action:

```yaml
- repo: https://github.com/isce2-recipe/isce2-recipe
  rev: v0.1.0
  hooks: [{id: isce2-recipe-lint}]
```

```yaml
- uses: isce2-recipe/isce2-recipe@v0.1.0
  with: {paths: recipes}
```

"""


def markdown() -> str:
    """Return the page as Markdown."""
    profiles = ", ".join(f"`{name}`" for name in PROFILES)
    head = _HEAD.replace("PROFILES", profiles).replace("DEFAULT", DEFAULT_PROFILE)
    return head + _table() + "".join(_section(identifier, rules) for identifier, rules in by_id().items())


def _table() -> str:
    rows = [f"| [{rule.id}](#{rule.id.lower()}) | {_facts(rule)} | {rule.title} |" for rule in RULES]
    return "| Rule | Severity, profile | Problem |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _section(identifier: str, rules: tuple[Rule, ...]) -> str:
    return f"\n## {identifier}\n" + "".join(_paragraphs(rule) for rule in rules)


def _paragraphs(rule: Rule) -> str:
    text = f"\n**{rule.title}.** *{_facts(rule)}*\n"
    return f"{text}\n{rule.why}\n" if rule.why else text


def _facts(rule: Rule) -> str:
    return f"{rule.severity}, {rule.profile}{', fixable' if rule.fixable else ''}"
