"""Features: numbers for a crystal as a whole, for models that look at more than neighbourhoods.

Each kind of feature has a name, a fixed width and a function of the crystal; a model asks for
kinds by name (`GraphSettings.features`) and gets them side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.force_field import find_force_field
from screenkit.adsorption.glance import NAMES, glance
from screenkit.adsorption.histograms import energy_shares, levels
from screenkit.crystal.cell import lattice_parameters
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import (
    ATOMIC_MASSES,
    COVALENT_RADII,
    ELECTRONEGATIVITIES,
    GROUPS,
    IS_METAL,
    PERIODS,
    SYMBOLS,
    VAN_DER_WAALS_RADII,
)
from screenkit.crystal.pores import PoreSettings, measure_pores
from screenkit.crystal.primitive import primitive_lattice

FeatureName = Literal[
    "cell", "composition", "density", "energies", "landscape", "pores", "primitive"
]
"""Which kinds there are."""


def _cell(crystal: Crystal) -> np.ndarray:
    return np.concatenate(lattice_parameters(crystal.lattice))


_PROPERTIES = {
    "atomic_mass": ATOMIC_MASSES,
    "electronegativity": ELECTRONEGATIVITIES,
    "covalent_radius_A": COVALENT_RADII,
    "van_der_waals_radius_A": VAN_DER_WAALS_RADII,
    "group": GROUPS,
    "period": PERIODS,
}
_STATISTICS = ("mean", "deviation", "min", "max")

_COMPOSITION = (
    *(f"fraction_{symbol}" for symbol in SYMBOLS[1:]),
    *(f"{name}_{statistic}" for name in _PROPERTIES for statistic in _STATISTICS),
    "metal_fraction",
)


def _composition(crystal: Crystal) -> np.ndarray:
    fractions = np.bincount(crystal.numbers, minlength=len(SYMBOLS)) / len(crystal)
    there = np.flatnonzero(fractions)
    weights = fractions[there]
    parts = [fractions[1:]]
    for table in _PROPERTIES.values():
        values = table[there].astype(np.float64)
        mean = weights @ values
        deviation = np.sqrt(weights @ (values - mean) ** 2)
        parts.append(np.array([mean, deviation, values.min(), values.max()]))
    return np.concatenate([*parts, [weights @ IS_METAL[there]]])


def _density(crystal: Crystal) -> np.ndarray:
    return np.array([crystal.density, crystal.volume / len(crystal)])


# Small, middling and large; kJ/mol from level to level: ten of them reach the deepest wells.
_PROBES = {"H2": 1.0, "CH4": 3.0, "Xe": 5.0}
_ENERGY_SETTINGS = AdsorptionSettings(
    force_field="uff", cutoff=12.9, truncation="truncated", spacing=1.0, max_points=100_000
)

_ENERGIES = tuple(
    f"share_of_cell_{name}_at_{level:g}_kJ_mol"
    for name, width in _PROBES.items()
    for level in levels(width)
)


def _energies(crystal: Crystal) -> np.ndarray:
    field = find_force_field(_ENERGY_SETTINGS.force_field)
    probes = [field.gas(name) for name in _PROBES]
    found = energy_shares(crystal, probes, list(_PROBES.values()), field, _ENERGY_SETTINGS)
    return found.ravel()


# Models were trained on these: they stay, whatever labels are computed with.
_PORE_SETTINGS = PoreSettings(probe_radius=1.86, spacing=0.6, max_points=100_000, directions=128)


def _pores(crystal: Crystal) -> np.ndarray:
    found = measure_pores(crystal, _PORE_SETTINGS)
    return np.array(
        [
            found.void_fraction,
            found.accessible_volume,
            found.accessible_surface_area,
            found.largest_included_sphere,
            found.largest_free_sphere,
        ]
    )


def _primitive(crystal: Crystal) -> np.ndarray:
    return primitive_lattice(crystal).ravel()


_KINDS: dict[str, tuple[tuple[str, ...], Callable[[Crystal], np.ndarray]]] = {
    "cell": (("a_A", "b_A", "c_A", "alpha_deg", "beta_deg", "gamma_deg"), _cell),
    "composition": (_COMPOSITION, _composition),
    "density": (("density_g_cm3", "volume_per_atom_A3"), _density),
    "energies": (_ENERGIES, _energies),
    "landscape": (NAMES, glance),
    "pores": (
        (
            "void_fraction",
            "accessible_volume_cm3_g",
            "accessible_surface_area_m2_cm3",
            "largest_included_sphere_diameter_A",
            "largest_free_sphere_diameter_A",
        ),
        _pores,
    ),
    "primitive": (tuple(f"primitive_{v}_{x}_A" for v in "abc" for x in "xyz"), _primitive),
}


def feature_names(kinds: Sequence[FeatureName]) -> tuple[str, ...]:
    """Return the name of each number of `describe`, with its unit."""
    return tuple(name for kind in kinds for name in _KINDS[kind][0])


def describe(crystal: Crystal, kinds: Sequence[FeatureName]) -> np.ndarray:
    """Return (D,) float32: the features of these kinds side by side.

    - `cell`: lengths a, b, c (Å) and angles alpha, beta, gamma (degrees).
    - `composition`: the share of each element among the atoms; mean, standard deviation, least and
      largest over the atoms of six properties of their elements (`crystal/elements.py`); the share
      of metals.
    - `density`: g/cm3, and Å3 per atom.
    - `energies`: which share of the cell has which energy for H2, CH4 and Xe, twelve levels each
      (`adsorption/histograms.py`), in UFF on a grid of 1 Å. An element without parameters is a
      CrystalError.
    - `landscape`: what the crystal offers to CH4, H2, Xe and CO2 on a coarse grid, with charges
      (`adsorption/glance.py`); some milliseconds. An element without parameters is a CrystalError.
    - `pores`: five numbers of `crystal.pores.Pores`, for a probe of 1.86 Å radius (nitrogen in
      Zeo++) on a grid of 0.6 Å.
    - `primitive`: the vectors a, b, c of the reduced primitive cell (Å), which turn with the
      crystal; see `crystal.primitive.primitive_lattice`.
    """
    parts = [_KINDS[kind][1](crystal) for kind in kinds]
    return np.concatenate(parts).astype(np.float32)
