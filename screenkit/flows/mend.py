"""Mend: what is wrong with a finished or stopped run, and out of the way with it.

Nothing is computed here: files that are damaged, or that hold rows worth another try, get hidden
names, and the command of the run, started again, does their shards anew.

Not covered: starting it (`cli/again.py`).
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from screenkit.errors import DataError, OutputError, StorageError
from screenkit.flows.again import Command
from screenkit.flows.runs import Run, Stage
from screenkit.plan import Shard
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import set_aside
from screenkit.store.seal import check_sealed
from screenkit.store.shard_file import KIND, check_shard, read_shard
from screenkit.store.store import stamp_of

MENDABLE = ("worker_lost", "out_of_memory", "internal_error", "unreadable")
"""Codes of failures that may be gone when the same is tried again."""

OK, MISSING, DAMAGED, FOREIGN = "ok", "missing", "damaged", "foreign"

_RETRY = ".retry"
"""Name of the folder, among the shards, of those that are being done again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one file of a run."""

    path: Path
    state: str
    """`ok`, `missing`, `damaged`, or `foreign`: sound, and of another run."""
    reason: str = ""
    """Why it is not ok, in a sentence that names it."""


def verify(run: Run) -> Iterator[Finding]:
    """Yield every shard and every merged file, each checked before libhdf5 reads a byte of it."""
    for stage in run.stages:
        stamp = stage.plan.stamp
        known = {stage.path(shard).name for shard in stage.plan.shards}
        for shard in stage.plan.shards:
            path = stage.path(shard)
            try:
                check_sealed(KIND, path)
            except FileNotFoundError:
                yield Finding(path, MISSING, f"{path} is not there")
                continue
            except StorageError as error:
                yield Finding(path, DAMAGED, error.message)
                continue
            try:
                check_shard(path, shard, stamp)
                yield Finding(path, OK)
            except StorageError as error:
                yield Finding(path, FOREIGN, error.message)
        for name in sorted(stage.names() - known):
            path = stage.folder / SHARDS / name
            yield Finding(path, FOREIGN, f"{path} is no shard of this run")
        yield from _merged(stage)


def _merged(stage: Stage) -> Iterator[Finding]:
    """Yield the files that were made of all shards; where there is none, that it is missing."""
    if not stage.merged():
        reason = f"the shards of {stage.folder} are not merged yet"
        yield Finding(stage.folder, MISSING, reason)
    for path in stage.merged():
        try:
            own = stamp_of(path) == stage.plan.stamp
            reason = f"{path} belongs to another plan"
            yield Finding(path, OK) if own else Finding(path, FOREIGN, reason)
        except StorageError as error:
            yield Finding(path, DAMAGED, error.message)


def clear_away(run: Run, findings: Collection[Finding]) -> None:
    """Hide the files that are damaged or foreign under names that say so."""
    with RunLock(run.folder):
        for finding in findings:
            if finding.state in (DAMAGED, FOREIGN):
                set_aside(finding.path, finding.state)


def refuse_gaps(run: Run, command: Command) -> None:
    """Raise where shards are missing, and say which.

    Raises:
        DataError: they are.
    """
    missing = [shard.index for stage in run.stages for shard in stage.missing()]
    if missing:
        count = sum(len(stage.plan.shards) for stage in run.stages)
        raise DataError(
            f"{len(missing)} of {count} shards of {run.folder} are missing: {_ranges(missing)}",
            hint=f"in {command.folder}, this goes on from there: {command}",
        )


def _ranges(numbers: Sequence[int], most: int = 8) -> str:
    """Return ascending numbers as `3, 7-9`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    shown = ", ".join("-".join(map(str, span)) for span in spans[:most])
    return f"{shown} and more" if len(spans) > most else shown


@dataclass(frozen=True, slots=True)
class Retry:
    """What is to be tried again."""

    rows: Mapping[str, int]
    """Number of rows by code."""
    shards: int


def set_aside_failed(run: Run, codes: Collection[str]) -> Retry:
    """Take every shard that holds a row with one of these codes out of the way.

    They stay until the new ones stand: `drop_replaced` removes them.

    Raises:
        DataError: no row has such a code.
        StorageError: a shard is damaged, or cannot be moved.
    """
    rows: Counter[str] = Counter()
    others: Counter[str] = Counter()
    found: list[Path] = []
    for stage in run.stages:
        names = stage.names()
        for shard in stage.plan.shards:
            path = stage.path(shard)
            if path.name not in names:
                continue
            counts = _codes(stage, shard, run.folder)
            others.update(counts)
            wanted = {code: count for code, count in counts.items() if code in codes}
            if wanted:
                rows.update(wanted)
                found.append(path)
    if not found:
        raise DataError(
            f"nothing to try again: {run.folder} has no row with the code {', '.join(codes)}",
            hint=f"codes there: {', '.join(sorted(others)) or 'none'}; name one with --code",
        )
    with RunLock(run.folder):
        for path in found:
            _move(path, path.parent / _RETRY)
    return Retry(rows, len(found))


def _codes(stage: Stage, shard: Shard, run: Path) -> Mapping[str, int]:
    """Return how many rows of a shard have which code."""
    try:
        return read_shard(stage.path(shard), shard, stage.plan.stamp).codes
    except StorageError as error:
        hint = f"first mend it: screenkit verify {shlex.quote(str(run))} --repair"
        raise StorageError(error.message, hint=hint) from error


def _move(path: Path, folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
        os.replace(path, folder / path.name)
    except OSError as error:
        raise OutputError(f"cannot move {path} into {folder}: {error.strerror}") from None


def drop_replaced(run: Run) -> list[Path]:
    """Remove the shards that were set aside and done again; return those that were not."""
    left = []
    for stage in run.stages:
        folder = stage.folder / SHARDS / _RETRY
        for old in sorted(folder.glob("*.h5")):
            if (folder.parent / old.name).exists():
                old.unlink()
            else:
                left.append(old)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    return left
