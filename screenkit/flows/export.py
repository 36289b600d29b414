"""Export: the predictions of a run as one table for other programs.

Not covered: labels and cleanings, which are CSV already.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from screenkit.errors import UsageError
from screenkit.ranking.export import CSV, FORMATS, columns_of, export_store
from screenkit.settings import did_you_mean
from screenkit.store.layout import PREDICTIONS
from screenkit.store.store import Store


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of an export."""

    path: Path
    rows: int
    columns: tuple[str, ...]


def export(run: Path, format: str | None = None, path: Path | None = None) -> Exported:
    """Write all columns of `predictions.h5`.

    Args:
        run: folder of a screening.
        format: `csv`, `json` or `parquet`; as `path` ends when not said, else `csv`.
        path: where; `RUN/predictions.FORMAT` when not said.

    Raises:
        UsageError: no such format, or what writes it is not installed.
        StorageError: there are no predictions, or the file cannot be written.
    """
    if format is None:
        ending = "" if path is None else path.suffix.lower().removeprefix(".")
        format = ending if ending in FORMATS else CSV
    if format not in FORMATS:
        near = did_you_mean(format, FORMATS)
        raise UsageError(f"--format: wanted {', '.join(FORMATS)}, found {format[:40]!r}", hint=near)
    store = Store.open(run)
    to = path if path is not None else run / f"{PREDICTIONS.name}.{format}"
    export_store(store, format, to)
    return Exported(to, len(store), tuple(columns_of(store)))
