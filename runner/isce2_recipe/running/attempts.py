"""The folders through which attempts at steps report that run under the control of other programs.

Each attempt has a folder of its own. Whoever starts the step first makes its claim there, which only one can
do: so a step that another program starts a second time does not run twice. When every process of the step has
ended, the same host adds the end. An attempt with a claim and without an end may still be running.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe import processes
from isce2_recipe.journal import checkpoints
from isce2_recipe.paths import ATTEMPTS

SERVER = "ISCE2_RECIPE_SERVER"
"""Variable in the environment of a step server and of all that it starts: the token of the server."""

_CLAIM, _END = "claim.json", "ended"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a step."""

    folder: Path  # its own folder, which is visible on all hosts

    @classmethod
    def new(cls, run: Path, token: str) -> Attempt:
        """Return a new attempt of a run, whose attempts have a common folder."""
        folder = run / token
        folder.mkdir(parents=True)
        return cls(folder)

    @property
    def log(self) -> Path:
        """Return the file with what the step prints."""
        return self.folder / "log"

    @property
    def progress(self) -> Path:
        """Return the file with the step's process id and progress, as JSON lines."""
        return self.folder / "progress"

    def claim(self, facts: Mapping[str, Any]) -> bool:
        """Claim the attempt for this host; return whether nobody has claimed it before.

        Parameters
        ----------
        facts : mapping
            ``step``, ``shared`` (whether it works in a shared folder), ``worker`` and ``server``.
        """
        facts = {**facts, "host": processes.host_name(), "boot": processes.boot_id()}
        try:
            descriptor = os.open(self.folder / _CLAIM, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except (FileExistsError, FileNotFoundError):  # claimed, or the run is over
            return False
        with os.fdopen(descriptor, "w") as file:
            json.dump(facts, file)
        return True

    def withdraw(self) -> bool:
        """Claim it so that nobody can start it any more; return whether nobody has done so before."""
        withdrawn = self.claim({"shared": False})
        if withdrawn:
            self.end()
        return withdrawn

    def claimed(self) -> dict[str, Any] | None:
        """Return who has claimed it; an empty dict while the claim is being written."""
        try:
            found = json.loads((self.folder / _CLAIM).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def end(self) -> None:
        """Note that every process of the step has ended."""
        with suppress(OSError):  # the run is over, or the disk is full
            (self.folder / _END).write_text("")

    def ended(self) -> bool:
        """Return whether no process of the step can be running."""
        try:  # opening a file asks the file server for it
            (self.folder / _END).read_bytes()
        except OSError:
            return self.claimed() is None
        return True


def end_processes(server: str) -> None:
    """End everything on this host that a step server has started."""
    processes.end_orphans(f"{SERVER}={server}")


def await_leftovers(workdir: Path, patience_s: float) -> Iterator[tuple[str, str]]:
    """Wait for the attempts of earlier runs in shared folders; yield step and host of those that may not end.

    Attempts elsewhere write into folders that nobody reads. What is left on this host is ended by
    `isce2_recipe.processes.end_orphans`.
    """
    here = (processes.host_name(), processes.boot_id())
    deadline = time.monotonic() + patience_s
    for claim in sorted((workdir / ATTEMPTS).glob(f"*/*/{_CLAIM}")):
        attempt = Attempt(claim.parent)
        who = attempt.claimed() or {}
        at_home = who.get("host") == here[0] or (who.get("boot") == here[1] != "")
        if at_home or not who.get("shared"):
            continue
        while not attempt.ended() and time.monotonic() < deadline:
            time.sleep(0.1)
        if not attempt.ended():
            yield str(who.get("step")), str(who.get("host"))


def end_of_leftovers(workdir: Path, *, alive: bool) -> float:
    """Return when the attempts of earlier runs in shared folders ended; 0 if there are none or nobody knows.

    They may go on for a while after the runner was killed, until their worker notices it. ``alive`` says
    whether processes of the run were found now: then an attempt without an end has been running until now.
    """
    found = 0.0
    for claim in (workdir / ATTEMPTS).glob(f"*/*/{_CLAIM}"):
        if (Attempt(claim.parent).claimed() or {}).get("shared"):
            try:
                found = max(found, (claim.parent / _END).stat().st_mtime)
            except OSError:
                found = max(found, time.time() if alive else 0.0)
    return found


def forget_leftovers(workdir: Path) -> None:
    """Delete the folders of all attempts of earlier runs."""
    checkpoints.remove(workdir / ATTEMPTS)
