"""A recipe as a job type of HyP3: the job specification that HyP3's deployments are made from."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from isce2_recipe.errors import InputError, RecipeError, UsageError
from isce2_recipe.export.openapi import api_schema
from isce2_recipe.plan import graph
from isce2_recipe.plan.graph import Graph, Node
from isce2_recipe.plan.names import Facts, Names
from isce2_recipe.plan.project import actions_of
from isce2_recipe.recipe.model import Parameter, Recipe
from isce2_recipe.recipe.parameters import resolve_parameters
from isce2_recipe.recipe.units import amount, seconds

IMAGE = "ghcr.io/isce2-recipe/isce2-recipe"
MOST_PAIRS = 15
"""Pairs that HyP3's own check ``check_multi_burst_max_length`` lets through."""

_GIVEN = ("bucket", "bucket_prefix")
"""What HyP3 gives to every job by itself."""
_RESERVED = "job_id"
_LOOKS = "looks"
_UPLOADS = "bucket"
_LOGIN = ("EARTHDATA_USERNAME", "EARTHDATA_PASSWORD")
_PUBLISH_LOGIN = ("PUBLISH_ACCESS_KEY_ID", "PUBLISH_SECRET_ACCESS_KEY")
# Memory, MiB, that jobs can have on HyP3's instances of 8, 16, 32, 64 and 128 GB.
_SIZES_MIB = (7500, 15500, 31500, 63500, 127500)
_MIB = 2.0**20
# The runner's own, beside its steps.
_OWN_BYTES = 512 * _MIB
# HyP3's interface looks these parameters up in CMR, as lists of Sentinel-1 granules.
_LOOKED_UP = ("granules", "reference", "secondary")
_BURST_CHECKS = (
    "check_multi_burst_max_length", "check_multi_burst_pairs", "check_dem_coverage", "check_not_antimeridian",
)  # fmt: skip
_SLC_CHECKS = ("check_same_relative_orbits", "check_dem_coverage", "check_not_antimeridian")
_MOST_COMBINATIONS = 256


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a recipe does not say of a job.

    Attributes
    ----------
    job_type : str
        Name of the job type; empty for the recipe's, in capitals.
    image : str
        Container, with or without a tag; without one HyP3 takes its deployment's.
    recipe : str
        What the container's command line calls the recipe; empty for its name.
    compute_environment : str
        One of the deployment's, or ``Default``.
    cost : float
        Credits.
    pairs : int
        The most granules a side.
    vcpus : int
        Processors, and threads.
    memory_mib, timeout_s : int, optional
        In place of what the recipe asks for.
    """

    job_type: str = ""
    image: str = IMAGE
    recipe: str = ""
    compute_environment: str = "Default"
    cost: float = 1.0
    pairs: int = MOST_PAIRS
    vcpus: int = 1
    memory_mib: int | None = None
    timeout_s: int | None = None


def job_spec(recipe: Recipe, deployment: Deployment) -> dict[str, Any]:
    """The specification, by its job type, to be written as YAML.

    Raises
    ------
    InputError
        If the recipe cannot be a job: it delivers nothing to S3, or asks for what HyP3 keeps to itself.
    UsageError
        If the deployment cannot be.
    """
    _check(recipe, deployment)
    offered = _offered(recipe, deployment)
    built = graph.build(recipe, actions_of(recipe))
    return {
        deployment.job_type or re.sub(r"\W", "_", recipe.name).upper(): {
            "required_parameters": [one.called for one in offered if one.parameter.required],
            "parameters": {one.called: {"api_schema": one.schema} for one in offered},
            "cost_profiles": {profile: {"cost": float(deployment.cost)} for profile in ("EDC", "DEFAULT")},
            "validators": _validators(offered, deployment),
            "steps": [_step(recipe, built, offered, deployment)],
        }
    }


def _check(recipe: Recipe, deployment: Deployment) -> None:
    if _UPLOADS not in recipe.parameters:
        raise InputError(
            f"recipe {recipe.name} has no parameter '{_UPLOADS}': HyP3 takes products from S3",
            hint="give it the parameters bucket and bucket_prefix and a step that uses s3.upload, as the "
            "shipped recipes have",
        )
    if _RESERVED in recipe.parameters:
        raise InputError(
            f"recipe {recipe.name}: HyP3 keeps the name '{_RESERVED}' to itself", hint="rename it"
        )
    secret = [one.name for one in recipe.parameters.values() if one.secret and one.required]
    if secret:
        raise InputError(
            f"recipe {recipe.name} cannot do without the secret {', '.join(secret)}, which HyP3 would show",
            hint="read it from the environment instead",
        )
    looks = recipe.parameters.get(_LOOKS)
    offered = _choices(looks) if looks else ()
    if looks and looks.has_default and offered and looks.default not in offered:
        raise InputError(
            f"recipe {recipe.name}: HyP3 offers looks of {', '.join(map(str, offered))}, "
            f"its default is {looks.default}",
            hint="take one of these, or tell others by the parameter's own examples",
        )
    if deployment.image != deployment.image.lower():
        raise UsageError(
            f"image '{deployment.image}' has capitals", hint="names of container images are lower-case"
        )


@dataclass(frozen=True, slots=True)
class _Offered:
    """A parameter as HyP3's interface offers it."""

    parameter: Parameter
    called: str
    schema: dict[str, Any]

    @property
    def checked_in_cmr(self) -> bool:
        return self.called in _LOOKED_UP


def _offered(recipe: Recipe, deployment: Deployment) -> list[_Offered]:
    return [
        _offer(parameter, deployment)
        for parameter in recipe.parameters.values()
        if parameter.name not in _GIVEN and not parameter.secret
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
    if name not in _LOOKED_UP:
        return _Offered(parameter, name, schema)
    if not _is_sentinel1(schema):
        # Looked up in CMR it would be refused: HyP3 searches Sentinel-1 there and nothing else.
        return _Offered(parameter, f"{name}_scene", schema)
    if schema.get("type") != "array":
        schema = _list_of_one(schema)
    schema.setdefault("maxItems", deployment.pairs)
    return _Offered(parameter, name, schema)


def _choices(parameter: Parameter) -> tuple[Any, ...]:
    """What a parameter can be; HyP3 sizes jobs by looks, so it offers the usual ones and no others."""
    usual = parameter.schema.get("examples", ()) if parameter.name == _LOOKS else ()
    return parameter.choices or (tuple(usual) if len(usual) > 1 else ())


def _is_sentinel1(schema: Mapping[str, Any]) -> bool:
    item = schema.get("items", schema)
    return str(item.get("pattern", "")).lstrip("^").startswith("S1")


def _list_of_one(schema: dict[str, Any]) -> dict[str, Any]:
    """HyP3 takes granules as lists; a list of one reaches the command line as that one."""
    example = {"example": [schema["example"]]} if "example" in schema else {}
    return {"type": "array", "minItems": 1, "maxItems": 1, **example, "items": schema}


def _validators(offered: list[_Offered], deployment: Deployment) -> list[str]:
    """Those of HyP3's checks that fit."""
    found = [one.schema for one in offered if one.checked_in_cmr]
    if not found:
        return []
    if "BURST" not in str(found[0].get("items", {}).get("pattern", "")):
        return list(_SLC_CHECKS)
    return [name for name in _BURST_CHECKS if name != _BURST_CHECKS[0] or deployment.pairs <= MOST_PAIRS]


def _step(recipe: Recipe, built: Graph, offered: list[_Offered], deployment: Deployment) -> dict[str, Any]:
    image, tag = _image(deployment.image)
    asked = _Asked(recipe, built, deployment)
    return {
        "name": "",
        "image": image,
        **tag,
        "command": _command(recipe, offered, deployment),
        "timeout": deployment.timeout_s or asked.timeout_s(),
        "compute_environment": deployment.compute_environment,
        "vcpu": deployment.vcpus,
        "memory": deployment.memory_mib or asked.memory_mib(),
        "secrets": [
            *(_LOGIN if any("source" in node.action.uses for node in built.nodes.values()) else ()),
            *(_PUBLISH_LOGIN if "publish_bucket" in recipe.parameters else ()),
        ],
    }


def _image(text: str) -> tuple[str, dict[str, str]]:
    """Name and tag; a colon before the last slash belongs to a port."""
    name, colon, tag = text.rpartition(":")
    return (name, {"image_tag": tag}) if colon and "/" not in tag else (text, {})


def _command(recipe: Recipe, offered: list[_Offered], deployment: Deployment) -> list[str]:
    """The image's arguments; HyP3 puts values where ``Ref::`` stands."""
    given = [(name, name) for name in _GIVEN if name in recipe.parameters]
    words = ["run", deployment.recipe or recipe.name, "--cpus", str(deployment.vcpus)]
    for name, called in (*given, *((one.parameter.name, one.called) for one in offered)):
        words += [f"--{name.replace('_', '-')}", f"Ref::{called}"]
    return words


class _Asked:
    """What a recipe's steps ask for, at the most that parameters of the interface can make them ask for."""

    def __init__(self, recipe: Recipe, built: Graph, deployment: Deployment) -> None:
        self._graph = built
        facts = Facts({"source": lambda: "asf", "engine": lambda: "isce2", "record": dict})
        self._names = [Names(built, values, facts) for values in _combinations(recipe, deployment.pairs)]

    def memory_mib(self) -> int:
        """The smallest of HyP3's sizes that holds the step that asks for most."""
        steps = self._graph.nodes.values()
        asked = (_setting(names, node, "resources", _memory) for names in self._names for node in steps)
        wanted = math.ceil((max(asked, default=0.0) + _OWN_BYTES) / _MIB)
        return next((size for size in _SIZES_MIB if size >= wanted), wanted)

    def timeout_s(self) -> int:
        """The longest that a chain of steps, one after the other, may take; a day where none has a limit."""
        return math.ceil(max(map(self._chain_s, self._names), default=0.0)) or 86400

    def _chain_s(self, names: Names) -> float:
        ends: dict[str, float] = {}
        for name, node in self._graph.nodes.items():
            before = max((ends[other] for other in self._graph.needs[name]), default=0.0)
            ends[name] = before + _setting(names, node, "timeout", seconds)
        return max(ends.values(), default=0.0)


def _memory(asked: Mapping[str, Any]) -> float:
    return amount(asked.get("memory", 0))


def _setting(names: Names, node: Node, key: str, read: Callable[[Any], float]) -> float:
    """A step's setting; 0 where there is none, the step is left out, or only a run can tell."""
    written = getattr(node.step, key)
    try:
        return read(names.setting(node, written, key, {})) if written and _wanted(names, node) else 0.0
    except (KeyError, RecipeError):
        return 0.0


def _wanted(names: Names, node: Node) -> bool:
    try:
        return names.wanted(node, {})
    except KeyError:  # known once a step before it is done
        return True


def _combinations(recipe: Recipe, pairs: int) -> Iterator[dict[str, Any]]:
    """Values for all parameters: every choice there is, and lists as long as they may be."""
    ways = {name: _values(parameter, pairs) for name, parameter in recipe.parameters.items()}
    for values in itertools.islice(itertools.product(*ways.values()), _MOST_COMBINATIONS):
        chosen = dict(zip(ways, values, strict=True))
        yield resolve_parameters(recipe, {k: v for k, v in chosen.items() if v is not None})


def _values(parameter: Parameter, pairs: int) -> list[Any]:
    example = next(iter(parameter.schema.get("examples", ())), None)
    if parameter.name in _LOOKED_UP and parameter.is_list and isinstance(example, list) and example:
        return [[_another(str(example[0]), number) for number in range(pairs)]]
    if "boolean" in parameter.types:
        return [True, False]
    if _choices(parameter) and not parameter.is_list:
        return list(_choices(parameter))
    return [parameter.default if parameter.has_default else example]


def _another(name: str, number: int) -> str:
    """A granule's name like another one's; a burst's number counts up."""
    digits = re.search(r"\d{6}", name)
    if digits is None:
        return name
    return name[: digits.start()] + f"{int(digits[0]) + number:06d}" + name[digits.end() :]
