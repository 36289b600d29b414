"""The members of a tar or zip archive, one after the other, as a stream that trusts nothing.

Nothing is unpacked to disk. An archive that ends too early, is damaged between two members, or
expands without measure is an error of the whole; a member that cannot be a structure says so in its
`trouble`.

Not covered: archives in archives, passwords, `.tar.zst`, `.7z`, `.rar`.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO, Any

from screenkit.crystal.document import SIZE_LIMIT, Spot, escape, stamp_of
from screenkit.errors import SourceError

_MEMBERS_LIMIT = 10_000_000
_RATIO_LIMIT = 1_000  # CIFs give 11; the same CIFs under new names a few hundred
_RATIO_FROM = 2**30  # bytes that may come out before the ratio counts
_HEADER_LIMIT = 2**20  # bytes of a long name or a pax header
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,  # a compression that this Python was built without
    RuntimeError,  # zipfile: a password
)
_TOO_LARGE = ("too_large", f"has more than {SIZE_LIMIT // 2**20} MiB")

Trouble = tuple[str, str]
"""Code and message of why a member cannot be a structure; see `docs/outcomes.md`."""


@dataclass(slots=True)
class Member:
    """One entry of an archive, valid until the next one is asked for."""

    position: int
    """Its place in the archive, from 0."""
    path: str
    """As stored."""
    is_folder: bool
    trouble: Trouble | None
    """Why it cannot be a structure, where its header says so."""

    def content(self) -> bytes | Trouble:
        """Return its bytes, or why they cannot be had."""
        raise NotImplementedError

    def spot(self) -> Spot | None:
        """Return where the archive's file has these bytes; None where it has them compressed."""
        return None


def walk(path: str) -> Generator[Member, None, None]:
    """Return a generator over the members of an archive, in stored order.

    Raises:
        SourceError: the archive cannot be opened, is damaged or cut short, or expands without
            measure. Comes when the generator gets there.
    """
    return _walk_zip(path) if path.lower().endswith(".zip") else _walk_tar(path)


def broken(path: str, error: BaseException, last: str = "") -> SourceError:
    """Return the error of an archive that cannot be read beyond the member called `last`."""
    where = f" after member {last}" if last else ""
    text = getattr(error, "strerror", None) or str(error).split("\n")[0] or type(error).__name__
    return SourceError(
        f"{path} is damaged or cut short{where}: {text}",
        hint="copy or download it again; `tar -tf` or `unzip -t` should list it without an error",
    )


@dataclass(slots=True)
class _TarMember(Member):
    tar: tarfile.TarFile
    info: tarfile.TarInfo
    stamp: tuple[int, ...] | None
    """Of the archive's file, where it is not compressed."""

    def content(self) -> bytes:
        file = self.tar.extractfile(self.info)
        data = file.read() if file else b""
        if len(data) != self.info.size:
            raise tarfile.ReadError("unexpected end of data")
        return data

    def spot(self) -> Spot | None:
        if self.stamp is None or self.info.issparse():
            return None
        return Spot(self.info.offset_data, self.info.size, self.stamp)


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive; this one does not."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> _StrictTarInfo:
        info = super().frombuf(buf, encoding, errors)
        if info.type in (b"L", b"K", b"x", b"g", b"X") and info.size > _HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {info.size} bytes")
        if info.size < 0:
            raise tarfile.ReadError("a member of negative size")
        return info

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _StrictTarInfo:
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # the block of zeros that ends a tar
                raise
            raise tarfile.ReadError(str(error)) from None


class _Stream:
    """What a decompressor gives, with a limit on how much it makes of how little."""

    def __init__(self, raw: IO[bytes], plain: Any) -> None:
        self._raw, self._plain, self._size = raw, plain, 0

    def read(self, size: int) -> bytes:
        data: bytes = self._plain.read(size)
        self._size += len(data)
        if self._size > _RATIO_FROM and self._size > _RATIO_LIMIT * self._raw.tell():
            raise tarfile.ReadError(f"expands more than {_RATIO_LIMIT} times")
        return data


def _walk_tar(path: str) -> Generator[Member, None, None]:
    last = ""
    try:
        with open(path, "rb") as raw, _decompressed(raw) as plain:
            stream: Any = _Stream(raw, plain)
            stamp = stamp_of(raw) if plain is raw else None
            # What stands between the headers of a plain tar need not be read.
            how: Any = {"fileobj": stream, "mode": "r|", "bufsize": 2**18}
            if stamp is not None:
                how = {"fileobj": raw, "mode": "r:"}
            with tarfile.open(**how, tarinfo=_StrictTarInfo) as tar:
                for position in range(_MEMBERS_LIMIT + 1):
                    if (info := tar.next()) is None:
                        break
                    if info.size < 0 or tar.offset <= info.offset:
                        raise tarfile.ReadError("a member of negative size")
                    vars(tar)["members"].clear()  # or every header stays in memory
                    last = escape(info.name)
                    if position == _MEMBERS_LIMIT:
                        raise tarfile.ReadError(f"more than {_MEMBERS_LIMIT} members")
                    yield _TarMember(
                        position, info.name, info.isdir(), _tar_trouble(info), tar, info, stamp
                    )
                while stream.read(2**18):  # for the checksum at the very end
                    pass
    except _BROKEN as error:
        raise broken(path, error, last) from None


def _decompressed(raw: IO[bytes]) -> Any:
    magic = raw.read(6)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return gzip.GzipFile(fileobj=raw)
    if magic == b"\xfd7zXZ\x00":
        return lzma.LZMAFile(raw)
    if magic[:3] == b"BZh":
        return bz2.BZ2File(raw)
    return nullcontext(raw)


def _tar_trouble(info: tarfile.TarInfo) -> Trouble | None:
    if info.isfile():
        return _TOO_LARGE if info.size > SIZE_LIMIT else None
    if info.islnk():
        return "not_regular_file", "is a hard link in an archive; pack with --hard-dereference"
    if info.issym():
        return "not_regular_file", "is a symbolic link in an archive; pack with --dereference"
    return "not_regular_file", f"is {'a folder' if info.isdir() else 'a device'} in an archive"


@dataclass(slots=True)
class _ZipMember(Member):
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def content(self) -> bytes | Trouble:
        try:
            with self.archive.open(self.info) as file:
                data = file.read(SIZE_LIMIT + 1)
        except _BROKEN:
            # A zip knows where each member begins, so one bad member is one bad structure.
            return "bad_compression", "is damaged in its archive"
        return _TOO_LARGE if len(data) > SIZE_LIMIT else data


def _walk_zip(path: str) -> Generator[Member, None, None]:
    try:
        with zipfile.ZipFile(path) as archive:
            for position, info in enumerate(archive.infolist()):
                yield _ZipMember(
                    position, info.filename, info.is_dir(), _zip_trouble(info), archive, info
                )
    except _BROKEN as error:
        raise broken(path, error) from None


def _zip_trouble(info: zipfile.ZipInfo) -> Trouble | None:
    mode = info.external_attr >> 16
    if info.is_dir():
        return "not_regular_file", "is a folder in an archive"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "not_regular_file", "is a link or a device in an archive"
    if info.flag_bits & 1:
        return "unreadable", "is encrypted"
    return _TOO_LARGE if info.file_size > SIZE_LIMIT else None
