"""The seal: 512 bytes before an HDF5 file that say what it is and what its bytes hash to.

libhdf5 hangs on some damaged files and reads others without a word, so nothing is handed to it
before its SHA-256 is right. HDF5 takes the seal for a user block and skips it.

Not covered: forgery. Whoever can write the file can write a fitting seal.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from screenkit.errors import StorageError
from screenkit.store.layout import SCHEMA_VERSION

SEAL_SIZE = 512
"""Bytes; the smallest user block that HDF5 allows."""

_SEAL = re.compile(
    rb"screenkit (?P<kind>[a-z]+)\nschema (?P<schema>\d+)\nlength (?P<length>\d+)\n"
    rb"sha256 (?P<digest>[0-9a-f]{64})\n\0*"
)


def make_seal(kind: str, length: int, digest: str) -> bytes:
    """Return the 512 bytes for a body of `length` bytes with this hex SHA-256."""
    text = f"screenkit {kind}\nschema {SCHEMA_VERSION}\nlength {length}\nsha256 {digest}\n"
    return text.encode().ljust(SEAL_SIZE, b"\0")


def seal(kind: str, data: bytes) -> bytes:
    """Return an HDF5 file with its user block filled in."""
    body = memoryview(data)[SEAL_SIZE:]
    return make_seal(kind, len(body), hashlib.sha256(body).hexdigest()) + bytes(body)


def open_sealed(kind: str, path: Path) -> bytes:
    """Return the bytes of a sealed file, seal included.

    Raises:
        FileNotFoundError: there is none.
        StorageError: its seal or its bytes are damaged, or another version wrote it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None
    length, digest = _read_seal(kind, path, data[:SEAL_SIZE])
    body = memoryview(data)[SEAL_SIZE:]
    if len(body) != length or hashlib.sha256(body).hexdigest() != digest:
        raise _damaged(path, length, len(body))
    return data


def check_sealed(kind: str, path: Path) -> None:
    """Read a sealed file of any size once, in pieces, and raise as `open_sealed` does."""
    try:
        with open(path, "rb") as file:
            length, digest = _read_seal(kind, path, file.read(SEAL_SIZE))
            found = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell() - SEAL_SIZE
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None
    if size != length or found != digest:
        raise _damaged(path, length, size)


def _read_seal(kind: str, path: Path, head: bytes) -> tuple[int, str]:
    match = _SEAL.fullmatch(head) if len(head) == SEAL_SIZE else None
    if match is None or match["kind"] != kind.encode():
        raise StorageError(f"{path} is damaged or no {kind} file of screenkit")
    if int(match["schema"]) != SCHEMA_VERSION:
        raise StorageError(
            f"{path} has layout {int(match['schema'])}, this screenkit reads {SCHEMA_VERSION}",
            hint="run it again with another --output",
        )
    length, digest = int(match["length"]), match["digest"].decode()
    if head != make_seal(kind, length, digest):
        raise StorageError(f"{path} has a damaged seal")
    return length, digest


def _damaged(path: Path, length: int, found: int) -> StorageError:
    what = f"has {found} of {length} bytes" if length != found else "does not match its SHA-256"
    return StorageError(f"{path} is damaged: it {what}")
