"""Copies report their progress in bytes; links do not endanger existing files."""

from __future__ import annotations

import io
import zipfile
from itertools import pairwise

import pytest

from isce2_recipe.alos.scene import unpack
from isce2_recipe.copying import Copying, link
from isce2_recipe.products.package import write_zip
from isce2_recipe.progress import partly

MEGABYTE = 1 << 20


class Reports(list):
    """The reports of progress."""

    def __call__(self, fraction, text):
        self.append((fraction, text))

    def fractions(self):
        return [fraction for fraction, _ in self]


def test_every_megabyte_counts_whichever_file_it_is_in():
    reports, target = Reports(), io.BytesIO()
    copying = Copying(4 * MEGABYTE, reports)
    copying.copy(io.BytesIO(bytes(3 * MEGABYTE)), target, "large")
    copying.copy(io.BytesIO(b""), target, "empty")
    copying.copy(io.BytesIO(bytes(MEGABYTE)), target, "small")
    assert reports == [(0.25, "large"), (0.5, "large"), (0.75, "large"), (1.0, "small")]
    assert target.tell() == 4 * MEGABYTE


def test_a_part_of_a_step_has_its_share_of_the_progress():
    reports = Reports()
    part = partly(reports, 0.6, 1.0)
    for fraction in (0.0, 0.5, 1.0):
        part(fraction, "archive")
    assert reports.fractions() == pytest.approx([0.6, 0.8, 1.0])


def test_an_archive_of_one_large_file_is_not_written_at_one_stroke(tmp_path):
    product = tmp_path / "product"
    product.mkdir()
    (product / "a.txt").write_text("small")
    (product / "b.slc").write_bytes(bytes(8 * MEGABYTE))
    reports = Reports()
    archive = write_zip(product, reports)
    assert reports.fractions() == sorted(reports.fractions())
    assert reports.fractions()[-1] == 1.0
    assert max(later - earlier for earlier, later in pairwise(reports.fractions())) < 0.13
    again = Reports()
    unpacked = unpack(archive, tmp_path / "unpacked", again)
    assert len(again) == 9
    assert again.fractions()[-1] == 1.0
    assert (unpacked / "b.slc").read_bytes() == bytes(8 * MEGABYTE)
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["product/a.txt", "product/b.slc"]


def test_a_link_takes_the_place_of_a_file_and_leaves_that_files_other_names_alone(tmp_path):
    old, other, new = (tmp_path / name for name in ("old", "other", "new"))
    old.write_text("old")
    other.hardlink_to(old)
    new.write_text("new")
    link(new, old)
    assert (old.read_text(), other.read_text()) == ("new", "old")
