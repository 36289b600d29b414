"""Pieces that several models are made of; all but the norms keep nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional

from screenkit.graph.batch import GraphBatch
from screenkit.models.product import affine, as_autocast

PairMap = Callable[[torch.Tensor, torch.Tensor, slice], torch.Tensor]
_LOG2_E = math.log2(math.e)


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


def pair_map(linear: torch.nn.Linear, atoms: torch.Tensor, width: int) -> PairMap:
    """Return a linear map of [x_i | x_j | u_ij] for some of the atoms i; nothing is concatenated.

    Args:
        linear: from 2 F + E to O.
        atoms: (N, F).
        width: E.

    Returns:
        What makes (n, k, O) of edges (n, k, E) and neighbours (n, k) of n atoms, and who they are.
    """
    own, other, edge = linear.weight.t().split([atoms.shape[1]] * 2 + [width])
    mine, others = affine(atoms, own, linear.bias), affine(atoms, other)

    def mapped(edges: torch.Tensor, neighbors: torch.Tensor, piece: slice) -> torch.Tensor:
        return affine(edges, edge, sum_of_pairs(mine[piece], others, neighbors))

    return mapped


def sum_of_pairs(mine: torch.Tensor, others: torch.Tensor, neighbors: torch.Tensor) -> torch.Tensor:
    """Return (n, k, O): row i of `mine` (n, O) plus the rows of `others` (N, O) at its `neighbors`
    (n, k)."""
    return functional.embedding(neighbors, as_autocast(others)).add_(as_autocast(mine)[:, None])


def pair_linear(
    linear: torch.nn.Linear, atoms: torch.Tensor, edges: torch.Tensor, neighbors: torch.Tensor
) -> torch.Tensor:
    """Return (N, k, O): `pair_map` of all atoms, from edges (N, k, E) and neighbours (N, k)."""
    return pair_map(linear, atoms, edges.shape[2])(edges, neighbors, slice(None))


def pieces_for_cache(atoms: torch.Tensor, size: int) -> list[slice]:
    """Return parts of the atoms, whose arrays stay in the cache of a core while they are needed.

    All at once for gradients, which keep these arrays anyway, and for other devices.
    """
    n = len(atoms)
    if torch.is_grad_enabled() or atoms.device.type != "cpu":
        return [slice(0, n)]
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def gaussian_centres(radius: float, step: float) -> torch.Tensor:
    """Return (E,) float32: 0, step, 2 step, ... up to the radius, all in Å."""
    return torch.arange(round(radius / step) + 1, dtype=torch.float32) * step


def gaussians(distances: torch.Tensor, centres: torch.Tensor, width: float) -> torch.Tensor:
    """Return (N, k, E): exp(-((d - mu) / width)^2) of distances (N, k) and centres (E,), all Å."""
    # In place: each pass over as many numbers costs more than what it computes. What is too small
    # for a normal float32 would cost ten times as long, and is 0 or 2e-35 to what comes after.
    # exp2, for torch is slower at exp.
    powers = (distances[..., None] - centres).mul_(math.sqrt(_LOG2_E) / width).square_().neg_()
    return powers.clamp_(min=-115.0).exp2_()


def softplus_(values: torch.Tensor) -> torch.Tensor:
    """Return log(1 + exp(x)); may write over `values`. Without gradients."""
    # Of float32, torch's own takes half as long again, by its way to exp. 2^116 is still finite.
    if values.dtype != torch.float32 or not len(values) or float(values.amax()) > 80.0:
        return functional.softplus(values)
    return values.mul_(_LOG2_E).exp2_().log1p_()


def exponential_decays(
    distances: torch.Tensor, lengths: torch.Tensor, out: torch.Tensor | None = None
) -> torch.Tensor:
    """Return (N, k, E): exp(-d / lambda) of distances (N, k) for E decay lengths (E,), both Å.

    Args:
        out: (N, k, E); where to write them.
    """
    powers = torch.mul(distances[..., None], -_LOG2_E / lengths, out=out)
    return powers.exp2_()


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
