"""Child processes, which must not outlive the run that started them."""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # linux/prctl.h
_CLONE_PARENT = 0x8000  # linux/sched.h
_CLONE = {"x86_64": 56, "aarch64": 220}  # number of the system call; asm/unistd.h
_LENGTH = struct.Struct("!Q")
_MOST_DESCRIPTORS = 8
_LINUX = sys.platform == "linux"
_START_TIME_FIELD = 19  # of /proc/PID/stat after the command's name; proc(5), field 22


@cache
def _prctl() -> Callable[..., int]:
    import ctypes

    found: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return found


def get_ready() -> None:
    """Load what child processes need, once for all of them."""
    if _LINUX:
        _prctl()


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when the thread that forked it ends.

    Parameters
    ----------
    parent : int
        Process id of the parent. If it has died already, this process ends at once.
    """
    if _LINUX:
        _prctl()(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def can_fork_siblings() -> bool:
    """Return whether `fork_sibling` works on this system."""
    return _LINUX and os.uname().machine in _CLONE


def fork_sibling() -> int:
    """Fork this process, which has one thread; the new process becomes a child of this one's parent.

    So the parent can wait for the process and measure it, and the process dies with it, as if the parent had
    forked it. But this process may be much smaller, which makes the fork cheaper.

    Returns
    -------
    int
        The process id, or 0 in the new process.
    """
    import ctypes

    python = ctypes.pythonapi
    number, flags = _CLONE[os.uname().machine], _CLONE_PARENT | signal.SIGCHLD
    python.PyOS_BeforeFork()
    pid: int = ctypes.PyDLL(None).syscall(number, flags, 0, 0, 0, 0)
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError("the system refused a new process")
    return pid


def send_request(connection: socket.socket, request: object, descriptors: Sequence[int] = ()) -> None:
    """Send a value as JSON, and open files, to another process of this machine."""
    import socket

    data = json.dumps(request).encode()
    socket.send_fds(connection, [_LENGTH.pack(len(data))], list(descriptors))
    connection.sendall(data)


def receive_request(connection: socket.socket) -> tuple[Any, list[int]] | None:
    """Receive what `send_request` sent; None when the sender has closed the connection or has ended."""
    import socket

    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, _MOST_DESCRIPTORS)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    if len(head) < _LENGTH.size:
        return None
    left, data = _LENGTH.unpack(head)[0], bytearray()
    while len(data) < left:
        chunk = connection.recv(left - len(data))
        if not chunk:
            return None
        data += chunk
    return json.loads(data), descriptors


def before_exec() -> Callable[[], None]:
    """Return a ``preexec_fn`` for `subprocess` with which the child dies with the calling process.

    The child stays in the caller's process group, which the runner ends as a whole. The calling thread must
    start the child and live longer than the child.
    """
    parent = os.getpid()
    if _LINUX:
        prctl = _prctl()

        def prepare() -> None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        return prepare
    return lambda: None


@contextmanager
def guarded() -> Iterator[None]:
    """End the whole process group of this process if it is killed within the block.

    Programs that this process starts die with it (`before_exec`), but what they start in turn would live on.
    Another process waits for the end of this one and then kills the group, unless that has been done already.
    """
    reader, writer = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.close(writer)
        os.read(reader, 1)
        os.killpg(0, signal.SIGKILL)
        os._exit(0)
    os.close(reader)
    try:
        yield
    finally:
        os.kill(guard, signal.SIGKILL)
        os.waitpid(guard, 0)
        os.close(writer)


def host_name() -> str:
    """Return the name of this machine."""
    return os.uname().nodename


def boot_id() -> str:
    """Return a text that changes with every start of the machine; empty if the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """Return the time at which a process began, as a text to compare; None if there is no such process.

    Process ids are reused; an id together with this time identifies a process.
    """
    if not _LINUX:
        return "" if is_alive(pid) else None
    stat = _stat_fields(pid)
    return None if stat is None or stat[0] == "Z" else stat[_START_TIME_FIELD]


def _stat_fields(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def is_alive(pid: int) -> bool:
    """Return whether a process with an id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def kill_group(group: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to all processes of a group that still exist."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def mark(marker: str) -> None:
    """Give this process, and all that it forks, the name of a run, by which `end_orphans` finds them."""
    if _LINUX:
        _prctl()(_PR_SET_NAME, _name_of(marker).encode(), 0, 0, 0)


def _name_of(marker: str) -> str:
    """Return a process name, of at most 15 characters, for a run."""
    return f"isce2-{sha256(os.fsencode(marker)).hexdigest()[:9]}"


def end_orphans(marker: str, patience_s: float = 10.0) -> int:
    """Kill the processes that outlived a killed run, and wait until they have ended.

    Only what the processes themselves carry counts. What a journal says of them may be a stranger's.

    Parameters
    ----------
    marker : str
        ``NAME=value`` of a variable in the environment of every program that a step of the run started; the
        steps themselves have been given it by `mark`.
    patience_s : float
        Longest time to wait for the end of the processes, seconds.

    Returns
    -------
    int
        The number of processes.
    """
    found = list(members(marker))
    for pid in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + patience_s
    while any(start_time(pid) is not None for pid in found) and time.monotonic() < deadline:
        time.sleep(0.01)
    return len(found)


def members(marker: str) -> Iterator[int]:
    """Yield the other processes that carry the name of a run; see `end_orphans`."""
    for folder in Path("/proc").iterdir() if _LINUX else ():
        if folder.name.isdigit() and int(folder.name) != os.getpid() and _has_marker(folder, marker):
            yield int(folder.name)


def _has_marker(process: Path, marker: str) -> bool:
    try:
        if process.joinpath("comm").read_text(errors="replace").strip() == _name_of(marker):
            return True
        return os.fsencode(marker) in process.joinpath("environ").read_bytes().split(b"\0")
    except OSError:
        return False


def process_tree(pid: int) -> Iterator[int]:
    """Yield the id of a process and of all that it started, as far as the system reports them."""
    yield pid
    with suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:  # noqa: PTH123
        for child in file.read().split():
            yield from process_tree(int(child))
