"""Row: what became of one structure, and what is known of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from screenkit.errors import Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """One structure. Units and meaning of each field stand in `store/layout.py`."""

    name: str
    outcome: Outcome = Outcome.OK
    code: str = ""
    message: str = ""
    warnings: str = ""
    n_atoms: int = 0
    volume: float = math.nan
    density: float = math.nan
    minimum_distance: float = math.nan
    frame_ambiguous_fraction: float = math.nan
    values: tuple[float, ...] = ()
    """One per target, in its unit; empty means that none is known."""

    def stopped(self, code: str, message: str, outcome: Outcome = Outcome.FAILED) -> Row:
        """Return the row of a structure that goes no further, with what is known of it so far."""
        return replace(self, outcome=outcome, code=code, message=message)
