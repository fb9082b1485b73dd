"""Lint rules: small functions that yield problems, documented by their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from isce2_recipe.actions.base import nothing
from isce2_recipe.expressions import has_expression
from isce2_recipe.problems import MAX_PROBLEMS, SEVERITIES, DataPath, Problem, Severity
from isce2_recipe.recipe.document import Document
from isce2_recipe.recipe.model import Parameter, Recipe, Step
from isce2_recipe.recipe.samples import Samples, namespace
from isce2_recipe.recipe.scope import Scope

if TYPE_CHECKING:
    from isce2_recipe.engines.base import Applications

Profile = Literal["min", "basic", "sar", "shared"]
PROFILES: tuple[Profile, ...] = ("min", "basic", "sar", "shared")
"""Each holds the rules of those before it: what must be right to run at all, what keeps a recipe tidy and
safe, what radar people know, and what a recipe owes to others who use it."""

DEFAULT_PROFILE: Profile = "sar"


class Providers(NamedTuple):
    """The given source and engine, and what they can do."""

    # Their names; empty if none is given.
    source: str = ""
    engine: str = ""
    capabilities: frozenset[str] | None = None  # capabilities of the source; None if they are unknown
    applications: Applications | None = None  # steps of the engine by application; None if they are unknown


NO_PROVIDERS = Providers()


def find_providers(source: str | None, engine: str | None) -> Providers:
    """Return what the named source and engine can do, without opening them.

    Raise UsageError if there is no such source or engine.
    """
    if not (source or engine):
        return NO_PROVIDERS
    from isce2_recipe.engines import published_steps
    from isce2_recipe.sources import declared_capabilities

    return Providers(
        (source or "").partition(":")[0],
        engine or "",
        declared_capabilities(source) if source else None,
        published_steps(engine) if engine else None,
    )


class Subject:
    """What rules check: a document, the recipe in it, the known actions, and the given source and engine.

    The recipe is None if the grammar is wrong; most rules report nothing then.
    """

    def __init__(
        self,
        document: Document,
        recipe: Recipe | None,
        actions: Mapping[str, Any],
        providers: Providers = NO_PROVIDERS,
    ) -> None:
        self.document = document
        self.recipe = recipe
        self.actions = actions
        self.providers = providers

    @property
    def data(self) -> dict[str, Any]:
        """Return the top mapping; empty if there is none."""
        return self.document.data if isinstance(self.document.data, dict) else {}

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the recipe's steps; none if the grammar is wrong."""
        return () if self.recipe is None else self.recipe.steps

    @property
    def parameters(self) -> Collection[Parameter]:
        """Return the recipe's parameters; none if the grammar is wrong."""
        return () if self.recipe is None else self.recipe.parameters.values()

    @property
    def declared(self) -> dict[str, dict[str, Any]]:
        """Return the schemas of the parameters as they are written."""
        found = self.data.get("parameters")
        schemas = found.items() if isinstance(found, dict) else ()
        return {name: schema for name, schema in schemas if isinstance(schema, dict)}

    @cached_property
    def scope(self) -> Scope | None:
        """Return the meaning of the recipe's names; None if the grammar is wrong."""
        return None if self.recipe is None else Scope(self.recipe, self.actions)

    @property
    def scalars(self) -> list[tuple[DataPath, Any]]:
        """Return every scalar with its path; none if the text is not a mapping."""
        return self.document.scalars if self.data else []

    @cached_property
    def texts(self) -> list[tuple[DataPath, str]]:
        """Return every text with its path."""
        return [(path, value) for path, value in self.scalars if isinstance(value, str)]

    @cached_property
    def expressions(self) -> list[tuple[DataPath, str]]:
        """Return every text that contains an expression, with its path."""
        return [(path, text) for path, text in self.texts if has_expression(text)]

    @cached_property
    def samples(self) -> Samples:
        """Return values for all names, and which of them are real; none if the grammar is wrong."""
        return Samples({}, frozenset()) if self.scope is None else namespace(self.scope)

    def action(self, step: Step) -> Any:
        """Return the action that a step uses; None for parts and unknown actions."""
        return None if step.part is not None else self.actions.get(step.uses)

    def uses(self, step: Step, capability: str) -> bool:
        """Return whether a step's action takes anything but its name from the source or the engine."""
        action = self.action(step)
        return action is not None and capability in action.uses and action.takes is not nothing

    def at(self, path: DataPath, what: str, advice: str | None = None, **fields: Any) -> Problem:
        """Return a problem at a value; ``fields`` are those of `Problem`. The linter adds the rule's id."""
        return Problem(self.document.mark(path), what, advice, **fields)

    def at_key(self, path: DataPath, what: str, advice: str | None = None, **fields: Any) -> Problem:
        """Return a problem at a value's key."""
        return Problem(self.document.key_mark(path), what, advice, **fields)


def all_needed(name: str, waits: Mapping[str, Sequence[str]]) -> set[str]:
    """Return all steps that a step waits for, directly or through others; circles are allowed."""
    found: set[str] = set()
    todo = list(waits.get(name, ()))
    while todo:
        other = todo.pop()
        if other not in found:
            found.add(other)
            todo += waits.get(other, ())
    return found


Check = Callable[[Subject], Iterator[Problem]]


class Rule(NamedTuple):
    """A rule of the linter."""

    id: str  # stable: it never changes its meaning
    severity: Severity  # the gravest that its problems may have
    profile: Profile  # the smallest profile that holds it
    fixable: bool  # whether ``--fix`` can repair it
    documentation: str  # the rule's docstring
    check: Check | None  # none for what loading and checking a recipe report by themselves

    def problems(self, subject: Subject) -> Iterator[Problem]:
        """Yield the rule's problems of a recipe, with its id and no graver than itself."""
        for problem in islice(self.check(subject), MAX_PROBLEMS) if self.check is not None else ():
            severity = max(problem.severity, self.severity, key=SEVERITIES.index)
            yield problem._replace(rule=self.id, severity=severity)

    @property
    def title(self) -> str:
        """Return the documentation's first line."""
        return self._paragraphs[0].strip().rstrip(".")

    @property
    def why(self) -> str:
        """Return the paragraphs below it."""
        return self._paragraphs[2].strip()

    @property
    def _paragraphs(self) -> tuple[str, str, str]:
        return inspect.cleandoc(self.documentation).partition("\n")

    @property
    def help_anchor(self) -> str:
        """Return the link to its section of ``docs/lint.md``."""
        return f"docs/lint.md#{self.id.lower()}"


def rule(
    identifier: str, severity: Severity, profile: Profile, *, fixable: bool = False
) -> Callable[[Check], Rule]:
    """Make a function a rule; its docstring is what ``--explain`` prints."""

    def make(check: Check) -> Rule:
        return Rule(identifier, severity, profile, fixable, check.__doc__ or "", check)

    return make
