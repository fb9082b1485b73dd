from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isce2_recipe.errors import InputError
from isce2_recipe.journal.values import coerce, decode, encode, files_in
from isce2_recipe.types import Bounds

WORK = Path("/work")
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
FILES = st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8}){0,2}", fullmatch=True).map(lambda name: WORK / name)
VALUES = st.recursive(
    LEAVES | FILES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_decoding_an_encoded_value_returns_it(value: Any) -> None:
    assert decode(encode(value, WORK), WORK) == value


@dataclass(frozen=True)
class Layer:
    path: Path
    looks: tuple[int, int]


def test_records_and_files_of_a_scratch_folder() -> None:
    scratch, published = WORK / ".state/scratch/step", WORK / "step"
    written = encode([Layer(scratch / "a.tif", (20, 4))], WORK, (scratch, published))
    assert written == [{"path": {"$file": "step/a.tif"}, "looks": [20, 4]}]
    assert decode(written, WORK) == [{"path": WORK / "step/a.tif", "looks": [20, 4]}]
    assert files_in(decode(written, WORK)) == [WORK / "step/a.tif"]


def test_a_value_of_another_type_is_refused() -> None:
    with pytest.raises(InputError, match="of type set"):
        encode({"a": {1, 2}}, WORK)


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        ("a.tif", Path, WORK / "a.tif"),
        ("/b.tif", Path, Path("/b.tif")),
        (["a"], list[Path], [WORK / "a"]),
        ("a", Path | None, WORK / "a"),
        (None, Path | None, None),
        (None, list[Path] | None, None),
        (["a"], list[Path] | None, [WORK / "a"]),
        (1, float, 1.0),
        (True, bool, True),
        ([1, 2], tuple[int, int], (1, 2)),
        ([1, 2.5], tuple[float, ...], (1.0, 2.5)),
        ({"x": "a"}, dict[str, Path], {"x": WORK / "a"}),
        (Path("/c"), str, "/c"),
        (3, Annotated[float, "m"], 3.0),
        ("vv", Literal["vv", "hh"], "vv"),
        ([1, 2, 3, 4], Bounds, Bounds(1.0, 2.0, 3.0, 4.0)),
        ({"path": "a", "looks": [5, 1]}, Layer, Layer(WORK / "a", (5, 1))),
        ({"k": [1]}, dict[str, Any], {"k": [1]}),
    ],
)
def test_values_get_the_type_of_the_signature(value: Any, annotation: Any, expected: Any) -> None:
    assert coerce(value, annotation, WORK) == expected


def test_named_tuples_keep_their_names() -> None:
    written = encode({"bounds": Bounds(1.0, 2.0, 3.0, 4.0)}, WORK)
    assert written == {"bounds": {"west": 1.0, "south": 2.0, "east": 3.0, "north": 4.0}}
    assert coerce(written["bounds"], Bounds, WORK) == Bounds(1.0, 2.0, 3.0, 4.0)
