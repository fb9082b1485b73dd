"""Downloads that all runs of a user share, limited in size and safe for many runs at once.

The cache has each file under ``NAME``, its size and digest in ``NAME.json``, and the beginning of an
unfinished download in ``NAME.part``. A process that downloads or copies a file holds ``NAME.lock``; the lock
is released when the process dies.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from isce2_recipe.copying import link
from isce2_recipe.files import LockHeldError, locked, write_json
from isce2_recipe.paths import cache_folder
from isce2_recipe.sources.asf.settings import Settings

_OWNER_ONLY = 0o700
_SLOT_POLL_S = 0.1
_NOT_CONTENT = (".lock", ".json", ".holder")


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """The place of a file in the cache, locked by this process."""

    path: Path  # the complete file

    @property
    def partial(self) -> Path:
        """The beginning of the file, while its download is unfinished."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def _record(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def is_complete(self) -> bool:
        """Return whether the file is there and unchanged; a changed file is deleted."""
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            if record["size"] == self.path.stat().st_size and record["blake2b"] == _digest(self.path):
                os.utime(self.path)
                return True
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self.delete()
        return False

    def store(self, file: Path) -> None:
        """Move a file into the cache."""
        record = {"size": file.stat().st_size, "blake2b": _digest(file)}
        file.replace(self.path)
        os.utime(self.path)
        write_json(self._record, record)

    def delete(self) -> None:
        """Delete the file."""
        for path in (self._record, self.path):
            path.unlink(missing_ok=True)

    def copy_to(self, target: Path) -> Path:
        """Put the file at another path: as a hard link, or between file systems as a copy."""
        link(self.path, target)
        return target


class Cache:
    """A folder of downloads. Above the size limit, the least recently used files are deleted.

    Where the file system has no locks, the log gets a warning. Raise OSError if the folder cannot be written.
    """

    def __init__(self, folder: Path, limit_bytes: float, log: logging.Logger | None = None) -> None:
        folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._log = log or logging.getLogger(__name__)
        with locked(folder / "probe.lock", warn=self._log.warning):
            pass

    @contextmanager
    def entry(self, url: str) -> Iterator[CacheEntry]:
        """Yield the place of an address's file, locked until the end of the block."""
        digest = hashlib.blake2b(url.encode(), digest_size=6).hexdigest()
        name = f"{digest}-{urlsplit(url).path.rpartition('/')[2]}"
        with locked(self._folder / f"{name}.lock", warn=self._log.info):
            yield CacheEntry(self._folder / name)
        self.trim()

    @contextmanager
    def slot(self, count: int) -> Iterator[None]:
        """Wait for one of ``count`` places to download at, which all processes with this cache share."""
        while True:
            for number in range(count):
                with ExitStack() as stack:
                    try:
                        stack.enter_context(self._try_lock(f"slot{number}"))
                    except LockHeldError:
                        continue
                    yield
                    return
            time.sleep(_SLOT_POLL_S)

    def _try_lock(self, name: str) -> AbstractContextManager[None]:
        return locked(self._folder / f"{name}.lock", blocking=False, warn=self._log.info)

    def trim(self) -> None:
        """Delete the least recently used files above the size limit, except those that are locked."""
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
            with suppress(LockHeldError):
                self._delete(path)
                excess -= size

    def _delete(self, path: Path) -> None:
        """Delete a file or the beginning of one; its lock file stays, because others may wait for it."""
        name = path.name.removesuffix(".part")
        with self._try_lock(name):
            CacheEntry(self._folder / name).delete()
            for part in (path, path.with_name(f"{path.name}.json")):
                part.unlink(missing_ok=True)


def open_cache(settings: Settings, log: logging.Logger) -> Cache | None:
    """Return the user's cache; None if it is disabled or, with a warning, if it cannot be written."""
    if settings.cache.lower() in ("none", "off") or settings.cache_gb <= 0:
        return None
    try:
        folder = Path(settings.cache).expanduser() if settings.cache else cache_folder() / "downloads"
        return Cache(folder.absolute(), settings.cache_gb * 1e9, log)
    except OSError as exc:
        log.warning("the cache cannot be used (%s): continuing without it", exc)
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=20)).hexdigest()
