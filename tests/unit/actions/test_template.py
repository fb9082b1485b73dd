from __future__ import annotations

import logging
from pathlib import Path

import pytest

from isce2_recipe.actions import template
from isce2_recipe.actions.base import Context
from isce2_recipe.errors import InputError, RecipeError


def _context(tmp_path: Path) -> Context:
    (tmp_path / "templates").mkdir(exist_ok=True)
    (tmp_path / "w/config").mkdir(parents=True, exist_ok=True)
    return Context(
        workdir=tmp_path / "w",
        out=tmp_path / "w/config",
        source=None,  # type: ignore[arg-type]
        engine=None,  # type: ignore[arg-type]
        log=logging.getLogger("test"),
        progress=lambda _fraction, _text: None,
        cpus=1,
        templates=(tmp_path / "templates",),
    )


def test_values_fill_a_template_and_files_are_relative(tmp_path: Path) -> None:
    ctx = _context(tmp_path)
    (tmp_path / "templates/a.xml.j2").write_text("<a>{{ name }} {{ file }} {{ far }} {{ list[0] }}</a>\n")
    values = {
        "name": "R&D",
        "file": tmp_path / "w/dem/x",
        "far": Path("/far/y"),
        "list": [tmp_path / "w/isce/z"],
    }
    made = template.render.function(ctx, template="a.xml.j2", to="a.xml", values=values)
    assert made.path.read_text() == "<a>R&amp;D ../dem/x /far/y z</a>\n"


def test_a_missing_value_is_reported_with_the_templates_line(tmp_path: Path) -> None:
    ctx = _context(tmp_path)
    (tmp_path / "templates/a.xml.j2").write_text("<a>\n{{ nothing }}\n</a>\n")
    with pytest.raises(RecipeError, match=r"a.xml.j2:2: .*nothing"):
        template.render.function(ctx, template="a.xml.j2", to="a.xml", values={})


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no template 'none\.j2'"):
        template.render.function(_context(tmp_path), template="none.j2", to="a", values={})


def test_nothing_is_written_outside_the_steps_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not below"):
        template.render.function(_context(tmp_path), template="a", to="../a", values={})


def test_the_text_of_a_template_and_of_all_it_includes_is_part_of_the_key(tmp_path: Path) -> None:
    ctx = _context(tmp_path)
    outer, inner = tmp_path / "templates/a.j2", tmp_path / "templates/b.j2"
    outer.write_text("{% include 'b.j2' %}")
    inner.write_text("one")

    def read(path: Path) -> str | None:
        return path.read_text() if path.is_file() else None

    assert template.render.fingerprint is not None
    before = template.render.fingerprint({"template": "a.j2"}, ctx.templates, read)
    inner.write_text("two")
    assert template.render.fingerprint({"template": "a.j2"}, ctx.templates, read) != before


@pytest.mark.parametrize("text", ["line\n{{ number / 0 }}", "line\n{% for one in number %}{% endfor %}"])
def test_an_error_of_python_is_reported_with_the_templates_line(tmp_path: Path, text: str) -> None:
    ctx = _context(tmp_path)
    (tmp_path / "templates/a.txt.j2").write_text(text)
    with pytest.raises(RecipeError, match=r"^a\.txt\.j2:2: "):
        template.render.function(ctx, template="a.txt.j2", to="a.txt", values={"number": 1})
