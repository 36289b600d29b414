"""A tar or zip archive as a row of Documents: read as a stream, never unpacked to disk.

An archive is walked once to list it and once more, forward, to deliver. Members keep their stored
order. A member that cannot be a structure (a link, a device, a member above 64 MiB) becomes a
Document that says so when it is read; an archive that ends too early or is damaged between two
members is refused as a whole, because nobody could say what is missing.

Not covered: the formats themselves (`members.py`), and what is in the members.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from screenkit.crystal.document import (
    Document,
    cif_suffix,
    document_name,
    escape,
    member_document,
)
from screenkit.crystal.members import broken, walk
from screenkit.errors import SourceError
from screenkit.texts import Texts

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip")
"""What a file that counts as an archive ends in, in any case."""


@dataclass(frozen=True, eq=False)
class Archive:
    """The structures of one archive."""

    path: str
    names: Texts
    """Name of each structure, in stored order."""
    positions: np.ndarray
    """(n,) int64. Which member of the archive each structure is."""
    top: str
    """The folder that all structures share, with its `/`, as in a name; cut from theirs. May be
    empty."""
    content: str
    """Hex SHA-256 of the archive's file."""
    ignored: int
    """How many files in it do not count as CIFs."""

    def place(self, index: int) -> str:
        """Return where structure `index` is, for messages."""
        return f"{self.path}, member {self.positions[index] + 1} ({self.names[index]})"

    def keep(self, indices: np.ndarray) -> Archive:
        """Return the same archive with some of its structures."""
        names, positions = self.names.keep(indices), self.positions[indices]
        return Archive(self.path, names, positions, self.top, self.content, self.ignored)

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
            if member.position > wanted or document_name(path)[0] != archive.top + name:
                break
            place = f"{archive.path}: {escape(path)}"
            if member.trouble:
                return Document(name, place, trouble=member.trouble)
            if spot := member.spot():
                return Document(name, place, os.path.abspath(archive.path), spot=spot)
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
    positions = array("q")
    folders: list[tuple[str, str, int]] = []
    ignored = 0

    def structures() -> Iterator[str]:
        nonlocal ignored
        for member in walk(path):
            plain = _plain(member.path)
            if not cif_suffix(plain):
                ignored += not member.is_folder
            elif member.is_folder:
                folders.append((document_name(plain)[0], escape(plain), member.position))
            else:
                positions.append(member.position)
                yield document_name(plain)[0]

    names = Texts.of(structures())
    names, places = _with_folders(names, np.array(positions, dtype=np.int64), folders)
    top = _shared_top(names)
    if top:
        names = Texts.of(name.removeprefix(top) for name in names)
    try:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise broken(path, error) from None
    return Archive(path, names, places, top, content, ignored)


def _with_folders(
    names: Texts, positions: np.ndarray, folders: Sequence[tuple[str, str, int]]
) -> tuple[Texts, np.ndarray]:
    """Add folders that are called `*.cif` and hold no structure: they are rows too.

    Args:
        folders: name and path of each, and which member of the archive it is.
    """
    empty = [
        (name, position)
        for name, path, position in folders
        if not any(inside.startswith(f"{path}/") for inside in names)
    ]
    if not empty:
        return names, positions
    positions = np.append(positions, [position for _, position in empty])
    order = np.argsort(positions, kind="stable")
    return Texts.of(chain(names, (name for name, _ in empty))).keep(order), positions[order]


def _shared_top(names: Texts) -> str:
    """Return the folder that all names share, with its `/`; empty where they share none."""
    if not len(names) or "/" not in names[0]:
        return ""
    top = names[0].partition("/")[0] + "/"
    return top if all(name.startswith(top) for name in names) else ""


def _plain(path: str) -> str:
    """Return a member's path without a leading `/`, `./` or doubled slashes."""
    return "/".join(part for part in path.split("/") if part not in ("", "."))
