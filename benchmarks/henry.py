"""Henry coefficients on one core: our kernel, a plain numpy sum and RASPA3's Widom insertion.

    python -m benchmarks.henry DATA [--gas H2] [--temperature 298.15] [--tolerance 0.01]

Pair energies: those of atoms within the cutoff of a grid point, per second. Time to equal error:
ours until its estimated error is below the tolerance; numpy on the same grids, by the same
refinement; raspalib until half its 95% interval is the tolerance, from the interval that a shorter
run had (an interval shrinks with the root of the time). Repeats are interleaved, figures are
medians; seconds are those of the processor, compilation and reading left out.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import raspa
from benchmarks.record import keep
from benchmarks.widom import job
from screenkit.adsorption.conditions import AdsorptionSettings
from screenkit.adsorption.energy import BLOCK_WIDTH, potential, probe
from screenkit.adsorption.force_field import ForceField, Gas, find_force_field
from screenkit.adsorption.henry import measure_henry
from screenkit.adsorption.quadrature import boltzmann, refine
from screenkit.adsorption.surroundings import surround
from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.grid import lay_points, surfaces
from screenkit.crystal.library import Library

STRUCTURES = {"COF-1", "Cu-BTC", "IRMOF-1", "MIL-47", "ZIF-8"}
SIDE = 4  # points along each edge of the blocks that numpy takes at once


class PlainSum:
    """Lennard-Jones by numpy: blocks of points times the atoms in reach of the block."""

    def __init__(self, crystal: Crystal, gas: Gas, field: ForceField, cutoff: float) -> None:
        self.lattice, self.cutoff = crystal.lattice, cutoff
        inside = crystal.positions @ np.linalg.inv(crystal.lattice) % 1.0
        reach = (cutoff + 4.0) * np.linalg.norm(np.linalg.inv(crystal.lattice), axis=0)
        far = np.ceil(reach).astype(int)
        images = np.array(list(np.ndindex(*(2 * far + 1)))) - far
        places = (inside + images[:, None]).reshape(-1, 3)
        near = ((places > -reach) & (places < 1.0 + reach)).all(axis=1)
        self.atoms = places[near] @ crystal.lattice
        sigma, epsilon = (of[crystal.numbers] for of in field.pairs(gas.sites[0]))
        self.sigma6 = np.tile(sigma**6, len(images))[near]
        self.epsilon4 = np.tile(4.0 * epsilon, len(images))[near]
        self.pairs = 0

    def energies(self, origin: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """Return (1, na, nb, nc) K, and count the pairs within the cutoff."""
        energies = np.empty(tuple(shape))
        steps = self.lattice / shape[:, None]
        for corner in np.ndindex(*(-(-shape // SIDE))):
            block = tuple(slice(SIDE * i, SIDE * i + SIDE) for i in corner)
            points = np.stack(np.mgrid[block], axis=-1)
            sizes = energies[block].shape
            points = points[: sizes[0], : sizes[1], : sizes[2]].reshape(-1, 3) + origin * shape
            points -= np.floor(points.mean(axis=0) / shape) * shape
            energies[block] = self._sum_up(points @ steps).reshape(sizes)
        return energies[None]

    def _sum_up(self, points: np.ndarray) -> np.ndarray:
        middle = points.mean(axis=0)
        reach = self.cutoff + np.linalg.norm(points - middle, axis=1).max()
        near = np.flatnonzero(((self.atoms - middle) ** 2).sum(axis=1) < reach**2)
        atoms = self.atoms[near]
        square = sum((points[:, None, i] - atoms[:, i]) ** 2 for i in range(3))
        within = square < self.cutoff**2
        x = self.sigma6[near] / np.maximum(square, 0.01) ** 3
        self.pairs += int(within.sum())
        return np.where(within, self.epsilon4[near] * (x * x - x), 0.0).sum(axis=1)


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(
    crystal: Crystal, gas: Gas, temperature: float, field: ForceField, repeats: int, goal: float
) -> dict[str, float]:
    """Return the figures of one structure."""
    settings = AdsorptionSettings(tolerance=goal)
    at = np.array([temperature])
    origin, shape = lay_points(crystal, surfaces(crystal), settings.spacing, settings.max_points)
    given = job(crystal, gas, temperature, field, "truncated")
    plain = PlainSum(crystal, gas, field, settings.cutoff)

    def ours() -> None:
        measure_henry(crystal, [gas], at, field, settings)

    def kernel() -> np.ndarray:
        atoms = surround(crystal, settings.cutoff, BLOCK_WIDTH)
        coefficients = potential([gas.sites[0]], field, atoms, crystal.volume, "truncated", np.inf)
        return probe(atoms, coefficients, crystal.lattice, origin @ crystal.lattice, shape)

    def numpys() -> None:
        refine(
            lambda origin, shape: boltzmann(plain.energies(origin, shape), at),
            origin, shape, settings.tolerance, settings.max_points,
        )  # fmt: skip

    energies = kernel(), plain.energies(origin, shape)
    assert np.allclose(*(np.minimum(of, 1e4) for of in energies)), f"{crystal.name}: they differ"
    pairs = plain.pairs
    ours()
    runs = []
    for repeat in range(repeats):
        run = {"ours": seconds(ours), "kernel": seconds(kernel)}
        run["numpy first grid"] = seconds(lambda: plain.energies(origin, shape))
        run["numpy"] = seconds(numpys)
        widom = raspa.insert(given, 8_000, seed=10 + repeat)
        run["raspalib"] = widom.seconds * (widom.bar / widom.weight / goal) ** 2
        runs.append(run)
    middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    found, fine = (
        measure_henry(crystal, [gas], at, field, AdsorptionSettings(tolerance=tolerance))
        for tolerance in (goal, 1e-5)
    )
    return {
        "ours, ms": 1e3 * middle["ours"],
        "numpy, ms": 1e3 * middle["numpy"],
        "raspalib, ms": 1e3 * middle["raspalib"],
        "million pair energies per second, ours": pairs / middle["kernel"] / 1e6,
        "million pair energies per second, numpy": pairs / middle["numpy first grid"] / 1e6,
        "error that ours estimates": float(found.error[0, 0]),
        "error against a fine grid": float(abs(found.coefficient / fine.coefficient - 1.0)[0, 0]),
        "times faster than numpy": middle["numpy"] / middle["ours"],
        "times faster than raspalib": middle["raspalib"] / middle["ours"],
        "times faster than raspalib, to the error reached": middle["raspalib"]
        / middle["ours"]
        * (goal / found.error[0, 0]) ** 2,
        "pair energies, times numpy": middle["numpy first grid"] / middle["kernel"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--gas", default="H2")
    parser.add_argument("--temperature", type=float, default=298.15)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    field = find_force_field("uff")
    library = Library.open(arguments.data / "raspa2" / "raspa2.tar.xz").keep(STRUCTURES)
    found = {}
    for (document,) in library.deliver((i, i + 1) for i in range(len(library))):
        figures = measure(
            read_cif(document.read(), document.name),
            field.gas(arguments.gas),
            arguments.temperature,
            field,
            arguments.repeats,
            arguments.tolerance,
        )
        found[document.name] = {key: float(f"{value:.4g}") for key, value in figures.items()}
        print(document.name, found[document.name], flush=True)
    ratios = [key for key in figures if "times" in key]
    keep(
        "henry",
        {
            "gas": arguments.gas,
            "temperature": arguments.temperature,
            "tolerance": arguments.tolerance,
            "structures": found,
            "median": {key: statistics.median(f[key] for f in found.values()) for key in ratios},
            "least": {key: min(f[key] for f in found.values()) for key in ratios},
        },
    )


if __name__ == "__main__":
    main()
