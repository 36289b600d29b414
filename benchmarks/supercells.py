"""Reading and graph against the atoms of a cell: supercells of one MOF, 400 to 20 000 atoms."""

from __future__ import annotations

import itertools
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.timing import Stage, straight_line, time_rounds
from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.cif import read_cif
from screenkit.crystal.cif_out import cif_text
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.library import Library
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError, Outcome
from screenkit.graph.graph import GraphSettings
from screenkit.models.knagcn import KNagcn, KNagcnSettings
from screenkit.models.memory import keep_freed_memory
from screenkit.tasks.featurize import featurize

FEWEST, MOST = 380, 400
"""Atoms of the cell that is repeated: 50 of them are no more than a cell may have."""
SHAPES = ((1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (4, 2, 2), (4, 4, 2), (5, 5, 2))


def find_cell(source: Path) -> Crystal:
    """Return the first structure of a library that has about 400 atoms and passes the checks.

    Raises:
        ValueError: there is none.
    """
    library = Library.open([source])
    for (document,) in library.deliver((i, i + 1) for i in range(len(library))):
        try:
            crystal = read_cif(document.read(), document.name)
            if FEWEST <= len(crystal) <= MOST:
                check(crystal, find_neighbors(crystal, 12), CheckSettings())
                return crystal
        except CrystalError:
            continue
    raise ValueError(f"{source} has no structure of {FEWEST} to {MOST} atoms")


def supercell(crystal: Crystal, times: tuple[int, int, int]) -> Crystal:
    """Return the crystal in a cell so many times as long along a, b and c."""
    shifts = np.array(list(itertools.product(*map(range, times))))
    fractional = (crystal.fractional[None] + shifts[:, None]).reshape(-1, 3) / times
    lattice = crystal.lattice * np.array(times)[:, None]
    name = f"{crystal.name}_{'x'.join(map(str, times))}"
    numbers = np.tile(crystal.numbers, len(shifts))
    return Crystal(name, numbers, fractional @ lattice, lattice)


def read_all(document: Document, settings: GraphSettings) -> None:
    """Read a structure and build its graph.

    Raises:
        ValueError: the checks leave it out.
    """
    for row, _ in featurize([document], CheckSettings(), settings, {}, None):
        if row.outcome is not Outcome.OK:
            raise ValueError(f"{row.name}: {row.code}, {row.message}")


def against_atoms(source: Path, rounds: int) -> dict[str, Any]:
    """Return ms per structure for each size, and how straight the line is that they make."""
    keep_freed_memory()  # as workers do
    crystal, settings = find_cell(source), KNagcn.graph_settings(KNagcnSettings())
    stages, atoms = {}, []
    for shape in SHAPES:
        larger = supercell(crystal, shape)
        text = cif_text(larger, {}).encode()
        document = Document(larger.name, larger.name, data=text)
        stages[larger.name] = Stage(lambda d=document: read_all(d, settings), 1)  # type: ignore[misc]
        atoms.append(len(larger))
    seconds = time_rounds(stages, rounds)
    ms = [1e3 * median(seconds[name]) for name in stages]
    line = straight_line(atoms, ms)
    return {
        "source": source.name,
        "structure": crystal.name,
        "rounds": rounds,
        "atoms": atoms,
        "ms": [round(value, 4) for value in ms],
        "ms per 400 atoms": [round(400 * value / n, 4) for n, value in zip(atoms, ms, strict=True)],
        "line": {"start, ms": line.start, "ms per 400 atoms": 400 * line.slope, "off": line.off},
    }
