"""How to train, as a recipe says it; `learn/fit.py` reads it, and wakes torch."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from screenkit.settings import Settings


class FitSettings(Settings):
    """How to train. Optimiser, learning rate and batches are by default those of Zhang et al. 2021;
    what the paper leaves open is in `docs/papers.md`."""

    epochs: int = Field(default=150, ge=1)
    """Passes over the training set; the best epoch by validation is kept."""
    batch_size: int = Field(default=32, ge=1)
    """Structures per step."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """`sgd` is stochastic gradient descent with momentum 0.9, as in Xie and Grossman 2018."""
    learning_rate: float = Field(default=3e-4, gt=0)
    """The optimiser's, at the start."""
    schedule: Literal["steps", "cosine"] = "steps"
    """How the learning rate falls. `steps`: see `decay_every`. `cosine`: by half a period of a
    cosine, to 0 after the last epoch; a training to more epochs is then another training."""
    decay_every: int = Field(default=50, ge=1)
    """Epochs after which the learning rate is multiplied by `decay_factor`, again and again."""
    decay_factor: float = Field(default=0.1, gt=0, le=1)
    """0 to 1; see `decay_every`."""
    weight_decay: float = Field(default=0.0, ge=0)
    """The optimiser's, on the weights as L2."""
    loss: Literal["squared", "absolute"] = "squared"
    """What is made small: the square of an error, or its absolute value. For classes always the
    cross entropy."""
    valid_fraction: float = Field(default=0.1, gt=0, lt=0.5)
    """Share of the structures that choose the epoch."""
    test_fraction: float = Field(default=0.1, gt=0, lt=0.5)
    """Share of the structures that nothing is chosen by."""
    norm_batches: int = Field(default=32, ge=0)
    """Training batches from which each epoch's batch norm statistics are taken afresh; 0 keeps
    the running averages, which lag behind the weights (`docs/papers.md`)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the matrix products while training. Validation and prediction are float32."""
    start: str | None = None
    """A checkpoint of the same kind of network, or its name on the shelf, whose weights are the
    first ones; None: chance."""
    seed: int = Field(default=0, ge=0)
    """Draws the split, the first weights and the order of the structures."""

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, the first of which is 0."""
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * epoch / self.epochs))
        return self.learning_rate * self.decay_factor ** (epoch // self.decay_every)
