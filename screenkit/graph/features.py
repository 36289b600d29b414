"""Features: numbers for a crystal as a whole, for models that look at more than neighbourhoods.

Each kind of feature has a name, a fixed width and a function of the crystal; a model asks for
kinds by name (`GraphSettings.features`) and gets them side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from screenkit.crystal.crystal import Crystal

FeatureName = Literal["cell"]
"""Which kinds there are."""


def _cell(crystal: Crystal) -> np.ndarray:
    lengths = np.linalg.norm(crystal.lattice, axis=1)
    a, b, c = crystal.lattice / lengths[:, None]
    return np.concatenate([lengths, np.degrees(np.arccos([b @ c, a @ c, a @ b]))])


_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Crystal], np.ndarray]]] = {
    "cell": (("a_A", "b_A", "c_A", "alpha_deg", "beta_deg", "gamma_deg"), _cell),
}


def feature_names(kinds: Sequence[FeatureName]) -> tuple[str, ...]:
    """Return the name of each number of `describe`, with its unit."""
    return tuple(name for kind in kinds for name in _KINDS[kind][0])


def describe(crystal: Crystal, kinds: Sequence[FeatureName]) -> np.ndarray:
    """Return (D,) float32: the features of these kinds side by side.

    `cell`: lengths a, b, c (Å) and angles alpha, beta, gamma (degrees).
    """
    parts = [_KINDS[kind][1](crystal) for kind in kinds]
    return np.concatenate(parts).astype(np.float32)
