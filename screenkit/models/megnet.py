"""MEGNet: atoms, bonds and one state, each told of the others (Chen et al. 2019).

    e_ij <- e_ij + phi_e([v_i | v_j | e_ij | u])
    v_i  <- v_i  + phi_v([mean_j e_ij | v_i | u])
    u    <- u    + phi_u([mean e | mean v | u])

in blocks, phi being dense layers with softplus; then a Set2Set over atoms, one over bonds, and
dense layers. The equations are the paper's, the widths those of its program of today, matgl. What
was chosen is in `docs/papers.md`.

Not covered: states that say something (temperature, charge); u starts at 0 and is learned alone.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from screenkit.crystal.elements import SYMBOLS
from screenkit.graph.batch import GraphBatch
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import Model
from screenkit.models.layers import (
    gaussians,
    mean_pool,
    segment_softmax,
    start_glorot,
    sum_pool,
)
from screenkit.settings import Settings

_STATE = 2  # numbers that the state starts with, all 0


class MegnetSettings(Settings):
    """Settings of MEGNet; the defaults are those of matgl's documentation."""

    k: int = Field(default=12, ge=1, le=64)
    """Neighbours per atom that may be bonds; the original takes all within the cutoff."""
    cutoff: float = Field(default=5.0, gt=0)
    """Å. Neighbours beyond it are no bonds; the nearest always is one."""
    embedding_width: int = Field(default=16, ge=1, le=1024)
    """Numbers per element."""
    gaussians: int = Field(default=100, ge=2, le=1000)
    """Numbers per distance, with centres from 0 to the cutoff."""
    gaussian_width: float = Field(default=0.5, gt=0)
    """Å."""
    input_widths: tuple[int, int] = (64, 32)
    """Widths of the two dense layers before each block; the second is kept by atoms, bonds and
    state."""
    block_widths: tuple[int, int] = (64, 64)
    """Widths of the layers of each phi, before its last."""
    blocks: int = Field(default=3, ge=1, le=16)
    """Rounds of updates."""
    set2set_steps: int = Field(default=2, ge=1, le=16)
    """Times that each Set2Set looks at its set."""
    head_widths: tuple[int, int] = (32, 16)
    """Widths of the two dense layers between the Set2Sets and the targets."""


def softplus2(values: torch.Tensor) -> torch.Tensor:
    """Return log((1 + e^x) / 2): softplus through the origin."""
    return functional.softplus(values) - math.log(2.0)


class Dense(nn.ModuleList):
    """Linear maps, each with softplus after it."""

    def __init__(self, *widths: int) -> None:
        super().__init__(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return (..., last width) of (..., first width)."""
        for layer in self:
            values = softplus2(layer(values))
        return values


class Set2Set(nn.Module):
    """A set as one vector, whatever its order: an LSTM that asks, shares that answer.

    Source: Vinyals, Bengio and Kudlur 2016.
    """

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(2 * width, width)
        self.steps = steps

    def forward(self, values: torch.Tensor, kept: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
        """Return (B, 2 F): for each crystal, of `values` (N, m, F) those that are `kept` (N, m).

        Every atom must keep one at least.
        """
        width = values.shape[2]
        query = values.new_zeros(len(batch), width)
        memory, answer = torch.zeros_like(query), torch.zeros_like(query)
        for _ in range(self.steps):
            query, memory = self.cell(torch.cat([query, answer], dim=1), (query, memory))
            scores = (values @ query[batch.owner][:, :, None])[..., 0]
            scores = torch.where(kept, scores, -torch.inf)
            # Shares among all bonds of a crystal: of each atom, times of its bond.
            atoms = segment_softmax(torch.logsumexp(scores, dim=1, keepdim=True), batch)
            shares = torch.softmax(scores, dim=1) * atoms
            told = (shares[..., None] * values).sum(1)
            answer = sum_pool(told, batch)
        return torch.cat([query, answer], dim=1)


class MegnetBlock(nn.Module):
    """One round: bonds, then atoms, then the state; what came in is added to what goes out."""

    def __init__(self, settings: MegnetSettings, first: bool) -> None:
        super().__init__()
        width, hidden = settings.input_widths[1], settings.block_widths
        dense = (width,) if first else (width, *settings.input_widths)
        self.dense_bonds, self.dense_atoms, self.dense_state = (Dense(*dense) for _ in range(3))
        self.pair = nn.Linear(4 * width, hidden[0])
        self.bonds = Dense(*hidden, width)
        self.atoms = Dense(3 * width, *hidden, width)
        self.state = Dense(3 * width, *hidden, width)

    def forward(
        self,
        atoms: torch.Tensor,
        bonds: torch.Tensor,
        state: torch.Tensor,
        kept: torch.Tensor,
        batch: GraphBatch,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return new atoms (N, F), bonds (N, k, F) and state (B, F); `kept` (N, k) are bonds."""
        given = atoms, bonds, state
        atoms, state = self.dense_atoms(atoms), self.dense_state(state)
        bonds = self._new_bonds(atoms, self.dense_bonds(bonds), state, batch)
        share = kept / kept.sum(1, keepdim=True)
        around = (bonds * share[..., None]).sum(1)
        atoms = self.atoms(torch.cat([around, atoms, state[batch.owner]], dim=1))
        sums = (bonds * kept[..., None]).sum(1)
        counts = mean_pool(kept.sum(1, keepdim=True).to(bonds.dtype), batch)
        mean_bond = mean_pool(sums, batch) / counts
        state = self.state(torch.cat([mean_bond, mean_pool(atoms, batch), state], dim=1))
        return given[0] + atoms, given[1] + bonds, given[2] + state

    def _new_bonds(
        self, atoms: torch.Tensor, bonds: torch.Tensor, state: torch.Tensor, batch: GraphBatch
    ) -> torch.Tensor:
        own, other, bond, whole = self.pair.weight.split(atoms.shape[1], dim=1)
        total = functional.linear(bonds, bond)
        mine = functional.linear(state, whole, self.pair.bias)[batch.owner]
        total = total + (mine + functional.linear(atoms, own))[:, None]
        total = total + functional.embedding(batch.neighbors, functional.linear(atoms, other))
        return self.bonds(softplus2(total))


class Megnet(Model):
    """MEGNet with one output per target."""

    settings_class = MegnetSettings
    settings: MegnetSettings
    centres: torch.Tensor

    def __init__(self, settings: MegnetSettings, targets: int) -> None:
        super().__init__(settings, targets)
        width = settings.input_widths[1]
        self.embedding = nn.Embedding(len(SYMBOLS), settings.embedding_width)
        centres = torch.linspace(0.0, settings.cutoff, settings.gaussians)
        self.register_buffer("centres", centres, persistent=False)
        self.atoms_in = Dense(settings.embedding_width, *settings.input_widths)
        self.bonds_in = Dense(settings.gaussians, *settings.input_widths)
        self.state_in = Dense(_STATE, *settings.input_widths)
        self.blocks = nn.ModuleList(
            MegnetBlock(settings, first=place == 0) for place in range(settings.blocks)
        )
        self.pool_atoms = Set2Set(width, settings.set2set_steps)
        self.pool_bonds = Set2Set(width, settings.set2set_steps)
        self.hidden = Dense(5 * width, *settings.head_widths)
        self.output = nn.Linear(settings.head_widths[1], targets)
        start_glorot(self)

    @classmethod
    def graph_settings(cls, settings: MegnetSettings) -> GraphSettings:
        return GraphSettings(k=settings.k)

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return outputs and embedding; see `Model.look`."""
        kept = batch.distances < self.settings.cutoff
        kept[:, 0] = True
        atoms = self.atoms_in(self.embedding(batch.species))
        width = self.settings.gaussian_width
        bonds = self.bonds_in(gaussians(batch.distances, self.centres, width))
        state = self.state_in(atoms.new_zeros(len(batch), _STATE))
        for block in self.blocks:
            atoms, bonds, state = block(atoms, bonds, state, kept, batch)
        whole = torch.cat(
            [
                self.pool_atoms(atoms[:, None], torch.ones_like(kept[:, :1]), batch),
                self.pool_bonds(bonds, kept, batch),
                state,
            ],
            dim=1,
        )
        return self.output(self.hidden(whole)), whole
