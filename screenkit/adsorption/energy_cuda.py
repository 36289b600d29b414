"""Energy on CUDA: what `energy.probe` gives, by torch, for a device with many lanes.

Blocks of points share a list of atoms here too, larger ones. Sums over elements are products of
matrices. The same code runs on torch's CPU, slower than the compiled kernel.

Not covered: several devices at once; a worker has one.
"""

from __future__ import annotations

import numpy as np
import torch

from screenkit.adsorption.energy import NEAREST, Potential, blocks_of
from screenkit.adsorption.surroundings import Surroundings

BLOCK_WIDTH = 8.0
"""Å. Of the points that share a list of atoms: some thousand at once fill a device."""


def probe_on(
    device: str,
    atoms: Surroundings,
    pairs: Potential,
    lattice: np.ndarray,
    origin: np.ndarray,
    shape: np.ndarray,
) -> np.ndarray:
    """Return (G, na, nb, nc) float64, K, as `energy.probe` does, from a torch device."""

    def put(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), device=device)

    centers, kinds, hard = put(atoms.centers), put(atoms.kinds), put(pairs.hard)
    coefficients = [put(one).T for one in (pairs.c6, pairs.c12, pairs.shift)]
    rows, inverse = put(lattice), put(np.linalg.inv(lattice))
    energies = torch.empty((len(pairs.tail), *shape.tolist()), dtype=torch.float64, device=device)
    blocks = blocks_of(atoms, lattice / shape[:, None])
    for first in np.ndindex(*(-(-shape // blocks)).tolist()):
        start = np.array(first) * blocks
        stop = np.minimum(start + blocks, shape)
        steps = [torch.arange(i, j) for i, j in zip(start, stop, strict=True)]
        places = torch.stack(torch.meshgrid(*steps, indexing="ij"), dim=-1).reshape(-1, 3)
        fractional = places.to(device) / put(shape.astype(np.float64)) + put(origin) @ inverse
        points = (fractional - fractional.mean(0).floor()) @ rows
        middle = points.mean(0)
        reach = atoms.cutoff + (points - middle).norm(dim=1).max()
        near = (centers - middle).norm(dim=1) <= reach
        found = _energies(points, centers[near], kinds[near], coefficients, hard, atoms.cutoff)
        found += put(pairs.tail)
        a, b, c = (slice(int(i), int(j)) for i, j in zip(start, stop, strict=True))
        energies[:, a, b, c] = found.T.reshape(-1, *(stop - start).tolist())
    return energies.cpu().numpy()


def _energies(
    points: torch.Tensor,
    centers: torch.Tensor,
    kinds: torch.Tensor,
    coefficients: list[torch.Tensor],
    hard: torch.Tensor,
    cutoff: float,
) -> torch.Tensor:
    """(P, G) float64, K. Of P points among m atoms, in a few pieces that fit into memory."""
    c6, c12, shift = (one[kinds] for one in coefficients)
    parts = []
    for some in points.split(max(1, 2**24 // max(len(centers), 1))):
        d2 = ((some[:, None] - centers) ** 2).sum(-1)
        within = (d2 < cutoff**2).double()
        inverse = (within / d2.clamp(min=NEAREST**2)) ** 3
        energy = inverse**2 @ c12 - inverse @ c6 - within @ shift
        inside = (d2 < hard[kinds] ** 2).any(dim=1)
        parts.append(energy.masked_fill(inside[:, None], torch.inf))
    return torch.cat(parts)
