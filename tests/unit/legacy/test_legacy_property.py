"""Property: a hyp3-isce2 command line, its translation and its parameter file define the same run."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isce2_recipe.cli.running import request_of, run_command
from isce2_recipe.legacy.workflows import WORKFLOWS
from isce2_recipe.plan.request import RunRequest
from isce2_recipe.recipe import Recipe, load
from isce2_recipe.types import SlcName
from support.examples import examples
from support.legacy_command_lines import find_burst, translate

FLAGS = {name: {flag.spellings[0] for flag in workflow.flags} for name, workflow in WORKFLOWS.items()}
SLC = "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85"
SLC2 = "S1A_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A3_5D11"
days = st.integers(1, 28)
bursts = st.builds(
    lambda number, day: f"S1_{number:06d}_IW2_202006{day:02d}T022312_VV_7C85-BURST",
    st.integers(0, 375887),
    days,
)
slcs = st.builds(
    lambda day: f"S1A_IW_SLC__1SDV_202006{day:02d}T022251_202006{day:02d}T022318_032861_03CE65_7C85", days
)
scenes = st.integers(0, 999999999).map(lambda number: f"ALPSRP{number:09d}")
texts = st.text("abcXYZ019-_./ ='\"$é", min_size=1, max_size=12).filter(lambda text: text.strip() == text)
Arguments = tuple[list[str], dict[str, Any]]


@st.composite
def names_of_pairs(draw: st.DrawFn) -> Arguments:
    """Draw bursts in the forms that HyP3, users and older releases write."""
    older = draw(st.lists(bursts, min_size=1, max_size=3, unique=True))
    newer = draw(st.lists(bursts, min_size=1, max_size=3, unique=True))
    if draw(st.booleans()):
        words = ["--reference", " ".join(older), "--secondary", " ".join(newer)]
    else:
        words = ["--reference", *older, "--secondary", *newer]
    return words, {"reference": older, "secondary": newer}


@st.composite
def positions(draw: st.DrawFn) -> Arguments:
    """Draw bursts by their positions, as in releases before 0.4; the polarization may be lower-case."""
    number, swath = draw(st.integers(0, 8)), draw(st.integers(1, 3))
    polarization = draw(st.sampled_from(["VV", "vv", None]))
    words = [
        *("--reference-scene", SLC, "--secondary-scene", SLC2, "--swath-number", str(swath)),
        *("--reference-burst-number", str(number), f"--secondary-burst-number={number}"),
        *([] if polarization is None else ["--polarization", polarization]),
    ]
    sides = zip(("reference", "secondary"), (SLC, SLC2), strict=True)
    return words, {side: [str(find_burst(SlcName.parse(slc), swath, "VV", number))] for side, slc in sides}


@st.composite
def names_in_any_order(draw: st.DrawFn, flag: list[str]) -> Arguments:
    first, second = draw(st.lists(bursts, min_size=2, max_size=2, unique_by=lambda name: name[14:29]))
    older, newer = sorted((first, second), key=lambda name: name[14:29])
    words = [*flag, *draw(st.sampled_from([[first, second], [f"{first} {second}"]]))]
    return words, {"reference": [older], "secondary": [newer]}


def of_two(names: st.SearchStrategy[str]) -> st.SearchStrategy[Arguments]:
    suffixes = st.sampled_from(["", "-scene"])
    return st.builds(
        lambda one, two, suffix: (
            [f"--reference{suffix}", one, f"--secondary{suffix}", two],
            {"reference": one, "secondary": two},
        ),
        names,
        names,
        suffixes,
    )


def with_any_order(given_arguments: Arguments) -> Arguments:
    """Add the parameter ``any_order`` if the reference is newer: SLCs keep their order."""
    words, expected = given_arguments
    newer = expected["reference"] > expected["secondary"]
    return words, expected | ({"any_order": True} if newer else {})


STARTS = {
    "insar_tops_burst": (
        names_of_pairs() | names_in_any_order(["--granules"]) | names_in_any_order([]) | positions()
    ),
    "insar_tops_multi_burst": names_of_pairs() | names_in_any_order(["--granules"]),
    "insar_tops": of_two(slcs).map(with_any_order),
    "insar_stripmap": of_two(scenes),
    "merge_tops_bursts": texts.filter(lambda text: not text.startswith("-")).map(
        lambda text: ([text], {"directory": text})
    ),
}


def option(
    name: str, parameter: str, values: st.SearchStrategy[tuple[str, Any]]
) -> st.SearchStrategy[Arguments]:
    """Draw a flag as one or two arguments; None as expected value leaves hyp3-isce2's default."""
    return st.builds(
        lambda pair, joined: (
            [f"{name}={pair[0]}"] if joined or pair[0].startswith("-") else [name, pair[0]],
            {} if pair[1] is None else {parameter: pair[1]},
        ),
        values,
        st.booleans(),
    )


def same(values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, Any]]:
    return (values.map(lambda text: (text, text))) | st.just(("None", None))


LOOKS = option("--looks", "looks", same(st.sampled_from(["20x4", "10x2", "5x1"])))
TWO_LOOKS = st.sampled_from(
    [
        (["--range-looks", "10", "--azimuth-looks", "2"], {"looks": "10x2"}),
        (["--azimuth-looks=1", "--range-looks=5"], {"looks": "5x1"}),
        (["--azimuth-looks", "4"], {"looks": "20x4"}),
        (["--azimuth-looks", "7"], {"looks": "20x7"}),
        (["--range-looks=100", "--azimuth-looks", "40"], {"looks": "100x40"}),
        (["--range-looks", "20", "--azimuth-looks", "None"], {"looks": "20x4"}),
    ]
)
OPTIONS: dict[str, st.SearchStrategy[Arguments]] = {
    "--apply-water-mask": option(
        "--apply-water-mask",
        "apply_water_mask",
        st.sampled_from(
            [("True", True), ("true", True), ("TRUE", True), ("False", False), ("None", None), ("1", False)]
        ),
    ),
    "--filter-strength": option(
        "--filter-strength", "filter_strength", st.floats(0, 1).map(lambda value: (repr(value), value))
    ),
    "--polarization": option(
        "--polarization", "polarization", same(st.sampled_from(["VV", "VH", "HH", "HV"]))
    ),
    "--username": st.just((["--username", "me"], {})),
    "--password": st.just((["--password", "s3cret"], {})),
    "--esa-username": st.just((["--esa-username", "me"], {})),
    "--esa-password": st.just((["--esa-password", "s3cret"], {})),
}


@st.composite
def uploads(draw: st.DrawFn, kind: str) -> Arguments:
    """Draw a bucket with or without its prefix; a prefix without a bucket has no effect."""
    bucket, prefix = (
        draw(st.none() | st.from_regex("[a-z][a-z0-9]{2,9}", fullmatch=True)),
        draw(st.none() | texts),
    )
    words = [] if bucket is None and draw(st.booleans()) else [f"--{kind}", str(bucket)]
    first = "bucket-prefix" if kind == "bucket" else "publish-prefix"
    words += [] if prefix is None else [f"--{first}={prefix}"]
    asked = {} if bucket is None else {kind.replace("-", "_"): bucket}
    if bucket is not None and prefix not in (None, "None"):
        asked[first.replace("-", "_")] = prefix
    return words, asked


@st.composite
def lines(draw: st.DrawFn, name: str) -> Arguments:
    """Draw a command line of a workflow and the parameters that its recipe should get."""
    recipe = recipe_of(name)
    defaults = {
        flag.sets: flag.default
        for flag in WORKFLOWS[name].flags
        if flag.default is not None and flag.role == "parameter"
    }
    words, asked = draw(STARTS[name])
    flags = FLAGS[name] & set(OPTIONS) - ({"--polarization"} if "burst" in name else set())
    parts = [draw(OPTIONS[flag]) for flag in sorted(flags) if draw(st.booleans())]
    if "--looks" in FLAGS[name] and draw(st.booleans()):
        parts.append(draw(LOOKS | TWO_LOOKS if "--range-looks" in FLAGS[name] else LOOKS))
    for kind in ("bucket", "publish-bucket"):
        if kind.replace("-", "_") in recipe.parameters:
            parts.append(draw(uploads(kind)))
    rest = draw(st.permutations(parts))
    expected = defaults | WORKFLOWS[name].fixed | asked
    for _, given_here in rest:
        expected |= given_here
    own = words if not words[0].startswith("-") and draw(st.booleans()) else []
    line = [*own, *(word for part, _ in rest for word in part), *([] if own else words)]
    return ["++process", name, *line], expected


@cache
def recipe_of(name: str) -> Recipe:
    """Return the recipe of a workflow."""
    return load(WORKFLOWS[name].recipe)


def request_from(words: list[str]) -> RunRequest:
    """Return the request that ``isce2-recipe run ...`` would run."""
    context = run_command.make_context("run", words[2:])
    return request_of(context, context.params)


def check(data: st.DataObject, name: str, folder: Path) -> None:
    """Check that a line, its translation and its parameter file give the same, expected parameters."""
    line, expected = data.draw(lines(name))
    translation = translate(line)
    by_words = request_from(shlex.split(shlex.join(["isce2-recipe", *translation.arguments])))
    file = folder / "parameters.yml"
    file.write_text(translation.yaml, encoding="utf-8")
    by_file = request_from(["isce2-recipe", "run", translation.recipe, "--params", str(file)])
    assert by_words.parameters == by_file.parameters
    assert by_words.workdir == by_file.workdir
    assert by_words.recipe.name == by_file.recipe.name == WORKFLOWS[name].recipe
    defaults = {key: one.default for key, one in recipe_of(name).parameters.items() if one.has_default}
    assert by_words.parameters == defaults | expected


OPTIONS_OF_TESTS: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@pytest.mark.parametrize("name", list(WORKFLOWS))
@settings(max_examples=examples(10), **OPTIONS_OF_TESTS)
@given(data=st.data())
def test_the_translation_defines_the_same_run(name: str, data: st.DataObject, tmp_path: Path) -> None:
    check(data, name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WORKFLOWS))
@settings(max_examples=examples(60), **OPTIONS_OF_TESTS)
@given(data=st.data())
def test_the_translation_defines_the_same_run_with_many_examples(
    name: str, data: st.DataObject, tmp_path: Path
) -> None:
    check(data, name, tmp_path)


def test_every_flag_is_tested() -> None:
    tested = {*OPTIONS, "--reference", "--secondary", "--granules", "granules", "directory", "--looks"}
    tested |= {"--bucket", "--bucket-prefix", "--publish-bucket", "--publish-prefix"}
    tested |= {"--range-looks", "--azimuth-looks", "--swath-number"}
    tested |= {
        f"--{side}-{what}" for side in ("reference", "secondary") for what in ("scene", "burst-number")
    }
    assert {flag.spellings[0] for one in WORKFLOWS.values() for flag in one.flags} <= tested
