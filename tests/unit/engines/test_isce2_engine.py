"""ISCE2's engine against a real child process named topsApp.py that behaves as ISCE2 does."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from isce2_recipe.engines.isce2 import Isce2Engine, find_installation
from isce2_recipe.errors import EngineFailed, EngineMissing, InputError
from isce2_recipe.paths import data_folder
from isce2_recipe.recipe import isce2_xml
from isce2_recipe.sources import open_source
from isce2_recipe.types import SlcName

STEPS = json.loads((data_folder("schemas") / "isce2" / "topsApp.properties.json").read_text())["steps"]
CONFIG = """<topsApp>
  <component name="topsinsar">
    <property name="Range Looks">20</property>
    <property name="do unwrap">True</property>
    {more}
  </component>
</topsApp>
"""

# Takes ISCE2's arguments, runs its steps by name, writes what each of them promises. A file named
# like a step and ending in .trouble makes that step go wrong.
SCRIPT = f"#!{sys.executable}\n" + textwrap.dedent(
    """
    import json, os, pathlib, sys, time
    STEPS = json.loads(os.environ["FAKE_STEPS"])
    config, *options = sys.argv[1:]
    text = pathlib.Path(config).read_text()
    if "rnage" in text.lower():
        print('Error. The attribute corresponding to the key "rnagelooks" is not present in the object "X".')
        print("Possible causes ... or a spelling error")
        sys.exit(1)
    if "many" in text:
        print('Error. The attribute corresponding to the key "rangelooks" is not present in the object "X".')
        sys.exit(1)
    chosen = dict(option.split("=") for option in options if "=" in option)
    assert set(chosen) <= {"--start", "--end"}, options
    first = STEPS.index(chosen.get("--start", STEPS[0]))
    last = STEPS.index(chosen.get("--end", STEPS[-1]))
    print("cpus", os.environ["OMP_NUM_THREADS"], "in", os.getcwd(), flush=True)
    WRITES = {
        "fineresamp": ["fine_coreg/IW2.xml"],
        "burstifg": ["fine_interferogram/IW2.xml"],
        "filter": ["merged/filt_topophase.flat", "merged/phsig.cor"],
        "unwrap": ["merged/filt_topophase.unw"],
        "geocode": ["merged/filt_topophase.unw.geo"],
    }
    for step in STEPS[first:last + 1]:
        print("Running step", step, flush=True)
        trouble = pathlib.Path(step + ".trouble")
        trouble = trouble.read_text() if trouble.exists() else ""
        if trouble == "hang":
            pathlib.Path("pid").write_text(str(os.getpid()))
            time.sleep(60)
        if trouble == "kill":
            os.kill(os.getpid(), 9)
        if trouble.startswith("raise:"):
            raise RuntimeError(trouble[6:])
        if trouble == "refuse":
            print("ERROR: start=x is not one of the named steps")
            sys.exit(0)
        for name in WRITES.get(step, []):
            path = pathlib.Path(name)
            path.parent.mkdir(exist_ok=True)
            path.write_text("" if trouble in ("empty", "small") else "x")
        if trouble == "small":
            print("     number of patches:                                  0")
        if trouble != "idle":
            pathlib.Path("PICKLE").mkdir(exist_ok=True)
            pathlib.Path("PICKLE", step).write_text(str(time.time_ns()))
    """
)


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


class Bench:
    """Make a folder with a configuration, and put the script on PATH."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "isce"
        self.folder.mkdir()
        self.config = root / "config" / "topsApp.xml"
        self.config.parent.mkdir()
        self.config.write_text(CONFIG.format(more=""))
        bin_folder = root / "bin"
        bin_folder.mkdir()
        script = bin_folder / "topsApp.py"
        script.write_text(SCRIPT)
        script.chmod(0o755)
        self.environment = {
            "PATH": f"{bin_folder}:{os.environ['PATH']}",
            "FAKE_STEPS": json.dumps(STEPS),
        }
        self.progress: list[tuple[float, str]] = []

    def run(self, start: str | None = "startup", end: str | None = "geocode", **changes: object) -> None:
        arguments: dict[str, object] = {
            "folder": self.folder,
            "start": start,
            "end": end,
            "log": logging.getLogger("test.isce2"),
            "progress": lambda *step: self.progress.append(step),
            "cpus": 2,
        }
        engine = Isce2Engine.find(self.environment)
        engine.run("topsApp", self.config, **(arguments | changes))  # type: ignore[arg-type]

    def trouble(self, step: str, kind: str) -> None:
        (self.folder / f"{step}.trouble").write_text(kind)


def test_success(bench, caplog):
    with caplog.at_level(logging.INFO, "test.isce2"):
        bench.run()
    assert (bench.folder / "merged" / "filt_topophase.unw.geo").is_file()
    assert f"cpus 2 in {bench.folder}" in caplog.messages
    assert caplog.messages[0].endswith(f"--start=startup --end=geocode (in {bench.folder})")
    fractions = [fraction for fraction, _ in bench.progress]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert "topo" in [text for _, text in bench.progress]


def test_a_truncated_measurement_is_refused_before_anything_runs(bench, tmp_path):
    source = open_source("simulated:clean,lines=64,samples=256,bursts=1")
    name = SlcName.parse("S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85")
    log = logging.getLogger("test.isce2")
    [record] = source.find_slcs([name], log)
    safe = source.fetch_slc(record, "VV", [2], tmp_path, log, lambda *_: None)
    safe = safe if safe.suffix == ".SAFE" else next(tmp_path.glob("*.SAFE"))
    more = f'<component name="reference"><property name="safe">{safe}</property></component>'
    bench.config.write_text(CONFIG.format(more=more))
    bench.run(end="preprocess")
    [tiff] = safe.glob("measurement/*.tiff")
    tiff.write_bytes(tiff.read_bytes()[:-100])
    bench.run(start="computeBaselines", end="topo")
    bench.progress.clear()
    with pytest.raises(InputError, match=r"measurement .* is truncated"):
        bench.run()
    assert not bench.progress


def test_a_part_of_the_steps(bench):
    bench.run(end="filter")
    assert not (bench.folder / "merged" / "filt_topophase.unw").exists()
    bench.run("unwrap", "unwrap2stage")
    assert (bench.folder / "merged" / "filt_topophase.unw").exists()


def test_all_steps_save_their_state(bench):
    bench.run(None, None)
    assert {path.name for path in (bench.folder / "PICKLE").iterdir()} == set(STEPS)


def test_failure_shows_last_lines_and_how_to_continue(bench):
    bench.trouble("topo", "raise:No space left on device")
    with pytest.raises(EngineFailed) as caught:
        bench.run()
    text = str(caught.value)
    assert "topsApp ended with code 1 in its step topo" in text
    assert "RuntimeError: No space left on device" in text
    assert "free space on that disk" in text
    assert f"cd {bench.folder} && isce2-recipe app topsApp {bench.config} --start=topo --end=geocode" in text


def test_a_killed_child_is_reported(bench):
    bench.trouble("topo", "kill")
    with pytest.raises(EngineFailed, match="was ended by SIGKILL, probably because of too little memory"):
        bench.run()


@pytest.mark.parametrize(
    ("step", "kind", "lacking"),
    [
        ("filter", "empty", "merged/phsig.cor"),
        ("unwrap", "empty", "merged/filt_topophase.unw"),
        ("geocode", "empty", "merged/*.geo"),
        ("geocode", "idle", "PICKLE/geocode"),
    ],
)
def test_code_0_without_the_promised_files_is_a_failure(bench, step, kind, lacking):
    bench.trouble(step, kind)
    with pytest.raises(EngineFailed) as caught:
        bench.run()
    assert lacking in str(caught.value)


def test_an_interferogram_too_small_for_isce2_is_explained(bench):
    bench.trouble("filter", "small")
    with pytest.raises(EngineFailed) as caught:
        bench.run()
    assert "fewer than 265 multilooked lines" in caught.value.hint


def test_state_of_an_earlier_run_does_not_count(bench):
    bench.run(end="filter")
    bench.trouble("filter", "idle")
    with pytest.raises(EngineFailed, match="PICKLE/filter"):
        bench.run("filter", "filter")


def test_steps_after_those_of_the_builtin_engine_are_refused(bench):
    state = bench.folder / "PICKLE"
    state.mkdir()
    for step in STEPS[: STEPS.index("filter")]:
        (state / f"{step}.json").write_text("{}")
    with pytest.raises(InputError, match="the builtin engine ran the steps before it in") as caught:
        bench.run("filter", "filter")
    assert caught.value.hint == "use --engine builtin, or start with --start=startup"
    bench.run(end="filter")
    bench.run("filter", "filter")


def test_code_0_after_a_refusal_is_a_failure(bench):
    bench.trouble("startup", "refuse")
    with pytest.raises(EngineFailed, match="refused its arguments"):
        bench.run()


def test_a_run_without_an_interferogram_promises_no_files(bench):
    bench.config.write_text(CONFIG.format(more='<property name="doInterferogram">False</property>'))
    bench.trouble("filter", "empty")
    bench.run(end="filter")
    assert (bench.folder / "merged" / "phsig.cor").read_text() == ""


def test_a_file_of_any_sensor_is_given_to_isce2(bench):
    script = bench.folder.parent / "bin" / "topsApp.py"
    script.with_name("stripmapApp.py").symlink_to(script)
    steps = isce2_xml.steps("stripmapApp")
    bench.environment["FAKE_STEPS"] = json.dumps(steps)
    bench.config.write_text(
        '<stripmapApp><component name="insar"><property name="sensor name">COSMO_SKYMED_SLC</property>'
        '<component name="reference"><property name="HDF5">a.h5</property></component>'
        "</component></stripmapApp>"
    )
    Isce2Engine.find(bench.environment).run(
        "stripmapApp",
        bench.config,
        folder=bench.folder,
        start="startup",
        end="formslc",
        cpus=1,
        log=logging.getLogger("test.isce2"),
        progress=lambda *_: None,
    )
    saved = {path.name for path in (bench.folder / "PICKLE").iterdir()}
    assert saved == set(steps[: steps.index("formslc") + 1])
    assert (bench.folder / "PICKLE" / "formslc").is_file()


def test_flags_are_read_with_isce2s_rules(bench):
    """An unwrapped phase is promised where `do unwrap` is on, here in an attribute."""
    bench.config.write_text(
        CONFIG.replace('name="do unwrap">True<', 'name="DO  Unwrap" value="1"><').format(more="")
    )
    bench.trouble("unwrap", "empty")
    with pytest.raises(EngineFailed, match=r"ended without merged/filt_topophase\.unw"):
        bench.run(end="unwrap")
    bench.config.write_text(CONFIG.replace(">True<", "> 0 <").format(more=""))
    bench.run(end="unwrap")


def test_unknown_property_has_line_and_suggestion(bench):
    bench.config.write_text(CONFIG.format(more='<property name="Rnage Looks">9</property>'))
    with pytest.raises(InputError) as caught:
        bench.run()
    assert str(caught.value) == (
        f"{bench.config}:5: property 'Rnage Looks' is unknown to topsApp 2.6.5\n"
        "hint: did you mean 'range looks'?"
    )


def test_value_of_a_wrong_type_is_distinguished_from_an_unknown_name(bench):
    bench.config.write_text(CONFIG.format(more='<property name="Range Looks">many</property>'))
    with pytest.raises(InputError) as caught:
        bench.run()
    assert str(caught.value) == (
        f"{bench.config}:5: property 'Range Looks' must be a whole number, instead got 'many'"
    )


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("starup", None, "the engine isce2 has no step 'starup' of topsApp"),
        ("geocode", "topo", "step 'geocode' of topsApp comes after step 'topo'"),
    ],
)
def test_wrong_steps_are_refused_before_anything_runs(bench, start, end, message):
    with pytest.raises(InputError) as caught:
        bench.run(start, end)
    assert caught.value.message == message
    assert not list(bench.folder.iterdir())


def test_configuration_in_the_folder_is_named_as_there(bench, caplog):
    inside = bench.folder / "topsApp.xml"
    bench.config.replace(inside)
    bench.config = inside
    with caplog.at_level(logging.INFO, "test.isce2"):
        bench.run(end="startup")
    assert "topsApp.py topsApp.xml --start=startup" in caplog.messages[0]


def test_child_dies_with_its_parent(bench, tmp_path):
    bench.trouble("topo", "hang")
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, logging, pathlib\n"
            "from isce2_recipe.engines.isce2 import Isce2Engine\n"
            "Isce2Engine.find().run('topsApp', pathlib.Path(sys.argv[1]), folder=pathlib.Path(sys.argv[2]),\n"
            "  start='startup', end='geocode', log=logging.getLogger(), progress=lambda *_: None, cpus=1)",
            bench.config,
            bench.folder,
        ],
        env=dict(os.environ) | bench.environment,
    )
    pid = int(_wait_for(bench.folder / "pid"))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while _alive(pid):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def _wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not path.is_file() or not path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def _package(root: Path, body: str = "__version__ = '2.6.4'") -> Path:
    """Make a folder like ISCE2's package, with the modules that the engine imports."""
    home = root / "isce"
    (home / "applications").mkdir(parents=True)
    (home / "__init__.py").write_text(body)
    (home / "applications" / "topsApp.py").write_text("")
    for name in ("isceobj.py", "zerodop/topozero.py", "osgeo/gdal.py"):
        path = home / "components" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return home


def test_found_through_isce_home_with_its_version(tmp_path):
    home = _package(tmp_path)
    engine = Isce2Engine.find({"ISCE_HOME": str(home), "PATH": os.environ["PATH"]})
    assert engine.version() == "2.6.4"
    assert engine.installation.home == home


def test_modules_that_isce_s_python_lacks(tmp_path):
    home = _package(tmp_path)
    (home / "components" / "opencv_stand_in.py").write_text("")
    engine = Isce2Engine.find({"ISCE_HOME": str(home), "PATH": os.environ["PATH"]})
    assert not engine.lacks("opencv_stand_in")
    assert engine.lacks("a_module_that_is_nowhere")


def test_a_missing_opencv_is_explained(bench):
    bench.trouble("topo", "raise:ModuleNotFoundError: No module named 'cv2'")
    with pytest.raises(EngineFailed) as caught:
        bench.run()
    assert "install OpenCV for ISCE2's Python" in caught.value.hint


def test_found_through_conda(tmp_path):
    home = _package(tmp_path / "lib" / "python3.12" / "site-packages")
    found = find_installation({"CONDA_PREFIX": str(tmp_path), "PATH": "/nowhere"})
    assert found is not None
    assert found.home == home
    assert found.python == str(tmp_path / "bin" / "python3")


def test_link_on_path_leads_to_the_package(tmp_path):
    home = _package(tmp_path / "packages")
    folder = tmp_path / "bin"
    folder.mkdir()
    (home / "applications" / "topsApp.py").chmod(0o755)
    (folder / "topsApp.py").symlink_to(home / "applications" / "topsApp.py")
    found = find_installation({"PATH": str(folder)})
    assert found is not None
    assert found.home == home


def test_isce_home_comes_before_path(tmp_path, bench):
    home = _package(tmp_path / "home")
    found = find_installation({"ISCE_HOME": str(home)} | bench.environment)
    assert found is not None
    assert found.home == home


def test_only_the_child_gets_isce_s_environment(tmp_path):
    home = _package(tmp_path)
    before = dict(os.environ)
    found = find_installation({"ISCE_HOME": str(home), "PATH": "/usr/bin"})
    assert found is not None
    values = found.environment({"PATH": "/usr/bin", "PYTHONPATH": "/mine", "KEPT": "1"}, 3)
    assert values["ISCE_HOME"] == str(home)
    assert values["OMP_NUM_THREADS"] == "3"
    assert values["KEPT"] == "1"
    assert values["PYTHONPATH"].split(":") == [
        str(tmp_path),
        str(home / "applications"),
        str(home / "components"),
        "/mine",
    ]
    assert str(home / "applications") in values["PATH"].split(":")
    assert dict(os.environ) == before


def test_broken_installation_is_reported_with_the_reason(tmp_path):
    home = _package(tmp_path, "raise ImportError('undefined symbol: GDALOpen')")
    with pytest.raises(EngineMissing, match="undefined symbol: GDALOpen") as caught:
        Isce2Engine.find({"ISCE_HOME": str(home), "PATH": os.environ["PATH"]})
    assert "--engine builtin" in str(caught.value)


def test_interpreter_that_an_active_environment_hides_is_found(tmp_path):
    home = _package(tmp_path, "import os; assert 'BUILT_FOR_IT' in os.environ; __version__ = '2.6.5'")
    folders = [tmp_path / "venv", tmp_path / "system"]
    for folder, words in zip(folders, ("", "BUILT_FOR_IT=1 "), strict=True):
        folder.mkdir()
        (folder / "python3").write_text(f'#!/bin/sh\n{words}exec {sys.executable} "$@"\n')
        (folder / "python3").chmod(0o755)
    path = ":".join(map(str, [*folders, "/usr/bin"]))
    engine = Isce2Engine.find({"ISCE_HOME": str(home), "PATH": path})
    assert engine.installation.python == str(folders[1] / "python3")
    assert engine.installation.environment({}, 1)["PATH"].split(":")[0] == str(folders[1])


def test_missing_installation_is_reported_with_the_searched_places():
    with pytest.raises(EngineMissing, match=r"no topsApp\.py in ISCE_HOME, on PATH or in the conda"):
        Isce2Engine.find({"PATH": "/nowhere"})
