"""Problems are data; their text is made last and keeps secrets."""

from __future__ import annotations

from isce2_recipe.problems import Mark, Problem, did_you_mean, render, suggest, whole_file

PLACE = Mark("a.yml", 2, 4, 2, 9)


def test_the_message_is_made_of_what_was_expected_and_found() -> None:
    assert Problem(PLACE, "looks", expected="text", found="3").message == "looks must be text, instead got 3"
    assert Problem(PLACE, "not YAML", found="a bracket is open").message == "not YAML: a bracket is open"
    assert Problem(PLACE, "there is no step 'x'").message == "there is no step 'x'"


def test_advice_comes_before_a_suggestion() -> None:
    suggestion = suggest("timout", ["retry", "timeout"])
    assert Problem(PLACE, "x", suggestion=suggestion).hint == "did you mean 'timeout'?"
    assert Problem(PLACE, "x", "fill it in", suggestion=suggestion).hint == "fill it in"
    assert Problem(PLACE, "x").hint is None


def test_the_value_of_a_secret_is_shown_nowhere() -> None:
    problem = Problem(
        PLACE, "token", "see the manual", "IR005", expected="one of hunter2, b", found="'hunter3'",
        suggestion=suggest("hunter3", ["hunter2"]), secret=True,
    )  # fmt: skip
    text = render([problem], {"a.yml": "one\ntoken: hunter3\n"})
    assert text == "a.yml:2:4: token must be one of hunter2, b [IR005]\n  hint: see the manual"
    assert problem._replace(advice=None).hint is None


def test_a_problem_without_a_place_is_its_message() -> None:
    assert (
        render([Problem(whole_file(""), "looks is required", rule="IR002")], {})
        == "error: looks is required [IR002]"
    )
    assert render([Problem(whole_file("b.json"), "x", rule="IR092")], {}) == "b.json: x [IR092]"


def test_many_known_names_are_counted() -> None:
    assert did_you_mean("Water-Mask", ["water_mask", "dem"]) == "did you mean 'water_mask'?"
    assert did_you_mean("zzz", []) == "there are none"
    assert did_you_mean("zzz", [f"n{n}" for n in range(14)]).endswith("n11 and 2 more")
