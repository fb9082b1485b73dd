"""A run made again from its product alone."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from isce2_recipe.cli.again import read_record
from isce2_recipe.errors import InputError
from support.main_job import run_job


@pytest.mark.slow
def test_the_archive_alone_makes_the_same_archive(tmp_path):
    first = run_job(tmp_path / "first", "--grid-pixel", "100", "--bucket-prefix", "somewhere/else")
    assert first.code == 0, first.said
    archive = first.product.with_name(f"{first.product.name}.zip")
    name, record = read_record(archive)
    assert (name, record) == read_record(first.product)
    assert record["parameters"]["grid_pixel"] == 100
    # Where a product is sent to is no part of it.
    assert not [key for key in record["parameters"] if key.startswith(("bucket", "publish"))]
    done = subprocess.run(
        [sys.executable, "-m", "isce2_recipe", "rerun", str(archive), "--workdir", "again"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    again = tmp_path / "again" / "package" / archive.name
    assert again.read_bytes() == archive.read_bytes()


def test_what_is_no_product_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_record(tmp_path / "nothing")
    with pytest.raises(InputError, match="holds no record"):
        read_record(tmp_path)
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(InputError, match="neither a product's folder nor its zip"):
        read_record(tmp_path / "x.zip")
    (tmp_path / "S1_run.json").write_text(json.dumps({"recipe": "a"}))
    with pytest.raises(InputError, match=r"S1_run.json in .* cannot be read"):
        read_record(tmp_path)
