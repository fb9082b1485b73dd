import pytest

from isce2_recipe.quantities import counted, format_bytes, format_duration, format_share


def test_one_thing_is_singular() -> None:
    assert [counted(n, "burst") for n in (0, 1, 2, 1200)] == [
        "0 bursts",
        "1 burst",
        "2 bursts",
        "1,200 bursts",
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (999.6, "1.0 kB"),
        (1500, "1.5 kB"),
        (99_960, "100 kB"),
        (830e6, "830 MB"),
        (4.24e9, "4.2 GB"),
        (999.7e9, "1.0 TB"),
        (3.21e12, "3.2 TB"),
        (7654e12, "7654.0 TB"),
    ],
)
def test_bytes_have_decimal_units(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (1.5, "1.5 s"),
        (59.97, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (3840, "1 h 04 min"),
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (1.0, 1, "100.0 %"),
        (0.0, 1, "0.0 %"),
        (0.99996, 1, "> 99.9 %"),
        (0.99996, 2, "> 99.99 %"),
        (0.0004, 1, "< 0.1 %"),
        (0.3369, 1, "33.7 %"),
    ],
)
def test_nearly_all_is_not_all(share: float, digits: int, text: str) -> None:
    assert format_share(share, digits) == text
