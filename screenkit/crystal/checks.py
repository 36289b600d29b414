"""What a crystal must be to be predicted: no two atoms in one place, not too many of them.

A crystal that fails is filtered: it could be read, but a prediction for it would mean nothing.

Not covered: chemistry (over-bonded carbon, missing hydrogen), pores, charge balance.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from screenkit.crystal.cif import MAX_ATOMS
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII, SYMBOLS
from screenkit.crystal.expand import too_many_atoms
from screenkit.crystal.neighbors import Neighbors
from screenkit.errors import CrystalError, Outcome
from screenkit.settings import Settings

STRICT_CODES = ("formula_mismatch", "volume_mismatch", "symmetry_missing", "disorder_suspected")
"""Warnings that `strict` turns into a reason to leave a crystal out."""


class CheckSettings(Settings):
    """Which crystals are left out before prediction."""

    min_distance: float = Field(default=0.8, ge=0.0, le=2.0)
    """Å, 0 to 2. Two atoms closer than this overlap; 0.1 Å less if one is H, 0.2 Å less if both
    are (H2 has 0.74 Å). Source: Zhang et al. 2021, appendix B. See `radius_fraction` too."""
    radius_fraction: float = Field(default=0.5, ge=0.0, le=0.9)
    """Dimensionless, 0 to 0.9. Two atoms closer than this times the sum of their covalent radii
    (Cordero et al. 2008) overlap; 0 leaves this rule out."""
    max_atoms: int = Field(default=MAX_ATOMS, ge=1, le=MAX_ATOMS)
    """1 to 20 000. Larger cells are left out."""
    strict: bool = False
    """Leave out what is only doubtful too: formula_mismatch, volume_mismatch, symmetry_missing,
    disorder_suspected."""


def check(crystal: Crystal, neighbors: Neighbors, settings: CheckSettings) -> None:
    """Raise the reason why a crystal is left out; return if there is none.

    Args:
        crystal: as read.
        neighbors: of this crystal; overlaps among more than k atoms show as overlaps of the k.
        settings: the rules.

    Raises:
        CrystalError: outcome filtered; too_many_atoms, overlap or, if strict, a warning's code.
    """
    if len(crystal) > settings.max_atoms:
        raise too_many_atoms(settings.max_atoms)
    _refuse_overlap(crystal, neighbors, settings)
    if settings.strict:
        for code in crystal.warnings:
            if code in STRICT_CODES:
                raise CrystalError(code, "doubtful, and strict is set", Outcome.FILTERED)


def shortest_allowed(first: np.ndarray, second: np.ndarray, settings: CheckSettings) -> np.ndarray:
    """Return the distance below which two atoms overlap, Å, in the common shape of both.

    Args:
        first: integers of any shape, atomic numbers.
        second: likewise; shapes broadcast.
        settings: the rules.
    """
    hydrogens = (first == 1).astype(np.float64) + (second == 1)
    floor = settings.min_distance - 0.1 * hydrogens
    sum_of_radii = COVALENT_RADII[first] + COVALENT_RADII[second]
    return np.maximum(floor, settings.radius_fraction * sum_of_radii)


def _refuse_overlap(crystal: Crystal, neighbors: Neighbors, settings: CheckSettings) -> None:
    numbers = crystal.numbers
    distances = neighbors.distances
    longest = max(
        settings.min_distance, settings.radius_fraction * 2.0 * COVALENT_RADII[numbers].max()
    )
    # Bonds are longer than any limit but in crystals of heavy atoms, so few pairs are looked at.
    rows, places = np.nonzero(distances < longest)
    if not len(rows):
        return
    others = neighbors.indices[rows, places]
    close = distances[rows, places] < shortest_allowed(numbers[rows], numbers[others], settings)
    if not close.any():
        return
    pairs = np.flatnonzero(close)
    worst = pairs[np.argmin(distances[rows[pairs], places[pairs]])]
    here, there = SYMBOLS[numbers[rows[worst]]], SYMBOLS[numbers[others[worst]]]
    raise CrystalError(
        "overlap",
        f"{here} and {there} are {distances[rows[worst], places[worst]]:.3f} Å apart",
        Outcome.FILTERED,
    )
