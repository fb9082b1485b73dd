"""The ALOS actions on small simulated scenes, from the pair's names to the product."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import rasterio

from isce2_recipe.actions import alos, template
from isce2_recipe.actions.base import Context
from isce2_recipe.alos import pairs
from isce2_recipe.alos.scene import perpendicular_baseline_m, read_frame, read_scene
from isce2_recipe.engines.isce2 import Installation, Isce2Engine
from isce2_recipe.errors import EngineMissing, InputError, ParameterError
from isce2_recipe.sar.orbit import Orbit
from isce2_recipe.sources import open_source
from isce2_recipe.types import AlosName
from support.isce_folder import Ground, write_isce

OLDER, NEWER = "ALPSRP156121200", "ALPSRP162831200"
LOG = logging.getLogger("test")


class Isce2:
    """An engine of which these actions use only the name."""

    name = "isce2"

    def version(self):
        return "2.6.5"


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Write two small scenes as a source delivers them."""
    folder = tmp_path_factory.mktemp("alos")
    source = open_source("simulated:clean,lines=256,samples=1200")
    records = source.find_alos([AlosName.parse(OLDER), AlosName.parse(NEWER)], LOG)
    return [source.fetch_alos(record, folder, LOG, lambda fraction, text: None) for record in records]


@pytest.fixture
def context(tmp_path, archives):
    (tmp_path / "source" / "alos").mkdir(parents=True)
    for archive in archives:
        (tmp_path / "source" / "alos" / archive.name).hardlink_to(archive)
    out = tmp_path / "out"
    out.mkdir()
    return Context(
        workdir=tmp_path,
        out=out,
        source=open_source(f"directory:{tmp_path / 'source'}"),
        engine=Isce2(),
        log=LOG,
        progress=lambda fraction, text: None,
        cpus=1,
    )


def find(context):
    return alos.find_scenes.function(context, reference=OLDER, secondary=NEWER)


def fetch(context, scene=OLDER):
    return alos.fetch_scene.function(context, catalog=find(context).catalog, scene=scene)


@pytest.mark.parametrize("names", [(OLDER, NEWER), (NEWER, OLDER), (f"{NEWER}-L1.0", OLDER)])
def test_the_older_scene_is_the_reference(context, names):
    pair = alos.check_pair.function(context, reference=names[0], secondary=names[1])
    assert pair == alos.AlosPairNames(OLDER, NEWER, 46)


@pytest.mark.parametrize(
    ("secondary", "words"),
    [
        (OLDER, "same scene"),
        ("ALPSRP156131200", "different tracks: their orbits are 1 apart"),
        ("ALPSRP162831190", "different frames, 1200 and 1190"),
        ("ALPSRP999991200", "ALOS flew orbits 1 to 27930"),
        ("ALPSRP162839999", "each with the frames 0 to 7199"),
        ("S1A_IW_SLC", "is not the name of an ALOS PALSAR"),
    ],
)
def test_scenes_that_are_not_a_pair_are_refused(context, secondary, words):
    with pytest.raises(ParameterError, match=words):
        alos.check_pair.function(context, reference=OLDER, secondary=secondary)


def test_an_isce2_without_opencv_is_refused_for_the_ionosphere(context, tmp_path):
    home = tmp_path / "isce"
    (home / "components").mkdir(parents=True)
    (home / "components" / "cv2.py").write_text("raise SystemExit")
    lacking = Isce2Engine(Installation(tmp_path, home, sys.executable), "2.6.5", {"PYTHONPATH": "/nowhere"})
    having = replace(context, engine=lacking)
    alos.check_pair.function(having, reference=OLDER, secondary=NEWER, split_spectrum=True)
    (home / "components" / "cv2.py").unlink()
    with pytest.raises(EngineMissing, match="no module cv2") as caught:
        alos.check_pair.function(having, reference=OLDER, secondary=NEWER, split_spectrum=True)
    assert "split_spectrum=false" in (caught.value.hint or "")
    alos.check_pair.function(having, reference=OLDER, secondary=NEWER)


def test_bounds_are_those_of_the_overlap(context):
    scenes = find(context)
    boxes = [
        record.bounds for record in context.source.find_alos([AlosName.parse(n) for n in (OLDER, NEWER)], LOG)
    ]
    west, south, east, north = scenes.bounds
    assert (west, south) == (max(b.west for b in boxes), max(b.south for b in boxes))
    assert (east, north) == (min(b.east for b in boxes), min(b.north for b in boxes))
    assert scenes.direction == "ASCENDING"


def test_a_scene_is_unpacked_and_read(context):
    scene = fetch(context)
    assert scene.folder.name == f"{OLDER}-L1.0"
    assert scene.image.name == f"IMG-HH-{OLDER}-H1.0__A"
    assert scene.leader.name == f"LED-{OLDER}-H1.0__A"
    assert not (context.out / "download").exists()
    read = read_scene(scene.folder)
    assert (read.lines, read.samples, read.mode, read.prf_hz) == (256, 1200, "FBS", 2159.827)
    assert read.wavelength_m == pytest.approx(0.2360571, abs=1e-7)
    assert read.heading_deg == pytest.approx(-17.9, abs=0.1)
    assert read.height_m == pytest.approx(704e3, abs=3e3)


def test_hh_is_chosen_from_several_polarizations(context):
    place = context.source.root / "alos" / f"{OLDER}-L1.0"
    with zipfile.ZipFile(place.with_name(f"{OLDER}-L1.0.zip")) as opened:
        opened.extractall(place.parent)
    place.with_name(f"{OLDER}-L1.0.zip").unlink()
    (place / f"IMG-HV-{OLDER}-H1.0__A").write_bytes(b"cross")
    scene = fetch(context)
    assert scene.image.name == f"IMG-HH-{OLDER}-H1.0__A"
    assert scene.polarizations == ["HH", "HV"]
    # A scene with HV alone cannot be used.
    (place / f"IMG-HH-{OLDER}-H1.0__A").unlink()
    with pytest.raises(InputError, match="holds no HH signal data: HV"):
        read_scene(place)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"IMG-HH-{OLDER}-H1.1__A", r"is of level 1\.1 \(focused\), not 1\.0"),
        (f"IMG-HH-{OLDER}-H1.5GUD", r"is of level 1\.5 \(detected\), not 1\.0"),
        ("IMG-HH-ALPSRS156121200-W1.5GUD", "is a ScanSAR scene"),
        (f"IMG-HH-{OLDER}-P1.1__A", "is a polarimetric scene"),
        ("IMG-HH-ALOS2014410740-140829-UBSL1.1__D", "is from ALOS-2"),
    ],
)
def test_other_products_are_named(tmp_path, name, words):
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / name.replace("IMG-HH", "LED")).write_bytes(b"x")
    with pytest.raises(InputError, match=words) as caught:
        read_scene(tmp_path)
    assert caught.value.hint
    with pytest.raises(InputError, match=words):
        read_frame(tmp_path / name, tmp_path / name.replace("IMG-HH", "LED"))


@pytest.mark.parametrize(
    ("offset", "text", "words"),
    [
        (396, b"ALOS2 ", "is from ALOS2"),
        (396, b"ERS1", r"is no leader of an ALOS scene: its mission is 'ERS1'"),
        (424, b"1", "is of a ScanSAR scene"),
        (424, b"2", "is of a polarimetric scene"),
        (710, b" " * 16, "the leader states a sampling rate of 0"),
        (742, b"xx", "could not convert"),
    ],
)
def test_leaders_of_other_products_are_named(context, offset, text, words):
    scene = fetch(context)
    led = bytearray(scene.leader.read_bytes())
    led[720 + offset : 720 + offset + len(text)] = text
    scene.leader.write_bytes(led)
    with pytest.raises(InputError, match=words):
        read_scene(scene.folder)


@pytest.mark.parametrize("damage", ["cut", "half", "empty", "level", "leader", "short leader"])
def test_damaged_scenes_are_named(context, damage):
    scene = fetch(context)
    led = bytearray(scene.leader.read_bytes())
    if damage == "cut":
        scene.image.write_bytes(scene.image.read_bytes()[:-1000])
        words = r"IMG-HH-.* is truncated or damaged at pulse 256: it has \d+ bytes"
    elif damage == "half":
        with scene.image.open("r+b") as stream:
            stream.seek(720 + 8)
            stream.truncate(720 + 10 * int.from_bytes(stream.read(4), "big"))
        words = "the signal data is truncated: it has 10 of 256 pulses"
    elif damage == "empty":
        scene.image.write_bytes(b"")
        words = "IMG-HH-.* has no pulses"
    elif damage == "level":
        led[720 + 1094 : 720 + 1097] = b"1.5"
        scene.leader.write_bytes(led)
        words = r"is of level 1\.5 \(detected\), not 1\.0"
    elif damage == "leader":
        scene.leader.unlink()
        words = "lacks LED-"
    else:
        scene.leader.write_bytes(led[:5000])
        words = "record ends"
    with pytest.raises(InputError, match=words):
        read_scene(scene.folder)


def test_the_baseline_is_that_of_the_simulated_orbits(context):
    folders = [fetch(replace(context, out=_fresh(context, name)), name).folder for name in (OLDER, NEWER)]
    geometry = alos.check_scenes.function(context, reference=folders[0], secondary=folders[1])
    # The secondary flies 300 m lower left: away from the side that the radar looks to.
    assert geometry.perpendicular_baseline_m == pytest.approx(300.0, abs=0.5)
    assert geometry.mode == "FBS"
    first = read_scene(folders[0])
    assert perpendicular_baseline_m(first, first) == pytest.approx(0.0, abs=1e-3)


def _fresh(context, name):
    folder = context.out / name
    folder.mkdir()
    return folder


def pair_of(context):
    return [
        read_scene(fetch(replace(context, out=_fresh(context, name)), name).folder) for name in (OLDER, NEWER)
    ]


def test_scenes_that_cannot_interfere_are_refused(context):
    older, newer = pair_of(context)
    away = Orbit(
        newer.orbit.epoch, newer.orbit.time_s, newer.orbit.position_m * 1.01, newer.orbit.velocity_m_s
    )
    late = replace(newer, start=newer.start + timedelta(seconds=40), stop=newer.stop + timedelta(seconds=40))
    for other, words in (
        (replace(newer, ascending=False), "have different directions, ASCENDING and DESCENDING"),
        (replace(newer, beam=3), "have different beams, 7 and 3"),
        (replace(newer, polarization="HV"), "have different polarizations, HH and HV"),
        (late, "do not show the same ground"),
        (replace(newer, orbit=away), "do not show the same ground|are on different tracks"),
    ):
        with pytest.raises(InputError, match=words):
            pairs.check_scenes(older, other)


def test_doppler_spectra_must_overlap():
    pairs.check_doppler(0.0, 300.0, 2159.8)
    pairs.check_doppler(-1000.0, 1000.0, 2159.8)  # neighbours, because spectra repeat
    with pytest.raises(
        InputError, match=r"0 and 1050 Hz: the spectra, 1296 Hz wide, have only 19 %"
    ) as caught:
        pairs.check_doppler(0.0, 1050.0, 2159.8)
    assert caught.value.hint


def test_scenes_of_different_modes_are_refused(context):
    folders = [fetch(replace(context, out=_fresh(context, name)), name).folder for name in (OLDER, NEWER)]
    leader = next(folders[1].glob("LED-*"))
    led = bytearray(leader.read_bytes())
    led[17688 + 64 : 17688 + 68] = b"  14"
    leader.write_bytes(led)
    with pytest.raises(InputError, match=f"the mode of {OLDER} is FBS, that of {NEWER} is FBD"):
        alos.check_scenes.function(context, reference=folders[0], secondary=folders[1])


def test_the_configuration_has_the_predecessors_settings(context):
    values = {
        "reference_image": "a/IMG",
        "reference_leader": "a/LED",
        "secondary_image": "b/IMG",
        "secondary_leader": "b/LED",
        "dem": "../dem/full_res.dem.wgs84",
        "region": [-152.7, 60.1, -152.2, 60.4],
        "range_looks": 4,
        "azimuth_looks": 14,
        "filter_strength": 0.5,
        "unwrapper": "snaphu",
        "split_spectrum": True,
        "dispersive_coherence": 0.6,
    }
    made = template.render.function(
        context, template="isce2/stripmapApp.xml.j2", to="stripmapApp.xml", values=values
    )
    root = ET.parse(made.path).getroot()
    properties = {entry.get("name"): entry.text for entry in root.find("component").findall("property")}
    assert properties["sensor name"] == "ALOS"
    assert properties["regionOfInterest"] == "[60.1, 60.4, -152.7, -152.2]"
    assert (properties["do split spectrum"], properties["do dispersive"]) == ("True", "True")
    scenes = {
        entry.get("name"): [p.text for p in entry] for entry in root.find("component").findall("component")
    }
    assert scenes == {
        "reference": ["a/IMG", "a/LED", "reference"],
        "secondary": ["b/IMG", "b/LED", "secondary"],
    }


def stripmap_folder(tmp_path, first=(53.5, 27.5)):
    """Write ISCE2's folder after geocoding, with some other files."""
    ground = Ground(first=first)
    ground.write(tmp_path)
    isce = tmp_path / "isce"
    (isce / "merged").rename(isce / "interferogram")
    (isce / "geometry").mkdir()
    for file in (isce / "interferogram").glob("los.rdr.geo*"):
        shutil.move(file, isce / "geometry" / file.name)
    (isce / "interferogram" / "lowBand").mkdir()
    (isce / "interferogram" / "lowBand" / "left_behind").write_text("x")
    (isce / "ionosphere").mkdir()
    phase = np.where(ground.inside, 7.0, 0.0)[None].astype("f4")
    for name in ("dispersive", "nondispersive"):
        write_isce(isce / "ionosphere" / f"{name}.bil.unwCor.filt.geo", phase, ground.first)
    return ground


def test_the_product_has_maps_text_and_isce2s_folders(context):
    folders = [fetch(replace(context, out=_fresh(context, name)), name).folder for name in (OLDER, NEWER)]
    ground = stripmap_folder(context.workdir)
    product = alos.package.function(
        context,
        folder=context.workdir / "isce",
        reference=folders[0],
        secondary=folders[1],
        dem=context.workdir / "dem.tif",
        water_mask=context.workdir / "water_mask.tif",
        looks="4x14",
    )
    name = f"{OLDER}x{NEWER}"
    assert product.name == name
    with rasterio.open(product.layers["unw_phase"]) as dataset:
        assert dataset.res == (40.0, 40.0)
        phase = dataset.read(1)
    seen = phase[phase != 0.0]
    assert seen.size > 5000
    assert seen.min() > ground.layers["phase"].min() - 1.0
    with rasterio.open(product.layers["dispersive_phase"]) as dataset:
        values = dataset.read(1)
        assert values[values != 0.0] == pytest.approx(7.0)
        assert dataset.units == ("radian",)
    text = dict(line.split(": ", 1) for line in (product.directory / f"{name}.txt").read_text().splitlines())
    assert text["Reference Granule"] == OLDER
    assert float(text["Baseline"]) == pytest.approx(300.0, abs=0.5)
    assert (text["Beam mode"], text["Polarization"]) == ("FBS", "HH")
    readme = (product.directory / f"{name}_README.md.txt").read_text()
    assert "dispersive_phase.tif" in readme
    assert "nondispersive_phase.tif" in readme
    assert product.browse.is_file()
    with zipfile.ZipFile(product.zip) as opened:
        members = set(opened.namelist())
    assert members >= {
        f"{name}/{name}_unw_phase.tif",
        f"{name}/interferogram/filt_topophase.unw.geo",
        f"{name}/geometry/los.rdr.geo.vrt",
        f"{name}/ionosphere/dispersive.bil.unwCor.filt.geo",
    }
    assert not any("left_behind" in member for member in members)


def test_scenes_across_the_antimeridian(context):
    """They are found and packaged like others; that ISCE2 cannot process them is reported by preflight."""
    simulated = replace(context, source=open_source("simulated:clean,lines=256,samples=1200"))
    names = {"reference": "ALPSRP155697000", "secondary": "ALPSRP162407000"}
    found = alos.find_scenes.function(simulated, **names)
    west, south, east, north = found.bounds
    assert 179.97 < west < 180.0 < east < 180.02
    assert -9.03 < south < north < -9.0
    folders = []
    for name in names.values():
        out = _fresh(context, name)
        got = alos.fetch_scene.function(replace(simulated, out=out), catalog=found.catalog, scene=name)
        (context.source.root / "alos" / name).symlink_to(got.folder)
        folders.append(got.folder)
    in_folder = alos.find_scenes.function(replace(context, out=_fresh(context, "again")), **names)
    assert in_folder.bounds == pytest.approx(found.bounds, abs=2e-3)
    stripmap_folder(context.workdir, (179.975, -9.0))
    product = alos.package.function(
        context,
        folder=context.workdir / "isce",
        reference=folders[0],
        secondary=folders[1],
        dem=context.workdir / "dem.tif",
        water_mask=context.workdir / "water_mask.tif",
        looks="4x14",
    )
    with rasterio.open(product.layers["unw_phase"]) as dataset:
        assert dataset.crs.to_epsg() == 32760
        assert dataset.width < 200
        assert (dataset.read(1) != 0).sum() > 5000
    item = json.loads(next(product.directory.glob("*.stac.json")).read_text())
    assert item["bbox"][0] > 179.9
    assert item["bbox"][2] < -179.9


def test_a_missing_ionosphere_is_reported_if_it_was_requested(context):
    folders = [fetch(replace(context, out=_fresh(context, name)), name).folder for name in (OLDER, NEWER)]
    stripmap_folder(context.workdir)
    shutil.rmtree(context.workdir / "isce" / "ionosphere")
    given = {
        "folder": context.workdir / "isce",
        "reference": folders[0],
        "secondary": folders[1],
        "dem": context.workdir / "dem.tif",
        "water_mask": context.workdir / "water_mask.tif",
        "looks": "4x14",
    }
    out = replace(context, out=_fresh(context, "with"))
    with pytest.raises(InputError, match="did not estimate the ionosphere"):
        alos.package.function(out, **given)
    out = replace(context, out=_fresh(context, "without"))
    product = alos.package.function(out, **given, split_spectrum=False)
    assert "dispersive_phase" not in product.layers
    readme = next(product.directory.glob("*_README.md.txt")).read_text()
    assert "ionosphere" not in readme.lower()


def test_a_simulated_run_has_a_truth(context):
    source = open_source("simulated:clean,lines=256,samples=1200")
    simulated = replace(context, source=source)
    bounds = find(simulated)
    box = bounds.bounds
    from isce2_recipe.types import Bounds

    dem = source.fetch_dem(Bounds(*box), context.out / "dem", LOG, lambda fraction, text: None)
    truth = alos.write_truth.function(simulated, catalog=bounds.catalog, dem=dem)
    assert truth.displacement == context.out / "los_displacement.tif"
    with rasterio.open(truth.displacement) as dataset, rasterio.open(dem) as terrain:
        values = dataset.read(1)
        assert dataset.transform == terrain.transform
    assert values.dtype == np.float32
    # The scene shows the middle of two lobes of a decimetre.
    assert 0.03 < np.abs(values).max() < 0.2
