"""atom2vec: element vectors from what elements are bonded to, without labels (Zhou et al. 2018).

The table of elements against environments counts how often an atom of each element (row) has each
set of bonded neighbours (column); elements of like habits have like rows, and a singular value
decomposition makes them short. Zhou et al. count compositions of compounds and drop those of more
than three elements, which would be nearly every MOF; bonded neighbours are counted here instead.

Not covered: vectors of more numbers than there are elements: the rest is filled with noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.environments import bonded
from screenkit.graph.graph import Graph

_NOISE = 0.02


def count_environments(graphs: Sequence[Graph]) -> np.ndarray:
    """Return (119, C) float64: how often atoms of each element have each set of bonded neighbours.

    Bonds are those of `crystal.environments`; where an atom has none, its nearest neighbour counts.
    Column order depends on the sets alone, not on the order of the graphs.
    """
    counts: dict[bytes, int] = {}
    for graph in graphs:
        species = graph.species.astype(np.int64)
        bonds = bonded(species, graph.neighbors, graph.distances)
        bonds[:, 0] |= ~bonds.any(axis=1)
        sets = np.sort(np.where(bonds, species[graph.neighbors], 0), axis=1)[:, ::-1]
        rows = np.concatenate([species[:, None], sets], axis=1).astype(np.uint8)
        found, times = np.unique(rows, axis=0, return_counts=True)
        for row, count in zip(found, times, strict=True):
            key = row.tobytes()
            counts[key] = counts.get(key, 0) + int(count)
    columns = {key: i for i, key in enumerate(sorted({key[1:] for key in counts}))}
    table = np.zeros((len(SYMBOLS), len(columns)))
    for key, count in counts.items():
        table[key[0], columns[key[1:]]] = count
    return table


def atom_vectors(graphs: Sequence[Graph], width: int) -> np.ndarray:
    """Return (119, width) float32: element vectors, one row per atomic number.

    Rows of `count_environments`, each of length 1, as the coordinates U S of their singular value
    decomposition, largest first. Places beyond its rank, and elements that the graphs do not
    hold, are filled from N(0, 0.02).

    Source: Zhou et al. 2018; the scale and the filling are ours (`docs/papers.md`).
    """
    table = count_environments(graphs)
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    table = np.divide(table, lengths, out=np.zeros_like(table), where=lengths > 0)
    # U S of the table from its Gram matrix: 119 x 119, however many environments there are.
    squares, axes = np.linalg.eigh(table @ table.T)
    order = np.argsort(-squares)[:width]
    squares, axes = squares[order], axes[:, order]
    kept = squares > 1e-9 * squares[0]
    axes = axes[:, kept] * np.sqrt(squares[kept])
    largest = np.abs(axes).argmax(axis=0)
    axes *= np.sign(axes[largest, np.arange(axes.shape[1])])
    vectors = np.random.default_rng(0).normal(0.0, _NOISE, (len(SYMBOLS), width))
    present = np.flatnonzero(lengths[:, 0])
    vectors[present[:, None], np.arange(axes.shape[1])] = axes[present]
    return vectors.astype(np.float32)
