"""Selection: which structures to go on with, and how many each rule left on the way.

    ok, with a value of the target, not taken before -> where -> pareto -> acquire -> top -> diverse

Each step sees what the one before has left, best first; the last says the order. What a step needs
and a structure does not have (NaN) leaves the structure out, as a stage of its own.

Memory: about 200 bytes a row, and 8 for each column and row that --pareto or --diverse looks at; of
an embedding 2 for each of its numbers.

Not covered: what is known of recall (`learn/recall.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from screenkit.errors import UsageError
from screenkit.farthest import farthest
from screenkit.ranking.acquire import Acquisition, Appetite, deviation_within, scores
from screenkit.ranking.derive import derive, read_derived
from screenkit.ranking.diverse import standardise
from screenkit.ranking.objective import Objective, check_column, read_objective
from screenkit.ranking.pareto import MOST, front
from screenkit.ranking.ranking import (
    FACTS,
    RankSettings,
    kinds_of,
    names_of,
    rank,
    read_top,
)
from screenkit.ranking.selection import Selection, Stage
from screenkit.ranking.where import read_condition
from screenkit.settings import Settings
from screenkit.store.layout import HIGH, LOW, SPREAD
from screenkit.store.store import Store

_UNDESCRIBED = ("frame_ambiguous_fraction",)  # of the reading of a structure, not of the structure


class SelectSettings(Settings):
    """Which structures to go on with."""

    derive: tuple[str, ...] = ()
    """More columns, each `NAME = FORMULA`; see `ranking/where.py`."""
    target: str | None = None
    """What orders the structures, `COLUMN` or `COLUMN:max|min`; as the run ranks when not said."""
    where: str | None = None
    """Condition that a structure fulfils; see `ranking/where.py`."""
    pareto: str | None = None
    """Keep the Pareto front of these, such as `uptake:max, density:min`."""
    acquire: Acquisition | None = None
    """Order by what is worth simulating next; see `ranking/acquire.py`."""
    beta: float = Field(default=2.0, ge=0)
    """Standard deviations that `ucb` adds."""
    best_known: float | None = None
    """What `ei` must improve on, in the target's unit; the best prediction when not said."""
    seed: int = Field(default=0, ge=0)
    """Of the samples of `thompson`."""
    top: str | None = None
    """Keep the best: a number, or a share such as `5%` of those that are left."""
    recall: float | None = Field(default=None, gt=0, lt=1)
    """Keep as many of the best as it takes to have this share of the truly best among them."""
    best: str | None = None
    """Who the truly best are: those as good as so many of the calibration split, such as `10%`,
    which is meant when not said."""
    diverse: int | None = Field(default=None, ge=1)
    """Keep so many that are unlike each other, the best first."""
    space: str | None = None
    """Columns in which they are unlike, with commas. When not said, the embedding; where there is
    none, all targets and facts."""

    @field_validator("top", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("top")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            read_top(value)
        return value

    @property
    def chooses(self) -> bool:
        """Whether there is a rule that leaves something out, or an order."""
        rules = (self.where, self.pareto, self.acquire, self.top, self.diverse, self.recall)
        return any(rule is not None for rule in rules)

    def check(self, targets: Sequence[Mapping[str, Any]], fallback: RankSettings) -> Rules:
        """Return the rules, read; meant to be called before a run, so that a slip costs seconds.

        Args:
            targets: `name` and `better` of each that the model predicts.
            fallback: says the target where these settings do not.

        Raises:
            UsageError: a rule does not parse, or names a column that is not there.
        """
        if self.derive:
            new = [{"name": name, "better": ""} for name in read_derived(self.derive, targets)]
            targets = [*targets, *new]
        kinds = kinds_of(targets)
        target = self._target(targets, fallback)
        if self.where is not None:
            read_condition(self.where, kinds)
        self._refuse_with_recall()
        objectives = []
        if self.pareto is not None:
            parts = self.pareto.split(",")
            objectives = [read_objective(part, targets, "--pareto") for part in parts]
            if not 2 <= len({o.column for o in objectives}) == len(objectives) <= MOST:
                raise UsageError(
                    f"--pareto: wanted 2 to {MOST} different columns, found {len(objectives)}",
                    hint="with one column, --top 1 is the best of it",
                )
        if self.acquire not in (None, "greedy") and not _beliefs(target.column, targets):
            raise UsageError(
                f"--acquire {self.acquire} needs {target.column}{SPREAD}, how sure each prediction "
                "is, or an interval, and these predictions have neither",
                hint="rank with an ensemble or a calibrated model, or take --acquire greedy",
            )
        return Rules(target, tuple(objectives), self._axes(targets, kinds))

    def _refuse_with_recall(self) -> None:
        """Raise where another rule decides who is on the shortlist: then nothing is promised."""
        names = ("top", "pareto", "acquire", "diverse")
        said = [f"--{name}" for name in names if getattr(self, name) is not None]
        if self.recall is not None and said:
            raise UsageError(
                f"--recall decides how many of the best are kept; {said[0]} decides it, too",
                hint="one of them at a time; select among a shortlist with --ids of rank",
            )

    def _target(self, targets: Sequence[Mapping[str, Any]], fallback: RankSettings) -> Objective:
        if self.target is None:
            ranked = fallback.model_copy(update={"where": None}).choose(targets)
            return Objective(str(ranked["name"]), fallback.better or str(ranked["better"]))
        objective = read_objective(self.target, targets, "--target")
        names = [str(target["name"]) for target in targets]
        if objective.column not in names:
            raise UsageError(
                f"--target: {objective.column} is neither predicted nor derived",
                hint=f"there are {', '.join(names)}; or --derive one from it",
            )
        return objective

    def _axes(
        self, targets: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]
    ) -> tuple[str, ...]:
        if self.space is None:
            described = (*names_of(targets), *FACTS)
            return tuple(name for name in described if name not in _UNDESCRIBED)
        axes = tuple(part.strip().strip("`") for part in self.space.split(","))
        for axis in axes:
            check_column(axis, kinds, "--space")
        return axes


@dataclass(frozen=True, slots=True)
class Rules:
    """What `SelectSettings.check` made of the texts."""

    target: Objective
    objectives: tuple[Objective, ...]
    axes: tuple[str, ...]
    """Columns of the space of `diverse`."""


def choose(
    store: Store,
    settings: SelectSettings,
    fallback: RankSettings,
    without: Set[str] = frozenset(),
    least: float | None = None,
) -> Selection:
    """Return the structures that the rules choose.

    Args:
        store: the predictions.
        settings: the rules.
        fallback: says the target where the rules do not.
        without: names of structures that are not to be chosen.
        least: the worst value of the target that `recall` keeps.

    Raises:
        UsageError: a rule does not fit the store.
    """
    rules = settings.check(store.targets, fallback)
    store = derive(store, settings.derive)
    target = rules.target
    ranking = rank(store, RankSettings(target=target.column, better=_end(target.better)))
    stages = (
        Stage("structures", len(store)),
        Stage("outcome ok", store.outcomes["ok"]),
        Stage(f"with a value of {target.column}", len(ranking)),
    )
    first = ranking.values(target.column)[:1]
    selection = Selection(ranking, stages)
    if without:
        left = ~_among(store, without)[ranking.order]
        selection = selection.then(ranking.keep(left, f"without {len(without)} by name"))
    if settings.where is not None:
        selection = selection.then(selection.ranking.where(settings.where))
    if rules.objectives:
        columns = [objective.column for objective in rules.objectives]
        selection, values = selection.with_values(columns)
        kept = front(values, [objective.better for objective in rules.objectives])
        words = f"pareto {', '.join(map(str, rules.objectives))}"
        selection = selection.then(selection.ranking.keep(kept, words))
    if settings.acquire is not None:
        selection = _acquire(selection, settings, first)
    if least is not None:
        selection = selection.as_good_as(least, f"recall {settings.recall:g}")
    if settings.top is not None:
        selection = selection.top(settings.top)
    if settings.diverse is not None:
        selection, values, space = _points(selection, rules.axes, settings.space)
        places = farthest(values, settings.diverse)
        words = f"diverse {settings.diverse} in {space}"
        selection = selection.keep(places, words)
    return selection


def _among(store: Store, names: Set[str]) -> np.ndarray:
    """Return (rows,) bool: whose name is one of these, in library order."""
    parts = [[name in names for name in part["name"]] for part in store.chunks(["name"])]
    return np.concatenate([np.array(part, dtype=bool) for part in parts])


def _points(
    selection: Selection, axes: Sequence[str], said: str | None
) -> tuple[Selection, np.ndarray, str]:
    """Return what has a place in the space of `diverse`, (n, d) places, and what the space is.

    The embedding, where the model has one and no columns are asked for: its axes are in deviations
    of the training set already.
    """
    if said is None:
        points = selection.ranking.store.embedding(selection.ranking.order)
        if points is not None:
            known = np.all(np.isfinite(points), axis=1)
            selection = selection.that_has(known, "with an embedding")
            return selection, points if known.all() else points[known], "the embedding"
    selection, values = selection.with_values(axes)
    return selection, standardise(values), ", ".join(axes)


def _acquire(selection: Selection, settings: SelectSettings, first: np.ndarray) -> Selection:
    """Return a selection in the order of its scores.

    Args:
        selection: in the order of its target.
        settings: which score.
        first: (1,) or, of an empty ranking, (0,): the best prediction of all.
    """
    assert settings.acquire is not None
    target, targets = selection.ranking.target, selection.ranking.store.targets
    beliefs = () if settings.acquire == "greedy" else _beliefs(target, targets)
    selection, values = selection.with_values([target, *beliefs])
    ranking = selection.ranking
    sign = -1.0 if ranking.better == "min" else 1.0
    mean, deviation = sign * values[:, 0], values[:, -1]
    if len(beliefs) == 2:
        level = next(float(one["level"]) for one in targets if one["name"] == beliefs[0])
        deviation = deviation_within(values[:, 1], values[:, 2], level)
    best = settings.best_known if settings.best_known is not None else float(first.sum())
    # One number per row of the store: no other rule changes what a structure draws.
    normal = np.random.default_rng(settings.seed).standard_normal(len(ranking.store))
    appetite = Appetite(settings.beta, sign * best, normal[ranking.order])
    worth = scores(settings.acquire, mean, deviation, appetite)
    order = np.argsort(-worth, kind="stable")
    words = {"ucb": f" (beta {settings.beta:g})", "thompson": f" (seed {settings.seed})"}
    rule = f"acquire {settings.acquire}{words.get(str(settings.acquire), '')}"
    rule += f", spread from {beliefs[0]} and {HIGH[1:]}" if len(beliefs) == 2 else ""
    return replace(selection, scores=worth[order]).then(ranking.keep(order, rule))


def _beliefs(target: str, targets: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns that say how sure a prediction is: the spread of an ensemble, else the
    ends of an interval, else none."""
    names = {str(one["name"]) for one in targets}
    for columns in ((target + SPREAD,), (target + LOW, target + HIGH)):
        if names.issuperset(columns):
            return columns
    return ()


def _end(better: str) -> Literal["max", "min"]:
    return "min" if better == "min" else "max"
