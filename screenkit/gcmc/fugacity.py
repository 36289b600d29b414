"""From pressure to fugacity: the Peng-Robinson equation of state of a pure gas.

A simulation in the grand-canonical ensemble asks for a fugacity. Computed here and written into
each deck, so that all engines simulate the same state.

Not covered: mixtures, quantum gases below their range (H2 and He below 100 K are rough).
"""

from __future__ import annotations

import math

import numpy as np

from screenkit.adsorption.henry import GAS_CONSTANT
from screenkit.errors import UsageError

CRITICAL: dict[str, tuple[float, float, float]] = {
    "H2": (33.145, 1.2964e6, -0.219),
    "He": (5.1953, 0.22832e6, -0.3836),
    "Ne": (44.4, 2.66163e6, -0.0355),
    "Ar": (150.687, 4.863e6, -0.00219),
    "Kr": (209.48, 5.525e6, -0.00089),
    "Xe": (289.733, 5.842e6, 0.00363),
    "CH4": (190.564, 4.5992e6, 0.01142),
    "C2H4": (282.35, 5.0418e6, 0.0866),
    "C2H6": (305.322, 4.8722e6, 0.0995),
    "N2": (126.192, 3.3958e6, 0.0372),
    "O2": (154.581, 5.043e6, 0.0222),
    "CO2": (304.1282, 7.3773e6, 0.22394),
}
"""Critical temperature (K), critical pressure (Pa), acentric factor. Source: the reference equation
of state of each gas, as the package chemicals 1.5.2 has them; its own test compares them."""


def critical(gas: str) -> tuple[float, float, float] | None:
    """Return the critical constants of a gas by its name, or that before a dash: H2-quadrupole."""
    return CRITICAL.get(gas) or CRITICAL.get(gas.split("-")[0])


def fugacity_coefficient(gas: str, temperature: float, pressure: float) -> float:
    """Return fugacity over pressure of a pure gas.

    Args:
        gas: a name.
        temperature: K.
        pressure: Pa.

    Raises:
        UsageError: the critical constants of the gas are not known.

    Source: Peng and Robinson 1976, Ind. Eng. Chem. Fundam. 15, 59, equations 5, 12, 17 and 18. Of
    several roots the one with the lowest fugacity, which is the stable phase.
    """
    constants = critical(gas)
    if constants is None:
        raise UsageError(
            f"the critical constants of {gas} are not known, so neither is its fugacity",
            hint=f"set `fugacity: ideal` in the recipe; known are {', '.join(CRITICAL)}",
        )
    t_c, p_c, omega = constants
    kappa = 0.37464 + 1.54226 * omega - 0.26992 * omega**2
    alpha = (1.0 + kappa * (1.0 - math.sqrt(temperature / t_c))) ** 2
    rt = GAS_CONSTANT * temperature
    a = 0.45724 * (GAS_CONSTANT * t_c) ** 2 / p_c * alpha * pressure / rt**2
    b = 0.07780 * GAS_CONSTANT * t_c / p_c * pressure / rt
    roots = np.roots([1.0, b - 1.0, a - 3.0 * b**2 - 2.0 * b, -(a * b - b**2 - b**3)])
    real = [float(z.real) for z in roots if abs(z.imag) < 1e-9 and z.real > b]
    return min(_coefficient(z, a, b) for z in real)


def _coefficient(z: float, a: float, b: float) -> float:
    """Return the coefficient of one root, equation 18."""
    two = math.sqrt(2.0)
    ratio = math.log((z + (1.0 + two) * b) / (z + (1.0 - two) * b))
    return math.exp(z - 1.0 - math.log(z - b) - a / (2.0 * two * b) * ratio)
