"""A sealed HDF5 file of any size, written piece by piece; it appears whole or not at all.

Not covered: small files, which are built in memory (`store/shard_file.py`).
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from screenkit.store.publish import Draft, draft
from screenkit.store.seal import SEAL_SIZE, make_seal

_LIBVER = ("v108", "v110")  # readable by every HDF5 since 2008


@contextmanager
def replace_sealed(path: Path, kind: str) -> Iterator[h5py.File]:
    """Open an HDF5 file that takes the place of `path`, sealed, when the block ends well.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    with draft(path) as new:
        tape = _Tape(new, kind)
        with h5py.File(tape, "w", libver=_LIBVER, userblock_size=SEAL_SIZE) as file:
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
        head = make_seal(self._kind, place - SEAL_SIZE, digest.hexdigest())
        if os.pwrite(self._draft.fd, head, 0) != SEAL_SIZE:
            raise OSError(5, "short write")
