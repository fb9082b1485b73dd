from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from isce2_recipe.files import LockHeldError, locked, replace_when_complete, write_json, write_text

# A process that takes a lock, says so, and holds it until its standard input ends.
HOLDER = """
import errno, fcntl, os, sys
from pathlib import Path
name, path = sys.argv[1:3]
if name:  # as on a file system without locks
    def flock(descriptor, operation):
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))
    fcntl.flock = flock
from isce2_recipe.files import LockHeldError, locked
try:
    with locked(Path(path), blocking=False, warn=lambda text: print("warning:", text, flush=True)):
        print("locked", flush=True)
        sys.stdin.read()
except LockHeldError as exc:
    print("held:", exc.strerror, flush=True)
"""
WITHOUT_LOCKS = ("ENOSYS", "EOPNOTSUPP", "ENOLCK")


def start(path: Path, error: str = "") -> subprocess.Popen[str]:
    words = [sys.executable, "-c", HOLDER, error, str(path)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(path: Path, error: str = "") -> str:
    """What a process prints that takes the lock and releases it at once."""
    words = [sys.executable, "-c", HOLDER, error, str(path)]
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def wait_for(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line == "locked\n":
            return
    raise AssertionError("the process did not take the lock")


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with replace_when_complete(target) as partial:
        partial.write_text("new")
        assert partial.parent == tmp_path
        assert partial.name.startswith(".")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_nothing_is_left_of_a_file_that_was_not_completed(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with pytest.raises(ValueError, match="stop"), replace_when_complete(target) as partial:
        partial.write_text("half")
        raise ValueError("stop")
    assert names(tmp_path) == []


def test_what_a_killed_writer_left_behind_is_replaced(tmp_path: Path) -> None:
    target, source = tmp_path / "a.txt", tmp_path / "source"
    (tmp_path / ".a.txt.part").write_text("of a killed process")
    source.write_text("new")
    with replace_when_complete(target) as partial:
        os.link(source, partial)
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.txt", "source"]


def test_many_writers_do_not_share_a_partial_file(tmp_path: Path) -> None:
    with replace_when_complete(tmp_path / "a", many_writers=True) as partial:
        assert str(os.getpid()) in partial.name
        partial.write_text("x")


def test_text_is_utf8_and_json_takes_any_file_name(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "Überschiebung\n")
    assert (tmp_path / "a.txt").read_bytes() == "Überschiebung\n".encode()
    name = os.fsdecode(b"caf\xe9")
    write_json(tmp_path / "a.json", {"name": name}, indent=None)
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": name}


@pytest.mark.parametrize("error", ["", *WITHOUT_LOCKS])
def test_one_process_at_a_time_holds_a_lock(tmp_path: Path, error: str) -> None:
    path = tmp_path / "lock"
    with start(path, error) as holder:
        wait_for(holder)
        said = answer(path, error)
        assert "held:" in said
        if error:
            assert f"process {holder.pid} on {os.uname().nodename}" in said
            assert f"delete {path}.holder" in said
        holder.communicate("")
    assert answer(path, error).endswith("locked\n")
    assert not Path(f"{path}.holder").exists()


@pytest.mark.parametrize("error", ["", *WITHOUT_LOCKS])
def test_a_killed_process_holds_no_lock(tmp_path: Path, error: str) -> None:
    path = tmp_path / "lock"
    with start(path, error) as holder:
        wait_for(holder)
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert Path(f"{path}.holder").exists() == bool(error)
    assert answer(path, error).endswith("locked\n")


def test_a_file_system_without_locks_is_reported_once(tmp_path: Path) -> None:
    warning, result = answer(tmp_path / "lock", "ENOLCK").splitlines()
    assert warning.startswith("warning:")
    assert str(tmp_path) in warning
    assert os.strerror(errno.ENOLCK) in warning
    assert result == "locked"


def test_a_holder_on_another_host_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with start(path, "ENOSYS") as holder:
        wait_for(holder)
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    marker = Path(f"{path}.holder")
    marker.write_text(marker.read_text().replace(os.uname().nodename, "node17"))
    said = answer(path, "ENOSYS")
    assert f"process {holder.pid} on node17" in said
    assert f"if that process has ended, delete {marker}" in said
    marker.unlink()
    assert answer(path, "ENOSYS").endswith("locked\n")


def test_other_errors_of_the_file_system_are_raised(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), locked(tmp_path):
        raise AssertionError


def test_a_lock_keeps_the_content_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("who and since when")
    with locked(path), pytest.raises(LockHeldError), locked(path, blocking=False):
        raise AssertionError
    assert path.read_text() == "who and since when"


def test_waiting_for_a_lock_ends_when_its_holder_does(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with start(path) as holder:
        wait_for(holder)
        assert holder.stdin is not None
        holder.stdin.close()
        with locked(path):
            assert holder.wait() == 0
