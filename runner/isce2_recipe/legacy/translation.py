"""A translation: a recipe with its parameters, as words and as a parameter file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Translation:
    """An old command line or an ISCE2 XML in our words.

    Attributes
    ----------
    recipe : str
        The recipe that does the same.
    parameters : dict
        Its parameters where they differ from the recipe's defaults, typed.
    options : list of str
        Further words of ``isce2-recipe run``.
    notes : list of str
        What its user should know.
    environment : dict
        Variables to set, some of them secret.
    help : str
        What to print instead of running anything.
    """

    recipe: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    help: str = ""

    @property
    def words(self) -> list[str]:
        """Arguments of ``isce2-recipe``."""
        words = ["run", self.recipe, *self.options]
        for name, value in self.parameters.items():
            words += _option(f"--{name.replace('_', '-')}", value)
        return words

    @property
    def yaml(self) -> str:
        """A parameter file, in which the first line says how to use it."""
        line = " ".join(["isce2-recipe run", self.recipe, *self.options, "--params FILE"])
        lines = [f"# {line}"]
        for name, value in self.parameters.items():
            if isinstance(value, list):
                lines += [f"{name}:", *(f"  - {json.dumps(item)}" for item in value)]
            else:
                lines.append(f"{name}: {json.dumps(value)}")
        return "\n".join(lines)


def _option(name: str, value: Any) -> list[str]:
    """A parameter as words; one that could be taken for an option stays in one piece."""
    if isinstance(value, list):
        return [name, *map(str, value)]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return [f"{name}={text}"] if text.startswith("-") or not text else [name, text]
