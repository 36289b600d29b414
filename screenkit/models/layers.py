"""Pieces that several models are made of; all but the norms keep nothing."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from screenkit.graph.batch import GraphBatch


def sum_pool(values: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
    """Return (B, F): the sum over each crystal's atoms of `values` (N, F)."""
    return values.new_zeros(len(batch), values.shape[1]).index_add_(0, batch.owner, values)


def mean_pool(values: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
    """Return (B, F): the mean over each crystal's atoms of `values` (N, F)."""
    return sum_pool(values, batch) / batch.counts.to(values.dtype)[:, None]


def uniform_weight(inputs: int, *shape: int) -> torch.nn.Parameter:
    """Return a part of a linear map that has `inputs` in all, at torch's usual first values."""
    bound = 1.0 / math.sqrt(max(inputs, 1))
    return torch.nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


def start_glorot(model: torch.nn.Module) -> None:
    """Draw the weights of all linear maps anew as Glorot and Bengio 2010; biases start at 0.

    torch's own start shrinks what passes through; models without batch norm need this one.
    """
    for part in model.modules():
        if isinstance(part, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                torch.nn.init.zeros_(part.bias)


def segment_softmax(scores: torch.Tensor, batch: GraphBatch) -> torch.Tensor:
    """Return shares (N, F) of `scores` (N, F): their softmax over the atoms of each crystal.

    In every column the shares of one crystal's atoms sum to 1.
    """
    owner = batch.owner[:, None].expand_as(scores)
    largest = scores.detach().new_full((len(batch), scores.shape[1]), -torch.inf)
    largest = largest.scatter_reduce(0, owner, scores.detach(), "amax")
    powers = torch.exp(scores - largest[batch.owner])
    return powers / sum_pool(powers, batch)[batch.owner]


def pair_linear(
    linear: torch.nn.Linear, atoms: torch.Tensor, edges: torch.Tensor, neighbors: torch.Tensor
) -> torch.Tensor:
    """Return (N, k, O): a linear map of [x_i | x_j | u_ij], the concatenation never written.

    Args:
        linear: from 2 F + E to O.
        atoms: (N, F).
        edges: (N, k, E).
        neighbors: (N, k).
    """
    own, other, edge = linear.weight.split([atoms.shape[1]] * 2 + [edges.shape[2]], dim=1)
    total = functional.linear(edges, edge)
    total += functional.linear(atoms, own, linear.bias)[:, None]
    total += functional.embedding(neighbors, functional.linear(atoms, other))
    return total


def gaussian_centres(radius: float, step: float) -> torch.Tensor:
    """Return (E,) float32: 0, step, 2 step, ... up to the radius, all in Å."""
    return torch.arange(round(radius / step) + 1, dtype=torch.float32) * step


def gaussians(distances: torch.Tensor, centres: torch.Tensor, width: float) -> torch.Tensor:
    """Return (N, k, E): exp(-((d - mu) / width)^2) of distances (N, k) and centres (E,), all Å."""
    # In place: each pass over as many numbers costs more than what it computes. What is too small
    # for a normal float32 would cost exp ten times as long, and is 0 or 2e-35 to what comes after.
    powers = (distances[..., None] - centres).div_(width).square_().neg_()
    return powers.clamp_(min=-80.0).exp_()


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


class RowNorm(torch.nn.BatchNorm1d):
    """A batch norm of rows (R, F) that can be trained where a batch has one row or none.

    These have no deviation; they are normalised as when predicting.
    """

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return (R, F) of (R, F)."""
        if self.training and len(values) < 2:
            return functional.batch_norm(
                values, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(values)


class Standardised(RowNorm):
    """Numbers of crystals (B, D), each less its mean over the training set, over its deviation."""

    def __init__(self, width: int) -> None:
        super().__init__(width, affine=False)
