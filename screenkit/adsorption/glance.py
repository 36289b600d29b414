"""Glance: numbers that say what a crystal offers to small gases, in some milliseconds.

From one coarse `Landscape` with quick charges: Henry coefficients and mean energies at 298 K, which
share of the cell is at which energy, what a lattice gas would take up at a few pressures, how far
the surfaces are, and how strong the charges. The force field is UFF, the gases those of
`force_field.py`, the charges near EQeq's. Each number is rough: what it is good for is that a
network learns from it.

Models were trained on these: they stay, whatever labels are computed with.

Not covered: accuracy (`henry.py`, `pores.py`); whether a pore can be entered from outside.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from screenkit.adsorption.axes import Oriented, orient
from screenkit.adsorption.eqeq import COULOMB
from screenkit.adsorption.force_field import ForceField, Gas, find_force_field
from screenkit.adsorption.henry import GAS_CONSTANT, mol_per_kg_pa
from screenkit.adsorption.histograms import levels, shares
from screenkit.adsorption.landscape import Landscape, surround_points, survey
from screenkit.adsorption.quick_charges import equilibrate_quickly
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import ATOMIC_MASSES
from screenkit.crystal.grid import lay_points, surfaces

_TEMPERATURE = 298.0  # K
_SPACING, _MAX_POINTS = 0.9, 8_000
_LEVELS = {"CH4": (3.0, 12), "H2": (1.0, 12), "Xe": (5.0, 12), "CO2": (4.0, 16)}
"""kJ/mol from level to level, and how many."""
_MOLECULE = "CO2"
_GAPS = (-0.5, 16)  # the same for the clearance, Å, upwards
_PRESSURES = {"CO2": (0.01, 0.15, 1.0, 16.0), "CH4": (1.0, 5.8, 65.0)}  # bar
_ROOM = {"CO2": 62.0, "CH4": 64.0}  # Å3 per molecule, about those of the liquids
_BOLTZMANN = 1.380649e-23  # J/K
_LEAST_MEAN, _LEAST_WEIGHT = 1e-12, 1e-30
_DEEPEST, _HIGHEST = -60.0, 80.0  # kT

NAMES: tuple[str, ...] = (
    *("open_fraction", "largest_clearance_A"),
    *(f"share_of_cell_{level:g}_A_from_surface" for level in levels(*_GAPS)),
    *(
        name
        for gas, (width, count) in _LEVELS.items()
        for name in (
            f"log10_henry_{gas}",
            f"energy_{gas}_kT",
            *(f"share_of_cell_{gas}_at_{at:g}_kJ_mol" for at in levels(width, count)),
        )
    ),
    *(f"lattice_{gas}_{bar:g}_bar_mol_kg" for gas, bars in _PRESSURES.items() for bar in bars),
    *("charge_mean_size_e", "charge_highest_e", "charge_lowest_e", "charge_deviation_e"),
    *("potential_deviation_V", "potential_largest_V"),
)
"""Of the numbers of `glance`, with their units. Henry coefficients are log10 of mol/(kg Pa); kT is
that of 298 K; `lattice` is a lattice gas whose molecules do not feel each other."""


def glance(crystal: Crystal) -> np.ndarray:
    """Return (len(NAMES),) float64: the numbers of a crystal with atoms.

    Raises:
        CrystalError: `element_without_parameters`.
    """
    field, gases = _matter()
    field.refuse_strangers(crystal.numbers)
    molecule = gases[_MOLECULE]
    spheres = [gas for gas in gases.values() if gas.is_sphere]
    probes = [molecule.sites[1], molecule.sites[0], *(gas.sites[0] for gas in spheres)]
    origin, shape = lay_points(crystal, surfaces(crystal), _SPACING, _MAX_POINTS)
    atoms = surround_points(crystal, shape)
    charges = equilibrate_quickly(crystal, atoms)
    land = survey(crystal, atoms, charges, probes, field, origin, shape)
    room = np.isfinite(land.energies[0])
    felt = {gas.name: _sphere(land.energies[2 + i][room]) for i, gas in enumerate(spheres)}
    felt[_MOLECULE] = _oriented(orient(land, 0, 1, molecule, _TEMPERATURE), room)
    points = room.size
    return np.concatenate(
        [
            _space(land, room),
            *(_adsorbed(felt[gas], *_LEVELS[gas], points, crystal.density) for gas in _LEVELS),
            *(_lattice_gas(felt[gas].weight, gas, points, crystal) for gas in _PRESSURES),
            [np.abs(charges).mean(), charges.max(), charges.min(), charges.std()],
            _volts(land.potential[room]),
        ]
    )


class _Felt(NamedTuple):
    """What a gas feels at the points that are in no atom."""

    weight: np.ndarray
    """(p,) float64. Mean of exp(-U / kT) over its directions."""
    free: np.ndarray
    """(p,) float64, kT. Free energy: that of this weight."""
    energy: float
    """kT. Mean, where the gas would be."""


@functools.cache
def _matter() -> tuple[ForceField, dict[str, Gas]]:
    field = find_force_field("uff")
    return field, {name: field.gas(name) for name in _LEVELS}


def _sphere(energies: np.ndarray) -> _Felt:
    """Return what a sphere feels, from energies in K."""
    energies = np.clip(energies.astype(np.float64) / _TEMPERATURE, _DEEPEST, _HIGHEST)
    weight = np.exp(-energies)
    return _Felt(weight, energies, float(weight @ energies) / max(weight.sum(), _LEAST_WEIGHT))


def _oriented(found: Oriented, room: np.ndarray) -> _Felt:
    weight = found.weight[room]
    free = -np.log(np.maximum(weight, _LEAST_WEIGHT))
    return _Felt(weight, free, found.energy.sum() / max(weight.sum(), _LEAST_WEIGHT))


def _space(land: Landscape, room: np.ndarray) -> np.ndarray:
    """Return the share of the cell that is in no atom, the largest clearance, shares of it."""
    gaps = shares(land.clearance[room], *_GAPS, room.size)
    return np.array([room.mean(), land.clearance.max(), *gaps])


def _adsorbed(felt: _Felt, width: float, count: int, points: int, density: float) -> np.ndarray:
    """Return log10 of the Henry coefficient, mol/(kg Pa), mean energy, and shares of energies."""
    mean = np.array([max(felt.weight.sum() / points, _LEAST_MEAN)])
    henry = np.log10(mol_per_kg_pa(mean, np.array([_TEMPERATURE]), density)[0])
    energies = felt.free * (GAS_CONSTANT * _TEMPERATURE / 1000.0)
    return np.array([henry, felt.energy, *shares(energies, width, count, points)])


def _lattice_gas(weight: np.ndarray, gas: str, points: int, crystal: Crystal) -> np.ndarray:
    """Return uptakes, mol/kg, at the pressures of a gas: each point holds what its weight says, up
    to the density of a liquid (Langmuir)."""
    room = _ROOM[gas] * 1e-30  # m3
    pressures = 1e5 * np.array(_PRESSURES[gas])[:, None]
    filled = weight * pressures * room / (_BOLTZMANN * _TEMPERATURE)
    share = (filled / (1.0 + filled)).sum(axis=1) / points
    molar_mass = ATOMIC_MASSES[crystal.numbers].sum() / 1000.0  # kg/mol, of a cell
    return share * crystal.volume / _ROOM[gas] / molar_mass


def _volts(potential: np.ndarray) -> np.ndarray:
    """Return deviation and largest size, V, of a potential in e/Å; 0 where there is no room."""
    volts = COULOMB * potential
    return np.array([volts.std(), np.abs(volts).max()]) if len(volts) else np.zeros(2)
