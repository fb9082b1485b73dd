"""The result of a translation: a recipe and its parameters, as arguments and as a parameter file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Translation:
    """A recipe and its parameters that do what an old command line or an ISCE2 XML file does."""

    recipe: str = ""
    # Typed values of the parameters that differ from the recipe's defaults.
    parameters: dict[str, Any] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)  # further ones of ``isce2-recipe run``
    # Messages for the user, such as deprecations and differences.
    notes: list[str] = field(default_factory=list)
    # Environment variables to set; they may hold secrets.
    environment: dict[str, str] = field(default_factory=dict)
    help: str = ""  # text to print instead of running anything, if the command line asks for help

    @property
    def arguments(self) -> list[str]:
        """Arguments of ``isce2-recipe`` that run the recipe."""
        arguments = ["run", self.recipe, *self.options]
        for name, value in self.parameters.items():
            arguments += _option(f"--{name.replace('_', '-')}", value)
        return arguments

    @property
    def yaml(self) -> str:
        """Text of a parameter file; its first line shows the command that uses it."""
        command = " ".join(["isce2-recipe run", self.recipe, *self.options, "--params FILE"])
        lines = [f"# {command}"]
        for name, value in self.parameters.items():
            if isinstance(value, list):
                lines += [f"{name}:", *(f"  - {json.dumps(item)}" for item in value)]
            else:
                lines.append(f"{name}: {json.dumps(value)}")
        return "\n".join(lines)


def _option(name: str, value: Any) -> list[str]:
    """Return a parameter as arguments; as ``NAME=VALUE`` if the value could be read as an option."""
    if isinstance(value, list):
        return [name, *map(str, value)]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return [f"{name}={text}"] if text.startswith("-") or not text else [name, text]
