"""Crystal: one periodic structure, the noun that everything downhill takes in.

Not covered: partial occupancy, disorder, isotopes, magnetic moments. A structure with any of them
does not become a Crystal (`crystal/cif.py` says why, as a CrystalError).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from screenkit.crystal.elements import ATOMIC_MASSES, SYMBOLS

_DALTON_PER_A3_IN_G_CM3 = 1.66053906660  # CODATA 2018
_ROUND_OFF_A = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """One periodic structure, as read, in P1. Periodic in all three directions."""

    name: str
    """The key of its row from here to the ranking; see `Library.names`."""
    numbers: np.ndarray
    """(n,) int16. Atomic numbers, 1 to 118."""
    positions: np.ndarray
    """(n, 3) float64, Å. Cartesian, wrapped into the cell."""
    lattice: np.ndarray
    """(3, 3) float64, Å. Rows are a, b, c."""
    charges: np.ndarray | None = None
    """(n,) float64, e. Partial charges, where the file has them."""
    warnings: tuple[str, ...] = field(default=())
    """Codes of what was odd but accepted, such as `symmetry_missing`; see `docs/outcomes.md`."""
    coordinates: np.ndarray | None = None
    """(n, 3) float64 in [0, 1). The fractional coordinates to the last bit, where they were read as
    such: `positions` has them but for round-off."""
    volume: float = field(init=False)
    """Cell volume, Å^3."""

    def __post_init__(self) -> None:
        n = len(self.numbers)
        if self.positions.shape != (n, 3):
            raise ValueError(
                f"{self.name}: {n} atoms need positions ({n}, 3), got {self.positions.shape}"
            )
        if self.lattice.shape != (3, 3):
            raise ValueError(f"{self.name}: lattice must be (3, 3), got {self.lattice.shape}")
        if self.charges is not None and self.charges.shape != (n,):
            raise ValueError(
                f"{self.name}: {n} atoms need charges ({n},), got {self.charges.shape}"
            )

        if self.coordinates is not None and not (
            self.coordinates.shape == (n, 3) and self._farthest_from_coordinates() <= _ROUND_OFF_A
        ):
            raise ValueError(f"{self.name}: fractional coordinates and positions differ")
        object.__setattr__(self, "volume", abs(float(np.linalg.det(self.lattice))))

    def _farthest_from_coordinates(self) -> float:
        apart = np.abs(self.coordinates @ self.lattice - self.positions)
        return float(apart.max(initial=0.0))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def density(self) -> float:
        """Crystal density, g/cm^3."""
        return float(ATOMIC_MASSES[self.numbers].sum()) / self.volume * _DALTON_PER_A3_IN_G_CM3

    @property
    def fractional(self) -> np.ndarray:
        """(n, 3) float64, fractional coordinates."""
        if self.coordinates is not None:
            return self.coordinates
        return self.positions @ np.linalg.inv(self.lattice)

    def formula(self) -> dict[str, int]:
        """Return the cell content, element symbol to count, sorted by symbol."""
        counts = np.bincount(self.numbers)
        return dict(sorted((SYMBOLS[z], int(c)) for z, c in enumerate(counts) if c))

    def to_pymatgen(self) -> Any:
        """Return the same crystal as a `pymatgen.core.Structure`; charges as a site property."""
        from screenkit.crystal.exchange import to_pymatgen

        return to_pymatgen(self)

    @classmethod
    def from_pymatgen(cls, structure: Any, name: str = "") -> Crystal:
        """Return a Crystal from an ordered `pymatgen.core.Structure`.

        Raises:
            CrystalError: a site is disordered or holds no element.
        """
        from screenkit.crystal.exchange import from_pymatgen

        return from_pymatgen(structure, name)
