"""Widom insertion of one gas in one rigid crystal by RASPA3 (raspalib), in a process of its own.

    python -m benchmarks.raspa < job.json

The job is what `job` returns, as JSON; the answer on stdout is JSON too. Nothing of the package may
be imported beside raspalib: it brings a nanobind that clashes with that of gemmi (segmentation
fault), so `insert` and `insert_until` hand the job to a child.

What raspalib 3.1.0 wants: angles of the cell in radians (its stubs say degrees), framework atoms
fractional with Hall number 1, atoms of a molecule Cartesian, `RASPALIB_QUIET=1`; and as many cells
that twice the cutoff fits between opposite faces, because it looks at the nearest image alone.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

MOVES_PER_CYCLE = 20
"""Insertions in a cycle of raspalib; each tries ten places of the first site."""

PILOT = 2_000
BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Widom:
    """What raspalib found."""

    weight: float
    """Mean Rosenbluth weight over the whole cell: the dimensionless Henry coefficient."""
    bar: float
    """Half of raspalib's 95% interval: Student's t times the standard error of the block means."""
    insertions: int
    """Molecules, each with ten trial places of its first site."""
    seconds: float
    """Of one core, the sampling alone."""
    version: str


def job(
    fractional: np.ndarray,
    lattice: np.ndarray,
    framework: list[tuple[int, float, float]],
    types: np.ndarray,
    sites: list[tuple[float, float, float, float]],
    temperature: float,
    charges: np.ndarray | None = None,
    cutoff: float = 12.9,
    truncation: str = "truncated",
) -> dict[str, Any]:
    """Return a crystal and a gas as `insert` takes them.

    Args:
        fractional: (n, 3).
        lattice: (3, 3), Å. Rows are a, b, c.
        framework: atomic number, sigma, Å, and epsilon, K, of each type of atom.
        types: (n,) index into `framework`.
        sites: place along the axis, Å; sigma, Å; epsilon, K; charge, e.
        temperature: K.
        charges: (n,) e; None where no charges are to count.
        cutoff: Å.
        truncation: of Lennard-Jones there: `truncated`, `shifted` to zero, or with `tail`.
    """
    lengths = np.linalg.norm(lattice, axis=1)
    a, b, c = lattice / lengths[:, None]
    widths = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    return {
        "lengths": lengths.tolist(),
        "angles": np.arccos([b @ c, a @ c, a @ b]).tolist(),
        "repeats": np.ceil(2 * cutoff / widths - 1e-9).astype(int).tolist(),
        "fractional": fractional.tolist(),
        "charges": None if charges is None else charges.tolist(),
        "framework": framework,
        "types": types.tolist(),
        "sites": sites,
        "temperature": temperature,
        "cutoff": cutoff,
        "truncation": truncation,
    }


def insert(given: dict[str, Any], insertions: int, seed: int) -> Widom:
    """Insert as often as asked, in a child.

    Raises:
        RuntimeError: the child failed; says how.
        subprocess.TimeoutExpired: it took an hour.
    """
    return _in_a_child({**given, "insertions": insertions, "seed": seed})


def insert_until(given: dict[str, Any], bar: float, seconds: float, seed: int) -> Widom:
    """Insert until half the 95% interval is `bar` of the weight, in a child.

    Or until the seconds are over. How often that is, a pilot says, which is thrown away.

    Raises:
        As `insert`.
    """
    return _in_a_child({**given, "bar": bar, "within": seconds, "seed": seed})


def _in_a_child(given: dict[str, Any]) -> Widom:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.raspa"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=3600.0,
        env={**os.environ, "RASPALIB_QUIET": "1"},
    )
    if done.returncode:
        raise RuntimeError(f"raspalib ended with {done.returncode}: {done.stderr[-500:]}")
    return Widom(**json.loads(done.stdout.splitlines()[-1]))


def run(given: dict[str, Any], insertions: int, seed: int) -> Widom:
    """Insert as often as asked, in this process."""
    import raspalib

    charges = given["charges"] or [0.0] * len(given["types"])
    kinds = [(f"framework{i}", True, z, 0.0) for i, (z, _, _) in enumerate(given["framework"])]
    kinds += [(f"gas{i}", False, 1, site[3]) for i, site in enumerate(given["sites"])]
    sizes = [kind[1:] for kind in given["framework"]] + [site[1:3] for site in given["sites"]]
    field = raspalib.ForceField(
        [raspalib.PseudoAtom(name, rigid, 1.0, q, 0.0, z) for name, rigid, z, q in kinds],
        [raspalib.VDWParameters(epsilon, sigma) for sigma, epsilon in sizes],
        raspalib.ForceField.MixingRule.LORENTZ_BERTHELOT,
        given["cutoff"],
        given["cutoff"],
        given["cutoff"],
        shifted=given["truncation"] == "shifted",
        tail_corrections=given["truncation"] == "tail",
        use_charge=given["charges"] is not None,
    )
    atoms = zip(given["fractional"], charges, given["types"], strict=True)
    framework = raspalib.Framework(
        field,
        "framework",
        raspalib.SimulationBox(*given["lengths"], *given["angles"]),
        1,
        [raspalib.Atom(place, charge, 1.0, 0, kind) for place, charge, kind in atoms],
        given["repeats"],
    )
    molecule = [
        raspalib.Atom([0.0, 0.0, place], charge, 1.0, 0, len(given["framework"]) + i)
        for i, (place, _, _, charge) in enumerate(given["sites"])
    ]
    # Critical constants only serve an equation of state, which an insertion does not ask.
    gas = raspalib.Component(
        field, "gas", 300.0, 5e6, 0.1, molecule, number_of_blocks=BLOCKS,
        particle_probabilities=raspalib.MCMoveProbabilities(widom_probability=1.0),
    )  # fmt: skip
    system = raspalib.System(
        field, external_temperature=given["temperature"], external_pressure=1e5,
        framework_components=framework, components=[gas], initial_number_of_molecules=[0],
        number_of_blocks=BLOCKS,
    )  # fmt: skip
    cycles = -(-insertions // MOVES_PER_CYCLE)
    sampling = raspalib.MonteCarlo(
        cycles, 0, systems=[system], random_seed=seed, number_of_blocks=BLOCKS
    )
    started = time.process_time()
    sampling.run()
    seconds = time.process_time() - started
    weight, bar = sampling.systems[0].components[0].average_rosenbluth_weights.result()
    return Widom(weight, bar, cycles * MOVES_PER_CYCLE, seconds, raspalib.__version__)


def main() -> None:
    given = json.load(sys.stdin)
    insertions, seed = given.get("insertions"), given["seed"]
    if insertions is None:
        pilot = run(given, PILOT, seed + 1)
        enough = 1.2 * PILOT * (pilot.bar / pilot.weight / given["bar"]) ** 2
        affordable = PILOT * given["within"] / pilot.seconds
        insertions = math.ceil(max(PILOT, min(enough, affordable)))
    done = run(given, insertions, seed)
    print(json.dumps({name: getattr(done, name) for name in Widom.__slots__}))


if __name__ == "__main__":
    main()
