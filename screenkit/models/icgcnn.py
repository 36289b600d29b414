"""iCGCNN: CGCNN with triplets of atoms and with edges that change (Park and Wolverton 2020).

An atom hears its neighbours one by one and two by two; so does an edge:

    v_i  <- v_i  + sum_j sg(z2 W_1) * sp(z2 W_2) + sum_{j<l} sg(z3 W_3) * sp(z3 W_4)
    u_ij <- u_ij +       sg(z2 W_5) * sp(z2 W_6) + sum_{l}   sg(z3 W_7) * sp(z3 W_8)

with z2 = [v_i | v_j | u_ij] and z3 = [v_i | v_j | v_l | u_ij | u_il], l another neighbour of i than
j; biases left out, batch norms around as in CGCNN. A map of z3 is a sum of one of the atom, one of
(i, j) and one of (i, l), so that no z3 is ever written; what is written grows with k squared.
What was chosen where the description leaves it open is in `docs/papers.md`.

Not covered: the areas, volumes and solid angles of Voronoi faces, which the paper has beside the
distance.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import embedding, linear, softplus

from screenkit.crystal.elements import SYMBOLS
from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import Model
from screenkit.models.layers import RowNorm, gaussian_centres, gaussians, mean_pool, pair_linear
from screenkit.settings import Settings


class ICgcnnSettings(Settings):
    """Settings of iCGCNN; the defaults are chosen for MOFs (`docs/papers.md`)."""

    k: int = Field(default=8, ge=2, le=32)
    """Neighbours per atom; time and memory grow with its square."""
    neighbors: Literal["nearest", "voronoi"] = "nearest"
    """The k nearest, or those of them that share a Voronoi face and are bonded."""
    radius: float = Field(default=8.0, gt=0, le=32)
    """Å. The Gaussians' centres reach from 0 to here."""
    step: float = Field(default=0.2, ge=0.05, le=2)
    """Å. From one centre to the next, and the Gaussians' width."""
    width: int = Field(default=64, ge=1, le=1024)
    """Numbers per atom."""
    layers: int = Field(default=3, ge=1, le=16)
    """Convolutions."""
    triplets: bool = True
    """Whether atoms and edges hear two neighbours at a time."""
    edge_update: bool = True
    """Whether convolutions change the edges too."""
    head_width: int = Field(default=128, ge=1, le=1024)
    """Width of the layer between the crystal's vector and the targets."""


class Gate(nn.Module):
    """sg(BN(z W_f + b_f)) * sp(BN(z W_s + b_s)) of rows that are there; zeros elsewhere."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, 2 * width)
        self.norm = RowNorm(2 * width)

    def forward(self, mapped: torch.Tensor, there: torch.Tensor | None) -> torch.Tensor:
        """Return (..., F) from what `linear` made, (..., 2 F), and rows that are there, (...)."""
        rows = mapped.flatten(0, -2) if there is None else mapped[there]
        gate, core = self.norm(rows).chunk(2, dim=1)
        said = torch.sigmoid(gate) * softplus(core)
        if there is None:
            return said.view(*mapped.shape[:-1], -1)
        return said.new_zeros(*there.shape, said.shape[1]).masked_scatter(there[..., None], said)


class PairsAndTriplets(nn.Module):
    """What neighbours say one by one and two by two, to an atom or to an edge."""

    def __init__(self, settings: ICgcnnSettings, edge_width: int, width: int) -> None:
        super().__init__()
        atom = settings.width
        self.parts = [atom, atom, atom, edge_width, edge_width]
        self.pairs = Gate(2 * atom + edge_width, width)
        self.triplets = Gate(sum(self.parts), width) if settings.triplets else None

    def one(
        self, atoms: torch.Tensor, edges: torch.Tensor, batch: GraphBatch, there: torch.Tensor
    ) -> torch.Tensor:
        """Return (N, k, F): what z2 says. `there` (N, k) marks the places that are filled."""
        return self.pairs(
            pair_linear(self.pairs.linear, atoms, edges, batch.neighbors), _unless_all(there)
        )

    def two(
        self,
        atoms: torch.Tensor,
        edges: torch.Tensor,
        batch: GraphBatch,
        first: torch.Tensor,
        second: torch.Tensor,
        there: torch.Tensor,
    ) -> torch.Tensor:
        """Return (N, P, F): what z3 says for P pairs of places, `first` (P,) and `second` (P,)."""
        assert self.triplets is not None
        layer = self.triplets.linear
        own, near, far, near_edge, far_edge = layer.weight.split(self.parts, dim=1)
        centre = linear(atoms, own, layer.bias)[:, None]
        one = linear(edges, near_edge) + embedding(batch.neighbors, linear(atoms, near)) + centre
        other = linear(edges, far_edge) + embedding(batch.neighbors, linear(atoms, far))
        both = there[:, first] & there[:, second]
        return self.triplets(
            one.index_select(1, first) + other.index_select(1, second), _unless_all(both)
        )


def _unless_all(there: torch.Tensor) -> torch.Tensor | None:
    """Return None where nothing is left out, the quick case."""
    return None if bool(there.all()) else there


class TripletConvolution(nn.Module):
    """Atoms and edges, in parallel, from those of the layer before."""

    def __init__(self, settings: ICgcnnSettings, edge_width: int, changes_edges: bool) -> None:
        super().__init__()
        self.for_atoms = PairsAndTriplets(settings, edge_width, settings.width)
        self.norm = RowNorm(settings.width)
        self.for_edges: PairsAndTriplets | None = None
        if changes_edges:
            self.for_edges = PairsAndTriplets(settings, edge_width, edge_width)
            self.edge_norm = RowNorm(edge_width)

    def forward(
        self, atoms: torch.Tensor, edges: torch.Tensor, batch: GraphBatch
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return new atoms (N, F) and edges (N, k, E)."""
        there = batch.filled
        n, k = there.shape
        total = self.for_atoms.one(atoms, edges, batch, there).sum(dim=1)
        if self.for_atoms.triplets is not None:
            first, second = torch.triu_indices(k, k, 1, device=edges.device)
            total = total + self.for_atoms.two(atoms, edges, batch, first, second, there).sum(1)
        new_atoms = softplus(atoms + self.norm(total))
        if self.for_edges is None:
            return new_atoms, edges
        said = self.for_edges.one(atoms, edges, batch, there)
        if self.for_edges.triplets is not None:
            places = torch.arange(k, device=edges.device)
            first, second = torch.cartesian_prod(places, places)[_off_diagonal(k)].T
            two = self.for_edges.two(atoms, edges, batch, first, second, there)
            said = said + two.view(n, k, k - 1, -1).sum(dim=2)
        normed = self.edge_norm(said.flatten(0, 1)).view_as(said)
        return new_atoms, softplus(edges + normed)


def _off_diagonal(k: int) -> torch.Tensor:
    """Return (k * k,) bool: pairs of places that are not the same, row by row."""
    return ~torch.eye(k, dtype=torch.bool).flatten()


class ICgcnn(Model):
    """iCGCNN with one output per target."""

    settings_class = ICgcnnSettings
    centres: torch.Tensor

    def __init__(self, settings: ICgcnnSettings, targets: int) -> None:
        super().__init__(settings, targets)
        self.step = settings.step
        self.embedding = nn.Embedding(len(SYMBOLS), settings.width)
        centres = gaussian_centres(settings.radius, settings.step)
        self.register_buffer("centres", centres, persistent=False)
        self.convolutions = nn.ModuleList(
            TripletConvolution(
                settings,
                len(centres),
                # Nobody reads the edges of the last one.
                changes_edges=settings.edge_update and layer < settings.layers - 1,
            )
            for layer in range(settings.layers)
        )
        self.hidden = nn.Linear(settings.width, settings.head_width)
        self.output = nn.Linear(settings.head_width, targets)

    @classmethod
    def graph_settings(cls, settings: ICgcnnSettings) -> GraphSettings:
        return GraphSettings(k=settings.k, neighbors=settings.neighbors)

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; see `Model.look`."""
        atoms = self.embedding(batch.species)
        edges = gaussians(batch.distances, self.centres, self.step)
        for convolution in self.convolutions:
            atoms, edges = convolution(atoms, edges, batch)
        pooled = mean_pool(atoms, batch)
        return self.output(softplus(self.hidden(pooled))), pooled
