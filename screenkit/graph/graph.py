"""Graph: what a network sees of one crystal, in numpy.

The models look at the k nearest atoms, so a graph is dense, (n, k), and no list of edges: no
padding, no scatter in a convolution, and memory grows with atoms alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from screenkit.crystal.neighbors import Ties
from screenkit.settings import Settings


class GraphSettings(Settings):
    """What a model needs its graphs to hold. Stored with every checkpoint."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom, periodic images included."""
    ties: Ties = "environment"
    """Order of neighbours at one distance; see `crystal.neighbors.find_neighbors`."""
    frames: bool = False
    """Whether each atom carries a local frame (k-NAGCN)."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """One crystal of n atoms as its k nearest neighbours, nearest first."""

    name: str
    """The name of the crystal."""
    species: np.ndarray
    """(n,) int16. Atomic numbers."""
    neighbors: np.ndarray
    """(n, k) int32. Index of each neighbour's atom in the cell."""
    distances: np.ndarray
    """(n, k) float32, Å."""
    vectors: np.ndarray
    """(n, k, 3) float32, Å. From the atom to the neighbour, Cartesian."""
    frames: np.ndarray | None
    """(n, 3, 3) float32. Rows are the axes e1, e2, e3 of the atom's local frame."""
    frame_ambiguous_fraction: float
    """Share of atoms whose frame hangs on the index of a neighbour; NaN without frames."""

    def __len__(self) -> int:
        return len(self.species)


def stack(graphs: Sequence[Graph]) -> dict[str, np.ndarray]:
    """Return the graphs side by side: each array of `Graph` with the atoms of all of them.

    `frames` stands among them only where the graphs have frames. `neighbors` still counts from the
    first atom of each graph.

    Raises:
        ValueError: there are no graphs, or only some have frames.
    """
    arrays = {
        "species": np.concatenate([g.species for g in graphs]),
        "neighbors": np.concatenate([g.neighbors for g in graphs]),
        "distances": np.concatenate([g.distances for g in graphs]),
        "vectors": np.concatenate([g.vectors for g in graphs]),
    }
    framed = [g.frames for g in graphs if g.frames is not None]
    if framed and len(framed) != len(graphs):
        raise ValueError(f"{len(framed)} of {len(graphs)} graphs have frames; all or none must")
    return arrays | ({"frames": np.concatenate(framed)} if framed else {})


def unstack(
    arrays: Mapping[str, np.ndarray],
    names: Sequence[str],
    counts: Sequence[int],
    ambiguous_fractions: Sequence[float],
) -> list[Graph]:
    """Return the graphs that `stack` put side by side, as views.

    Args:
        arrays: what `stack` returned.
        names: of the graphs, in their order.
        counts: atoms of each.
        ambiguous_fractions: `frame_ambiguous_fraction` of each.
    """
    stops = np.cumsum(counts)
    graphs = []
    for name, stop, count, fraction in zip(names, stops, counts, ambiguous_fractions, strict=True):
        part = slice(int(stop - count), int(stop))
        graphs.append(
            Graph(
                name=name,
                species=arrays["species"][part],
                neighbors=arrays["neighbors"][part],
                distances=arrays["distances"][part],
                vectors=arrays["vectors"][part],
                frames=arrays["frames"][part] if "frames" in arrays else None,
                frame_ambiguous_fraction=fraction,
            )
        )
    return graphs
