"""The command line: parameters as options, help, completion, and commands that start fast."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isce2_recipe import __version__
from isce2_recipe.cli import main
from support.runs import QUICK, call, environment, write_recipe

ROOT = Path(__file__).resolve().parents[3]
RECIPE = """\
recipe: 1
name: options
summary: Every kind of parameter.
parameters:
  names: {type: array, items: {type: string, pattern: "^[a-z]+$"}, default: [a], description: N.}
  box: {$ref: "types.schema.json#/$defs/bounds", default: [1, 2, 3, 4], description: A box.}
  flag: {type: boolean, default: false, description: A flag.}
  looks: {$ref: "types.schema.json#/$defs/looks", default: 20x4, description: Looks.}
  pixel_size: {type: number, units: m, default: 30, description: Metres.}
  bucket: {type: [string, "null"], default: null, description: Where to.}
  json: {type: string, default: x, description: Named as an option of the command.}
steps:
  - id: write
    uses: quick.write
    with:
      text: "{{ names | join(',') }} {{ flag }} {{ looks }} {{ pixel_size }} {{ bucket }} {{ box }}{{ json }}"
"""
DEFAULT = {
    "names": ["a"], "box": [1, 2, 3, 4], "flag": False, "looks": "20x4",
    "pixel_size": 30, "bucket": None, "json": "x",
}  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(QUICK))
    monkeypatch.chdir(tmp_path)
    return write_recipe(tmp_path, RECIPE)


def _parameters(recipe: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["plan", str(recipe), "--json", *words]) == 0
    return dict(json.loads(capsys.readouterr().out)["parameters"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--names", "b", "c"], {"names": ["b", "c"]}),
        (["--names", "b,c"], {"names": ["b", "c"]}),
        (["--names", "b c"], {"names": ["b", "c"]}),
        (["--names", "[b, c]"], {"names": ["b", "c"]}),
        (["--names", "b", "--names", "c"], {"names": ["b", "c"]}),
        (["--set", "names=b", "--set", "names=c"], {"names": ["b", "c"]}),
        (["--set", "names=b,c"], {"names": ["b", "c"]}),
        (["--box", "-10", "-5.5", "3", "4"], {"box": [-10, -5.5, 3, 4]}),
        (["--flag"], {"flag": True}),
        (["--flag", "true"], {"flag": True}),
        (["--flag", "False"], {"flag": False}),
        (["--looks", "10x2"], {"looks": "10x2"}),
        (["--looks=10x2"], {"looks": "10x2"}),
        (["--pixel-size", "0.08 km"], {"pixel_size": 80}),
        (["--pixel_size", "20"], {"pixel_size": 20}),
        (["--set", "pixel-size=20"], {"pixel_size": 20}),
        (["--bucket", "none"], {"bucket": None}),
        (["--bucket", "mine"], {"bucket": "mine"}),
        (["--set", "json=y"], {"json": "y"}),
        (["--set", "looks=10x2", "--looks", "5x1"], {"looks": "5x1"}),
    ],
)
def test_values_from_the_command_line(
    recipe: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: dict[str, object]
) -> None:
    assert _parameters(recipe, capsys, *words) == DEFAULT | expected


def test_values_from_files(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.yml").write_text("names: [d, e]\nlooks: 10x2\n")
    found = _parameters(recipe, capsys, "--params", "p.yml", "--set", "looks=5x1")
    assert found == DEFAULT | {"names": ["d", "e"], "looks": "5x1"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--looks", "0x5"], 1, "(at most 100x40, not 1x1) such as 20x4, 10x2, 5x1"),
        (["--names", "B", "--pixel-size", "x"], 1, "pixel_size"),
        (["--set", "lokks=20x4"], 1, "did you mean 'looks'?"),
        (["--set", "looks"], 2, "--set must be NAME=VALUE"),
        (["--lokks", "20x4"], 2, "--looks"),
        (["--params", "none.yml"], 1, "cannot read the parameters in 'none.yml': No such file"),
        (["--params", "/dev/zero"], 1, "it is larger than 1,000,000 bytes"),
        (["--until", "nothing"], 1, "no step 'nothing'"),
        (["--source", "nowhere"], 0, ""),
        (["--engine", "none"], 2, "there is no engine 'none'"),
    ],
)
def test_mistakes_are_reported_with_their_exit_code(
    recipe: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(["plan", str(recipe), *words]) == code
    assert said in capsys.readouterr().err


def test_all_mistakes_of_recipe_values_and_templates_are_reported_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two.yml").write_text(
        "recipe: 1\nname: two\nsummary: Wrong.\nparameters:\n"
        "  strength: {type: number, default: 0.5, description: S.}\n"
        "  n: {type: integer, minimum: 1, default: 1, description: N.}\n"
        "steps:\n"
        "  - id: config\n    uses: template.render\n"
        "    with: {template: a.xml.j2, to: a.xml, values: {strength: '{{ strength }}'}}\n"
        "  - id: other\n    uses: template.rendr\n    with: {template: '{{ nn }}'}\n"
    )
    Path("a.xml.j2").write_text(
        "<topsApp><component name='topsinsar'>\n<property name='filter strength'>{{ strength }}</property>\n"
        "</component></topsApp>\n"
    )
    assert main(["plan", "two.yml", "--n", "0"]) == 1
    said = capsys.readouterr().err
    for words in (
        "two.yml:12:11: there is no action 'template.rendr'",
        "no parameter or variable 'nn'",
        "n must be",
    ):
        assert words in said
    text = Path("two.yml").read_text()
    Path("two.yml").write_text(text.replace("recipe: 1\n", "recipe: 1\nstepz: []\n"))
    assert main(["plan", "two.yml"]) == 1
    said = capsys.readouterr().err
    assert "unexpected key 'stepz'" in said
    assert "there is no action 'template.rendr'" in said
    Path("two.yml").write_text(text.partition("  - id: other")[0])
    assert main(["plan", "two.yml", "--strength", "0.4"]) == 0
    capsys.readouterr()
    Path("a.xml.j2").write_text(Path("a.xml.j2").read_text().replace("filter strength", "swaths"))
    assert main(["plan", "two.yml", "--strength", "0.4"]) == 1
    said = capsys.readouterr().err
    assert "line 2 of template a.xml.j2, value 'strength' from strength" in " ".join(said.split())


def test_help_lists_parameters(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(recipe), "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "--names TEXT... N. [default: a]",
        "--flag [true|false] A flag. [default: false]",
        "--looks TEXT Looks. [default: 20x4]",
        "NUMBER [m] Metres. [default: 30]",
        "Every kind of parameter.",
    ):
        assert words in said


def test_unknown_commands_and_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rum"]) == 2
    assert "did you mean 'run'?" in capsys.readouterr().err
    assert main(["run", "insar_tops_brust"]) == 1
    assert "did you mean 'insar_tops_burst'?" in capsys.readouterr().err


def test_new_recipes_lint_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "first"]) == 0
    assert main(["new", "second", "--from", "insar_tops_burst"]) == 0
    assert main(["new", "first"]) == 1
    assert main(["new", "No Name"]) == 2
    capsys.readouterr()
    assert main(["lint", "first.yml", "second.yml", "--profile", "basic"]) == 0, capsys.readouterr().out


def test_describe_and_graph_of_a_shipped_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "insar_tops_burst"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("# insar_tops_burst\n")
    assert "| `looks` | range x azimuth window of looks (at most 100x40, not 1x1) | `20x4` |" in page
    assert main(["describe", "insar_tops_burst", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "insar_tops_burst"
    assert main(["graph", "insar_tops_burst"]) == 0
    assert "flowchart TD" in capsys.readouterr().out


def test_version_and_python_m(tmp_path: Path) -> None:
    done = call("--version", cwd=tmp_path)
    assert done.stdout == f"isce2-recipe, version {__version__}\n"
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()


HEAVY = ("numba", "rasterio", "boto3", "numpy", "scipy", "asf_search", "requests")
PAIR = [
    "--reference=S1_136231_IW2_20200604T022312_VV_7C85-BURST",
    "--secondary=S1_136231_IW2_20200616T022313_VV_5D11-BURST",
]


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "options.yml", "--help"],
        ["plan", "options.yml"],
        ["plan", "insar_tops_burst", *PAIR],
        ["run", "insar_tops_burst", *PAIR, "--dry-run"],
        ["lint", "options.yml"],
        ["list"],
    ],
)
def test_light_commands_import_nothing_heavy(tmp_path: Path, words: list[str]) -> None:
    write_recipe(tmp_path, RECIPE)
    text = (
        "import sys\nfrom isce2_recipe.cli import main\n"
        f"main({words!r})\nfound = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_environment_variables_set_source_engine_and_work_directory(tmp_path: Path) -> None:
    write_recipe(tmp_path, RECIPE)
    env = {
        "ISCE2_RECIPE_SOURCE": "simulated",
        "ISCE2_RECIPE_ENGINE": "builtin",
        "ISCE2_RECIPE_WORKDIR": "from-environment",
    }
    found = json.loads(call("plan", "options.yml", "--json", cwd=tmp_path, env=env).stdout)
    assert (found["source"], found["engine"]) == ("simulated", "builtin")
    assert found["workdir"] == str(tmp_path / "from-environment")


@pytest.mark.parametrize(
    ("words", "current", "expected"),
    [
        ("isce2-recipe", "ru", "run"),
        ("isce2-recipe run", "insar_tops_b", "insar_tops_burst"),
        ("isce2-recipe run insar_tops_burst", "--lo", "--looks"),
        ("isce2-recipe run insar_tops_burst --looks", "", "10x2"),
        ("isce2-recipe run insar_tops_burst --apply-water-mask", "t", "true"),
        ("isce2-recipe run insar_tops_burst --from", "unw", "unwrap_otherwise"),
        ("isce2-recipe run insar_tops_burst --source", "sim", "simulated"),
        ("isce2-recipe run insar_tops_burst", "--apply_w", "--apply_water_mask"),
        ("isce2-recipe describe", "dem.", "dem.fetch"),
        ("isce2-recipe explain done", "sl", "slopes"),
    ],
)
def test_completion(tmp_path: Path, words: str, current: str, expected: str) -> None:
    line = f"{words} {current}"
    env = {
        "_ISCE2_RECIPE_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words.split())),
    }
    (tmp_path / "done").mkdir()
    (tmp_path / "done/run.json").write_text('{"steps": {"dem": {}, "slopes": {}}}')
    shown = call(cwd=tmp_path, env=env).stdout.splitlines()
    assert f"plain,{expected}" in shown
    # Each option is shown once, although both spellings are accepted.
    assert "_" in current or not any(line.startswith("plain,--") and "_" in line for line in shown)


_TYPED = (
    ("isce2-recipe run insar_str", "insar_stripmap"),
    ("isce2-recipe run insar_tops_burst --looks 2", "20x4"),
    ("isce2-recipe run insar_tops_burst --apply-w", "--apply-water-mask"),
    ("isce2-recipe lint mine", "mine_of_today.yml"),
)
_SHELLS = {
    "bash": (["bash", "--norc", "-i"], "source ./script"),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u; source ./script"),
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", [*_SHELLS])
def test_completion_in_a_real_shell(tmp_path: Path, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "script").write_text(call("completion", shell, cwd=tmp_path).stdout)
    (tmp_path / "mine_of_today.yml").touch()
    words, setup = _SHELLS[shell]
    bin_folder = str(Path(sys.executable).parent)
    env = {**environment(), "TERM": "dumb", "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execvpe(words[0], words, env)
    try:
        os.write(terminal, f"{setup}\n".encode())
        _until(terminal, None)
        for typed, completed in _TYPED:
            os.write(terminal, b"\x15" + typed.encode() + b"\t")
            assert completed in _until(terminal, completed)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _until(terminal: int, wanted: str | None, seconds: float = 20.0) -> str:
    """Return the output of a terminal until it contains a text, or until there is no more output."""
    shown = ""
    deadline = time.monotonic() + (seconds if wanted else 3.0)
    while time.monotonic() < deadline and (wanted is None or wanted not in shown):
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536).decode(errors="replace")
    return shown


@pytest.mark.slow
def test_completion_in_fish(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    (tmp_path / "script").write_text(call("completion", "fish", cwd=tmp_path).stdout)
    (tmp_path / "mine_of_today.yml").touch()
    bin_folder = str(Path(sys.executable).parent)
    env = {**environment(), "HOME": str(tmp_path), "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    for typed, completed in _TYPED:
        ask = f"source ./script; complete -C '{typed}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", ask],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        assert completed in [line.partition("\t")[0] for line in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    main(["completion", shell])
    assert "_ISCE2_RECIPE_COMPLETE" in capsys.readouterr().out


def test_doctor_reports_what_is_installed_and_suggests_fixes(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/nonexistent", "CONDA_PREFIX": "", "ISCE_HOME": ""}
    done = call("doctor", "--json", cwd=tmp_path, env=env)
    found = {one["name"]: one for one in json.loads(done.stdout)}
    assert done.returncode == 0
    assert found["engine builtin"]["state"] == "ok"
    assert found["engine isce2"]["state"] == "note"
    assert "EARTHDATA_TOKEN" in found["Earthdata login"]["remedy"]
    with_login = call("doctor", cwd=tmp_path, env={**env, "EARTHDATA_TOKEN": "canary-token"})
    assert "from EARTHDATA_TOKEN" in with_login.stdout
    assert "canary-token" not in with_login.stdout


def test_doctor_reports_whether_isce2_can_estimate_the_ionosphere(tmp_path: Path) -> None:
    components = tmp_path / "isce" / "components"
    for name in ("applications/topsApp.py", "components/zerodop/topozero.py", "components/osgeo/gdal.py"):
        (tmp_path / "isce" / name).parent.mkdir(parents=True)
        (tmp_path / "isce" / name).touch()
    (tmp_path / "isce" / "__init__.py").write_text("__version__ = '2.6.5'")
    (components / "isceobj.py").touch()
    python = tmp_path / "python3"  # without the packages of the Python that runs the tests
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    env = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "ISCE_HOME": str(tmp_path / "isce"),
        "CONDA_PREFIX": "",
    }
    found = {one["name"]: one for one in json.loads(call("doctor", "--json", cwd=tmp_path, env=env).stdout)}
    assert found["engine isce2"]["state"] == "ok"
    assert found["OpenCV"]["state"] == "note" and "python3-opencv" in found["OpenCV"]["remedy"]
    (components / "cv2.py").touch()
    assert "OpenCV" not in call("doctor", cwd=tmp_path, env=env).stdout


def test_mistakes_in_a_parameter_file_are_reported_with_their_lines(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (recipe.parent / "p.yml").write_text("names: [b, C]\nlooks: 20by4\nlook: 5x1\nflag: maybe\n")
    assert main(["plan", str(recipe), "--params", "p.yml", "--flag", "true", "--pixel-size", "x"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" ")[0] for line in said if line.endswith(("[IR005]", "[IR021]"))] == [
        "p.yml:3:1:", "p.yml:1:12:", "p.yml:2:8:",
    ]  # fmt: skip
    assert "     |            ^" in said
    assert any(line.startswith("error: pixel_size must be a number with a unit") for line in said)


def test_a_secret_in_a_parameter_file_is_not_shown(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = RECIPE.replace("bucket: {", "bucket: {secret: true, maxLength: 3, ")
    recipe.write_text(text)
    (recipe.parent / "p.yml").write_text("{bucket: tiny, looks: 20x4}\n")
    assert main(["plan", str(recipe), "--params", "p.yml"]) == 1
    assert "tiny" not in capsys.readouterr().err
