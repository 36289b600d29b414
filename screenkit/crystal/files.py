"""Files on disk as a row of Documents: a folder, a list of paths, or one CIF.

A folder is searched to its depth and sorted by name; a list keeps its order. No file is opened here
but the list itself: a million names take three seconds and 40 MB.

Not covered: archives (`archive.py`), and what is in the files (`document.py` opens them).
"""

from __future__ import annotations

import bisect
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from screenkit.crystal.archive import SUFFIXES
from screenkit.crystal.document import (
    Document,
    cif_suffix,
    document_name,
    escape,
    file_path,
)
from screenkit.errors import SourceError
from screenkit.texts import Texts

SOURCE = f"SOURCE is a folder, a CIF, a text file of paths, or an archive ({' '.join(SUFFIXES)})"
"""What a source may be, as a hint."""

_LIST_LIMIT = 256 * 2**20  # bytes of a text file of paths


@dataclass(frozen=True, eq=False)
class Files:
    """Files on disk. A name and what stands around it give back the path, so that none is kept."""

    names: Texts
    kinds: np.ndarray
    """(n,) uint8. Which of `around` each has."""
    around: Sequence[tuple[str, str]]
    """Folders, ending in `/`, and suffixes: what was cut from paths to make their names; see
    `document_name`."""
    ignored: int = 0
    """How many files beside them do not count as CIFs."""
    content: str = ""
    """Nothing: a file is not looked at before it is read."""

    @classmethod
    def of(cls, found: Iterable[tuple[str, str, str]], ignored: int = 0) -> Files:
        """Return the files of (folder, name, suffix), which are taken as they come."""
        around: dict[tuple[str, str], int] = {}
        kinds = bytearray()  # suffixes differ in `.gz` and in small and large letters: a few dozen

        def names() -> Iterator[str]:
            for root, name, suffix in found:
                kinds.append(around.setdefault((root, suffix), len(around)))
                yield name

        packed = Texts.of(names())
        return cls(packed, np.frombuffer(kinds, dtype=np.uint8), tuple(around), ignored)

    def place(self, index: int) -> str:
        """Return where structure `index` is, for messages."""
        return escape(self._path(index))

    def keep(self, indices: np.ndarray) -> Files:
        """Return some of these files."""
        names = self.names.keep(indices)
        return Files(names, self.kinds[indices], self.around, self.ignored)

    def reader(self) -> Files:
        """Return itself: a file needs no reading forward."""
        return self

    def take(self, start: int, stop: int) -> list[Document]:
        """Return structures [start, stop), not yet opened."""
        return [Document(self.names[i], self.place(i), self._path(i)) for i in range(start, stop)]

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, index: int) -> str:
        root, suffix = self.around[self.kinds[index]]
        return root + file_path(self.names[index], suffix)


def open_file(path: str) -> Files:
    """Return one CIF as a source of one."""
    folder, file = os.path.split(os.path.abspath(path))
    return Files.of([(_as_root(folder), *document_name(file))])


def _as_root(folder: str) -> str:
    return folder if folder.endswith("/") else f"{folder}/"


def cannot_read(path: str, error: Exception, hint: str) -> SourceError:
    """Return the error of a path that cannot be listed or opened."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return SourceError(f"cannot read {escape(path)}: {reason}", hint=hint)


def open_folder(path: str) -> Files:
    """List the CIFs of a folder, to its depth, sorted by name.

    Raises:
        SourceError: a folder in it cannot be listed.
    """
    root = _as_root(os.path.abspath(path))
    # `name NUL suffix`: these sort like names, then suffixes, and take half of what str takes.
    found: list[bytes] = []
    folders: list[str] = []
    ignored = 0
    for prefix, entry, is_folder in _scan(root):
        counts = cif_suffix(entry)
        if not counts:
            ignored += not is_folder
        elif is_folder:
            folders.append(prefix + entry)
        else:
            found.append("\0".join(document_name(prefix + entry)).encode())
    found.sort()
    for folder in folders:  # a folder called x.cif that holds no structure is a row too
        inside = f"{escape(folder)}/".encode()
        below = bisect.bisect_left(found, inside)
        if below == len(found) or not found[below].startswith(inside):
            bisect.insort(found, "\0".join(document_name(folder)).encode())
    pairs = (line.decode().split("\0") for line in found)
    return Files.of(((root, name, suffix) for name, suffix in pairs), ignored)


def _scan(root: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (folder, entry, is_folder) below root, without a stat for plain files.

    Links to folders are followed last, and each folder is entered once, so that a loop ends.
    """
    todo, links, seen = [""], list[str](), set[tuple[int, int]]()
    while todo or links:
        links.sort()
        prefix = todo.pop() if todo else links.pop(0)
        try:
            status = os.stat(root + prefix)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(root + prefix) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(f"{prefix}{entry.name}/")
                        yield prefix, entry.name, True
                    elif entry.is_symlink() and os.path.isdir(entry.path):
                        links.append(f"{prefix}{entry.name}/")
                    else:
                        yield prefix, entry.name, False
        except OSError as error:
            raise cannot_read(root + prefix, error, SOURCE) from None


def open_list(path: str) -> Files:
    """Return the files that a text file names, one path a line, in its order.

    Raises:
        SourceError: it cannot be read, is no text, or none of its first paths leads anywhere.
    """
    folder = _as_root(os.path.dirname(os.path.abspath(path)))
    lines = (line for line in text_lines(path, SOURCE) if not line.startswith("#"))
    paths = (os.path.abspath(os.path.join(folder, line)) for line in lines)
    first = list(islice(paths, 100))
    if first and not any(map(os.path.lexists, first)):
        raise SourceError(
            f"{escape(path)} is no list of paths: nothing is at the first of its lines",
            hint=f"a path in a list counts from the list's own folder, {escape(folder)}",
        )
    roots = ((p, folder if p.startswith(folder) else "/") for p in chain(first, paths))
    return Files.of((root, *document_name(p.removeprefix(root))) for p, root in roots)


def text_lines(path: str, hint: str) -> Iterator[str]:
    """Yield the lines of a text file that are not empty, without white space at either end.

    Raises:
        SourceError: it cannot be read, is no text, or has more than 256 MiB.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_LIST_LIMIT + 1)
    except OSError as error:
        raise cannot_read(path, error, hint) from None
    if b"\0" in data or len(data) > _LIST_LIMIT:
        raise SourceError(
            f"{escape(path)} is neither text nor an archive that screenkit reads", hint=hint
        )
    for line in io.BytesIO(data.removeprefix(b"\xef\xbb\xbf")):
        if stripped := line.decode("utf-8", "surrogateescape").strip():
            yield stripped
