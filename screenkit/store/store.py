"""Store: the merged rows of one study, read only.

`Store.open` reads the file once to check it against its seal; after that, columns are read as
they are asked for.

Not covered: writing (`store/merge.py`), and files of other programs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from screenkit.errors import Outcome, StorageError
from screenkit.store.layout import COLUMNS, EMBEDDING, PREDICTIONS, Product
from screenkit.store.seal import check_sealed

_CHUNK = 65_536  # rows


@dataclass(frozen=True, eq=False)
class Store:
    """The rows of `predictions.h5`, or another product."""

    path: Path
    targets: tuple[Mapping[str, Any], ...]
    """`name`, `unit` and other attributes of each target, in order."""
    stamp: str
    """`Plan.stamp` of the run."""
    structures: int
    """Number of rows."""
    digest: str
    """Hex SHA-256 of the file, as its seal says."""
    _places: Mapping[str, str] = field(repr=False)

    @classmethod
    def open(cls, path: Path, product: Product = PREDICTIONS) -> Store:
        """Open a merged file, or the run's folder that holds one.

        Raises:
            StorageError: there is none, or it is damaged.
        """
        if path.is_dir():
            path = path / product.file
        try:
            digest = check_sealed(product.name, path)
        except FileNotFoundError:
            raise StorageError(
                f"there is no {path}", hint=f"run screenkit {product.command} first"
            ) from None
        with h5py.File(path, "r") as file:
            targets = tuple(json.loads(file.attrs["targets"]))
            stamp, structures = str(file.attrs["plan"]), int(file.attrs["structures"])
        places = {c.field: c.name for c in COLUMNS} | {c.name: c.name for c in COLUMNS}
        places |= {t["name"]: f"{product.name}/{t['name']}" for t in targets}
        return cls(path, targets, stamp, structures, digest, places)

    def __len__(self) -> int:
        return self.structures

    def column(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return rows [start, stop) of a column.

        Args:
            name: of a target, of a field of `Row`, or of a column on disk.

        Returns:
            (rows,) of the type in `store/layout.py`, of a target its product's; texts are an object
            array of str.

        Raises:
            KeyError: there is no such column.
        """
        data = self.cells(name, start, stop)
        if data.dtype.kind != "S":
            return data
        texts = np.empty(len(data), object)
        # Equal texts, such as outcomes and codes, are one object.
        known: dict[bytes, str] = {}
        texts[:] = [known.setdefault(text, text.decode()) for text in data.tolist()]
        return texts

    def cells(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return rows [start, stop) of a column as `column` does, but texts as they stand on disk:
        UTF-8 of a fixed number of bytes, (rows,) `S8` or the like.

        Raises:
            KeyError: there is no such column.
        """
        with h5py.File(self.path, "r") as file:
            data: np.ndarray = file[self._places[name]][start:stop]
        return data

    def texts(self, name: str, rows: np.ndarray) -> list[str]:
        """Return a text column of some rows (n,), reading only the pieces that hold one."""
        found = np.empty(len(rows), dtype=object)
        chunk = rows // _CHUNK
        for number in np.unique(chunk).tolist():
            here = chunk == number
            start = number * _CHUNK
            found[here] = self.cells(name, start, start + _CHUNK)[rows[here] - start]
        return [text.decode() for text in found.tolist()]

    def says(self, name: str, text: str) -> np.ndarray:
        """Return (rows,) bool: where a text column says just this."""
        starts, cell = range(0, len(self), _CHUNK), text.encode()
        return np.concatenate([self.cells(name, i, i + _CHUNK) == cell for i in starts])

    def embedding(self, rows: np.ndarray) -> np.ndarray | None:
        """Return (n, E) float16 of some rows (n,), NaN of those that are not `ok`; None where the
        model gave none."""
        found: np.ndarray | None = None
        with h5py.File(self.path, "r") as file:
            if EMBEDDING not in file:
                return None
            data = file[EMBEDDING]
            found = np.empty((len(rows), data.shape[1]), data.dtype)
            chunk = rows // _CHUNK
            for number in np.unique(chunk).tolist():
                here = chunk == number
                start = number * _CHUNK
                found[here] = data[start : start + _CHUNK][rows[here] - start]
        return found

    @property
    def names(self) -> np.ndarray:
        """(rows,) object array of str, in library order."""
        return self.column("name")

    def chunks(self, columns: Sequence[str], size: int = _CHUNK) -> Iterator[dict[str, np.ndarray]]:
        """Yield the columns in pieces of at most `size` rows, in library order."""
        for start in range(0, len(self), size):
            yield {name: self.column(name, start, start + size) for name in columns}

    @cached_property
    def outcomes(self) -> Counter[str]:
        """Number of rows by outcome; every outcome is there."""
        counts = Counter({outcome.value: 0 for outcome in Outcome})
        counts.update(self._count("outcome"))
        return counts

    @cached_property
    def codes(self) -> Counter[str]:
        """Number of rows by code; rows that are ok do not count."""
        codes = self._count("code")
        del codes[""]
        return codes

    def _count(self, name: str) -> Counter[str]:
        counts: Counter[str] = Counter()
        for start in range(0, len(self), _CHUNK):
            for text, count in Counter(self.cells(name, start, start + _CHUNK).tolist()).items():
                counts[text.decode()] += count
        return counts


def stamp_of(path: Path) -> str:
    """Return the stamp of the plan that a merged file belongs to; it is named like its product.

    Raises:
        StorageError: it is damaged.
    """
    check_sealed(path.stem, path)
    with h5py.File(path, "r") as file:
        return str(file.attrs["plan"])
