"""Parsing of YAML text into plain values, with the place of each value.

YAML 1.2's core rules on libyaml's composer: ``20:4``, ``NO`` and ``2020-06-04`` are text, ``1e-3`` is a
number, ``0123`` is 123. Duplicate keys, tags and several documents in one file are errors.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any

from yaml import MarkedYAMLError, Node
from yaml.composer import ComposerError
from yaml.cyaml import CParser
from yaml.reader import ReaderError

from isce2_recipe.problems import DataPath, Mark, Problem, lines_of

Nodes = dict[DataPath, tuple[Node | None, Node]]

MAX_VALUES = 30_000
"""More values than this in one file are an alias bomb, not a recipe."""

MOST_DIGITS = 300
"""A longer row of digits is text, because it may be too large for a floating-point number."""

MAX_DEPTH = 60
"""Deeper nesting is no recipe either."""

_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TEXT_TAGS = ("!", "tag:yaml.org,2002:str")
_BRACES = re.compile(r"\{\{|\}\}|(?:(?!\{\{|\}\}).)+")
_OPENS_OR_CLOSES = {"{{": True, "}}": False}
_MAYBE_NUMBER = frozenset("0123456789+-.")
_NUMBER = (
    r"(?P<int>[-+]?[0-9]+)|(?P<based>0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)"
    r"|(?P<special>[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))"
)


def at(data: Any, path: DataPath) -> Any:
    """Return the value that keys and indices lead to; None where there is none."""
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data


def label(path: DataPath) -> str:
    """Return what a value is called in messages: ``steps[2].timeout``."""
    if not path:
        return "the recipe"
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".")


class Document:
    """A parsed YAML file.

    Attributes
    ----------
    file : str
        Its name in messages.
    text : str
        Its content.
    data : Any
        Plain dicts, lists and scalars.
    scalars : list
        Every scalar with its path, in the order of the text.
    nodes : dict
        For every path the YAML nodes of its key (None in lists and at the top) and of its value.
    problems : list of Problem
        What is wrong with the text as YAML.
    """

    def __init__(self, file: str, text: str, data: Any = None, nodes: Nodes | None = None) -> None:
        self.file = file
        self.text = text
        self.data = data
        self.nodes: Nodes = {} if nodes is None else nodes
        self.scalars: list[tuple[DataPath, Any]] = []
        self.problems: list[Problem] = []

    def with_data(self, data: Any, nodes: Nodes | None = None) -> Document:
        """Return the same text with other values read from it, and perhaps other places of them."""
        other = Document(self.file, self.text, data, self.nodes if nodes is None else nodes)
        other.scalars = self.scalars
        return other

    @cached_property
    def lines(self) -> list[str]:
        """Return the text's lines, without their ends."""
        return lines_of(self.text)

    def mark(self, path: DataPath) -> Mark:
        """Return the place of the value at ``path``; if it is not written, that of its nearest parent."""
        while path and path not in self.nodes:
            path = path[:-1]
        pair = self.nodes.get(path)
        return Mark(self.file, 1, 1, 1, 1) if pair is None else self._span(pair[1])

    def key_mark(self, path: DataPath) -> Mark:
        """Return the place of the key of the value at ``path``, or of the value if it has no key."""
        pair = self.nodes.get(path)
        return self.mark(path) if pair is None or pair[0] is None else self._span(pair[0])

    def is_plain(self, path: DataPath) -> bool:
        """Return whether the value is a scalar without quotes."""
        pair = self.nodes.get(path)
        return pair is not None and pair[1].id == "scalar" and not pair[1].style

    def source(self, path: DataPath) -> str:
        """Return a scalar as it is written, without quotes; an empty text for anything else."""
        pair = self.nodes.get(path)
        return pair[1].value if pair is not None and pair[1].id == "scalar" else ""

    def find(self, path: DataPath, needle: str) -> Mark:
        """Return the place of ``needle`` within the value at ``path``, or the value's place."""
        word = re.compile(rf"(?<![\w.]){re.escape(needle)}(?!\w)")
        return self._find(path, word, self._written(path))

    def find_name(self, path: DataPath, name: str) -> Mark:
        """Return where an expression within the value at ``path`` reads a name, or the value's place."""
        word = re.compile(rf"(?<![\w.'\"]){re.escape(name)}(?!\w)")
        return self._find(path, word, self._expressions(path))

    def _find(self, path: DataPath, word: re.Pattern[str], stretches: Iterable[tuple[int, int, int]]) -> Mark:
        for number, begin, end in stretches:
            found = word.search(self.lines[number - 1], begin, end)
            if found:
                return Mark(self.file, number, found.start() + 1, number, found.end() + 1)
        return self.mark(path)

    def _written(self, path: DataPath) -> Iterator[tuple[int, int, int]]:
        """Yield the lines of a value, each with its first and last column."""
        mark = self.mark(path)
        for number in range(mark.line, min(mark.end_line, len(self.lines)) + 1):
            begin = mark.column - 1 if number == mark.line else 0
            yield number, begin, len(self.lines[number - 1])

    def _expressions(self, path: DataPath) -> Iterator[tuple[int, int, int]]:
        """Yield the stretches of a value between braces."""
        inside = False
        for number, begin, end in self._written(path):
            for piece in _BRACES.finditer(self.lines[number - 1], begin, end):
                if inside:
                    yield number, *piece.span()
                inside = _OPENS_OR_CLOSES.get(piece[0], inside)

    def problem(self, path: DataPath, rule: str, what: str, *, key: bool = False, **fields: Any) -> Problem:
        """Return a problem at the value (or its key) at ``path``; ``fields`` are those of `Problem`."""
        return Problem(self.key_mark(path) if key else self.mark(path), what, rule=rule, **fields)

    def _span(self, node: Node) -> Mark:
        start, end = node.start_mark, node.end_mark
        if node.id != "scalar" and not node.flow_style:
            # A block collection ends where the next token begins, so the mark covers its first line only.
            last = self.lines[start.line] if start.line < len(self.lines) else ""
            return Mark(self.file, start.line + 1, start.column + 1, start.line + 1, len(last.rstrip()) + 1)
        return Mark(self.file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


class _Composer(CParser):  # type: ignore[misc]
    """libyaml's composer without resolution of tags: nodes without a tag have the tag "?"."""

    def resolve(self, _kind: type, _value: object, _implicit: object) -> str:
        return "?"

    def descend_resolver(self, _parent: object, _index: object) -> None:
        """Do nothing: tags are not resolved."""

    def ascend_resolver(self) -> None:
        """Do nothing: tags are not resolved."""


# Characters that libyaml takes for line ends and YAML 1.2 for ordinary ones, and private ones in their place.
_SEPARATORS = {0x85: "\ue085", 0x2028: "\ue028", 0x2029: "\ue029"}
_RESTORED = {ord(private): chr(code) for code, private in _SEPARATORS.items()}


def _compose(text: str) -> Any:
    """Return the node of a text; only LF and CR end lines."""
    hidden = text.translate(_SEPARATORS) if re.search("[\x85\u2028\u2029]", text) else text
    node = _Composer(hidden).get_single_node()
    todo = [node] if hidden is not text and node is not None else []
    seen = set()
    while todo:
        one = todo.pop()
        if id(one) not in seen:
            seen.add(id(one))
            if one.id == "scalar":
                one.value = one.value.translate(_RESTORED)
            else:
                todo += [below for item in one.value for below in (item if one.id == "mapping" else [item])]
    return node


def parse(text: str, file: str) -> Document:
    """Return the text as a document; what is wrong with it as YAML is in ``problems``."""
    document = Document(file, text)
    try:
        node = _compose(text)
    except MarkedYAMLError as exc:
        document.problems += _syntax_errors(document, exc)
        return document
    except ReaderError as exc:
        document.problems.append(_not_text(document, exc))
        return document
    document.data = None if node is None else _Builder(document).build(node)
    if document.data is None and not document.problems:
        start = Mark(file, 1, 1, 1, 1)
        document.problems.append(
            Problem(start, "the file is empty", "a recipe begins with: recipe: 1", rule="IR004")
        )
    return document


class _Builder:
    """Builds values from nodes, and records the nodes of each."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.count = 0
        self.open: set[int] = set()

    def build(self, node: Node) -> Any:
        return self._value(node, (), None)

    def _value(self, node: Node, path: DataPath, key: Node | None) -> Any:
        self.document.nodes[path] = (key, node)
        self.count += 1
        if node.tag not in ("?", "!"):
            self._complain(
                path, "IR009", f"tags such as '{_short_tag(node.tag)}' are not allowed in a recipe"
            )
        if node.id == "scalar":
            value = node.value if node.style or node.tag in _TEXT_TAGS else resolve_scalar(node.value)
            if isinstance(value, float) and not math.isfinite(value):
                self._complain(path, "IR005", label(path), expected="a finite number", found=node.value)
                value = 1.0
            self.document.scalars.append((path, value))
            return value
        if id(node) in self.open or self.count > MAX_VALUES:
            if self.count <= 2 * MAX_VALUES:
                self.count = 2 * MAX_VALUES + 1
                self._complain(path, "IR009", "an alias makes the file refer to itself or grow without bound")
            return None
        if len(path) > MAX_DEPTH:
            self._complain(path, "IR009", "lists and mappings are nested too deeply")
            return None
        self.open.add(id(node))
        collection = self._mapping(node, path) if node.id == "mapping" else self._sequence(node, path)
        self.open.discard(id(node))
        return collection

    def _sequence(self, node: Node, path: DataPath) -> list[Any]:
        return [self._value(item, (*path, index), None) for index, item in enumerate(node.value)]

    def _mapping(self, node: Node, path: DataPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = self._key(key_node)
            if name is None:
                continue
            here = (*path, name)
            if name in result:
                line = self.document.key_mark(here).line
                what = f"duplicate key '{name}', already on line {line}"
                self.document.problems.append(
                    Problem(self.document._span(key_node), what, "keep one of them", rule="IR003")
                )
                continue
            result[name] = self._value(value_node, here, key_node)
        return result

    def _key(self, node: Node) -> str | None:
        if node.id == "scalar":
            return str(node.value)
        what = "a key must be a name, not a list or a mapping"
        self.document.problems.append(Problem(self.document._span(node), what, rule="IR009"))
        return None

    def _complain(self, path: DataPath, rule: str, what: str, **fields: Any) -> None:
        self.document.problems.append(self.document.problem(path, rule, what, **fields))


def resolve_scalar(text: str) -> Any:
    """Return the value of an unquoted scalar by YAML 1.2's core schema."""
    if text[:1] in _MAYBE_NUMBER:
        return _number(text)
    return _WORDS.get(text, text)


def _number(text: str) -> Any:
    match = re.fullmatch(_NUMBER, text)
    if match is None or len(text) > MOST_DIGITS:
        return text
    if match.lastgroup == "int":
        return int(text)
    if match.lastgroup == "based":
        return int(text, 0)
    return float(text if match.lastgroup == "float" else text.replace(".", ""))


def _short_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _not_text(document: Document, exc: ReaderError) -> Problem:
    """Return the problem of a character that YAML does not allow; libyaml counts bytes."""
    read = document.text.translate(_SEPARATORS).encode(errors="surrogatepass")
    before = read[: exc.position].decode(errors="surrogatepass")
    *above, line = lines_of(f"{before}.")
    number, column = len(above) + 1, len(line)
    what = f"character U+{exc.character:04X} is not allowed in YAML"
    advice = "remove it, or write it with a backslash in double quotes"
    return Problem(Mark(document.file, number, column, number, column + 1), what, advice, rule="IR009")


def _syntax_errors(document: Document, exc: MarkedYAMLError) -> list[Problem]:
    """Return all syntax errors: each part that begins with a key at the left edge is also read by itself.

    An alias may refer to another part, so only errors of YAML's grammar count there.
    """
    begins = [number for number, text in enumerate(document.lines) if _TOP_KEY.match(text)]
    found = []
    for first, last in pairwise([0, *begins[1:], len(document.lines)]):
        try:
            _compose("\n" * first + "\n".join(document.lines[first:last]) + "\n")
        except (ComposerError, ReaderError):
            continue
        except MarkedYAMLError as error:
            found.append(_not_yaml(document, error, range(first, last)))
    return found or [_not_yaml(document, exc, range(len(document.lines)))]


def _not_yaml(document: Document, exc: MarkedYAMLError, lines: range) -> Problem:
    """Return a syntax error of libyaml in some lines; frequent causes are named."""
    mark = exc.problem_mark or exc.context_mark
    if mark and exc.context_mark and mark.line >= lines.stop:
        mark = exc.context_mark  # A value without an end is reported where it begins.
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    for index in lines:
        for suspicious, what in _SUSPECTS:
            if suspicious(text := document.lines[index]):
                return Problem(
                    Mark(document.file, index + 1, 1, index + 1, len(text) + 1), what, rule="IR007"
                )
    found = " ".join(part for part in (exc.context, exc.problem) if part)
    if exc.context == "expected a single document in the stream":
        found = "one file holds one recipe, and a second document begins here"
    advice = "check indentation, quotes and brackets on this line and the one above"
    place = Mark(document.file, line, column, line, column + 1)
    return Problem(place, "not YAML", advice, rule="IR009", found=found)


_TOP_KEY = re.compile(r"[A-Za-z_][\w-]*:(\s|$)")
_SUSPECTS: tuple[tuple[Callable[[str], bool], str], ...] = (
    (
        lambda line: line.startswith(("<<<<<<< ", ">>>>>>> ")) or line == "=======",
        "a merge conflict is not resolved",
    ),
    (
        lambda line: "\t" in line[: len(line) - len(line.lstrip())],
        "a tab in the indentation, where YAML allows only spaces",
    ),
)


def dump(data: Any) -> str:
    """Return a value as YAML that `parse` reads back as the same value."""
    import yaml

    try:
        return _dump(data, getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    except UnicodeEncodeError:  # a name that is no text, which only the writer in Python can escape
        return _dump(data, yaml.SafeDumper)


def _dump(data: Any, writer: Any) -> str:
    import yaml

    class Dumper(writer):  # type: ignore[misc]
        """A YAML writer that quotes every text that would be read as something else."""

        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> Any:
        style = "|" if "\n" in value else None if isinstance(resolve_scalar(value), str) else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110))
