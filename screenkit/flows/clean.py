"""Clean: which structures of a library are worth computing with, and which are there twice.

    Library.open -> Plan -> CleanTask on every shard -> clean.h5
                 -> duplicates -> clean.csv, kept.txt, failures.csv, summary.json, report.html

Safe to repeat: finished shards are kept; duplicates are looked for again.
"""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from screenkit.crystal.graph_hash import HASH_BITS
from screenkit.crystal.library import Library
from screenkit.errors import Outcome
from screenkit.executors.hire import hire
from screenkit.flows.account import Account, command_again, make_plan, open_run
from screenkit.flows.rehearse import Rehearsal, rehearse
from screenkit.flows.report import draw_report
from screenkit.flows.stage import run_stage
from screenkit.plan import Plan
from screenkit.ranking.ranking import write_failures
from screenkit.ranking.table import text_cell, write_table
from screenkit.recipe import Recipe
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import replace_text
from screenkit.store.store import Store
from screenkit.tasks.clean import HASH, TARGETS, CleanTask
from screenkit.track import Track

KEPT = "kept.txt"
"""Names of what is kept, for `--ids`."""

FILES = (
    *("plan.json", "recipe.yaml", "again.json", "run.log", "shards/", "clean.h5"),
    *("clean.csv", KEPT, "failures.csv", "summary.json", "report.html", "figures/"),
)
"""What a cleaning leaves in its folder."""

_FACTS = (
    *("name", "outcome", "code", "message", "warnings"),
    *("n_atoms", "volume_A3", "density_g_cm3", "minimum_distance_A"),
)
"""Columns of `clean.csv` that every run has."""


@dataclass(frozen=True, slots=True, eq=False)
class Cleaning(Account):
    """What came of a cleaning."""

    flagged: Mapping[str, int]
    """Structures that are `ok`, by warning."""
    duplicates: int
    """Structures that are `ok` and equal an earlier one."""
    dropped: bool
    """Whether they are left out of `kept.txt`."""
    kept: int
    """Names in `kept.txt`."""


def clean(
    sources: Sequence[Path],
    recipe: Recipe,
    output: Path,
    track: Track | None = None,
    ids: Path | None = None,
) -> Cleaning:
    """Look over every structure of the sources, and write what is to be kept into `output`.

    Raises:
        ScreenkitError: sources, output or settings are not usable; nothing is lost, and the same
            call goes on when that is mended.
    """
    started = time.monotonic()
    RunLock(output).refuse()  # listing the sources may take a while
    recipe = _complete(recipe)
    library, plan, task = _prepare(sources, recipe, output, ids)
    again = command_again("clean", sources, ids, output)
    with open_run(output, library, plan, recipe, again, track) as told:
        task.warm_up(told.note)
        began = time.monotonic()
        store = run_stage(
            library,
            plan,
            task,
            hire(recipe.run, output),
            output,
            told,
            targets=task.targets,
            label="Cleaning",
            product=task.product,
        )
        now = time.monotonic()
        first = _find_duplicates(store, recipe.clean.volume_tolerance)
        kept = store.column("outcome") == Outcome.OK
        if recipe.clean.drop_duplicates:
            kept &= first < 0
        _write_tables(store, first, kept, output)
        result = Cleaning(
            output=output,
            store=store,
            computed=told.structures,
            seconds=now - started,
            working_seconds=now - began,
            library_digest=library.digest,
            flagged=_count_warnings(store),
            duplicates=int((first >= 0).sum()),
            dropped=recipe.clean.drop_duplicates,
            kept=int(kept.sum()),
        )
        _write_summary(result, recipe, sources)
        draw_report(output, library, told)
        return result


def rehearse_cleaning(
    sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None = None
) -> Rehearsal:
    """Return what `clean` would do, and about how long it would take; writes nothing.

    Raises:
        ScreenkitError: as `clean` would before its work begins.
    """
    RunLock(output).refuse()
    library, plan, task = _prepare(sources, _complete(recipe), output, ids)
    return rehearse(library, plan, task, recipe.run, output, FILES)


def _prepare(
    sources: Sequence[Path], recipe: Recipe, output: Path, ids: Path | None
) -> tuple[Library, Plan, CleanTask]:
    """Look at settings and sources; make and write nothing."""
    library = Library.open(sources, ids)
    plan = make_plan(library, recipe, {"flag_only": recipe.clean.flag_only})
    task = CleanTask(output / SHARDS, plan.stamp, recipe.checks, recipe.clean.flag_only)
    return library, plan, task


def _complete(recipe: Recipe) -> Recipe:
    """Return the recipe with a smallest surface, where the checks say nothing of one."""
    if recipe.checks.min_surface_area is not None:
        return recipe
    return recipe.vary({"checks.min_surface_area": recipe.clean.min_surface_area})


def _find_duplicates(store: Store, tolerance: float | None) -> np.ndarray:
    """Return (rows,) int64: the first row that a row equals; -1 where there is none before it.

    Rows that are not `ok` equal none.

    Args:
        tolerance: `CleanSettings.volume_tolerance`.
    """
    hashes = store.column(HASH)
    sizes = store.column("volume_A3") / np.maximum(store.column("n_atoms"), 1)
    most = math.inf if tolerance is None else math.log1p(tolerance)
    firsts: dict[float, list[int]] = {}
    equals = np.full(len(store), -1, dtype=np.int64)
    for row in np.flatnonzero(store.column("outcome") == Outcome.OK).tolist():
        alike = firsts.setdefault(hashes[row], [])
        for other in alike:
            if abs(math.log(sizes[row] / sizes[other])) <= most:
                equals[row] = other
                break
        else:
            alike.append(row)
    return equals


def _write_tables(store: Store, first: np.ndarray, kept: np.ndarray, output: Path) -> None:
    names = store.names
    digits = HASH_BITS // 4
    more = {
        HASH: [f"{int(h):0{digits}x}" if h == h else "" for h in store.column(HASH).tolist()],
        "duplicate_of": [text_cell(names[row]) if row >= 0 else "" for row in first.tolist()],
    }
    measured = [target["name"] for target in TARGETS if target["name"] != HASH]
    write_table(store, [*_FACTS, *measured], output / "clean.csv", more=more)
    replace_text(output / KEPT, _id_lines(names[kept].tolist()))
    write_failures(store, output / "failures.csv")


def _id_lines(names: Sequence[str]) -> Iterator[str]:
    """Yield names as `--ids` reads them: a comma or quote within is quoted, and no more is done."""
    for name in names:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([name])
        yield line.getvalue()


def _count_warnings(store: Store) -> dict[str, int]:
    """Return how many structures that are `ok` carry each warning."""
    ok = store.column("outcome") == Outcome.OK
    words, counts = np.unique(" ".join(store.column("warnings")[ok]).split(), return_counts=True)
    return dict(zip(words.tolist(), counts.tolist(), strict=True))


def _write_summary(result: Cleaning, recipe: Recipe, sources: Sequence[Path]) -> None:
    own = {
        "kept": result.kept,
        "kept_fraction": round(result.kept / result.structures, 4),
        "duplicates": result.duplicates,
        "drop_duplicates": result.dropped,
        "flag_only": recipe.clean.flag_only,
        "flagged": dict(result.flagged),
    }
    summary = json.dumps(result.summary(sources, own), indent=2, ensure_ascii=False)
    replace_text(result.output / "summary.json", summary + "\n")
