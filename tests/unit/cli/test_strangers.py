"""Products, archives and work directories of strangers write, open and end nothing that is not theirs."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from isce2_recipe.actions import merge
from isce2_recipe.cli.commands import run_command_line
from isce2_recipe.engines.builtin.isceimage import read_header
from isce2_recipe.errors import InputError
from isce2_recipe.journal import log
from isce2_recipe.processes import end_orphans
from isce2_recipe.products.burst_products import check_mergeable, read_burst_products
from isce2_recipe.running.child import marker
from isce2_recipe.running.resources import memory_bytes
from isce2_recipe.sar.annotation import read_layout
from isce2_recipe.sar.orbit import read_orbit
from isce2_recipe.sentinel1.metadata import read_metadata
from isce2_recipe.types import BurstName
from support.burst_product_folders import write_product

NAME = "S1_136231_IW2_20200604_20200616_VV_INT80_0000"
RECIPE = """recipe: 1
name: tiny
steps:
  - {id: a, uses: template.render, with: {template: t.j2, to: x, values: {}}}
"""
RECORD: dict[str, Any] = {
    "isce2_recipe": "0.0",
    "recipe": "tiny",
    "source": "simulated",
    "engine": None,
    "parameters": {},
    "files": {"templates/t.j2": "hello"},
    "inputs": [{"kind": "burst", "of": "a", "name": "b", "size": 1, "sha256": "c"}],
}
TOPSAPP = """<topsApp><component name="topsinsar">
<property name="Sensor name">SENTINEL1</property>
<component name="reference"><property name="safe">['a.zip', 'b.zip']</property></component>
<component name="secondary"><catalog>secondary.xml</catalog></component>
<property name="swaths">[1, 2]</property><property name="azimuth looks">4</property>
</component></topsApp>
"""
ENTITIES = "".join(f'<!ENTITY a{level} "{10 * f"&a{level - 1};"}">' for level in range(1, 13))
XML = {
    "deep": "<a>" * 100_000 + "</a>" * 100_000,
    "laughs": f'<!DOCTYPE a [<!ENTITY a0 "ha">{ENTITIES}]><product>&a12;</product>',
    "outside": '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]><product>&a;</product>',
}
VRT = """<VRTDataset rasterXSize="20" rasterYSize="20"><VRTRasterBand dataType="Float32" band="1">
<SimpleSource><SourceFilename relativeToVRT="0">{}</SourceFilename></SimpleSource>
</VRTRasterBand></VRTDataset>"""


def _product(folder: Path, **layers: Any) -> Path:
    home = folder / NAME
    home.mkdir(parents=True)
    profile = {"width": 20, "height": 20, "count": 1, "dtype": "float32", "driver": "GTiff", "nodata": 0.0}
    profile |= {"crs": "EPSG:32640", "transform": from_origin(400_000, 3_000_000, 80, 80)}
    for layer in ("unw_phase", "corr", "amp", "conncomp"):
        with rasterio.open(home / f"{NAME}_{layer}.tif", "w", **{**profile, **layers}) as file:
            file.write(np.full((20, 20), 0.5, np.float32), 1)
    (home / f"{NAME}.txt").write_text("Baseline: 12.5\nReference Granule: a\n")
    (home / f"{NAME}_run.json").write_text(json.dumps(RECORD))
    (home / f"{NAME}_recipe.yml").write_text(RECIPE)
    return home


def _zip(folder: Path, record: Any = RECORD, recipe: str = RECIPE) -> Path:
    path = folder / f"{NAME}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}/{NAME}_run.json", record if isinstance(record, str) else json.dumps(record))
        archive.writestr(f"{NAME}/{NAME}_recipe.yml", recipe)
    return path


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def requests() -> Any:
    """Yield the address of a server and the list of the requests that it has received."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("source", ["/vsicurl/http://{}/a.tif", "http://{}/a.tif", "/etc/passwd"])
@pytest.mark.parametrize("command", ["show", "compare"])
def test_a_layer_that_is_a_virtual_raster_opens_nothing(
    tmp_path: Path, requests: Any, source: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    address, seen = requests
    home = _product(tmp_path)
    (home / f"{NAME}_unw_phase.tif").write_text(VRT.format(source.format(address)))
    assert run_command_line([command, str(home), *[str(home)][: command == "compare"]]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert seen == []


@pytest.mark.parametrize(
    ("layers", "text"),
    [
        ({"crs": None}, "no place on a map"),
        ({"width": 100_000, "height": 100_000, "sparse_ok": True}, "larger than a layer"),
    ],
)
def test_a_layer_without_a_place_or_of_any_size_is_refused(
    tmp_path: Path, layers: dict[str, Any], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = {"driver": "GTiff", "width": 20, "height": 20, "count": 1, "dtype": "float32", "nodata": 0.0}
    profile |= {"crs": "EPSG:32640", "transform": from_origin(400_000, 3_000_000, 80, 80), **layers}
    home = _product(tmp_path)
    with rasterio.open(home / f"{NAME}_unw_phase.tif", "w", **profile):
        pass
    assert run_command_line(["show", str(home), "--no-picture"]) == 1
    assert text in capsys.readouterr().err


def test_products_that_do_not_fit_into_memory_are_not_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = int((memory_bytes() / 80) ** 0.5) + 1
    if many > 30_000:
        pytest.skip("this machine has memory for all products")
    home = _product(tmp_path)
    with rasterio.open(home / f"{NAME}_corr.tif") as file:
        profile = file.profile | {"width": many, "height": many, "sparse_ok": True}
    for path in home.glob("*.tif"):
        with rasterio.open(path, "w", **profile):
            pass
    assert run_command_line(["compare", str(home), str(home)]) == 1
    assert "of memory, not" in capsys.readouterr().err


@pytest.mark.parametrize(
    "place",
    [
        ".isce2-recipe/lock",
        ".isce2-recipe/journal.jsonl",
        "templates/.hidden.j2",
        "../above.yml",
        "parts/../../above.yml",
        "/tmp/absolute.yml",
        "run.json",
        "script.sh",
        "templates",
        "link/a.yml",
    ],
)
def test_rerun_writes_parts_and_templates_only(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    product = _zip(tmp_path, {**RECORD, "files": {place: "text"}})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here/w").mkdir()
    (tmp_path / "here/w/link").symlink_to(tmp_path / "elsewhere")
    before = _files(tmp_path)
    assert run_command_line(["rerun", str(product), "--workdir", "w", "--dry-run"]) == 1
    assert "neither a part nor a template" in capsys.readouterr().err
    assert _files(tmp_path) == before


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [found for key, item in items for found in _paths(item, (*path, key))]


STRANGE = (
    None,
    True,
    -1,
    1e400,
    "",
    "x",
    "\x1b[31m\u202e",
    [],
    {},
    [[]],
    {"a": {}},
    ["x"],
    "x" * 100_000,
    10**400,
)


def _mutated(value: Any, chance: random.Random) -> Any:
    changed = copy.deepcopy(value)
    *above, last = chance.choice(_paths(changed))
    place = changed
    for key in above:
        place = place[key]
    if chance.random() < 0.2:
        del place[last]
    else:
        place[last] = chance.choice(STRANGE)
    return changed


def _ends_well(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command_line(arguments)
    shown = capsys.readouterr()
    assert code in (0, 1), (arguments, shown.err)
    assert "\x1b" not in shown.out + shown.err
    assert "\u202e" not in shown.out + shown.err


@pytest.mark.parametrize("seed", range(3))
def test_records_of_any_form_are_one_message(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(seed)
    for _ in range(12):
        product = _zip(tmp_path, _mutated(RECORD, chance))
        _ends_well(["rerun", str(product), "--workdir", "w", "--dry-run"], capsys)


RUN = {
    "recipe": {"resolved": {"steps": [{"id": "a"}]}},
    "parameters": {"a": 1},
    "steps": {"a": {"status": "done", "seconds": 1.0, "files": {"a/x.tif": "1", "../up.tif": "2"}}},
    "outputs": {"product": {"$file": "a"}},
}
JOURNAL = [
    {"event": "run", "journal": 1},
    {"event": "start", "step": "a", "changes": [], "folder": "f"},
    {"event": "done", "step": "a", "key": "k", "parts": {}, "outputs": {}, "files": {}, "facts": {}},
]


@pytest.mark.parametrize("seed", range(3))
def test_work_directories_of_any_form_are_one_message(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    for name in ("one", "two"):
        (tmp_path / name / ".isce2-recipe").mkdir(parents=True)
        (tmp_path / name / "run.json").write_text(json.dumps(RUN))
    for _ in range(25):
        (tmp_path / "two/run.json").write_text(json.dumps(_mutated(RUN, chance)))
        lines = "\n".join(map(json.dumps, _mutated(JOURNAL, chance)))
        (tmp_path / "two/.isce2-recipe/journal.jsonl").write_text(lines)
        _ends_well(["diff", str(tmp_path / "one"), str(tmp_path / "two")], capsys)
        _ends_well(["explain", str(tmp_path / "two"), "a"], capsys)
        _ends_well(["show", str(tmp_path / "two"), "--no-picture"], capsys)


@pytest.mark.parametrize(
    "text",
    [
        "Baseline: x\n",
        "Baseline: 1e999\n",
        "Radar wavelength (m): nan\n",
        b"\xff\xfe",
        "Baseline: \x1b[31m\n",
    ],
)
def test_a_parameter_file_of_any_form_is_one_message(
    tmp_path: Path, text: str | bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _product(tmp_path)
    (home / f"{NAME}.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    _ends_well(["show", str(home), "--no-picture"], capsys)
    _ends_well(["compare", str(home), str(home)], capsys)


def _changed_bytes(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with some of them replaced, inserted, removed or cut off."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.randrange(len(changed) + 1)
        piece = chance.choice((b"\x00" * 50, b"9" * 400, b"\xff\xff\xff\xff", b"nan", b"-1", b"[]", b'"'))
        length = chance.choice((0, 1, len(piece), len(changed)))
        changed[place : place + length] = chance.choice((piece, b"", bytes([chance.randrange(256)])))
    return bytes(changed)


PARAMETER_VALUES = ("", "x", "nan", "1e400", "-1", "0", "9" * 400, "\x1b[31m", "2020-13-45", "[]", "é" * 1000)


def _changed_line(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    place = chance.randrange(len(lines))
    key, value = lines[place].partition(":")[0], chance.choice(PARAMETER_VALUES)
    lines[place] = chance.choice((f"{key}: {value}", f"{key}: {value}", "", f"{value}: {value}", key))
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(2))
def test_products_with_random_mistakes_are_one_message(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(seed)
    home = _product(tmp_path)
    files = sorted(home.iterdir())
    for _ in range(20):
        file = chance.choice(files)
        before = file.read_bytes()
        file.write_bytes(_changed_bytes(before[:600], chance) + before[600:])
        _ends_well(["show", str(home)], capsys)
        _ends_well(["compare", str(home), str(home)], capsys)
        _ends_well(["rerun", str(home), "--workdir", "w", "--dry-run"], capsys)
        file.write_bytes(before)
        archive = _zip(tmp_path)
        directory = archive.read_bytes().find(b"PK\x01\x02")
        data = archive.read_bytes()
        archive.write_bytes(data[:directory] + _changed_bytes(data[directory:], chance))
        _ends_well(["rerun", str(archive), "--workdir", "w", "--dry-run"], capsys)


def test_burst_products_with_random_mistakes_are_merged_or_refused(tmp_path: Path) -> None:
    chance = random.Random(1)
    refused = 0
    home = write_product(tmp_path)
    write_product(tmp_path, 136232)
    for _ in range(60):
        file = chance.choice(sorted(home.iterdir()))
        before = file.read_bytes()
        if file.suffix == ".txt":
            file.write_text(_changed_line(before.decode(), chance))
        else:
            file.write_bytes(_changed_bytes(before[:2000], chance) + before[2000:])
        try:
            products = read_burst_products(tmp_path)
            check_mergeable(products)
            for product in products:
                merge.check_data(product)
            merge.bounds_of(products)
        except InputError:
            refused += 1
        file.write_bytes(before)
    assert 0 < refused < 60


@pytest.mark.parametrize("command", ["translate", "lint"])
def test_files_of_isce2_with_random_mistakes_are_one_message(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(2)
    for _ in range(40):
        (tmp_path / "a.xml").write_bytes(_changed_bytes(TOPSAPP.encode(), chance))
        _ends_well([command, str(tmp_path / "a.xml")], capsys)


@pytest.mark.parametrize("kind", ["deep", "laughs", "outside"])
def test_xml_that_grows_is_refused(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = XML[kind]
    path = tmp_path / "a.xml"
    path.write_text(text)
    readers: list[Callable[[], object]] = [
        lambda: read_layout(path),
        lambda: read_orbit(path),
        lambda: read_metadata(path, BurstName.parse("S1_136231_IW2_20200604T022312_VV_7C85-BURST")),
        lambda: read_header(tmp_path / "a"),
    ]
    for read in readers:
        with pytest.raises(InputError) as caught:
            read()
        assert "root:" not in caught.value.message
    for command in ("translate", "lint"):
        assert run_command_line([command, str(path)]) == 1
    assert "root:" not in "".join(capsys.readouterr())


def _encrypted(path: Path) -> None:
    data = bytearray(_zip(path.parent).read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(magic)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(magic, place + 4)
    path.write_bytes(data)


def _truncated(path: Path) -> None:
    path.write_bytes(_zip(path.parent).read_bytes()[:-200])


def _bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(f"{NAME}/{NAME}_run.json", "w", force_zip64=True) as file:
            for _ in range(100):
                file.write(bytes(1 << 20))
        archive.writestr(f"{NAME}/{NAME}_recipe.yml", RECIPE)


def _deep(path: Path) -> None:
    _zip(path.parent, "[" * 200_000)


@pytest.mark.parametrize("make", [_encrypted, _truncated, _bomb, _deep])
def test_archives_of_any_form_are_one_message(
    tmp_path: Path,
    make: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / f"{NAME}.zip")
    assert run_command_line(["rerun", f"{NAME}.zip", "--dry-run"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_only_processes_that_carry_the_mark_of_the_work_directory_are_ended(tmp_path: Path) -> None:
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    mine, other = marker(tmp_path / "mine"), marker(tmp_path / "other")
    started = []
    for one in (mine, other):
        name, _, value = one.partition("=")
        environment = {**os.environ, name: value}
        started.append(subprocess.Popen(sleep, env=environment, stdout=subprocess.PIPE, process_group=0))
    for process in started:
        process.stdout.readline()
    try:
        assert end_orphans(mine, patience_s=0) == 1
        assert started[0].wait(10) != 0
        assert started[1].poll() is None
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_a_journal_that_names_files_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".isce2-recipe").mkdir()
    for name in ("../up", "/etc/passwd", "a/../../up"):
        done = {**JOURNAL[2], "files": {name: None}}
        (tmp_path / log.JOURNAL).write_text(json.dumps(done) + "\n")
        with pytest.raises(InputError, match="not of a run"):
            log.read(tmp_path)


def test_control_characters_of_a_product_never_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = _product(tmp_path)
    (home / f"{NAME}.txt").write_text("Reference Granule: \x1b]0;title\x07\u202e\x9b31m\n")
    with rasterio.open(home / f"{NAME}_unw_phase.tif", "r+") as file:
        file.update_tags(ENGINE="\x1b[2J")
    _ends_well(["show", str(home), "--no-picture"], capsys)
    assert run_command_line(["show", str(home), "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["parameters"]["Reference Granule"].startswith("\x1b]0;")
    assert not {"\x1b", "\x9b", "\u202e"} & set(shown)


NOISY = """
class Noisy:
    name = "noisy"
    def version(self): return "1"
    def run(self, app, config, *, log, progress, **_):
        log.info("reading \\x1b[31m\\u202e.zip")
        progress(0.5, "\\x1b[2J")
"""


def test_control_characters_in_the_log_of_an_application_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = tmp_path / "noisy-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: noisy\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[isce2_recipe.engines]\nnoisy = noisy_engine:Noisy\n")
    (tmp_path / "noisy_engine.py").write_text(NOISY)
    (tmp_path / "topsApp.xml").write_text(TOPSAPP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["app", "topsApp", "--engine", "noisy"]) == 0
    shown = capsys.readouterr().out
    assert r"reading \u001b[31m\u202e.zip" in shown
    assert not {"\x1b", "\u202e"} & set(shown)
