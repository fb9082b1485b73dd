"""Values of parameters are read from text by their types, with units; problems are reported together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.errors import ParameterError
from isce2_recipe.recipe import Recipe, namespace, read_text, resolve_parameters
from isce2_recipe.recipe.parameters import normalise

TEXT = """\
recipe: 1
name: demo
parameters:
  reference: {$ref: types.schema.json#/$defs/burst_names}
  looks: {$ref: types.schema.json#/$defs/looks, default: 20x4}
  posting: {type: number, units: m, minimum: 1, default: 30 m}
  step: {type: number, units: deg, default: 1 arcsec}
  wait: {type: integer, units: s, default: 2 min}
  repeat: {type: number, units: d, default: 12 d}
  flag: {type: boolean, default: false}
  count: {type: integer, default: 3}
  bucket: {type: [string, "null"], default: null}
  swaths: {$ref: types.schema.json#/$defs/swaths, default: [1, 2, 3]}
  heights: {type: array, items: {type: number, units: m}, default: []}
  notes: {type: array, items: {type: string}, default: []}
  table: {type: object, properties: {high: {type: number, units: m}}, default: {high: 1 km}}
  token: {type: string, secret: true, pattern: "^[a-z]+$"}
required: [reference]
variables:
  rl: "{{ looks | range_looks }}"
  both: "{{ rl * count }}"
  where: "{{ run.source }}"
steps:
  - {id: dem, uses: dem.fetch, with: {bounds: [0, 0, 1, 1], margin: 0}}
"""
BURST = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
OTHER = "S1_136232_IW2_20200604T022315_VV_7C85-BURST"


def recipe() -> Recipe:
    found = read_text(TEXT, "demo.yml").recipe
    assert found is not None
    return found


def resolve(**given: Any) -> dict[str, Any]:
    return resolve_parameters(recipe(), {"reference": [BURST], **given})


def test_defaults_are_filled_in_and_normalised() -> None:
    values = resolve()
    assert list(values) == list(recipe().parameters)
    assert values["posting"] == 30
    assert values["step"] == pytest.approx(1 / 3600, abs=1e-12)
    assert values["wait"] == 120
    assert values["repeat"] == 12
    assert values["table"] == {"high": 1000}
    assert values["token"] is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flag", "True", True),
        ("flag", "False", False),
        ("flag", "yes", True),
        ("flag", "0", False),
        ("bucket", "None", None),
        ("bucket", "null", None),
        ("bucket", "my-bucket", "my-bucket"),
        ("count", "7", 7),
        ("count", "-7", -7),
        ("posting", "0.05 km", 50),
        ("posting", "45", 45),
        ("posting", "1e2 m", 100),
        ("posting", 12.5, 12.5),
        ("wait", "1 h", 3600),
        ("repeat", "24h", 1),
        ("swaths", "1 2", [1, 2]),
        ("swaths", "1,2", [1, 2]),
        ("swaths", "[3, 1]", [3, 1]),
        ("swaths", ["1", "2"], [1, 2]),
        ("swaths", ["1,2", "3"], [1, 2, 3]),
        ("swaths", "2", [2]),
        ("heights", "10 m, 0.1 km", [10, 100]),
        ("heights", ["10 m", "20"], [10, 20]),
        ("notes", "[a b, c]", ["a b", "c"]),
        ("notes", ["a b", "c"], ["a b", "c"]),
        ("looks", ["10x2"], "10x2"),
        ("table", "{high: 30 m}", {"high": "30 m"}),
        ("reference", f"{BURST} {OTHER}", [BURST, OTHER]),
        ("reference", f"{BURST},{OTHER}", [BURST, OTHER]),
    ],
)
def test_text_is_read_by_the_type(name: str, text: Any, value: Any) -> None:
    if name == "table":
        value = {"high": 30}
    assert resolve(**{name: text})[name] == value


LOOKS = "a range x azimuth window of looks (at most 100x40, not 1x1)"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "looks",
            "20x41",
            f"looks must be {LOOKS} such as 20x4, 10x2, 5x1, instead got '20x41'",
        ),
        ("looks", "1x1", "such as 20x4, 10x2, 5x1, instead got '1x1'"),
        ("flag", "maybe", "flag must be true or false, instead got 'maybe'"),
        ("count", "3.5", "count must be a whole number, instead got '3.5'"),
        ("posting", "0.5", "posting must be at least 1 m, instead got 0.5"),
        ("posting", "3 deg", "posting must be in m, km, cm, mm, instead got '3 deg'"),
        ("wait", "1.5 s", "wait must be a whole number, instead got '1.5 s'"),
        ("swaths", "1,4", "swaths[1] must be at most 3, instead got 4"),
        ("swaths", "1,1", "swaths[1] is in the list twice: 1"),
        ("swaths", "", "swaths must be at least 1 item long, instead got 0"),
        ("reference", "S1_X", "reference[0] must be a Sentinel-1 burst name such as S1_136231_IW2"),
        (
            "looks",
            ["10x2", "5x1"],
            f'looks must be {LOOKS} such as 20x4, 10x2, 5x1, instead got ["10x2", "5x1"]',
        ),
        ("lokos", "10x2", "recipe demo has no parameter 'lokos'"),
        ("count", None, "count must be a whole number, instead got null"),
    ],
)
def test_refused_values_are_explained(name: str, value: Any, message: str) -> None:
    with pytest.raises(ParameterError, match=r"\w") as caught:
        resolve(**{name: value})
    assert message in str(caught.value)


def test_optional_parameters_may_be_null() -> None:
    assert resolve(token=None)["token"] is None


def test_all_problems_are_reported_together_with_hints() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve_parameters(recipe(), {"looks": "20by5", "flga": True, "count": "x"})
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "parameter reference is required" in text
    assert f"set it with --set reference=VALUE, for example {BURST}" in text
    assert "did you mean 'flag'?" in text


def test_the_value_of_a_secret_is_not_shown() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve(token="Hunter2")
    assert "token must be text" in str(caught.value)
    assert "Hunter2" not in str(caught.value)


def test_variables_are_derived_in_order() -> None:
    names = namespace(recipe(), resolve(), {"source": "asf", "engine": "builtin"})
    assert (names["rl"], names["both"], names["where"]) == (20, 60, "asf")
    assert names["run"]["engine"] == "builtin"


@given(st.integers(-(10**6), 10**6))
def test_whole_numbers_survive_being_text(number: int) -> None:
    assert resolve(count=str(number))["count"] == number


@given(st.floats(1, 1e6, allow_nan=False))
def test_numbers_with_units_survive_being_text(number: float) -> None:
    assert resolve(posting=f"{number!r} m")["posting"] == pytest.approx(number, rel=1e-9, abs=1e-12)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3, unique=True), st.sampled_from([",", " ", ", "]))
def test_lists_survive_being_text(swaths: list[int], separator: str) -> None:
    assert resolve(swaths=separator.join(map(str, swaths)))["swaths"] == swaths


@given(st.dictionaries(st.sampled_from(sorted(recipe().parameters)), st.text(max_size=12), max_size=4))
def test_any_text_is_a_value_or_a_clear_error(given_text: dict[str, str]) -> None:
    try:
        resolve(**given_text)
    except ParameterError as exc:
        assert exc.problems


def test_notes_of_the_shipped_part_keep_their_words():
    path = Path(__file__).parents[3] / "recipes" / "parts" / "finish.yml"
    notes = yaml.safe_load(path.read_text())["parameters"]["notes"]
    assert normalise(["One sentence, with a comma."], notes) == (["One sentence, with a comma."], [])
