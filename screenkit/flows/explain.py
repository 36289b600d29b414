"""Explain: why a prediction came out. A run's best structures, or a library, and a model go in;
what of each prediction rests on each atom comes out.

    RUN or SOURCE -> the structures asked for -> Plan -> ExplainTask on every shard
                  -> atoms.h5, cif/, elements.csv, environments.csv, pictures/, report.html

Safe to repeat: finished shards are kept; tables and pictures are written anew.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from screenkit.crystal.library import Library, read_ids
from screenkit.errors import MismatchError, UsageError
from screenkit.executors.hire import hire
from screenkit.flows.account import make_plan
from screenkit.flows.again import keep_command
from screenkit.flows.explain_files import Explanation, write_files
from screenkit.flows.report import draw_report
from screenkit.flows.run_log import run_log
from screenkit.flows.run_sources import library_of
from screenkit.flows.runs import RECIPE, is_screening
from screenkit.flows.stage import agree_on_plan, run_stage
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import find_checkpoint
from screenkit.plan import Plan
from screenkit.ranking.ranking import RankSettings, rank, shortlist
from screenkit.recipe import Recipe
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import replace_text
from screenkit.store.store import Store
from screenkit.tasks.explain import ExplainTask
from screenkit.tasks.predict import PredictTask, count_devices, resolve_device
from screenkit.track import Track

_OF_A_RUN = 10  # structures, where neither names nor a number are given


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """What is to be explained."""

    library: Library
    words: str
    """Where it comes from, for a title."""


def recipe_of(sources: Sequence[Path]) -> Recipe:
    """Return the recipe of the run among the sources, the first one; of none, the defaults.

    Raises:
        RecipeError: the run's recipe cannot be read.
    """
    return Recipe.load(sources[0] / RECIPE) if is_screening(sources[0]) else Recipe()


def explain(
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
) -> Explanation:
    """Weigh the atoms of some structures, and write what came out into `output`.

    Args:
        sources: a library; or the folder of a run, and behind it the library that it was made of,
            where that is no longer where it was.

    Raises:
        UsageError: the model has no atoms to weigh, or a name is not there.
        MismatchError: the library is not the one that the run was made of.
        ScreenkitError: model, sources, output or settings are not usable.
    """
    started = time.monotonic()
    RunLock(output).refuse()
    path = find_checkpoint(recipe.model).resolve()
    checkpoint = Checkpoint.load(path)
    kind = checkpoint.build().atom_weights_are
    if kind == "none":
        raise UsageError(
            f"{checkpoint.model} looks at a crystal as a whole and has no atoms to weigh",
            hint="give --model a network over atoms; `screenkit models` lists them",
        )
    targets = [t.model_dump(include={"name", "unit", "better"}) for t in checkpoint.targets]
    order = _order(recipe, sources, targets)
    device = resolve_device(recipe.predict.device)
    chosen = _choose(sources, recipe, ids)
    plan = _plan(chosen.library, checkpoint, recipe, kind)
    task = ExplainTask(
        PredictTask(
            folder=output / SHARDS,
            stamp=plan.stamp,
            checkpoint=path,
            digest=checkpoint.digest,
            checks=recipe.checks,
            settings=recipe.predict,
        )
    )
    with RunLock(output), run_log(output, track) as told:
        told.note(f"{len(chosen.library)} structures, {path.stem} on {device}, weights: {kind}")
        _own(output, plan)
        replace_text(output / RECIPE, recipe.to_yaml("screenkit explain"))
        keep_command(output)
        task.warm_up(told.note)
        executor = hire(recipe.run, output, count_devices(recipe.predict.device))
        store = run_stage(
            chosen.library, plan, task, executor, output, told, targets=targets, label="Explaining"
        )
        explanation = Explanation(
            output=output,
            title=f"Why: {chosen.words}, {Path(recipe.model).name}",
            store=store,
            ranking=rank(store, order),
            checkpoint=checkpoint,
            kind=kind,
            seconds=0.0,
        )
        write_files(explanation, plan, recipe, told)
        draw_report(output, chosen.library, told)
    return replace(explanation, seconds=time.monotonic() - started)


def _own(output: Path, plan: Plan) -> None:
    """Raise where a folder explains other structures, or by another model."""
    try:
        agree_on_plan(output, plan)
    except MismatchError:
        raise MismatchError(
            f"{output} explains other structures, or by another model or settings",
            hint=f"give --output a folder of its own, such as {output}-2",
        ) from None


def _plan(library: Library, checkpoint: Checkpoint, recipe: Recipe, kind: str) -> Plan:
    own = {"model": recipe.model, "checkpoint": checkpoint.digest, "weights": kind}
    return make_plan(library, recipe, own)


def _order(
    recipe: Recipe, sources: Sequence[Path], targets: Sequence[dict[str, str]]
) -> RankSettings:
    """Return how to order what is explained; the run's own target may be foreign to this model.

    Raises:
        UsageError: the model has no such target.
    """
    order = recipe.rank.model_copy(update={"where": None})
    foreign = order.target not in {target["name"] for target in targets}
    if foreign and is_screening(sources[0]) and order.target == recipe_of(sources).rank.target:
        order = order.model_copy(update={"target": None, "better": None})
    order.choose(targets)
    return order


def _choose(sources: Sequence[Path], recipe: Recipe, ids: Path | None) -> _Chosen:
    """Return the structures that are asked for."""
    wanted = recipe.explain
    if is_screening(sources[0]):
        run = sources[0]
        own = recipe_of(sources)
        store = Store.open(run)
        library = library_of(run, store, sources[1:], "explain")
        if wanted.names:
            names: Collection[str] = _known(wanted.names, library.names)
        elif ids is not None:
            if wanted.top is not None:
                raise UsageError("both --ids and --top say what to explain", hint="give one")
            names = read_ids(ids, set(library.names))
        else:
            best = shortlist(rank(store, own.rank), own.rank)
            names = best.texts("name", 0, wanted.top or _OF_A_RUN)
            if not names:
                raise UsageError(
                    f"the shortlist of {run} is empty", hint="name structures with --name"
                )
        return _Chosen(library.keep(set(names)), run.resolve().name)
    if wanted.top is not None:
        raise UsageError(
            "--top takes the best of a run, and this is a library without predictions",
            hint="run screenkit rank first, or name structures with --name",
        )
    library = Library.open(sources, ids)
    if wanted.names:
        library = library.keep(set(_known(wanted.names, library.names)))
    return _Chosen(library, ", ".join(source.resolve().name for source in sources))


def _known(wanted: Sequence[str], names: Sequence[str]) -> Sequence[str]:
    """Return the wanted names, or say which one is not there."""
    there = set(names)
    for name in wanted:
        if name not in there:
            near = difflib.get_close_matches(name[:200], list(names)[:10_000], n=1)
            raise UsageError(
                f"there is no structure named {name!r}",
                hint=f"did you mean {near[0]}?" if near else f"a name looks like {names[0]}",
            )
    return wanted
