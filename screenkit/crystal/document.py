"""Document: one named CIF that has not been read yet, and how files become names.

What an archive holds as it is stays there until it is read, by whoever reads it: its bytes need not
go from process to process.

`Document.read` never blocks and never holds more than `SIZE_LIMIT`: FIFOs and devices are refused
before they are opened, and a gzip bomb is stopped at the limit.

Not covered: what the bytes mean (`crystal/cif.py`), and compression other than gzip.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import zlib
from dataclasses import dataclass

from screenkit.errors import CrystalError

SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes, before and after decompression. The largest CIF of CoRE MOF 2019 has 0.4 MB."""

_PACK_FROM = 4 * 1024 * 1024  # a larger archive member travels compressed
_WITHOUT_WAITING = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_COUNTS = re.compile(r"\.cif(\.(gz|bz2|xz|zst|lzma|lz4|z|zip|7z))?", re.IGNORECASE)
_READABLE = re.compile(r"\.cif(\.gz)?", re.IGNORECASE)
# Control, formatting and bidirectional characters, bytes that are not UTF-8, and % itself.
_UNSAFE = re.compile(
    "[%\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in an archive's file the bytes of a member stand as they are."""

    start: int
    size: int
    stamp: tuple[int, ...]
    """`stamp_of` the file when the archive was listed."""


@dataclass(frozen=True, slots=True)
class Document:
    """One named CIF, not yet read: a path, or the bytes of an archive's member."""

    name: str
    """The key of its row from here to the ranking; see `Library.names`."""
    place: str
    """Where it comes from, for messages."""
    path: str | None = None
    """File to read; None for the member of a compressed archive."""
    data: bytes | None = None
    """Bytes of an archive's member; None where there is a path."""
    spot: Spot | None = None
    """What of the file is meant; None: all of it."""
    packed: bool = False
    """`data` was compressed with gzip on top, to travel lightly."""
    trouble: tuple[str, str] | None = None
    """Code and message that `read` raises: known when the archive was opened."""

    def read(self) -> bytes:
        """Return the CIF's bytes, decompressed.

        Raises:
            CrystalError: `unreadable`, `not_regular_file`, `too_large`, `bad_compression` or
                `unsupported_compression`.
        """
        if self.trouble is not None:
            raise CrystalError(*self.trouble)
        suffix = cif_suffix(self.place).lower()
        if suffix not in ("", ".cif", ".cif.gz"):
            raise CrystalError(
                "unsupported_compression", f"{suffix} is not read; use plain .cif or .cif.gz"
            )
        data = self._bytes()
        if self.packed:
            data = _gunzip(data)
        return _gunzip(data) if suffix == ".cif.gz" else data

    def _bytes(self) -> bytes:
        if self.data is not None:
            return self.data
        path = self.path or ""
        return _read_file(path) if self.spot is None else _read_spot(path, self.spot)

    def carried(self) -> Document:
        """Return the same for a machine that may not see the archive: with a member's bytes."""
        if self.spot is None:
            return self
        try:
            return member_document(self.name, self.place, self._bytes())
        except CrystalError as error:
            return Document(self.name, self.place, trouble=(error.code, error.message))


def stamp_of(file: io.RawIOBase | io.FileIO | io.BufferedReader) -> tuple[int, ...]:
    """Return numbers that change where a file is replaced or written to."""
    status = os.fstat(file.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns


def member_document(name: str, place: str, data: bytes) -> Document:
    """Return the Document of an archive's member; a large one is packed."""
    if len(data) < _PACK_FROM:
        return Document(name, place, data=data)
    return Document(name, place, data=gzip.compress(data, 1), packed=True)


def cif_suffix(path: str) -> str:
    """Return the end of a path that makes it count as a CIF (`.cif`, `.CIF.gz`, ...), or ""."""
    start = path.lower().rfind(".cif")
    end = path[start:] if start >= 0 else ""
    return end if _COUNTS.fullmatch(end) else ""


def document_name(path: str) -> tuple[str, str]:
    """Return the name of a file and the suffix that was cut from it.

    `.cif` and `.cif.gz` are cut. Control characters, bytes that are not UTF-8 (surrogates, as
    `os.fsdecode` makes them) and `%` are written as `%XX`, so that HDF5, JSON, CSV and a terminal
    can hold every name, and `file_path` can undo it.
    """
    suffix = cif_suffix(path)
    cut = len(path) - len(suffix)
    if not _READABLE.fullmatch(suffix) or cut == 0 or path[cut - 1] == "/":
        cut, suffix = len(path), ""
    return escape(path[:cut]), suffix


def file_path(name: str, suffix: str) -> str:
    """Return the path that `document_name` made a name and a suffix of."""
    if "%" not in name:
        return name + suffix
    data = os.fsencode(name)
    return os.fsdecode(re.sub(rb"%([0-9A-F]{2})", lambda m: bytes.fromhex(m[1].decode()), data)) + (
        suffix
    )


def escape(text: str) -> str:
    """Return a path in which every unsafe character is written as `%XX`, reversibly."""
    return _UNSAFE.sub(_percent, text)


def _percent(match: re.Match[str]) -> str:
    data = match[0].encode("utf-8", "surrogateescape")
    return "".join(f"%{byte:02X}" for byte in data)


def _read_file(path: str) -> bytes:
    try:
        # Before opening, because opening a device can already do something.
        _refuse_odd(os.stat(path))
        with open(os.open(path, _WITHOUT_WAITING), "rb", buffering=0) as file:
            _refuse_odd(os.fstat(file.fileno()))
            return _read_all(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise CrystalError("unreadable", f"cannot be opened: {reason}") from None


def _read_spot(path: str, spot: Spot) -> bytes:
    try:
        with open(os.open(path, _WITHOUT_WAITING), "rb", buffering=0) as file:
            same = stamp_of(file) == spot.stamp
            data = os.pread(file.fileno(), spot.size, spot.start) if same else b""
    except OSError as error:
        raise CrystalError("unreadable", f"cannot be opened: {error.strerror}") from None
    if not same or len(data) != spot.size:
        raise CrystalError("unreadable", "its archive has changed since it was listed")
    return data


def _refuse_odd(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise CrystalError("not_regular_file", f"is {_kind(status.st_mode)}, not a file")
    if status.st_size > SIZE_LIMIT:
        raise _too_large(f"has {status.st_size / 2**20:.0f} MiB")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def _too_large(found: str) -> CrystalError:
    return CrystalError("too_large", f"{found}, more than {SIZE_LIMIT // 2**20} MiB")


def _read_all(file: io.RawIOBase | io.FileIO) -> bytes:
    parts, size = [], 0
    while part := file.read(SIZE_LIMIT + 1 - size):
        parts.append(part)
        size += len(part)
        if size > SIZE_LIMIT:  # it grew after its size was looked at
            raise _too_large("has grown")
    return b"".join(parts)


def _gunzip(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            text = file.read(SIZE_LIMIT + 1)
    except (OSError, EOFError, zlib.error):
        raise CrystalError("bad_compression", "gzip data that is damaged or cut short") from None
    if len(text) > SIZE_LIMIT:
        raise _too_large("decompresses further")
    return text
