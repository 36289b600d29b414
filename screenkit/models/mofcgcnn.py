"""MOF-CGCNN: a network that looks at the metals of a MOF and at its pores (Wang et al. 2020).

An atom begins as its atomic number and the number of its bonded neighbours. A convolution sums
over the 10 nearest, the nearer five by ReLU and the farther five by softplus:

    c_ij = [x_i | x_j | u_ij] W + b
    x_i <- sp(x_i + BN((sum_{j <= 5} ReLU(c_ij) + sum_{j > 5} sp(c_ij)) W_o + b_o))

Then only the metals and the 16 atoms nearest to each count, once each, by their mean; numbers of
the pores stand beside it. A crystal without metal takes the mean over all of its atoms. The
paper's classifier is this network's value at a threshold; here a target such as `COLUMN>2.5` is
learned as a class. What was chosen where the program leaves it open is in `docs/papers.md`.

Not covered: the program's stored weights; values below 0, which it sets to 0.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn
from torch.nn.functional import softplus

from screenkit.crystal.elements import IS_METAL
from screenkit.graph.batch import GraphBatch
from screenkit.graph.features import FeatureName, feature_names
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import Model
from screenkit.models.layers import (
    RowNorm,
    Standardised,
    gaussian_centres,
    gaussians,
    pair_linear,
    sum_pool,
)
from screenkit.settings import Settings

_PORES: tuple[FeatureName, ...] = ("pores",)
_DESCRIPTORS = (
    "accessible_volume_cm3_g",
    "void_fraction",
    "largest_included_sphere_diameter_A",
    "largest_free_sphere_diameter_A",
)


class MofCgcnnSettings(Settings):
    """Settings of MOF-CGCNN; the defaults are those of the published program."""

    k: int = Field(default=10, ge=1, le=64)
    """Neighbours that a convolution sums over; the nearer half by ReLU."""
    radius: float = Field(default=6.0, gt=0, le=32)
    """Å. The Gaussians' centres reach from 0 to here."""
    step: float = Field(default=0.2, ge=0.05, le=2)
    """Å. From one centre to the next, and the Gaussians' width."""
    bond: float = Field(default=1.6, gt=0, le=8)
    """Å. Neighbours within it are counted as an input of the atom."""
    width: int = Field(default=64, ge=1, le=1024)
    """Numbers per atom."""
    layers: int = Field(default=5, ge=1, le=16)
    """Convolutions."""
    metal_neighbors: int = Field(default=16, ge=0, le=64)
    """Nearest atoms of each metal that are pooled with it."""
    metal_radius: float = Field(default=8.0, gt=0, le=32)
    """Å. Farther ones are not."""
    pores: bool = True
    """Whether accessible volume, void fraction, largest cavity and pore limiting diameter are
    inputs beside the pooled atoms."""
    head_width: int = Field(default=480, ge=1, le=4096)
    """Width of the layer between the crystal's vector and the targets."""


class _Atoms(nn.Module):
    """The first vector of an atom: softplus of a linear map of [Z, bonded neighbours]."""

    def __init__(self, settings: MofCgcnnSettings) -> None:
        super().__init__()
        self.linear = nn.Linear(2, settings.width)
        self.bond = settings.bond

    def forward(self, batch: GraphBatch) -> torch.Tensor:
        """Return (N, F)."""
        bonded = (batch.distances <= self.bond).sum(dim=1)
        return softplus(self.linear(torch.stack([batch.species, bonded], dim=1).float()))


class MetalConvolution(nn.Module):
    """One sum over the nearest neighbours; both halves share their weights."""

    def __init__(self, settings: MofCgcnnSettings, edge_width: int) -> None:
        super().__init__()
        width = settings.width
        self.messages = nn.Linear(2 * width + edge_width, 2 * width)
        self.sums = nn.Linear(2 * width, width)
        self.norm = RowNorm(width)

    def forward(
        self, atoms: torch.Tensor, edges: torch.Tensor, neighbors: torch.Tensor
    ) -> torch.Tensor:
        """Return new atom vectors (N, F) from (N, F), edges (N, k, E), neighbours (N, k)."""
        near = neighbors.shape[1] // 2
        messages = pair_linear(self.messages, atoms, edges, neighbors)
        total = torch.relu(messages[:, :near]).sum(dim=1) + softplus(messages[:, near:]).sum(dim=1)
        return softplus(atoms + self.norm(self.sums(total)))


class MofCgcnn(Model):
    """MOF-CGCNN with one output per target."""

    settings_class = MofCgcnnSettings
    centres: torch.Tensor
    is_metal: torch.Tensor

    def __init__(self, settings: MofCgcnnSettings, targets: int) -> None:
        super().__init__(settings, targets)
        self.k, self.step = settings.k, settings.step
        self.metal_neighbors, self.metal_radius = settings.metal_neighbors, settings.metal_radius
        centres = gaussian_centres(settings.radius, settings.step)
        self.register_buffer("centres", centres, persistent=False)
        self.register_buffer("is_metal", torch.from_numpy(IS_METAL.copy()), persistent=False)
        self.embedding = _Atoms(settings)
        self.convolutions = nn.ModuleList(
            MetalConvolution(settings, len(centres)) for _ in range(settings.layers)
        )
        names = feature_names(_PORES)
        self.columns = [names.index(name) for name in _DESCRIPTORS] if settings.pores else []
        self.pores = Standardised(len(self.columns)) if self.columns else None
        self.hidden = nn.Linear(settings.width + len(self.columns), settings.head_width)
        self.output = nn.Linear(settings.head_width, targets)

    @classmethod
    def graph_settings(cls, settings: MofCgcnnSettings) -> GraphSettings:
        return GraphSettings(
            k=max(settings.k, settings.metal_neighbors),
            features=_PORES if settings.pores else (),
        )

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; see `Model.look`."""
        atoms = self.embedding(batch)
        neighbors = batch.neighbors[:, : self.k]
        edges = gaussians(batch.distances[:, : self.k], self.centres, self.step)
        for convolution in self.convolutions:
            atoms = convolution(atoms, edges, neighbors)
        pooled = self._pool(atoms, batch)
        if self.pores is not None:
            assert batch.features is not None
            pooled = torch.cat([pooled, self.pores(batch.features[:, self.columns])], dim=1)
        return self.output(softplus(self.hidden(pooled))), pooled

    def pooled_atoms(self, batch: GraphBatch) -> torch.Tensor:
        """Return (N,) bool: the metals and the nearest atoms of each, or all where none is metal.

        An atom of the cell belongs if any of its images does.
        """
        metal = self.is_metal[batch.species]
        close = batch.distances[metal, : self.metal_neighbors] <= self.metal_radius
        chosen = metal.clone()
        chosen[batch.neighbors[metal, : self.metal_neighbors][close]] = True
        metals = sum_pool(metal.long()[:, None], batch)[:, 0]
        return chosen | (metals == 0)[batch.owner]

    def _pool(self, atoms: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
        """Return (B, F): the mean over the atoms that count."""
        chosen = self.pooled_atoms(batch).to(atoms.dtype)[:, None]
        return sum_pool(atoms * chosen, batch) / sum_pool(chosen, batch)
