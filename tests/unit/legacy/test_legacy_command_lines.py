"""Translation of hyp3-isce2 command lines."""

from __future__ import annotations

import re

import pytest

from isce2_recipe.errors import InputError, ParameterError, UsageError
from isce2_recipe.legacy.workflows import WORKFLOWS
from isce2_recipe.recipe import load
from support.legacy_command_lines import translate

OLD = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
OLD2 = "S1_136232_IW2_20200604T022315_VV_7C85-BURST"
NEW = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"
NEW2 = "S1_136232_IW2_20200616T022316_VV_5D11-BURST"
SLC = "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85"
SLC2 = "S1A_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A3_5D11"
PAIR = {"reference": [OLD], "secondary": [NEW], "name_style": "legacy"}
BY_POSITION = (
    f"--reference-scene {SLC} --secondary-scene {SLC2} --swath-number 2 "
    "--reference-burst-number 7 --secondary-burst-number 7"
).split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([NEW, OLD], PAIR),
        ([f"{NEW} {OLD}", "--looks", "10x2"], PAIR | {"looks": "10x2"}),
        (["--looks=5x1", OLD, NEW], PAIR | {"looks": "5x1"}),
        (["--looks", "20x4", OLD, NEW], PAIR),
        (["--looks", "None", OLD, NEW], PAIR),
        (
            ["--reference", f"{OLD} {OLD2}", "--secondary", NEW, NEW2],
            {"reference": [OLD, OLD2], "secondary": [NEW, NEW2], "name_style": "legacy"},
        ),
        (["--granules", OLD, NEW], PAIR),
        (["--granules", "None", "--reference", OLD, "--secondary", NEW], PAIR),
        (
            ["--reference", OLD, "--secondary", NEW, "--apply-water-mask", "True"],
            PAIR | {"apply_water_mask": True},
        ),
        (["--reference", OLD, "--secondary", NEW, "--apply-water-mask", "yes"], PAIR),
        (["--reference", OLD, "--secondary", NEW, "--apply-water-mask", "None"], PAIR),
        (["--bucket-prefix", "", OLD, NEW], PAIR),
        (["--bucket", "None", "--bucket-prefix", "job", OLD, NEW], PAIR),
        (["--bucket", "b", "--bucket-prefix", "None", OLD, NEW], PAIR | {"bucket": "b"}),
        (
            ["--bucket", "b", "--bucket-prefix", "job", OLD, NEW],
            PAIR | {"bucket": "b", "bucket_prefix": "job"},
        ),
        (
            ["--publish-bucket", "b", "--publish-prefix", "p", OLD, NEW],
            PAIR | {"publish_bucket": "b", "publish_prefix": "p"},
        ),
        (["--esa-username", "u", "--esa-password", "p", OLD, NEW], PAIR),
    ],
    ids=str,
)
def test_burst_command_lines(words: list[str], expected: dict[str, object]) -> None:
    translation = translate(["++process", "insar_tops_burst", *words])
    assert translation.recipe == "insar_tops_burst"
    assert translation.parameters == expected
    assert translation.options == ["--publish", "."]


REVERSED = {"reference": PAIR["secondary"], "secondary": PAIR["reference"], "any_order": True}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([], {}),
        (["--reference-scene", SLC2, "--secondary-scene", SLC], REVERSED),
        (["--polarization", "vv"], {}),
        (["--range-looks", "10", "--azimuth-looks", "2"], {"looks": "10x2"}),
        (["--azimuth-looks", "4", "--range-looks", "20"], {}),
        (["--azimuth-looks", "3", "--range-looks", "12"], {"looks": "12x3"}),
    ],
)
def test_releases_before_0_4_gave_bursts_by_their_position_in_slcs(
    more: list[str], expected: dict[str, object]
) -> None:
    """The simulated source derives the names of the real bursts from the times of the SLCs."""
    translation = translate([*BY_POSITION, *more])
    assert translation.parameters == PAIR | expected


def test_an_slc_without_the_requested_burst_is_an_error() -> None:
    with pytest.raises(InputError, match=rf"there is no burst 9 of IW2 VV in {SLC}"):
        translate([*BY_POSITION, "--reference-burst-number", "9"])
    with pytest.raises(InputError, match="it has bursts 0 to 8 in VV and VH"):
        translate([*BY_POSITION, "--polarization", "HH"])
    with pytest.raises(ParameterError, match="'S1A' is not the name of a Sentinel-1 IW SLC"):
        translate([*BY_POSITION, "--reference-scene", "S1A"])


@pytest.mark.parametrize("suffix", ["", "-scene"])
def test_slc_command_lines(suffix: str) -> None:
    words = ["++process", "insar_tops", f"--reference{suffix}", SLC, f"--secondary{suffix}", SLC2]
    base = {"reference": SLC, "secondary": SLC2, "polarization": "VV", "name_style": "legacy"}
    assert translate(words).parameters == base
    assert translate([*words, "--range-looks", "10", "--azimuth-looks", "2"]).parameters == base | {
        "looks": "10x2"
    }
    assert translate([*words, "--azimuth-looks", "2"]).parameters == base | {"looks": "20x2"}
    reversed_order = translate(
        ["++process", "insar_tops", f"--reference{suffix}", SLC2, f"--secondary{suffix}", SLC]
    )
    assert reversed_order.parameters == base | {"reference": SLC2, "secondary": SLC, "any_order": True}
    with pytest.raises(UsageError, match="argument --range-looks: not allowed with argument --looks"):
        translate([*words, "--range-looks", "10", "--looks", "10x2"])


def test_stripmap_command_lines() -> None:
    pair = ["--reference", "ALPSRP156121200", "--secondary", "ALPSRP162831200"]
    translation = translate(["++process", "insar_stripmap", *pair])
    assert translation.arguments == ["run", "insar_stripmap", "--publish", ".", *pair]


def test_merging_keeps_the_product_names_and_the_filter_of_hyp3_isce2() -> None:
    translation = translate(["++process", "merge_tops_bursts", "./here", "--filter-strength", "0.6"])
    assert translation.parameters == {"directory": "./here", "name_style": "legacy"}
    assert translate(["++process", "merge_tops_bursts", "--filter-strength", "0.3", "x"]).parameters == {
        "directory": "x",
        "filter_strength": 0.3,
        "name_style": "legacy",
    }


def test_a_login_is_never_among_the_arguments() -> None:
    pair = ["--reference-scene", "ALPSRP156121200", "--secondary-scene", "ALPSRP162831200"]
    translation = translate(
        ["++process", "insar_stripmap", "--username", "me", "--password", "s3cret", *pair]
    )
    assert translation.environment == {"EARTHDATA_USERNAME": "me", "EARTHDATA_PASSWORD": "s3cret"}
    assert "s3cret" not in " ".join([*translation.arguments, translation.yaml, *translation.notes])


def test_threads_and_the_default_workflow() -> None:
    assert translate(["++omp-num-threads", "2", OLD, NEW]).options == ["--publish", ".", "--cpus", "2"]
    assert translate([OLD, NEW, "++omp-num-threads", "0"]).options == ["--publish", "."]
    assert translate([OLD, NEW]).recipe == "insar_tops_burst"
    multi = translate(["++process=insar_tops_multi_burst", "--granules", OLD, NEW])
    assert multi.parameters == PAIR | {"name_style": "multi_burst"}


def test_unordered_pairs_give_hyp3_isce2s_deprecation_note() -> None:
    text = "{} is deprecated. Please use --reference and --secondary."
    assert translate([OLD, NEW]).notes == [text.format("The positional argument for granules")]
    assert translate(["--granules", OLD, NEW]).notes == [text.format("--granules")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["++process", "insar_gamma"], "argument ++process: invalid choice: 'insar_gamma'"),
        (["++process"], "argument ++process: expected one argument"),
        (["++threads", "2"], "there is no option '++threads'"),
        (["++omp-num-threads", "many"], "argument ++omp-num-threads: invalid int value: 'many'"),
        (["++omp-num-threads", "-1"], "must be positive"),
        ([OLD], "two granules are needed"),
        ([OLD, NEW, OLD], "No more than two granules may be provided."),
        (["--reference", OLD], "Either --reference and --secondary, or the positional granules argument"),
        ([OLD, NEW, "--reference", OLD, "--secondary", NEW], "granules argument, not both."),
        (
            [OLD, NEW, "--looks", "20x5"],
            "argument --looks: invalid choice: '20x5' (choose from '20x4', '10x2', ",
        ),
        ([OLD, NEW, "--lucks", "20x4"], "unrecognized arguments: --lucks 20x4"),
        (
            ["--reference-scene", SLC, "--swath-number", "2"],
            "the following arguments are required: --secondary-scene, --reference-burst-number",
        ),
        (
            [*BY_POSITION, "--reference", OLD],
            "argument --reference-scene: not allowed with",
        ),
        ([*BY_POSITION, "--swath-number", "4"], "argument --swath-number: must be 1, 2 or 3, instead got 4"),
        (
            [*BY_POSITION, "--looks", "20x4", "--range-looks", "20"],
            "argument --range-looks: not allowed with",
        ),
        (
            ["++process", "insar_tops_multi_burst"],
            "Expected either --reference and --secondary or --granules",
        ),
        (
            ["++process", "insar_tops_multi_burst", "--granules", OLD],
            "--granules must specify exactly two granules",
        ),
        (
            ["++process", "insar_tops", "--reference", SLC],
            "the following arguments are required: --secondary",
        ),
        (["++process", "merge_tops_bursts"], "the following arguments are required: directory"),
        (
            ["++process", "merge_tops_bursts", "here", "--filter-strength", "much"],
            "argument --filter-strength: invalid float value: 'much'",
        ),
    ],
)
def test_invalid_command_lines_give_hyp3_isce2s_messages(words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        translate(words)


@pytest.mark.parametrize("name", list(WORKFLOWS))
def test_buckets_are_used_or_refused_but_never_ignored(name: str) -> None:
    if name == "merge_tops_bursts":
        words = ["here"]
    elif "burst" in name:
        words = ["--reference", OLD, "--secondary", NEW]
    else:
        words = ["--reference", SLC, "--secondary", SLC2]
    line = ["++process", name, *words, "--bucket", "b", "--bucket-prefix", "job"]
    if "bucket" in load(WORKFLOWS[name].recipe).parameters:
        assert translate(line).parameters.items() >= {"bucket": "b", "bucket_prefix": "job"}.items()
    else:
        with pytest.raises(UsageError, match=r"argument --bucket: the recipe .* has no parameter 'bucket'"):
            translate(line)


@pytest.mark.parametrize("name", list(WORKFLOWS))
def test_help_lists_every_accepted_flag(name: str) -> None:
    translation = translate(["++process", name, "--help"])
    assert translation.help.startswith(f"usage: {name} ")
    for flag in WORKFLOWS[name].flags:
        assert all(spelling in translation.help for spelling in flag.spellings), flag
    assert translate(["++process", name, "--version"]).help.startswith(f"{name} (isce2-recipe ")
