"""Our checks, JSON Schema and check-jsonschema agree on good and bad recipes."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import ParameterError, RecipeError
from isce2_recipe.lint import Options, lint_paths
from isce2_recipe.lint.catalogue import by_id
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import load, read, schema, verify
from isce2_recipe.recipe.document import dump, parse
from isce2_recipe.recipe.validating import validate

RECIPES = Path(__file__).parents[2] / "recipes"
sys.path.insert(0, str(RECIPES))
import corpus  # noqa: E402 - found through the line above

SHIPPED = sorted(path for path in data_folder("recipes").rglob("*.yml"))
# Rules without a recipe of their own in the corpus, and where they are tested instead.
ELSEWHERE = {"IR017": "test_rules.py", "IR038": "test_providers.py", "IR092": "test_ignoring.py"}


@pytest.mark.parametrize("path", corpus.OK, ids=lambda path: path.stem)
def test_good_recipes_have_no_problems(path: Path) -> None:
    assert lint_paths([path], Options(profile="sar")) == []
    assert load(path, load_registry()).name == path.stem


@pytest.mark.parametrize("path", corpus.BAD, ids=lambda path: path.stem)
def test_bad_recipes_fail_with_exactly_their_text(path: Path) -> None:
    assert corpus.output(path) == path.with_suffix(".out").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", corpus.BAD, ids=lambda path: path.stem)
def test_bad_recipes_break_the_rules_in_their_names(path: Path) -> None:
    found = {problem.rule for problem in lint_paths([path], Options(select=tuple(corpus.rules_of(path))))}
    assert found
    assert not corpus.rules_of(path) or found <= set(corpus.rules_of(path))


def test_every_rule_has_a_bad_recipe() -> None:
    covered = {rule for path in corpus.BAD for rule in corpus.rules_of(path)}
    assert covered | set(ELSEWHERE) == set(by_id())


@pytest.mark.parametrize("path", corpus.BAD, ids=lambda path: path.stem)
def test_loading_and_linting_agree_on_errors(path: Path) -> None:
    """Errors of the linter's smallest profile also prevent loading."""
    minimal = lint_paths([path], Options(profile="min"))
    # The plan opens engines: IR038.
    errors = {problem for problem in minimal if problem.severity == "error" and problem.rule != "IR038"}
    try:
        raised: set[Any] = set()
        verify(load(path, load_registry()), load_registry(), {})
    except RecipeError as exc:
        raised = {problem for problem in exc.problems if problem.severity == "error"}
    except ParameterError:
        pass
    # What depends on values is found only once the grammar and the names are right.
    assert {problem.rule for problem in errors - raised} <= {"IR020", "IR023"}
    assert bool(raised) >= bool(errors)
    assert {problem.rule for problem in raised - errors} <= {
        "IR023",
        "IR026",
        "IR027",
        "IR032",
        "IR035",
        "IR039",
        "IR046",
    }


def _as_json(path: Path) -> Any:
    return parse(path.read_text(encoding="utf-8"), str(path)).data


@pytest.mark.parametrize("path", [*corpus.OK, *corpus.BAD, *SHIPPED], ids=lambda path: path.stem)
def test_the_grammar_gives_jsonschemas_verdict(path: Path) -> None:
    data = _as_json(path)
    if data is None:
        return
    grammar = schema.load_schema("recipe.schema.json")
    ours = {violation.path for violation in validate(data, grammar, "recipe.schema.json")}
    theirs = list(Draft202012Validator(grammar).iter_errors(data))
    assert bool(ours) == bool(theirs)


def _check_jsonschema(paths: list[Path]) -> dict[str, Any]:
    command = [sys.executable, "-m", "check_jsonschema", "-o", "json", "--schemafile"]
    grammar = str(data_folder("schemas") / "recipe.schema.json")
    done = subprocess.run([*command, grammar, *map(str, paths)], capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout))


def test_check_jsonschema_gives_the_same_verdict() -> None:
    good = [*corpus.OK, *SHIPPED]
    assert _check_jsonschema(good)["status"] == "ok"
    answer = _check_jsonschema(corpus.BAD)
    refused = {error["filename"] for error in (*answer["errors"], *answer["parse_errors"])}
    ours = {str(path) for path in corpus.BAD if _breaks_grammar(path)}
    assert refused == ours


def test_check_jsonschema_gives_the_same_verdict_on_mistakes_made_at_random(tmp_path: Path) -> None:
    """One random value of a shipped recipe is replaced by another of its values or by a special one."""
    draw = random.Random(3)
    for number in range(120):
        recipe = parse((draw.choice(SHIPPED)).read_text(encoding="utf-8"), "x.yml").data
        places = list(_places(recipe))
        holder, key = draw.choice(places)
        traps = [
            None,
            True,
            1,
            -1.5,
            "x",
            "{{ x }}",
            "2h",
            "20:4",
            "NO",
            "2020-06-04",
            [],
            ["source"],
            {},
            {"a": 1},
        ]
        other, name = draw.choice(places)
        holder[key] = copy.deepcopy(draw.choice([*traps, other[name]]))
        (tmp_path / f"r{number}.yml").write_text(dump(recipe), encoding="utf-8")
    files = sorted(tmp_path.glob("*.yml"))
    answer = _check_jsonschema(files)
    refused = {error["filename"] for error in (*answer["errors"], *answer["parse_errors"])}
    assert refused == {str(path) for path in files if _breaks_grammar(path)}
    assert 20 < len(refused) < 100


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield value, key
        yield from _places(item)


def _breaks_grammar(path: Path) -> bool:
    """Return whether YAML or the schema of the grammar is violated."""
    document = parse(path.read_text(encoding="utf-8"), str(path))
    if document.data is None or document.problems:
        return True
    grammar = schema.load_schema("recipe.schema.json")
    return any(validate(document.data, grammar, "recipe.schema.json"))


def test_all_problems_are_reported_together() -> None:
    path = RECIPES / "err" / "many_mistakes.yml"
    reading = read(path)
    assert reading.recipe is None
    with pytest.raises(RecipeError) as caught:
        load(path, load_registry())
    rules = {problem.rule for problem in caught.value.problems}
    assert {"IR001", "IR005", "IR010", "IR021", "IR026", "IR030"} <= rules
    assert str(caught.value).count("^") >= len(rules)
