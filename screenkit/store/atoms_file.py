"""`atoms.h5`: the atoms of explained structures, and what of each prediction rests on each of them.

Structures stand one after the other, atom by atom: those of structure i are rows
[first_atom[i], first_atom[i] + n_atoms[i]) of every dataset of the group `atoms`. Units and
meanings are attributes of the datasets. Sealed as all files of the store (`store/seal.py`).

Not covered: structures that are not `ok`; they stand in `predictions.h5` and `failures.csv`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from screenkit.crystal.crystal import Crystal
from screenkit.errors import Outcome
from screenkit.plan import Plan
from screenkit.store.layout import ATOMS, ATOMS_COLUMNS, SCHEMA_VERSION, STRUCTURES
from screenkit.store.seal import check_sealed, replace_sealed
from screenkit.store.shard_file import ShardFile, read_shards, text_dtype

KIND = "atoms"
ATOMS_FILE = "atoms.h5"
"""Name of the file in the folder of an explanation."""
_PREDICTIONS = f"{STRUCTURES}/predictions"
_WEIGHTS = f"{ATOMS}/weights"


def write_atoms(path: Path, plan: Plan, folder: Path, targets: Sequence[Mapping[str, str]]) -> None:
    """Write the file, in place of an older one; the shards are gone through twice.

    Args:
        folder: where the shards of the plan are, with the arrays of `tasks/explain.py`.
        targets: attributes of each target's weights: `name`, `unit`, `kind`, `meaning`.

    Raises:
        StorageError: the disk is full, or a shard is missing or damaged.
    """
    structures = atoms = 0
    widths = {"name": 1, "environment": 1}
    for shard in read_shards(folder, plan):
        names, counts = _ok(shard)
        structures, atoms = structures + len(names), atoms + int(counts.sum())
        widths["name"] = max(widths["name"], names.dtype.itemsize)
        if len(names):
            wide = shard.arrays["environment"].dtype.itemsize
            widths["environment"] = max(widths["environment"], wide)
    with replace_sealed(path, KIND) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["plan"] = plan.stamp
        file.attrs["structures"] = structures
        file.attrs["targets"] = [target["name"] for target in targets]
        _describe(file, structures, atoms, targets, widths)
        _copy(file, [target["name"] for target in targets], read_shards(folder, plan))
        file.attrs["complete"] = True


def _ok(shard: ShardFile) -> tuple[np.ndarray, np.ndarray]:
    """Return names (bytes) and numbers of atoms of the structures that are `ok`."""
    ok = shard.columns["outcome"] == Outcome.OK.value.encode()
    return shard.columns["name"][ok], shard.columns["n_atoms"][ok].astype(np.int64)


def _describe(
    file: h5py.File,
    structures: int,
    atoms: int,
    targets: Sequence[Mapping[str, str]],
    widths: Mapping[str, int],
) -> None:
    length = {STRUCTURES: structures, ATOMS: atoms}
    for group, columns in ATOMS_COLUMNS.items():
        for column in columns:
            text = column.dtype == "text"
            dtype = text_dtype(widths.get(column.name, 1)) if text else np.dtype(column.dtype)
            shape = (length[group], *column.shape)
            dataset = file.create_dataset(f"{group}/{column.name}", shape, dtype)
            dataset.attrs["unit"] = column.unit
            dataset.attrs["meaning"] = column.doc
    dataset = file.create_dataset(_PREDICTIONS, (structures, len(targets)), np.float64)
    dataset.attrs["unit"] = ""
    dataset.attrs["meaning"] = "one column per target, in the order of the attribute"
    for target in targets:
        dataset = file.create_dataset(f"{_WEIGHTS}/{target['name']}", (atoms,), np.float64)
        for key, value in target.items():
            dataset.attrs[key] = value


def _copy(file: h5py.File, targets: Sequence[str], shards: Iterable[ShardFile]) -> None:
    row = atom = 0
    for shard in shards:
        names, counts = _ok(shard)
        if not len(names):
            continue
        rows, atoms = slice(row, row + len(names)), slice(atom, atom + int(counts.sum()))
        counted = {
            "name": names,
            "n_atoms": counts,
            "first_atom": atom + np.cumsum(counts) - counts,
        }
        for group, part in ((STRUCTURES, rows), (ATOMS, atoms)):
            for column in ATOMS_COLUMNS[group]:
                values = shard.arrays[column.field] if column.field else counted[column.name]
                dataset = file[f"{group}/{column.name}"]
                dataset[part] = values.astype(dataset.dtype)
        file[_PREDICTIONS][rows] = shard.arrays["prediction"]
        for t, target in enumerate(targets):
            file[f"{_WEIGHTS}/{target}"][atoms] = shard.arrays["weights"][:, t]
        row, atom = rows.stop, atoms.stop


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """One structure with the weights of its atoms."""

    name: str
    crystal: Crystal
    """n atoms."""
    weights: np.ndarray
    """(n,) float64, of one target."""
    signed: bool
    """Their sign matters, even where all have the same."""


def read_atoms(path: Path, names: Container[str], target: str) -> Iterator[Weighed]:
    """Yield those structures of a file that are asked for; none where it has no such target.

    Raises:
        StorageError: the file is damaged.
    """
    check_sealed(KIND, path)
    with h5py.File(path, "r") as file:
        if target not in file[_WEIGHTS]:
            return
        weights, group, atoms = file[f"{_WEIGHTS}/{target}"], file[STRUCTURES], file[ATOMS]
        signed = weights.attrs.get("kind") == "gradient"
        firsts, counts = group["first_atom"][:], group["n_atoms"][:]
        for row, raw in enumerate(group["name"][:].tolist()):
            if (name := raw.decode()) not in names:
                continue
            part = slice(int(firsts[row]), int(firsts[row] + counts[row]))
            lattice = group["lattice"][row]
            places = atoms["fractional"][part] @ lattice
            crystal = Crystal(name, atoms["number"][part], places, lattice)
            yield Weighed(name, crystal, weights[part], signed)
