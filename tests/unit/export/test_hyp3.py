"""Job specifications for HyP3: checked with HyP3's own rules, and planned as HyP3 would run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from isce2_recipe.cli import main
from isce2_recipe.errors import InputError, UsageError
from isce2_recipe.export.hyp3 import Deployment, job_spec
from isce2_recipe.recipe import available, load
from isce2_recipe.recipe.parameters import resolve_parameters
from support import hyp3_rules
from support.burst_product_folders import write_product
from support.examples import examples
from support.runs import write_recipe
from support.stripmap_isce2 import stand_in

BURST = "S1_{}_IW2_2020{}T0223{}_VV_{}-BURST"
REFERENCE = [BURST.format(136231, "0604", 12, "7C85"), BURST.format(136232, "0604", 15, "7C85")]
SECONDARY = [BURST.format(136231, "0616", 13, "5D11"), BURST.format(136232, "0616", 16, "5D11")]
JOBS: dict[str, dict[str, Any]] = {
    "insar_tops_burst": {"reference": REFERENCE, "secondary": SECONDARY},
    "insar_tops": {
        "reference": ["S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85"],
        "secondary": ["S1A_IW_SLC__1SDV_20200616T022252_20200616T022319_033036_03D3A6_5D11"],
    },
    "insar_stripmap": {"reference_scene": "ALPSRP156121200", "secondary_scene": "ALPSRP162831200"},
    "merge_tops_bursts": {},
}


def spec_of(recipe: str, **options: Any) -> dict[str, Any]:
    [spec] = job_spec(load(recipe), Deployment(**options)).values()
    return spec


def arguments_of(recipe: str, values: dict[str, Any]) -> list[str]:
    spec = spec_of(recipe)
    [step] = spec["steps"]
    return hyp3_rules.arguments(step, spec, values)


@pytest.fixture
def exported(capsys):
    def export(*words: str) -> dict[str, Any]:
        assert main(["export", "hyp3", *words]) == 0
        return yaml.safe_load(capsys.readouterr().out)

    return export


def test_every_recipe_that_uploads_is_tested(capsys):
    for name in set(available()) - JOBS.keys():
        assert main(["export", "hyp3", name, "--image", "a/b:1"]) == 1
        assert "has no parameter 'bucket'" in capsys.readouterr().err
    assert "insar_stack" not in JOBS


@pytest.mark.parametrize("recipe", JOBS)
def test_the_printed_specification_follows_hyp3s_rules(recipe, exported):
    specs = exported(recipe, "--image", "ghcr.io/someone/isce2-recipe:0.1.0")
    assert list(hyp3_rules.broken(specs)) == []
    [(job_type, spec)] = specs.items()
    assert job_type == recipe.upper()
    [step] = spec["steps"]
    assert (step["image"], step["image_tag"]) == ("ghcr.io/someone/isce2-recipe", "0.1.0")
    assert {"EARTHDATA_USERNAME", "EARTHDATA_PASSWORD"} <= set(step["secrets"])


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"parameters": {"job_id": {"api_schema": {"default": 1}}}},
        {"parameters": {"a": {"api_schema": {}}}},
        {"parameters": {"a": {"api_schema": {"default": 1}, "more": 1}}},
        {"required_parameters": ["b"]},
        {"cost_profiles": {"DEFAULT": {"cost": 1}}},
        {"cost_profiles": {"DEFAULT": {"cost": 1.0, "cost_table": {}}}},
        {"cost_profiles": {"DEFAULT": {"cost_parameters": ["a"], "cost_table": {"x": {1: 1}}}}},
        {"validators": ["check_nothing"]},
        {"steps": [{"name": ""}]},
        {"steps": [{"image": "ghcr.io/Me/x"}]},
        {"steps": [{"command": ["Ref::unknown"]}]},
        {"steps": [{"command": ["a b"]}]},
        {"steps": [{"command": [1]}]},
        {"steps": [{"memory": 0}]},
        {"steps": [{"timeout": 1.5}]},
    ],
    ids=str,
)
def test_the_rules_find_invalid_specifications(change):
    spec = spec_of("insar_tops_burst")
    if "steps" in change:
        [step], [wrong] = spec["steps"], change["steps"]
        change = {"steps": [wrong if wrong == {"name": ""} else step | wrong]}
    assert list(hyp3_rules.broken({"X": spec})) == []
    assert list(hyp3_rules.broken({"X": spec | change})) != []


@pytest.mark.parametrize("recipe", JOBS)
def test_the_jobs_command_can_be_planned(recipe, tmp_path, monkeypatch, capsys):
    values = dict(JOBS[recipe])
    if recipe == "merge_tops_bursts":
        for number in (136231, 136232):
            write_product(tmp_path / "products", number)
        values = {"directory": "products"}
    monkeypatch.chdir(tmp_path)
    for name, value in stand_in(tmp_path).items():  # HyP3's image has ISCE2
        monkeypatch.setenv(name, value)
    words = arguments_of(recipe, values)
    assert main([*words, "--source", "simulated", "--engine", "auto", "--dry-run"]) == 0, (
        capsys.readouterr().err
    )
    assert "a-bucket" in " ".join(words)


def test_hyp3_searches_cmr_for_sentinel_1_granules_only():
    # HyP3 does not find other granules in CMR and refuses the job.
    for recipe, values in JOBS.items():
        names = hyp3_rules.looked_up(values)
        assert all(name.startswith("S1") for name in names)
        assert values.keys() >= set(spec_of(recipe)["required_parameters"]) - {"directory"}


degrees = st.integers(-180, 180) | st.floats(-180, 180)
grids = st.fixed_dictionaries(
    {},
    optional={
        "looks": st.sampled_from(["20x4", "10x2", "5x1"]),
        "apply_water_mask": st.booleans(),
        "unwrapper": st.sampled_from(["snaphu", "whirlwind"]),
        "filter_strength": st.floats(0, 1) | st.integers(0, 1),
        "grid_bounds": st.none() | st.lists(degrees, min_size=4, max_size=4),
        "grid_pixel": st.none() | st.floats(min_value=1, max_value=1e4),
        "grid_crs": st.sampled_from(["utm", "EPSG:3413"]),
        "grid_like": st.none(),
        "compare_with": st.none(),
        "publish_bucket": st.none() | st.just("other-bucket"),
        "publish_prefix": st.sampled_from(["", "a/b"]),
        "quality_limits": st.dictionaries(
            st.sampled_from(["min_coherence", "max_wrong_cycles"]), st.floats(0, 1), max_size=2
        ),
        "low_quality": st.sampled_from(["fail", "warn"]),
    },
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=examples(30), deadline=None)
@given(chosen=grids)
def test_values_reach_the_recipe_unchanged(chosen):
    from isce2_recipe.cli.commands import commands
    from isce2_recipe.cli.parameters import given_parameters

    recipe = load("insar_tops_burst")
    values = JOBS["insar_tops_burst"] | chosen
    words = arguments_of("insar_tops_burst", values)
    command = commands.get_command(None, "run")
    context = command.make_context("run", words[1:])
    options = context.params
    found = resolve_parameters(
        recipe, given_parameters(context, options["settings"], options["params"], options)
    )
    uploads = {"bucket": "a-bucket", "bucket_prefix": "0a1b-2c3d"}
    assert found == resolve_parameters(recipe, values | uploads)
    assert options["cpus"] == 1


def test_memory_and_timeout_come_from_the_steps(tmp_path):
    path = write_recipe(
        tmp_path,
        """\
recipe: 1
name: demanding
summary: Steps whose resources depend on their inputs.
parameters:
  reference: {$ref: types.schema.json#/$defs/burst_names, description: Bursts.}
  looks: {$ref: types.schema.json#/$defs/looks, default: 20x4, description: Looks.}
  bucket: {type: [string, "null"], default: null, description: Bucket.}
required: [reference]
steps:
  - id: a
    uses: water.fetch
    with: {dem: "{{ bucket }}"}
    timeout: 1h
    resources: {memory: "{{ (reference | length) * 3e9 if looks == '5x1' else 1e9 }}"}
  - id: b
    uses: water.fetch
    with: {dem: "{{ steps.a.mask }}"}
    timeout: "{{ '30 min' if looks == '20x4' else '1h' }}"
  - id: c
    uses: water.fetch
    with: {dem: "{{ reference }}"}
    timeout: 90 min
""",
    )
    [step] = job_spec(load(str(path)), Deployment(pairs=4))["DEMANDING"]["steps"]
    assert step["memory"] == 15500  # 12 GB and 0.5 GiB for the runner, on an instance of 16 GB
    assert step["timeout"] == 2 * 3600
    [step] = job_spec(load(str(path)), Deployment(pairs=15))["DEMANDING"]["steps"]
    assert step["memory"] == 63500
    [step] = job_spec(load(str(path)), Deployment(memory_mib=1000, timeout_s=60))["DEMANDING"]["steps"]
    assert (step["memory"], step["timeout"]) == (1000, 60)


def test_a_recipe_of_the_user(tmp_path, exported, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = Path(load("insar_tops_burst").path).read_text().replace("name: insar_tops_burst", "name: my-own")
    Path("my-own.yml").write_text(text)
    specs = exported("my-own.yml", "--recipe-path", "/opt/my-own.yml", "--pairs", "30", "--cost", "2")
    spec = specs["MY_OWN"]
    assert spec["steps"][0]["command"][:2] == ["run", "/opt/my-own.yml"]
    assert spec["parameters"]["reference"]["api_schema"]["maxItems"] == 30
    assert "check_multi_burst_max_length" not in spec["validators"]
    assert spec["cost_profiles"]["DEFAULT"] == {"cost": 2.0}
    assert main(["export", "hyp3", "my-own.yml"]) == 0
    assert "the image must contain the recipe at my-own.yml" in capsys.readouterr().err


BARE = """\
recipe: 1
name: bare
summary: One step.
parameters:
  {}
steps:
  - id: a
    uses: water.fetch
    with: {{dem: x}}
"""


BUCKET = "bucket: {type: string, default: a, description: Any.}\n"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("margin: {type: number, default: 0, description: Any.}", "no parameter 'bucket'"),
        (BUCKET + "  job_id: {default: 1, description: Any.}", "job_id"),
        (
            BUCKET + '  looks: {type: string, default: 12x3, examples: [20x4, 10x2], description: Any.}',
            "default looks 12x3, but HyP3 would offer only 20x4, 10x2",
        ),
        (BUCKET + "  key: {type: string, secret: true, description: Any.}\nrequired: [key]", "secret key"),
    ],
)  # fmt: skip
def test_recipes_that_cannot_be_jobs_are_refused(tmp_path, parameters, message):
    path = write_recipe(tmp_path, BARE.format(parameters))
    with pytest.raises(InputError, match=message):
        job_spec(load(str(path)), Deployment())


def test_an_image_with_capitals_is_refused():
    with pytest.raises(UsageError, match="capital letters"):
        spec_of("insar_tops_burst", image="ghcr.io/Me/isce2-recipe")
    assert (
        spec_of("insar_tops_burst", image="localhost:5000/me/x")["steps"][0]["image"] == "localhost:5000/me/x"
    )
