"""GraphBatch: many graphs as one, for the network; and packing graphs under an atom budget.

Not covered: graphs of different k in one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from screenkit.graph.graph import Graph, stack


@dataclass(frozen=True, slots=True, eq=False)
class GraphBatch:
    """N atoms of B crystals side by side. No edge leads from one crystal to another."""

    species: torch.Tensor
    """(N,) int64. Atomic numbers."""
    neighbors: torch.Tensor
    """(N, k) int64. Index of each neighbour's atom in the batch."""
    distances: torch.Tensor
    """(N, k) float32, Å. Infinite at an empty place."""
    vectors: torch.Tensor
    """(N, k, 3) float32, Å."""
    frames: torch.Tensor | None
    """(N, 3, 3) float32. Rows e1, e2, e3; None where the model needs none."""
    owner: torch.Tensor
    """(N,) int64, ascending. Which crystal each atom belongs to."""
    counts: torch.Tensor
    """(B,) int64. Atoms of each crystal."""
    charges: torch.Tensor | None = None
    """(N,) float32, e; None where the model needs none."""
    features: torch.Tensor | None = None
    """(B, D) float32. Numbers of each crystal as a whole; None where the model needs none."""

    def __len__(self) -> int:
        return len(self.counts)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> GraphBatch:
        """Return the same batch on another device."""
        return self._with(lambda value: value.to(device, non_blocking=non_blocking))

    def pinned(self) -> GraphBatch:
        """Return the same batch in memory that a CUDA device copies from without waiting."""
        return self._with(lambda value: value.pin_memory())

    def _with(self, change: Callable[[torch.Tensor], torch.Tensor]) -> GraphBatch:
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            changed[field.name] = None if value is None else change(value)
        return GraphBatch(**changed)

    @property
    def filled(self) -> torch.Tensor:
        """(N, k) bool. Where a neighbour stands; False at an empty place."""
        return torch.isfinite(self.distances)

    @property
    def local(self) -> torch.Tensor:
        """(N, k, 3) float32, Å. Neighbours in their atom's local frame.

        Raises:
            ValueError: the graphs were built without frames.
        """
        if self.frames is None:
            raise ValueError("these graphs have no local frames; build them with frames=True")
        return self.vectors @ self.frames.transpose(1, 2)


def collate(graphs: Sequence[Graph]) -> GraphBatch:
    """Return the graphs, in their order, as one batch.

    Raises:
        ValueError: there are no graphs, or only some carry what others do.
    """
    if not graphs:
        raise ValueError("a batch needs at least one graph")
    arrays = stack(graphs)
    counts = np.array([len(graph) for graph in graphs])
    starts = np.cumsum(counts) - counts
    neighbors = arrays["neighbors"].astype(np.int64) + np.repeat(starts, counts)[:, None]
    extras = {
        name: torch.from_numpy(arrays[name])
        for name in ("frames", "charges", "features")
        if name in arrays
    }
    return GraphBatch(
        species=torch.from_numpy(arrays["species"].astype(np.int64)),
        neighbors=torch.from_numpy(neighbors),
        distances=torch.from_numpy(arrays["distances"]),
        vectors=torch.from_numpy(arrays["vectors"]),
        frames=extras.get("frames"),
        owner=torch.from_numpy(np.repeat(np.arange(len(graphs)), counts)),
        counts=torch.from_numpy(counts),
        charges=extras.get("charges"),
        features=extras.get("features"),
    )


def pack(graphs: Iterable[Graph], batch_atoms: int) -> Iterator[list[Graph]]:
    """Yield runs of graphs, in their order, of at most `batch_atoms` atoms each.

    A graph larger than the budget comes alone.
    """
    run: list[Graph] = []
    atoms = 0
    for graph in graphs:
        if run and atoms + len(graph) > batch_atoms:
            yield run
            run, atoms = [], 0
        run.append(graph)
        atoms += len(graph)
    if run:
        yield run
