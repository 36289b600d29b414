"""Select: from the predictions of a run to a named choice that stays in its folder.

    RUN/predictions.h5 -> the rules -> RUN/selections/NAME.csv, NAME.json

Nothing is predicted again. Safe to repeat: the same command leaves the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import screenkit
from screenkit.crystal.library import read_ids
from screenkit.errors import MismatchError, StorageError, UsageError
from screenkit.flows.missed import Known, Missed, missed_by, threshold_for
from screenkit.ranking.ranking import RankSettings
from screenkit.ranking.select import Selection, SelectSettings, choose
from screenkit.recipe import Recipe
from screenkit.store.publish import replace_text, storage_error
from screenkit.store.store import Store

SELECTIONS = "selections"
"""Folder in that of a run."""
LATEST = "latest"
"""Name of a selection that has none; the next one takes its place."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WHO = ("target", "better", "rule", "without")  # two selections that agree in these are one


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """What came of a selection."""

    selection: Selection
    name: str
    path: Path
    """The table of what was chosen; `--ids` reads it."""
    seconds: float
    missed: tuple[Missed, ...] = ()
    """What it holds of the truly best, where that is known."""


def recipe_behind(run: Path) -> Recipe:
    """Return the recipe that a run has used; the default one where it has none.

    Raises:
        RecipeError: it cannot be read.
    """
    path = run / "recipe.yaml"
    return Recipe.load(path) if path.is_file() else Recipe()


def select(
    run: Path,
    settings: SelectSettings,
    fallback: RankSettings,
    name: str | None = None,
    without: Path | None = None,
) -> Selected:
    """Choose among the predictions of a run, and keep the choice under a name.

    Args:
        run: folder of a screening.
        settings: the rules.
        fallback: how the run ranks; says the target where the rules do not.
        name: of the selection; `latest` when not said.
        without: a table of structures not to choose, such as those simulated before; names in its
            first column.

    Raises:
        SourceError: `without` names structures that are not there.
        UsageError: no rule, one that does not fit the predictions, or a name that is no file's.
        MismatchError: another selection has the name.
        StorageError: there are no predictions, or the files cannot be written.
    """
    started = time.monotonic()
    called = LATEST if name is None else name
    if not _NAME.fullmatch(called):
        raise UsageError(
            f"--name {called[:70]!r}: wanted letters, digits, `.`, `_` and `-`, 64 at most"
        )
    if not settings.chooses:
        raise UsageError(
            "say what to choose: --top, --recall, --where, --pareto, --acquire or --diverse",
            hint=f"such as: screenkit select {run} --top 1% --diverse 20",
        )
    store = Store.open(run)
    left_out = set() if without is None else read_ids(without, set(store.names.tolist()))
    goal = settings.check(store.targets, fallback).target
    known, least = Known.read(run, goal.column, goal.better), None
    if settings.recall is not None:
        least = threshold_for(known, settings, store.outcomes["ok"])
    selection = choose(store, settings, fallback, left_out, least)
    missed = []
    if _in_order(settings):
        missed = missed_by(selection.ranking, known, settings.best, least)
    path = run / SELECTIONS / f"{called}.csv"
    told = _told(called, selection, settings, left_out)
    told["missed"] = [asdict(one) for one in missed]
    if called != LATEST:
        _refuse_another(path.with_suffix(".json"), told)
    try:
        path.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(path.parent, error) from None
    scores = selection.scores
    more = MappingProxyType({} if scores is None else {"acquisition": scores})
    # The name first: --ids reads the first column.
    selection.ranking.write_csv(path, ("name", "rank"), more)
    told["csv_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    text = json.dumps(told, indent=2, ensure_ascii=False)
    replace_text(path.with_suffix(".json"), text + "\n")
    return Selected(selection, called, path, time.monotonic() - started, tuple(missed))


def _in_order(settings: SelectSettings) -> bool:
    """Whether the shortlist is the first of the order of one target: then its recall is known."""
    others = (settings.pareto, settings.diverse)
    cut = settings.top is not None or settings.recall is not None
    return cut and others == (None, None) and settings.acquire in (None, "greedy")


def _told(
    name: str, selection: Selection, settings: SelectSettings, left_out: Set[str]
) -> dict[str, Any]:
    """Return what stands in `NAME.json`; its keys are explained in `docs/formats.md`."""
    ranking = selection.ranking
    digest = hashlib.sha256("\n".join(sorted(left_out)).encode("utf-8", "surrogateescape"))
    return {
        "name": name,
        "target": ranking.target,
        "better": ranking.better,
        "rule": settings.model_dump(mode="json", exclude={"target"}, exclude_none=True),
        "without": {"structures": len(left_out), "sha256": digest.hexdigest()},
        "funnel": [asdict(stage) for stage in selection.stages],
        "structures": len(ranking),
        "predictions": {"plan": ranking.store.stamp, "sha256": ranking.store.digest},
        "screenkit": screenkit.__version__,
    }


def _refuse_another(path: Path, told: Mapping[str, Any]) -> None:
    """Raise where a name belongs to a choice by other rules: somebody may be simulating it."""
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        raise StorageError(
            f"cannot read {path}", hint="remove it, or call the selection otherwise with --name"
        ) from None
    if not isinstance(known, dict) or any(known.get(key) != told[key] for key in _WHO):
        raise MismatchError(
            f"{path} is a selection by other rules",
            hint="call this one otherwise with --name, or remove that file first",
        )
