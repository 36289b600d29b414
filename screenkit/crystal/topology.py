"""Topology: what the shape of a crystal alone says of how ions may move in it.

Three numbers, those of Zhang et al. 2021, table 2, which names them and leaves their calculation
to He et al. 2019 (Adv. Energy Mater. 9, 1902078). Here, for any crystal, atoms are spheres, and
lithium is taken out before the room that is left is measured: it is what moves.

Not covered: other mobile ions, energies, bond valence, directions and dimensions of the paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from screenkit.crystal.channels import find_channels
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII, IONIC_RADII, VAN_DER_WAALS_RADII
from screenkit.crystal.grid import FARTHEST, Grid, Surfaces, clearances, lay_grid, look, surfaces
from screenkit.crystal.kernel import kernel
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError, Outcome
from screenkit.settings import Settings

Radii = Literal["ionic", "covalent", "van-der-waals"]
"""How large an atom is; see `crystal/elements.py`."""

_RADII: dict[Radii, np.ndarray] = {
    "ionic": IONIC_RADII,
    "covalent": COVALENT_RADII,
    "van-der-waals": VAN_DER_WAALS_RADII,
}
_LITHIUM = 3
_STARTS = 8  # places from which the largest lithium site is looked for
_SHRINK = 0.8
_DIRECTIONS = 40


class TopologySettings(Settings):
    """How topological labels are measured."""

    radii: Radii = "ionic"
    """`ionic` suits salts and oxides, `covalent` metals and molecules, `van-der-waals` pores for
    guests that are not bonded; nearly every dense crystal is closed with these."""
    spacing: float = Field(default=0.3, gt=0.05)
    """Å. Between grid points, at most, unless the cell is too large."""
    max_points: int = Field(default=100_000, ge=64)
    """Grid points of a crystal; a larger cell gets a coarser grid."""


def min_bond_length(crystal: Crystal, settings: TopologySettings | None = None) -> float:
    """Return the shortest distance between two atoms, Å; images of one atom are two.

    No settings matter.

    Raises:
        CrystalError: neighbours cannot be searched (`bad_cell`).
    """
    return float(find_neighbors(crystal, 1, "index").distances.min())


def percolation_radius(crystal: Crystal, settings: TopologySettings | None = None) -> float:
    """Return the radius of the largest sphere that passes through the crystal, Å.

    From a place to an image of it, in one direction at least, between all atoms but lithium. 0
    where none passes.

    Raises:
        CrystalError: `no_framework`, there is nothing but lithium.
    """
    settings = settings or TopologySettings()
    atoms, grid = _room(crystal, settings)
    # The doors near the probe are refined, and so are those near the largest free sphere: any
    # probe will do.
    return max(find_channels(grid, atoms, probe=1.0).free_radius, 0.0)


def largest_li_site(crystal: Crystal, settings: TopologySettings | None = None) -> float:
    """Return the radius of the largest sphere without framework atoms that covers a Li site, Å.

    Its center is the widest place within reach of the site: no farther from it than from the
    surface of any atom but lithium. 0 where lithium lies inside atoms.

    Raises:
        CrystalError: `no_lithium`, or `no_framework`, there is nothing else.
    """
    settings = settings or TopologySettings()
    if not (crystal.numbers == _LITHIUM).any():
        raise CrystalError("no_lithium", "there is no lithium in it", Outcome.FILTERED)
    atoms, grid = _room(crystal, settings)
    sites = surfaces(_only(crystal, crystal.numbers == _LITHIUM), np.zeros(len(IONIC_RADII)))
    room = grid.distances
    covering = room - clearances(sites, grid)
    best = np.argsort(np.where(covering >= 0.0, -room, np.inf), axis=None)[:_STARTS]
    best = best[covering.ravel()[best] >= 0.0]
    places = np.stack(np.unravel_index(best, room.shape), axis=1) / room.shape + grid.origin
    starts = np.concatenate([places @ grid.lattice, sites.centers])
    return max(float(_widest(atoms, sites, starts, grid.spacing)), 0.0)


def _room(crystal: Crystal, settings: TopologySettings) -> tuple[Surfaces, Grid]:
    """Return the framework, and a grid of the room between its atoms."""
    framework = crystal.numbers != _LITHIUM
    if not framework.any():
        raise CrystalError("no_framework", "there is nothing but lithium in it", Outcome.FILTERED)
    rest = _only(crystal, framework)
    atoms = surfaces(rest, _RADII[settings.radii])
    return atoms, lay_grid(rest, atoms, settings.spacing, settings.max_points)


def _only(crystal: Crystal, chosen: np.ndarray) -> Crystal:
    return Crystal(
        crystal.name, crystal.numbers[chosen], crystal.positions[chosen], crystal.lattice
    )


@kernel
def _widest(atoms, sites, starts, step):
    """Return the largest clearance from `atoms` near the starts, no less than that from `sites`.

    A search by compass with ever shorter steps. Its directions turn from step to step: the
    clearance has edges, and a fixed compass would stop at them.
    """
    none = np.empty((0, 4), np.float64)
    highest = -1e9
    for s in range(starts.shape[0]):
        x, y, z = starts[s]
        here, _ = look(atoms, x, y, z, FARTHEST, none)
        stride, turn = step, 0.0
        while stride > 1e-4:
            moved = False
            for direction in range(_DIRECTIONS):
                turn += 2.399963229728653  # golden angle
                height = 1.0 - (2.0 * direction + 1.0) / _DIRECTIONS
                ring = stride * math.sqrt(1.0 - height * height)
                nx, ny, nz = x + ring * math.cos(turn), y + ring * math.sin(turn), z
                nz += stride * height
                there, _ = look(atoms, nx, ny, nz, here + 2.0 * stride, none)
                if there <= here:
                    continue
                away, _ = look(sites, nx, ny, nz, there, none)
                if away < there:
                    x, y, z, here, moved = nx, ny, nz, there, True
            if not moved:
                stride *= _SHRINK
        highest = max(highest, here)
    return highest


@dataclass(frozen=True, slots=True)
class Property:
    """One topological label."""

    measure: Callable[[Crystal, TopologySettings | None], float]
    unit: str
    meaning: str


PropertyName = Literal["min-bond-length", "percolation-radius", "largest-li-site"]
"""Which there are."""

PROPERTIES: dict[PropertyName, Property] = {
    "min-bond-length": Property(
        min_bond_length, "Å", "shortest distance between two atoms, images included"
    ),
    "percolation-radius": Property(
        percolation_radius,
        "Å",
        "radius of the largest sphere that passes through in one direction at least, lithium out",
    ),
    "largest-li-site": Property(
        largest_li_site,
        "Å",
        "radius of the largest sphere that covers a lithium site and no other atom",
    ),
}


def measure_topology(
    crystal: Crystal, names: Sequence[PropertyName], settings: TopologySettings | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return (names,) float64 in the units of `PROPERTIES`, and the codes of what there is not.

    A property that a crystal does not have is NaN, and why is a warning: `no_lithium`,
    `no_framework`.

    Raises:
        CrystalError: the crystal cannot be measured.
    """
    values, codes = np.full(len(names), np.nan), []
    for i, name in enumerate(names):
        try:
            values[i] = PROPERTIES[name].measure(crystal, settings)
        except CrystalError as error:
            if error.outcome is not Outcome.FILTERED:
                raise
            codes.append(error.code)
    return values, tuple(sorted(set(codes)))
