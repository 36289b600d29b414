"""Files on disk as a row of Documents: a folder, a list of paths, or one CIF.

A folder is searched to its depth and sorted by name; a list keeps its order. No file is opened here
but the list itself: 300 000 names take about a second.

Not covered: archives (`archive.py`), and what is in the files (`document.py` opens them).
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from screenkit.crystal.archive import SUFFIXES
from screenkit.crystal.document import (
    Document,
    cif_suffix,
    document_name,
    escape,
    file_path,
)
from screenkit.errors import SourceError

SOURCE = f"SOURCE is a folder, a CIF, a text file of paths, or an archive ({' '.join(SUFFIXES)})"
"""What a source may be, as a hint."""

_LIST_LIMIT = 256 * 2**20  # bytes of a text file of paths


@dataclass(frozen=True, eq=False)
class Files:
    """Files on disk. A name and a suffix give back the path, so that no path is kept."""

    roots: Sequence[str]
    """Folder of each, ending in `/`."""
    names: Sequence[str]
    suffixes: Sequence[str]
    """What was cut from each path to make its name; see `document_name`."""
    ignored: int = 0
    """How many files beside them do not count as CIFs."""
    content: str = ""
    """Nothing: a file is not looked at before it is read."""

    def place(self, index: int) -> str:
        """Return where structure `index` is, for messages."""
        return escape(self._path(index))

    def keep(self, indices: Sequence[int]) -> Files:
        """Return some of these files."""
        return Files(
            [self.roots[i] for i in indices],
            [self.names[i] for i in indices],
            [self.suffixes[i] for i in indices],
            self.ignored,
        )

    def reader(self) -> Files:
        """Return itself: a file needs no reading forward."""
        return self

    def take(self, start: int, stop: int) -> list[Document]:
        """Return structures [start, stop), not yet opened."""
        return [Document(self.names[i], self.place(i), self._path(i)) for i in range(start, stop)]

    def close(self) -> None:
        """Nothing is open."""

    def _path(self, index: int) -> str:
        return self.roots[index] + file_path(self.names[index], self.suffixes[index])


def open_file(path: str) -> Files:
    """Return one CIF as a source of one."""
    folder, file = os.path.split(os.path.abspath(path))
    name, suffix = document_name(file)
    return Files([_as_root(folder)], [name], [suffix])


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
    return Files([root] * len(found), names, suffixes, ignored)


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
    lines = [line for line in text_lines(path, SOURCE) if not line.startswith("#")]
    folder = _as_root(os.path.dirname(os.path.abspath(path)))
    paths = [os.path.abspath(os.path.join(folder, line)) for line in lines]
    if paths and not any(map(os.path.lexists, paths[:100])):
        raise SourceError(
            f"{escape(path)} is no list of paths: nothing is at the first of its lines",
            hint=f"a path in a list counts from the list's own folder, {escape(folder)}",
        )
    roots = [folder if path.startswith(folder) else "/" for path in paths]
    both = [document_name(p.removeprefix(root)) for p, root in zip(paths, roots, strict=True)]
    return Files(roots, [name for name, _ in both], [suffix for _, suffix in both])


def text_lines(path: str, hint: str) -> list[str]:
    """Return the lines of a text file that are not empty, without white space at either end.

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
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    return [stripped for line in text.split("\n") if (stripped := line.strip())]
