"""``docs/lint.md``: every rule on one page, made from the rules themselves."""

from __future__ import annotations

from isce2_recipe.lint.catalogue import RULES, by_id
from isce2_recipe.lint.rule import DEFAULT_PROFILE, PROFILES, Rule

_HEAD = """\
# Lint rules

`isce2-recipe lint PATH...` checks recipes and folders of recipes. This page is made from the rules:
`isce2-recipe lint --explain all > docs/lint.md`.

* A profile holds the rules of those before it: PROFILES. The default is `DEFAULT`.
  `--select IR04,IR060` takes only these, `--ignore IR013` leaves some out.
* `# recipe: ignore[IR012] reason` silences a rule on its line, or, on a line of its own, on the next one.
* `--fix` puts right in place what is marked *fixable*; comments and layout stay.
* `--baseline FILE` writes today's findings where the file does not exist, and reports only new ones after.
* `--format text|github|sarif|json`; exit code 0 for no findings, 1 for findings, 2 for a call without sense,
  a folder without recipes, or a file that cannot be read.
* While nothing that was looked at has changed, the same command is answered from memory: recipes, parts,
  templates and the places where others would be found before them, pages, folders, this package, plug-ins and
  installed packages are watched, by size, times and inode. `--no-cache` looks again.
* `plan` and `run` refuse a recipe that breaks IR001 to IR010, IR020 to IR023, IR026 or IR030.

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
    """The page."""
    profiles = ", ".join(f"`{name}`" for name in PROFILES)
    head = _HEAD.replace("PROFILES", profiles).replace("DEFAULT", DEFAULT_PROFILE)
    return head + _table() + "".join(_section(identifier, rules) for identifier, rules in by_id().items())


def _table() -> str:
    rows = [f"| [{rule.id}](#{rule.id.lower()}) | {_facts(rule)} | {rule.title} |" for rule in RULES]
    return "| Rule | Severity, profile | What it finds |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _section(identifier: str, rules: tuple[Rule, ...]) -> str:
    return f"\n## {identifier}\n" + "".join(_paragraphs(rule) for rule in rules)


def _paragraphs(rule: Rule) -> str:
    text = f"\n**{rule.title}.** *{_facts(rule)}*\n"
    return f"{text}\n{rule.why}\n" if rule.why else text


def _facts(rule: Rule) -> str:
    return f"{rule.severity}, {rule.profile}{', fixable' if rule.fixable else ''}"
