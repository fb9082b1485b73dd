"""Numbers with units."""

from __future__ import annotations

import pytest

from isce2_recipe.errors import ParameterError
from isce2_recipe.recipe import units


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("30 m", "m", 30),
        ("0.03km", "m", 30),
        ("1 arcsec", "deg", 1 / 3600),
        ("1 arcmin", "rad", 0.0002908882086657216),
        ("12 d", "d", 12),
        ("36 h", "d", 1.5),
        ("2h", "s", 7200),
        ("500 ms", "s", 0.5),
        ("5.4 GHz", "Hz", 5.4e9),
        ("8 GB", "byte", 8e9),
        ("8 GiB", "byte", 8 * 2**30),
        ("-3", "m", -3),
        (".5", "m", 0.5),
    ],
)
def test_units_of_one_kind_are_converted(text: str, unit: str, value: float) -> None:
    # The rounding to twelve decimals hides the last bits of decimal fractions.
    assert units.parse(text, unit) == pytest.approx(value, rel=1e-9, abs=1e-12)


def test_whole_numbers_stay_whole() -> None:
    assert isinstance(units.parse("30 m", "m"), int)
    assert isinstance(units.parse("30.0 m", "m"), float)


@pytest.mark.parametrize(
    ("text", "unit"), [("m", "m"), ("3 s", "m"), ("three m", "m"), ("", "m"), ("3 m s", "m")]
)
def test_other_kinds_are_refused(text: str, unit: str) -> None:
    with pytest.raises(ParameterError, match=r"must be"):
        units.parse(text, unit)


def test_durations_and_amounts() -> None:
    assert units.seconds("90 s") == units.seconds(90) == 90.0
    assert units.seconds("1.5h") == 5400.0
    assert units.amount("4 GB") == 4e9
    assert units.amount(4) == 4.0


def test_infinite_numbers_are_refused() -> None:
    with pytest.raises(ParameterError, match="finite"):
        units.parse("1e400", "m")
