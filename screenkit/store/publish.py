"""A file appears whole or not at all; among several writers of one file the first wins.

Bytes go to a hidden `.NAME.HOST.PID.RANDOM.part` in the same folder, are flushed to the disk, and
only then get their name: by a hard link, which never overwrites (`publish`), or by a rename, which
does (`replace_text`). A process that dies at any moment leaves at most a `.part` behind, which
`sweep` removes.

Not covered: a file system without hard links, where two writers at the same instant both win; what
they write is equal. Disks that lie about fsync.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from screenkit.errors import NoSpaceError, StorageError

_PART = re.compile(r"\..+\.(?P<host>[A-Za-z0-9_-]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.part", re.DOTALL)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_CHUNK = 2**20


class Draft:
    """A file that has no name yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        name = f".{path.name[:100]}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.part"
        self.part = path.with_name(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.fd = os.open(self.part, flags, 0o640)

    def write(self, data: bytes | bytearray) -> None:
        """Write all of `data`."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.fd, rest) :]

    def flush(self) -> None:
        """Wait until the bytes are on the disk, and close the file."""
        os.fsync(self.fd)
        fd, self.fd = self.fd, -1
        os.close(fd)

    def link(self) -> bool:
        """Give the file its name, unless another has it; True when the name is ours."""
        won = _link(self.part, self.path)
        _sync_folder(self.path.parent)
        return won

    def replace(self) -> None:
        """Give the file its name, in place of whatever has it."""
        os.replace(self.part, self.path)
        _sync_folder(self.path.parent)

    def discard(self) -> None:
        """Remove what is left of the draft."""
        if self.fd >= 0:
            with suppress(OSError):
                os.close(self.fd)
        with suppress(OSError):
            os.unlink(self.part)


@contextmanager
def draft(path: Path) -> Iterator[Draft]:
    """Open a draft of `path`; it is gone at the end, unless it was given its name.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    try:
        new = Draft(path)
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        yield new
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        new.discard()


def publish(path: Path, data: bytes) -> bool:
    """Write a file that never overwrites another.

    When it returns, the file at `path` is whole and on the disk.

    Returns:
        True when the file is ours, False when somebody else's was there first.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    with draft(path) as new:
        new.write(data)
        new.flush()
        return new.link()


def replace_text(path: Path, text: str | Iterable[str]) -> None:
    """Write a UTF-8 text file in place of whatever is at `path`; it appears whole or not.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    pieces = [text] if isinstance(text, str) else text
    replace_bytes(path, (piece.encode("utf-8", "surrogateescape") for piece in pieces))


def replace_bytes(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file in place of whatever is at `path`; it appears whole or not.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    with draft(path) as new:
        waiting = bytearray()
        for piece in [data] if isinstance(data, bytes) else data:
            waiting += piece
            if len(waiting) >= _CHUNK:
                new.write(waiting)
                waiting = bytearray()
        new.write(waiting)
        new.flush()
        new.replace()


def set_aside(path: Path, why: str) -> Path:
    """Hide a file under a name that says why, and return where it is now.

    Where it cannot be moved, it stays.
    """
    aside = path.with_name(f".{path.name}.{why}")
    with suppress(OSError):
        os.replace(path, aside)
    return aside


def sweep(folder: Path) -> int:
    """Remove the drafts of dead processes; call it while you hold the folder's RunLock.

    A draft of another host is taken for dead: its run cannot be alive beside ours, and a writer
    that is loses a draft, not a result.

    Returns:
        How many were removed.
    """
    removed = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in list(entries):
            match = _PART.fullmatch(entry.name)
            if match is None or (match["host"] == _host() and _alive(int(match["pid"]))):
                continue
            with suppress(OSError):
                os.unlink(entry.path)
                removed += 1
    return removed


def _link(part: Path, path: Path) -> bool:
    for attempt in (1, 2, 3):
        try:
            os.link(part, path)
            return True
        except FileExistsError:
            # A network file system may repeat a request that it has already carried out.
            return _same_file(part, path)
        except OSError as error:
            if _same_file(part, path):
                return True
            if error.errno in _NO_LINKS:
                return _rename(part, path)
            if error.errno != errno.ESTALE or attempt == 3:
                raise
    raise AssertionError("unreachable")


def _rename(part: Path, path: Path) -> bool:
    if path.exists():
        return False
    os.rename(part, path)
    return True


def _same_file(part: Path, path: Path) -> bool:
    try:
        return os.path.samestat(os.stat(part), os.lstat(path))
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(fd)


def storage_error(path: Path, error: OSError) -> StorageError:
    """Return what to tell the user of an OSError that stopped the writing of `path`."""
    if error.errno in _FULL:
        return NoSpaceError(
            f"no space writing {path}: {error.strerror}",
            hint="free space and run the same command again",
        )
    return StorageError(
        f"cannot write {path}: {error.strerror}",
        hint="mend that and run the same command again",
    )


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname()) or "unknown"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Tell whether a process is dead and nobody asked how it ended, as in a container whose first
    process never does. Where there is no /proc, it counts as alive."""
    try:
        # pid (name) state ...: the name may hold anything.
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[:1]
    except OSError:
        return False
    return state == [b"Z"]
