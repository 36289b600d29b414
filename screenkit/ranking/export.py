"""All columns of a store as one file that other programs read: CSV, JSON or Parquet.

Read and written in pieces of 65 536 rows. In CSV and JSON a number has as many digits as it takes
to read the same number again; in JSON and Parquet a number that is missing is null.

Not covered: other formats, and fewer columns (what reads these can leave some out).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.ranking.parquet import write_parquet
from screenkit.ranking.table import write_table
from screenkit.store.layout import COLUMNS
from screenkit.store.publish import replace_text
from screenkit.store.store import Store

CSV, JSON, PARQUET = FORMATS = ("csv", "json", "parquet")


def export_store(store: Store, format: str, path: Path) -> None:
    """Write every column of every row, in the order of the library; it appears whole or not.

    Args:
        store: what to write.
        format: one of `FORMATS`.
        path: where.

    Raises:
        UsageError: Parquet is wanted, and pyarrow is not installed.
        StorageError: the disk is full, or the file cannot be written.
    """
    columns = columns_of(store)
    if format == PARQUET:
        write_parquet(store, columns, path)
    elif format == JSON:
        replace_text(path, _json(store, columns))
    else:
        write_table(store, columns, path, digits=None)


def columns_of(store: Store) -> list[str]:
    """Return the columns as they are called on disk, targets last."""
    return [*(c.name for c in COLUMNS), *(str(target["name"]) for target in store.targets)]


def _json(store: Store, columns: list[str]) -> Iterator[str]:
    """Yield a list of one object per structure, one a line."""
    yield "["
    first = True
    for part in store.chunks(columns):
        cells = [_values(column) for column in part.values()]
        for row in zip(*cells, strict=True):
            yield "\n" if first else ",\n"
            first = False
            yield json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)
    yield "\n]\n"


def _values(column: np.ndarray) -> list[Any]:
    if column.dtype.kind != "f":
        return list(column.tolist())
    # Through their shortest texts: 0.1 as float32 is 0.1, not 0.10000000149011612.
    numbers = [float(text) for text in column.astype(str).tolist()]
    return [number if math.isfinite(number) else None for number in numbers]
