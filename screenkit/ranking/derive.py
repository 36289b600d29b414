"""Columns that are computed from others as they are read: `--derive "wc = high - low"`.

Not covered: keeping them on disk, and units: a formula has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from screenkit.errors import UsageError
from screenkit.ranking.ranking import kinds_of
from screenkit.ranking.where import NUMBER, Formula, read_formula
from screenkit.store.store import Store

_DERIVED = re.compile(
    r"\s*(?:(?P<word>[^\W\d][\w.]*)|`(?P<quoted>[^`]+)`)\s*=(?!=)(?P<formula>.*)", re.S
)
_KEYWORDS = ("and", "or", "not")


@dataclass(frozen=True, eq=False)
class Derived(Store):
    """A Store with more columns, which stand behind its targets."""

    formulas: Mapping[str, Formula]
    """By name; each may use those before it."""

    def column(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return rows [start, stop) of a column; one of a formula is float64."""
        formula = self.formulas.get(name)
        if formula is None:
            return super().column(name, start, stop)
        # 16 or 32 bits would overflow, or round what the user wrote.
        return formula(
            {used: self.column(used, start, stop).astype(float) for used in formula.columns}
        )


def derive(store: Store, texts: Sequence[str]) -> Store:
    """Return a store that has the columns of some `NAME = FORMULA`, too.

    Raises:
        UsageError: as `read_derived`.
    """
    if not texts:
        return store
    formulas = read_derived(texts, store.targets)
    own = {field.name: getattr(store, field.name) for field in fields(Store)}
    own["targets"] = (*store.targets, *_targets(formulas))
    return Derived(**own, formulas=formulas)


def read_derived(texts: Sequence[str], targets: Sequence[Mapping[str, Any]]) -> dict[str, Formula]:
    """Read some `NAME = FORMULA`, in order.

    Args:
        texts: as the user wrote them; see `ranking/where.py`.
        targets: `name` of each that a model predicts.

    Raises:
        UsageError: a formula does not parse, or a name is taken or not one.
    """
    formulas: dict[str, Formula] = {}
    for text in texts:
        match = _DERIVED.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--derive: wanted NAME = FORMULA, found {text[:60]!r}",
                hint='such as "wc = co2_uptake_16bar_298K - co2_uptake_0.15bar_298K"',
            )
        name = (match["word"] or match["quoted"]).strip()
        known = kinds_of([*targets, *_targets(formulas)])
        if name in known or name in _KEYWORDS or not name.isprintable():
            taken = "there already is a column of this name" if name in known else "no name"
            raise UsageError(f"--derive {name[:60]!r}: {taken}", hint="call it otherwise")
        formula = read_formula(match["formula"].strip(), known, f"--derive {name[:60]}")
        for used in formula.columns:
            if known[used] != NUMBER:
                raise UsageError(f"--derive {name}: {used} is a text, a number is wanted")
        formulas[name] = formula
    return formulas


def _targets(formulas: Mapping[str, Formula]) -> list[dict[str, str]]:
    """Return what a store says of a column; which end is good, only the user knows."""
    return [{"name": name, "unit": "", "better": ""} for name in formulas]
