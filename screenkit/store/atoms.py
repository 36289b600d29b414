"""`atoms.h5`: the atoms of explained structures, and what of each prediction rests on each of them.

Structures stand one after the other, atom by atom: those of structure i are rows
[first_atom[i], first_atom[i] + n_atoms[i]) of every dataset of the group `atoms`. Units and
meanings are attributes of the datasets. Sealed as all files of the store (`store/seal.py`).

Not covered: structures that are not `ok`; they stand in `predictions.h5` and `failures.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from screenkit.errors import Outcome, StorageError
from screenkit.plan import Plan
from screenkit.store.layout import SCHEMA_VERSION
from screenkit.store.shard_file import ShardFile, read_shard, shard_path, text_dtype
from screenkit.store.tape import replace_sealed

KIND = "atoms"
ATOMS = "atoms.h5"
"""Name of the file in the folder of an explanation."""

# dataset -> (array of a shard, unit, meaning); "text" columns are as wide as their longest text
_PER_STRUCTURE = {
    "name": ("", "", "path below the source, without .cif"),
    "n_atoms": ("", "", "atoms in the cell"),
    "first_atom": ("", "", "row of its first atom in the group atoms"),
    "lattice": ("lattice", "Å", "rows are the cell vectors a, b, c, Cartesian"),
    "predictions": ("prediction", "", "one column per target, in the order of the attribute"),
}
_PER_ATOM = {
    "number": ("number", "", "atomic number"),
    "fractional": ("fractional", "", "fractional coordinates along a, b, c"),
    "environment": ("environment", "", "element and what is bonded to it, such as Zn-O4"),
    "site": ("site", "", "A, B or X in a perovskite ABX3; empty in all else"),
}


def read_shards(folder: Path, plan: Plan) -> Iterator[ShardFile]:
    """Yield the shards of a finished stage, checked.

    Raises:
        StorageError: one is missing or damaged.
    """
    for shard in plan.shards:
        path = shard_path(folder, shard)
        try:
            yield read_shard(path, shard, plan.stamp)
        except FileNotFoundError:
            raise StorageError(f"{path} is missing", hint="run the same command again") from None


def write_atoms(
    path: Path,
    plan: Plan,
    targets: Sequence[Mapping[str, str]],
    shards: Callable[[], Iterable[ShardFile]],
) -> None:
    """Write the file, in place of an older one; the shards are gone through twice.

    Args:
        targets: attributes of each target's weights: `name`, `unit`, `kind`, `meaning`.
        shards: gives the shards of the stage, in order; see `tasks/explain.py` for their arrays.

    Raises:
        StorageError: the disk is full, or a shard is damaged.
    """
    structures = atoms = 0
    widths = {"name": 1, "environment": 1}
    for shard in shards():
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
        _copy(file, [target["name"] for target in targets], shards())
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
    shapes: dict[str, tuple[tuple[int, ...], Any]] = {
        "name": ((structures,), text_dtype(widths["name"])),
        "n_atoms": ((structures,), np.int32),
        "first_atom": ((structures,), np.int64),
        "lattice": ((structures, 3, 3), np.float64),
        "predictions": ((structures, len(targets)), np.float64),
        "number": ((atoms,), np.int16),
        "fractional": ((atoms, 3), np.float64),
        "environment": ((atoms,), text_dtype(widths["environment"])),
        "site": ((atoms,), text_dtype(1)),
    }
    for group, columns in (("structures", _PER_STRUCTURE), ("atoms", _PER_ATOM)):
        for name, (_, unit, meaning) in columns.items():
            shape, dtype = shapes[name]
            dataset = file.create_dataset(f"{group}/{name}", shape, dtype)
            dataset.attrs["unit"] = unit
            dataset.attrs["meaning"] = meaning
    for target in targets:
        dataset = file.create_dataset(f"atoms/weights/{target['name']}", (atoms,), np.float64)
        for key, value in target.items():
            dataset.attrs[key] = value


def _copy(file: h5py.File, targets: Sequence[str], shards: Iterable[ShardFile]) -> None:
    row = atom = 0
    for shard in shards:
        names, counts = _ok(shard)
        if not len(names):
            continue
        rows, atoms = slice(row, row + len(names)), slice(atom, atom + int(counts.sum()))
        group = file["structures"]
        group["name"][rows] = names
        group["n_atoms"][rows] = counts
        group["first_atom"][rows] = atom + np.cumsum(counts) - counts
        for name in ("lattice", "predictions"):
            group[name][rows] = shard.arrays[_PER_STRUCTURE[name][0]]
        for name, (array, _, _) in _PER_ATOM.items():
            dataset = file[f"atoms/{name}"]
            dataset[atoms] = shard.arrays[array].astype(dataset.dtype)
        for t, target in enumerate(targets):
            file[f"atoms/weights/{target}"][atoms] = shard.arrays["weights"][:, t]
        row, atom = rows.stop, atoms.stop
