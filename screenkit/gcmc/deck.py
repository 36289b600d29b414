"""Deck: one structure at one state point, as an engine is to simulate it, and its files on disk.

A deck is complete: its folder holds all that the engine reads, and nothing outside is looked at.
`decks.json` keeps what each deck is and the SHA-256 of its files, so that a result is never taken
for that of another deck.

Not covered: what the files say, which is an engine's own (`raspa3.py`, `raspa2.py`, `graspa.py`).
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.adsorption.ewald import refuse_without_charges
from screenkit.adsorption.force_field import ForceField, Gas
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import ATOMIC_MASSES
from screenkit.errors import CrystalError, Outcome, SourceError, StorageError

DECKS = "decks.json"
"""Name of the list of all decks in their folder."""
SCHEMA = 2
RESULT = "result.json"
"""Name of what an engine found, in the folder of the deck."""
FAILURE = "failure.txt"
"""Name of why it found nothing, the last time that it was tried."""
FRAMEWORK = "framework.cif"
"""Name of the structure in the folder of a deck."""


@dataclass(frozen=True, slots=True)
class Deck:
    """One structure at one state point."""

    name: str
    """Of the structure, as in its library."""
    folder: str
    """Below that of `decks.json`, with `/`."""
    engine: str
    gas: str
    temperature: float
    """K."""
    pressure: float
    """Pa."""
    fugacity_coefficient: float
    """Fugacity over pressure."""
    repeats: tuple[int, int, int]
    """Cells along each lattice vector, so that the box is as wide as two cutoffs."""
    atoms: int
    """Framework atoms in the box."""
    mass: float
    """g/mol. Of the framework in the box: molecules in the box over it, times 1000, is mol/kg."""
    charges: str
    """Where the framework's are from: `cif`, `eqeq`; `none`: there is no electrostatics."""
    cutoff: float
    """Å. Of Lennard-Jones and of the real part of Ewald's sum."""
    truncation: str
    """As in `AdsorptionSettings`."""
    cycles: int
    initialization: int
    blocks: int
    seed: int
    files: Mapping[str, str]
    """SHA-256 of each file by its name."""

    @property
    def charged(self) -> bool:
        """Whether there is electrostatics."""
        return self.charges != "none"

    @property
    def digest(self) -> str:
        """SHA-256 of the names and hashes of its files; a result carries it."""
        return hashlib.sha256(json.dumps(sorted(self.files.items())).encode()).hexdigest()

    @property
    def state(self) -> str:
        """The state point as one word, such as `CO2_298K_15000Pa`."""
        return f"{self.gas}_{self.temperature:g}K_{self.pressure:g}Pa"

    def changed(self, root: Path) -> str | None:
        """Return which file is missing or not as it was prepared, in words; None where none is.

        Args:
            root: the folder of `decks.json`.
        """
        for name, digest in self.files.items():
            try:
                data = (root / self.folder / name).read_bytes()
            except OSError:
                return f"{name} is missing, or cannot be read"
            if hashlib.sha256(data).hexdigest() != digest:
                return f"{name} is not as it was prepared"
        return None


@dataclass(frozen=True, slots=True)
class Decks:
    """All decks of one `prepare`."""

    settings: Mapping[str, Any]
    """What they were made by; must be equal for a second `prepare` into the same folder."""
    version: str
    """Of the engine where it was installed; empty where it was not."""
    run: str
    """The folder of the screening that they were chosen from; empty for a library."""
    decks: tuple[Deck, ...]

    @property
    def settings_digest(self) -> str:
        """SHA-256 of the settings."""
        said = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def to_json(self) -> str:
        """Return the text of `decks.json`."""
        facts = {"schema": SCHEMA, **asdict(self)}
        return json.dumps(facts, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, root: Path) -> Decks:
        """Read `decks.json` in a folder.

        Raises:
            SourceError: there is none.
            StorageError: it is damaged, or of another version of screenkit.
        """
        path = root / DECKS
        try:
            facts = json.loads(path.read_text("utf-8"))
            if facts["schema"] != SCHEMA:
                raise StorageError(
                    f"{path} has schema {facts['schema']}, and this screenkit reads {SCHEMA}",
                    hint="prepare the decks again",
                )
            decks = tuple(
                Deck(**{**deck, "repeats": tuple(deck["repeats"])}) for deck in facts["decks"]
            )
            return cls(facts["settings"], str(facts["version"]), str(facts["run"]), decks)
        except FileNotFoundError:
            raise SourceError(
                f"{root} has no {DECKS}",
                hint="DIR is the --output of `screenkit gcmc prepare`",
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path} is damaged: {type(error).__name__}") from None


def repeats_of(lattice: np.ndarray, cutoff: float) -> tuple[int, int, int]:
    """Return how many cells make a box of which opposite faces are two cutoffs apart.

    The distance between opposite faces counts, not the length of an edge: in a slanted cell it is
    less, and an engine that looks at the nearest image alone would miss neighbours.

    Args:
        lattice: (3, 3), Å. Rows are a, b, c.
        cutoff: Å.
    """
    widths = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    na, nb, nc = (max(1, math.ceil(2.0 * cutoff / width - 1e-9)) for width in widths)
    return na, nb, nc


def box_mass(crystal: Crystal, repeats: tuple[int, int, int]) -> float:
    """Return the mass of the framework in the box, g/mol."""
    return float(ATOMIC_MASSES[crystal.numbers].sum()) * math.prod(repeats)


def seed_of(seed: int, name: str, state: str) -> int:
    """Return the seed of one simulation: that of all, its structure and its state point."""
    return zlib.crc32(f"{seed}\0{name}\0{state}".encode("utf-8", "surrogateescape")) & 0x7FFFFFFF


def folder_of(place: int, name: str) -> str:
    """Return the folder of a structure: its place, and what of its name is plain and no path."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:60] or "structure"
    return f"decks/{place:04d}-{plain}"


def lint(crystal: Crystal, gas: Gas, field: ForceField, charged: bool, max_atoms: int) -> None:
    """Raise why a structure cannot be simulated; return if there is no reason.

    Args:
        crystal: as it will stand in the deck, with the cells of the box not yet repeated.
        charged: whether there is to be electrostatics.
        max_atoms: framework atoms at most, in one cell.

    Raises:
        CrystalError: `element_without_parameters`, `charges_missing`, `framework_charged`,
            `too_many_atoms`.
    """
    field.refuse_strangers(crystal.numbers)
    if charged and gas.is_charged:
        refuse_without_charges(crystal)
    if len(crystal) > max_atoms:
        raise CrystalError(
            "too_many_atoms",
            f"{len(crystal)} atoms in the box, wanted at most {max_atoms}",
            Outcome.FILTERED,
        )
