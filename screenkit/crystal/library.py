"""Library: a folder, an archive or a list of paths as names and Documents in a fixed order.

A SOURCE is a folder (searched to its depth), a tar or zip archive, a text file of paths (one a
line, from the file's own folder; `#` begins a comment line), or one CIF (`files.py`, `archive.py`);
a library may have several. A folder is sorted by name; an archive and a list keep their order. What
counts is `*.cif` and `*.cif.gz`; a `*.cif.xz` or the like counts too and fails with a reason when
it is read. All else is ignored, and counted.

Not covered: what is in the files. A file that changes under its name is not noticed.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import os
import stat
from collections.abc import Container, Generator, Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Protocol

import numpy as np

from screenkit.crystal.archive import SUFFIXES, open_archive
from screenkit.crystal.document import Document, cif_suffix, document_name, escape
from screenkit.crystal.files import (
    SOURCE,
    cannot_read,
    open_file,
    open_folder,
    open_list,
    text_lines,
)
from screenkit.errors import SourceError
from screenkit.texts import Texts

COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a text begins that a spreadsheet computes; `ranking/table.py` puts a `'` before it. The last
are full-width forms, which spreadsheets of East Asia take for the same (OWASP)."""
_IDS = "--ids is a text or CSV file with a name in the first column of each line"
_HEADER_WORDS = {"name", "names", "id", "ids", "mof", "file", "filename", "cif", "structure"}


class Reader(Protocol):
    """Delivers the Documents of one source, forward only."""

    def take(self, start: int, stop: int) -> list[Document]: ...
    def close(self) -> None: ...


class Source(Protocol):
    """One SOURCE, listed."""

    @property
    def names(self) -> Texts: ...
    @property
    def content(self) -> str: ...  # what `Library.digest` has of it beside the names
    @property
    def ignored(self) -> int: ...
    def place(self, index: int) -> str: ...
    def keep(self, indices: np.ndarray) -> Source: ...
    def reader(self) -> Reader: ...


@dataclass(frozen=True, eq=False)
class Library:
    """An ordered, re-iterable set of Documents with unique names."""

    sources: tuple[Source, ...]
    names: Texts
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
            parts = _among(parts, read_ids(ids, set(_joined(parts))))
        names = _joined(parts)
        _refuse_twins(parts, names)
        return cls(tuple(parts), names, _digest(parts))

    def keep(self, names: Container[str]) -> Library:
        """Return the library of those structures alone whose names are among `names`.

        Raises:
            SourceError: there is none.
        """
        parts = _among(self.sources, names)
        if not any(part.names for part in parts):
            raise SourceError(
                f"none of the {len(self)} structures is among those asked for",
                hint=f"they are called like {self.names[0]!r}",
            )
        return Library(tuple(parts), _joined(parts), _digest(parts))

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


def _open_source(path: str) -> Source:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise cannot_read(path, error, SOURCE) from None
    if stat.S_ISDIR(mode):
        return open_folder(path)
    if not stat.S_ISREG(mode):
        raise SourceError(f"{escape(path)} is neither a folder nor a file", hint=SOURCE)
    if path.lower().endswith(SUFFIXES):
        return open_archive(path)
    return open_file(path) if cif_suffix(path) else open_list(path)


def _among(parts: Sequence[Source], wanted: Container[str]) -> list[Source]:
    """Return the sources with only the structures whose names are wanted."""
    kept = []
    for part in parts:
        known = np.fromiter((name in wanted for name in part.names), bool, len(part.names))
        kept.append(part.keep(np.flatnonzero(known)))
    return kept


def read_ids(ids: Path, known: Set[str]) -> set[str]:
    """Return the names that a text or CSV file has in the first column of its lines.

    A name that our tables write with a leading `'`, because a spreadsheet would compute it, is
    found without.

    Raises:
        SourceError: the file cannot be read, or it names none, or one that is not `known`.
    """
    rows = csv.reader(text_lines(os.fspath(ids), _IDS))
    try:
        cells = [(row[0].strip(), len(row)) for row in rows if row and row[0].strip()]
    except csv.Error as error:
        raise SourceError(f"cannot read {ids}: {error}", hint=_IDS) from None
    wanted = {_known_as(name, known) for name, _ in cells}
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
    return wanted


def from_cell(text: str) -> str:
    """Return the name in a cell of a table: ours write `'=a` for `=a`, which a spreadsheet would
    compute."""
    return text[1:] if text[:1] == "'" and text[1:2] in COMPUTED else text


def _known_as(name: str, known: Set[str]) -> str:
    for form in (name, name.removeprefix("'")):
        if form in known:
            return form
    return document_name(name)[0]


def _joined(parts: Sequence[Source]) -> Texts:
    """Return the names of all sources, one source behind the other."""
    if len(parts) == 1:
        return parts[0].names
    return Texts.of(name for part in parts for name in part.names)


def _refuse_twins(parts: Sequence[Source], names: Texts) -> None:
    # A set of a million names takes 130 MB, and eight bytes of each tell nearly as much.
    hashes = np.fromiter(map(hash, names), np.int64, len(names))
    hashes.sort()
    if (hashes[1:] != hashes[:-1]).all():
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
        digest.update(part.names.data)
    return digest.hexdigest()
