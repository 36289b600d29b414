"""What a training makes small: how far a network's outputs are from the labels.

Not covered: weights of structures or of targets; every label that is known counts once.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from screenkit.learn.fit_settings import FitSettings


def total_loss(
    outputs: torch.Tensor, labels: torch.Tensor, classes: torch.Tensor, settings: FitSettings
) -> torch.Tensor:
    """Return the sum over all labels that are known; see `FitSettings.loss`.

    Args:
        outputs: (B, T) float32; of a class the logit.
        labels: (B, T) float32; of a class 0 or 1; NaN where missing.
        classes: (T,) bool. Which targets are classes: theirs is the cross entropy, in nats.
    """
    known = torch.isfinite(labels)
    # NaN times zero is NaN, in the gradient too: missing labels must be replaced first.
    errors = outputs - torch.where(known, labels, outputs.detach())
    losses = errors.square() if settings.loss == "squared" else errors.abs()
    if classes.any():
        inside = torch.where(known & classes, labels, torch.zeros_like(labels))
        entropy = functional.binary_cross_entropy_with_logits(outputs, inside, reduction="none")
        losses = torch.where(classes, entropy * known, losses)
    return losses.sum()
