"""Fingerprints of files; a file that was read once is not read again while it is unchanged."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from isce2_recipe.errors import InputError
from isce2_recipe.noop_cache import RACY_NS
from isce2_recipe.paths import STATE_FOLDER

_BLOCK = 1 << 20  # bytes that are read at a time
_DIGEST_SIZE = 20  # bytes of BLAKE2b
FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """The fingerprint of a file and its state in the file system at that time."""

    digest: str  # fingerprint of the content; ``folder`` for a folder, ``link:TARGET...`` for a symbolic link
    # Size in bytes, times of modification and change in ns, inode. Never part of a key: it only shows that
    # the file has not changed since. All zero where it cannot show that.
    stat: tuple[int, int, int, int]

    @classmethod
    def from_json(cls, fields: list[object]) -> FileEntry:
        """Return the entry that `to_json` wrote."""
        digest, *numbers = fields
        return cls(str(digest), tuple(numbers))  # type: ignore[arg-type]

    def to_json(self) -> list[object]:
        """Return a short list for the journal."""
        return [self.digest, *self.stat]

    @property
    def size(self) -> int:
        """Return the size, bytes."""
        return self.stat[0]


Manifest = dict[str, FileEntry]
"""Entries of files by their paths relative to the work directory."""


def signature(status: os.stat_result) -> tuple[int, int, int, int]:
    """Return what must be the same for a file to count as unchanged."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


_ONE_TEXT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def text_digest(text: str) -> str:
    """Return the fingerprint of a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE).hexdigest()


def json_digest(value: object) -> str:
    """Return the fingerprint of a JSON value, which does not depend on the order of keys."""
    return text_digest(_ONE_TEXT.encode(value))


def file_digest(path: Path | str) -> str:
    """Return the fingerprint of a file's content."""
    digest = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    with Path(path).open("rb", buffering=0) as stream:
        buffer = memoryview(bytearray(min(_BLOCK, os.fstat(stream.fileno()).st_size + 1)))
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


class Fingerprints:
    """Fingerprints of files, valid while the file system shows that the files are unchanged.

    Parameters
    ----------
    known : mapping of str to FileEntry, optional
        Entries by absolute path, from an earlier run.
    trust : bool
        Whether an unchanged state in the file system is enough to trust an entry of an earlier run. It is not
        after a new start of the machine, because data that had not reached the disk may be lost.

    Attributes
    ----------
    learnt : set of str
        Paths of the files that were read.
    """

    def __init__(self, known: Mapping[str, FileEntry] | None = None, *, trust: bool = True) -> None:
        self._known: dict[str, FileEntry] = dict(known or {})
        self._trust = trust
        self.learnt: set[str] = set()

    def learn(self, path: str, entry: FileEntry) -> None:
        """Add an entry that is known from elsewhere."""
        self._known[path] = entry

    def agrees(self, path: str, entry: FileEntry) -> bool:
        """Return whether the known entry of a file has the same content as another entry."""
        found = self._known.get(path)
        return found is not None and found.digest == entry.digest

    def known(self) -> Mapping[str, FileEntry]:
        """Return all entries by absolute path."""
        return self._known

    def untouched(self, entry: FileEntry, status: os.stat_result) -> bool:
        """Return whether the file system shows that a file has not changed since its entry was made."""
        return self._trust and entry.stat == signature(status)

    def entry(self, path: str, status: os.stat_result | None = None) -> FileEntry:
        """Return the entry of a file, folder or link; raise FileNotFoundError if nothing has that name."""
        status = status or os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return self._link(path)
        if stat.S_ISDIR(status.st_mode):
            return FileEntry(FOLDER, (0, 0, 0, 0))
        if not stat.S_ISREG(status.st_mode):
            return FileEntry("special", (0, 0, 0, 0))
        found = self._known.get(path)
        if found is not None and found.stat == signature(status):
            return found
        return self._hash(path)

    def _hash(self, path: str) -> FileEntry:
        before = signature(os.stat(path))  # noqa: PTH116 - no Path is made for 10,000 files
        digest = file_digest(path)
        after = signature(os.stat(path))  # noqa: PTH116
        if before != after:
            raise InputError(
                f"{path} changed while it was read", hint="run again when no other program writes to it"
            )
        racy = time.time_ns() - max(before[1], before[2]) < RACY_NS
        entry = FileEntry(digest, before)
        if not racy:
            self._known[path] = entry
            self.learnt.add(path)
        return entry

    def _link(self, path: str) -> FileEntry:
        target = os.readlink(path)  # noqa: PTH115
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return FileEntry(f"link:{target}", (0, 0, 0, 0))
        if stat.S_ISDIR(status.st_mode):
            return FileEntry(f"link:{target}", (0, 0, 0, 0))
        return FileEntry(f"link:{target}:{self.entry(os.path.realpath(path)).digest}", (0, 0, 0, 0))

    def matches(self, path: str, expected: FileEntry) -> bool:
        """Return whether a file has the content of an entry."""
        try:
            status = os.lstat(path)
            if self.untouched(expected, status):
                return True
            return self.entry(path, status).digest == expected.digest
        except (OSError, InputError):
            return False

    def edited(self, path: str, status: os.stat_result, entries: Iterable[FileEntry]) -> bool:
        """Return whether a file has the content of none of its entries, because a program wrote to it later.

        A copy of a whole work directory and files that a power cut damaged do not count.
        """
        now, known = signature(status), list(entries)
        if stat.S_ISLNK(status.st_mode):  # the file to which it leads is not part of it
            link = f"link:{os.readlink(path)}"  # noqa: PTH115
            return not any(f"{entry.digest}:".startswith(f"{link}:") for entry in known)
        if any(
            entry.stat == now or (entry.stat[:2] == now[:2] and entry.stat[3] != now[3]) for entry in known
        ):
            return False
        if not self._trust and known and now[1] <= max(entry.stat[1] for entry in known):
            return False
        if stat.S_ISREG(status.st_mode) and all(entry.stat[3] and entry.size != now[0] for entry in known):
            return True
        try:
            return self.entry(path, status).digest not in {entry.digest for entry in known}
        except (OSError, InputError):
            return True

    def tree(self, folder: Path) -> dict[str, FileEntry]:
        """Return entries of everything in a folder but work directories, by path relative to the folder."""
        return {name: self.entry(path, status) for name, path, status in walk(folder, runs=False)}

    def content(self, path: Path) -> str:
        """Return the fingerprint of a file, or of everything in a folder.

        Raise InputError if it is missing or cannot be read.
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


def tree_digest(entries: Mapping[str, FileEntry]) -> str:
    """Return one fingerprint of the entries of a folder (names relative to the folder)."""
    return json_digest(sorted((name, entry.digest) for name, entry in entries.items()))


def walk(
    folder: Path | str, prefix: str = "", *, runs: bool = True
) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield relative name, path and status of everything below a folder, each folder before its content.

    Without `runs`, work directories are skipped, because a run may lie in the folder that it reads.
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
