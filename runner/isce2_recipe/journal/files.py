"""What files contain, told by fingerprint; what was hashed once is not read again while it is untouched."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.noop_cache import RACY_NS
from isce2_recipe.paths import STATE_FOLDER

_BLOCK = 1 << 20  # bytes read at a time
_DIGEST_SIZE = 20  # bytes of BLAKE2b
FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file's fingerprint and what the file system said of it then.

    Attributes
    ----------
    digest : str
        Of the content; ``folder`` for a folder, ``link:TARGET...`` for a symbolic link.
    stat : tuple of int
        Size in bytes, times of modification and change in ns, inode. Never part of a key: it only tells that
        it was not touched since. All zero where that cannot be told.
    """

    digest: str
    stat: tuple[int, int, int, int]

    @classmethod
    def from_json(cls, fields: list[object]) -> Entry:
        """The entry that `to_json` wrote."""
        digest, *numbers = fields
        return cls(str(digest), tuple(numbers))  # type: ignore[arg-type]

    def to_json(self) -> list[object]:
        """A short list for the journal."""
        return [self.digest, *self.stat]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.stat[0]


Manifest = dict[str, Entry]
"""Files of a folder by their path relative to the work directory."""


def signature(status: os.stat_result) -> tuple[int, int, int, int]:
    """What must be unchanged for a file to count as untouched."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


_ONE_TEXT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def text_digest(text: str) -> str:
    """Fingerprint of a text."""
    return hashlib.blake2b(text.encode(), digest_size=_DIGEST_SIZE).hexdigest()


def json_digest(value: object) -> str:
    """Fingerprint of a JSON value, independent of the order of its keys."""
    return text_digest(_ONE_TEXT.encode(value))


def file_digest(path: Path | str) -> str:
    """Fingerprint of a file's content."""
    digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    with Path(path).open("rb", buffering=0) as stream:
        buffer = memoryview(bytearray(min(_BLOCK, os.fstat(stream.fileno()).st_size + 1)))
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


class Fingerprints:
    """Fingerprints of files, remembered while the file system says that they are untouched.

    Parameters
    ----------
    known : mapping of str to Entry, optional
        Entries by absolute path, from an earlier run.
    trust : bool
        Whether what the file system says of a file is enough to believe its entry from an earlier run. Not
        after the machine was started anew: what had not reached the disk by then may be lost.
    """

    def __init__(self, known: Mapping[str, Entry] | None = None, *, trust: bool = True) -> None:
        self._known: dict[str, Entry] = dict(known or {})
        self._trust = trust
        self.learnt: set[str] = set()

    def learn(self, path: str, entry: Entry) -> None:
        """Remember what is known of a file from elsewhere."""
        self._known[path] = entry

    def agrees(self, path: str, entry: Entry) -> bool:
        """Whether a file was read later than an entry was made, with the same result."""
        found = self._known.get(path)
        return found is not None and found.digest == entry.digest

    def known(self) -> Mapping[str, Entry]:
        """All that is remembered, by absolute path."""
        return self._known

    def untouched(self, entry: Entry, status: os.stat_result) -> bool:
        """Whether the file system says that a file is what it was when its entry was made."""
        return self._trust and entry.stat == signature(status)

    def entry(self, path: str, status: os.stat_result | None = None) -> Entry:
        """A file's, folder's or link's own entry.

        Raises
        ------
        FileNotFoundError
            If there is nothing of that name.
        """
        status = status or os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return self._link(path)
        if stat.S_ISDIR(status.st_mode):
            return Entry(FOLDER, (0, 0, 0, 0))
        if not stat.S_ISREG(status.st_mode):
            return Entry("special", (0, 0, 0, 0))
        found = self._known.get(path)
        if found is not None and found.stat == signature(status):
            return found
        return self._hash(path)

    def _hash(self, path: str) -> Entry:
        before = signature(os.stat(path))  # noqa: PTH116 - no Path is made for 10,000 files
        digest = file_digest(path)
        after = signature(os.stat(path))  # noqa: PTH116
        if before != after:
            raise InputError(f"{path} changed while it was read", hint="run again when nothing writes to it")
        racy = time.time_ns() - max(before[1], before[2]) < RACY_NS
        entry = Entry(digest, before)
        if not racy:
            self._known[path] = entry
            self.learnt.add(path)
        return entry

    def _link(self, path: str) -> Entry:
        target = os.readlink(path)  # noqa: PTH115
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return Entry(f"link:{target}", (0, 0, 0, 0))
        if stat.S_ISDIR(status.st_mode):
            return Entry(f"link:{target}", (0, 0, 0, 0))
        return Entry(f"link:{target}:{self.entry(os.path.realpath(path)).digest}", (0, 0, 0, 0))

    def matches(self, path: str, expected: Entry) -> bool:
        """Whether what is there now is what ``expected`` says."""
        try:
            status = os.lstat(path)
            if self.untouched(expected, status):
                return True
            return self.entry(path, status).digest == expected.digest
        except (OSError, InputError):
            return False

    def tree(self, folder: Path) -> dict[str, Entry]:
        """Everything in a folder but the work directories of runs, by path relative to it."""
        return {name: self.entry(path, status) for name, path, status in walk(folder, runs=False)}

    def content(self, path: Path) -> str:
        """Fingerprint of a file, or of all that is in a folder.

        Raises
        ------
        InputError
            If it is missing or cannot be read.
        """
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                path = path.resolve(strict=True)
                status = path.stat()
            if stat.S_ISDIR(status.st_mode):
                return tree_digest(self.tree(path))
            return self.entry(str(path), status).digest
        except FileNotFoundError:
            raise InputError(f"{path} does not exist") from None
        except OSError as exc:
            raise InputError(f"{path} cannot be read: {exc.strerror}") from exc


def tree_digest(entries: Mapping[str, Entry]) -> str:
    """One fingerprint for a folder's entries (names relative to the folder)."""
    return json_digest(sorted((name, entry.digest) for name, entry in entries.items()))


def walk(
    folder: Path | str, prefix: str = "", *, runs: bool = True
) -> Iterator[tuple[str, str, os.stat_result]]:
    """Relative name, path and status of everything below a folder, folders before what is in them.

    Without `runs`, work directories are left out: a run may lie in the folder that it reads.
    """
    with os.scandir(folder) as found:
        inside = sorted(found, key=lambda item: item.name)
    for item in inside:
        status = item.stat(follow_symlinks=False)
        is_folder = stat.S_ISDIR(status.st_mode)
        if is_folder and not runs and Path(item.path, STATE_FOLDER).is_dir():
            continue
        yield prefix + item.name, item.path, status
        if is_folder:
            yield from walk(item.path, f"{prefix}{item.name}/", runs=runs)
