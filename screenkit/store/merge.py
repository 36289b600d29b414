"""Shards -> one file, such as `predictions.h5`: a row per structure, in library order, or an error.

Every shard is checked first, then all are copied one by one, so that memory does not grow with the
library. A file that does not belong there is an error, as is one that is missing or damaged: a
merge never guesses.

Not covered: doing missing shards again (`flows/stage.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from screenkit.errors import StorageError
from screenkit.plan import Plan, Shard
from screenkit.store.layout import COLUMNS, EMBEDDING, PREDICTIONS, SCHEMA_VERSION, Product
from screenkit.store.seal import replace_sealed
from screenkit.store.shard_file import ShardFile, check_shards, read_shards, shard_path, text_dtype

SHARDS = "shards"
"""Name of the folder of shards in the run's folder."""

_CHUNK = 4096  # rows
_PACKED = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


def merge(
    run_folder: Path,
    plan: Plan,
    names: Sequence[str],
    targets: Sequence[Mapping[str, str]],
    product: Product = PREDICTIONS,
) -> Path:
    """Write the merged file from the shards of a run, in place of an older one.

    Args:
        run_folder: holds the folder `shards`.
        names: of all structures, in library order.
        targets: `name`, `unit` and other attributes of each.
        product: what they are; names the file.

    Returns:
        Where the merged file is.

    Raises:
        StorageError: a shard is missing, damaged or foreign, or the disk is full.
    """
    folder, path = run_folder / SHARDS, run_folder / product.file
    _refuse_foreign(folder, plan.shards)
    widths = _widths(check_shards(folder, plan))
    with replace_sealed(path, product.name) as file:
        _describe(file, plan, targets, widths, product)
        _copy(file, plan.structures, _shards(folder, plan, names, targets))
        file.attrs["complete"] = True
    return path


def _refuse_foreign(folder: Path, shards: Sequence[Shard]) -> None:
    known = {shard_path(folder, shard).name for shard in shards}
    try:
        found = {entry.name for entry in os.scandir(folder) if not entry.name.startswith(".")}
    except OSError as error:
        raise StorageError(f"cannot read {folder}: {error.strerror}") from None
    for name in sorted(found - known):
        raise StorageError(
            f"{folder / name} is no shard of this run",
            hint="move it elsewhere and run the same command again",
        )


def _shards(
    folder: Path, plan: Plan, names: Sequence[str], targets: Sequence[Mapping[str, str]]
) -> Iterator[ShardFile]:
    """Yield every shard in order, checked."""
    wanted = tuple(target["name"] for target in targets)
    for found in read_shards(folder, plan):
        rows = [name.decode() for name in found.columns["name"].tolist()]
        if rows != list(names[found.shard.start : found.shard.stop]):
            raise StorageError(f"{found.path} holds other structures than the library")
        if found.targets != wanted:
            raise StorageError(f"{found.path} holds {found.targets}, wanted {wanted}")
        yield found


def _widths(shards: Iterator[Mapping[str, int]]) -> dict[str, int]:
    """Return the bytes of the longest text of each text column."""
    widths = {column.name: 1 for column in COLUMNS if column.dtype == "text"}
    for found in shards:
        for name, width in found.items():
            widths[name] = max(widths[name], width)
    return widths


def _describe(
    file: h5py.File,
    plan: Plan,
    targets: Sequence[Mapping[str, str]],
    widths: dict[str, int],
    product: Product,
) -> None:
    rows = plan.structures
    how = {"shape": (rows,), "chunks": (min(rows, _CHUNK),), **_PACKED}
    file.attrs["schema_version"] = SCHEMA_VERSION
    file.attrs["plan"] = plan.stamp
    file.attrs["structures"] = rows
    file.attrs["targets"] = json.dumps([dict(target) for target in targets])
    for column in COLUMNS:
        text = column.dtype == "text"
        dtype = text_dtype(widths[column.name]) if text else np.dtype(column.dtype)
        dataset = file.create_dataset(column.name, dtype=dtype, **how)
        dataset.attrs["unit"] = column.unit
        dataset.attrs["meaning"] = column.doc
    file.attrs["product"] = product.name
    group = file.create_group(product.name)
    for target in targets:
        dataset = group.create_dataset(target["name"], dtype=product.dtype, **how)
        for key, value in target.items():
            dataset.attrs[key] = value


def _copy(file: h5py.File, rows: int, shards: Iterator[ShardFile]) -> None:
    """Copy the shards in whole chunks: a chunk that is written twice is packed twice."""
    waiting: list[ShardFile] = []
    start = held = 0
    for shard in shards:
        waiting.append(shard)
        held += len(shard)
        while held >= _CHUNK:
            start, held = _write(file, waiting, start, _CHUNK), held - _CHUNK
    if held:
        start = _write(file, waiting, start, held)
    if start != rows:
        raise StorageError(f"{start} rows for {rows} structures")


def _write(file: h5py.File, waiting: list[ShardFile], start: int, count: int) -> int:
    """Write the first `count` of the rows that wait at `start`, and keep the rest of them."""
    stop = start + count
    rest = waiting[-1].shard.stop - stop
    low = start - waiting[0].shard.start
    for column in COLUMNS:
        parts = np.concatenate([shard.columns[column.name] for shard in waiting])
        file[column.name][start:stop] = parts[low : low + count]
    values = np.concatenate([shard.values for shard in waiting])[low : low + count]
    for i, target in enumerate(waiting[0].targets):
        file[str(file.attrs["product"])][target][start:stop] = values[:, i]
    if EMBEDDING in waiting[0].arrays:
        points = np.concatenate([shard.arrays[EMBEDDING] for shard in waiting])
        _embedding(file, points.shape[1])[start:stop] = points[low : low + count]
    del waiting[: len(waiting) - (1 if rest else 0)]
    return stop


def _embedding(file: h5py.File, width: int) -> h5py.Dataset:
    """Return the dataset of structures as a network sees them; made where it is not there yet."""
    if EMBEDDING not in file:
        rows = int(file.attrs["structures"])
        shape, chunk = (rows, width), (min(rows, _CHUNK), width)
        dataset = file.create_dataset(EMBEDDING, shape, np.float16, chunks=chunk, **_PACKED)
        dataset.attrs["unit"] = ""
        dataset.attrs["meaning"] = "each structure as the model sees it, in deviations of training"
    return file[EMBEDDING]
