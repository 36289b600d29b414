"""One stage of a study: plan + task + executor -> merged store; finished shards are kept.

Whatever stopped an earlier run, the same command does what is left: a shard exists, or it does not.
A shard that is damaged is moved aside and done again. Structures in = rows out.

Not covered: two runs at once (hold a `RunLock`), and what comes after the merge.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from screenkit.crystal.library import Library
from screenkit.errors import MismatchError, StorageError
from screenkit.executors.board import boards
from screenkit.executors.executor import Executor, ShardReport, Task, Work
from screenkit.plan import Plan, Shard
from screenkit.store.layout import PREDICTIONS, Product
from screenkit.store.merge import SHARDS, merge
from screenkit.store.publish import publish, set_aside, sweep
from screenkit.store.shard_file import check_shard, shard_path
from screenkit.store.store import Store
from screenkit.track import Track

PLAN = "plan.json"
"""Name of the plan in the run's folder."""


def run_stage(
    library: Library,
    plan: Plan,
    task: Task,
    executor: Executor,
    folder: Path,
    track: Track | None = None,
    *,
    targets: Sequence[Mapping[str, str]],
    label: str = "Predicting",
    product: Product = PREDICTIONS,
) -> Store:
    """Do every shard of a plan that is not done yet, and merge them all.

    Args:
        library: the plan is made of it.
        task: publishes each shard in `folder/shards`, with the plan's stamp.
        executor: not entered; its workers are started only where there is work.
        folder: of the run; this process holds its `RunLock`.
        track: told how far it is, earlier runs included.
        targets: `name`, `unit` and other attributes of each, for the merged file.
        label: what the workers do, for the eye.
        product: what the targets are; names the merged file.

    Returns:
        The merged rows, one per structure, in library order.

    Raises:
        MismatchError: the folder belongs to another plan.
        StorageError: the disk is full, or a file on it is damaged.
        WorkersLostError: workers died and could not be replaced.
    """
    track = track or Track()
    agree_on_plan(folder, plan)
    sweep(folder)
    sweep(folder / SHARDS)
    todo = list(_missing(folder / SHARDS, plan, track))
    done = plan.structures - sum(map(len, todo))
    if not todo:
        for board in boards(folder):  # of a driver that was killed at its very end
            board.tidy()
    if not todo and (store := _merged(folder, plan, targets, product)):
        return store
    track.start(label, plan.structures, done)
    try:
        with closing(_do(library, todo, task, executor)) as reports:
            for report in reports:
                done += report.structures
                if report.busy is not None:
                    track.feed(report.busy, report.watched, report.queue)
                track.advance(report.structures, report.structures - report.ok)
        merge(folder, plan, library.names, targets, product)
        sweep(folder / SHARDS)  # what the workers of a killed driver left since it began
    except StorageError as error:
        raise StorageError(
            f"{error.message}; {done} of {plan.structures} results are safe",
            hint=error.hint or "run the same command again",
        ) from error
    finally:
        track.finish()
    return Store.open(folder, product)


def _do(
    library: Library, todo: list[Shard], task: Task, executor: Executor
) -> Generator[ShardReport, None, None]:
    """Yield a report of each shard, from workers that live no longer than they are needed."""
    if not todo:
        return
    with executor, closing(executor.run(task, Work(tuple(todo), library))) as reports:
        yield from reports


def agree_on_plan(folder: Path, plan: Plan) -> None:
    """Write `plan.json`, or compare with the one that is there.

    Raises:
        MismatchError: the folder belongs to another plan.
        StorageError: the one that is there is damaged, or none can be written.
    """
    path = folder / PLAN
    if publish(path, plan.to_json().encode()):
        return
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from None
    changes = Plan.from_json(text, str(path)).differences(plan)
    if changes:
        more = f"; and {len(changes) - 5} more" if len(changes) > 5 else ""
        raise MismatchError(
            f"{folder} holds another run: {'; '.join(changes[:5])}{more}",
            hint="give another --output, or the same sources, model and recipe",
        )


def _missing(folder: Path, plan: Plan, track: Track) -> Iterator[Shard]:
    """Yield the shards that are not on disk; each file that is there is read and checked."""
    stamp = plan.stamp
    for shard in plan.shards:
        path = shard_path(folder, shard)
        try:
            check_shard(path, shard, stamp)
        except FileNotFoundError:
            yield shard
        except StorageError as error:
            aside = set_aside(path, "damaged")  # where it stays, the merge refuses it
            track.note(f"{error.message}; moved to {aside.name} and done again")
            yield shard


def _merged(
    folder: Path, plan: Plan, targets: Sequence[Mapping[str, Any]], product: Product
) -> Store | None:
    """Return the merged rows of an earlier run, where they are whole."""
    try:
        store = Store.open(folder, product)
    except StorageError:
        return None
    same = store.stamp == plan.stamp and list(store.targets) == [dict(t) for t in targets]
    return store if same and len(store) == plan.structures else None
