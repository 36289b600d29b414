"""Selection: chosen structures and how they came to be chosen.

Not covered: the rules (`select.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from screenkit.ranking.ranking import Ranking


@dataclass(frozen=True, slots=True)
class Stage:
    """One rule of a funnel."""

    rule: str
    left: int
    """Structures behind it."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Chosen structures, in the order of choice, and how they came to be chosen."""

    ranking: Ranking
    """Ranks are those of the whole ranking."""
    stages: tuple[Stage, ...]
    scores: np.ndarray | None = None
    """(n,) float64. What `acquire` orders by, larger is better; of `ei` the logarithm."""

    def then(self, ranking: Ranking) -> Selection:
        """Return what a rule has left of this selection."""
        return replace(
            self, ranking=ranking, stages=(*self.stages, Stage(ranking.rules[-1], len(ranking)))
        )

    def keep(self, places: Any, rule: str) -> Selection:
        """Return some places of this selection; see `Ranking.keep`."""
        scores = None if self.scores is None else self.scores[places]
        return replace(self, scores=scores).then(self.ranking.keep(places, rule))

    def top(self, text: str) -> Selection:
        """Return the first of this selection; see `Ranking.top`."""
        ranking = self.ranking.top(text)
        scores = None if self.scores is None else self.scores[: len(ranking)]
        return replace(self, scores=scores).then(ranking)

    def as_good_as(self, least: float, rule: str) -> Selection:
        """Return what is predicted as good as `least`, or better."""
        ranking = self.ranking
        values = ranking.values(ranking.target)
        kept = values <= least if ranking.better == "min" else values >= least
        sign = "<=" if ranking.better == "min" else ">="
        return self.keep(kept, f"{rule}: {ranking.target} {sign} {least:.6g}")

    def that_has(self, known: np.ndarray, rule: str) -> Selection:
        """Return the rows where `known` (n,) bool is true; a stage where it is not always."""
        return self if known.all() else self.keep(known, rule)

    def with_values(self, columns: Sequence[str]) -> tuple[Selection, np.ndarray]:
        """Return what has a finite value in all columns, and (n, d) float64 values; count what has
        not."""
        read = [self.ranking.values(name).astype(np.float64) for name in columns]
        values = np.stack(read, axis=1)
        known = np.all(np.isfinite(values), axis=1)
        return self.that_has(known, f"with a value of {', '.join(columns)}"), values[known]
