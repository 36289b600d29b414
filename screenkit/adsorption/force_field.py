"""Force field: what Lennard-Jones parameters the atoms of a framework and the sites of a gas have.

Not covered: bonds, angles and torsions (frameworks and gases are rigid), polarisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from screenkit.crystal.elements import SYMBOLS
from screenkit.errors import CrystalError

Mixing = Literal["lorentz-berthelot", "geometric"]
"""Of two sigmas the arithmetic mean, or the geometric one; of two epsilons the geometric one."""


@dataclass(frozen=True, slots=True)
class Site:
    """One interaction site of a gas molecule."""

    place: float
    """Å, along the axis of the molecule, from the point that it turns about."""
    sigma: float
    """Å."""
    epsilon: float
    """K, epsilon over the Boltzmann constant."""
    charge: float = 0.0
    """e."""


@dataclass(frozen=True, slots=True)
class Gas:
    """A rigid linear molecule, or a single sphere."""

    name: str
    """As in `--gas`, such as `H2`."""
    sites: tuple[Site, ...]
    source: str
    """Where its parameters are from."""

    @property
    def is_sphere(self) -> bool:
        """Whether it has one site, at its centre, without a charge."""
        return len(self.sites) == 1 and not self.is_charged

    @property
    def is_charged(self) -> bool:
        """Whether any of its sites has a charge."""
        return any(site.charge for site in self.sites)


@dataclass(frozen=True, slots=True, eq=False)
class ForceField:
    """Lennard-Jones parameters of framework atoms by element, and the gases it knows."""

    name: str
    sigma: np.ndarray
    """(119,) float64, Å, by atomic number; NaN where there are none."""
    epsilon: np.ndarray
    """(119,) float64, K; NaN where there are none."""
    gases: tuple[Gas, ...]
    mixing: Mixing
    source: str

    def pairs(self, site: Site) -> tuple[np.ndarray, np.ndarray]:
        """Return sigma (119,), Å, and epsilon (119,), K, between a gas site and each element."""
        if self.mixing == "geometric":
            sigma = np.sqrt(self.sigma * site.sigma)
        else:
            sigma = (self.sigma + site.sigma) / 2.0
        return sigma, np.sqrt(self.epsilon * site.epsilon)

    def refuse_strangers(self, numbers: np.ndarray) -> None:
        """Raise where an element of a crystal has no parameters.

        Raises:
            CrystalError: `element_without_parameters`; names the elements.
        """
        strange = [int(z) for z in np.unique(numbers) if np.isnan(self.sigma[z])]
        if strange:
            names = ", ".join(SYMBOLS[number] for number in strange)
            raise CrystalError(
                "element_without_parameters", f"{self.name} has no parameters for {names}"
            )
