"""What k-NAGCN knows of directions: three descriptions of where the k nearest neighbours stand.

- `frame_coordinates`: coordinates in a local frame, Algorithm 1 of Zhang et al. 2021. Exact, but it
  jumps where two neighbours tie, because one of them is chosen to set an axis.
- `sorted_cosines` and `angular_moments`: numbers made of angles alone. They turn with nothing,
  choose nothing, and follow a small move of an atom by a small step.

Not covered: torsions; a crystal and its mirror image have the same angles.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from screenkit.crystal.neighbors import TIE_TOLERANCE
from screenkit.graph.batch import GraphBatch
from screenkit.graph.frames import COLLINEAR

MOMENT_RADII = (1.5, 2.5, 4.0)
"""Å. Widths of the Gaussians that weigh the other neighbours."""
MOMENT_ORDERS = 4
"""Legendre polynomials of the angle, from the first on."""


def frame_coordinates(vectors: torch.Tensor) -> torch.Tensor:
    """Return (N, k, 3) Å: neighbours (N, k, 3) in their atom's frame; the first two set its axes.

    The same frames as `graph.frames.local_frames`, for an order of neighbours of one's own.

    Source: Zhang et al. 2021, Algorithm 1.
    """
    third = torch.nn.functional.normalize(vectors[:, 0], dim=1)
    along = (vectors * third[:, None]).sum(2, keepdim=True)
    across = vectors - along * third[:, None]
    square = across.square().sum(2)
    usable = square > COLLINEAR**2 * (along[..., 0].square() + square)
    usable[:, 0] = False
    first = usable.to(torch.int8).argmax(1)
    chosen = across[torch.arange(len(across), device=across.device), first]
    # All on one line: any direction across it serves.
    axis = torch.nn.functional.one_hot(third.abs().argmin(1), 3).to(vectors.dtype)
    spare = axis - (axis * third).sum(1, keepdim=True) * third
    second = torch.where(usable.any(1, keepdim=True), chosen, spare)
    second = torch.nn.functional.normalize(second, dim=1)
    frames = torch.stack([torch.linalg.cross(second, third), second, third], dim=1)
    return vectors @ frames.transpose(1, 2)


def sorted_cosines(batch: GraphBatch) -> torch.Tensor:
    """Return (N, k, k - 1): cosines between each neighbour and the others, largest first."""
    # Symmetric, so that the first axis may be sorted as well as the last.
    cosines = sort_descending(_cosines(batch).transpose(0, 1).contiguous())
    return cosines[1:].permute(1, 2, 0)  # the first is its own


def sort_descending(rows: torch.Tensor) -> torch.Tensor:
    """Return (k, ...) with each column in descending order, by a network of exchanges.

    Whole rows are compared at once, which for columns this short is several times as fast as
    sorting one after the other. Batcher 1968, AFIPS 32, 307: odd-even merging.
    """
    sorted_rows = list(rows)
    for i, j in _exchanges(len(rows)):
        first, second = sorted_rows[i], sorted_rows[j]
        sorted_rows[i] = torch.maximum(first, second)
        sorted_rows[j] = torch.minimum(first, second)
    return torch.stack(sorted_rows)


@functools.lru_cache(maxsize=16)
def _exchanges(k: int) -> list[tuple[int, int]]:
    """Return which rows are compared with which, one after the other."""
    pairs = []
    span = 1
    while span < k:
        gap = span
        while gap:
            for start in range(gap % span, k - gap, 2 * gap):
                for low in range(start, min(start + gap, k - gap)):
                    if low // (2 * span) == (low + gap) // (2 * span):
                        pairs.append((low, low + gap))
            gap //= 2
        span *= 2
    return pairs


def angular_moments(batch: GraphBatch) -> torch.Tensor:
    """Return (N, k, R * P): for neighbour j of atom i, radius r and order p, the sum over others m

        w_r(d_im) (1 - (d_im / d_ik)^2)^2 P_p(cos theta_jm)

    with w_r a Gaussian of the distance (`MOMENT_RADII`), P_p a Legendre polynomial, and d_ik the
    distance of the farthest of the k. The factor takes the farthest shell out, so that it does not
    matter which of its members were cut off at place k. Where all k stand in one shell nothing is
    left, and the moments are 0.
    """
    cosines = _cosines(batch)
    distances = batch.distances[..., None]
    radii = torch.tensor(MOMENT_RADII, device=distances.device)
    reach = batch.distances.amax(1)[:, None, None]
    fade = (1.0 - (distances / reach).square()).square()
    weights = torch.exp(-(distances / radii).square()) * fade  # (N, m, R)
    before, now = torch.ones_like(cosines), cosines
    moments = []
    for order in range(1, MOMENT_ORDERS + 1):
        moments.append(now @ weights - weights)  # P_p(1) = 1: its own
        after = ((2 * order + 1) * cosines * now - order * before) / (order + 1)
        before, now = now, after
    return torch.cat(moments, dim=2)


def _cosines(batch: GraphBatch) -> torch.Tensor:
    """(N, k, k). Between the directions of neighbours."""
    directions = batch.vectors / batch.distances[..., None]
    return directions @ directions.transpose(1, 2)


def random_keys(batch: GraphBatch) -> torch.Tensor:
    """Return (N, k) in [0, 1): new ones at every call, from torch's generator."""
    return torch.rand(batch.distances.shape, device=batch.distances.device)


def fixed_keys(k: int, order: int, device: torch.device) -> torch.Tensor:
    """Return (1, k) in [0, 1): for each place a number that depends on `order` alone.

    Equal for all atoms, so that a prediction does not depend on what else is in its batch.
    """
    keys = np.random.default_rng([k, order]).random((1, k), dtype=np.float32)
    return torch.from_numpy(keys).to(device)


def shuffle_ties(batch: GraphBatch, keys: torch.Tensor) -> torch.Tensor:
    """Return (N, k) int64: an order of the neighbours that differs from the given only in ties.

    Neighbours tie where they are of one element and the gaps between their distances are at most
    `TIE_TOLERANCE`; they are put in ascending order of their keys, (N, k) or (1, k) in [0, 1).
    """
    species = batch.species[batch.neighbors]
    ascending, _ = torch.sort(batch.distances, dim=1)
    apart = (ascending.diff(dim=1) > TIE_TOLERANCE) | (species[:, 1:] != species[:, :-1])
    group = torch.nn.functional.pad(apart.cumsum(1), (1, 0))
    return torch.argsort(group + keys, dim=1, stable=True)
