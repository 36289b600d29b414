"""Library: a folder, an archive or a list of paths as names and Documents in a fixed order.

A SOURCE is a folder (searched to its depth), a tar or zip archive, a text file of paths (one a
line, from the file's own folder; `#` begins a comment line), or one CIF; a library may have
several. A folder is sorted by name; an archive and a list keep their order. What counts is
`*.cif` and `*.cif.gz`; a `*.cif.xz` or the like counts too and fails with a reason when it is
read. All else is ignored, and counted.

Opening a folder looks at no file: 300 000 names take about a second.

Not covered: what is in the files. A file that changes under its name is not noticed.
"""

from __future__ import annotations

import bisect
import csv
import difflib
import hashlib
import os
import stat
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from screenkit.crystal.archive import SUFFIXES, open_archive
from screenkit.crystal.document import (
    Document,
    cif_suffix,
    document_name,
    escape,
    file_path,
)
from screenkit.errors import SourceError

__all__ = ["Document", "Library"]

_LIST_LIMIT = 256 * 2**20  # bytes of a text file of paths
_SOURCE = f"SOURCE is a folder, a CIF, a text file of paths, or an archive ({' '.join(SUFFIXES)})"
_IDS = "--ids is a text or CSV file with a name in the first column of each line"
_HEADER_WORDS = {"name", "names", "id", "ids", "mof", "file", "filename", "cif", "structure"}


class Reader(Protocol):
    """Delivers the Documents of one source, forward only."""

    def take(self, start: int, stop: int) -> list[Document]: ...
    def close(self) -> None: ...


class Source(Protocol):
    """One SOURCE, listed."""

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def content(self) -> str: ...
    @property
    def ignored(self) -> int: ...
    def place(self, index: int) -> str: ...
    def keep(self, indices: Sequence[int]) -> Source: ...
    def reader(self) -> Reader: ...


@dataclass(frozen=True, eq=False)
class Library:
    """An ordered, re-iterable set of Documents with unique names."""

    sources: tuple[Source, ...]
    names: tuple[str, ...]
    """Path below the source, with `/`, without `.cif` or `.cif.gz`; a character that a name
    should not hold is written `%XX`. The key of a structure everywhere."""
    digest: str
    """Hex SHA-256 of the names in order, and of the bytes of archives."""

    @classmethod
    def open(cls, sources: Sequence[str | Path] | str | Path, ids: Path | None = None) -> Library:
        """List one or several sources; with `ids`, only the structures that it names.

        Args:
            sources: folders, archives, lists of paths, CIFs.
            ids: text or CSV file; names in the first column, in any order.

        Raises:
            SourceError: a source is missing, damaged or empty, two structures have one name, or
                `ids` has a name that is not there.
        """
        if isinstance(sources, (str, Path)):
            sources = [sources]
        parts: list[Source] = [_open_source(os.fspath(source)) for source in sources]
        if not any(part.names for part in parts):
            raise SourceError(
                f"no CIF in {', '.join(escape(os.fspath(source)) for source in sources)}",
                hint=f"other files there: {sum(part.ignored for part in parts)}; "
                "structures end in .cif or .cif.gz",
            )
        if ids is not None:
            parts = _keep(parts, ids)
        names = tuple(parts[0].names) if len(parts) == 1 else tuple(_chain(parts))
        _refuse_twins(parts, names)
        return cls(tuple(parts), names, _digest(parts))

    def __len__(self) -> int:
        return len(self.names)

    @property
    def ignored(self) -> int:
        """How many files lie beside the structures and do not count as CIFs."""
        return sum(source.ignored for source in self.sources)

    def deliver(self, spans: Iterable[tuple[int, int]]) -> Generator[list[Document], None, None]:
        """Yield the Documents of each span [start, stop); spans ascend and do not overlap.

        Files are not opened here. A compressed archive is read once, forward, and only as fast
        as the spans are taken.

        Raises:
            SourceError: an archive has changed since the library was opened.
            ValueError: a span begins before the last one ended, or lies outside the library.
        """
        starts = [0, *accumulate(len(source.names) for source in self.sources)]
        readers: dict[int, Reader] = {}
        done = 0
        try:
            for start, stop in spans:
                if not done <= start <= stop <= len(self):
                    raise ValueError(f"span ({start}, {stop}) after {done} of {len(self)}")
                done = stop
                documents: list[Document] = []
                for i, source in enumerate(self.sources):
                    low, high = max(start, starts[i]), min(stop, starts[i + 1])
                    if low < high:
                        if i not in readers:
                            readers[i] = source.reader()
                        documents += readers[i].take(low - starts[i], high - starts[i])
                yield documents
        finally:
            for reader in readers.values():
                reader.close()


@dataclass(frozen=True, eq=False)
class _Files:
    """Files on disk. A name and a suffix give back the path, so that no path is kept."""

    roots: Sequence[str]
    """Folder of each, ending in `/`."""
    names: Sequence[str]
    suffixes: Sequence[str]
    ignored: int = 0
    content: str = ""

    def place(self, index: int) -> str:
        return escape(self._path(index))

    def keep(self, indices: Sequence[int]) -> _Files:
        return _Files(
            [self.roots[i] for i in indices],
            [self.names[i] for i in indices],
            [self.suffixes[i] for i in indices],
            self.ignored,
        )

    def reader(self) -> _Files:
        return self

    def take(self, start: int, stop: int) -> list[Document]:
        return [Document(self.names[i], self.place(i), self._path(i)) for i in range(start, stop)]

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, index: int) -> str:
        return self.roots[index] + file_path(self.names[index], self.suffixes[index])


def _open_source(path: str) -> Source:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise _cannot_read(path, error) from None
    if stat.S_ISDIR(mode):
        return _open_folder(path)
    if not stat.S_ISREG(mode):
        raise SourceError(f"{escape(path)} is neither a folder nor a file")
    if path.lower().endswith(SUFFIXES):
        return open_archive(path)
    if cif_suffix(path):
        folder, file = os.path.split(os.path.abspath(path))
        name, suffix = document_name(file)
        return _Files([_as_root(folder)], [name], [suffix])
    return _open_list(path)


def _as_root(folder: str) -> str:
    return folder if folder.endswith("/") else f"{folder}/"


def _cannot_read(path: str, error: Exception, hint: str = _SOURCE) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return SourceError(f"cannot read {escape(path)}: {reason}", hint=hint)


def _open_folder(path: str) -> _Files:
    root = _as_root(os.path.abspath(path))
    found: list[tuple[str, str]] = []
    folders: list[str] = []
    ignored = 0
    for prefix, entry, is_folder in _scan(root):
        counts = cif_suffix(entry)
        if not counts:
            ignored += not is_folder
        elif is_folder:
            folders.append(prefix + entry)
        else:
            found.append(document_name(prefix + entry))
    found.sort()
    for folder in folders:  # a folder called x.cif that holds no structure is a row too
        below = bisect.bisect_left(found, (escape(folder) + "/",))
        if below == len(found) or not found[below][0].startswith(escape(folder) + "/"):
            bisect.insort(found, document_name(folder))
    names, suffixes = [name for name, _ in found], [suffix for _, suffix in found]
    return _Files([root] * len(found), names, suffixes, ignored)


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
            raise _cannot_read(root + prefix, error) from None


def _open_list(path: str) -> _Files:
    lines = [line for line in _lines(path, _SOURCE) if not line.startswith("#")]
    folder = _as_root(os.path.dirname(os.path.abspath(path)))
    paths = [os.path.abspath(os.path.join(folder, line)) for line in lines]
    if paths and not any(map(os.path.lexists, paths[:100])):
        raise SourceError(
            f"{escape(path)} is no list of paths: nothing is at the first of its lines",
            hint=f"a path in a list counts from the list's own folder, {escape(folder)}",
        )
    roots = [folder if path.startswith(folder) else "/" for path in paths]
    both = [document_name(p.removeprefix(root)) for p, root in zip(paths, roots, strict=True)]
    return _Files(roots, [name for name, _ in both], [suffix for _, suffix in both])


def _lines(path: str, hint: str) -> list[str]:
    """Return the lines of a text file that are not empty."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LIST_LIMIT + 1)
    except OSError as error:
        raise _cannot_read(path, error, hint) from None
    if b"\0" in data or len(data) > _LIST_LIMIT:
        raise SourceError(
            f"{escape(path)} is neither text nor an archive that screenkit reads", hint=hint
        )
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


def _keep(parts: list[Source], ids: Path) -> list[Source]:
    rows = csv.reader(_lines(os.fspath(ids), _IDS))
    try:
        cells = [(row[0].strip(), len(row)) for row in rows if row and row[0].strip()]
    except csv.Error as error:
        raise SourceError(f"cannot read {ids}: {error}", hint=_IDS) from None
    known = set(_chain(parts))
    wanted = {name if name in known else document_name(name)[0] for name, _ in cells}
    if cells:
        first, columns = cells[0]
        if first not in known and (columns > 1 or first.lower() in _HEADER_WORDS):
            wanted -= {first, document_name(first)[0]} - known
    if not wanted:
        raise SourceError(f"{ids} names no structure", hint=_IDS)
    unknown = sorted(wanted - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0][:200], list(known)[:10_000], n=1)
        shown = ", ".join(name if len(name) <= 60 else name[:57] + "..." for name in unknown[:3])
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise SourceError(
            f"{ids} names structures that are not in the library: {shown}{more}",
            hint=f"did you mean {near[0]}?" if near else f"a name looks like {min(known)}",
        )
    return [part.keep([i for i, n in enumerate(part.names) if n in wanted]) for part in parts]


def _chain(parts: Sequence[Source]) -> Iterator[str]:
    for part in parts:
        yield from part.names


def _refuse_twins(parts: Sequence[Source], names: Sequence[str]) -> None:
    if len(set(names)) == len(names):
        return
    places: dict[str, str] = {}
    for part in parts:
        for i, name in enumerate(part.names):
            if name in places:
                raise SourceError(
                    f"two structures are called {name}: {places[name]} and {part.place(i)}",
                    hint="rename one, or give the folder above both as the one SOURCE",
                )
            places[name] = part.place(i)


def _digest(parts: Sequence[Source]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.content.encode())
        for name in part.names:
            digest.update(name.encode())
            digest.update(b"\0")
    return digest.hexdigest()
