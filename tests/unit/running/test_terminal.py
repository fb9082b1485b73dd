"""A run on a terminal: a live tree of steps."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from pathlib import Path

from support.runs import command, environment, write_recipe

PART = """\
recipe: 1
name: inside
summary: A part.
steps:
  - id: write
    uses: quick.write
    with: {text: a, seconds: 0.5}
"""
WHOLE = """\
recipe: 1
name: shown
summary: Steps of every kind.
steps:
  - id: first
    summary: The first of all
    uses: quick.write
    with: {text: a}
  - id: never
    uses: quick.write
    when: "{{ 1 > 2 }}"
    with: {text: a}
  - id: part
    uses: parts/inside.yml
  - id: tried
    uses: quick.fail
    with: {how: source, times: 1}
    retry: {count: 1, backoff: 0.3 s}
    needs: [part]
"""


def _on_a_terminal(folder: Path, *words: object, columns: int = 80) -> tuple[int, str]:
    """Return the exit code of a command and its output on a terminal, without colours and cursor moves."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.chdir(folder)
        words = tuple(command(*words))
        sizes = ("COLUMNS", "LINES")  # they would count more than the terminal's size
        own = {name: value for name, value in environment().items() if name not in sizes}
        os.execve(words[0], words, {**own, "TERM": "xterm"})
    shown = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                shown += os.read(terminal, 1 << 16)
            except OSError:  # its end
                break
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_a_run_on_a_terminal_is_shown_as_a_tree(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/inside.yml").write_text(PART)
    write_recipe(tmp_path, WHOLE)
    code, shown = _on_a_terminal(tmp_path, "run", "shown.yml", "--workdir", "w")
    assert code == 0, shown
    assert "step tried: the server does not answer; trying again in 0.3 s" in shown
    assert re.search(r"» +write ", shown), "a step of a part is shown while it runs, below its part"
    last = shown[shown.rindex("shown in ") :].splitlines()  # a long folder's name goes on in the next line
    title = next(index for index, line in enumerate(last) if line.startswith("✓ first"))
    rows = [line.rstrip() for line in last[title : title + 6]]
    assert re.fullmatch(r"✓ first   The first of all +\d+\.\d s +[\d.]+ MB", rows[0])
    assert rows[1].startswith("- never")
    assert rows[2].split() == ["part"]
    assert rows[3].startswith("✓   write")
    assert rows[4].startswith("✓ tried")
    assert re.fullmatch(r"4 of 4 steps, \d+\.\d s", rows[5])
    assert all(len(row) <= 80 for row in rows)


def test_rows_of_a_list_are_indented_on_a_narrow_terminal(tmp_path: Path) -> None:
    code, shown = _on_a_terminal(tmp_path, "list", columns=60)
    rows = [line.rstrip() for line in shown.splitlines() if line.strip()]
    assert code == 0
    assert [row for row in rows if len(row) >= 60] == []
    starts = {len(row) - len(row.lstrip()) for row in rows if row.startswith(" ")}
    assert len(starts) == 1 and starts.pop() > 15
