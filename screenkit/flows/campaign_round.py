"""One round: choose by the last ranking, ask, learn from all that is known, rank again.

    round-02/chosen.csv   what is asked about
             gcmc/        its simulations
             known.csv    all that is known by now
             train/       what was learned from it
             learned.txt  there when that is done: why nothing could be learned, or nothing
             rank/        the library, ranked by that
             round.json   the figures of the round; it is there when the round is complete

Round 0 asks about nothing: it ranks by what is known before, or by a prior. Every step goes on
where a killed run stopped, for each is a flow that does.
"""

from __future__ import annotations

import csv
import json
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.crystal.library import from_cell
from screenkit.errors import LabelError, StorageError
from screenkit.flows.campaign_choose import Basis, choose, rank_settings
from screenkit.flows.campaign_known import KNOWN, OK, Finding, read_known, write_known
from screenkit.flows.campaign_oracle import known_before, look_up, simulate
from screenkit.flows.campaign_plan import Campaign
from screenkit.flows.lesson import CHECKPOINT
from screenkit.flows.score import plain
from screenkit.flows.screen import screen
from screenkit.flows.train import train
from screenkit.learn.labels import LabelSettings
from screenkit.learn.metrics import rank_correlations
from screenkit.models.shelf import USUAL
from screenkit.ranking.campaign import best_believed
from screenkit.ranking.ranking import RankSettings
from screenkit.report.page import PAGE
from screenkit.store.publish import replace_text
from screenkit.store.store import Store
from screenkit.track import Relay, Track

CHOSEN, LEARNED, ROUND = "chosen.csv", "learned.txt", "round.json"
RANK, TRAIN = "rank", "train"


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round, as in `round.json`."""

    number: int
    rule: str
    """How its structures were chosen; empty for round 0."""
    asked: int
    """Structures that were chosen."""
    outcomes: dict[str, int]
    """Of them; of round 0, of what was known before."""
    known: int
    """Values known by its end."""
    best: float | None
    """The best of them."""
    mae: float | None
    """Of the predictions of what was then found; None where nothing was predicted."""
    spearman: float | None
    """Likewise; None of fewer than three."""
    ranking: int | None
    """The round whose `rank/` is the last one by its end; None where there is none."""
    model: bool
    """Whether that ranking is of a model that knows the target."""
    top: list[str] | None
    """The best so many that are believed, `campaign.stable` or `campaign.best`; None without such
    a model."""
    note: str
    """Why nothing was learned; empty where something was."""
    seconds: float
    """Of the last run that worked on it."""


class _Within(Relay):
    """Says of each stage in which round it is."""

    def __init__(self, listener: Track, number: int) -> None:
        super().__init__(listener)
        self._words = f"Round {number}" if number else "Before round 1"

    def start(self, label: str, total: int, done: int = 0) -> None:
        super().start(f"{self._words}: {label}", total, done)


def read_round(campaign: Campaign, number: int) -> Round | None:
    """Return what came of a round, None where it is not complete.

    Raises:
        StorageError: its file is damaged.
    """
    path = campaign.folder(number) / ROUND
    try:
        return Round(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        raise StorageError(
            f"{path} is damaged", hint="remove it; the same command writes it again"
        ) from None


def do_round(
    campaign: Campaign, last: Round | None, command: str | None, track: Track | None
) -> Round:
    """Do a round, or what is left of it; all that it says is on disk when it returns.

    Args:
        last: the round before, which is complete; None: do round 0.
        command: as of `gcmc run`.

    Raises:
        ScreenkitError: whatever its flows raise.
    """
    started = time.monotonic()
    number = last.number + 1 if last else 0
    folder, track = campaign.folder(number), _Within(track or Track(), number)
    folder.mkdir(parents=True, exist_ok=True)
    rule, predicted = "", {}
    if last:
        rule = choose(campaign, _basis(campaign, last), folder / CHOSEN)
        predicted = _chosen(folder / CHOSEN, campaign.target.name)
    known = read_known(folder / KNOWN, campaign.target.name)
    if known is None:
        known = _ask(campaign, last, list(predicted), command, track)
        write_known(folder / KNOWN, campaign.target.name, known)
    new = [one for one in known if one.round == number]
    ranking, model, note = _learn(campaign, last, any(o.outcome == OK for o in new), track)
    values = [one.value for one in known if one.outcome == OK]
    told = Round(
        number=number,
        rule=rule,
        asked=len(predicted),
        outcomes=dict(Counter(one.outcome for one in new)),
        known=len(values),
        best=(min if campaign.target.better == "min" else max)(values, default=None),
        **_agreement(predicted, new),
        ranking=ranking,
        model=model,
        top=_top(campaign, ranking, known) if model and ranking is not None else None,
        note=note,
        seconds=round(time.monotonic() - started, 3),
    )
    replace_text(folder / ROUND, json.dumps(plain(asdict(told)), indent=1) + "\n")
    return told


def _basis(campaign: Campaign, last: Round) -> Basis:
    run = None if last.ranking is None else campaign.folder(last.ranking) / RANK
    known = campaign.folder(last.number) / KNOWN
    return Basis(last.number + 1, known, run, last.model, last.best)


def _chosen(path: Path, target: str) -> dict[str, float]:
    """Return what was chosen, and what was predicted of it; NaN where nothing was."""
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.DictReader(file)
        return {from_cell(row["name"]): float(row.get(target) or "nan") for row in rows}


def _ask(
    campaign: Campaign,
    last: Round | None,
    names: Sequence[str],
    command: str | None,
    track: Track,
) -> list[Finding]:
    """Return all that is known by now."""
    if last is None:
        return known_before(campaign)
    number = last.number + 1
    earlier = read_known(campaign.folder(last.number) / KNOWN, campaign.target.name) or []
    if not names:
        return earlier
    if campaign.recipe.campaign.oracle == "table":
        return [*earlier, *look_up(campaign, names, number)]
    run = campaign.folder(last.ranking) / RANK if last.model and last.ranking is not None else None
    chosen = campaign.folder(number) / CHOSEN
    return [*earlier, *simulate(campaign, chosen, run, number, command, track)]


def _learn(
    campaign: Campaign, last: Round | None, news: bool, track: Track
) -> tuple[int | None, bool, str]:
    """Learn where there is something new, and rank the library by it.

    Returns the round of the last ranking, whether its model knows the target, and why nothing was
    learned.
    """
    number = last.number + 1 if last else 0
    folder, own = campaign.folder(number), campaign.recipe.campaign
    why = "nothing new is known" if last else "nothing is known before"
    if news:
        why = _train(campaign, folder, track)
        if not why:
            _rank(campaign, folder, str((folder / TRAIN / CHECKPOINT).resolve()), track)
            return number, True, ""
    if last:
        return last.ranking, last.model, why
    if own.prior is not None and campaign.knows_target(own.prior):
        _rank(campaign, folder, own.prior, track)
        return 0, True, why
    if own.first == "diverse":
        _rank(campaign, folder, own.prior or USUAL, track, RankSettings())
        return 0, False, why
    return None, False, why


def _train(campaign: Campaign, folder: Path, track: Track) -> str:
    """Train on all that is known; return why that cannot be, or an empty text."""
    done = folder / LEARNED
    if done.is_file():
        return done.read_text("utf-8").strip()
    target = campaign.target.model_copy(update={"column": ""})
    source = campaign.recipe.labels.source
    recipe = campaign.recipe.model_copy(
        update={"labels": LabelSettings(targets=(target,), source=source)}
    )
    known, why = folder / KNOWN, ""
    try:
        train(known, campaign.sources, recipe, folder / TRAIN, track, ids=known)
    except LabelError as error:
        why = error.message
    replace_text(done, f"{why}\n")
    return why


def _rank(
    campaign: Campaign,
    folder: Path,
    model: str,
    track: Track,
    settings: RankSettings | None = None,
) -> None:
    run = folder / RANK
    if (run / "summary.json").is_file() and (run / PAGE).is_file():
        return  # also where the campaign was moved, and its models are called otherwise
    ranked = {"model": model, "rank": settings or rank_settings(campaign)}
    screen(campaign.sources, campaign.recipe.model_copy(update=ranked), run, track)


def _top(campaign: Campaign, ranking: int, known: Sequence[Finding]) -> list[str]:
    """Return the names of the best that are believed."""
    store = Store.open(campaign.folder(ranking) / RANK)
    names = store.names
    place = {name: i for i, name in enumerate(names.tolist())}
    found, refused = np.full(len(names), np.nan), np.zeros(len(names), dtype=bool)
    for one in known:
        found[place[one.name]], refused[place[one.name]] = one.value, one.outcome != OK
    own, target = campaign.recipe.campaign, campaign.target
    predicted = store.column(target.name).astype(np.float64)
    best = best_believed(predicted, found, refused, own.stable or own.best, target.better)
    return [str(names[i]) for i in best]


def _agreement(predicted: dict[str, float], new: Sequence[Finding]) -> dict[str, Any]:
    """Return how far the predictions of what was chosen were from what was found."""
    pairs = [
        (predicted[one.name], one.value)
        for one in new
        if one.outcome == OK and math.isfinite(predicted.get(one.name, math.nan))
    ]
    both = np.array(pairs).reshape(-1, 2)
    if not len(both):
        return {"mae": None, "spearman": None}
    mae = float(np.abs(both[:, 0] - both[:, 1]).mean())
    if len(both) < 3:  # two are in order or not, which says nothing
        return {"mae": mae, "spearman": None}
    return {"mae": mae, "spearman": rank_correlations(both[:, 0], both[:, 1])["spearman"]}
