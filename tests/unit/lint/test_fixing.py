"""``lint --fix`` repairs what it can and leaves the rest of the file unchanged."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.lint import main

RECIPE = """\
# A comment at the top.
recipe: 1
name: fixable
summary: Terrain of a box.   # kept

parameters:
  polarization: {type: string, enum: [NO, VV], default: VV}   # also kept
  margin: {type: number, default: "0.1"}
  api_key:
    type: string
  token: {type: string}

steps:
  - id: dem
    uses: dem.fetch
    timout: 2 h   # why so long
    with:
      bounds: [52.5, 27.0, 53.5, 27.5]
      margin: "{{ 0.2 }}"

  - id: note   # recipe: ignore[IR055] not needed
    # recipe: ignore[IR006] not needed either
    uses: template.render
    with:
      template: isce2/note.txt.j2
      to: note.txt
      values: {address: "http://example.org/x", all: "{{ [polarization, margin] }}"}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "fixable.yml"
    made.write_text(RECIPE)
    return made


def test_fixable_problems_are_fixed_and_the_rest_is_unchanged(path: Path) -> None:
    text, code = main([str(path)], fix=True, profile="basic")
    assert code == 1
    fixed = path.read_text()
    expected = (
        RECIPE.replace("[NO, VV]", '["NO", VV]')
        .replace('default: "0.1"', "default: 0.1")
        .replace("  api_key:\n    type", "  api_key:\n    secret: true\n    type")
        .replace("token: {type", "token: {secret: true, type")
        .replace("timout", "timeout")
        .replace('"{{ 0.2 }}"', "0.2")
        .replace("   # recipe: ignore[IR055] not needed", "")
        .replace("    # recipe: ignore[IR006] not needed either\n", "")
        .replace("http://", "https://")
    )
    assert fixed == expected
    assert "IR001" not in text
    assert "'api_key' is never used" in text


def test_a_fix_that_would_cause_an_error_is_not_made(path: Path) -> None:
    path.write_text(RECIPE.replace("[polarization, margin]", "[polarization, margin, token]"))
    main([str(path)], fix=True, select=["IR047", "IR046", "IR001"])
    assert "secret: true" not in path.read_text()


def test_fixing_twice_is_the_same_as_once(path: Path) -> None:
    main([str(path)], fix=True, profile="basic")
    once = path.read_text()
    main([str(path)], fix=True, profile="basic")
    assert path.read_text() == once


def test_without_fix_nothing_is_written(path: Path) -> None:
    main([str(path)], profile="basic")
    assert path.read_text() == RECIPE


def test_ignored_problems_are_not_fixed(path: Path) -> None:
    path.write_text(
        RECIPE.replace("timout: 2 h   # why so long", "timout: 2 h   # recipe: ignore[IR001] it is so")
    )
    main([str(path)], fix=True, profile="basic")
    assert "timout: 2 h" in path.read_text()


def test_only_selected_rules_are_fixed(path: Path) -> None:
    main([str(path)], fix=True, select=["IR045"])
    assert path.read_text() == RECIPE.replace("http://", "https://")


def test_the_schema_line_is_added(path: Path) -> None:
    main([str(path)], fix=True, select=["IR019", "IR001"])
    assert path.read_text().startswith(
        "# yaml-language-server: $schema=../schemas/recipe.schema.json\n# A comment"
    )


def test_non_ascii_characters_do_not_shift_the_fixes(path: Path) -> None:
    text = RECIPE.replace("[NO, VV]", "[é, NO, VV]").replace("Terrain", "Gelände 🛰")
    path.write_text(text)
    main([str(path)], fix=True, select=["IR006", "IR001"])
    fixed = text.replace("[é, NO, VV]", '[é, "NO", VV]').replace("timout", "timeout")
    assert path.read_text() == fixed


def test_a_fix_keeps_windows_line_ends(path: Path) -> None:
    path.write_bytes(RECIPE.replace("\n", "\r\n").encode())
    main([str(path)], fix=True, select=["IR001"])
    assert path.read_bytes() == RECIPE.replace("timout", "timeout").replace("\n", "\r\n").encode()


def test_a_byte_order_mark_stays_at_the_beginning(path: Path) -> None:
    path.write_bytes(
        b"\xef\xbb\xbfnmae: fixable\nrecipe: 1\nsummary: Terrain.\nsteps:\n  - {id: dem, uses: x.y}\n"
    )
    main([str(path)], fix=True, select=["IR001"])
    assert path.read_bytes().startswith(b"\xef\xbb\xbfname: fixable\n")
    main([str(path)], fix=True, select=["IR019"])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf# yaml-language-server")
    assert path.read_bytes().count(b"\xef\xbb\xbf") == 1
