"""Files that appear complete or not at all, and locks between processes."""

from __future__ import annotations

import json
import os
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from errno import EFBIG, EINVAL, ENOLCK, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM, EWOULDBLOCK
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filelock import MarkerSoftFileLock

_NO_FLOCK = frozenset((ENOSYS, EOPNOTSUPP, ENOTSUP, ENOLCK))
"""Errors with which file systems such as Lustre and some NFS servers answer that they have no file locks."""

_HOLDER = ".holder"
"""Ending of the file that names a lock's holder where the file system has no locks."""


class LockHeldError(OSError):
    """Another process holds the lock; the text names the process if it is known."""


@contextmanager
def replace_when_complete(target: Path, *, many_writers: bool = False) -> Iterator[Path]:
    """Yield a path to write to; it replaces the target when the block ends without an error.

    Parameters
    ----------
    target : Path
        The file to write, in a folder that exists.
    many_writers : bool
        Whether several processes may write the same target at the same time. If not, the next process
        replaces the partial file of a killed one.

    Yields
    ------
    Path
        A hidden file in the target's folder. It is deleted if the block raises an error.
    """
    writer = f".{os.getpid()}" if many_writers else ""
    partial = target.with_name(f".{target.name}{writer}.part")
    partial.unlink(missing_ok=True)
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, many_writers: bool = False) -> None:
    """Write a text in UTF-8 as `replace_when_complete` does; bytes of names that are no text are escaped."""
    with replace_when_complete(path, many_writers=many_writers) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any, *, indent: int | None = 1, many_writers: bool = False) -> None:
    """Write a value as ASCII JSON, so that any file name can be written, as `replace_when_complete` does."""
    write_text(path, json.dumps(value, indent=indent) + "\n", many_writers=many_writers)


def json_text(value: Any, **options: Any) -> str:
    """Return a value as JSON with readable letters; bytes of file names that are no text are escaped."""
    return json.dumps(value, ensure_ascii=False, **options).encode("utf-8", "backslashreplace").decode()


def read_bounded(path: Path, most: int, inside: Path | None = None) -> bytes:
    """Return the content of a file that a stranger may have made.

    Parameters
    ----------
    most : int
        The largest allowed size, bytes.
    inside : Path, optional
        A folder that the file must not leave through symbolic links.

    Raises
    ------
    OSError
        If it cannot be read, is not a regular file, is larger, or is outside the folder.
    """
    if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
        raise OSError(EPERM, f"it leads out of {inside}", str(path))
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(EINVAL, "it is not a regular file", str(path))
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(EFBIG, f"it is larger than {most:,} bytes", str(path))
    return data


@contextmanager
def locked(
    path: Path, *, blocking: bool = True, warn: Callable[[str], None] = warnings.warn
) -> Iterator[None]:
    """Hold a lock file for the time of the block.

    The system releases the lock when its holder dies. Where the file system has no locks, a file next to the
    lock file names the holder instead; it is removed with the next attempt if its holder died on this host.

    Parameters
    ----------
    path : Path
        The lock file. It and its folder are created if necessary; its content is not changed.
    blocking : bool
        Whether to wait while another process holds the lock.
    warn : callable
        Called with a message where the file system has no locks, and before waiting for a holder on another
        host, which may have died.

    Raises
    ------
    LockHeldError
        If another process holds the lock and `blocking` is false.
    """
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with ExitStack() as stack:
        stack.callback(os.close, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if blocking else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LockHeldError(EWOULDBLOCK, "another process holds the lock", str(path)) from None
        except OSError as exc:
            if exc.errno not in _NO_FLOCK:
                raise
            _lock_by_name(path, exc, blocking, warn, stack)
        else:  # also for processes that were forked in the block
            stack.callback(fcntl.flock, descriptor, fcntl.LOCK_UN)
        yield


def _lock_by_name(
    path: Path, error: OSError, blocking: bool, warn: Callable[[str], None], stack: ExitStack
) -> None:
    """Hold a lock that is a file with its holder's name, until the stack is closed."""
    from filelock import MarkerSoftFileLock, Timeout  # it costs every fork of a step a millisecond

    warn(
        f"the file system of {path.parent} has no file locks ({error.strerror}); "
        f"the file {path.name}{_HOLDER} names the process that uses the folder"
    )
    lock = MarkerSoftFileLock(path.with_name(path.name + _HOLDER))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if not blocking:
            raise LockHeldError(EWOULDBLOCK, _held_by(lock), str(path)) from None
        if _holder_is_elsewhere(lock):
            warn(f"waiting: {_held_by(lock)}")
        lock.acquire()
    stack.callback(lock.release)


def _held_by(lock: MarkerSoftFileLock) -> str:
    owner = lock.owner
    if owner is None:
        return "another process holds the lock"
    return (
        f"process {owner.pid} on {owner.hostname} holds the lock; "
        f"if that process has ended, delete {lock.lock_file}"
    )


def _holder_is_elsewhere(lock: MarkerSoftFileLock) -> bool:
    """Return whether nobody on this host can see if the holder is alive."""
    owner = lock.owner
    return owner is not None and owner.hostname.partition("?")[0] != os.uname().nodename
