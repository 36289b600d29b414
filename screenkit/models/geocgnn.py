"""geo-CGNN: messages gated by distances and by plane waves of the crystal (Cheng et al. 2021).

    x_i <- x_i + sum_j sg(BN(W_g f_ij)) * ELU(BN(W_m f_ij)) * (z1 + z2)
    f_ij = [x_i | x_j | (x_i - x_j) / r]
    z1 = W_1 phi(r),  z2 = W_3 (p * sg(BN(W_2 p))),  p = cos(k . r_ij) / sqrt(V)

with phi the Gaussians of PhysNet and k a Monkhorst-Pack grid of the reciprocal primitive cell;
after each block a gated mean over the atoms, whose sum over the blocks is the crystal. What the
published program does otherwise, and what was chosen, is in `docs/papers.md`.

Not covered: the published weights (their shapes fit no settings of the published program).
"""

from __future__ import annotations

import itertools
import math

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from screenkit.crystal.elements import SYMBOLS
from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import Model
from screenkit.models.layers import mean_pool
from screenkit.settings import Settings


class GeoCgnnSettings(Settings):
    """Settings of geo-CGNN; the defaults are those of the published program."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom."""
    cutoff: float = Field(default=8.0, gt=0)
    """Å. Neighbours beyond it say nothing."""
    width: int = Field(default=128, ge=1, le=1024)
    """Numbers per atom."""
    gaussians: int = Field(default=64, ge=2, le=1000)
    """Numbers per distance."""
    k_points: int = Field(default=4, ge=1, le=8)
    """Points of the reciprocal grid along each axis. Those at k and -k are one plane wave."""
    blocks: int = Field(default=6, ge=1, le=16)
    """Convolutions."""
    head_layers: int = Field(default=3, ge=1, le=8)
    """Linear maps between the pooled crystal and the targets, the last included."""


def monkhorst_pack(points: int) -> torch.Tensor:
    """Return (P, 3) float32: fractions of the reciprocal vectors, one of each pair k and -k.

    Source: Monkhorst and Pack 1976, u_r = (2 r - q - 1) / 2 q.
    """
    axis = [(2 * r - points - 1) / (2 * points) for r in range(1, points + 1)]
    grid = torch.tensor(list(itertools.product(axis, repeat=3)))
    return grid[len(grid) // 2 :]


def plane_waves(batch: GraphBatch, fractions: torch.Tensor) -> torch.Tensor:
    """Return (N, k, P): cos(k . r) / sqrt(V in Å^3) of each neighbour for k-points (P, 3).

    The graphs must carry the feature `primitive`, and no other.
    """
    assert batch.features is not None
    lattices = batch.features.view(-1, 3, 3)
    volumes = torch.linalg.det(lattices).abs()
    vectors = 2.0 * math.pi * torch.linalg.inv(lattices) @ fractions.T  # (B, 3, P)
    phases = batch.vectors @ vectors[batch.owner]
    return torch.cos(phases) / volumes.sqrt()[batch.owner][:, None, None]


def physnet_gaussians(distances: torch.Tensor, count: int, cutoff: float) -> torch.Tensor:
    """Return (N, k, count): Gaussians of exp(-d) that fade to 0 at the cutoff (Å).

    Source: Unke and Meuwly 2019, Eq. 7 and 8.
    """
    nearest = math.exp(-cutoff)
    centres = torch.linspace(nearest, 1.0, count, device=distances.device)
    sharpness = (2.0 / count * (1.0 - nearest)) ** -2
    x = (distances / cutoff).clamp(max=1.0)
    fade = 1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2)
    waves = torch.exp(-sharpness * (torch.exp(-distances)[..., None] - centres).square())
    return fade[..., None] * waves


class GeoCgnnConvolution(nn.Module):
    """Sum of gated messages, weighed by Gaussians and plane waves, and the residual."""

    def __init__(self, settings: GeoCgnnSettings) -> None:
        super().__init__()
        width, waves = settings.width, len(monkhorst_pack(settings.k_points))
        self.pair = nn.Linear(3 * width, 2 * width, bias=False)  # gate and message
        self.norm = nn.BatchNorm1d(2 * width)
        self.gaussians = nn.Linear(settings.gaussians, width, bias=False)
        self.wave_gate = nn.Linear(waves, waves, bias=False)
        self.wave_norm = nn.BatchNorm1d(waves)
        self.waves = nn.Linear(waves, width, bias=False)

    def forward(
        self,
        atoms: torch.Tensor,
        basis: torch.Tensor,
        waves: torch.Tensor,
        inverse: torch.Tensor,
        neighbors: torch.Tensor,
    ) -> torch.Tensor:
        """Return new atom vectors (N, F).

        Args:
            atoms: (N, F).
            basis: (N, k, G) Gaussians.
            waves: (N, k, P) plane waves.
            inverse: (N, k) 1/Å, 1/r where the neighbour is within the cutoff, else 0.
            neighbors: (N, k).
        """
        n, k = neighbors.shape
        own, other, difference = self.pair.weight.split(atoms.shape[1], dim=1)
        slope = functional.linear(atoms, difference)
        there = torch.cat([functional.linear(atoms, other), slope], dim=1)
        told, slopes = functional.embedding(neighbors, there).chunk(2, dim=2)
        pairs = told + functional.linear(atoms, own)[:, None]
        pairs = pairs + (slope[:, None] - slopes) * inverse[..., None]
        gate, message = self.norm(pairs.flatten(0, 1)).view(n, k, -1).chunk(2, dim=2)
        wave_gate = torch.sigmoid(self.wave_norm(self.wave_gate(waves).flatten(0, 1)))
        weights = self.gaussians(basis) + self.waves(waves * wave_gate.view_as(waves))
        weights = weights * (inverse > 0)[..., None]
        return atoms + (torch.sigmoid(gate) * functional.elu(message) * weights).sum(1)


class GatedPool(nn.Module):
    """Mean over the atoms of sg(BN(W_g x)) * ELU(BN(W_m x))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * width, bias=False)
        self.norm = nn.BatchNorm1d(2 * width)

    def forward(self, atoms: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
        """Return (B, F) of (N, F)."""
        gate, value = self.norm(self.linear(atoms)).chunk(2, dim=1)
        return mean_pool(torch.sigmoid(gate) * functional.elu(value), batch)


class GeoCgnn(Model):
    """geo-CGNN with one output per target."""

    settings_class = GeoCgnnSettings
    settings: GeoCgnnSettings
    fractions: torch.Tensor

    def __init__(self, settings: GeoCgnnSettings, targets: int) -> None:
        super().__init__(settings, targets)
        width, blocks = settings.width, range(settings.blocks)
        self.embedding = nn.Embedding(len(SYMBOLS), width)
        nn.init.normal_(self.embedding.weight, std=1.0 / math.sqrt(width))
        self.register_buffer("fractions", monkhorst_pack(settings.k_points), persistent=False)
        self.convolutions = nn.ModuleList(GeoCgnnConvolution(settings) for _ in blocks)
        self.pools = nn.ModuleList(GatedPool(width) for _ in blocks)
        self.after = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in blocks)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in blocks)
        self.hidden = nn.ModuleList(
            nn.Linear(width, width) for _ in range(settings.head_layers - 1)
        )
        self.output = nn.Linear(width, targets)

    @classmethod
    def graph_settings(cls, settings: GeoCgnnSettings) -> GraphSettings:
        return GraphSettings(k=settings.k, features=("primitive",))

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; the batch needs the feature `primitive`. See
        `Model.look`."""
        cutoff = self.settings.cutoff
        with torch.autocast(batch.distances.device.type, enabled=False):  # phases need float32
            waves = plane_waves(batch, self.fractions)
        basis = physnet_gaussians(batch.distances, self.settings.gaussians, cutoff)
        inverse = torch.where(batch.distances < cutoff, 1.0 / batch.distances, 0.0)
        atoms = self.embedding(batch.species)
        crystals = atoms.new_zeros(len(batch), self.settings.width)
        blocks = zip(self.convolutions, self.pools, self.after, self.norms, strict=True)
        for convolution, pool, after, norm in blocks:
            atoms = convolution(atoms, basis, waves, inverse, batch.neighbors)
            crystals = crystals + pool(atoms, batch)
            atoms = functional.elu(norm(after(atoms)))
        pooled = crystals
        for layer in self.hidden:
            crystals = functional.elu(layer(crystals))
        return self.output(crystals), pooled
