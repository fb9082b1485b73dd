from __future__ import annotations

import re

import pytest

from isce2_recipe.errors import UsageError
from isce2_recipe.legacy import translate

OLD = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
NEW = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"
START = ["run", "insar_tops_burst", "--publish", "."]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["++process", "insar_tops_burst", NEW, OLD], ["--reference", OLD, "--secondary", NEW]),
        ([f"{NEW} {OLD}", "--looks", "10x2"], ["--looks", "10x2", "--reference", OLD, "--secondary", NEW]),
        (
            ["--reference", f"{OLD} {OLD}", "--secondary", NEW, NEW],
            ["--reference", OLD, OLD, "--secondary", NEW, NEW],
        ),
        (["--granules", OLD, NEW], ["--reference", OLD, "--secondary", NEW]),
        (
            ["--reference", OLD, "--secondary", NEW, "--apply-water-mask", "True"],
            ["--reference", OLD, "--secondary", NEW, "--apply-water-mask", "true"],
        ),
        (
            ["--reference", OLD, "--secondary", NEW, "--apply-water-mask", "no"],
            ["--reference", OLD, "--secondary", NEW, "--apply-water-mask", "false"],
        ),
        (["--looks=5x1", OLD, NEW], ["--looks", "5x1", "--reference", OLD, "--secondary", NEW]),
        (["--bucket-prefix", "", OLD, NEW], ["--reference", OLD, "--secondary", NEW]),
    ],
)
def test_old_command_lines(words: list[str], expected: list[str]) -> None:
    line = words if words[0].startswith("++") else ["++process", "insar_tops_burst", *words]
    translated = translate(line).words
    assert translated[:4] == START
    assert translated[4:] == expected


def test_threads_and_the_default_process() -> None:
    assert translate(["++omp-num-threads", "2", OLD, NEW]).words[:6] == [*START, "--cpus", "2"]
    assert translate(["++process=insar_tops_multi_burst", OLD, NEW]).words[:4] == START


def test_positional_granules_are_deprecated() -> None:
    assert translate(["++process", "insar_tops_burst", OLD, NEW]).notes == [
        "The positional argument for granules is deprecated. Please use --reference and --secondary."
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["++process", "insar_gamma"], "argument ++process: invalid choice: 'insar_gamma'"),
        (["++process"], "argument ++process: expected one argument"),
        (["++proces", "insar_tops_burst"], "there is no option '++proces'"),
        ([OLD], "two granules are needed"),
        ([OLD, NEW, OLD], "No more than two granules may be provided."),
        (["--reference", OLD], "Either --reference and --secondary, or the positional granules argument"),
        ([OLD, NEW, "--reference", OLD], "not both."),
    ],
)
def test_what_makes_no_sense_is_said_as_before(words: list[str], message: str) -> None:
    line = words if words[0].startswith("++") else ["++process", "insar_tops_burst", *words]
    with pytest.raises(UsageError, match=re.escape(message)):
        translate(line)
