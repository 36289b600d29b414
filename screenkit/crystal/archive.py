"""A tar or zip archive as a row of Documents: read as a stream, never unpacked to disk.

An archive is walked once to list it and once more, forward, to deliver. Members keep their stored
order. A member that cannot be a structure (a link, a device, a member above 64 MiB) becomes a
Document that says so when it is read; an archive that ends too early or is damaged between two
members is refused as a whole, because nobody could say what is missing.

Not covered: the formats themselves (`members.py`), and what is in the members.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from screenkit.crystal.document import (
    Document,
    cif_suffix,
    document_name,
    escape,
    member_document,
)
from screenkit.crystal.members import broken, walk
from screenkit.errors import SourceError

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")
"""What a file that counts as an archive ends in, in any case."""


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
        self._members = walk(archive.path)

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
    for member in walk(path):
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
        raise broken(path, error) from None
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


def _plain(path: str) -> str:
    """Return a member's path without a leading `/`, `./` or doubled slashes."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))
