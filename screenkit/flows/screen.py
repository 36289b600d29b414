"""Screen: the whole story on one page. A library goes in, a ranked list comes out.

    Library.open -> Plan -> PredictTask on every shard -> predictions.h5
                 -> rank -> ranking.csv, shortlist.csv, failures.csv, report.html, summary.json

Safe to repeat: finished shards are kept, so that a run that was stopped goes on, and one that is
complete is only ranked again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.crystal.library import Library
from screenkit.executors.hire import hire
from screenkit.flows.account import Account, command_again, make_plan, open_run
from screenkit.flows.rehearse import Rehearsal, rehearse
from screenkit.flows.report import draw_report
from screenkit.flows.report_screening import LOOKED_AT
from screenkit.flows.stage import run_stage
from screenkit.flows.sure import sureness, unsure, write_calibration
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.memory import return_freed_memory
from screenkit.models.shelf import find_checkpoint
from screenkit.plan import Plan
from screenkit.ranking.ranking import Ranking, rank, shortlist, write_failures
from screenkit.recipe import Recipe
from screenkit.report.words import OFTEN_AMBIGUOUS
from screenkit.store.layout import CALIBRATION
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import replace_text
from screenkit.tasks.judge import columns_of
from screenkit.tasks.predict import PredictTask, count_devices, resolve_device
from screenkit.track import Track

FILES = (
    *("plan.json", "recipe.yaml", "again.json", "run.log", "shards/", "predictions.h5"),
    *("ranking.csv", "shortlist.csv", "failures.csv", "summary.json", "report.html", "figures/"),
)
"""What a screening leaves in its folder, beside `CALIBRATION` where the model has one."""

_MANY = 0.1  # share of the ranked structures


@dataclass(frozen=True, slots=True, eq=False)
class Screening(Account):
    """What came of a screening."""

    ranking: Ranking
    shortlist: Ranking
    checkpoint: Checkpoint

    @property
    def unsure(self) -> list[str]:
        """What is to be said of intervals and of structures that are foreign to the model."""
        return unsure(self.store, self.checkpoint)


def screen(
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
    *,
    page: bool = True,
) -> Screening:
    """Predict every structure of the sources, rank them, and write it all into `output`.

    Args:
        page: whether to draw `report.html` now; who adds to the run does it later.

    Raises:
        ScreenkitError: model, sources, output or settings are not usable; nothing is lost, and
            the same call goes on when that is mended.
    """
    started = time.monotonic()
    return_freed_memory()
    RunLock(output).refuse()  # listing the sources may take a while
    ready = _prepare(sources, recipe, output, ids)
    plan, checkpoint = ready.plan, ready.checkpoint
    again = command_again("rank", sources, ids, output)
    with open_run(output, ready.library, plan, recipe, again, track) as told:
        told.note(f"{ready.task.checkpoint.stem} on {ready.device}")
        ready.task.warm_up(told.note)
        began = time.monotonic()
        executor = hire(recipe.run, output, count_devices(recipe.predict.device))
        store = run_stage(
            ready.library, plan, ready.task, executor, output, told, targets=ready.targets
        )
        predicting = time.monotonic() - began
        ranking = rank(store, recipe.rank)
        result = Screening(
            output=output,
            store=store,
            ranking=ranking,
            shortlist=shortlist(ranking, recipe.rank),
            computed=told.structures,
            seconds=time.monotonic() - started,
            working_seconds=predicting,
            checkpoint=checkpoint,
            library_digest=plan.digest,
        )
        best = result.shortlist.texts("name", 0, LOOKED_AT)
        drawn = ready.library.keep(set(best)) if best else None
        del ready  # the names of a million structures take 40 MB, and these are enough from here on
        _write(result, recipe, sources)
        if page:
            draw_report(output, drawn, told)
        return result


def rehearse_screening(
    sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None = None
) -> Rehearsal:
    """Return what `screen` would do, and about how long it would take; writes nothing.

    Raises:
        ScreenkitError: as `screen` would before its work begins.
    """
    RunLock(output).refuse()
    ready = _prepare(sources, recipe, output, ids)
    files = FILES if ready.checkpoint.calibration is None else (*FILES, CALIBRATION)
    return rehearse(ready.library, ready.plan, ready.task, recipe.run, output, files, ready.device)


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """All that a screening needs before it may begin."""

    library: Library
    checkpoint: Checkpoint
    targets: Sequence[dict[str, str]]
    plan: Plan
    task: PredictTask
    device: str


def _prepare(sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None) -> _Ready:
    """Look at model, settings and sources; make and write nothing."""
    path = find_checkpoint(recipe.model).resolve()
    checkpoint = Checkpoint.load(path)
    targets = columns_of(checkpoint, recipe.predict.level)
    recipe.rank.choose(targets)  # a slip costs a second here, the whole run later
    device = resolve_device(recipe.predict.device, recipe.predict.precision)
    library = Library.open(sources, ids)
    plan = plan_screening(library, checkpoint, recipe)
    task = PredictTask(
        folder=output / SHARDS,
        stamp=plan.stamp,
        checkpoint=path,
        digest=checkpoint.digest,
        checks=recipe.checks,
        settings=recipe.predict,
    )
    return _Ready(library, checkpoint, targets, plan, task, device)


def plan_screening(library: Library, checkpoint: Checkpoint, recipe: Recipe) -> Plan:
    """Return the plan: structures, shards, and whatever may change a number beyond rounding."""
    own: dict[str, Any] = {"model": recipe.model, "checkpoint": checkpoint.digest}
    if recipe.predict.precision != "float32":
        own["precision"] = recipe.predict.precision
    if checkpoint.calibration is not None:
        own["level"] = recipe.predict.level
    return make_plan(library, recipe, own)


def _write(result: Screening, recipe: Recipe, sources: Sequence[Path]) -> None:
    """Write the tables and the summary."""
    output = result.output
    result.ranking.write_csv(output / "ranking.csv")
    result.shortlist.write_csv(output / "shortlist.csv")
    write_failures(result.store, output / "failures.csv")
    write_calibration(result.checkpoint, recipe.predict.level, output)
    summary = json.dumps(_summary(result, recipe, sources), indent=2, ensure_ascii=False)
    replace_text(output / "summary.json", summary + "\n")


def _summary(result: Screening, recipe: Recipe, sources: Sequence[Path]) -> dict[str, Any]:
    """Return what stands in `summary.json`; its keys are explained in `docs/formats.md`."""
    own = {
        "model": recipe.model,
        "checkpoint_sha256": result.checkpoint.digest,
        "target": result.ranking.target,
        "better": result.ranking.better,
        "shortlist": len(result.shortlist),
        **sureness(result.store, result.checkpoint, recipe.predict.level),
        "rules": list(result.shortlist.rules),
        "device": resolve_device(recipe.predict.device),
        "provenance": {"trained on": str(result.checkpoint.record.get("data", ""))},
        "remarks": _remarks(result),
    }
    return result.summary(sources, own)


def _remarks(result: Screening) -> list[str]:
    """Return what a reader must know before believing the numbers."""
    remarks = []
    figures = result.checkpoint.record.get("test", {}).get(result.ranking.target)
    if figures and "roc_auc" in figures["model"]:
        remarks.append(
            f"{result.ranking.target} is the probability of a class: {figures['class_if']} "
            f"{figures['unit']}. On {figures['model']['n']} structures kept apart from its "
            f"training, this model had a ROC AUC of {_or_nan(figures['model']['roc_auc']):.3f} "
            "(0.5 is chance)."
        )
    elif figures:
        unit = figures.get("unit", "")
        model, median = figures["model"], figures.get("median", {})
        remarks.append(
            f"On {model['n']} structures kept apart from its training, this model's "
            f"{result.ranking.target} had a mean absolute error of {model['mae']:.3g} {unit} "
            f"(the median of the training set: {_or_nan(median.get('mae')):.3g}) and a "
            f"Spearman rank correlation of {_or_nan(model['spearman']):.3f}."
        )
    if span := result.checkpoint.record.get("label_range", {}).get(result.ranking.target):
        values = result.ranking.values(result.ranking.target)
        outside = int(((values < span[0]) | (values > span[1])).sum())
        if outside:
            remarks.append(
                f"{outside} of the {len(values)} ranked structures are predicted outside the "
                f"labels it was trained on ({span[0]:.3g} to {span[1]:.3g}): extrapolation."
            )
    ambiguous = result.ranking.values("frame_ambiguous_fraction")
    share = float(np.mean(ambiguous > OFTEN_AMBIGUOUS)) if len(ambiguous) else 0.0
    if share > _MANY:
        remarks.append(
            f"In {share:.0%} of the ranked structures more than {OFTEN_AMBIGUOUS:.0%} of the "
            "atoms have nearest neighbours that tie, so that their local frame is arbitrary; "
            "see the column frame_ambiguous_fraction."
        )
    return [*remarks, *result.unsure]


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
