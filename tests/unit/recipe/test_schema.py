"""Values are checked with jsonschema's verdict, in words for people."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import schema
from isce2_recipe.recipe.document import parse
from isce2_recipe.recipe.grammar import inline
from isce2_recipe.recipe.validating import validate
from support.examples import examples

GRAMMAR = schema.load_schema("recipe.schema.json")
TYPES = schema.load_schema("types.schema.json")
EVERYTHING = Path(__file__).parents[2] / "recipes" / "ok" / "everything.yml"


def messages(value: Any, below: dict[str, Any]) -> list[str]:
    return [violation.message for violation in validate(value, below, "types.schema.json")]


def _keywords(value: Any, *, names: bool = False) -> set[str]:
    """Return all schema keywords; names of properties are not keywords."""
    if isinstance(value, list):
        return {word for item in value for word in _keywords(item)}
    if not isinstance(value, dict):
        return set()
    own = set() if names else set(value)
    skipped = {"default", "examples", "enum", "const"}
    inner = [
        _keywords(below, names=key in ("properties", "$defs"))
        for key, below in value.items()
        if names or key not in skipped
    ]
    return own.union(*inner)


@pytest.mark.parametrize("document", [GRAMMAR, TYPES], ids=["recipe", "types"])
def test_valid_recipes_are_recognised_without_jsonschema(document: dict[str, Any]) -> None:
    assert _keywords(document) <= schema.KEYWORDS
    Draft202012Validator.check_schema(document)


@pytest.mark.parametrize(
    ("below", "good", "bad"),
    [
        ({"oneOf": [{"type": "string"}, {"const": 3}]}, 3, 4),
        ({"not": {"const": "no"}}, "yes", "no"),
        ({"type": "array", "contains": {"const": 1}}, [2, 1], [2]),
        ({"prefixItems": [{"type": "integer"}]}, [1, "x"], ["x"]),
        ({"allOf": [{"$ref": "types.schema.json#/$defs/looks"}]}, "20x4", "20x"),
        ({"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1, "b": 2}, {"a": 1}),
        ({"items": {"dependentRequired": {"a": ["b"]}}}, [{"b": 1}], [{"a": 1}]),
    ],
)
def test_combining_keywords_are_checked(below: dict[str, Any], good: Any, bad: Any) -> None:
    assert messages(good, below) == []
    assert len(messages(bad, below)) == 1


def test_an_invalid_schema_is_reported() -> None:
    assert "has a schema that is not JSON Schema" in messages(1, {"not": {"type": "nothing"}})[0]


@pytest.mark.parametrize("name", sorted(TYPES["$defs"]))
def test_examples_of_types_are_valid(name: str) -> None:
    full = inline({"$ref": f"types.schema.json#/$defs/{name}"}, "recipe.schema.json")
    assert full["title"]
    assert full["description"]
    for example in full["examples"]:
        assert messages(example, full) == []
        Draft202012Validator(full).validate(example)


@pytest.mark.parametrize(
    ("value", "below", "message"),
    [
        ("20x5", {"enum": ["20x4", "10x2", "5x1"]}, "must be one of 20x4, 10x2, 5x1, instead got '20x5'"),
        (3, {"type": "string"}, "must be text, instead got 3"),
        (True, {"type": "integer"}, "must be a whole number, instead got true"),
        (1.5, {"type": ["integer", "null"]}, "must be a whole number or null, instead got 1.5"),
        (5, {"minimum": 10, "units": "m"}, "must be at least 10 m, instead got 5"),
        (5, {"maximum": 4}, "must be at most 4, instead got 5"),
        (5, {"exclusiveMinimum": 5}, "must be above 5, instead got 5"),
        (5, {"exclusiveMaximum": 5}, "must be below 5, instead got 5"),
        (5, {"multipleOf": 2}, "must be a multiple of 2, instead got 5"),
        ("ab", {"maxLength": 1}, "must be at most 1 character long, instead got 2"),
        ([], {"minItems": 2}, "must be at least 2 items long, instead got 0"),
        ([1, 2, 1], {"uniqueItems": True}, "is in the list twice: 1"),
        ("x", {"format": "date"}, "must be a date such as 2020-06-04, instead got 'x'"),
        ("20200604", {"format": "date"}, "must be a date such as 2020-06-04, instead got '20200604'"),
        (
            "20200631",
            {"format": "day"},
            "must be a date such as 2020-06-04 or 20200604, instead got '20200631'",
        ),
        ("x", {"pattern": "^y$"}, "must be text that matches ^y$, instead got 'x'"),
        ({}, {"required": ["a"]}, "is missing the key 'a'"),
        (1, {"const": True}, "must be true, instead got 1"),
        ({"b": 1}, {"properties": {"a": {}}, "additionalProperties": False}, "has no key 'b'"),
    ],
)
def test_messages(value: Any, below: dict[str, Any], message: str) -> None:
    assert messages(value, below) == [message]


def test_a_similar_key_is_suggested() -> None:
    below = {"properties": {"timeout": {}, "retry": {}}, "additionalProperties": False}
    (found,) = validate({"timout": 1}, below, "types.schema.json")
    assert found.suggestion is not None
    assert found.suggestion.closest == "timeout"


def test_the_end_of_a_pattern_is_the_very_end() -> None:
    assert messages("abc\n", {"pattern": "^abc$"}) != []
    assert messages("x٣", {"pattern": "^x\\d$"}) != []


_PARTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "dem", "dem.fetch", "2h", "8 GB", "{{ x }}", "parts/a.yml", "source", "integer", "^a$", "X"]
    ),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "uses", "with", "count", "type", "memory", "x"]), below, max_size=3
        )
    ),
    max_leaves=5,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, item in inner for deeper in _paths(item, (*path, key)))]


RECIPES = [
    parse(path.read_text(encoding="utf-8"), "x.yml").data
    for path in (EVERYTHING, *data_folder("recipes").glob("*.yml"))
]


@settings(max_examples=examples(80), deadline=None)
@given(st.data())
def test_mutated_recipes_get_jsonschemas_verdict(data: st.DataObject) -> None:
    recipe = copy.deepcopy(data.draw(st.sampled_from(RECIPES)))
    path = data.draw(st.sampled_from([path for path in _paths(recipe) if path]))
    target = recipe
    for part in path[:-1]:
        target = target[part]
    if data.draw(st.booleans()) or isinstance(target, list):
        target[path[-1]] = data.draw(_PARTS)
    else:
        target[data.draw(st.sampled_from(["extra", "when", "retry", "default"]))] = data.draw(_PARTS)
    ours = list(validate(recipe, GRAMMAR, "recipe.schema.json"))
    theirs = list(Draft202012Validator(GRAMMAR).iter_errors(recipe))
    assert bool(ours) == bool(theirs), (ours, theirs)


_NAMES = st.sampled_from(["a", "b", "ab", "x"])
_KINDS = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 4) | st.sampled_from([0.5, 1.0, 2.5, "", "a", "ab", "b1"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(_NAMES, below, max_size=3),
    max_leaves=6,
)
_REGEXES = st.sampled_from(["^a", "b", "^ab$", "[0-9]"])
_SMALL = st.integers(0, 2)


def _schemas(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(below, min_size=1, max_size=2)
    names = st.lists(_NAMES, max_size=2, unique=True)
    limits = dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), st.integers(-2, 3))
    sizes = dict.fromkeys(
        (
            "minLength", "maxLength", "minItems", "maxItems", "minContains", "maxContains", "minProperties",
            "maxProperties",
        ),
        _SMALL,
    )  # fmt: skip
    inner = dict.fromkeys(("items", "propertyNames", "not", "if", "then", "else", "contains"), below)
    lists = dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), some)
    others = {
        "type": _KINDS | st.lists(_KINDS, min_size=1, max_size=2, unique=True),
        "enum": st.lists(_VALUES, min_size=1, max_size=3),
        "const": _VALUES,
        "pattern": _REGEXES,
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "uniqueItems": st.booleans(),
        "properties": st.dictionaries(_NAMES, below, max_size=2),
        "required": names,
        "additionalProperties": st.booleans() | below,
        "patternProperties": st.dictionaries(_REGEXES, below, max_size=2),
        "dependentRequired": st.dictionaries(_NAMES, names, max_size=1),
    }
    return st.fixed_dictionaries({}, optional=limits | sizes | inner | lists | others)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.recursive(_schemas(st.just({})), _schemas, max_leaves=4), _VALUES)
def test_any_schema_gets_jsonschemas_verdict(below: dict[str, Any], value: Any) -> None:
    """Check every keyword that a parameter may use, alone and with others."""
    ours = messages(value, below)
    theirs = [error.message for error in Draft202012Validator(below).iter_errors(value)]
    assert bool(ours) == bool(theirs), (ours, theirs)


@pytest.mark.parametrize("keyword", sorted(set(GRAMMAR["$defs"]["parameter"]["properties"])))
def test_the_grammar_offers_only_keywords_that_are_checked(keyword: str) -> None:
    companions = {"minContains", "maxContains"}
    assert keyword in schema.KEYWORDS | companions | set(Draft202012Validator.VALIDATORS)


def test_references_are_filled_in_and_own_keywords_win() -> None:
    full = inline(
        {"$ref": "types.schema.json#/$defs/burst_names", "description": "Mine."}, "recipe.schema.json"
    )
    assert full["description"] == "Mine."
    assert full["items"]["pattern"].startswith("^S1_")
    assert "$ref" not in str(full)
    with pytest.raises(KeyError):
        inline({"$ref": "types.schema.json#/$defs/nothing"}, "recipe.schema.json")
