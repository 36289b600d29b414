"""The seal: 512 bytes before an HDF5 file that say what it is and what its bytes hash to.

libhdf5 hangs on some damaged files and reads others without a word, so nothing is handed to it
before its SHA-256 is right. HDF5 takes the seal for a user block and skips it. It may also count
what is in the file: 512 bytes are then enough to know how far a run is. A small file is built in
memory and sealed as bytes; one of any size is written piece by piece (`replace_sealed`).

Not covered: forgery. Whoever can write the file can write a fitting seal.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py

from screenkit.errors import StorageError
from screenkit.store.layout import SCHEMA_VERSION
from screenkit.store.publish import Draft, draft

SEAL_SIZE = 512
"""Bytes; the smallest user block that HDF5 allows."""
LIBVER = ("v108", "v110")
"""Versions of the format that we write: every HDF5 since 2008 reads them."""

_SEAL = re.compile(
    rb"screenkit (?P<kind>[a-z]+)\nschema (?P<schema>\d+)\nlength (?P<length>\d+)\n"
    rb"sha256 (?P<digest>[0-9a-f]{64})\n(?P<counts>(?:[a-z]+ \d+\n)*)\0*"
)


@dataclass(frozen=True, slots=True)
class _Seal:
    """What the first 512 bytes say."""

    length: int
    """Bytes of what follows."""
    digest: str
    """Hex SHA-256 of the counts, as they stand in the seal, and of what follows."""
    counts: bytes = b""
    """Lines of a word and a number: what is in the file, for those who only want to know that."""

    def to_bytes(self, kind: str) -> bytes:
        text = (
            f"screenkit {kind}\nschema {SCHEMA_VERSION}\nlength {self.length}\n"
            f"sha256 {self.digest}\n"
        )
        return (text.encode() + self.counts).ljust(SEAL_SIZE, b"\0")


def seal(kind: str, data: bytes, counts: Mapping[str, int] = MappingProxyType({})) -> bytes:
    """Return an HDF5 file with its user block filled in.

    Args:
        counts: of what is in it, by a word of small letters.
    """
    body = memoryview(data)[SEAL_SIZE:]
    lines = "".join(f"{word} {count}\n" for word, count in counts.items()).encode()
    digest = hashlib.sha256(lines)
    digest.update(body)
    return _Seal(len(body), digest.hexdigest(), lines).to_bytes(kind) + bytes(body)


def read_counts(kind: str, path: Path) -> Mapping[str, int]:
    """Return what the seal of a file counts; the rest of the file is not looked at.

    Raises:
        FileNotFoundError: there is none.
        StorageError: its seal is damaged, or another version wrote it.
    """
    with _reading(path), open(path, "rb") as file:
        lines = _read_seal(kind, path, file.read(SEAL_SIZE)).counts.decode().splitlines()
    return {word: int(count) for word, count in map(str.split, lines)}


def read_digest(kind: str, path: Path) -> str:
    """Return the hex SHA-256 that the seal of a file says; the rest of the file is not looked at.

    Raises:
        FileNotFoundError: there is none.
        StorageError: its seal is damaged, or another version wrote it.
    """
    with _reading(path), open(path, "rb") as file:
        return _read_seal(kind, path, file.read(SEAL_SIZE)).digest


def open_sealed(kind: str, path: Path) -> bytes:
    """Return the bytes of a sealed file, seal included.

    Raises:
        FileNotFoundError: there is none.
        StorageError: its seal or its bytes are damaged, or another version wrote it.
    """
    with _reading(path):
        data = path.read_bytes()
    said = _read_seal(kind, path, data[:SEAL_SIZE])
    body = memoryview(data)[SEAL_SIZE:]
    found = hashlib.sha256(said.counts)
    found.update(body)
    if len(body) != said.length or found.hexdigest() != said.digest:
        raise _damaged(path, said.length, len(body))
    return data


def check_sealed(kind: str, path: Path) -> str:
    """Read a sealed file of any size once, in pieces, and raise as `open_sealed` does.

    Returns:
        Hex SHA-256 of what the seal closes.
    """
    with _reading(path), open(path, "rb") as file:
        said = _read_seal(kind, path, file.read(SEAL_SIZE))
        found = hashlib.file_digest(file, lambda: hashlib.sha256(said.counts)).hexdigest()
        size = file.tell() - SEAL_SIZE
    if size != said.length or found != said.digest:
        raise _damaged(path, said.length, size)
    return said.digest


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None


def _read_seal(kind: str, path: Path, head: bytes) -> _Seal:
    match = _SEAL.fullmatch(head) if len(head) == SEAL_SIZE else None
    if match is None or match["kind"] != kind.encode():
        raise StorageError(f"{path} is damaged or no {kind} file of screenkit")
    if int(match["schema"]) != SCHEMA_VERSION:
        raise StorageError(
            f"{path} has layout {int(match['schema'])}, this screenkit reads {SCHEMA_VERSION}",
            hint="run it again with another --output",
        )
    said = _Seal(int(match["length"]), match["digest"].decode(), match["counts"])
    if head != said.to_bytes(kind):
        raise StorageError(f"{path} has a damaged seal")
    return said


def _damaged(path: Path, length: int, found: int) -> StorageError:
    what = f"has {found} of {length} bytes" if length != found else "does not match its SHA-256"
    return StorageError(f"{path} is damaged: it {what}")


@contextmanager
def replace_sealed(path: Path, kind: str) -> Iterator[h5py.File]:
    """Open an HDF5 file that takes the place of `path`, sealed, when the block ends well.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    with draft(path) as new:
        tape = _Tape(new, kind)
        with h5py.File(tape, "w", libver=LIBVER, userblock_size=SEAL_SIZE) as file:
            yield file
        tape.finish()
        new.flush()
        new.replace()


class _Tape(io.RawIOBase):
    """The draft as libhdf5 sees it: writing never fails.

    libhdf5 does not survive a full disk. The error is kept and raised when libhdf5 is done.
    """

    def __init__(self, target: Draft, kind: str) -> None:
        self._draft = target
        self._kind = kind
        self._place = 0
        self._error: OSError | None = None

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        try:
            while self._error is None and view:
                count = os.pwrite(self._draft.fd, view, self._place)
                self._place += count
                view = view[count:]
        except OSError as error:
            self._error = error
        self._place += len(view)
        return memoryview(data).nbytes

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = os.pread(self._draft.fd, len(view), self._place)
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place}.get(whence)
        self._place = place + (os.fstat(self._draft.fd).st_size if start is None else start)
        return self._place

    def tell(self) -> int:
        return self._place

    def truncate(self, size: int | None = None) -> int:
        size = self._place if size is None else size
        try:
            os.ftruncate(self._draft.fd, size)
        except OSError as error:
            self._error = self._error or error
        return size

    def flush(self) -> None:
        """Bytes go straight to the draft."""

    def finish(self) -> None:
        """Write the seal, or raise what libhdf5 was not told."""
        if self._error is not None:
            raise self._error
        digest, place = hashlib.sha256(), SEAL_SIZE
        while data := os.pread(self._draft.fd, 2**18, place):
            digest.update(data)
            place += len(data)
        head = _Seal(place - SEAL_SIZE, digest.hexdigest()).to_bytes(self._kind)
        if os.pwrite(self._draft.fd, head, 0) != SEAL_SIZE:
            raise OSError(5, "short write")
