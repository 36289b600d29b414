"""What weighs: weights of atoms, gathered by element, environment or site over many structures.

Each structure counts the same, whatever its size: shares are taken within it first, and then
averaged. So a giant cell does not drown the others, and shares of attention, which sum to 1 in any
structure, can be compared.

Not covered: how sure a mean is; atoms of one structure are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class GroupStatistics:
    """The weights of one group of atoms, such as all Zn, for T targets."""

    group: str
    atoms: int
    structures: int
    """How many have such an atom."""
    mean: np.ndarray
    """(T,) float64. Mean weight over the atoms."""
    std: np.ndarray
    """(T,) float64. Standard deviation of the same."""
    atom_share: float
    """Share of the atoms of a structure, averaged over all structures."""
    weight_share: np.ndarray
    """(T,) float64. Share of a structure's sum of |weight|, averaged over all structures."""

    @property
    def enrichment(self) -> np.ndarray:
        """(T,) float64: `weight_share` over `atom_share`; 1 where such atoms weigh like any."""
        return self.weight_share / self.atom_share


class _Sums:
    """What is kept of one group."""

    def __init__(self, targets: int) -> None:
        self.atoms = self.structures = 0
        self.atom_share = 0.0
        self.mean, self.squares, self.weight_share = np.zeros((3, targets))

    def add(self, weights: np.ndarray, atom_share: float, weight_share: np.ndarray) -> None:
        n = len(weights)
        # Chan, Golub and LeVeque 1979: means and squares of two sets become those of both.
        mean = weights.mean(axis=0)
        delta, share = mean - self.mean, n / (self.atoms + n)
        self.squares += ((weights - mean) ** 2).sum(axis=0) + delta**2 * self.atoms * share
        self.mean += delta * share
        self.atoms += n
        self.structures += 1
        self.atom_share += atom_share
        self.weight_share += weight_share


class AtomTally:
    """Takes structures one by one and keeps sums alone, so that memory does not grow with them."""

    def __init__(self, targets: int) -> None:
        self._targets = targets
        self._structures = 0
        self._sums: dict[str, _Sums] = {}

    def add(self, groups: Sequence[str], weights: np.ndarray) -> None:
        """Take in one structure: the group and the weights (n, T) of each of its atoms.

        Atoms whose group is empty belong to none, but count in the shares of the others.
        """
        self._structures += 1
        size = np.abs(weights)
        total = size.sum(axis=0)
        total = np.where(total > 0, total, 1.0)
        names, members = np.unique(np.array(groups, dtype=str), return_inverse=True)
        for g, name in enumerate(names.tolist()):
            if name:
                mine = members == g
                sums = self._sums.setdefault(name, _Sums(self._targets))
                sums.add(weights[mine], float(mine.mean()), size[mine].sum(axis=0) / total)

    def groups(self) -> list[GroupStatistics]:
        """Return every group, the most frequent first, equal ones by name."""
        found = [
            GroupStatistics(
                group=name,
                atoms=sums.atoms,
                structures=sums.structures,
                mean=sums.mean.copy(),
                std=np.sqrt(sums.squares / sums.atoms),
                atom_share=sums.atom_share / self._structures,
                weight_share=sums.weight_share / self._structures,
            )
            for name, sums in self._sums.items()
        ]
        return sorted(found, key=lambda group: (-group.atoms, group.group))
