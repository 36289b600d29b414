"""Graph: what a network sees of one crystal, in numpy.

The models look at the k nearest atoms, so a graph is dense, (n, k), and no list of edges: no
padding, no scatter in a convolution, and memory grows with atoms alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from screenkit.crystal.neighbors import Ties
from screenkit.graph.features import FeatureName
from screenkit.settings import Settings


class GraphSettings(Settings):
    """What a model needs its graphs to hold. Stored with every checkpoint."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom, periodic images included."""
    ties: Ties = "environment"
    """Order of neighbours at one distance; see `crystal.neighbors.find_neighbors`."""
    frames: bool = False
    """Whether each atom carries a local frame (k-NAGCN)."""
    neighbors: Literal["nearest", "voronoi"] = "nearest"
    """`nearest`: the k nearest images. `voronoi`: those of them that share a Voronoi face and are
    bonded by their covalent radii; the places left over are empty."""
    charges: bool = False
    """Whether each atom carries the partial charge of its file, 0 where the file has none."""
    features: tuple[FeatureName, ...] = ()
    """Numbers for the crystal as a whole; see `graph.features`."""


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
    """(n, k) float32, Å. Infinite at an empty place, whose neighbour is the atom itself."""
    vectors: np.ndarray
    """(n, k, 3) float32, Å; float16 where `halved`. From the atom to the neighbour, Cartesian."""
    frames: np.ndarray | None
    """(n, 3, 3) float32. Rows are the axes e1, e2, e3 of the atom's local frame."""
    frame_ambiguous_fraction: float
    """Share of atoms whose frame hangs on the index of a neighbour; NaN without frames."""
    charges: np.ndarray | None = None
    """(n,) float32, e."""
    features: np.ndarray | None = None
    """(D,) float32. In the order of `GraphSettings.features`, each as wide as it is."""

    def __len__(self) -> int:
        return len(self.species)

    def halved(self) -> Graph:
        """Return the graph with vectors in half precision: within 0.002 Å up to 8 Å.

        Distances stay as they are, because models compare them with a cutoff.
        """
        return dataclasses.replace(self, vectors=self.vectors.astype(np.float16))


def stack(
    graphs: Sequence[Graph],
    take: Callable[[str, tuple[int, ...], np.dtype], np.ndarray] = lambda _, *kind: np.empty(*kind),
) -> dict[str, np.ndarray]:
    """Return the graphs side by side: each array of `Graph` with the atoms of all of them.

    `features` is (B, D), one row per graph. What the graphs do not carry (`frames`, `charges`,
    `features`) is left out. `neighbors` still counts from the first atom of each graph.

    Args:
        take: gives the memory of an array by its name, shape and type.

    Raises:
        ValueError: there are no graphs, or only some carry what others do.
    """
    if not graphs:
        raise ValueError("nothing to put side by side")
    arrays = {}
    for name in (*_ALWAYS, *_EXTRAS):
        parts = [part for graph in graphs if (part := getattr(graph, name)) is not None]
        if not parts:
            continue
        if len(parts) != len(graphs):
            raise ValueError(f"{len(parts)} of {len(graphs)} graphs have {name}; all or none must")
        if name == "features":
            parts = [part[None] for part in parts]
        shape = (sum(map(len, parts)), *parts[0].shape[1:])
        arrays[name] = np.concatenate(parts, out=take(name, shape, parts[0].dtype))
    return arrays


_ALWAYS = ("species", "neighbors", "distances", "vectors")
_PER_ATOM_EXTRAS = ("frames", "charges")
_EXTRAS = (*_PER_ATOM_EXTRAS, "features")


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
    for i, (name, stop, count) in enumerate(zip(names, stops, counts, strict=True)):
        part = slice(int(stop - count), int(stop))
        extras = {key: arrays[key][part] for key in _PER_ATOM_EXTRAS if key in arrays}
        graphs.append(
            Graph(
                name=name,
                **{key: arrays[key][part] for key in _ALWAYS},
                frames=extras.get("frames"),
                frame_ambiguous_fraction=ambiguous_fractions[i],
                charges=extras.get("charges"),
                features=arrays["features"][i] if "features" in arrays else None,
            )
        )
    return graphs
