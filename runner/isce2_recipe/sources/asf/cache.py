"""Downloads that all runs of a user share: of limited size, safe when many runs use it at once.

A file of the cache is ``NAME``, with ``NAME.json`` that tells size and digest; ``NAME.part`` is what has come
of a file so far, kept when a run ends early. ``NAME.lock`` is held by whoever fetches or hands out that file;
the kernel frees it when its holder dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from isce2_recipe.copying import link
from isce2_recipe.paths import cache_folder
from isce2_recipe.sources.asf.settings import Settings

_OWNER_ONLY = 0o700
_SLOT_POLL_S = 0.1
_NOT_CONTENT = (".lock", ".json")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file's place in the cache, held by this process.

    Attributes
    ----------
    path : Path
        The whole file.
    """

    path: Path

    @property
    def partial(self) -> Path:
        """What has come so far."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def _record(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def whole(self) -> bool:
        """Whether the file is there as it was put there; one that is not is thrown away."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            if record["size"] == self.path.stat().st_size and record["blake2b"] == _digest(self.path):
                os.utime(self.path)
                return True
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self.forget()
        return False

    def keep(self, file: Path) -> None:
        """Take a file over."""
        record = {"size": file.stat().st_size, "blake2b": _digest(file)}
        file.replace(self.path)
        os.utime(self.path)
        self._record.write_text(json.dumps(record), encoding="utf-8")

    def forget(self) -> None:
        """Throw the file away."""
        for path in (self._record, self.path):
            path.unlink(missing_ok=True)

    def give(self, target: Path) -> Path:
        """The file under another name: a hard link, or between file systems a copy."""
        link(self.path, target)
        return target


class Cache:
    """A folder of downloads.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    limit_bytes : float
        What is used least goes first when there is more.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: Path, limit_bytes: float) -> None:
        folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        self._folder = folder
        self._limit_bytes = limit_bytes
        with _held(folder / "probe.lock"):  # a file system without locks is found out here
            pass

    @contextmanager
    def entry(self, url: str) -> Iterator[Entry]:
        """The place of an address's file, held until the end of the block; others wait for it."""
        digest = hashlib.blake2b(url.encode(), digest_size=6).hexdigest()
        name = f"{digest}-{urlsplit(url).path.rpartition('/')[2]}"
        with _held(self._folder / f"{name}.lock"):
            yield Entry(self._folder / name)
        self.trim()

    @contextmanager
    def slot(self, count: int) -> Iterator[None]:
        """One of so many places to download at, among all processes that share the cache."""
        while True:
            for number in range(count):
                descriptor = _try_lock(self._folder / f"slot{number}.lock")
                if descriptor is not None:
                    try:
                        yield
                        return
                    finally:
                        os.close(descriptor)
            time.sleep(_SLOT_POLL_S)

    def trim(self) -> None:
        """Delete what has not been used for longest, down to the limit; what is in use stays."""
        files = []
        for path in self._folder.iterdir():
            if path.suffix not in _NOT_CONTENT:
                with suppress(FileNotFoundError):
                    facts = path.stat()
                    files.append((facts.st_mtime, facts.st_size, path))
        excess = sum(size for _, size, _ in files) - self._limit_bytes
        for _, size, path in sorted(files):
            if excess <= 0:
                return
            if self._delete(path):
                excess -= size

    def _delete(self, path: Path) -> bool:
        name = path.name.removesuffix(".part")
        lock = self._folder / f"{name}.lock"
        descriptor = _try_lock(lock)
        if descriptor is None:
            return False
        try:
            Entry(self._folder / name).forget()
            for gone in (path, path.with_name(f"{path.name}.json")):
                gone.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
        return True


def open_cache(settings: Settings, log: logging.Logger) -> Cache | None:
    """The user's cache; None where it is switched off or, which is said, cannot be written."""
    if settings.cache.lower() in ("none", "off") or settings.cache_gb <= 0:
        return None
    try:
        folder = Path(settings.cache).expanduser() if settings.cache else cache_folder() / "downloads"
        return Cache(folder.absolute(), settings.cache_gb * 1e9)
    except OSError as exc:
        log.warning("the cache cannot be used (%s): going on without", exc)
        return None


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold a lock file; one that was deleted by the holder before us is made again."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_current(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def _try_lock(path: Path) -> int | None:
    """The open lock file, or None where somebody holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_current(descriptor, path):
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


def _is_current(descriptor: int, path: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
