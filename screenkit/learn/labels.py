"""Labels: what is known of a library, from a CSV table, one row per structure.

Not covered: units. What stands in the table is taken to be in the unit of its target.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from screenkit.crystal.library import from_cell
from screenkit.errors import LabelError
from screenkit.models.target import CONDITION, Target
from screenkit.settings import Settings, worded

_RENAMED = f"[^=<>]+=[^=<>]+({CONDITION})?"


class LabelSettings(Settings):
    """Which columns of the label table mean what."""

    targets: tuple[Target, ...] = ()
    """What to learn; the first is the one that a ranking uses by default."""
    name_column: str = Field(default="name", min_length=1)
    """Column that holds the structure's name, as in the ranking."""
    group_column: str | None = None
    """Column that joins structures which must not be split between training and test."""
    only: Annotated[str, worded("[^=]+=.*", "COLUMN=VALUE")] | None = None
    """`COLUMN=VALUE`: rows with this text in this column; no other structure is read."""
    columns: tuple[
        Annotated[str, worded(_RENAMED, "TARGET=COLUMN, or for a class TARGET=COLUMN<=0")], ...
    ] = ()
    """For an evaluation: `TARGET=COLUMN` where a target's labels stand in a column of another name;
    `TARGET=COLUMN<=0` where those who are so belong to the target's class."""
    source: str = ""
    """Where structures and labels come from, and their licence; kept with the checkpoint."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A label table of n structures, in the order of the file."""

    names: tuple[str, ...]
    values: np.ndarray
    """(n, T) float64, in the targets' units. NaN where a label is missing."""
    groups: tuple[str, ...]
    """(n) group of each structure; its own name where the table has no groups."""

    def take(self, names: Sequence[str]) -> Labels:
        """Return the rows of these structures, in this order.

        Raises:
            KeyError: one of them is not in the table.
        """
        place = {name: i for i, name in enumerate(self.names)}
        rows = [place[name] for name in names]
        return Labels(tuple(names), self.values[rows], tuple(self.groups[i] for i in rows))


def label_columns(path: Path) -> list[str]:
    """Return the header of a label table.

    Raises:
        LabelError: the file cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file).fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"cannot read the labels {path}: {error}") from None


def read_labels(path: Path, targets: Sequence[Target], settings: LabelSettings) -> Labels:
    """Return the labels in a CSV table with a header line, UTF-8, in the targets' units.

    An empty cell, `nan` or `NA` is a missing label. Columns that nobody asks for are not read,
    nor are rows that `only` leaves out.

    Raises:
        LabelError: the file cannot be read, a column is missing, a name comes twice, a cell
            is not a number, there is no row, or none is as `only` wants it; the message says
            which line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            wanted = [target.column or target.name for target in targets]
            extra = [settings.name_column]
            extra += [settings.group_column] if settings.group_column else []
            for column in wanted + extra:
                _require(column, columns, path)
            rows = _chosen(reader, settings.only, path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"cannot read the labels {path}: {error}") from None
    names = tuple(from_cell((row[settings.name_column] or "").strip()) for _, row in rows)
    seen: dict[str, int] = {}
    for (line, _), name in zip(rows, names, strict=True):
        if name in seen:
            raise LabelError(
                f"{path}, line {line}: {name!r} stands in line {seen[name]} too",
                hint="a structure has one row; remove one of the two",
            )
        seen[name] = line
    values = np.array(
        [[_number(row[column], path, line, column) for column in wanted] for line, row in rows],
        dtype=np.float64,
    ).reshape(len(rows), len(wanted))
    grouped_by = settings.group_column
    groups = tuple(
        (row[grouped_by] or name) if grouped_by else name
        for (_, row), name in zip(rows, names, strict=True)
    )
    return Labels(names, values, groups)


def _chosen(
    reader: csv.DictReader[str], only: str | None, path: Path
) -> list[tuple[int, dict[str, str]]]:
    """Return line and cells of each row that `only` leaves."""
    rows = [(reader.line_num, row) for row in reader]
    if not rows:
        raise LabelError(f"{path} has a header line and no rows")
    if not only:
        return rows
    column, _, value = only.partition("=")
    _require(column.strip(), reader.fieldnames or [], path)
    found = [(row[column.strip()] or "").strip() for _, row in rows]
    if value.strip() not in found:
        known = sorted(set(found), key=lambda text: (-found.count(text), text))
        raise LabelError(
            f"{path} has no row with {only}",
            hint=f"the column {column.strip()} has {', '.join(map(repr, known[:10]))}",
        )
    return [row for row, text in zip(rows, found, strict=True) if text == value.strip()]


def _require(column: str, columns: Sequence[str], path: Path) -> None:
    if not columns:
        raise LabelError(f"{path} is empty", hint="its first line names the columns")
    if column not in columns:
        near = get_close_matches(column, columns, n=1)
        raise LabelError(
            f"{path} has no column {column!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(columns[:20])}",
        )


def _number(cell: str | None, path: Path, line: int, column: str) -> float:
    text = (cell or "").strip()
    if text.lower() in ("", "nan", "na"):
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if math.isinf(value):
        raise LabelError(
            f"{path}, line {line}, column {column}: wanted a number, found {text[:40]!r}",
            hint="leave the cell empty where the label is missing",
        )
    return value
