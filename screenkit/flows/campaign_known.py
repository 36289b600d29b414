"""What a campaign knows: a Finding for each structure that was asked about, and where it is from.

    known.csv: name,TARGET,TARGET_error,round,source,outcome,code,message

Each round writes all that is known by then, so that the last file is enough. Only a finding that
is `ok` has a value; the others stand there so that they are not asked about again.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from screenkit.crystal.library import from_cell
from screenkit.errors import StorageError
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.store.publish import replace_text

KNOWN = "known.csv"
"""Name of the table in the folder of a round."""
OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one structure that was asked about."""

    name: str
    round: int
    """0: known before the first."""
    source: str
    """`gcmc`, `table` or `known`."""
    outcome: str
    """`ok`; else `doubtful`, `filtered` or `failed`."""
    value: float = math.nan
    """In the target's unit; NaN unless `ok`."""
    error: float = math.nan
    """Half the 95% interval of the value; NaN where nobody said."""
    code: str = ""
    """Why it is not `ok`."""
    message: str = ""


def write_known(path: Path, target: str, findings: Sequence[Finding]) -> None:
    """Write findings as a table that `screenkit train` reads."""
    heads = _heads(target)
    values = np.array([(one.value, one.error) for one in findings]).reshape(-1, 2)
    columns = [
        text_cells(one.name for one in findings),
        number_cells(values[:, 0], None),
        number_cells(values[:, 1], None),
        [str(one.round) for one in findings],
        *(text_cells(getattr(one, head) for one in findings) for head in heads[4:]),
    ]
    replace_text(path, lines([[head] for head in heads]) + lines(columns))


def read_known(path: Path, target: str) -> list[Finding] | None:
    """Return the findings of a table, None where there is none.

    Raises:
        StorageError: it is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = csv.DictReader(file)
            if rows.fieldnames != _heads(target):
                raise ValueError("its heads are others")
            return [_finding(row, target) for row in rows]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise StorageError(
            f"{path} is damaged: {type(error).__name__}",
            hint="remove it; the same command reads the simulations of that round again",
        ) from None


def _heads(target: str) -> list[str]:
    return ["name", target, f"{target}_error", "round", "source", "outcome", "code", "message"]


def _finding(row: dict[str, str], target: str) -> Finding:
    return Finding(
        name=from_cell(row["name"]),
        round=int(row["round"]),
        source=row["source"],
        outcome=row["outcome"],
        value=float(row[target] or "nan"),
        error=float(row[f"{target}_error"] or "nan"),
        code=row["code"],
        message=row["message"],
    )
