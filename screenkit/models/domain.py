"""Domain: how far a structure is from those that a model has learned from.

A structure is its embedding (`Model.embed`), each number less its mean over the training set, over
its deviation there. Kept are those of training structures that stand for all: farthest points, so
that none that was left out is far from one that was kept. A structure is as far out as the nearest
of them; 1 is a distance that `QUANTILE` of structures kept apart from training stay below.

Euclidean distance to the nearest neighbour in a learned space as in Janet et al. 2019, Chem. Sci.
10, 7913.

Not covered: a structure that is near the others in this space and yet unlike them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from screenkit.farthest import farthest

KEPT = 1500
"""Training structures that stand for all, at most."""
QUANTILE = 0.95
"""Share of the calibration structures that are within the domain."""
_LARGEST = 1000.0  # deviations; what is beyond is far out, too, and fits into 16 bits


@dataclass(frozen=True, slots=True, eq=False)
class Domain:
    """Where a model's training set lies in the space of its embeddings, E dimensions."""

    centre: np.ndarray
    """(E,) float32. Mean over the training set."""
    scale: np.ndarray
    """(E,) float32. Deviation over the training set; where that is 0, the least that is not."""
    points: np.ndarray
    """(m, E) float16. Standardised embeddings of the structures that stand for all."""
    threshold: float
    """Distance that counts as 1."""
    chosen: str
    """How points and threshold were chosen, in words."""

    def __post_init__(self) -> None:
        width = self.points.shape[1:]
        if not len(self.points) or self.centre.shape != width or self.scale.shape != width:
            raise ValueError("points, centre and scale of a domain do not fit each other")
        if not (np.isfinite(self.points).all() and self.threshold > 0 and (self.scale > 0).all()):
            raise ValueError("a domain needs finite points, and scales and a threshold above 0")

    @classmethod
    def learn(cls, training: np.ndarray, calibration: np.ndarray) -> Domain | None:
        """Return the domain of a training set (n, E), as calibration structures (c, E) mark it.

        None where an embedding is not finite, as after a training that ran away.
        """
        if not (np.isfinite(training).all() and np.isfinite(calibration).all()):
            return None
        wide = training.astype(np.float64)
        spread = wide.std(axis=0)
        flat = spread <= 1e-6 * np.abs(wide).max(axis=0).clip(1e-12)
        least = spread[~flat].min() if not flat.all() else 1.0
        centre = wide.mean(axis=0).astype(np.float32)
        scale = np.where(flat, least, spread).astype(np.float32)
        given = torch.from_numpy(training.astype(np.float32))
        points = _standardised(given, torch.from_numpy(centre), torch.from_numpy(scale)).numpy()
        # From the middle outwards.
        points = points[np.argsort(np.square(points.astype(np.float32)).sum(1), kind="stable")]
        kept = points[farthest(points.astype(np.float32), KEPT)]
        chosen = (
            f"{len(kept)} of {len(training)} training structures, farthest points; 1 is what "
            f"{QUANTILE:.0%} of {len(calibration)} calibration structures stay below"
        )
        domain = cls(centre, scale, kept, 1.0, chosen)
        apart = Scope(domain)(torch.from_numpy(calibration.astype(np.float32)))[1].numpy()
        return replace(domain, threshold=max(float(np.quantile(apart, QUANTILE)), 1e-6))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the arrays as they stand in a checkpoint."""
        arrays = {"centre": self.centre, "scale": self.scale, "points": self.points}
        return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}

    def header(self) -> dict[str, float | str]:
        """Return the rest as it stands in a checkpoint."""
        return {"threshold": self.threshold, "chosen": self.chosen}

    @classmethod
    def read(cls, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> Domain:
        """Return what `tensors` and `header` gave; ValueError where they do not fit."""
        arrays = {name: tensors[name].numpy() for name in ("centre", "scale", "points")}
        return cls(**arrays, threshold=float(header["threshold"]), chosen=str(header["chosen"]))


class Scope(torch.nn.Module):
    """A Domain on a device."""

    centre: torch.Tensor
    scale: torch.Tensor
    points: torch.Tensor
    lengths: torch.Tensor

    def __init__(self, domain: Domain) -> None:
        super().__init__()
        points = torch.from_numpy(domain.points).double()
        self.threshold = domain.threshold
        self.register_buffer("centre", torch.from_numpy(domain.centre))
        self.register_buffer("scale", torch.from_numpy(domain.scale))
        self.register_buffer("points", points)
        self.register_buffer("lengths", points.square().sum(1))

    def forward(self, embeddings: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return standardised embeddings (B, E) float16 and distances (B,) float64 to the nearest
        point, 1 at the threshold, of `embeddings` (B, E).

        Distances are of the rounded embeddings, in float64: the sums are then as good as exact, so
        that the company in a batch does not change them.
        """
        points = _standardised(embeddings, self.centre, self.scale)
        exact = points.double()
        squares = exact.square().sum(1, keepdim=True) + self.lengths - 2 * exact @ self.points.T
        return points, squares.min(1).values.clamp_min(0).sqrt() / self.threshold


def _standardised(
    embeddings: torch.Tensor, centre: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Return (n, E) float16 of (n, E)."""
    return ((embeddings.float() - centre) / scale).clamp(-_LARGEST, _LARGEST).half()
