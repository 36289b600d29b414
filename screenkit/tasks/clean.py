"""Look over the structures of one shard: which rules of the checks each breaks, how much room it
has, and what its bonded graph is.

Not covered: which structures are duplicates; that takes the whole library (`flows/clean.py`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from screenkit.crystal.checks import CheckSettings, find_faults, find_small_surface, measure_room
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.environments import MOST_BONDS
from screenkit.crystal.graph_hash import graph_hash
from screenkit.crystal.neighbors import Neighbors
from screenkit.crystal.pores import MEANINGS
from screenkit.errors import CrystalError
from screenkit.settings import Settings
from screenkit.store.layout import CLEAN
from screenkit.store.row import Row
from screenkit.tasks.admit import admit
from screenkit.tasks.rows import RowsTask

_PORES = (
    "surface_area_per_cell",
    "accessible_surface_area_per_cell",
    "largest_included_sphere",
    "largest_free_sphere",
    "void_fraction",
)
"""Fields of `Pores`."""
_CRUSHED = 2.0  # Å3 per atom; diamond has 5.7. There is no room, and to look for it takes hours.
HASH = "graph_hash"
TARGETS = [
    *({"name": n, "unit": MEANINGS[n][0], "meaning": MEANINGS[n][1]} for n in _PORES),
    {"name": HASH, "unit": "", "meaning": "whole number that equal bonded graphs share"},
]
"""What is known of each structure: `name`, `unit` and `meaning`."""


class CleanSettings(Settings):
    """How a library is cleaned. The rules themselves are in the section `checks`."""

    min_surface_area: float | None = Field(default=50.0, ge=0.0)
    """Å2 per cell. Of the checks, where they say nothing of it. Source: Zhang et al. 2021,
    appendix B."""
    flag_only: bool = False
    """Leave nothing out: reasons of the checks become warnings of a row that is `ok`."""
    drop_duplicates: bool = False
    """Leave duplicates out of `kept.txt`."""
    volume_tolerance: float | None = Field(default=None, ge=0.0)
    """Share by which the volumes per atom of duplicates may differ; None: by any. Forms of a
    framework that breathes share a graph and differ in volume."""


@dataclass(frozen=True)
class CleanTask(RowsTask):
    """Look over one shard."""

    product = CLEAN

    checks: CheckSettings
    flag_only: bool

    @property
    def targets(self) -> Sequence[Mapping[str, str]]:
        return TARGETS

    def rows(self, documents: Sequence[Document], lost: Mapping[str, str]) -> list[Row]:
        found = admit(documents, lost, self._look, MOST_BONDS)
        return [row if seen is None else self._judge(row, *seen) for row, seen in found]

    def _look(
        self, crystal: Crystal, neighbors: Neighbors
    ) -> tuple[tuple[float, ...], list[CrystalError]]:
        """Return the values of `TARGETS`, and reasons to leave the crystal out."""
        reasons = list(find_faults(crystal, neighbors, self.checks))
        room = [math.nan] * len(_PORES)
        crushed = crystal.volume / len(crystal) < _CRUSHED
        if not reasons or (self.flag_only and not crushed):
            pores = measure_room(crystal, self.checks)
            room = [getattr(pores, name) for name in _PORES]
            reasons += find_small_surface(crystal, self.checks, pores)
        return (*room, float(graph_hash(crystal, neighbors))), reasons

    def _judge(self, row: Row, values: tuple[float, ...], reasons: list[CrystalError]) -> Row:
        row = dataclasses.replace(row, values=values)
        if self.flag_only:
            codes = [*row.warnings.split(), *(reason.code for reason in reasons)]
            return dataclasses.replace(row, warnings=" ".join(dict.fromkeys(codes)))
        if reasons:
            return row.stopped(reasons[0].code, reasons[0].message, reasons[0].outcome)
        return row
