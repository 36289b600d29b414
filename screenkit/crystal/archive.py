"""A tar or zip archive as a row of Documents: read as a stream, never unpacked to disk.

An archive is walked once to list it and once more, forward, to deliver. Members keep their stored
order. A member that cannot be a structure (a link, a device, a member above 64 MiB) becomes a
Document that says so when it is read; an archive that ends too early or is damaged between two
members is refused as a whole, because nobody could say what is missing.

Not covered: archives in archives, passwords, `.tar.zst`, `.7z`, `.rar`.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import stat
import tarfile
import zipfile
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import IO, Any, Protocol

from screenkit.crystal.document import (
    SIZE_LIMIT,
    Document,
    cif_suffix,
    document_name,
    escape,
    member_document,
)
from screenkit.errors import SourceError

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")

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


@dataclass(frozen=True, eq=False)
class Archive:
    """The structures of one archive."""

    path: str
    names: Sequence[str]
    """Name of each structure, in stored order."""
    positions: Sequence[int]
    """Which member of the archive each structure is."""
    top: str
    """The folder that all structures share, with its `/`; cut from their names. May be empty."""
    content: str
    """Hex SHA-256 of the archive's file."""
    ignored: int
    """How many files in it do not count as CIFs."""

    def place(self, index: int) -> str:
        """Return where structure `index` is, for messages."""
        return f"{self.path}, member {self.positions[index] + 1} ({self.names[index]})"

    def keep(self, indices: Sequence[int]) -> Archive:
        """Return the same archive with some of its structures."""
        return Archive(
            self.path,
            [self.names[i] for i in indices],
            array("q", (self.positions[i] for i in indices)),
            self.top,
            self.content,
            self.ignored,
        )

    def reader(self) -> ArchiveReader:
        """Return a new reader at the beginning of the archive."""
        return ArchiveReader(self)


class ArchiveReader:
    """Delivers the structures of an archive, forward only."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._members = _walk(archive.path)

    def take(self, start: int, stop: int) -> list[Document]:
        """Return structures [start, stop); `start` is not before the last `stop`.

        Raises:
            SourceError: the archive is no longer what it was when it was opened.
        """
        return [self._one(index) for index in range(start, stop)]

    def close(self) -> None:
        """Close the archive."""
        self._members.close()

    def _one(self, index: int) -> Document:
        archive = self._archive
        wanted, name = archive.positions[index], archive.names[index]
        for member in self._members:
            if member.position < wanted:
                continue
            path = _plain(member.path)
            if member.position > wanted or document_name(path.removeprefix(archive.top))[0] != name:
                break
            place = f"{archive.path}: {escape(path)}"
            if member.trouble:
                return Document(name, place, trouble=member.trouble)
            content = member.content()
            if isinstance(content, tuple):
                return Document(name, place, trouble=content)
            return member_document(name, place, content)
        raise SourceError(
            f"{archive.path} has changed while it was read: {name} is gone",
            hint="run the same command again",
        )


def open_archive(path: str) -> Archive:
    """List an archive.

    Raises:
        SourceError: it cannot be opened, is damaged or cut short, or expands without measure.
    """
    paths: list[str] = []
    positions = array("q")
    folders: list[tuple[str, int]] = []
    ignored = 0
    for member in _walk(path):
        plain = _plain(member.path)
        if not cif_suffix(plain):
            ignored += not member.is_folder
        elif member.is_folder:
            folders.append((plain, member.position))
        else:
            paths.append(plain)
            positions.append(member.position)
    paths, positions = _with_folders(paths, positions, folders)
    tops = {plain.partition("/")[0] for plain in paths if "/" in plain}
    shared = len(tops) == 1 and all("/" in plain for plain in paths)
    top = f"{tops.pop()}/" if shared else ""
    names = [document_name(plain.removeprefix(top))[0] for plain in paths]
    try:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _broken(path, error, "") from None
    return Archive(path, names, positions, top, content, ignored)


def _with_folders(
    paths: list[str], positions: array[int], folders: list[tuple[str, int]]
) -> tuple[list[str], array[int]]:
    """Add folders that are called `*.cif` and hold no structure: they are rows too."""
    empty = [
        (plain, position)
        for plain, position in folders
        if not any(path.startswith(f"{plain}/") for path in paths)
    ]
    if not empty:
        return paths, positions
    both = sorted([*zip(positions, paths, strict=True), *((p, plain) for plain, p in empty)])
    return [plain for _, plain in both], array("q", (p for p, _ in both))


class _Member(Protocol):
    """One entry of an archive, valid until the next one is asked for."""

    position: int
    path: str
    is_folder: bool
    trouble: tuple[str, str] | None

    def content(self) -> bytes | tuple[str, str]: ...


def _walk(path: str) -> Any:
    """Return a generator over the members of an archive, in stored order."""
    return _walk_zip(path) if path.lower().endswith(".zip") else _walk_tar(path)


def _plain(path: str) -> str:
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _broken(path: str, error: BaseException, last: str) -> SourceError:
    where = f" after member {last}" if last else ""
    text = getattr(error, "strerror", None) or str(error).split("\n")[0] or type(error).__name__
    return SourceError(
        f"{path} is damaged or cut short{where}: {text}",
        hint="copy or download it again; `tar -tf` or `unzip -t` should list it without an error",
    )


@dataclass(slots=True)
class _TarMember:
    position: int
    path: str
    is_folder: bool
    trouble: tuple[str, str] | None
    tar: tarfile.TarFile
    info: tarfile.TarInfo

    def content(self) -> bytes:
        file = self.tar.extractfile(self.info)
        data = file.read() if file else b""
        if len(data) != self.info.size:
            raise tarfile.ReadError("unexpected end of data")
        return data


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive; this one does not."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> _StrictTarInfo:
        info = super().frombuf(buf, encoding, errors)
        if info.type in (b"L", b"K", b"x", b"g", b"X") and info.size > _HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {info.size} bytes")
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


def _walk_tar(path: str) -> Iterator[_TarMember]:
    last = ""
    try:
        with open(path, "rb") as raw, _decompressed(raw) as plain:
            stream: Any = _Stream(raw, plain)
            with tarfile.open(
                fileobj=stream, mode="r|", bufsize=2**18, tarinfo=_StrictTarInfo
            ) as tar:
                for position in range(_MEMBERS_LIMIT + 1):
                    if (info := tar.next()) is None:
                        break
                    vars(tar)["members"].clear()  # or every header stays in memory
                    last = escape(info.name)
                    if position == _MEMBERS_LIMIT:
                        raise tarfile.ReadError(f"more than {_MEMBERS_LIMIT} members")
                    yield _TarMember(
                        position, info.name, info.isdir(), _tar_trouble(info), tar, info
                    )
                while stream.read(2**18):  # for the checksum at the very end
                    pass
    except _BROKEN as error:
        raise _broken(path, error, last) from None


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


def _tar_trouble(info: tarfile.TarInfo) -> tuple[str, str] | None:
    if info.isfile():
        return _TOO_LARGE if info.size > SIZE_LIMIT else None
    if info.islnk():
        return "not_regular_file", "is a hard link in an archive; pack with --hard-dereference"
    if info.issym():
        return "not_regular_file", "is a symbolic link in an archive; pack with --dereference"
    return "not_regular_file", f"is {'a folder' if info.isdir() else 'a device'} in an archive"


@dataclass(slots=True)
class _ZipMember:
    position: int
    path: str
    is_folder: bool
    trouble: tuple[str, str] | None
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def content(self) -> bytes | tuple[str, str]:
        try:
            with self.archive.open(self.info) as file:
                data = file.read(SIZE_LIMIT + 1)
        except _BROKEN:
            # A zip knows where each member begins, so one bad member is one bad structure.
            return "bad_compression", "is damaged in its archive"
        return _TOO_LARGE if len(data) > SIZE_LIMIT else data


def _walk_zip(path: str) -> Iterator[_ZipMember]:
    try:
        with zipfile.ZipFile(path) as archive:
            for position, info in enumerate(archive.infolist()):
                yield _ZipMember(
                    position, info.filename, info.is_dir(), _zip_trouble(info), archive, info
                )
    except _BROKEN as error:
        raise _broken(path, error, "") from None


def _zip_trouble(info: zipfile.ZipInfo) -> tuple[str, str] | None:
    mode = info.external_attr >> 16
    if info.is_dir():
        return "not_regular_file", "is a folder in an archive"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "not_regular_file", "is a link or a device in an archive"
    if info.flag_bits & 1:
        return "unreadable", "is encrypted"
    return _TOO_LARGE if info.file_size > SIZE_LIMIT else None
