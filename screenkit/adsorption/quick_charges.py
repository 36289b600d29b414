"""Quick charges: those of EQeq within some hundredths of them, some ten times as fast.

Where `eqeq.py` sums over all images (Ewald) and solves a full system, here the energy of two
charges is shifted to end smoothly at a cutoff, and conjugate gradients stop early. The work grows
linearly with the atoms. For the numbers that a network reads, not for simulations.

Not covered: elements without numbers get those of a relative, so that each crystal has charges.

Source: Wilmer, Kim and Snurr 2012, J. Phys. Chem. Lett. 3, 2506; the shifted energy: Fennell and
Gezelter 2006, J. Chem. Phys. 124, 234104, eq. 18 without damping.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from screenkit.adsorption.eqeq import COULOMB, SCREENING, element_parameters
from screenkit.adsorption.surroundings import Surroundings, within
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import SYMBOLS
from screenkit.crystal.kernel import kernel_of_sums

_STEPS = 40
_ENOUGH = 2e-3  # the residual over the first one
_LARGEST = 6.0  # e; beyond, the system has no sound solution
_NEAR = 5.0  # the overlap of two atoms ends where its exponent is -25
# Of the same group one period up, of the lanthanide above an actinide, or a neighbour.
_RELATIVES = """
    Tc:Mo Ta:Nb W:Mo Re:Mo Os:Ru Ir:Rh Po:Te At:I Rn:Xe Fr:Cs Ra:Ba Ac:La Th:Ce Pa:Pr U:Nd
    Np:Nd Pu:Sm Am:Eu Cm:Gd Bk:Tb Cf:Dy Es:Ho Fm:Er Md:Tm No:Yb Lr:Lu
"""


def equilibrate_quickly(crystal: Crystal, atoms: Surroundings) -> np.ndarray:
    """Return charges (n,) float32, e, that add up to 0 but for round-off.

    Args:
        crystal: with atoms.
        atoms: of the crystal; energies end at their cutoff, 10 Å in what was measured of this.
    """
    chi, hardness = (table[crystal.numbers] for table in _parameters())
    positions = crystal.positions - _to_cell(crystal)
    scale = SCREENING * COULOMB / 2.0
    first, others, energies = _pairs(atoms, positions, np.sqrt(hardness / COULOMB), scale)
    # With the images of its own that stand at the cutoff, as all that is beyond.
    own = hardness - 2.0 * scale / atoms.cutoff
    charges = _solve(first, others, energies, own.astype(np.float32), chi.astype(np.float32))
    return np.clip(charges, -_LARGEST, _LARGEST)


def _to_cell(crystal: Crystal) -> np.ndarray:
    """(n, 3) float64, Å. What takes each atom into the cell."""
    return np.floor(crystal.positions @ np.linalg.inv(crystal.lattice)) @ crystal.lattice


@functools.cache
def _parameters() -> tuple[np.ndarray, np.ndarray]:
    """Return electronegativity (119,), V, and hardness (119,), V/e, of every element."""
    tables = [table.copy() for table in element_parameters()]
    relatives = dict(pair.split(":") for pair in _RELATIVES.split())
    for z, symbol in enumerate(SYMBOLS):
        if np.isnan(tables[0][z]):
            for table in tables:
                table[z] = table[SYMBOLS.index(relatives.get(symbol, "Hf"))]
    return tables[0], tables[1]


@kernel_of_sums
def _pairs(atoms, positions, roots, scale):
    """Return the energies of two unit charges, eV, over all images within reach, row by row: where
    each atom's begin, who the others are (itself and those behind it), and the energies."""
    n = positions.shape[0]
    level, slope = 2.0 / atoms.cutoff, 1.0 / atoms.cutoff**2
    begin = np.zeros(n + 1, np.int64)
    others, energies = np.empty(64 * n, np.int32), np.empty(64 * n, np.float32)
    row, seen = np.zeros(n, np.float64), np.full(n, -1, np.int64)
    room = atoms.owners.shape[0]
    found, squares, inverses = np.empty(room, np.int64), np.empty(room), np.empty(room)
    for i in range(n):
        near = 0
        for m in range(within(atoms, positions[i], atoms.cutoff, found)):
            t = found[m]
            square = 0.0
            for axis in range(3):
                square += (atoms.centers[t, axis] - positions[i, axis]) ** 2
            found[near], squares[near] = t, square
            near += (atoms.owners[t] >= i) & (square > 1e-6)
        for m in range(near):
            inverses[m] = 1.0 / math.sqrt(squares[m])
        stop = begin[i]
        if stop + near > others.shape[0]:
            others = np.append(others, np.empty(stop + near, np.int32))
            energies = np.append(energies, np.empty(stop + near, np.float32))
        for m in range(near):
            j, inverse = atoms.owners[found[m]], inverses[m]
            r = squares[m] * inverse
            energy = inverse + r * slope - level
            reach = roots[i] * roots[j]  # EQeq's a_ij
            if reach * r < _NEAR:
                overlap = reach * (2.0 - reach * r) - inverse
                energy += math.exp(-reach * reach * squares[m]) * overlap
            if seen[j] != i:
                seen[j], row[j] = i, 0.0
                others[stop] = j
                stop += 1
            row[j] += energy
        begin[i + 1] = stop
        for m in range(begin[i], stop):
            j = others[m]
            # An atom and its image are seen from both; the others once.
            energies[m] = scale * row[j] * (0.5 if j == i else 1.0)
    return begin, others, energies


@kernel_of_sums
def _solve(begin, others, energies, own, chi):
    """Return charges (n,) of least energy among those that add up to 0, by conjugate gradients."""
    n = own.shape[0]
    charges, image = np.zeros(n, np.float32), np.empty(n, np.float32)
    residual = chi.mean() - chi
    step = residual.copy()
    square = first = np.float64((residual * residual).sum())
    for _ in range(_STEPS):
        if square <= _ENOUGH * _ENOUGH * first:
            break
        image[:] = own * step
        for i in range(n):
            total = np.float32(0.0)
            for t in range(begin[i], begin[i + 1]):
                j = others[t]
                total += energies[t] * step[j]
                image[j] += energies[t] * step[i]
            image[i] += total
        image -= image.mean()
        bend = np.float64((step * image).sum())
        if bend <= 0.0:
            break
        length = np.float32(square / bend)
        charges += length * step
        residual -= length * image
        before, square = square, np.float64((residual * residual).sum())
        step = residual + np.float32(square / before) * step
    return charges
