"""Pores: the room between the atoms of a crystal, and what of it a probe can reach from outside.

Atoms are spheres of their van der Waals radii; the probe is a sphere, by default nitrogen. The
definitions are those of Zeo++ (Willems et al. 2012, Microporous Mesoporous Mater. 149, 134).
The diameters are refined off the grid; volumes count grid points, those at a surface in part;
the area comes from points on each atom's sphere, the same for every atom.

Not covered: channels by dimension, pore size distributions, flexible windows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from screenkit.crystal.channels import Channels, find_channels
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.grid import Grid, Surfaces, lay_grid, look, surfaces
from screenkit.crystal.kernel import kernel
from screenkit.crystal.sphere import even_directions
from screenkit.settings import Settings


class PoreSettings(Settings):
    """How to measure pores."""

    probe_radius: float = Field(default=1.84, gt=0)
    """Å. Of the sphere that must pass; 1.84 is nitrogen (Zhang et al. 2021, appendix B)."""
    spacing: float = Field(default=0.6, gt=0.05)
    """Å. Between grid points, at most, unless the cell is too large."""
    max_points: int = Field(default=100_000, ge=64)
    """Grid points of a crystal; a larger cell gets a coarser grid."""
    directions: int = Field(default=512, ge=12)
    """Points on the sphere of each atom, for the surface area."""


@dataclass(frozen=True, slots=True)
class Pores:
    """Pore geometry of one crystal."""

    void_fraction: float
    """0 to 1. Share of the cell that the probe can cover, entering from outside."""
    geometric_void_fraction: float
    """0 to 1. Share of the cell outside all atoms, whatever can get there."""
    accessible_volume: float
    """cm3/g. Where the center of the probe can be, entering from outside."""
    accessible_surface_area: float
    """m2/cm3. Of the surface that the center of the probe rolls on, entering from outside."""
    accessible_surface_area_per_mass: float
    """m2/g. The same."""
    accessible_surface_area_per_cell: float
    """Å2. The same, in the cell as it was given: twice as much in a doubled cell."""
    surface_area_per_cell: float
    """Å2. With that of pockets which the probe cannot enter from outside."""
    largest_included_sphere: float
    """Å, diameter. The largest sphere that touches no atom."""
    largest_free_sphere: float
    """Å, diameter. The largest sphere that passes through the crystal; 0 if none does."""
    density: float
    """g/cm3. Of the crystal."""
    spacing: float
    """Å. Of the grid that was used."""


MEANINGS = {
    "void_fraction": ("", "share of the cell that the probe can cover, entering from outside"),
    "geometric_void_fraction": ("", "share of the cell outside all atoms"),
    "accessible_volume": ("cm3/g", "where the center of the probe can be, entering from outside"),
    "accessible_surface_area": ("m2/cm3", "on which the center of the probe rolls, from outside"),
    "accessible_surface_area_per_mass": ("m2/g", "the same, over mass"),
    "accessible_surface_area_per_cell": ("Å2", "the same, in the cell as it was given"),
    "surface_area_per_cell": ("Å2", "the same, with pockets that the probe cannot enter"),
    "largest_included_sphere": ("Å", "diameter of the largest sphere that touches no atom"),
    "largest_free_sphere": ("Å", "diameter of the largest sphere that passes through"),
}
"""Unit and meaning of the fields of `Pores` that are columns of a run."""


def measure_pores(crystal: Crystal, settings: PoreSettings | None = None) -> Pores:
    """Return the pore geometry of a crystal."""
    settings = settings or PoreSettings()
    atoms = surfaces(crystal)
    grid = lay_grid(crystal, atoms, settings.spacing, settings.max_points)
    channels = find_channels(grid, atoms, settings.probe_radius)
    included = float(channels.heights.max(initial=0.0))
    volume = centers = 0.0
    if channels.open.any():
        volume, centers = _volumes(grid, channels, settings.probe_radius)
    reachable = channels.open[channels.cavity] & (channels.cavity >= 0)
    reachable &= grid.distances >= settings.probe_radius - 0.5 * grid.step
    whole, area = _areas(atoms, settings, grid.origin, reachable)
    per_volume, density = 1e4 * area / crystal.volume, crystal.density
    return Pores(
        void_fraction=volume,
        geometric_void_fraction=float(np.clip(0.5 + grid.distances / grid.step, 0.0, 1.0).mean()),
        accessible_volume=centers / density,
        accessible_surface_area=per_volume,
        accessible_surface_area_per_mass=per_volume / density,
        accessible_surface_area_per_cell=area,
        surface_area_per_cell=whole,
        largest_included_sphere=2.0 * max(included, 0.0),
        largest_free_sphere=2.0 * max(min(channels.free_radius, included), 0.0),
        density=density,
        spacing=grid.spacing,
    )


def _volumes(grid: Grid, channels: Channels, probe: float) -> tuple[float, float]:
    """Return which share of space an accessible probe covers, and which its center can be in."""
    reachable = channels.open[channels.cavity] & (channels.cavity >= 0)
    reachable &= grid.distances >= probe
    shape = np.array(grid.distances.shape)
    step = grid.step
    ranges = [np.arange(-n, n + 1) for n in _extents(grid, probe + step)]
    steps = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    lengths = np.linalg.norm(steps / shape @ grid.lattice, axis=1)
    steps = steps[lengths <= probe + step]
    lengths = lengths[lengths <= probe + step]
    order = np.argsort(lengths, kind="stable")
    covered, centers = _cover(grid.distances, reachable, steps[order], lengths[order], probe, step)
    return covered / grid.distances.size, centers / grid.distances.size


def _extents(grid: Grid, radius: float) -> list[int]:
    """Return how many grid points a ball spans to each side, along each lattice vector."""
    across = np.linalg.norm(np.linalg.inv(grid.lattice), axis=0)
    return [int(n) for n in np.ceil(radius * across * grid.distances.shape)]


@kernel
def _cover(distances, reachable, steps, lengths, probe, step):
    """Return how many points the balls around reachable points cover, and how many are reachable.

    Around a point at distance d from the surfaces, a ball of radius d is free. Points within half
    a step of an edge count in part.
    """
    na, nb, nc = distances.shape
    covered, centers = 0.0, 0.0
    for a in range(na):
        for b in range(nb):
            for c in range(nc):
                here = distances[a, b, c]
                if here < -0.5 * step:
                    continue
                if reachable[a, b, c] and here >= probe + 0.5 * step:
                    covered += 1.0
                    centers += 1.0
                    continue
                margin = -1e9
                beside = False
                # No reachable point is nearer than this.
                nearest = 0.0 if here >= probe else probe - here - 1e-9
                for s in range(np.searchsorted(lengths, nearest), steps.shape[0]):
                    oa, ob, oc = a + steps[s, 0], b + steps[s, 1], c + steps[s, 2]
                    oa -= oa // na * na
                    ob -= ob // nb * nb
                    oc -= oc // nc * nc
                    if not reachable[oa, ob, oc]:
                        continue
                    beside = beside or lengths[s] < 1.8 * step
                    margin = max(margin, distances[oa, ob, oc] - lengths[s])
                    if margin > 0.5 * step:
                        break
                covered += min(max(0.5 + margin / step, 0.0), 1.0)
                if beside:
                    centers += min(max(0.5 + (here - probe) / step, 0.0), 1.0)
    return covered, centers


def measure_surface(crystal: Crystal, settings: PoreSettings | None = None) -> float:
    """Return `Pores.surface_area_per_cell` alone, Å2; much faster, as no way in is looked for."""
    whole, _ = _areas(
        surfaces(crystal), settings or PoreSettings(), np.zeros(3), np.zeros((1, 1, 1), np.bool_)
    )
    return whole


def _areas(
    atoms: Surfaces, settings: PoreSettings, origin: np.ndarray, reachable: np.ndarray
) -> tuple[float, float]:
    """Å2 per cell. Of the atoms' spheres, a probe larger, what is bare; what is reachable too."""
    # Turned with the lattice: rotations must not matter.
    points = even_directions(settings.directions)
    first = atoms.lattice[0] / np.linalg.norm(atoms.lattice[0])
    third = np.cross(atoms.lattice[0], atoms.lattice[1])
    third /= np.linalg.norm(third)
    frame = np.stack([first, np.cross(third, first), third])
    whole, open_ = _bare(atoms, points @ frame, settings.probe_radius, origin, reachable)
    return float(whole), float(open_)


@kernel
def _bare(atoms, directions, probe, origin, reachable):
    near = np.empty((1024, 4), np.float64)
    point = np.empty(3, np.float64)
    whole, open_ = 0.0, 0.0
    for i in range(atoms.centers.shape[0]):
        center = atoms.centers[i]
        radius = atoms.radii[i] + probe
        _, found = look(atoms, center[0], center[1], center[2], radius + probe, near)
        last = 0
        bare, reached = 0, 0
        for s in range(directions.shape[0]):
            for axis in range(3):
                point[axis] = center[axis] + radius * directions[s, axis]
            free = True
            for m in range(found):
                k = (m + last) % found  # who hid the last point hides this one, too
                d2 = 0.0
                for axis in range(3):
                    d2 += (point[axis] - near[k, axis]) ** 2
                # Less a hair: an atom does not hide its own sphere.
                if d2 < (near[k, 3] + probe) ** 2 - 1e-9:
                    free = False
                    last = k
                    break
            if free and found == near.shape[0]:  # so crowded that not all may have been found
                gap, _ = look(atoms, point[0], point[1], point[2], probe, near[:0])
                free = gap > probe - 1e-9
            if free:
                bare += 1
                if _beside(point, atoms.inverse, origin, reachable):
                    reached += 1
        patch = 4.0 * math.pi * radius**2 / directions.shape[0]
        whole += patch * bare
        open_ += patch * reached
    return whole, open_


@kernel
def _beside(point, inverse, origin, reachable):
    """Tell whether a corner of the grid cell around a place is reachable."""
    corner = np.empty(3, np.int64)
    for axis in range(3):
        place = -origin[axis]
        for x in range(3):
            place += point[x] * inverse[x, axis]
        corner[axis] = math.floor(place * reachable.shape[axis])
    na, nb, nc = reachable.shape
    for da in range(2):
        for db in range(2):
            for dc in range(2):
                if reachable[(corner[0] + da) % na, (corner[1] + db) % nb, (corner[2] + dc) % nc]:
                    return True
    return False
