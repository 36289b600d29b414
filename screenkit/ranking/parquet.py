"""A store as Parquet, by pyarrow, which is not installed with screenkit unless it is asked for.

Not covered: reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from screenkit.errors import UsageError
from screenkit.store.layout import COLUMNS
from screenkit.store.publish import draft
from screenkit.store.store import Store


def write_parquet(store: Store, columns: Sequence[str], path: Path) -> None:
    """Write columns of every row; fields have their `unit` as metadata, missing numbers are null.

    Raises:
        UsageError: pyarrow is not installed.
        StorageError: the disk is full, or the file cannot be written.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise UsageError(
            "Parquet is written by pyarrow, which is not installed",
            hint="pip install 'screenkit[parquet]', or take --format csv",
        ) from None
    schema = _schema(pyarrow, store, columns)
    with draft(path) as new, open(new.part, "wb") as file:
        with ParquetWriter(file, schema, compression="zstd") as writer:
            for part in store.chunks(columns):
                arrays = [
                    # from_pandas: NaN is null.
                    pyarrow.array(part[field.name], field.type, from_pandas=True)
                    for field in schema
                ]
                writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
        file.flush()
        new.flush()
        new.replace()


def _schema(pyarrow: Any, store: Store, columns: Sequence[str]) -> Any:
    units = {column.name: column.unit for column in COLUMNS}
    units |= {str(target["name"]): str(target["unit"]) for target in store.targets}
    fields = []
    for name in columns:
        dtype = store.column(name, 0, 0).dtype
        kind = pyarrow.string() if dtype.hasobject else pyarrow.from_numpy_dtype(dtype)
        fields.append(pyarrow.field(name, kind, metadata={"unit": units[name]}))
    return pyarrow.schema(fields)
