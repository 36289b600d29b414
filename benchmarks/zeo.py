"""Pore geometry by Zeo++ (pyzeo), each structure in a process of its own.

    python -m benchmarks.zeo pores DATA NAMES.txt TABLE.csv     measure structures of DATA anew
    python -m benchmarks.zeo topology DATA NAMES.txt TABLE.csv  what passes through crystals
    python -m benchmarks.zeo < job.json > /dev/null             what `measure` does for one

Zeo++ can end the process that calls it, and writes to standard output, so `measure` hands each
job to a child with a time limit, which leaves the answer in a file. Atoms go in as Cartesian
coordinates in P1 (`.v1`), which needs no reader of CIFs.

Diameters come from the plain Voronoi network. It is a power diagram, whose corners are equally far
from the surfaces of atoms of one size alone: with van der Waals radii the spheres of Zeo++ are off
by some 0.1 Å, up to 0.5 Å, and which of the cavities a probe reaches hangs on them. Its way
out, small spheres in the place of large atoms, takes minutes for one MOF. So the table has the
diameters twice, the second time with all atoms of one size, where the diagram is exact. Areas
and volumes are Monte Carlo.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import IONIC_RADII, SYMBOLS
from screenkit.crystal.library import Library

AREA_SAMPLES = 2000
"""Points on each atom."""
VOLUME_SAMPLES = 100_000
"""Points in the cell."""
ONE_SIZE = 1.5
"""Å. Radius of all atoms of a MOF, the second time."""


def measure(
    symbols: list[str],
    positions: np.ndarray,
    lattice: np.ndarray,
    radii: dict[str, float] | None = None,
    probe: float | None = None,
    seconds: float = 300.0,
) -> dict[str, float]:
    """Return what Zeo++ finds in one crystal.

    Args:
        symbols: n elements.
        positions: (n, 3), Å.
        lattice: (3, 3), Å.
        radii: Å, by element; None: those of Zeo++, van der Waals.
        probe: Å, radius; None: spheres only.
        seconds: after which the child is ended.

    Returns:
        `included` and `free`, diameters, Å; and with a probe `area`, Å2 per cell, accessible;
        `volume`, Å3 per cell, where its center can be; `void`, share of the cell outside all atoms.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        cell = zip(("va=", "vb=", "vc="), lattice, strict=True)
        lines = ["Unit cell vectors:", *(f"{name} {_row(vector)}" for name, vector in cell)]
        lines.append(str(len(symbols)))
        lines += [f"{s} {_row(p)}" for s, p in zip(symbols, positions, strict=True)]
        (place / "crystal.v1").write_text("\n".join(lines) + "\n")
        if radii is not None:
            rows = [f"{symbol} {radius:.6f}" for symbol, radius in radii.items()]
            (place / "radii.rad").write_text("\n".join(rows) + "\n")
        job = {"folder": folder, "radii": radii is not None, "probe": probe}
        subprocess.run(
            [sys.executable, "-m", "benchmarks.zeo"],
            input=json.dumps(job), text=True, check=True, timeout=seconds,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parent.parent, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        answer: dict[str, float] = json.loads((place / "answer.json").read_text())
        return answer


def _row(vector: np.ndarray) -> str:
    return " ".join(f"{x:.9f}" for x in vector)


def _child(job: dict) -> None:
    import pyzeo

    folder = Path(job["folder"])
    radii = str(folder / "radii.rad") if job["radii"] else None
    net = pyzeo.AtomNetwork.read_from_V1(str(folder / "crystal.v1"), True, radii)
    net.calculate_free_sphere_parameters(str(folder / "spheres.res"))
    included, free, _ = (folder / "spheres.res").read_text().split()[-3:]
    answer = {"included": float(included), "free": float(free)}
    if (probe := job["probe"]) is not None:
        found = pyzeo.surface_area(net, probe, probe, AREA_SAMPLES)
        answer["area"] = _figure(found, "ASA_A^2")
        answer["volume"] = _figure(pyzeo.volume(net, probe, probe, VOLUME_SAMPLES), "AV_A^3")
        bare = pyzeo.volume(net, 1e-3, 1e-3, VOLUME_SAMPLES)
        answer["void"] = _figure(bare, "AV_Volume_fraction") + _figure(bare, "NAV_Volume_fraction")
    (folder / "answer.json").write_text(json.dumps(answer))


def _figure(text: str | bytes, name: str) -> float:
    text = text.decode() if isinstance(text, bytes) else text
    found = re.search(rf"(?<!\w){re.escape(name)}: (\S+)", text)
    if found is None:
        raise ValueError(f"Zeo++ gave no {name}: {text[:200]}")
    return float(found.group(1))


def _crystals(data: Path, libraries: Sequence[str], wanted: set[str]) -> Iterator[Any]:
    """Yield (library, crystal) of those whose names are wanted."""
    for library in libraries:
        source = Library.open([data / library / f"{library}.tar.xz"])
        for documents in source.deliver([(0, len(source.names))]):
            for document in documents:
                if document.name in wanted:
                    yield library, read_cif(document.read(), document.name)


def _pores(crystal: Crystal, probe: float = 1.84) -> dict[str, float]:
    symbols = [SYMBOLS[z] for z in crystal.numbers]
    found = measure(symbols, crystal.positions, crystal.lattice, probe=probe)
    even = dict.fromkeys(symbols, ONE_SIZE)
    spheres = measure(symbols, crystal.positions, crystal.lattice, radii=even)
    return {
        "included_A": found["included"],
        "free_A": found["free"],
        "area_A2": found["area"],
        "volume_A3": found["volume"],
        "void_fraction": found["void"],
        "included_one_size_A": spheres["included"],
        "free_one_size_A": spheres["free"],
    }


def _topology(crystal: Crystal) -> dict[str, float]:
    framework = crystal.numbers != 3
    symbols = [SYMBOLS[z] for z in crystal.numbers[framework]]
    given = (symbols, crystal.positions[framework], crystal.lattice)
    ionic = {symbol: float(IONIC_RADII[SYMBOLS.index(symbol)]) for symbol in symbols}
    return {
        "ionic_A": measure(*given, radii=ionic)["free"],
        "one_size_A": measure(*given, radii=dict.fromkeys(symbols, 1.0))["free"],
    }


_TABLES = {
    "pores": (("core2019", "raspa2"), _pores, "probe radius 1.84 Å; one size is 1.5 Å"),
    "topology": (("mp_gap",), _topology, "diameters that pass, lithium out; one size is 1.0 Å"),
}


def _table(kind: str, data: Path, names: Path, path: Path) -> None:
    libraries, look, told = _TABLES[kind]
    head = f"# pyzeo {version('pyzeo')}, python -m benchmarks.zeo {kind}; {told}\n"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(head)
        table = csv.writer(file, lineterminator="\n")
        wanted = set(names.read_text().split())
        for i, (library, crystal) in enumerate(_crystals(data, libraries, wanted)):
            found = look(crystal)
            if not i:
                table.writerow(["library", "name", "atoms", "cell_A3", *found])
            size = [str(len(crystal)), f"{crystal.volume:.2f}"]
            table.writerow([library, crystal.name, *size, *(f"{x:.6g}" for x in found.values())])
            file.flush()


if __name__ == "__main__":
    if len(sys.argv) == 5:
        _table(sys.argv[1], *map(Path, sys.argv[2:]))
    else:
        _child(json.load(sys.stdin))
