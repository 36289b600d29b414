"""EQeq: partial charges of a crystal that has none, by extended charge equilibration.

Charges are spread so that no atom gains by giving charge to another. What an atom gains is its
ionisation energy and electron affinity, linear about the charge that it usually has in solids
(`tables/eqeq.csv`), and the electrostatic energy of all others, Ewald-summed, with a term that
keeps near neighbours from collapsing.

Source: Wilmer, Kim and Snurr 2012, J. Phys. Chem. Lett. 3, 2506, with its parameters: screening 1.2
(a dielectric constant of 1.67), 14.4 eV Å/e², electron affinity of hydrogen -2 eV.

Not covered: frameworks with a net charge, elements without numbers (Ta to Ir, beyond Bi), charges
that depend on spin or oxidation state. Density-derived charges (DDEC) are better: `docs/gcmc.md`
tells how far a loading may be off.
"""

from __future__ import annotations

import csv
import functools
import math
from pathlib import Path

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.kernel import kernel
from screenkit.errors import CrystalError

MAX_ATOMS = 6_000
"""Matrices of all pairs of atoms have to fit into memory: four of 0.3 GB each."""

_TABLE = Path(__file__).parent / "tables" / "eqeq.csv"
COULOMB = 14.4
"""eV Å/e², as the paper rounds it."""
SCREENING = 1.2
"""Of the energy of two charges; the paper's."""
_REACH = 12.0  # Å, of the sums over neighbours; beyond, the overlap is below 1e-5 e²/Å
_SPLITTING = 0.34  # 1/Å: erfc(0.34 * 12) is 8e-9
_WAVES = 3.0  # 1/Å: exp(-(3 / (2 * 0.34))²) is 4e-9
_AT_ONCE = 2_000  # waves


def equilibrate(crystal: Crystal) -> np.ndarray:
    """Return charges that add up to 0.

    Returns:
        (n,) float64, e.

    Raises:
        CrystalError: `charges_impossible`; an element has no parameters, or there are more than
            `MAX_ATOMS` atoms.
    """
    chi, hardness = _parameters(crystal)
    lattice = np.ascontiguousarray(crystal.lattice, dtype=np.float64)
    widths = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    cells = np.ceil(_REACH / widths).astype(np.int64)
    pairs = _near(lattice, crystal.fractional, hardness / COULOMB, cells, _REACH, _SPLITTING)
    pairs += _far(crystal.positions, lattice)
    n = len(crystal)
    matrix = np.ones((n + 1, n + 1))
    matrix[:n, :n] = SCREENING * COULOMB / 2.0 * pairs
    matrix[np.arange(n), np.arange(n)] += hardness
    matrix[n, n] = 0.0
    try:
        charges = np.linalg.solve(matrix, np.append(-chi, 0.0))[:n]
    except np.linalg.LinAlgError:
        charges = np.full(n, math.nan)
    if not (np.isfinite(charges).all() and np.abs(charges).max() < 10.0):
        raise CrystalError(
            "charges_impossible", "EQeq finds no sound charges; are atoms too close?"
        )
    return charges - charges.mean()


def _parameters(crystal: Crystal) -> tuple[np.ndarray, np.ndarray]:
    """Return electronegativity (n,), V, and hardness (n,), V/e, of each atom."""
    if len(crystal) > MAX_ATOMS:
        raise CrystalError(
            "charges_impossible", f"EQeq of {len(crystal)} atoms, wanted at most {MAX_ATOMS}"
        )
    chi, hardness = element_parameters()
    strangers = [SYMBOLS[z] for z in np.unique(crystal.numbers) if np.isnan(chi[z])]
    if strangers:
        raise CrystalError(
            "charges_impossible", f"EQeq has no parameters for {', '.join(sorted(strangers))}"
        )
    return chi[crystal.numbers], hardness[crystal.numbers]


@functools.cache
def element_parameters() -> tuple[np.ndarray, np.ndarray]:
    """Return electronegativity (119,), V, and hardness (119,), V/e, by atomic number, about the
    charge that the element usually has; NaN where it has no numbers."""
    chi, hardness = np.full((2, len(SYMBOLS)), np.nan)
    with _TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(line for line in file if not line.startswith("#")):
            z = SYMBOLS.index(row["element"])
            charge, below, above = (float(row[k]) for k in ("charge", "below_eV", "above_eV"))
            hardness[z] = above - below
            chi[z] = (above + below) / 2.0 - charge * hardness[z]
    for array in (chi, hardness):
        array.setflags(write=False)
    return chi, hardness


def _far(positions: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Return (n, n), 1/Å: the smooth part of Ewald's sum, and an atom's with itself taken off."""
    n, volume = len(positions), abs(float(np.linalg.det(lattice)))
    reciprocal = 2.0 * math.pi * np.linalg.inv(lattice).T  # rows
    reach = np.floor(_WAVES * np.linalg.norm(lattice, axis=1) / (2.0 * math.pi)).astype(int)
    orders = np.stack(np.meshgrid(*(np.arange(-m, m + 1) for m in reach), indexing="ij"), -1)
    orders = orders.reshape(-1, 3)
    orders = orders[len(orders) // 2 + 1 :]  # one of each pair k, -k; not 0
    waves = orders @ reciprocal
    square = (waves**2).sum(axis=1)
    waves, square = waves[square < _WAVES**2], square[square < _WAVES**2]
    weights = 8.0 * math.pi / volume * np.exp(-square / (4.0 * _SPLITTING**2)) / square
    total = np.zeros((n, n))
    for start in range(0, len(waves), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        phases = positions @ waves[some].T
        for part in (np.cos(phases), np.sin(phases)):
            part *= np.sqrt(weights[some])
            total += part @ part.T
    total[np.arange(n), np.arange(n)] -= 2.0 * _SPLITTING / math.sqrt(math.pi)
    return total


@kernel
def _near(lattice, fractional, softness, cells, reach, splitting):
    """Return (n, n), 1/Å: erfc(s r)/r and the overlap, over the images within reach."""
    n = len(fractional)
    total = np.zeros((n, n))
    step = np.empty(3)
    for i in range(n):
        for j in range(i, n):
            a = math.sqrt(softness[i] * softness[j])
            for axis in range(3):
                step[axis] = fractional[j, axis] - fractional[i, axis]
                step[axis] -= round(step[axis])
            found = 0.0
            for u in range(-cells[0] - 1, cells[0] + 2):
                for v in range(-cells[1] - 1, cells[1] + 2):
                    for w in range(-cells[2] - 1, cells[2] + 2):
                        if i == j and u == 0 and v == 0 and w == 0:
                            continue
                        square = 0.0
                        for axis in range(3):
                            along = (
                                (step[0] + u) * lattice[0, axis]
                                + (step[1] + v) * lattice[1, axis]
                                + (step[2] + w) * lattice[2, axis]
                            )
                            square += along * along
                        if square < reach * reach and square > 1e-6:
                            r = math.sqrt(square)
                            found += math.erfc(splitting * r) / r
                            found += math.exp(-a * a * square) * (2.0 * a - a * a * r - 1.0 / r)
            total[i, j] = found
            total[j, i] = found
    return total
