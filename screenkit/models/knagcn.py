"""k-NAGCN: k-nearest-atom graph convolution (Zhang et al. 2021).

Each atom looks at its k nearest images, sorted by distance and, in the paper, seen in its own local
frame:

    f_i <- f_i + ReLU(BN(W [f_i, x_i, e_i1, f_1, x_1, ..., e_ik, f_k, x_k] + b))

with e the exponential decays of the distance (2.3 of the resolved equations), x the local
coordinates in Å and x_i = (0, 0, 0). What the paper leaves open, and what was chosen, is in
`docs/papers.md`.

The local frame flips where neighbours tie (`frame_ambiguous_fraction` says for what share of the
atoms). So by default x holds the neighbour's sorted cosines to the others, which flip nowhere;
`KNagcnSettings.geometry` chooses.

Not covered: atom2vec vectors from another library than the training set.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from screenkit.crystal.elements import SYMBOLS
from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import Graph, GraphSettings
from screenkit.models.angles import (
    MOMENT_ORDERS,
    MOMENT_RADII,
    angular_moments,
    fixed_keys,
    frame_coordinates,
    random_keys,
    shuffle_ties,
    sorted_cosines,
)
from screenkit.models.atom2vec import atom_vectors
from screenkit.models.contract import Model
from screenkit.models.layers import exponential_decays, mean_pool, uniform_weight
from screenkit.models.product import affine, affine_of_rows, as_autocast, sum_of_slots
from screenkit.settings import Settings


class KNagcnSettings(Settings):
    """Settings of k-NAGCN; the defaults are the paper's, or what `docs/papers.md` resolves, but for
    `geometry`: the paper's is `frame`."""

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
    geometry: Literal["frame", "cosines", "moments"] = "cosines"
    """Where the neighbours stand. `frame`: local coordinates, as in the paper. `cosines`: for each
    neighbour its k - 1 cosines to the others, sorted. `moments`: for each neighbour 12 sums over
    the others of Gaussians of distance times Legendre polynomials of the angle. The latter two
    follow small moves of atoms by small steps (`models/angles.py`)."""
    tie_augmentation: bool = False
    """Whether training draws the order of tied neighbours anew at every step (`frame` only)."""
    tie_orders: int = Field(default=1, ge=1, le=64)
    """Orders of tied neighbours that a prediction is the mean of (`frame` only); 1: as given."""
    elements: Literal["learned", "atom2vec"] = "learned"
    """How the element vectors start: at random, or from the training set's own atoms and their
    bonded neighbours (`models/atom2vec.py`). Both are then trained."""

    @property
    def geometry_width(self) -> int:
        """Numbers per neighbour beside its distance and its vector."""
        widths = {"frame": 3, "cosines": self.k - 1, "moments": len(MOMENT_RADII) * MOMENT_ORDERS}
        return widths[self.geometry]

    @property
    def own_width(self) -> int:
        """Numbers of the atom itself: its vector, and its coordinates where there are any."""
        return self.width + 3 * (self.center_xyz and self.geometry == "frame")


class KNagcnConvolution(nn.Module):
    """One linear map of an atom and its k sorted neighbours, batch norm, ReLU, residual.

    The map is kept in three parts, which sum to the map of the concatenated inputs: of the atom
    itself, of the k edges, and of the neighbours by their place.
    """

    def __init__(self, settings: KNagcnSettings) -> None:
        super().__init__()
        width, k = settings.width, settings.k
        edges = settings.edge_width + settings.geometry_width
        inputs = settings.own_width + k * (edges + width)
        self.own = uniform_weight(inputs, settings.own_width, width)
        self.edges = uniform_weight(inputs, k * edges, width)
        self.neighbors = uniform_weight(inputs, width, k * width)
        self.bias = uniform_weight(inputs, width)
        self.norm = nn.BatchNorm1d(width)
        self.edge_widths = (settings.edge_width, settings.geometry_width)

    def forward(
        self,
        atoms: torch.Tensor,
        edges: torch.Tensor,
        places: torch.Tensor,
        species: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return new atom vectors (N, F) from (N, F), `edges_of` (N, k * (E + G)), and of each atom
        its own place and those of its neighbours (N, 1 + k).

        With `species` (N,), `atoms` are the vectors of elements instead, (Z, F), and each is mapped
        once, not once for each of its atoms.
        """
        # x_i is zero: its rows of the map add nothing.
        weight = torch.cat([self.own[: atoms.shape[1]], self.neighbors], dim=1)
        if species is None:
            said = affine_of_rows(atoms, places, weight, self.bias)
        else:
            slots = affine(atoms, weight).view(len(atoms), -1, atoms.shape[1])
            said = sum_of_slots(slots, species[places]) + self.bias
            atoms = atoms[species]
        return atoms + torch.relu(self.norm(affine(edges, self._edge_map(), said)))

    def _edge_map(self) -> torch.Tensor:
        """Return (k * (E + G), F): `edges` in the order of `edges_of`."""
        by_neighbor = self.edges.view(-1, sum(self.edge_widths), len(self.bias))
        parts = by_neighbor.split(self.edge_widths, dim=1)
        return torch.cat([parts[0].flatten(0, 1), parts[1].transpose(0, 1).flatten(0, 1)])


def decay_lengths_of(settings: KNagcnSettings) -> torch.Tensor:
    """Return (E,) float32, Å: the decay lengths, at equal ratios."""
    first, last = settings.decay_lengths
    # Never without numbers: for a logspace of none torch wakes sympy.
    ends = math.log10(first), math.log10(last)
    return torch.logspace(*ends, settings.edge_width, device="cpu")


def angles_of(batch: GraphBatch, geometry: str) -> torch.Tensor:
    """Return (N, k, G) float32: `cosines` or `moments`."""
    describe = {"cosines": sorted_cosines, "moments": angular_moments}[geometry]
    with torch.autocast(batch.distances.device.type, enabled=False):  # bfloat16 rounds angles by 5°
        return describe(batch)


def edges_of(
    distances: torch.Tensor, geometry: torch.Tensor, lengths: torch.Tensor
) -> torch.Tensor:
    """Return (N, k * (E + G)): of each atom the decays of its neighbours, one neighbour after the
    other, then the first of the numbers of geometry of all, the second, ...

    Args:
        distances: (N, k), Å.
        geometry: (N, k, G).
        lengths: (E,), Å.
    """
    n, k = distances.shape
    edges = distances.new_empty(n, k * (len(lengths) + geometry.shape[2]))
    decays, others = edges.split([k * len(lengths), k * geometry.shape[2]], dim=1)
    exponential_decays(distances, lengths, out=decays.view(n, k, -1))
    others.view(n, -1, k).copy_(geometry.transpose(1, 2))
    return as_autocast(edges)


def convolve(
    convolutions: Iterable[nn.Module],
    atoms: torch.Tensor,
    edges: torch.Tensor,
    neighbors: torch.Tensor,
    species: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the atom vectors (N, F) after all convolutions.

    Args:
        convolutions: each a `KNagcnConvolution`.
        atoms: (N, F); with `species` those of elements, (Z, F).
        edges: `edges_of`.
        neighbors: (N, k).
        species: (N,); see `KNagcnConvolution.forward`.
    """
    own = torch.arange(len(neighbors), device=atoms.device)
    places = torch.cat([own[:, None], neighbors], dim=1)
    for convolution in convolutions:
        atoms = convolution(atoms, edges, places, species)
        species = None
    return atoms


class KNagcn(Model):
    """k-NAGCN with one output per target."""

    settings_class = KNagcnSettings
    settings: KNagcnSettings
    decay_lengths: torch.Tensor
    embedding: nn.Embedding

    def __init__(self, settings: KNagcnSettings, targets: int) -> None:
        super().__init__(settings, targets)
        self.embedding = nn.Embedding(len(SYMBOLS), settings.width)
        nn.init.normal_(self.embedding.weight, std=1.0 / math.sqrt(settings.width))
        self.register_buffer("decay_lengths", decay_lengths_of(settings))
        self.convolutions = nn.ModuleList(
            KNagcnConvolution(settings) for _ in range(settings.layers)
        )
        self.hidden = nn.Linear(settings.width, settings.head_width)
        self.output = nn.Linear(settings.head_width, targets)

    @classmethod
    def graph_settings(cls, settings: KNagcnSettings) -> GraphSettings:
        frames = settings.geometry == "frame"
        return GraphSettings(k=settings.k, ties="environment", frames=frames)

    def prepare(self, graphs: Sequence[Graph]) -> None:
        """Start the element vectors from the training set where the settings say `atom2vec`."""
        if self.settings.elements == "atom2vec":
            table = torch.from_numpy(atom_vectors(graphs, self.settings.width))
            with torch.no_grad():
                self.embedding.weight.copy_(table)

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; `geometry="frame"` needs frames. See `Model.look`."""
        atoms = self.embedding(batch.species)
        if self.settings.geometry != "frame":
            return self._seen(batch, atoms, angles_of(batch, self.settings.geometry))
        if self.training and self.settings.tie_augmentation:
            return self._reordered(batch, atoms, random_keys(batch))
        outputs, pooled = self._seen(batch, atoms, batch.local)
        orders = 1 if self.training else self.settings.tie_orders
        for order in range(1, orders):
            more = self._reordered(batch, atoms, fixed_keys(self.settings.k, order, atoms.device))
            outputs, pooled = outputs + more[0], pooled + more[1]
        return outputs / orders, pooled / orders

    def _reordered(
        self, batch: GraphBatch, atoms: torch.Tensor, keys: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what `look` does, with the tied neighbours of each atom ordered by their keys."""
        order = shuffle_ties(batch, keys)
        vectors = batch.vectors.take_along_dim(order[..., None], 1)
        reordered = dataclasses.replace(
            batch,
            distances=batch.distances.take_along_dim(order, 1),
            neighbors=batch.neighbors.take_along_dim(order, 1),
        )
        return self._seen(reordered, atoms, frame_coordinates(vectors))

    def _seen(
        self, batch: GraphBatch, atoms: torch.Tensor, geometry: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        edges = edges_of(batch.distances, geometry, self.decay_lengths)
        species = None
        if not torch.is_grad_enabled():
            atoms, species = self.embedding.weight, batch.species
        atoms = convolve(self.convolutions, atoms, edges, batch.neighbors, species)
        pooled = mean_pool(atoms, batch)
        return self.output(torch.relu(self.hidden(pooled))), pooled
