"""Ensemble: several networks of one kind that look at the same graphs.

Their outputs are made comparable: those of each, which stand in deviations of its own training set,
are put into those of the first.

Not covered: how outputs become one prediction and a spread (`checkpoint.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from screenkit.graph.batch import GraphBatch
from screenkit.models.contract import AtomWeights, Model


class Ensemble(Model):
    """M members with the same settings and targets; its embedding is that of the first."""

    scales: torch.Tensor
    """(M, T) float32. Deviation of each member's labels over that of the first."""
    shifts: torch.Tensor
    """(M, T) float32. Mean of each member's labels less that of the first, in its deviations."""

    def __init__(self, members: Sequence[Model], means: np.ndarray, deviations: np.ndarray) -> None:
        """Take over the members.

        Args:
            members: M of them.
            means: (M, T) of the transformed labels that each was taught.
            deviations: (M, T) of the same.
        """
        super().__init__(members[0].settings, members[0].targets)
        self.members = torch.nn.ModuleList(members)
        scales, shifts = deviations / deviations[0], (means - means[0]) / deviations[0]
        self.register_buffer("scales", torch.from_numpy(scales.astype(np.float32)))
        self.register_buffer("shifts", torch.from_numpy(shifts.astype(np.float32)))

    @property
    def _models(self) -> list[Model]:
        return [member for member in self.members if isinstance(member, Model)]

    @property
    def elements(self) -> frozenset[int] | None:
        """Atomic numbers that all members know; None: all."""
        known = [found for member in self._models if (found := member.elements) is not None]
        return frozenset.intersection(*known) if known else None

    def each(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the outputs of each member (B, M, T), and the embedding of the first (B, E)."""
        outputs, embedding = self._models[0].look(batch)
        rest = [member(batch) for member in self._models[1:]]
        return torch.stack([outputs, *rest], dim=1) * self.scales + self.shifts, embedding

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean outputs (B, T) and the embedding (B, E); see `Model.look`."""
        outputs, embedding = self.each(batch)
        return outputs.mean(1), embedding

    @property
    def atom_weights_are(self) -> AtomWeights:
        """As of the members."""
        return self._models[0].atom_weights_are

    def atom_weights(self, batch: GraphBatch) -> torch.Tensor:
        """Return the mean weights (N, T) of the members, made comparable as their outputs are."""
        weights = torch.stack([member.atom_weights(batch) for member in self._models], dim=1)
        if self.atom_weights_are != "attention":
            weights = weights * self.scales
        return (weights + self.shifts if self.atom_weights_are == "site" else weights).mean(1)
