"""What a campaign is asked for, and when it may stop: rounds, or a top k that stays as it is.

Not covered: the rounds themselves (`flows/campaign.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from screenkit.settings import Settings


class CampaignSettings(Settings):
    """Rounds of choosing, simulating and learning. Paths are relative to the recipe's folder."""

    sources: tuple[Path, ...] = ()
    """The library: folders, archives, lists of paths, CIFs."""
    oracle: Literal["gcmc", "table"] = "gcmc"
    """Who says what a chosen structure has: simulations, or a table that stands in for them."""
    labels: Path | None = None
    """The table of the oracle `table`; a column is called like the target."""
    known: Path | None = None
    """A table of what is known before the first round; columns as in `labels`."""
    prior: str | None = None
    """A model on the shelf, or a checkpoint, that ranks before anything is known."""
    first: Literal["diverse", "random"] = "random"
    """How to choose while no model knows the target: by chance, or unlike each other."""
    first_batch: int | None = Field(default=None, ge=1)
    """Structures of the first round; None: as `batch`."""
    batch: int = Field(default=20, ge=1)
    """Structures to simulate in a round."""
    rounds: int = Field(default=5, ge=1, le=99)
    """Rounds at most."""
    stable: int | None = Field(default=None, ge=1)
    """Stop when the best so many, simulated or predicted, stay the same; None: never."""
    stable_rounds: int = Field(default=2, ge=1)
    """For so many rounds."""
    best: int = Field(default=10, ge=1)
    """Structures in the table of the best."""
    seed: int = Field(default=0, ge=0)
    """Of what is chosen by chance."""


def best_believed(
    predicted: np.ndarray,
    found: np.ndarray,
    refused: np.ndarray,
    count: int,
    better: Literal["max", "min"],
) -> np.ndarray:
    """Return (count,) int64: the places of the best, the best one first; of equals the first.

    A structure has the value that was found; where there is none, the predicted one. What has
    neither, or could not be simulated, is left out.

    Args:
        predicted: (n,) NaN where there is no prediction.
        found: (n,) NaN where nothing was found.
        refused: (n,) bool; those that could not be simulated.
        count: n at most.
        better: which end is the good one.
    """
    values = np.where(np.isfinite(found), found, np.where(refused, np.nan, predicted))
    worst_last = np.where(np.isfinite(values), values if better == "min" else -values, np.inf)
    order = np.argsort(worst_last, kind="stable")
    return order[: min(count, int(np.isfinite(values).sum()))]


def is_stable(tops: Sequence[Sequence[str] | None], rounds: int) -> bool:
    """Tell whether the best have stayed the same for so many rounds, in whatever order.

    Args:
        tops: names of the best after each round; None where no model could say.
        rounds: how many changes of model they must have outlived.
    """
    last = tops[-rounds - 1 :]
    return len(last) == rounds + 1 and all(
        top is not None and last[0] is not None and set(top) == set(last[0]) for top in last
    )
