"""GraphFiles: the graphs of finished shards, each read from its file when it is asked for.

So the graphs of a library need not fit into memory, and trainings side by side share what the
kernel keeps of the files. What a model does not look at is not read.

Not covered: files that are changed in place, which no part of screenkit does.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from screenkit.errors import Outcome, StorageError
from screenkit.graph.derive import feature_places, kept_arrays
from screenkit.graph.graph import Graph, GraphSettings, unstack
from screenkit.store.row import Row
from screenkit.store.shard_file import Place, ShardFile


@dataclass(frozen=True, slots=True)
class _File:
    """Where the arrays of one shard stand."""

    path: Path
    places: Mapping[str, Place]

    def read(self, spots: Mapping[str, tuple[int, int]]) -> dict[str, np.ndarray]:
        """Return some entries [start, stop) of arrays by name.

        Raises:
            StorageError: the file is gone, or shorter than it was.
        """
        try:
            file = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise StorageError(f"cannot read {self.path}: {error.strerror}") from None
        try:
            return {name: self._part(file, name, *spot) for name, spot in spots.items()}
        finally:
            os.close(file)

    def _part(self, file: int, name: str, start: int, stop: int) -> np.ndarray:
        place = self.places[name]
        part = np.empty((stop - start, *place.shape[1:]), place.dtype)
        if part.size:
            before = place.offset + start * part[0].nbytes
            if os.preadv(file, [part.data.cast("B")], before) != part.nbytes:
                raise StorageError(
                    f"{self.path} was cut while it was read", hint="run the same command again"
                )
        return part


@dataclass(frozen=True, slots=True, eq=False)
class GraphFiles(Sequence[Graph]):
    """n graphs on disk, as one model is given them."""

    files: tuple[_File, ...]
    names: np.ndarray
    """(n,) object, str."""
    spots: np.ndarray
    """(n, 4) int64. Of each graph: its file, its first atom there, its atoms, its number there."""
    fractions: np.ndarray
    """(n,) float64. `Graph.frame_ambiguous_fraction`."""
    want: GraphSettings
    """What the model asks for."""
    columns: np.ndarray
    """(D,) int64. Which of the features on disk it asks for."""

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Graph: ...

    @overload
    def __getitem__(self, index: slice) -> list[Graph]: ...

    def __getitem__(self, index: int | slice) -> Graph | list[Graph]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number, first, atoms, place = self.spots[index].tolist()
        file = self.files[number]
        arrays = file.read(
            {
                name: (place, place + 1) if name == "features" else (first, first + atoms)
                for name in kept_arrays(self.want).intersection(file.places)
            }
        )
        if self.want.features:
            arrays["features"] = arrays["features"][:, self.columns]
        return unstack(arrays, [self.names[index]], [atoms], [float(self.fractions[index])])[0]

    def take(self, rows: np.ndarray) -> GraphFiles:
        """Return some of the graphs, (m,) int64; nothing is read."""
        return dataclasses.replace(
            self, names=self.names[rows], spots=self.spots[rows], fractions=self.fractions[rows]
        )

    @classmethod
    def of(
        cls, shards: Iterable[tuple[ShardFile, Sequence[Row]]], have: GraphSettings,
        want: GraphSettings,
    ) -> GraphFiles:  # fmt: skip
        """Return the graphs of shards that were built as `have`, which hold those of `want`.

        Args:
            shards: each with all its rows; those that are `ok` have a graph.
        """
        files: list[_File] = []
        names: list[str] = []
        fractions: list[float] = []
        spots: list[tuple[int, int, int, int]] = []
        for found, rows in shards:
            first = 0
            for place, row in enumerate(row for row in rows if row.outcome is Outcome.OK):
                names.append(row.name)
                fractions.append(row.frame_ambiguous_fraction)
                spots.append((len(files), first, row.n_atoms, place))
                first += row.n_atoms
            files.append(_File(found.path, found.places))
        return cls(
            files=tuple(files),
            names=np.array(names, dtype=object),
            spots=np.array(spots, dtype=np.int64).reshape(-1, 4),
            fractions=np.array(fractions) if want.frames else np.full(len(names), np.nan),
            want=want,
            columns=feature_places(have.features, want.features),
        )
