"""Files of the runner in the child process of a step."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, os, sys
from isce2_recipe.running.child import _close_files

held = os.open(sys.argv[1], os.O_RDONLY)
read, write = os.pipe()
if os.fork() == 0:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    _close_files({write})
    fresh = os.open(sys.argv[1], os.O_RDONLY)
    os.write(write, json.dumps([held, fresh, os.read(held, 9).decode(), os.read(fresh, 9).decode()]).encode())
    os._exit(0)
os.close(write)
os.wait()
print(os.read(read, 999).decode())
"""


def test_numbers_of_files_are_not_used_again(tmp_path):
    """A library that closes a file of the runner late must not close a file of the step."""
    file = tmp_path / "file"
    file.write_text("text")
    words = [sys.executable, "-c", PROGRAM, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    held, fresh, of_runner, of_step = json.loads(done.stdout)
    assert held != fresh
    assert (of_runner, of_step) == ("", "text")
