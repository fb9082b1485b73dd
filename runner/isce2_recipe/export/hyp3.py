"""Conversion of a recipe to a job specification, from which a HyP3 deployment gets a job type."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from isce2_recipe.errors import InputError, RecipeError, UsageError
from isce2_recipe.plan.bindings import Bindings, RunFacts
from isce2_recipe.plan.graph import Graph
from isce2_recipe.plan.nodes import Node
from isce2_recipe.plan.request import actions_of
from isce2_recipe.recipe.model import Parameter, Recipe
from isce2_recipe.recipe.parameters import resolve_parameters
from isce2_recipe.recipe.units import amount, seconds
from isce2_recipe.sources import DEFAULT_SOURCE

IMAGE = "ghcr.io/isce2-recipe/isce2-recipe"
MOST_PAIRS = 15
"""Largest number of pairs that HyP3's check ``check_multi_burst_max_length`` accepts."""

_SET_BY_HYP3 = ("bucket", "bucket_prefix")
"""Parameters that HyP3 sets itself for every job."""
_RESERVED = "job_id"
_LOOKS = "looks"
_UPLOADS = "bucket"
_LOGIN = ("EARTHDATA_USERNAME", "EARTHDATA_PASSWORD")
_PUBLISH_LOGIN = ("PUBLISH_ACCESS_KEY_ID", "PUBLISH_SECRET_ACCESS_KEY")
# Memory available to a job on HyP3's instances of 8, 16, 32, 64 and 128 GB, MiB.
_SIZES_MIB = (7500, 15500, 31500, 63500, 127500)
_MIB = 2.0**20
_RUNNER_BYTES = 512 * _MIB  # memory of the runner itself, in addition to its steps
# HyP3 searches the values of these parameters in CMR, as lists of Sentinel-1 granules.
_SEARCHED_IN_CMR = ("granules", "reference", "secondary")
_BURST_CHECKS = (
    "check_multi_burst_max_length", "check_multi_burst_pairs", "check_dem_coverage", "check_not_antimeridian",
)  # fmt: skip
_SLC_CHECKS = ("check_same_relative_orbits", "check_dem_coverage", "check_not_antimeridian")
_MOST_COMBINATIONS = 256
# Keywords of JSON Schema that OpenAPI 3.0 has too, and those with lists of schemas.
_UNCHANGED = frozenset(
    (
        "description", "default", "enum", "format", "pattern", "minLength", "maxLength", "minimum", "maximum",
        "multipleOf", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
    )
)  # fmt: skip
_COMBINED = frozenset(("allOf", "anyOf", "oneOf"))


@dataclass(frozen=True, slots=True)
class Deployment:
    """The properties of a job type that the recipe does not determine."""

    job_type: str = ""  # name of the job type; empty for the recipe's name in capitals
    # Container image, with or without a tag; without one HyP3 uses the tag of its deployment.
    image: str = IMAGE
    recipe: str = ""  # name or path of the recipe in the container; empty for its name
    compute_environment: str = "Default"  # of the deployment
    cost: float = 1.0  # of a job, credits
    pairs: int = MOST_PAIRS  # largest number of pairs of a job
    vcpus: int = 1
    # Memory and longest duration of a job, instead of those from the recipe's steps.
    memory_mib: int | None = None
    timeout_s: int | None = None


def job_spec(recipe: Recipe, deployment: Deployment) -> dict[str, Any]:
    """Return the job specification, with the name of the job type as its only key.

    Raise InputError if the recipe cannot be a job: it uploads nothing to S3, or uses a parameter name that
    HyP3 reserves, and UsageError if the deployment is invalid.
    """
    _check(recipe, deployment)
    offered = _offered(recipe, deployment)
    built = Graph(recipe, actions_of(recipe))
    return {
        deployment.job_type or re.sub(r"\W", "_", recipe.name).upper(): {
            "required_parameters": [one.hyp3_name for one in offered if one.parameter.required],
            "parameters": {one.hyp3_name: {"api_schema": one.schema} for one in offered},
            "cost_profiles": {profile: {"cost": float(deployment.cost)} for profile in ("EDC", "DEFAULT")},
            "validators": _validators(offered, deployment),
            "steps": [_step(recipe, built, offered, deployment)],
        }
    }


def _check(recipe: Recipe, deployment: Deployment) -> None:
    if _UPLOADS not in recipe.parameters:
        raise InputError(
            f"the recipe {recipe.name} has no parameter '{_UPLOADS}', but HyP3 reads products from S3",
            hint="add the parameters bucket and bucket_prefix and a step that uses s3.upload, as in the "
            "shipped recipes",
        )
    if _RESERVED in recipe.parameters:
        raise InputError(
            f"the recipe {recipe.name} has a parameter '{_RESERVED}', a name that HyP3 reserves",
            hint="rename the parameter",
        )
    secret = [one.name for one in recipe.parameters.values() if one.secret and one.required]
    if secret:
        raise InputError(
            f"the recipe {recipe.name} requires the secret {', '.join(secret)}, which HyP3 would show",
            hint="read the secret from the environment instead",
        )
    looks = recipe.parameters.get(_LOOKS)
    offered = _choices(looks) if looks else ()
    if looks and looks.has_default and offered and looks.default not in offered:
        raise InputError(
            f"the recipe {recipe.name} has the default looks {looks.default}, but HyP3 would offer only "
            f"{', '.join(map(str, offered))}",
            hint="change the default, or list other looks as examples of the parameter",
        )
    if deployment.image != deployment.image.lower():
        raise UsageError(
            f"the image name '{deployment.image}' has capital letters",
            hint="names of container images are lower-case",
        )


@dataclass(frozen=True, slots=True)
class _Offered:
    """A parameter of the recipe as HyP3's interface offers it."""

    parameter: Parameter
    hyp3_name: str
    schema: dict[str, Any]

    @property
    def checked_in_cmr(self) -> bool:
        return self.hyp3_name in _SEARCHED_IN_CMR


def _offered(recipe: Recipe, deployment: Deployment) -> list[_Offered]:
    return [
        _offer(parameter, deployment)
        for parameter in recipe.parameters.values()
        if parameter.name not in _SET_BY_HYP3 and not parameter.secret
    ]


def _offer(parameter: Parameter, deployment: Deployment) -> _Offered:
    schema = api_schema(parameter.schema)
    name = parameter.name
    if name == _LOOKS and _choices(parameter):
        schema = {key: value for key, value in schema.items() if key != "pattern"}
        schema["enum"] = list(_choices(parameter))
    if not parameter.required:
        schema.setdefault("default", None)
        schema |= {"nullable": True} if schema["default"] is None else {}
    if name not in _SEARCHED_IN_CMR:
        return _Offered(parameter, name, schema)
    if not _is_sentinel1(schema):
        # HyP3 would refuse the granule: it searches CMR for Sentinel-1 granules only.
        return _Offered(parameter, f"{name}_scene", schema)
    if schema.get("type") != "array":
        schema = _list_of_one(schema)
    schema.setdefault("maxItems", deployment.pairs)
    return _Offered(parameter, name, schema)


def _choices(parameter: Parameter) -> tuple[Any, ...]:
    """Return the choices of a parameter; of looks the examples, because a job's memory depends on looks."""
    examples = parameter.schema.get("examples", ()) if parameter.name == _LOOKS else ()
    return parameter.choices or (tuple(examples) if len(examples) > 1 else ())


def _is_sentinel1(schema: Mapping[str, Any]) -> bool:
    item = schema.get("items", schema)
    return str(item.get("pattern", "")).lstrip("^").startswith("S1")


def _list_of_one(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list of one: HyP3 expects lists of granules, and passes one granule as text."""
    example = {"example": [schema["example"]]} if "example" in schema else {}
    return {"type": "array", "minItems": 1, "maxItems": 1, **example, "items": schema}


def _validators(offered: list[_Offered], deployment: Deployment) -> list[str]:
    """Return the names of HyP3's checks that apply to the granules."""
    found = [one.schema for one in offered if one.checked_in_cmr]
    if not found:
        return []
    if "BURST" not in str(found[0].get("items", {}).get("pattern", "")):
        return list(_SLC_CHECKS)
    return [name for name in _BURST_CHECKS if name != _BURST_CHECKS[0] or deployment.pairs <= MOST_PAIRS]


def _step(recipe: Recipe, built: Graph, offered: list[_Offered], deployment: Deployment) -> dict[str, Any]:
    image, tag = _image(deployment.image)
    requirements = _Requirements(recipe, built, deployment)
    return {
        "name": "",
        "image": image,
        **tag,
        "command": _command(recipe, offered, deployment),
        "timeout": deployment.timeout_s or requirements.timeout_s(),
        "compute_environment": deployment.compute_environment,
        "vcpu": deployment.vcpus,
        "memory": deployment.memory_mib or requirements.memory_mib(),
        "secrets": [
            *(_LOGIN if any("source" in node.action.uses for node in built.nodes.values()) else ()),
            *(_PUBLISH_LOGIN if "publish_bucket" in recipe.parameters else ()),
        ],
    }


def _image(text: str) -> tuple[str, dict[str, str]]:
    """Split an image into name and tag; a colon before the last slash belongs to a port."""
    name, colon, tag = text.rpartition(":")
    return (name, {"image_tag": tag}) if colon and "/" not in tag else (text, {})


def _command(recipe: Recipe, offered: list[_Offered], deployment: Deployment) -> list[str]:
    """Return the arguments of the container; HyP3 replaces ``Ref::NAME`` by the value of the parameter."""
    set_by_hyp3 = [(name, name) for name in _SET_BY_HYP3 if name in recipe.parameters]
    arguments = ["run", deployment.recipe or recipe.name, "--cpus", str(deployment.vcpus)]
    for name, hyp3_name in (*set_by_hyp3, *((one.parameter.name, one.hyp3_name) for one in offered)):
        arguments += [f"--{name.replace('_', '-')}", f"Ref::{hyp3_name}"]
    return arguments


class _Requirements:
    """The largest memory and duration of a recipe's steps over all values that HyP3's interface accepts."""

    def __init__(self, recipe: Recipe, built: Graph, deployment: Deployment) -> None:
        self._graph = built
        facts = RunFacts(
            {
                "source": lambda: DEFAULT_SOURCE,
                "truth": lambda: False,
                "engine": lambda: "isce2",
            },
            lambda _home, _values: {},
        )
        self._names = [Bindings(built, values, facts) for values in _combinations(recipe, deployment.pairs)]

    def memory_mib(self) -> int:
        """Return the smallest of HyP3's sizes that fits the step with the largest memory."""
        steps = list(self._graph.samples(self._graph.nodes.values()))
        sizes = (_setting(names, node, "resources", _memory) for names in self._names for node in steps)
        required = math.ceil((max(sizes, default=0.0) + _RUNNER_BYTES) / _MIB)
        return next((size for size in _SIZES_MIB if size >= required), required)

    def timeout_s(self) -> int:
        """Return the sum of timeouts along the longest chain of dependent steps; a day if no step has one."""
        return math.ceil(max(map(self._chain_s, self._names), default=0.0)) or 86400

    def _chain_s(self, names: Bindings) -> float:
        ends: dict[str, float] = {}
        for name, node in self._graph.nodes.items():
            before = max((ends[other] for other in self._graph.needs[name]), default=0.0)
            ends[name] = before + _setting(names, node, "timeout", seconds)
        return max(ends.values(), default=0.0)


def _memory(resources: Mapping[str, Any]) -> float:
    return amount(resources.get("memory", 0))


def _setting(names: Bindings, node: Node, key: str, read: Callable[[Any], float]) -> float:
    """Return a setting of a step; 0 if it is not set, unknown before the run, or the step is skipped."""
    written = getattr(node.step, key)
    try:
        return read(names.setting(node, written, key, {})) if written and _may_run(names, node) else 0.0
    except (KeyError, RecipeError):
        return 0.0


def _may_run(names: Bindings, node: Node) -> bool:
    try:
        return names.wanted(node, {})
    except KeyError:  # the condition depends on the output of another step
        return True


def _combinations(recipe: Recipe, pairs: int) -> Iterator[dict[str, Any]]:
    """Yield parameter values: all combinations of choices, with lists of the largest length."""
    values_by_name = {name: _values(parameter, pairs) for name, parameter in recipe.parameters.items()}
    for values in itertools.islice(itertools.product(*values_by_name.values()), _MOST_COMBINATIONS):
        chosen = dict(zip(values_by_name, values, strict=True))
        yield resolve_parameters(recipe, {k: v for k, v in chosen.items() if v is not None})


def _values(parameter: Parameter, pairs: int) -> list[Any]:
    example = next(iter(parameter.schema.get("examples", ())), None)
    if parameter.name in _SEARCHED_IN_CMR and parameter.is_list and isinstance(example, list) and example:
        return [[_numbered(str(example[0]), number) for number in range(pairs)]]
    if "boolean" in parameter.types:
        return [True, False]
    if _choices(parameter) and not parameter.is_list:
        return list(_choices(parameter))
    return [parameter.default if parameter.has_default else example]


def _numbered(name: str, number: int) -> str:
    """Return a granule name with the burst number increased by a number."""
    digits = re.search(r"\d{6}", name)
    if digits is None:
        return name
    return name[: digits.start()] + f"{int(digits[0]) + number:06d}" + name[digits.end() :]


def api_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema (JSON Schema 2020-12 without references) in OpenAPI 3.0's dialect of JSON Schema.

    Keywords that OpenAPI does not have (``if``, ``contains``, ``prefixItems``, ...) are omitted; the recipe
    checks all values again. The unit is added to the description, because values are numbers in that unit.
    """
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _UNCHANGED:
            found[key] = value
        elif key in _COMBINED:
            found[key] = [api_schema(one) for one in value]
        elif key in _CONVERTED:
            found |= _CONVERTED[key](value)
    if found.get("type") == "array":
        found.setdefault("items", {})
    if found.get("nullable") and "enum" in found and None not in found["enum"]:
        found["enum"] = [*found["enum"], None]
    if "units" in schema:
        found["description"] = f"{schema.get('description', '')} In {schema['units']}.".strip()
    return found


def _type(value: Any) -> dict[str, Any]:
    """Convert ``type``: null becomes ``nullable``, several types become alternatives."""
    types = [value] if isinstance(value, str) else [one for one in value if one != "null"]
    null = {"nullable": True} if "null" in value and not isinstance(value, str) else {}
    if len(types) == 1:
        return {"type": types[0], **null}
    return {"anyOf": [_type(one) | ({"items": {}} if one == "array" else {}) for one in types], **null}


def _properties(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"properties": {name: api_schema(one) for name, one in value.items()}}


def _additional_properties(value: Any) -> dict[str, Any]:
    return {"additionalProperties": value if isinstance(value, bool) else api_schema(value)}


_CONVERTED = {
    "type": _type,
    "const": lambda value: {"enum": [value]},
    "examples": lambda value: {"example": value[0]} if value else {},
    "exclusiveMinimum": lambda value: {"minimum": value, "exclusiveMinimum": True},
    "exclusiveMaximum": lambda value: {"maximum": value, "exclusiveMaximum": True},
    "items": lambda value: {"items": {} if isinstance(value, bool) else api_schema(value)},
    "not": lambda value: {"not": api_schema(value)},
    "properties": _properties,
    "required": lambda value: {"required": list(value)},
    "additionalProperties": _additional_properties,
}
