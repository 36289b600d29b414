"""GraphBatch: many graphs as one, for the network; Cargo: the same on its way to a device; and
packing graphs under an atom budget.

Not covered: graphs of different k in one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from screenkit.graph.graph import Graph, stack

_TYPES = {name: getattr(torch, name) for name in ("int16", "int32", "float16", "float32")}


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

    def to(self, device: torch.device | str) -> GraphBatch:
        """Return the same batch on another device."""
        there: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            there[field.name] = None if value is None else value.to(device)
        return GraphBatch(**there)

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


@dataclass(frozen=True, slots=True, eq=False)
class Cargo:
    """Graphs side by side in the types in which they were built, which are narrower than those that
    a network wants: what travels to a device."""

    arrays: Mapping[str, torch.Tensor]
    """Those of `Graph` by name, as `stack` puts them together, but that `neighbors` counts from the
    first atom of all."""
    counts: torch.Tensor
    """(B,) int64. Atoms of each crystal."""

    def unload(self, device: torch.device | str) -> GraphBatch:
        """Return the batch on a device, which does the widening; nobody waits for pinned memory."""
        there = {k: value.to(device, non_blocking=True) for k, value in self.arrays.items()}
        counts = self.counts.to(device, non_blocking=True)
        species = there["species"].long()
        return GraphBatch(
            species=species,
            neighbors=there["neighbors"].long(),
            distances=there["distances"],
            vectors=there["vectors"].float(),
            frames=there.get("frames"),
            # With the size given, nobody has to wait for CUDA to count it.
            owner=torch.repeat_interleave(counts, output_size=len(species)),
            counts=counts,
            charges=there.get("charges"),
            features=there.get("features"),
        )


def load(graphs: Sequence[Graph], pinned: bool = False) -> Cargo:
    """Return the graphs, in their order, side by side.

    Args:
        pinned: in memory that a CUDA device copies from while others work.

    Raises:
        ValueError: there are no graphs, or only some carry what others do.
    """
    if not graphs:
        raise ValueError("a batch needs at least one graph")
    shelf: dict[str, torch.Tensor] = {}

    def take(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        shelf[name] = torch.empty(shape, dtype=_TYPES[dtype.name], pin_memory=pinned)
        return shelf[name].numpy()

    neighbors = stack(graphs, take)["neighbors"]
    counts = [len(graph) for graph in graphs]
    stop = 0
    for count in counts:
        start, stop = stop, stop + count
        neighbors[start:stop] += start
    return Cargo(shelf, torch.tensor(counts, pin_memory=pinned))


def collate(graphs: Sequence[Graph]) -> GraphBatch:
    """Return the graphs, in their order, as one batch.

    Raises:
        ValueError: there are no graphs, or only some carry what others do.
    """
    return load(graphs).unload("cpu")


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
