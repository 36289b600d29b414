"""Driver: find the logs of a run, and stop it, from a shell that has not started it.

A driver is asked to end by SIGTERM, and ends as by Ctrl-C: what is finished is kept.

Not covered: a driver on another host, which can only be named.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from screenkit.errors import OutputError, SourceError, UsageError
from screenkit.executors.board import boards
from screenkit.flows.run_log import RUN_LOG
from screenkit.flows.runs import Run
from screenkit.flows.status import log_tail
from screenkit.store.lock import Holder, RunLock

_PATIENCE = 20.0  # seconds that a driver has to leave
_LOOK = 0.1


def find_log(folder: Path, shard: int | None = None) -> list[Path]:
    """Return the log of a run; or those of the Slurm job that had a shard, the last one.

    Raises:
        SourceError: there is none.
        UsageError: the run has no such shard.
    """
    run = Run.open(folder)
    if shard is None:
        found = [folder / RUN_LOG]
    else:
        count = max((len(stage.plan.shards) for stage in run.stages), default=0)
        if not 0 <= shard < count:
            raise UsageError(f"--shard {shard}: {folder} has shards 0 to {count - 1}")
        found = _job_logs(folder, shard)
    if not any(path.is_file() for path in found):
        raise SourceError(
            f"{folder} has no log of {'the run' if shard is None else f'shard {shard}'}",
            hint="only Slurm jobs have logs of their own; for the others: screenkit logs RUN"
            if shard is not None
            else "",
        )
    return [path for path in found if path.is_file()]


def _job_logs(folder: Path, shard: int) -> list[Path]:
    """Return the logs of the Slurm jobs that had a shard, or have it."""
    found: list[Path] = []
    for board in boards(folder):
        logs = sorted((board.folder / "jobs").glob("*_log.*"))
        job = board.claims().get(shard)
        done = f" shard {shard} is done in "
        found += [
            path
            for path in logs
            if (job and path.name.startswith(f"{job}_")) or any(done in ln for ln in log_tail(path))
        ]
    return found


def stop(folder: Path) -> Iterator[str]:
    """Stop a run; yield what was done, a line each.

    Raises:
        SourceError: the folder is none of a run.
        OutputError: the driver is of another user.
    """
    run = Run.open(folder)
    holder, jobs = run.holder(), run.alive()
    if holder is not None:
        yield (
            _end(holder, folder)
            if holder.is_here
            else (
                f"the driver is process {holder.pid} on {holder.host}: end it there with "
                f"kill {holder.pid}"
            )
        )
    if jobs:
        from screenkit.executors.slurm import cancel_jobs  # submitit wakes here

        yield f"cancelled the Slurm jobs {', '.join(cancel_jobs(folder))}"
    if holder is None and not jobs:
        yield f"nobody is at work on {folder}"


def _end(holder: Holder, folder: Path) -> str:
    try:
        os.kill(holder.pid, signal.SIGTERM)
    except ProcessLookupError:
        return f"the driver, process {holder.pid}, has just ended"
    except PermissionError:
        raise OutputError(
            f"process {holder.pid}, which holds {folder}, is of another user",
            hint="ask that user to cancel it",
        ) from None
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if holder.is_dead() or RunLock(folder).holder() != holder:
            return f"stopped the driver, process {holder.pid}; what is finished is kept"
        time.sleep(_LOOK)
    return f"asked the driver, process {holder.pid}, to end; it is still at work"
