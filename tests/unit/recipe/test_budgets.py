"""Recipes and templates of strangers end within budgets of steps, depth, size and number of problems."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.actions.registry import load_registry
from isce2_recipe.errors import RecipeError
from isce2_recipe.expressions import ExpressionError, evaluate
from isce2_recipe.lint.linting import lint_paths
from isce2_recipe.problems import MAX_PROBLEMS
from isce2_recipe.recipe.checking import load
from isce2_recipe.recipe.document import parse
from isce2_recipe.recipe.verifying import verify

HEAD = "recipe: 1\nname: {name}\n"
STEP = """steps:
  - id: text
    uses: template.render
    with: {template: t.xml.j2, to: t.xml, values: {x: VALUE}}
"""
HUNDRED = f"[{', '.join(['1'] * 100)}]"


def _write(folder: Path, body: str, name: str = "bomb", template: str = "<a>{{ x }}</a>") -> Path:
    (folder / "t.xml.j2").write_text(template)
    path = folder / f"{name}.yml"
    path.write_text(HEAD.format(name=name) + body)
    return path


def _plan(path: Path) -> None:
    registry = load_registry()
    verify(load(path, registry), registry, {})


def _doubling(first: str, pattern: str, times: int = 60) -> str:
    lines = [f"  v{n + 1}: {pattern.replace('V', f'v{n}')}" for n in range(times)]
    return "\n".join(["variables:", f"  v0: {first}", *lines, STEP.replace("VALUE", f"'{{{{ v{times} }}}}'")])


@pytest.mark.parametrize(
    "body",
    [
        _doubling("'1'", "['{{ V }}', '{{ V }}']"),
        _doubling("'1'", "'{{ [V, V] }}'"),
        _doubling("'1'", "'{{ (V, V) }}'"),
        _doubling("{a: 1}", "{a: '{{ V }}', b: '{{ V }}'}"),
        _doubling("'xxxxxxxxxx'", "'{{ V }}{{ V }}'"),
        _doubling("'xxxxxxxxxx'", "'{{ V ~ V }}'"),
        _doubling("[1]", "'{{ V + V }}'"),
        _doubling(f"'{{{{ {[1] * 5000} }}}}'", "'{{ v0 | sort }}'", 2000),
    ],
    ids=["list", "list in braces", "tuple", "mapping", "text", "concatenation", "sum", "many sorts"],
)
def test_a_value_that_grows_too_much_is_refused_where_it_is_written(tmp_path: Path, body: str) -> None:
    path = _write(tmp_path, body)
    found = [problem for problem in lint_paths([path]) if problem.rule == "IR020"]
    assert len(found) == 1
    assert found[0].file == str(path)
    assert "too long" in found[0].message or "too many steps" in found[0].message
    with pytest.raises(RecipeError, match=f"bomb.yml:{found[0].line}:"):
        _plan(path)


@pytest.mark.parametrize(
    "text",
    [
        "{{ [1, 2] | join('" + "x" * 99_000 + "') }}",
        "{{ many | join(wide) }}",
        "{{ many | replace('1', wide) }}",
        "{{ wide ~ wide }}",
        "{{ 5 | round(-1000000000) }}",
        "{{ 1.5 | round(100000000, 'ceil') }}",
        "{{ [[1], [2]] | sum(start=[]) }}",
        "{{ 900 ** 900 ** 900 }}",
        "{{ [many, many] }}",
        "{{ many | string | length }}",
        "{{ " + "(" * 5000 + " }}",
        "{{ 1" + " + 1" * 5000 + " }}",
        "{{ a" + " | trim" * 5000 + " }}",
        "{{ '" + "x" * 300_000 + "' }}",
    ],
    ids=lambda text: text[:30],
)
def test_operators_and_filters_that_blow_up_are_refused(text: str) -> None:
    names = {"many": ["1" * 50] * 20_000, "wide": "y" * 99_000, "a": "b"}
    with pytest.raises(ExpressionError):
        evaluate(text, names)


def test_filters_keep_their_arguments() -> None:
    names = {"bursts": [{"n": 1}, {"n": 2}]}
    assert evaluate("{{ bursts | join('-', attribute='n') }}", names) == "1-2"
    assert evaluate("{{ 1.55 | round(1, 'floor') }}", names) == 1.5
    assert evaluate("{{ [1, 2.5] | sum }}", names) == 3.5
    assert evaluate("{{ 'a' ~ 1 ~ none }}", names) == "a1None"


LOOPS = "".join(f"{{% for i{n} in x %}}" for n in range(8))
ENDS = "{% endfor %}" * 8


@pytest.mark.parametrize(
    "template",
    [
        f"<a>{LOOPS}{ENDS}</a>",
        f"<a>{{% set q %}}{LOOPS}{'y' * 50_000}{ENDS}{{% endset %}}</a>",
        "<a>{% for i in x %}{% for j in x %}" + "y" * 100_000 + "{% endfor %}{% endfor %}</a>",
        "<a>{% set q = 'xxxxxxxxxx' %}" + "{% set q = q ~ q %}" * 60 + "{{ q }}</a>",
        "<a>{% set q %}xxxxxxxxxx{% endset %}" + "{% set q %}{{ q }}{{ q }}{% endset %}" * 60 + "</a>",
        "{% for i in x %}" * 30 + "{% endfor %}" * 30,
        "{% if x %}" * 300 + "{% endif %}" * 300,
        "{% include 'loop.xml.j2' %}",
        "{% include 'i0.xml.j2' %}",
        "{{ x }}" * 100_000,
    ],
    ids=[
        "loops",
        "loops in a block",
        "literal text",
        "texts",
        "blocks",
        "for",
        "if",
        "itself",
        "twice",
        "long",
    ],
)
def test_a_template_that_does_not_end_is_refused(tmp_path: Path, template: str) -> None:
    (tmp_path / "loop.xml.j2").write_text("{% for i in x %}{% include 'loop.xml.j2' %}{% endfor %}")
    for n in range(40):
        (tmp_path / f"i{n}.xml.j2").write_text(f"{{% include 'i{n + 1}.xml.j2' %}}" * 2)
    (tmp_path / "i40.xml.j2").write_text("")
    path = _write(tmp_path, STEP.replace("VALUE", HUNDRED), template=template)
    assert any(problem.severity == "error" for problem in lint_paths([path]))
    with pytest.raises(RecipeError, match=r"bomb\.yml:\d+:\d+: .*template"):
        _plan(path)


def test_parts_that_use_the_next_one_twice_are_refused(tmp_path: Path) -> None:
    for n in range(18):
        uses = "".join(f"  - {{id: {name}, uses: p{n + 1}.yml}}\n" for name in "ab")
        _write(tmp_path, f"steps:\n{uses}", f"p{n}")
    _write(tmp_path, STEP.replace("VALUE", "1"), "p18")
    assert any("steps with its parts" in one.message for one in lint_paths([tmp_path]))
    with pytest.raises(RecipeError, match=r"more than 10,000 steps with its parts"):
        _plan(tmp_path / "p0.yml")


def test_a_long_chain_of_parts_is_refused(tmp_path: Path) -> None:
    for n in range(300):
        _write(tmp_path, f"steps:\n  - {{id: a, uses: p{n + 1}.yml}}\n", f"p{n}")
    _write(tmp_path, STEP.replace("VALUE", "1"), "p300")
    with pytest.raises(RecipeError, match="parts are used within each other"):
        _plan(tmp_path / "p0.yml")


@pytest.mark.parametrize("text", ["[" * 50_000, "a: " + "{a: " * 50_000, "a:\n" + "- " * 50_000])
def test_deep_nesting_is_one_problem(text: str) -> None:
    assert len(parse(text, "deep.yml").problems) == 1


def test_aliases_that_multiply_are_one_problem() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(9)]
    document = parse("\n".join(lines), "bomb.yml")
    assert [problem.rule for problem in document.problems] == ["IR009"]


@pytest.mark.parametrize(
    "body",
    [
        "steps:\n" + "".join(f"  - {{id: a{n}, uses: nope.nope}}\n" for n in range(2000)),
        "steps:\n" + "  - {}\n" * 2000,
        "".join(f"k{n}: 1\n" for n in range(2000)) + STEP,
        "variables:\n" + "".join(f"  v{n}: '{{{{ q{n} }}}}'\n" for n in range(2000)) + STEP,
    ],
    ids=["actions", "steps", "keys", "names"],
)
def test_a_file_has_a_bounded_number_of_problems(tmp_path: Path, body: str) -> None:
    path = _write(tmp_path, body)
    assert 0 < len(lint_paths([path])) <= MAX_PROBLEMS + 1
    with pytest.raises(RecipeError) as raised:
        _plan(path)
    assert len(str(raised.value).splitlines()) < 5 * MAX_PROBLEMS


def test_slow_patterns_have_a_common_budget(tmp_path: Path) -> None:
    text = "a" * 60 + "!"
    lines = [f"  a{n}: {{type: string, pattern: '^(a|aa)+$', default: '{text}'}}\n" for n in range(12)]
    path = _write(tmp_path, "parameters:\n" + "".join(lines) + STEP.replace("VALUE", "1"))
    slow = [problem for problem in lint_paths([path]) if "within 1 s" in problem.message]
    assert len(slow) == 12


def test_a_long_line_is_cut_around_its_caret(tmp_path: Path) -> None:
    path = _write(tmp_path, f"summary: {'x' * 10_000} {{{{ nothing\nname: b\n" + STEP)
    with pytest.raises(RecipeError) as raised:
        _plan(path)
    assert max(map(len, str(raised.value).splitlines())) < 500


@pytest.mark.parametrize("separator", ["\x85", "\u2028", "\u2029"])
def test_only_line_feeds_end_lines(tmp_path: Path, separator: str) -> None:
    body = f"summary: 'a{separator}b' # c{separator}d\nvariables: {{a: 'x{separator}'}}\n"
    path = _write(tmp_path, body + STEP.replace("VALUE", "'{{ nothing }}'"))
    document = load(path).document
    assert document.data["summary"] == f"a{separator}b"
    assert document.data["variables"] == {"a": f"x{separator}"}
    with pytest.raises(RecipeError, match=r"bomb\.yml:8:\d+: .*nothing") as raised:
        _plan(path)
    assert "   8 |     with: {template" in str(raised.value)


def test_control_characters_of_a_recipe_are_escaped_in_its_excerpt(tmp_path: Path) -> None:
    path = _write(tmp_path, "summary: \"a\"\nvariables: {a: '{{ nothing }} \u202e\x9b31m'}\n" + STEP)
    with pytest.raises(RecipeError) as raised:
        _plan(path)
    assert "\\u202e\\u009b31m" in str(raised.value)
    assert "\u202e" not in str(raised.value)
