"""A table as an HDF5 file: one dataset per column, with its unit and meaning as attributes, sealed.

Not covered: tables of predictions, which have layouts of their own (`layout.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from screenkit.store.layout import SCHEMA_VERSION
from screenkit.store.seal import replace_sealed
from screenkit.store.shard_file import text_dtype

KIND = "table"


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of a table."""

    name: str
    unit: str
    meaning: str
    values: np.ndarray
    """(rows,) numbers, or texts as objects."""


def write_columns(path: Path, columns: Sequence[Column]) -> None:
    """Write a table in place of an older one; it appears whole or not.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    with replace_sealed(path, KIND) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        for column in columns:
            values, dtype = column.values, column.values.dtype
            if dtype.kind == "O":
                # A name may come from any file system, and hold bytes that are no UTF-8.
                texts = [str(text).encode("utf-8", "backslashreplace") for text in values]
                dtype = text_dtype(max(map(len, texts), default=1))
                values = np.array(texts, dtype=bytes)
            dataset = file.create_dataset(column.name, (len(values),), dtype)
            if len(values):
                dataset[...] = values.astype(dataset.dtype)
            dataset.attrs["unit"] = column.unit
            dataset.attrs["meaning"] = column.meaning
        file.attrs["complete"] = True
