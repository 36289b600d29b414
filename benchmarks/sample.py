"""Structures to measure with: spread over a library, and such as every peer can read too.

A structure that the checks leave out, or that the published path or another peer cannot read, is
left out on both sides, and counted.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.cif import read_cif
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.library import Library
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError

FULL = 256
"""Structures of a usual shard."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Some structures of a library, as text and as everyone has read them."""

    source: str
    texts: list[bytes]
    crystals: list[Crystal]
    structures: list[Any]
    """pymatgen's."""
    atoms: list[Any]
    """ase's; empty where it is not installed."""
    left_out: dict[str, int]
    """By whom, how many."""

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def n_atoms(self) -> int:
        """Atoms of all structures."""
        return sum(map(len, self.crystals))


def choose(source: Path, count: int, most_atoms: int) -> Sample:
    """Return up to `count` structures, spread evenly over a library, of up to `most_atoms`."""
    library = Library.open([source])
    places = np.unique(np.linspace(0, len(library) - 1, count).round().astype(int)).tolist()
    left_out: Counter[str] = Counter()
    texts, crystals, structures, atoms = [], [], [], []
    for (document,) in library.deliver((place, place + 1) for place in places):
        try:
            text = document.read()
            crystal = read_cif(text, document.name)
            check(crystal, find_neighbors(crystal, 12), CheckSettings())
            if len(crystal) > most_atoms:
                left_out[f"more than {most_atoms} atoms"] += 1
                continue
        except CrystalError as error:
            left_out[f"screenkit: {error.code}"] += 1
            continue
        structure = _try(peers.read_by_pymatgen, text, len(crystal))
        if structure is None or _try(peers.neighbors_by_pymatgen, structure, None) is None:
            left_out["the published path"] += 1
            continue
        if peers.installed("ase", "matscipy"):
            read = _try(peers.read_by_ase, text, len(crystal))
            if read is None or _try(peers.neighbors_by_matscipy, read, None) is None:
                left_out["ase and matscipy"] += 1
                continue
            atoms.append(read)
        texts.append(text)
        crystals.append(crystal)
        structures.append(structure)
    return Sample(source.name, texts, crystals, structures, atoms, dict(left_out))


def _try(read: Any, given: Any, wanted: int | None) -> Any:
    """Return what a peer makes of a structure; None where it fails or finds other atoms."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = read(given)
    except Exception:  # noqa: BLE001  whatever it is, the peer cannot read it
        return None
    return made if wanted is None or len(made) == wanted else None


def lay_out(sample: Sample, folder: Path) -> list[Path]:
    """Write the structures as files, again and again under new names until a shard is full.

    Returns:
        The files of the structures, each once.
    """
    folder.mkdir(parents=True)
    repeats = max(1, round(FULL / len(sample)))
    for repeat in range(repeats):
        for i, text in enumerate(sample.texts):
            (folder / f"{repeat:03d}_{i:03d}.cif").write_bytes(text)
    return [folder / f"000_{i:03d}.cif" for i in range(len(sample))]
