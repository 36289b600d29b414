"""Selection: which structures to go on with, and how many each rule left on the way.

    ok, with a value of the target -> where -> pareto -> acquire -> top -> diverse

Each step sees what the one before has left, best first; the last says the order. What a step needs
and a structure does not have (NaN) leaves the structure out, as a stage of its own.

Memory: about 200 bytes a row, and 8 for each column and row that --pareto or --diverse looks at.

Not covered: what is known of recall (`learn/recall.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import Field, field_validator

from screenkit.errors import UsageError
from screenkit.ranking.acquire import draw, log_expected_improvement, upper_bound
from screenkit.ranking.derive import derive, read_derived
from screenkit.ranking.diverse import farthest, standardise
from screenkit.ranking.objective import Objective, check_column, read_objective
from screenkit.ranking.pareto import MOST, front
from screenkit.ranking.ranking import FACTS, Ranking, RankSettings, kinds_of, rank, read_top
from screenkit.ranking.where import read_condition
from screenkit.settings import Settings
from screenkit.store.store import Store

SPREAD = "_std"
"""What the column of a target's standard deviation ends in."""

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
    acquire: Literal["greedy", "ucb", "ei", "thompson"] | None = None
    """Order by what is worth simulating next; see `ranking/acquire.py`."""
    beta: float = Field(default=2.0, ge=0)
    """Standard deviations that `ucb` adds."""
    best_known: float | None = None
    """What `ei` must improve on, in the target's unit; the best prediction when not said."""
    seed: int = Field(default=0, ge=0)
    """Of the samples of `thompson`."""
    top: str | None = None
    """Keep the best: a number, or a share such as `5%` of those that are left."""
    diverse: int | None = Field(default=None, ge=1)
    """Keep so many that are unlike each other, the best first."""
    space: str | None = None
    """Columns in which they are unlike, with commas; all targets and facts when not said."""

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
        rules = (self.where, self.pareto, self.acquire, self.top, self.diverse)
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
        objectives = []
        if self.pareto is not None:
            parts = self.pareto.split(",")
            objectives = [read_objective(part, targets, "--pareto") for part in parts]
            if not 2 <= len({o.column for o in objectives}) == len(objectives) <= MOST:
                raise UsageError(
                    f"--pareto: wanted 2 to {MOST} different columns, found {len(objectives)}",
                    hint="with one column, --top 1 is the best of it",
                )
        if self.acquire not in (None, "greedy") and f"{target.column}{SPREAD}" not in kinds:
            raise UsageError(
                f"--acquire {self.acquire} needs {target.column}{SPREAD}, how sure each prediction "
                "is, and these predictions do not have it",
                hint="rank with an ensemble, or take --acquire greedy",
            )
        return Rules(target, tuple(objectives), self._axes(targets, kinds))

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
            names = [str(target["name"]) for target in targets]
            spreads = {name + SPREAD for name in names}
            return tuple(n for n in (*names, *FACTS) if n not in spreads and n not in _UNDESCRIBED)
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


def choose(store: Store, settings: SelectSettings, fallback: RankSettings) -> Selection:
    """Return the structures that the rules choose.

    Args:
        store: the predictions.
        settings: the rules.
        fallback: says the target where the rules do not.

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
    if settings.where is not None:
        selection = selection.then(selection.ranking.where(settings.where))
    if rules.objectives:
        columns = [objective.column for objective in rules.objectives]
        selection, values = _known(selection, columns)
        kept = front(values, [objective.better for objective in rules.objectives])
        words = f"pareto {', '.join(map(str, rules.objectives))}"
        selection = selection.then(selection.ranking.keep(kept, words))
    if settings.acquire is not None:
        selection = _acquire(selection, settings, first)
    if settings.top is not None:
        selection = _cut(selection, selection.ranking.top(settings.top))
    if settings.diverse is not None:
        selection, values = _known(selection, rules.axes)
        places = farthest(standardise(values), settings.diverse)
        words = f"diverse {settings.diverse} in {', '.join(rules.axes)}"
        scores = None if selection.scores is None else selection.scores[places]
        selection = replace(selection, scores=scores).then(selection.ranking.keep(places, words))
    return selection


def _known(selection: Selection, columns: Sequence[str]) -> tuple[Selection, np.ndarray]:
    """Return what has a finite value in all columns, and (n, d) values; count what has not."""
    ranking = selection.ranking
    values = np.stack([ranking.values(name).astype(np.float64) for name in columns], axis=1)
    known = np.isfinite(values).all(axis=1)
    if known.all():
        return selection, values
    scores = None if selection.scores is None else selection.scores[known]
    kept = ranking.keep(known, f"with a value of {', '.join(columns)}")
    return replace(selection, scores=scores).then(kept), values[known]


def _cut(selection: Selection, ranking: Ranking) -> Selection:
    """Return the first of a selection, as many as `ranking` has."""
    scores = None if selection.scores is None else selection.scores[: len(ranking)]
    return replace(selection, scores=scores).then(ranking)


def _acquire(selection: Selection, settings: SelectSettings, first: np.ndarray) -> Selection:
    """Return a selection in the order of its scores.

    Args:
        selection: in the order of its target.
        settings: which score.
        first: (1,) or, of an empty ranking, (0,): the best prediction of all.
    """
    target = selection.ranking.target
    columns = [target] if settings.acquire == "greedy" else [target, target + SPREAD]
    selection, values = _known(selection, columns)
    ranking = selection.ranking
    sign = -1.0 if ranking.better == "min" else 1.0
    mean, deviation = sign * values[:, 0], values[:, -1]
    if settings.acquire == "greedy":
        scores = mean
    elif settings.acquire == "ucb":
        scores = upper_bound(mean, deviation, settings.beta)
    elif settings.acquire == "ei":
        best = settings.best_known if settings.best_known is not None else float(first.sum())
        scores = log_expected_improvement(mean, deviation, sign * best)
    else:
        # One number per row of the store: no other rule changes what a structure draws.
        normal = np.random.default_rng(settings.seed).standard_normal(len(ranking.store))
        scores = draw(mean, deviation, normal[ranking.order])
    order = np.argsort(-scores, kind="stable")
    words = {"ucb": f" (beta {settings.beta:g})", "thompson": f" (seed {settings.seed})"}
    rule = f"acquire {settings.acquire}{words.get(str(settings.acquire), '')}"
    return replace(selection, scores=scores[order]).then(ranking.keep(order, rule))


def _end(better: str) -> Literal["max", "min"]:
    return "min" if better == "min" else "max"
