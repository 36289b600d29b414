"""3DGCN: atoms with scalars and vectors, told of where their neighbours stand (Cho and Choi 2018).

Each atom has F scalars s and F vectors v. From a neighbour j at r_ij come

    s -> s:  ReLU(W [s_i | s_j])             v -> s:  ReLU((W [v_i | v_j]) . r_ij)
    s -> v:  ReLU(W [s_i | s_j]) r_ij        v -> v:  W [v_i | v_j]

summed over the neighbours and the atom itself with Kipf's weights 1 / sqrt(d_i d_j), then mixed:

    s_i <- ReLU(W [s -> s | v -> s]),   v_i <- sg(W s_i) * (W [v -> v | s -> v])

The original is for molecules in one orientation: its vectors go through ReLU and tanh number by
number, and into the output. Here vectors meet no function but a scalar gate, and the crystal is
the mean of the scalars and of the vectors' lengths, so that turning it changes nothing. What else
was chosen is in `docs/papers.md`.

Not covered: dense N x N graphs of molecules, sum and max pooling.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from screenkit.crystal.elements import SYMBOLS
from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import Model
from screenkit.models.layers import mean_pool, start_glorot
from screenkit.settings import Settings


class Gcn3dSettings(Settings):
    """Settings of 3DGCN; the defaults are the paper's, but for k."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom, in the place of the bonds of a molecule."""
    width: int = Field(default=128, ge=1, le=1024)
    """Scalars per atom, and vectors per atom."""
    layers: int = Field(default=2, ge=1, le=16)
    """Convolutions."""
    head_width: int = Field(default=128, ge=1, le=1024)
    """Width of the two fully connected layers before the targets."""


def kipf_weights(batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights of neighbours (N, k) and of the atom itself (N, 1).

    1 / sqrt(d_i d_j), with d_i = k + 1 for the atom that looks, d_j = 1 + how often atom j is
    looked at, and 1 / (k + 1) for itself.

    Source: Kipf and Welling 2017, Eq. 2, for a directed graph.
    """
    n, k = batch.neighbors.shape
    seen = torch.bincount(batch.neighbors.flatten(), minlength=n) + 1
    weights = 1.0 / torch.sqrt((k + 1.0) * seen[batch.neighbors])
    return weights, weights.new_full((n, 1), 1.0 / (k + 1))


class Gcn3dConvolution(nn.Module):
    """One exchange of scalars and vectors between an atom and its neighbours."""

    def __init__(self, width: int, first: bool) -> None:
        super().__init__()
        self.scalars_to_scalars = nn.Linear(2 * width, width)
        self.scalars_to_vectors = nn.Linear(2 * width, width)
        # Vectors start at 0, and a bias would point somewhere.
        self.vectors_to_scalars = None if first else nn.Linear(2 * width, width, bias=False)
        self.vectors_to_vectors = None if first else nn.Linear(2 * width, width, bias=False)
        parts = 1 if first else 2
        self.mix_scalars = nn.Linear(parts * width, width)
        self.mix_vectors = nn.Linear(parts * width, width, bias=False)
        self.gate = nn.Linear(width, width)

    def forward(
        self,
        scalars: torch.Tensor,
        vectors: torch.Tensor | None,
        batch: GraphBatch,
        weights: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return new scalars (N, F) and vectors (N, 3, F); `vectors` is None before the first."""
        edge, itself = weights
        pairs = self._pairs(self.scalars_to_scalars, scalars, batch)
        own = torch.relu(self.scalars_to_scalars(torch.cat([scalars, scalars], dim=1)))
        to_scalars = [(torch.relu(pairs) * edge[..., None]).sum(1) + own * itself]
        pairs = torch.relu(self._pairs(self.scalars_to_vectors, scalars, batch))
        places = batch.vectors * edge[..., None]  # the atom itself stands at 0
        to_vectors = [places.transpose(1, 2) @ pairs]
        if self.vectors_to_scalars is not None and self.vectors_to_vectors is not None:
            assert vectors is not None
            to_scalars.append(self._projected(vectors, batch, edge))
            to_vectors.append(self._carried(vectors, batch, edge, itself))
        scalars = torch.relu(self.mix_scalars(torch.cat(to_scalars, dim=1)))
        vectors = self.mix_vectors(torch.cat(to_vectors, dim=2))
        return scalars, vectors * torch.sigmoid(self.gate(scalars))[:, None]

    @staticmethod
    def _pairs(linear: nn.Linear, scalars: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
        """(N, k, F) W [s_i | s_j] + b, without the concatenation."""
        own, other = linear.weight.chunk(2, dim=1)
        mine = functional.linear(scalars, own, linear.bias)
        return mine[:, None] + functional.embedding(
            batch.neighbors, functional.linear(scalars, other)
        )

    def _projected(
        self, vectors: torch.Tensor, batch: GraphBatch, edge: torch.Tensor
    ) -> torch.Tensor:
        """(N, F) v -> s; the atom itself stands at 0 and adds nothing."""
        assert self.vectors_to_scalars is not None
        own, other = self.vectors_to_scalars.weight.chunk(2, dim=1)
        n, width = len(vectors), vectors.shape[2]
        mine = batch.vectors @ functional.linear(vectors, own)
        theirs = functional.linear(vectors, other).view(n, 3 * width)
        told = functional.embedding(batch.neighbors, theirs).view(n, -1, 3, width)
        along = mine + (told * batch.vectors[..., None]).sum(2)
        return (torch.relu(along) * edge[..., None]).sum(1)

    def _carried(
        self,
        vectors: torch.Tensor,
        batch: GraphBatch,
        edge: torch.Tensor,
        itself: torch.Tensor,
    ) -> torch.Tensor:
        """(N, 3, F) v -> v: linear, so neighbours are summed before the map."""
        assert self.vectors_to_vectors is not None
        own, other = self.vectors_to_vectors.weight.chunk(2, dim=1)
        around = functional.embedding_bag(
            batch.neighbors,
            vectors.flatten(1),
            mode="sum",
            per_sample_weights=edge.to(vectors.dtype),
        ).view_as(vectors)
        around = around + vectors * itself[..., None]
        share = (edge.sum(1, keepdim=True) + itself)[..., None]
        return functional.linear(vectors * share, own) + functional.linear(around, other)


class Gcn3d(Model):
    """3DGCN with one output per target."""

    settings_class = Gcn3dSettings

    def __init__(self, settings: Gcn3dSettings, targets: int) -> None:
        super().__init__(settings, targets)
        width, head = settings.width, settings.head_width
        self.embedding = nn.Embedding(len(SYMBOLS), width)
        self.convolutions = nn.ModuleList(
            Gcn3dConvolution(width, first=place == 0) for place in range(settings.layers)
        )
        self.hidden = nn.ModuleList([nn.Linear(2 * width, head), nn.Linear(head, head)])
        self.output = nn.Linear(head, targets)
        start_glorot(self)

    @classmethod
    def graph_settings(cls, settings: Gcn3dSettings) -> GraphSettings:
        return GraphSettings(k=settings.k)

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; see `Model.look`."""
        weights = kipf_weights(batch)
        scalars, vectors = self.embedding(batch.species), None
        for convolution in self.convolutions:
            scalars, vectors = convolution(scalars, vectors, batch, weights)
        assert vectors is not None
        lengths = torch.sqrt(vectors.square().sum(1) + 1e-12)  # a slope at 0, too
        crystals = pooled = mean_pool(torch.cat([scalars, lengths], dim=1), batch)
        for layer in self.hidden:
            crystals = torch.relu(layer(crystals))
        return self.output(crystals), pooled
