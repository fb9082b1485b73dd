"""Files that ``--publish`` copies: those of another product stay, unless ``--overwrite`` is given."""

from __future__ import annotations

import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.running.exporting import export
from support.runs import call

RECIPE = """\
recipe: 1
name: note
summary: Writes a text.
parameters:
  word: {type: string, description: A word., default: one}
steps:
  - id: note
    uses: template.render
    with: {template: note.txt.j2, to: note.txt, values: {word: "{{ word }}"}}
outputs:
  note: "{{ steps.note.path }}"
"""


def product(folder, name, text, report):
    """Write a product of a run in a folder, and return the recipe's outputs."""
    inside = folder / "package" / name
    inside.mkdir(parents=True)
    (inside / f"{name}_a.tif").write_text(text)
    (folder / "package" / f"{name}.zip").write_text(f"zip of {text}")
    (folder / "report.html").write_text(report)
    return {
        "name": name,
        "product": inside,
        "zip": folder / "package" / f"{name}.zip",
        "report": folder / "report.html",
    }


def test_another_product_of_the_same_name_is_not_replaced(tmp_path):
    first = product(tmp_path / "first", "S1_A", "one", "took 1 s")
    second = product(tmp_path / "second", "S1_A", "two", "took 2 s")
    out = tmp_path / "out"
    made = export(first, out, tmp_path / "first")
    assert sorted(path.relative_to(out).as_posix() for path in made.values()) == [
        "S1_A.zip",
        "S1_A/S1_A_a.tif",
        "S1_A_report.html",
    ]
    with pytest.raises(
        InputError, match=r"S1_A_a\.tif \(and 1 more\) differs from what this run made"
    ) as caught:
        export(second, out, tmp_path / "second")
    assert "--overwrite" in str(caught.value.hint)
    assert (out / "S1_A" / "S1_A_a.tif").read_text() == "one"
    assert (out / "S1_A_report.html").read_text() == "took 1 s"
    export(second, out, tmp_path / "second", overwrite=True)
    assert (out / "S1_A.zip").read_text() == "zip of two"


def test_the_same_product_is_published_again_with_its_new_report(tmp_path):
    out = tmp_path / "out"
    for number in (1, 2):
        folder = tmp_path / str(number)
        export(product(folder, "S1_A", "one", f"took {number} s"), out, folder)
    assert (out / "S1_A_report.html").read_text() == "took 2 s"


def test_a_report_without_its_product_is_not_replaced(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "S1_A_report.html").write_text("mine")
    with pytest.raises(InputError, match="nothing was exported"):
        export(product(tmp_path / "run", "S1_A", "one", "took 1 s"), out, tmp_path / "run")
    assert [path.name for path in out.iterdir()] == ["S1_A_report.html"]


def test_runs_of_any_recipe_do_not_overwrite_what_others_published(tmp_path):
    (tmp_path / "note.yml").write_text(RECIPE)
    (tmp_path / "note.txt.j2").write_text("{{ word }}\n")
    words = ("run", "note.yml", "--publish", "out")
    assert call(*words, cwd=tmp_path).returncode == 0
    assert call(*words, cwd=tmp_path).returncode == 0
    done = call(*words, "--word", "two", cwd=tmp_path)
    assert done.returncode == 1
    assert "note.txt differs from what this run made" in done.stderr
    assert (tmp_path / "out" / "note.txt").read_text() == "one\n"
    assert call(*words, "--word", "two", "--overwrite", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out" / "note.txt").read_text() == "two\n"
