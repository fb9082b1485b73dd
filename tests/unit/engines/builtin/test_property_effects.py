"""Properties of topsApp that the builtin engine takes have their effect on the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from isce2_recipe.engines.builtin import isceimage
from support.tops_scene import Scene, run


@pytest.fixture(scope="module")
def changed(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder whose XML has many properties that others leave out."""
    folder = scene.application(
        tmp_path_factory.mktemp("changed"),
        azimuth_looks=8,
        do_ESD=False,
        geocode_list="['merged/los.rdr', 'merged/phsig.cor']",
        geocode_bounding_box=list(_middle(scene)),
    )
    file = folder / "topsApp.xml"
    text = file.read_text().replace('<property name="range looks">20</property>', "")
    for old, new, output in (("reference", "master", "older"), ("secondary", "slave", "newer")):
        place = f'<property name="output directory">{output}</property>'
        text = text.replace(f'<component name="{old}">', f'<component name="{new}">{place}')
    file.write_text(text)
    return run(folder, end="geocode")


def _middle(scene: Scene) -> tuple[float, float, float, float]:
    """A box in the middle of the scene: south, north, west, east."""
    bounds = isceimage.read_header(scene.dem).node_bounds
    lon, lat = (bounds.west + bounds.east) / 2, (bounds.south + bounds.north) / 2
    return lat - 0.01, lat + 0.01, lon - 0.02, lon + 0.02


def test_looks_may_be_given_for_one_direction_alone(changed: Path) -> None:
    whole = isceimage.read_header(changed / "merged" / "topophase.flat.full")
    image = isceimage.read_header(changed / "merged" / "topophase.flat")
    # 19 looks in range are ISCE2's default.
    assert (image.lines, image.samples) == (whole.lines // 8, whole.samples // 19)


def test_components_may_have_the_names_of_older_releases_and_folders_of_their_own(changed: Path) -> None:
    assert (changed / "older" / "IW2" / "burst_01.slc.vrt").is_file()
    assert (changed / "newer" / "IW2.xml").is_file()
    assert not (changed / "reference").exists()


def test_the_list_and_the_box_of_geocoding_decide_what_is_geocoded(changed: Path, scene: Scene) -> None:
    assert sorted(path.name for path in (changed / "merged").glob("*.geo")) == [
        "los.rdr.geo",
        "phsig.cor.geo",
    ]
    bounds = isceimage.read_header(changed / "merged" / "phsig.cor.geo").node_bounds
    found = (bounds.south, bounds.north, bounds.west, bounds.east)
    assert found == pytest.approx(_middle(scene), abs=2 / 3600)
