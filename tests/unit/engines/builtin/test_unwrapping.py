"""Tests of every unwrapper with known surfaces, and of the files of the step."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

from isce2_recipe.engines.builtin import isceimage, unwrapping
from isce2_recipe.engines.builtin.engine import BuiltinEngine
from isce2_recipe.errors import EngineFailed, EngineMissing, InputError, ParameterError
from isce2_recipe.types import Looks
from support import isce_raster

LINES, SAMPLES = 90, 120


def surface() -> np.ndarray:
    """Return the phase of a ramp and a lobe, about nine cycles in total, radians."""
    line, sample = np.mgrid[:LINES, :SAMPLES]
    return 0.2 * line - 0.1 * sample + 25 * np.exp(-((line - 40) ** 2 + (sample - 70) ** 2) / 500)


def write_inputs(folder, interferogram, correlation):
    (folder / "merged").mkdir()
    for name, array, kind in (
        ("filt_topophase.flat", interferogram, "cpx"),
        ("phsig.cor", correlation, "cor"),
    ):
        image = isce_raster.header_for_array(folder / "merged" / name, array, image_type=kind)
        isce_raster.write(image, array, folder)


def inputs() -> tuple[np.ndarray, np.ndarray]:
    interferogram = (50 * np.exp(1j * surface())).astype("c8")
    interferogram[:, :6] = 0
    return interferogram, np.full((LINES, SAMPLES), 0.95, "f4")


@pytest.mark.parametrize(
    "name", ["snaphu_mcf", "snaphu", "SNAPHU_MCF", pytest.param("whirlwind", marks=pytest.mark.slow)]
)
def test_a_known_surface_is_recovered(tmp_path, name):
    if name == "whirlwind":
        pytest.importorskip("whirlwind", reason="the whirlwind extra is not installed")
    interferogram, correlation = inputs()
    write_inputs(tmp_path, interferogram, correlation)
    unwrapping.unwrap(tmp_path, Looks(20, 4), name)
    header = isceimage.read_header(tmp_path / "merged/filt_topophase.unw")
    amplitude, phase = isce_raster.read(header.path)
    labels = isce_raster.read(tmp_path / "merged/filt_topophase.unw.conncomp", 1)
    valid = np.abs(interferogram) > 0
    assert (header.scheme, header.image_type, header.data_type) == ("BIL", "unw", "FLOAT")
    assert np.allclose(amplitude, np.abs(interferogram))
    assert not phase[~valid].any()
    cycles = (phase - surface())[valid] / (2 * np.pi)
    assert np.abs(cycles - np.round(np.median(cycles))).max() < 1e-4
    assert set(np.unique(labels[valid])) == {1}
    assert sorted(path.name for path in (tmp_path / "merged").iterdir() if path.name.startswith(".")) == []


def test_islands_are_separate_components(tmp_path):
    interferogram, correlation = inputs()
    interferogram[:, 56:64] = 0
    correlation[:, 56:64] = 0
    write_inputs(tmp_path, interferogram, correlation)
    unwrapping.unwrap(tmp_path, Looks(20, 4))
    labels = isce_raster.read(tmp_path / "merged/filt_topophase.unw.conncomp", 1)
    assert labels[45, 30] > 0
    assert labels[45, 100] > 0
    assert labels[45, 30] != labels[45, 100]


def test_the_same_input_gives_the_same_bytes(tmp_path):
    results = []
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        write_inputs(tmp_path / run, *inputs())
        unwrapping.unwrap(tmp_path / run, Looks(20, 4))
        folder = tmp_path / run / "merged"
        results.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert results[0] == results[1]


def test_message_for_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ParameterError, match="there is no unwrapper 'icu'") as caught:
        unwrapping.find_unwrapper("icu")
    assert caught.value.hint == "choose one of snaphu, snaphu_mcf, whirlwind"


def test_engine_refuses_an_unknown_unwrapper_before_the_first_step(tmp_path):
    properties = {"do ESD": False, "do unwrap": True, "unwrapper name": "grass", "demFilename": "dem"}
    dates = "".join(
        f'<component name="{date}"><property name="safe">{date}.SAFE</property></component>'
        for date in ("reference", "secondary")
    )
    (tmp_path / "topsApp.xml").write_text(
        '<topsApp><component name="topsinsar">'
        + "".join(f'<property name="{name}">{value}</property>' for name, value in properties.items())
        + f"{dates}</component></topsApp>"
    )
    with pytest.raises(ParameterError, match="there is no unwrapper 'grass'"):
        BuiltinEngine().run(
            "topsApp",
            tmp_path / "topsApp.xml",
            folder=tmp_path,
            start=None,
            end=None,
            log=logging.getLogger("test"),
            progress=lambda _fraction, _text: None,
            cpus=1,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["topsApp.xml"]


def test_message_for_a_missing_package_has_the_command_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "whirlwind", None)
    interferogram, correlation = inputs()
    with pytest.raises(EngineMissing) as caught:
        unwrapping.find_unwrapper("whirlwind")(interferogram, correlation, 100.0, tmp_path)
    assert caught.value.hint == "install it: pip install 'isce2-recipe[whirlwind]'"


def test_an_entry_point_adds_an_unwrapper(monkeypatch, tmp_path):
    package = tmp_path / "plugged-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[isce2_recipe.unwrappers]\nplain = plugged_unwrapper:plain\n")
    (tmp_path / "plugged_unwrapper.py").write_text(
        "import numpy as np\n"
        "def plain(interferogram, correlation, independent_looks, scratch):\n"
        "    return np.angle(interferogram), np.ones(interferogram.shape, np.uint8)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    write_inputs(tmp_path, *inputs())
    unwrapping.unwrap(tmp_path, Looks(20, 4), "plain")
    wrapped, _ = inputs()
    assert np.allclose(isce_raster.read(tmp_path / "merged/filt_topophase.unw", 2), np.angle(wrapped))


def test_different_sizes_are_refused(tmp_path):
    interferogram, correlation = inputs()
    write_inputs(tmp_path, interferogram, correlation[:-1])
    with pytest.raises(InputError, match=r"differ in size: \(90, 120\) and \(89, 120\)"):
        unwrapping.unwrap(tmp_path, Looks(20, 4))


def test_failure_of_snaphu_is_reported(tmp_path):
    with pytest.raises(EngineFailed, match="SNAPHU could not unwrap"):
        unwrapping.snaphu(np.ones((1, 1), "c8"), np.ones((1, 1), "f4"), 100.0, tmp_path)
