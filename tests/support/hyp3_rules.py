"""What HyP3 demands of a job specification, and what it makes of one, in our own words.

HyP3 renders its deployments from such files and refuses those that break these rules; see the HyP3 repository
at https://github.com/ASFHyP3/hyp3, ``job_spec`` and ``apps``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

FIELDS = {"required_parameters", "parameters", "cost_profiles", "validators", "steps"}
STEP_FIELDS = {"name", "image", "command", "timeout", "compute_environment", "vcpu", "memory", "secrets"}
STEP_EXTRAS = {"image_tag", "gpu", "linux_parameters", "map"}
GIVEN = {"job_id", "bucket", "bucket_prefix"}
COSTS = ({"cost"}, {"cost_parameters", "cost_table"})
VALIDATORS = {
    "check_aria_s1_gunw_dates", "check_bounding_box_size", "check_bounds_formatting",
    "check_cmr_query_succeeded", "check_dem_coverage", "check_granules_intersecting_bounds",
    "check_multi_burst_max_length", "check_multi_burst_pairs", "check_not_antimeridian",
    "check_same_relative_orbits", "check_single_burst_pair",
}  # fmt: skip
REFERENCE = "Ref::"


def broken(specs: Mapping[str, Any]) -> Iterator[str]:
    """Return what is wrong with a file of job specifications; nothing if HyP3 accepts it."""
    for job_type, spec in specs.items():
        if spec.keys() != FIELDS:
            yield f"{job_type} has fields {sorted(spec)}"
            return
        yield from _parameters(spec)
        yield from _costs(spec["cost_profiles"])
        yield from (f"there is no {name}" for name in spec["validators"] if name not in VALIDATORS)
        for step in spec["steps"]:
            yield from _step(step, spec["parameters"])


def _parameters(spec: Mapping[str, Any]) -> Iterator[str]:
    if "job_id" in spec["parameters"]:
        yield "job_id is reserved"
    for name, parameter in spec["parameters"].items():
        if parameter.keys() != {"api_schema"}:
            yield f"{name} has fields {sorted(parameter)}"
        elif name not in spec["required_parameters"] and "default" not in parameter["api_schema"]:
            yield f"{name} is neither required nor has it a default"
    yield from (
        f"{name} is not declared" for name in spec["required_parameters"] if name not in spec["parameters"]
    )


def _costs(profiles: Mapping[str, Any]) -> Iterator[str]:
    if "DEFAULT" not in profiles:
        yield "no DEFAULT cost"
    for name, profile in profiles.items():
        if profile.keys() not in COSTS:
            yield f"cost {name} has keys {sorted(profile)}"
        elif "cost_table" in profile:
            yield from _table(profile["cost_table"])
        elif not isinstance(profile["cost"], float):
            yield f"cost {name} is no float"


def _table(table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield from () if isinstance(table, float) else (f"cost {table!r} is no float",)
        return
    if not table:
        yield "empty cost table"
    for key, below in table.items():
        if not isinstance(key, str | int):
            yield f"key {key!r} of a cost table"
        yield from _table(below)


def _step(step: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    if not STEP_FIELDS <= step.keys() <= STEP_FIELDS | STEP_EXTRAS:
        yield f"a step has fields {sorted(step)}"
        return
    if not step["image"].islower():
        yield f"image {step['image']} is not lower-case"
    for number in ("timeout", "vcpu", "memory"):
        if not isinstance(step[number], int) or step[number] <= 0:
            yield f"{number} is {step[number]!r}"
    for word in step["command"]:
        # Words stand unquoted in the YAML of CloudFormation.
        if not isinstance(word, str) or not word or set(word) & set("#{}[]&*!|>'\"%@` "):
            yield f"word {word!r}"
            continue
        name = word.removeprefix(REFERENCE)
        if word.startswith(REFERENCE) and name not in parameters.keys() | GIVEN:
            yield f"{name} is not declared"


def as_text(value: Any) -> str:
    """A value as AWS Batch gets it."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def arguments(step: Mapping[str, Any], spec: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """Return the container's arguments of a job; parameters that are not given have their defaults."""
    defaults = {
        name: parameter["api_schema"]["default"]
        for name, parameter in spec["parameters"].items()
        if name not in spec["required_parameters"]
    }
    known = {"bucket": "a-bucket", "bucket_prefix": "0a1b-2c3d", "job_id": "0a1b-2c3d", **defaults, **values}
    texts = {f"{REFERENCE}{name}": as_text(value) for name, value in known.items()}
    return [texts.get(word, word) for word in step["command"]]


def looked_up(values: Mapping[str, Any]) -> set[str]:
    """Return what HyP3's interface requests from CMR before it accepts a job."""
    return {name for key in ("granules", "reference", "secondary") for name in values.get(key) or []}
