"""A run made again from its product alone; `test_metadata` does it for every workflow."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.products.reruns import changed_inputs, different_files, read_origin
from support.main_job import REFERENCE, SECONDARY, TINY, tiny_job
from support.runs import call

OWN = """\
recipe: 1
name: own
summary: A recipe with a part and a template of its own.
steps:
  - id: part
    uses: parts/burst.yml
outputs:
  product: "{{ steps.part.product }}"
"""
PRODUCT = "S1_136231_IW2_20200604_20200616_VV_INT80_ABCD"
RECORD = {
    "isce2_recipe": "0.0.9",
    "recipe": "tiny",
    "source": "simulated",
    "engine": None,
    "parameters": {},
    "files": {},
    "inputs": [],
}
CHECK_PAIR = """\
recipe: 1
name: tiny
summary: Checks a pair.
steps:
  - id: pair
    uses: sentinel1.check_pair
    with: {{reference: [{}], secondary: [{}]}}
outputs:
  product: "{{{{ steps.pair.polarization }}}}"
"""


def write_product(
    folder: Path, text: str = CHECK_PAIR.format(REFERENCE, SECONDARY), **changes: object
) -> Path:
    product = folder / PRODUCT
    product.mkdir(parents=True)
    (product / f"{PRODUCT}_run.json").write_text(json.dumps(RECORD | changes))
    (product / f"{PRODUCT}_recipe.yml").write_text(text)
    return product


def test_a_plan_shows_the_steps_and_that_another_version_made_the_product(tmp_path):
    product = write_product(tmp_path)
    done = call("rerun", product, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pair" in done.stdout
    assert f"warning: {PRODUCT} was made by isce2-recipe 0.0.9, this is " in done.stderr
    assert (tmp_path / f"rerun_{PRODUCT}" / "tiny.yml").is_file()


def test_parts_and_templates_of_the_recipe_are_used(tmp_path):
    part = CHECK_PAIR.format(REFERENCE, SECONDARY).replace("name: tiny", "name: burst")
    files = {"parts/burst.yml": part, "templates/a.txt.j2": "a"}
    product = write_product(tmp_path, OWN, recipe="own", files=files)
    done = call("rerun", product, "--dry-run", "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "part/pair" in done.stdout
    assert (tmp_path / "w" / "templates" / "a.txt.j2").read_text() == "a"


@pytest.mark.parametrize("place", ["../evil.yml", "/tmp/evil.yml", "parts/../../evil.yml"])
def test_nothing_is_written_outside_the_work_directory(tmp_path, place):
    product = write_product(tmp_path, files={place: "x"})
    done = call("rerun", product, "--workdir", "w", cwd=tmp_path)
    assert done.returncode == 1
    assert "outside the recipe's folder" in done.stderr
    assert not (tmp_path / "evil.yml").exists()


OWN_STEPS = """\
recipe: 1
name: tiny
summary: Runs a program and a function.
steps:
  - id: program
    uses: command.run
    with: {argv: [touch, MARK]}
  - id: part
    uses: parts/own.yml
"""
OWN_PART = """\
recipe: 1
name: own
summary: Calls a function.
steps:
  - id: function
    uses: python.call
    with: {module: own.py, function: make}
"""


def test_commands_of_a_product_run_only_if_the_user_allows_them(tmp_path):
    mark, imported = tmp_path / "mark", tmp_path / "imported"
    code = f"open({str(imported)!r}, 'w')\ndef make(): pass\n"
    files = {"parts/own.yml": OWN_PART, "parts/own.py": code}
    product = write_product(tmp_path, OWN_STEPS.replace("MARK", str(mark)), files=files)
    for words in ((), ("--workdir", "w"), ("--dry-run",)):
        done = call("rerun", product, *words, cwd=tmp_path)
        assert done.returncode == (0 if words == ("--dry-run",) else 1), done.stderr
        assert not mark.exists()
        assert not imported.exists()
        if done.returncode:
            assert f"step 'program' runs touch {mark}" in done.stderr
            assert "step 'part/function' runs make() of own.py" in done.stderr
            assert "add --allow-commands" in done.stderr
    done = call("rerun", product, "--workdir", "w", "--allow-commands", "--until", "part", cwd=tmp_path)
    assert "warning: commands and code of" in done.stderr
    assert imported.exists()
    done = call("rerun", "--allow-commands", product, "--until", "program", cwd=tmp_path)
    assert mark.exists()


def test_a_file_of_the_user_is_not_replaced(tmp_path):
    product = write_product(tmp_path, files={"parts/own.yml": OWN_PART, "numpy.py": ""})
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "tiny.yml").write_text("mine\n")
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "other.txt").write_text("mine\n")
    for folder, what in (("w", "it has another file tiny.yml"), ("v", "it holds other files")):
        before = sorted(path.name for path in (tmp_path / folder).iterdir())
        done = call("rerun", product, "--dry-run", "--workdir", folder, cwd=tmp_path)
        assert done.returncode == 1
        assert what in done.stderr
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == before


@pytest.mark.slow
def test_other_inputs_and_differences_are_reported(tmp_path, shared):
    product = tiny_job(shared).product
    other = ("--source", f"{TINY},seed=7", "--workdir", "again")
    done = call("rerun", product, *other, cwd=tmp_path, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"warning: these inputs differ from the product's inputs: {REFERENCE}.tiff" in done.stderr
    assert f"the new product differs from {product} in " in done.stdout
    assert "_unw_phase.tif" in done.stdout


def test_other_files_than_a_product_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_origin(tmp_path / "nothing")
    with pytest.raises(InputError, match="holds no record"):
        read_origin(tmp_path)
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(InputError, match="neither a product's folder nor its zip"):
        read_origin(tmp_path / "x.zip")
    (tmp_path / "S1_run.json").write_text(json.dumps({"recipe": "a"}))
    with pytest.raises(InputError, match=r"S1_run.json or S1_recipe.yml in .* cannot be read"):
        read_origin(tmp_path)


def test_folder_and_archive_hold_the_same_record(tmp_path):
    product = write_product(tmp_path / "one")
    archive = tmp_path / f"{PRODUCT}.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for path in product.iterdir():
            opened.write(path, f"{PRODUCT}/{path.name}")
    assert read_origin(archive) == read_origin(product)
    assert different_files(archive, product) == []
    changed = write_product(tmp_path / "two", source="asf")
    assert different_files(archive, changed) == ["_run.json"]
    file = {"kind": "dem", "of": "dem.tif", "name": "dem.tif", "size": 1, "sha256": "00"}
    one = read_origin(write_product(tmp_path / "three", inputs=[file]))
    other = read_origin(write_product(tmp_path / "four", inputs=[file | {"sha256": "01"}]))
    assert (changed_inputs(one, other), changed_inputs(one, one)) == (["dem.tif"], [])
