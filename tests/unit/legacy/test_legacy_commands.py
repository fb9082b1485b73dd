"""The commands of hyp3-isce2, run in child processes, and ``isce2-recipe translate``."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from isce2_recipe.cli.legacy import translated_arguments
from isce2_recipe.legacy.workflows import WORKFLOWS

ROOT = Path(__file__).resolve().parents[3]
OLD = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
NEW = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"


def call(*words: str, cwd: Path, module: str = "hyp3_isce2", **env: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EARTHDATA_", "ISCE2_RECIPE_"))
    }
    return subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=cwd,
        env=kept | {"HOME": str(cwd)} | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_workflow_is_a_command() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name in WORKFLOWS:
        assert scripts[name] == f"hyp3_isce2.commands:{name}"
        assert callable(getattr(import_module("hyp3_isce2.commands"), name))
    # The name of insar_tops_burst in release 0.1.
    assert scripts["topsapp_burst"] == "hyp3_isce2.commands:topsapp_burst"


def test_help_of_one_and_of_all_workflows(tmp_path: Path) -> None:
    one = call("++process", "merge_tops_bursts", "--help", cwd=tmp_path)
    assert (one.returncode, one.stderr) == (0, "")
    assert one.stdout.startswith("usage: merge_tops_bursts ")
    assert "insar_stripmap" in call("++help", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["++process", "insar_gamma"], 2, "argument ++process: invalid choice: 'insar_gamma'"),
        ([OLD], 2, "two granules are needed"),
        (["--reference", NEW, "--secondary", OLD], 1, "Reference scenes must be older than secondary scenes"),
        (["++process", "merge_tops_bursts", "nowhere"], 1, "nowhere"),
    ],
)
def test_exit_codes_are_those_of_hyp3_isce2(
    tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    done = call(*words, cwd=tmp_path, ISCE2_RECIPE_SOURCE="simulated")
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_missing_login_gives_hyp3_isce2s_warning_and_writes_no_netrc(tmp_path: Path) -> None:
    text = "warning: Earthdata credentials must be present as environment variables, or in your netrc."
    assert text in call("--reference", NEW, "--secondary", OLD, cwd=tmp_path).stderr
    login = {"EARTHDATA_USERNAME": "me", "EARTHDATA_PASSWORD": "s3cret"}
    assert text not in call("--reference", NEW, "--secondary", OLD, cwd=tmp_path, **login).stderr
    assert not (tmp_path / ".netrc").exists()


@pytest.mark.parametrize(
    ("variable", "words", "threads"),
    [
        ("3", [], ["--cpus", "3"]),
        ("3", ["++omp-num-threads", "2"], ["--cpus", "2"]),
        ("many", [], []),
        ("", [], []),
    ],
)
def test_omp_num_threads_sets_the_threads_of_the_run(
    monkeypatch: pytest.MonkeyPatch, variable: str, words: list[str], threads: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hyp3_isce2"])
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setenv("ISCE2_RECIPE_SOURCE", "simulated")
    found = translated_arguments([*words, "--reference", OLD, "--secondary", NEW])
    assert [found[found.index("--cpus") + k] for k in (0, 1)] == threads if threads else "--cpus" not in found
    assert sys.argv[1:] == found


def test_a_password_on_the_command_line_is_in_no_file_and_no_message(tmp_path: Path) -> None:
    login = ["--username", "me", "--password", "s3cret-s3cret"]
    done = call("--reference", NEW, "--secondary", OLD, *login, cwd=tmp_path)
    assert "other users of this computer can see --username and --password; set" in done.stderr
    assert "s3cret-s3cret" not in done.stdout + done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if b"s3cret-s3cret" in path.read_bytes()]


def test_an_installed_hyp3_isce2_gives_a_warning(tmp_path: Path) -> None:
    info = tmp_path / "site" / "hyp3_isce2-4.1.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hyp3-isce2\nVersion: 4.1.3\n")
    done = call("++help", cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.stderr.startswith("warning: hyp3-isce2 4.1.3 is installed too; ")
    assert done.returncode == 0
    doctor = call("doctor", cwd=tmp_path, module="isce2_recipe", PYTHONPATH=str(tmp_path / "site"))
    assert "4.1.3 is installed too; both have a package hyp3_isce2" in doctor.stdout


def test_translate_prints_a_command_or_a_parameter_file(tmp_path: Path) -> None:
    words = [
        "++process",
        "insar_tops_burst",
        "--reference",
        OLD,
        "--secondary",
        NEW,
        "--apply-water-mask",
        "True",
    ]
    line = call("translate", "--", *words, cwd=tmp_path, module="isce2_recipe")
    assert line.stdout == (
        f"isce2-recipe run insar_tops_burst --publish . --reference {OLD} --secondary {NEW} "
        "--apply-water-mask true --name-style legacy\n"
    )
    file = call(
        "translate", "--yaml", "--", "python", "-m", "hyp3_isce2", *words, cwd=tmp_path, module="isce2_recipe"
    )
    assert file.stdout == (
        "# isce2-recipe run insar_tops_burst --publish . --params FILE\n"
        f'reference:\n  - "{OLD}"\nsecondary:\n  - "{NEW}"\napply_water_mask: true\n'
        'name_style: "legacy"\n'
    )
    docker = ["docker", "run", "-it", "--rm", "-e", "EARTHDATA_USERNAME=me", "ghcr.io/x/hyp3-isce2:latest"]
    copied = call("translate", "--", *docker, *words, cwd=tmp_path, module="isce2_recipe")
    assert copied.stdout == line.stdout
    wrong = call("translate", "what", cwd=tmp_path, module="isce2_recipe")
    assert wrong.returncode == 2
    assert "neither a hyp3-isce2 command nor an XML file" in wrong.stderr


@pytest.mark.parametrize(
    ("words", "program"),
    [
        (["++process", "insar_tops_burst", "A B", "--looks", "20x4"], "python"),
        (["--looks", "20x4", "++omp-num-threads", "2"], "python"),
        (["--reference", "A", "--secondary", "B"], "python"),
        (["--swath-number", "2", "--reference-scene", "A"], "python"),
        (["S1_136231_IW2_20200604T022312_VV_7C85-BURST", "B"], "python"),
        (["run", "insar_tops_burst", "--reference", "A"], "isce2-recipe"),
        (["--help"], "isce2-recipe"),
        (["--version"], "isce2-recipe"),
        (["-h"], "isce2-recipe"),
        ([], "isce2-recipe"),
    ],
)
def test_the_container_image_accepts_both_forms_of_arguments(
    tmp_path: Path, words: list[str], program: str
) -> None:
    """Run the real entry point with a replacement for conda that changes PATH as conda does."""
    commands = tmp_path / "envs" / "isce2-recipe" / "bin"
    commands.mkdir(parents=True)
    for name in ("python", "isce2-recipe"):
        path = commands / name
        path.write_text(f'#!/bin/sh\nprintf "{name} $ISCE_HOME"\nprintf "<%s>" "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    profile = tmp_path / "etc" / "profile.d" / "conda.sh"
    profile.parent.mkdir(parents=True)
    path = f'"{tmp_path}/envs/$2/bin:$PATH"'
    activation = f'test "$1" = activate; : "$NOT_SET"; export ISCE_HOME=here PATH={path}'
    profile.write_text(f"conda() {{ {activation}; }}\n")
    done = subprocess.run(
        ["bash", ROOT / "docker" / "entrypoint.sh", *words],
        env={"PATH": os.environ["PATH"], "CONDA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    arguments = ["-um", "hyp3_isce2", *words] if program == "python" else words
    assert done.stdout == f"{program} here" + ("".join(f"<{word}>" for word in arguments) or "<>")
