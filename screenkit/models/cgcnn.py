"""CGCNN: crystal graph convolutional neural network (Xie and Grossman 2018).

Each atom sums what its neighbours say, by a gate of itself, the neighbour and the distance:

    z_ij = [x_i | x_j | u_ij]
    x_i <- sp(x_i + BN(sum_j sg(BN(z_ij W_f + b_f)) * sp(BN(z_ij W_s + b_s))))     `eq5bn`

sg is the sigmoid, sp the softplus. This is the network of the published weights; Eq. 5 as printed
(`eq5`) has no batch norm and no outer softplus, and Eq. 4 (`eq4`) no gate. What the paper leaves
open, and what was chosen, is in `docs/papers.md`.

Not covered: the softmax over two classes; a class has one logit, the difference of the two.
"""

from __future__ import annotations

import dataclasses
import itertools
from typing import Literal, cast

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import embedding_bag, softplus

from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.neighbors import Ties
from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import GraphSettings
from screenkit.models.atom_tables import AtomTable, published_table, supplement_table
from screenkit.models.contract import AtomWeights, Model
from screenkit.models.layers import (
    RowNorm,
    gaussians,
    mean_pool,
    pieces_for_cache,
    softplus_,
    sum_of_pairs,
    uniform_weight,
)
from screenkit.models.product import affine, as_autocast
from screenkit.settings import Settings

_PIECE = 256  # atoms
_ONE_HOT = (0.7, 5.2, 10)  # Å, Å, classes: table III of the supplement


class CgcnnSettings(Settings):
    """Settings of CGCNN; the defaults are those of the published program."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom."""
    radius: float = Field(default=8.0, gt=0, le=32)
    """Å. The Gaussians' centres reach from 0 to here."""
    step: float = Field(default=0.2, ge=0.05, le=2)
    """Å. From one centre to the next, and the Gaussians' width."""
    width: int = Field(default=64, ge=1, le=1024)
    """Numbers per atom."""
    layers: int = Field(default=3, ge=1, le=16)
    """Convolutions."""
    head_width: int = Field(default=128, ge=1, le=1024)
    """Width of the hidden layers behind the convolutions."""
    head_layers: int = Field(default=1, ge=0, le=8)
    """Hidden layers behind the convolutions: after the pooling, with `site` before it."""
    convolution: Literal["eq5bn", "eq5", "eq4"] = "eq5bn"
    """Eq. 5 as coded with batch norms, Eq. 5 as printed, or Eq. 4."""
    pool: Literal["mean", "multilayer_softmax", "site"] = "mean"
    """Mean over the atoms (S16), softmax over all layers (S11 to S13), or the mean of one number
    for each atom (S14, S15), which is its contribution."""
    pool_width: int = Field(default=64, ge=1, le=1024)
    """Common width of all layers under `multilayer_softmax`."""
    atoms: Literal["table", "si93", "learned"] = "table"
    """First numbers of an atom: the published table of 92, table II of the supplement (93), or
    learned ones, `width` of them."""
    distances: Literal["gaussian", "onehot"] = "gaussian"
    """Gaussians, or ten classes from 0.7 to 5.2 Å (table III of the supplement)."""
    neighbors: Literal["nearest", "voronoi"] = "nearest"
    """The k nearest, or those of them that share a Voronoi face and are bonded."""
    ties: Ties = "environment"
    """Order of neighbours at one distance, which decides who is the last of k. The published
    weights want `published`."""
    padding: Literal["strict", "compat"] = "strict"
    """A neighbour beyond `radius`: taken as it is, or, as in the published program, replaced by
    the first atom of the crystal at `radius` + 1 Å."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the first hidden layer that is left out in training; the published classifier
    has 0.5."""


def _mean(values: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
    """Return the mean over each crystal's atoms; summed in float64, as the published figures of
    some hundred atoms want."""
    return mean_pool(values.double(), batch).to(values.dtype)


class GatedConvolution(nn.Module):
    """Eq. 5, with batch norms and outer softplus as coded (`normed`), or as printed.

    The linear map of [x_i | x_j | u_ij] is kept in three parts, of the atom, of the neighbour and
    of the edge, which sum to it. The first half of the columns is the gate.
    """

    def __init__(self, width: int, edge_width: int, normed: bool) -> None:
        super().__init__()
        inputs = 2 * width + edge_width
        self.own = uniform_weight(inputs, width, 2 * width)
        self.neighbors = uniform_weight(inputs, width, 2 * width)
        self.edges = uniform_weight(inputs, edge_width, 2 * width)
        self.bias = uniform_weight(inputs, 2 * width)
        self.gate_norm = RowNorm(2 * width) if normed else None
        self.sum_norm = RowNorm(width) if normed else None

    def forward(
        self, atoms: torch.Tensor, edges: torch.Tensor, batch: GraphBatch, masked: bool
    ) -> torch.Tensor:
        """Return new atom vectors (N, F) from (N, F) and edges (N * k, E)."""
        pieces = pieces_for_cache(atoms, _PIECE)
        if self.training or masked or len(pieces) == 1:
            total = self._whole(atoms, edges, batch, masked)
        else:
            total = self._in_pieces(atoms, edges, batch.neighbors, pieces)
        if self.sum_norm is None:
            return atoms + total
        return softplus(atoms + self.sum_norm(total))

    def _whole(
        self, atoms: torch.Tensor, edges: torch.Tensor, batch: GraphBatch, masked: bool
    ) -> torch.Tensor:
        """Return (N, F): the sums over the neighbours, of those that are there if `masked`."""
        n, k = batch.neighbors.shape
        own, neighbor, edge, bias = self._maps()
        mine, others = affine(atoms, own, bias), affine(atoms, neighbor)
        z = affine(edges, edge, sum_of_pairs(mine, others, batch.neighbors).flatten(0, 1))
        rows = batch.filled.flatten().nonzero()[:, 0] if masked else None
        z = z if rows is None else z[rows]
        if self.gate_norm is not None and self.training:
            z = self.gate_norm(z)
        gate, core = z.chunk(2, dim=1)
        said = torch.sigmoid(gate) * softplus(core)
        if rows is None:
            return said.view(n, k, -1).sum(dim=1)
        return said.new_zeros(n, said.shape[1]).index_add_(0, rows // k, said)

    def _in_pieces(
        self,
        atoms: torch.Tensor,
        edges: torch.Tensor,
        neighbors: torch.Tensor,
        pieces: list[slice],
    ) -> torch.Tensor:
        """Return the same; gates and cores have arrays of their own, for torch is slower on columns
        of one."""
        k = neighbors.shape[1]
        parts = [part.chunk(2, dim=-1) for part in self._maps()]
        halves = [
            (affine(atoms, own, bias), affine(atoms, other), edge)
            for own, other, edge, bias in zip(*parts, strict=True)
        ]
        total = torch.empty_like(atoms)
        for piece in pieces:
            near = edges[piece.start * k : piece.stop * k]
            gate, core = (
                affine(
                    near, edge, sum_of_pairs(mine[piece], others, neighbors[piece]).flatten(0, 1)
                )
                for mine, others, edge in halves
            )
            said = torch.sigmoid_(gate).mul_(softplus_(core))
            torch.sum(said.view(-1, k, atoms.shape[1]), dim=1, out=total[piece])
        return total

    def _maps(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the three parts and the bias; when predicting, with the first norm in them."""
        norm = self.gate_norm
        if norm is None or self.training:
            return self.own, self.neighbors, self.edges, self.bias
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        bias = (self.bias - norm.running_mean) * scale + norm.bias
        return self.own * scale, self.neighbors * scale, self.edges * scale, bias


class SumConvolution(nn.Module):
    """Eq. 4: g((sum over neighbours of [x_j | u_ij]) W_c + x_i W_s + b), g the softplus."""

    def __init__(self, width: int, edge_width: int, k: int) -> None:
        super().__init__()
        inputs = (width + edge_width) * k  # k of them are summed
        self.neighbors = uniform_weight(inputs, width, width)
        self.edges = uniform_weight(inputs, edge_width, width)
        self.own = uniform_weight(width, width, width)
        self.bias = nn.Parameter(torch.zeros(width))

    def linear(
        self, atoms: torch.Tensor, edges: torch.Tensor, batch: GraphBatch, masked: bool
    ) -> torch.Tensor:
        """Return (N, F): what stands in the brackets of Eq. 4."""
        n, k = batch.neighbors.shape
        edges = edges.view(n, k, -1)
        weights = None
        if masked:
            weights = batch.filled.to(atoms.dtype)
            edges = edges * weights[..., None]
        around = embedding_bag(batch.neighbors, atoms, mode="sum", per_sample_weights=weights)
        total = torch.addmm(self.bias, atoms, self.own)
        return total + around @ self.neighbors + edges.sum(dim=1) @ self.edges

    def forward(
        self, atoms: torch.Tensor, edges: torch.Tensor, batch: GraphBatch, masked: bool
    ) -> torch.Tensor:
        """Return new atom vectors (N, F) from (N, F) and edges (N * k, E)."""
        return softplus(self.linear(atoms, edges, batch, masked))


class Distances(nn.Module):
    """Distances as vectors: Gaussians exp(-(d - mu)^2 / step^2), or ten classes (table III)."""

    centres: torch.Tensor

    def __init__(self, settings: CgcnnSettings) -> None:
        super().__init__()
        self.one_hot = settings.distances == "onehot"
        self.step = settings.step
        # As coded; whether the last centre is beyond the radius hangs on rounding.
        centres = np.arange(0, settings.radius + settings.step, settings.step)
        if not self.one_hot:
            self.register_buffer("centres", torch.tensor(centres).float(), persistent=False)
        self.width = _ONE_HOT[2] if self.one_hot else len(centres)

    def forward(self, distances: torch.Tensor) -> torch.Tensor:
        """Return (N * k, E) from distances (N, k), Å."""
        if self.one_hot:
            low, high, classes = _ONE_HOT
            place = ((distances - low) * (classes / (high - low)) + 1e-6).clamp(0, classes - 1)
            return nn.functional.one_hot(place.flatten().long(), classes).to(distances.dtype)
        return gaussians(distances, self.centres, self.step).flatten(0, 1)


class Cgcnn(Model):
    """CGCNN with one output per target."""

    settings_class = CgcnnSettings

    def __init__(self, settings: CgcnnSettings, targets: int) -> None:
        super().__init__(settings, targets)
        self.pool = settings.pool
        self.masked = settings.neighbors == "voronoi"
        self.pads_beyond = settings.radius if settings.padding == "compat" else None
        width = settings.width
        self.input: nn.Module = nn.Identity()
        raw = width
        if settings.atoms == "learned":
            self.embedding = nn.Embedding(len(SYMBOLS), width)
        else:
            table = published_table() if settings.atoms == "table" else supplement_table()
            self.embedding = AtomTable(table)
            raw = table.shape[1]
            self.input = nn.Linear(raw, width)
        self.distances = Distances(settings)
        edges = self.distances.width
        self.convolutions = nn.ModuleList(
            SumConvolution(width, edges, settings.k)
            if settings.convolution == "eq4"
            else GatedConvolution(width, edges, normed=settings.convolution == "eq5bn")
            for _ in range(settings.layers)
        )
        pooled = width
        if self.pool == "multilayer_softmax":
            pooled = settings.pool_width
            widths = [raw] + [width] * settings.layers
            self.pools = nn.ModuleList(nn.Linear(inputs, pooled) for inputs in widths)
        head = [pooled] + [settings.head_width] * settings.head_layers
        self.hidden = nn.ModuleList(
            nn.Linear(before, after) for before, after in itertools.pairwise(head)
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.output = nn.Linear(head[-1], targets)
        if self.pool == "multilayer_softmax":
            # Shares of `pooled` channels are about 1 / `pooled`, and differ by less.
            first = cast(nn.Linear, self.hidden[0] if len(self.hidden) else self.output)
            first.weight.data *= pooled

    @classmethod
    def graph_settings(cls, settings: CgcnnSettings) -> GraphSettings:
        return GraphSettings(k=settings.k, ties=settings.ties, neighbors=settings.neighbors)

    @property
    def elements(self) -> frozenset[int] | None:
        """The atomic numbers that its table has; None where it learns them."""
        return self.embedding.elements if isinstance(self.embedding, AtomTable) else None

    @property
    def atom_weights_are(self) -> AtomWeights:
        """`site` where the pool is; else `gradient`."""
        return "site" if self.pool == "site" else "gradient"

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; see `Model.look`."""
        states = self._states(batch)
        if self.pool == "site":
            return _mean(self._head(states[-1]), batch), _mean(states[-1], batch)
        if self.pool == "mean":
            pooled = _mean(states[-1], batch)
            # As coded: the pooled vector goes through one more softplus.
            return self._head(softplus(pooled)), pooled
        shares = [
            torch.softmax(layer(state), dim=1)
            for layer, state in zip(self.pools, states, strict=True)
        ]
        pooled = _mean(torch.stack(shares).sum(dim=0), batch)
        return self._head(pooled), pooled

    def atom_weights(self, batch: GraphBatch) -> torch.Tensor:
        """Return (N, targets) float32; see `Model.atom_weights`."""
        if self.pool == "site":
            return self._head(self._states(batch)[-1])
        return super().atom_weights(batch)

    def _states(self, batch: GraphBatch) -> list[torch.Tensor]:
        """Return the raw atom vectors (N, D), and those after each convolution, (N, F)."""
        batch = self._padded(batch)
        states = [self.embedding(batch.species)]
        atoms = self.input(states[0])
        edges = as_autocast(self.distances(batch.distances))
        for convolution in self.convolutions:
            atoms = convolution(atoms, edges, batch, self.masked)
            states.append(atoms)
        return states

    def _head(self, values: torch.Tensor) -> torch.Tensor:
        for place, layer in enumerate(self.hidden):
            values = softplus(layer(values))
            values = self.dropout(values) if place == 0 else values
        return cast(torch.Tensor, self.output(values))

    def _padded(self, batch: GraphBatch) -> GraphBatch:
        """Return the batch with neighbours beyond the radius as the published program has them."""
        if self.pads_beyond is None:
            return batch
        beyond = (batch.distances > self.pads_beyond) & batch.filled
        first = (torch.cumsum(batch.counts, 0) - batch.counts)[batch.owner]
        return dataclasses.replace(
            batch,
            neighbors=torch.where(beyond, first[:, None], batch.neighbors),
            distances=batch.distances.masked_fill(beyond, self.pads_beyond + 1.0),
        )
