"""One run at a time per output folder.

The lock is a file with a hard link's all-or-nothing birth, so that it also holds on network file
systems. It says who has it. When that process is dead, on this host, the next run takes the lock
over; of another host nobody can tell, so the user is asked.

Not covered: two hosts of the same name and boot. Even two runs in one folder lose nothing:
`store/publish.py` lets the first writer of each shard win.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import shlex
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from screenkit.errors import NoSpaceError, OutputError, StorageError
from screenkit.store.publish import publish, storage_error

LOCK = "run.lock"
"""Name of the lock in the run's folder."""

_PATIENCE = 1.0  # seconds to wait for another starter


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock."""

    host: str
    pid: int
    boot: str
    started: str
    """When the process began, in ticks since the boot; tells it from a later one of its pid."""
    since: str
    """When it took the lock, for people."""

    @classmethod
    def me(cls) -> Holder:
        now = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
        return cls(socket.gethostname(), os.getpid(), _boot(), _started(os.getpid()), now)

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this host."""
        return self.host == socket.gethostname()

    def is_dead(self) -> bool:
        """True only when it cannot be alive."""
        if not self.is_here:
            return False
        return self.boot != _boot() or _started(self.pid) != self.started


class RunLock:
    """Holds a folder for this process, as a context manager; makes the folder if need be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / LOCK
        self._mine: Holder | None = None

    def refuse(self) -> None:
        """Look, before any work, whether a live run holds the folder; make and take nothing.

        Raises:
            OutputError: one does.
        """
        holder = self.holder()
        if holder is not None and not holder.is_dead():
            raise self._held(holder)

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            OutputError: another run holds it, or the folder cannot be made or written.
            NoSpaceError: the disk is full.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            guard = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            trouble = storage_error(self.folder, error)
            if isinstance(trouble, NoSpaceError):
                raise trouble from None
            raise self._no_folder(error.strerror or str(error)) from None
        try:
            _wait_for(guard)
            self._take()
        finally:
            os.close(guard)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A fork of this process has the object, but not the lock.
        if self._mine is not None and self._mine.pid == os.getpid() and self.holder() == self._mine:
            with suppress(OSError):
                self._path.unlink()
        self._mine = None

    def _take(self) -> None:
        me = Holder.me()
        data = (json.dumps(asdict(me)) + "\n").encode()
        for _ in range(3):
            try:
                if publish(self._path, data):
                    self._mine = me
                    return
            except NoSpaceError:
                raise
            except StorageError as error:
                raise self._no_folder(error.message) from None
            holder = self.holder()
            if holder is not None and not holder.is_dead():
                raise self._held(holder)
            if holder is None and self._path.exists():
                raise OutputError(
                    f"{self._path} cannot be read", hint="delete it if no other run is at work"
                )
            with suppress(OSError):
                self._path.unlink()
        raise OutputError(f"cannot take {self._path}", hint="run the same command again")

    def holder(self) -> Holder | None:
        """Return who holds the folder, or held it and died; None where nobody does."""
        try:
            return Holder(**json.loads(self._path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def _held(self, holder: Holder) -> OutputError:
        return OutputError(
            f"{self.folder} is in use by process {holder.pid} on {holder.host} "
            f"since {holder.since}",
            hint=f"wait for it, or end it: screenkit cancel {shlex.quote(str(self.folder))}"
            if holder.is_here
            else f"wait for it; if it is dead, delete {self._path}",
        )

    def _no_folder(self, reason: str) -> OutputError:
        return OutputError(
            f"cannot write to the output folder {self.folder}: {reason}",
            hint="give another --output",
        )


def _wait_for(guard: int) -> None:
    """Let one starter of this host at a time look at a lock and break it."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > end:
                return  # the lock itself decides
            time.sleep(0.01)
        except OSError:
            return  # a file system without flock


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "unknown"


def _started(pid: int) -> str:
    """Return when a process began; empty when there is none."""
    try:
        # The name of the program, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except FileNotFoundError:
        pass
    except (OSError, IndexError):
        return "unknown"
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return "unknown"
    return "unknown"
