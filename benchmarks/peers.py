"""What others do for the same structures: their readers, their neighbours, their networks.

`ase`, `matscipy` and `torch_geometric` come with the extra `peers`; one that is not installed is
left out. The networks have weights as torch draws them: their speed does not hang on them.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from pymatgen.core import Structure
from torch import nn
from torch.nn.functional import softplus

RADIUS, K, WIDTH = 8.0, 12, 64
CENTRES = torch.arange(0.0, RADIUS + 0.2, 0.2)


def installed(*modules: str) -> bool:
    """Tell whether a peer may run here."""
    return all(importlib.util.find_spec(module) for module in modules)


def read_by_pymatgen(data: bytes) -> Structure:
    return Structure.from_str(data.decode(), fmt="cif")


def neighbors_by_pymatgen(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """Return indices and distances (n, k) as the published CGCNN finds them (`data.py`)."""
    indices, distances = [], []
    for near in structure.get_all_neighbors(RADIUS, include_index=True):
        nearest = sorted(near, key=lambda neighbor: neighbor[1])[:K]
        missing = K - len(nearest)
        indices.append([neighbor[2] for neighbor in nearest] + [0] * missing)
        distances.append([neighbor[1] for neighbor in nearest] + [RADIUS + 1.0] * missing)
    return np.array(indices), np.array(distances)


def tensors(
    structure: Structure, indices: np.ndarray, distances: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return species (n,), neighbours and distances (n, k) as the network takes them."""
    species = torch.tensor([site.specie.Z for site in structure])
    return species, torch.from_numpy(indices), torch.from_numpy(distances).float()


def read_by_ase(data: bytes) -> Any:
    from ase.io import read

    return read(io.StringIO(data.decode()), format="cif")


def neighbors_by_matscipy(atoms: Any) -> Any:
    from matscipy.neighbours import neighbour_list

    first, second, distance = neighbour_list("ijd", atoms, RADIUS)
    order = np.lexsort((distance, first))
    return first[order], second[order], distance[order]


class PublishedCgcnn(nn.Module):
    """CGCNN in the way of its program: each neighbour's vector is written out and multiplied."""

    def __init__(self, elements: int = 119, layers: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(elements, WIDTH)
        edges = len(CENTRES)
        self.linear = nn.ModuleList(nn.Linear(2 * WIDTH + edges, 2 * WIDTH) for _ in range(layers))
        self.first = nn.ModuleList(nn.BatchNorm1d(2 * WIDTH) for _ in range(layers))
        self.second = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(layers))
        self.hidden, self.output = nn.Linear(WIDTH, 128), nn.Linear(128, 1)

    def forward(
        self,
        species: torch.Tensor,
        neighbors: torch.Tensor,
        distances: torch.Tensor,
        counts: Sequence[int],
    ) -> torch.Tensor:
        atoms = self.embedding(species)
        edges = torch.exp(-(((distances[..., None] - CENTRES) / 0.2) ** 2))
        n, k = neighbors.shape
        for linear, first, second in zip(self.linear, self.first, self.second, strict=True):
            own = atoms[:, None].expand(n, k, WIDTH)
            z = linear(torch.cat([own, atoms[neighbors], edges], dim=2))
            gate, core = first(z.view(-1, 2 * WIDTH)).view(n, k, -1).chunk(2, dim=2)
            said = (torch.sigmoid(gate) * softplus(core)).sum(dim=1)
            atoms = softplus(atoms + second(said))
        pooled = torch.stack([part.mean(dim=0) for part in atoms.split(list(counts))])
        return self.output(softplus(self.hidden(softplus(pooled))))


def cgcnn_of_pyg(layers: int = 3) -> nn.Module:
    """Return CGCNN as PyTorch Geometric has it: of species (n,), pairs (2, e), their Gaussians
    (e, centres) and the crystal of each atom (n,)."""
    from torch_geometric.nn import CGConv, global_mean_pool

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(119, WIDTH)
            self.convolutions = nn.ModuleList(
                CGConv(WIDTH, dim=len(CENTRES), batch_norm=True) for _ in range(layers)
            )
            self.head = nn.Sequential(nn.Linear(WIDTH, 128), nn.Softplus(), nn.Linear(128, 1))

        def forward(
            self, species: torch.Tensor, pairs: torch.Tensor, edges: torch.Tensor,
            owner: torch.Tensor,
        ) -> Any:  # fmt: skip
            atoms = self.embedding(species)
            for convolution in self.convolutions:
                atoms = convolution(atoms, pairs, edges)
            return self.head(global_mean_pool(atoms, owner))

    return Network()


def convolutions_of_pyg(layers: int = 3) -> Callable[..., torch.Tensor]:
    """Return the same, ready to predict, of distances (e,) in the place of Gaussians."""
    network = cgcnn_of_pyg(layers).eval()

    def forward(
        species: torch.Tensor, pairs: torch.Tensor, distances: torch.Tensor, owner: torch.Tensor
    ) -> torch.Tensor:
        edges = torch.exp(-(((distances[:, None] - CENTRES) / 0.2) ** 2))
        predicted: torch.Tensor = network(species, pairs, edges, owner)
        return predicted

    return forward
