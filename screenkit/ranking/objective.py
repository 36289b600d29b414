"""Objective: a column and which end of it is good, as the user writes it: `density:min`.

Not covered: which columns there are (`ranking.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from screenkit.errors import UsageError
from screenkit.ranking.ranking import kinds_of
from screenkit.ranking.where import NUMBER
from screenkit.settings import did_you_mean

_ENDS = ("max", "min")


@dataclass(frozen=True, slots=True)
class Objective:
    """A column that is to be large, or small."""

    column: str
    better: str
    """`max` or `min`."""

    def __str__(self) -> str:
        return f"{self.column}:{self.better}"


def read_objective(text: str, targets: Sequence[Mapping[str, Any]], option: str) -> Objective:
    """Read `COLUMN[:max|min]`; what a model predicts knows by itself which end is good.

    Args:
        text: as the user wrote it; the column may stand in back quotes.
        targets: `name` and `better` of each.
        option: that it was written behind, for messages.

    Raises:
        UsageError: there is no such column of numbers, or nobody knows which end is good.
    """
    kinds = kinds_of(targets)
    column, colon, better = text.strip().rpartition(":")
    if not colon or (better.strip() not in _ENDS and text.strip() in kinds):
        column, better = text, ""
    column, better = column.strip().strip("`"), better.strip()
    check_column(column, kinds, option)
    if colon and better and better not in _ENDS:
        raise UsageError(f"{option} {text.strip()}: wanted :max or :min, found {better[:40]!r}")
    known = {str(target["name"]): str(target.get("better", "")) for target in targets}
    better = better or known.get(column, "")
    if not better:
        raise UsageError(
            f"{option} {column}: say which end of it is good",
            hint=f"{option} {column}:max, or {column}:min",
        )
    return Objective(column, better)


def check_column(column: str, kinds: Mapping[str, str], option: str) -> None:
    """Raise UsageError unless it is one of the columns of numbers."""
    if kinds.get(column) == NUMBER:
        return
    if column in kinds:
        raise UsageError(f"{option}: {column} is a text, a column of numbers is wanted")
    numbers = [name for name, kind in kinds.items() if kind == NUMBER]
    raise UsageError(
        f"{option}: no column named {column[:60]!r}",
        hint=did_you_mean(column, numbers) or f"there are {', '.join(numbers)}",
    )
