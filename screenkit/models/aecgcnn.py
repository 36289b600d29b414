"""AE-CGCNN: attention everywhere in a crystal graph network (Cong et al., IBM and ORNL).

A convolution turns atoms v (N, F) and edges e (N, k, E) into new ones, z_ij = [v_i | v_j | e_ij]:

    h_i^m = sum_j softmax_j(z_ij W_f^m + b_f^m) * ReLU(z_ij W_s^m + b_s^m)     Eq. 6, for each head
    u_i = sum_m softmax_m(h_i^m) * h_i^m                                       heads combined
    v_i <- ReLU(v_i + BN(u_i))
    e_ij <- ReLU(BN(z_ij W_G + b_G))                                           Eq. 5

The steps from CGCNN to this, Table I of the paper, are switches of the settings; `LADDER` sets
them. What the paper leaves open, and what was chosen, is in `docs/papers.md`.

Not covered: elements beyond fermium (100), which have no place among the inputs; `cell` makes
the prediction depend on which cell of a crystal the file gives.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from screenkit.graph.batch import GraphBatch
from screenkit.graph.features import feature_names
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import AtomWeights, Model
from screenkit.models.layers import (
    RowNorm,
    Standardised,
    gaussian_centres,
    gaussians,
    mean_pool,
    pair_map,
    pieces_for_cache,
    segment_softmax,
    sum_pool,
)
from screenkit.settings import Settings

_ELEMENTS = 100
_PIECE = 128  # atoms


class AeCgcnnSettings(Settings):
    """Settings of AE-CGCNN; the defaults are the paper's last model, without charges and cell."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom."""
    radius: float = Field(default=8.0, gt=0, le=32)
    """Å. The Gaussians' centres reach from 0 to here."""
    step: float = Field(default=0.2, ge=0.05, le=2)
    """Å. From one centre to the next, and the Gaussians' width."""
    width: int = Field(default=64, ge=1, le=1024)
    """Numbers per atom."""
    edge_width: int = Field(default=42, ge=1, le=1024)
    """Numbers per edge."""
    edge_input: Literal["gaussians", "linear"] = "gaussians"
    """First numbers of an edge: `edge_width` Gaussians from 0 Å on, or a linear map and ReLU of
    the Gaussians up to `radius`."""
    layers: int = Field(default=4, ge=1, le=16)
    """Convolutions."""
    edge_update: bool = True
    """Whether convolutions change the edges too (Eq. 5)."""
    attention: Literal["softmax", "sigmoid"] = "softmax"
    """How an atom weighs its neighbours: shares of one (Eq. 6), or each for itself, as CGCNN."""
    softmax_axis: Literal["jk", "jkm"] = "jk"
    """What the shares sum to one over: the neighbours, for each head; or neighbours and heads."""
    heads: int = Field(default=3, ge=1, le=16)
    """Sums over the neighbours, each with weights of its own."""
    combine: Literal["self", "extra", "mean"] = "self"
    """How heads become one: by their own softmax (attention III), by the softmax of one more
    number of each head, or by their mean (Eq. 7)."""
    residual: bool = True
    """Whether a convolution adds to the atom vectors (Eq. 3) or replaces them (Eq. 6)."""
    norm: bool = True
    """Whether batch norms stand before the ReLU of atoms and of edges."""
    charges: bool = False
    """Whether an atom's partial charge is an input; a file without charges counts as all 0."""
    cell: bool = False
    """Whether lengths and angles of the cell are inputs. The prediction then depends on the choice
    of the cell: a supercell has another one."""
    pool: Literal["mean", "attention"] = "mean"
    """Mean over the atoms, or attention over them (Eq. 8), whose shares are the atoms' weights."""
    head_width: int = Field(default=128, ge=1, le=1024)
    """Width of the layer between the crystal's vector and the targets."""


_ONE_HEAD = {"heads": 1, "combine": "mean"}
_INPUTS = {"charges": True, "cell": True}

LADDER: MappingProxyType[str, dict[str, object]] = MappingProxyType(
    {
        "CGCNN": {"edge_update": False, "attention": "sigmoid", **_ONE_HEAD},
        "+ edge": {"attention": "sigmoid", **_ONE_HEAD},
        "+ attention": {**_ONE_HEAD},
        "+ C/G": {**_ONE_HEAD, **_INPUTS},
        "+ attention II": {"combine": "mean", **_INPUTS},
        "+ attention III": {**_INPUTS},
    }
)
"""The columns of Table I, in its order: the settings that differ from the defaults."""


class AttentionConvolution(nn.Module):
    """Atoms and edges, in parallel, from those of the layer before.

    With softmax over the neighbours alone, what the atom itself adds to the scores is the same for
    all of its neighbours and cancels: those weights count, as in the paper, and do nothing.
    """

    def __init__(self, settings: AeCgcnnSettings, width: int, changes_edges: bool) -> None:
        super().__init__()
        inputs = 2 * settings.width + settings.edge_width
        self.settings = settings
        self.width = width
        self.gates = nn.Linear(inputs, settings.heads * width)
        self.cores = nn.Linear(inputs, settings.heads * width)
        self.norm: nn.Module = RowNorm(width) if settings.norm else nn.Identity()
        self.extra = nn.Linear(width, 1) if settings.combine == "extra" else None
        self.changes_edges = changes_edges
        self.edges: nn.Linear | None = None
        if settings.edge_update:
            self.edges = nn.Linear(inputs, settings.edge_width)
            self.edge_norm: nn.Module = (
                RowNorm(settings.edge_width) if settings.norm else nn.Identity()
            )

    def forward(
        self, atoms: torch.Tensor, edges: torch.Tensor, neighbors: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return atoms (N, `width`), before the ReLU, and edges (N, k, E), after it.

        Where `width` is more than F, the last columns have nothing to be added to.
        """
        width = edges.shape[2]
        gates, cores = (pair_map(part, atoms, width) for part in (self.gates, self.cores))
        new = pair_map(self.edges, atoms, width) if self.edges and self.changes_edges else None
        sums, changed = [], []
        # A batch norm that learns must see all edges at once.
        pieces = [slice(0, len(atoms))] if self.training else pieces_for_cache(atoms, _PIECE)
        for piece in pieces:
            given = edges[piece], neighbors[piece], piece
            sums.append(self._combined(self._heads(gates(*given), cores(*given))))
            if new is not None:
                made = new(*given)
                changed.append(torch.relu_(self.edge_norm(made.flatten(0, 1)).view_as(made)))
        total = self.norm(torch.cat(sums))
        if self.settings.residual:
            grown = self.width - atoms.shape[1]
            total = total + (nn.functional.pad(atoms, (0, grown)) if grown else atoms)
        return total, torch.cat(changed) if changed else edges

    def _heads(self, gates: torch.Tensor, cores: torch.Tensor) -> torch.Tensor:
        """Return (n, M, F): of each head the weighted sum over the neighbours, from two maps of
        them, (n, k, M * F)."""
        n, k, _ = gates.shape
        heads = self.settings.heads
        if self.settings.attention == "sigmoid":
            shares = torch.sigmoid(gates)
        elif self.settings.softmax_axis == "jk":
            shares = torch.softmax(gates, dim=1)
        else:
            shares = torch.softmax(gates.view(n, k * heads, -1), dim=1).view_as(gates)
        return (shares * torch.relu_(cores)).sum(dim=1).view(n, heads, -1)

    def _combined(self, heads: torch.Tensor) -> torch.Tensor:
        """Return (N, F) of heads (N, M, F)."""
        if self.settings.combine == "mean":
            return heads.mean(dim=1)
        scores = heads if self.extra is None else self.extra(heads)
        return (torch.softmax(scores, dim=1) * heads).sum(dim=1)


class AeCgcnn(Model):
    """AE-CGCNN with one output per target."""

    settings_class = AeCgcnnSettings
    centres: torch.Tensor

    def __init__(self, settings: AeCgcnnSettings, targets: int) -> None:
        super().__init__(settings, targets)
        self.attends, self.step = settings.pool == "attention", settings.step
        self.embedding = nn.Embedding(_ELEMENTS, settings.width)
        self.charge = nn.Linear(1, settings.width, bias=False) if settings.charges else None
        reach = settings.radius
        self.edge_input: nn.Module = nn.Identity()
        if settings.edge_input == "gaussians":
            reach = settings.step * (settings.edge_width - 1)
        centres = gaussian_centres(reach, settings.step)
        self.register_buffer("centres", centres, persistent=False)
        if settings.edge_input == "linear":
            self.edge_input = nn.Sequential(nn.Linear(len(centres), settings.edge_width), nn.ReLU())
        last = settings.layers - 1
        self.convolutions = nn.ModuleList(
            AttentionConvolution(
                settings,
                width=settings.width + (self.attends and layer == last),
                changes_edges=layer < last,  # nobody reads the edges of the last one
            )
            for layer in range(settings.layers)
        )
        cell = len(feature_names(("cell",))) if settings.cell else 0
        self.cell = Standardised(cell) if cell else None
        self.hidden = nn.Linear(settings.width + cell, settings.head_width)
        self.output = nn.Linear(settings.head_width, targets)

    @classmethod
    def graph_settings(cls, settings: AeCgcnnSettings) -> GraphSettings:
        return GraphSettings(
            k=settings.k, charges=settings.charges, features=("cell",) if settings.cell else ()
        )

    @property
    def elements(self) -> frozenset[int]:
        """Hydrogen to fermium."""
        return frozenset(range(1, _ELEMENTS + 1))

    @property
    def atom_weights_are(self) -> AtomWeights:
        """`attention` where it pools by it; else `gradient`."""
        return "attention" if self.attends else "gradient"

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; see `Model.look`."""
        atoms, shares = self._atoms(batch)
        if shares is None:
            pooled = mean_pool(atoms, batch)
        else:
            pooled = sum_pool(atoms * shares, batch)
        if self.cell is not None:
            assert batch.features is not None
            pooled = torch.cat([pooled, self.cell(batch.features)], dim=1)
        return self.output(torch.relu(self.hidden(pooled))), pooled

    def atom_weights(self, batch: GraphBatch) -> torch.Tensor:
        """Return (N, targets) float32; by attention the same shares for every target."""
        if not self.attends:
            return super().atom_weights(batch)
        shares = self._atoms(batch)[1]
        assert shares is not None
        return shares.expand(-1, self.targets)

    def _atoms(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the last atom vectors (N, F) and the shares of the atoms (N, 1), if any."""
        atoms = self.embedding(batch.species - 1)
        if self.charge is not None:
            assert batch.charges is not None
            atoms = atoms + self.charge(batch.charges[:, None])
        edges = self.edge_input(gaussians(batch.distances, self.centres, self.step))
        width = atoms.shape[1]
        shares = None
        for convolution in self.convolutions:
            total, edges = convolution(atoms, edges, batch.neighbors)
            if total.shape[1] > width:
                shares = segment_softmax(total[:, width:], batch)
                total = total[:, :width]
            atoms = torch.relu(total)
        return atoms, shares
