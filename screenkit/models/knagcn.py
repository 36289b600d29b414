"""k-NAGCN: k-nearest-atom graph convolution (Zhang et al. 2021).

Each atom looks at its k nearest images, sorted by distance and seen in its own local frame:

    f_i <- f_i + ReLU(BN(W [f_i, x_i, e_i1, f_1, x_1, ..., e_ik, f_k, x_k] + b))

with e the exponential decays of the distance (2.3 of the resolved equations), x the local
coordinates in Å and x_i = (0, 0, 0). What the paper leaves open, and what was chosen, is in
`docs/papers.md`.

Not covered: remedies for frames that tie; the shares of atoms they concern travel with every
prediction as `frame_ambiguous_fraction`.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import nn

from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import Model
from screenkit.models.layers import exponential_decays, mean_pool, sum_of_slots
from screenkit.settings import Settings

_ELEMENTS = 119


class KNagcnSettings(Settings):
    """Settings of k-NAGCN; the defaults are the paper's, or what `docs/papers.md` resolves."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom. The paper finds 12 to 16 best."""
    width: int = Field(default=128, ge=1, le=1024)
    """Numbers per atom."""
    edge_width: int = Field(default=32, ge=1, le=256)
    """Numbers per distance."""
    decay_lengths: tuple[float, float] = (0.5, 16.0)
    """Å. First and last decay length; the others lie between at equal ratios."""
    layers: int = Field(default=3, ge=1, le=16)
    """Convolutions."""
    center_xyz: bool = True
    """Whether each atom's own coordinates, always zero, count as inputs, as in the paper."""
    head_width: int = Field(default=128, ge=1, le=1024)
    """Width of the fully connected layer between the mean over atoms and the targets."""


class KNagcnConvolution(nn.Module):
    """One linear map of an atom and its k sorted neighbours, batch norm, ReLU, residual.

    The map is kept in three parts, which sum to the map of the concatenated inputs: of the atom
    itself, of the k edges, and of the neighbours by their place.
    """

    def __init__(self, settings: KNagcnSettings) -> None:
        super().__init__()
        width, k, edges = settings.width, settings.k, settings.edge_width + 3
        inputs = width + 3 * settings.center_xyz + k * (edges + width)
        bound = 1.0 / math.sqrt(inputs)

        def weight(rows: int, columns: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(rows, columns).uniform_(-bound, bound))

        self.own = weight(width + 3 * settings.center_xyz, width)
        self.edges = weight(k * edges, width)
        self.neighbors = weight(width, k * width)
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))
        self.norm = nn.BatchNorm1d(width)
        self.shape = (k, width)

    def forward(
        self, atoms: torch.Tensor, edges: torch.Tensor, neighbors: torch.Tensor
    ) -> torch.Tensor:
        """Return new atom vectors (N, F) from (N, F), edges (N, k * (E + 3)), neighbours (N, k)."""
        own = self.own[: atoms.shape[1]]  # x_i is zero: its rows add nothing
        total = torch.addmm(torch.addmm(self.bias, atoms, own), edges, self.edges)
        slots = (atoms @ self.neighbors).view(-1, *self.shape)
        total = total + sum_of_slots(slots, neighbors)
        return atoms + torch.relu(self.norm(total))


class KNagcn(Model):
    """k-NAGCN with one output per target."""

    settings_class = KNagcnSettings
    decay_lengths: torch.Tensor

    def __init__(self, settings: KNagcnSettings, targets: int) -> None:
        super().__init__(settings, targets)
        self.embedding = nn.Embedding(_ELEMENTS, settings.width)
        nn.init.normal_(self.embedding.weight, std=1.0 / math.sqrt(settings.width))
        first, last = settings.decay_lengths
        lengths = torch.logspace(math.log10(first), math.log10(last), settings.edge_width)
        self.register_buffer("decay_lengths", lengths)
        self.convolutions = nn.ModuleList(
            KNagcnConvolution(settings) for _ in range(settings.layers)
        )
        self.hidden = nn.Linear(settings.width, settings.head_width)
        self.output = nn.Linear(settings.head_width, targets)

    @classmethod
    def graph_settings(cls, settings: Settings) -> GraphSettings:
        assert isinstance(settings, KNagcnSettings)
        return GraphSettings(k=settings.k, ties="environment", frames=True)

    def forward(self, batch: GraphBatch) -> torch.Tensor:
        """Return (B, targets) float32, standardised; the batch needs frames."""
        atoms = self.embedding(batch.species)
        decays = exponential_decays(batch.distances, self.decay_lengths)
        edges = torch.cat([decays, batch.local], dim=2).flatten(1)
        for convolution in self.convolutions:
            atoms = convolution(atoms, edges, batch.neighbors)
        return self.output(torch.relu(self.hidden(mean_pool(atoms, batch))))
