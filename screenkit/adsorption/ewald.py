"""Electrostatic potential of a crystal of point charges, on a grid of points (Ewald 1921).

Each charge is split: a Gaussian of charge around it, whose smooth potential one Fourier transform
of the grid gives for all points, and what is left of the charge, which a few Å away is gone. The
closer the points, the narrower the Gaussian may be, so that the work grows with the number of
points alone. Conducting surroundings ("tin foil"), as in every simulation program.

Not covered: polarisation, spread-out charges, crystals that are periodic in fewer directions.
"""

from __future__ import annotations

import math

import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.crystal.kernel import kernel
from screenkit.errors import CrystalError

COULOMB = 167_100.947
"""K Å/e². Energy of two elementary charges at 1 Å over the Boltzmann constant (CODATA 2018)."""
NEUTRAL_PER_ATOM, NEUTRAL_PER_CELL = 1e-3, 0.5
"""e. A net charge up to the smaller of the two is taken for rounding: three decimals may leave
half as much. What is beyond is a framework whose counter-ions are missing."""

_NEGLECTED = 4.1
"""erfc and Gaussian end where their argument is this: at 1e-8 and 5e-8."""
_WIDTH = 0.36
"""Of the Gaussians: splitting times grid spacing. The grid then resolves them to 1e-8."""
_SHARPEST = 2.0
"""1/Å. Splitting of the Gaussians that stand for the atoms themselves: beyond 1.5 Å, where the
sites of gases are, they are point charges to 2e-5; nearer, the potential stays smooth."""


def refuse_without_charges(crystal: Crystal) -> None:
    """Raise where a crystal cannot have an electrostatic potential.

    Raises:
        CrystalError: `charges_missing`, `framework_charged`.
    """
    if crystal.charges is None or not crystal.charges.any():
        raise CrystalError(
            "charges_missing",
            "the gas has charges and the structure has none; give it a column _atom_site_charge",
        )
    net = float(crystal.charges.sum())
    if abs(net) > min(NEUTRAL_PER_ATOM * len(crystal), NEUTRAL_PER_CELL):
        raise CrystalError(
            "framework_charged", f"the charges of {len(crystal)} atoms add up to {net:+.3f} e"
        )


def electrostatic_potential(
    crystal: Crystal,
    origin: np.ndarray,
    shape: tuple[int, int, int],
    splitting: float | None = None,
) -> np.ndarray:
    """Return the potential at points along the lattice vectors.

    Its mean over the cell is 0. A net charge of the cell, which `refuse_without_charges` keeps
    small, is balanced by an even background.

    Args:
        origin: (3,) float64, fractional. Point [0, 0, 0].
        shape: points along each lattice vector.
        splitting: 1/Å, up to 2. The result does not depend on it as long as the grid resolves it.

    Returns:
        (*shape,) float64, K/e. Within 1.5 Å of an atom that of a charge spread out a little.

    Raises:
        CrystalError: `charges_missing`, `framework_charged`.
    """
    refuse_without_charges(crystal)
    lattice = np.ascontiguousarray(crystal.lattice, dtype=np.float64)
    counts = np.array(shape)
    if splitting is None:
        spacing = float((np.linalg.norm(lattice, axis=1) / counts).max())
        splitting = min(_WIDTH / spacing, _SHARPEST)
    places = (crystal.fractional - origin) * counts
    near, density = _spread(lattice, places, crystal.charges, counts, splitting)
    return COULOMB * (near + _smooth(density, lattice, splitting))


def _smooth(density: np.ndarray, lattice: np.ndarray, splitting: float) -> np.ndarray:
    """Return the potential, e/Å, of a charge density, e/Å3, that the grid resolves."""
    na, nb, nc = density.shape
    orders = np.meshgrid(
        np.fft.fftfreq(na, 1.0 / na),
        np.fft.fftfreq(nb, 1.0 / nb),
        np.fft.rfftfreq(nc, 1.0 / nc),
        indexing="ij",
    )
    reciprocal = 2.0 * np.pi * np.linalg.inv(lattice)  # columns
    square = np.zeros(orders[0].shape)
    for axis in range(3):
        square += sum(reciprocal[axis, i] * orders[i] for i in range(3)) ** 2
    square[0, 0, 0] = 1.0
    response = 4.0 * np.pi / square
    # The mean of what is left of the charges, which this takes away again.
    response[0, 0, 0] = -np.pi * (splitting**-2.0 - _SHARPEST**-2.0)
    return np.fft.irfftn(np.fft.rfftn(density) * response, density.shape, axes=(0, 1, 2))


@kernel
def _spread(lattice, places, charges, shape, splitting):
    """Return what the potential of the charges has beyond their Gaussians, and those' density."""
    na, nb, nc = shape
    near = np.zeros((na, nb, nc), np.float64)
    density = np.zeros((na, nb, nc), np.float64)
    sa, sb, sc = lattice[0] / na, lattice[1] / nb, lattice[2] / nc
    reach = _NEGLECTED / splitting
    height = (splitting / math.sqrt(math.pi)) ** 3
    across = np.linalg.inv(lattice)
    ra = reach * math.sqrt((across[:, 0] ** 2).sum()) * na
    rb = reach * math.sqrt((across[:, 1] ** 2).sum()) * nb
    cc = (sc * sc).sum()
    for i in range(places.shape[0]):
        ga, gb, gc = places[i, 0], places[i, 1], places[i, 2]
        for a in range(math.ceil(ga - ra), math.floor(ga + ra) + 1):
            for b in range(math.ceil(gb - rb), math.floor(gb + rb) + 1):
                x = (a - ga) * sa[0] + (b - gb) * sb[0]
                y = (a - ga) * sa[1] + (b - gb) * sb[1]
                z = (a - ga) * sa[2] + (b - gb) * sb[2]
                # Of this row, the part within reach.
                middle = -(x * sc[0] + y * sc[1] + z * sc[2]) / cc
                half = middle * middle - (x * x + y * y + z * z - reach * reach) / cc
                if half < 0.0:
                    continue
                half = math.sqrt(half)
                first, last = math.ceil(gc + middle - half), math.floor(gc + middle + half)
                row_near, row_density = near[a % na, b % nb], density[a % na, b % nb]
                for c in range(first, last + 1):
                    dx = x + (c - gc) * sc[0]
                    dy = y + (c - gc) * sc[1]
                    dz = z + (c - gc) * sc[2]
                    r = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-6)
                    u, v = splitting * r, _SHARPEST * r
                    left = math.erfc(u)
                    if v < _NEGLECTED:
                        left -= math.erfc(v)
                    row_near[c % nc] += charges[i] * left / r
                    row_density[c % nc] += charges[i] * height * math.exp(-u * u)
    return near, density
