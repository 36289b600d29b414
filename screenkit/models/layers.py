"""Pieces that models are made of; they keep no weights."""

from __future__ import annotations

import torch

from screenkit.graph.batch import GraphBatch


def mean_pool(values: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
    """Return (B, F): the mean over each crystal's atoms of `values` (N, F)."""
    total = values.new_zeros(len(batch), values.shape[1])
    total.index_add_(0, batch.owner, values)
    return total / batch.counts.to(values.dtype)[:, None]


def exponential_decays(distances: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Return (N, k, E): exp(-d / lambda) of distances (N, k) for E decay lengths (E,), both Å."""
    return torch.exp(-distances[..., None] / lengths)


def sum_of_slots(slots: torch.Tensor, neighbors: torch.Tensor) -> torch.Tensor:
    """Return (N, F): for each atom, the sum over m of row m of its m-th neighbour's `slots`.

    What a neighbour says depends on the place it has in the list, so each atom offers k
    messages, `slots` (N, k, F), and its neighbours (N, k) pick one each. This equals a linear map
    of the k concatenated neighbours and never writes the (N, k * F) concatenation.
    """
    n, k, width = slots.shape
    rows = neighbors * k + torch.arange(k, device=neighbors.device)
    return torch.nn.functional.embedding_bag(rows, slots.reshape(n * k, width), mode="sum")
