"""Missed: what of the truly best a shortlist may lack, from what a model says of structures apart.

    RUN/calibration.json -> the best of the calibration split -> threshold, or recall of a shortlist

Not covered: shortlists that something else than the order of one target has made.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.errors import StorageError, UsageError
from screenkit.learn.recall import CONFIDENCE, Best, fewest, most_sure
from screenkit.ranking.ranking import Ranking
from screenkit.ranking.select import SelectSettings
from screenkit.store.layout import CALIBRATION

USUAL = "10%"
"""Who the truly best are for `--recall`, where nobody says."""
_LOOKED_AT = ("1%", "5%", "10%")
"""Who they are for a shortlist, likewise."""


@dataclass(frozen=True, slots=True)
class Missed:
    """What a shortlist holds of the truly best."""

    percent: str
    """Such as `10%`: the best of the calibration split; of a class empty: its members."""
    least: float
    """The worst label among these, in the target's unit: who is as good is one of the best."""
    structures: int
    """How many of the calibration split they are."""
    expected: float
    """Share of them that would be on the shortlist."""
    bound: float
    """What the recall is at least, with `confidence`."""
    predicted: int
    """How many of the library are predicted to be as good; with none, nothing is known."""
    confidence: float = CONFIDENCE


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a calibration split says of one target, larger being better."""

    target: str
    sign: float
    """-1 where small values are the good ones."""
    predictions: np.ndarray
    """(n,) float64, times `sign`."""
    labels: np.ndarray
    """(n,) float64, times `sign`."""
    groups: np.ndarray | None
    is_class: bool

    @classmethod
    def read(cls, run: Path, target: str, better: str) -> Known | None:
        """Return what a run knows of a target; None where it knows nothing.

        Raises:
            StorageError: `calibration.json` is damaged.
        """
        path = run / CALIBRATION
        try:
            told = json.loads(path.read_text(encoding="utf-8"))["targets"]
            sign = -1.0 if better == "min" else 1.0
            return cls._of(told[target], target, sign) if target in told else None
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise StorageError(
                f"cannot read {path}", hint="rank again: it is written anew"
            ) from None

    @classmethod
    def _of(cls, one: Mapping[str, Any], target: str, sign: float) -> Known:
        groups = np.array(one["group"]) if "group" in one else None
        said, truth = (np.array(one[key], dtype=float) for key in ("prediction", "label"))
        return cls(target, sign, sign * said, sign * truth, groups, bool(one.get("is_class")))

    def best(self, percent: Fraction) -> Best:
        """Return the truly best; of a class those inside, whatever share they are."""
        if self.is_class:
            inside = int((self.labels == self.labels.max()).sum())
            percent = Fraction(100 * inside, len(self.labels))
        return Best.of(self.predictions, self.labels, percent, self.groups)


def read_best(text: str) -> Fraction:
    """Return the percents of `--best N%`.

    Raises:
        UsageError: it is no share above 0% and below 100%.
    """
    try:
        percent = Fraction(text.strip().removesuffix("%").strip())
    except (ValueError, ZeroDivisionError):
        percent = Fraction(0)
    if not text.strip().endswith("%") or not 0 < percent < 100:
        raise UsageError(f"--best {text[:40]}: wanted a share below 100%, such as 10%")
    return percent


def threshold_for(known: Known | None, settings: SelectSettings, library: int) -> float:
    """Return the prediction from which on structures are kept, in the target's unit.

    Args:
        known: what the run knows of its target.
        settings: `recall` and `best`.
        library: how many structures there are to choose from.

    Raises:
        UsageError: the model is not calibrated, or the split has too few of the best.
    """
    assert settings.recall is not None
    if known is None or not len(known.labels):
        raise UsageError(
            "--recall needs predictions of structures kept apart from training, and this run has "
            "none for its target",
            hint="rank with a calibrated model (see screenkit calibrate), or take --top",
        )
    said = settings.best or USUAL
    percent = read_best(said)
    best = known.best(percent)
    found = best.threshold(settings.recall, library)
    if math.isinf(found):
        size, needed = best.size(library), fewest(settings.recall)
        possible = math.floor(100 * most_sure(size)) / 100
        fewer = size < 0.9 * len(best.predictions)
        counted = (
            f" (count as {size:.0f}: they come in groups, and the library has {library} structures)"
            if fewer
            else ""
        )
        raise UsageError(
            f"--recall {settings.recall:g} --best {said}: the calibration split has only "
            f"{len(best.predictions)} of the best{counted}, and {needed} are needed to be so sure",
            hint=f"ask for --recall {possible:g} or less, or for more of the best, such as "
            f"--best {min(50, math.ceil(float(percent) * needed / max(size, 1e-9)))}%",
        )
    return known.sign * found


def missed_by(
    ranking: Ranking, known: Known | None, best: str | None, least: float | None = None
) -> list[Missed]:
    """Return what a shortlist, the first of a ranking, holds of the truly best.

    Args:
        ranking: the shortlist; ranks are those of the whole.
        known: what the run knows of its target.
        best: such as `10%`; the best 1, 5 and 10 % when not said.
        least: the prediction from which on structures were kept; the last kept when not said.
    """
    if known is None or not len(ranking) or not len(known.labels):
        return []
    last = known.sign * (float(ranking.values(ranking.target)[-1]) if least is None else least)
    everyone = ranking.store.column(ranking.target)
    library = int(np.isfinite(everyone).sum())
    found = []
    for percent in [""] if known.is_class else [best] if best else _LOOKED_AT:
        one = known.best(read_best(percent or USUAL))
        found.append(
            Missed(
                percent=percent,
                least=known.sign * one.least,
                structures=len(one.predictions),
                expected=one.found(last),
                bound=one.bound(last, library),
                predicted=int((known.sign * everyone >= one.least).sum()),
            )
        )
    return found
