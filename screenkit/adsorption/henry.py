"""Henry coefficients: what a gas at infinite dilution makes of a crystal, by quadrature.

H = (1/V) int exp(-U(r) / kT) dr over the whole cell, atoms included: the concentration of the gas
in the crystal over that outside (Zhang et al. 2021, equation A1; Soto et al. 1981).

Not covered: flexible frameworks, quantum corrections (H2 at 77 K feels them), pressure.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.energy import BLOCK_WIDTH, deepest_well, potential, probe
from screenkit.adsorption.force_field import ForceField, Gas, Site
from screenkit.adsorption.molecule import measure_molecule
from screenkit.adsorption.quadrature import LEAST, Mean, boltzmann, refine
from screenkit.adsorption.surroundings import surround
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.grid import lay_points, surfaces

GAS_CONSTANT = 8.31446261815324
"""J/(mol K), exact since 2019."""

_HOPELESS = 63.0  # exp(-63) is 4e-28


@dataclass(frozen=True, slots=True, eq=False)
class Henry:
    """G gases at T temperatures in one crystal, at infinite dilution."""

    coefficient: np.ndarray
    """(G, T) float64, dimensionless. Concentration in the crystal over that in the gas."""
    log10_coefficient: np.ndarray
    """(G, T) float64. Finite too where the coefficient is too small for a number."""
    heat: np.ndarray
    """(G, T) float64, kJ/mol. Isosteric heat of adsorption, RT - <U>; positive where heat is
    released."""
    error: np.ndarray
    """(G, T) float64. Of the coefficient, relative, as the refinement of the grid shows it."""


def mol_per_kg_pa(
    coefficient: np.ndarray, temperatures: np.ndarray, density_g_cm3: float
) -> np.ndarray:
    """Return Henry coefficients in mol/(kg Pa): H / (density R T).

    Args:
        coefficient: (..., T), dimensionless.
        temperatures: (T,), K.
        density_g_cm3: of the crystal.
    """
    return coefficient / (1000.0 * density_g_cm3 * GAS_CONSTANT * temperatures)


def misses(log10_coefficient: np.ndarray, error: np.ndarray, tolerance: float) -> np.ndarray:
    """Tell where a coefficient is less sure than it should be, bool of the common shape.

    Where there is no room for the gas (`quadrature.LEAST`) no accuracy is asked.

    Args:
        log10_coefficient: of `Henry`.
        error: of `Henry`; NaN misses.
        tolerance: relative.
    """
    return ~((error <= tolerance) | (log10_coefficient < LEAST / np.log(10.0)))


def measure_henry(
    crystal: Crystal,
    gases: Sequence[Gas],
    temperatures: Sequence[float],
    field: ForceField,
    settings: AdsorptionSettings,
) -> Henry:
    """Return the Henry coefficients of some gases.

    Args:
        crystal: may be thinner than the cutoff, and empty.
        gases: G of them; all that are spheres take one pass over the grid.
        temperatures: K; T of them.
        field: with parameters for every element of the crystal.
        settings: cutoff, truncation and accuracy.

    Raises:
        CrystalError: `element_without_parameters`; for gases with charges `charges_missing`,
            `framework_charged`.
    """
    field.refuse_strangers(crystal.numbers)
    at = np.array(temperatures, dtype=np.float64)
    shape = (len(gases), len(at))
    mean, error = Mean(np.empty(shape), np.empty(shape)), np.empty(shape)
    places = range(len(gases))
    if spheres := [g for g in places if gases[g].is_sphere]:
        sites = [gases[g].sites[0] for g in spheres]
        found, error[spheres] = _spheres(crystal, sites, at, field, settings)
        mean.log[spheres], mean.energy[spheres] = found
    for g in (g for g in places if not gases[g].is_sphere):
        found, error[[g]] = measure_molecule(crystal, gases[g], at, field, settings)
        mean.log[[g]], mean.energy[[g]] = found
    with np.errstate(over="ignore"):  # of overlapping atoms, which the checks leave out
        coefficient = np.exp(mean.log)
    return Henry(
        coefficient=coefficient,
        log10_coefficient=mean.log / np.log(10.0),
        heat=GAS_CONSTANT * (at - mean.energy) / 1000.0,
        error=error,
    )


def _spheres(
    crystal: Crystal,
    sites: Sequence[Site],
    temperatures: np.ndarray,
    field: ForceField,
    settings: AdsorptionSettings,
) -> tuple[Mean, np.ndarray]:
    """Return the means of some probes over the cell, and their relative errors, (G, T)."""
    if not len(crystal):
        nothing = np.zeros((len(sites), len(temperatures)))
        return Mean(nothing, nothing), nothing
    sum_up, block_width = _device(settings.device)
    atoms = surround(crystal, settings.cutoff, block_width)
    highest = _HOPELESS * float(temperatures.max()) + deepest_well(sites, field, atoms)
    pairs = potential(sites, field, atoms, crystal.volume, settings.truncation, highest)

    def look(origin: np.ndarray, shape: np.ndarray) -> Mean:
        nonlocal pairs
        start = origin @ crystal.lattice
        energies = sum_up(atoms, pairs, crystal.lattice, start, shape)
        mean = boltzmann(energies, temperatures)
        if mean.log.min() < LEAST and pairs.hard.any():
            pairs = pairs._replace(hard=np.zeros_like(pairs.hard))
            return look(origin, shape)
        return mean

    # Eight grids of the first one's shape are within the limit.
    most = settings.max_points // 8
    origin, shape = lay_points(crystal, surfaces(crystal), settings.spacing, most)
    return refine(look, origin, shape, settings.tolerance, settings.max_points)


def _device(name: str) -> tuple[Callable[..., np.ndarray], float]:
    """Return what sums the energies there, and the width of the blocks that suits it, Å."""
    if name == "cpu":
        return probe, BLOCK_WIDTH
    from screenkit.adsorption import energy_cuda  # torch wakes here, not for a CPU

    return functools.partial(energy_cuda.probe_on, name), energy_cuda.BLOCK_WIDTH
