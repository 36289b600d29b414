"""Trees: gradient-boosted regression trees over numbers for the crystal as a whole.

What a network must beat (Moosavi et al. 2020 predict the same adsorption properties from such
descriptors). Friedman 2001, algorithm 1, with the subsampling of Friedman 2002:

    F(x) = start + rate * sum_m tree_m(x)

Each tree is kept whole, with `depth` questions on every way to a leaf: question i is followed by
2 i + 1 where the feature is at most the threshold, by 2 i + 2 where it is larger. A way that ends
earlier asks on without consequence. `learn/trees.py` grows them.

Not covered: weights of atoms, since no atom is looked at by itself; missing features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field

from screenkit.errors import CheckpointError
from screenkit.graph.batch import GraphBatch
from screenkit.graph.features import FeatureName, feature_names
from screenkit.graph.graph import GraphSettings
from screenkit.models.contract import AtomWeights, Model
from screenkit.settings import Settings


class TreesSettings(Settings):
    """Settings of the trees and of how they grow."""

    features: tuple[FeatureName, ...] = Field(
        default=("composition", "density", "pores"), min_length=1
    )
    """What the trees ask about; see `graph.features`."""
    n_trees: int = Field(default=500, ge=1, le=10_000)
    """Trees per target, at most; the best number by validation is kept."""
    depth: int = Field(default=6, ge=1, le=12)
    """Questions from the root to a leaf, at most."""
    learning_rate: float = Field(default=0.05, gt=0, le=1)
    """What each tree counts."""
    subsample: float = Field(default=0.7, gt=0, le=1)
    """Share of the structures that each tree sees."""
    max_features: float = Field(default=0.3, gt=0, le=1)
    """Share of the features that each question is chosen from."""
    min_samples_leaf: int = Field(default=3, ge=1)
    """Structures that a leaf needs."""


class Trees(Model):
    """Gradient-boosted trees."""

    settings_class = TreesSettings
    learned_by: ClassVar[Literal["gradient", "boosting"]] = "boosting"
    settings: TreesSettings
    start: torch.nn.Parameter
    """(T,) float64. What holds before the first tree."""
    feature: torch.Tensor
    """(T, trees, 2^depth - 1) int64. Which feature each question is about."""
    threshold: torch.Tensor
    """(T, trees, 2^depth - 1) float64. Up to there, to the left."""
    value: torch.Tensor
    """(T, trees, 2^depth) float64. Of each leaf, learning rate included."""

    def __init__(self, settings: TreesSettings, targets: int) -> None:
        super().__init__(settings, targets)
        shape = (targets, settings.n_trees)
        inner, leaves = 2**settings.depth - 1, 2**settings.depth
        # A parameter, not a buffer, since a network's device is read off its first parameter.
        self.start = torch.nn.Parameter(torch.zeros(targets, dtype=torch.float64), False)
        self.register_buffer("feature", torch.zeros(*shape, inner, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(*shape, inner, dtype=torch.float64))
        self.register_buffer("value", torch.zeros(*shape, leaves, dtype=torch.float64))

    @classmethod
    def graph_settings(cls, settings: TreesSettings) -> GraphSettings:
        """Return the graphs that trees with these settings must be given: k = 1 for the checks."""
        return GraphSettings(k=1, features=settings.features)

    def look(self, batch: GraphBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sums of the leaves that each crystal falls into, and its features. See
        `Model.look`."""
        assert batch.features is not None
        # Compared as float64, like scikit-learn, whose thresholds lie between two float32.
        given = batch.features.double()
        outputs = []
        for t in range(self.targets):
            place = given.new_zeros((len(given), self.settings.n_trees), dtype=torch.int64)
            for _ in range(self.settings.depth):
                asked = self.feature[t].gather(1, place.T).T
                bound = self.threshold[t].gather(1, place.T).T
                place = 2 * place + 1 + (given.gather(1, asked) > bound).long()
            leaf = place - (2**self.settings.depth - 1)
            outputs.append(self.start[t] + self.value[t].gather(1, leaf.T).sum(0))
        return torch.stack(outputs, dim=1).float(), batch.features

    @classmethod
    def pack(cls, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the same trees in about half the room; every prediction stays the same.

        Features are float32, so a threshold may be rounded down to one.
        """
        packed = dict(weights)
        packed["feature"] = weights["feature"].to(torch.int16)
        exact = weights["threshold"].double()
        near = exact.float()
        below = torch.nextafter(near, torch.full_like(near, -torch.inf))
        packed["threshold"] = torch.where(near.double() > exact, below, near)
        return packed

    @property
    def atom_weights_are(self) -> AtomWeights:
        """There are none."""
        return "none"

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Take over the trees of a file.

        Raises:
            RuntimeError: they do not fit the settings.
            CheckpointError: they ask about features that there are not.
        """
        known = super().load_state_dict(state_dict, strict, assign)
        features = len(feature_names(self.settings.features))
        if bool(((self.feature < 0) | (self.feature >= features)).any()):
            raise CheckpointError(
                f"the trees do not fit: a question is about none of the {features} features",
                hint="the file is damaged or was edited; fetch or train it again",
            )
        return known
