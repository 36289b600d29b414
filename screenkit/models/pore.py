"""Pore: a network that looks at the atoms of a crystal and at its pores.

The atom half is k-NAGCN's convolution with the angles between neighbours (`knagcn.py`), and starts
from what tables say of the elements, so that a rare metal is like its neighbours in the periodic
table. The pore half reads numbers of the crystal as a whole (`graph/features.py`). As these have
long tails, each, as deviations z from its mean over the training set, is bent to
x = z / sqrt(1 + (z / 5)^2), which stays within 5. Then

    p = MLP(x)
    y = W_2 SiLU(W_1 [a | p]) + L x

with a the pooled atoms, and the linear map L beginning at 0.

Not covered: where in the cell the pores are; the two halves meet when each is one vector.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import nn
from torch.nn import functional

from screenkit.crystal.elements import SYMBOLS
from screenkit.graph.batch import GraphBatch
from screenkit.graph.features import FeatureName, feature_names
from screenkit.graph.graph import Graph, GraphSettings
from screenkit.models.atom_tables import property_table
from screenkit.models.contract import AtomWeights, Model
from screenkit.models.knagcn import (
    KNagcnConvolution,
    KNagcnSettings,
    angles_of,
    convolve,
    decay_lengths_of,
    edges_of,
)
from screenkit.models.layers import mean_pool
from screenkit.settings import Settings

_LIMIT = 5.0  # deviations
_FAR = 1e6  # likewise; the square is still finite
_LEAST = 1e-30  # a deviation over which one may divide in single precision


class PoreNetSettings(Settings):
    """Settings of the network; `atoms: false` and `features: []` leave out one of its halves."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom."""
    atoms: bool = True
    """Whether it looks at atoms."""
    width: int = Field(default=64, ge=1, le=1024)
    """Numbers per atom."""
    edge_width: int = Field(default=16, ge=1, le=256)
    """Numbers per distance."""
    decay_lengths: tuple[float, float] = (0.5, 16.0)
    """Å. First and last decay length; the others lie between at equal ratios."""
    layers: int = Field(default=3, ge=0, le=16)
    """Convolutions. 0: of the atoms only their elements are seen."""
    features: tuple[FeatureName, ...] = ("density", "landscape", "composition")
    """What the pore half reads; see `graph.features`."""
    pore_width: int = Field(default=128, ge=1, le=1024)
    """Width of the pore half."""
    pore_layers: int = Field(default=2, ge=1, le=8)
    """Its layers."""
    linear: bool = True
    """Whether the targets are also a linear map of the features."""
    head_width: int = Field(default=128, ge=1, le=1024)
    """Width of the layer between both halves and the targets."""

    @model_validator(mode="after")
    def _something_is_seen(self) -> Self:
        if not (self.atoms or self.features):
            raise ValueError("a network without features needs atoms: true")
        return self

    @property
    def convolution(self) -> KNagcnSettings:
        """Of the atom half."""
        shared = {"k", "width", "edge_width", "decay_lengths"}
        return KNagcnSettings(**self.model_dump(include=shared))


class Elements(nn.Module):
    """The first vector of each element: a linear map of what tables say of it
    (`models/atom_tables.py: property_table`), and a learned one, which begins at 0. So elements
    that no training shows keep what is mapped."""

    properties: torch.Tensor
    """(119, P) float32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.learned = nn.Embedding(len(SYMBOLS), width)
        nn.init.zeros_(self.learned.weight)
        table = torch.from_numpy(property_table())
        self.register_buffer("properties", table, persistent=False)
        self.mapped = nn.Linear(table.shape[1], width, bias=False)
        length = float(table[1:].square().sum(1).mean())
        nn.init.normal_(self.mapped.weight, std=1.0 / math.sqrt(width * length))

    def table(self) -> torch.Tensor:
        """Return (119, F) float32. Row = atomic number."""
        with torch.autocast(self.properties.device.type, enabled=False):
            return self.learned.weight + self.mapped(self.properties)

    def forward(self, species: torch.Tensor) -> torch.Tensor:
        """Return (N, F) float32 from atomic numbers (N,)."""
        return functional.embedding(species, self.table())


class Bent(nn.Module):
    """Numbers of crystals (B, D), none of them far from 0; see above."""

    centre: torch.Tensor
    """(D,) float32. Mean over the training set."""
    scale: torch.Tensor
    """(D,) float32. 1 over the deviation there; 0 where all are equal."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def learn(self, numbers: np.ndarray) -> None:
        """Take mean and deviation from those of the training set, (n, D)."""
        wide = numbers.astype(np.float64)
        spread = wide.std(axis=0)
        flat = spread <= np.maximum(1e-6 * np.abs(wide).max(axis=0), _LEAST)
        scale = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, spread))
        self.centre.copy_(torch.from_numpy(wide.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(scale))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return (B, D) float32, within 5 of 0."""
        apart = ((numbers - self.centre) * self.scale).clamp(-_FAR, _FAR)
        return apart / torch.sqrt(1.0 + (apart / _LIMIT).square())


class Pore(Model):
    """The network with one output per target."""

    settings_class = PoreNetSettings
    settings: PoreNetSettings
    decay_lengths: torch.Tensor
    embedding: Elements

    def __init__(self, settings: PoreNetSettings, targets: int) -> None:
        super().__init__(settings, targets)
        joined = 0
        if settings.atoms:
            self.embedding = Elements(settings.width)
            convolution = settings.convolution
            lengths = decay_lengths_of(convolution)
            self.register_buffer("decay_lengths", lengths, persistent=False)
            self.convolutions = nn.ModuleList(
                KNagcnConvolution(convolution) for _ in range(settings.layers)
            )
            joined += settings.width
        numbers = len(feature_names(settings.features))
        if settings.features:
            self.bent = Bent(numbers)
            self.pores = _layers(numbers, settings.pore_width, settings.pore_layers)
            joined += settings.pore_width
        self.linear: nn.Linear | None = None
        if settings.features and settings.linear:
            self.linear = nn.Linear(numbers, targets, bias=False)
            nn.init.zeros_(self.linear.weight)
        self.hidden = nn.Linear(joined, settings.head_width)
        self.output = nn.Linear(settings.head_width, targets)

    @classmethod
    def graph_settings(cls, settings: PoreNetSettings) -> GraphSettings:
        return GraphSettings(k=settings.k, ties="environment", features=settings.features)

    def prepare(self, graphs: Sequence[Graph]) -> None:
        """Take mean and deviation of the features from the training set."""
        if self.settings.features:
            self.bent.learn(np.array([graph.features for graph in graphs]))

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; see `Model.look`."""
        halves, numbers = [], None
        if self.settings.atoms:
            halves.append(mean_pool(self._atoms(batch), batch))
        if self.settings.features:
            assert batch.features is not None
            with torch.autocast(batch.features.device.type, enabled=False):
                numbers = self.bent(batch.features)
            halves.append(self.pores(numbers))
        joined = torch.cat(halves, dim=1)
        outputs = self.output(functional.silu(self.hidden(joined)))
        if numbers is not None and self.linear is not None:
            outputs = outputs + self.linear(numbers)
        return outputs, joined

    def _atoms(self, batch: GraphBatch) -> torch.Tensor:
        """Return (N, F): atom vectors after the convolutions."""
        if not self.convolutions:
            return self.embedding(batch.species)
        angles = angles_of(batch, "cosines")
        edges = edges_of(batch.distances, angles, self.decay_lengths)
        if torch.is_grad_enabled():
            return convolve(
                self.convolutions, self.embedding(batch.species), edges, batch.neighbors
            )
        table = self.embedding.table()
        return convolve(self.convolutions, table, edges, batch.neighbors, batch.species)

    @property
    def atom_weights_are(self) -> AtomWeights:
        """Gradients; none without atoms."""
        return "gradient" if self.settings.atoms else "none"


def _layers(inputs: int, width: int, count: int) -> nn.Sequential:
    widths = [inputs, *[width] * count]
    return nn.Sequential(
        *(part for pair in pairwise(widths) for part in (nn.Linear(*pair), nn.SiLU()))
    )
