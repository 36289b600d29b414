"""Compare: how far two runs agree on what is best, structure by structure.

    RUN_A, RUN_B -> joined by name -> rank correlations, overlap of the best, outcomes that changed

Not covered: why they differ.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from screenkit.errors import MismatchError
from screenkit.flows.score import plain
from screenkit.learn.hits import COUNTS, overlap, share_of
from screenkit.learn.metrics import rank_correlations
from screenkit.ranking.ranking import names_of
from screenkit.ranking.table import lines, number_cells, text_cells
from screenkit.store.publish import replace_text, storage_error
from screenkit.store.store import Store

_PERCENT = 1
_CHUNK = 65_536  # rows


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two runs agree on one target, over the structures that both predict."""

    target: str
    better: str
    n: int
    spearman: float
    kendall: float
    overlaps: Mapping[str, float]
    """Share of the best of A that is among the best of B, by `10`, `100` and `1%`; NaN where that
    would be all."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two runs beside each other."""

    runs: tuple[Path, Path]
    stores: tuple[Store, Store]
    agreements: tuple[Agreement, ...]
    rows: tuple[np.ndarray, np.ndarray]
    """(common,) int64 each. Where the structures that both have stand in A and in B."""
    only: tuple[np.ndarray, np.ndarray]
    """int64. Rows of A that B does not have, and the other way round."""
    changes: Mapping[tuple[str, str], int]
    """Structures by what became of them in A and in B, where that differs: `ok`, or a code."""


def compare(first: Path, second: Path) -> Comparison:
    """Hold two runs against each other.

    Raises:
        StorageError: one has no predictions.
        MismatchError: they have no structure, or no target, in common.
    """
    stores = (Store.open(first), Store.open(second))
    names = [store.names for store in stores]
    place = {name: i for i, name in enumerate(names[1])}
    found = np.array([place.get(name, -1) for name in names[0]], dtype=np.int64)
    rows = (np.flatnonzero(found >= 0), found[found >= 0])
    if not len(rows[0]):
        raise MismatchError(
            f"{first} and {second} have no structure in common",
            hint=f"they are called like {names[0][0]!r} and {names[1][0]!r}"
            if len(names[0]) and len(names[1])
            else "one of them has none",
        )
    alone = np.ones(len(names[1]), dtype=bool)
    alone[rows[1]] = False
    targets, theirs = (names_of(store.targets) for store in stores)
    common = [name for name in targets if name in theirs]
    if not common:
        raise MismatchError(
            f"{first} and {second} predict nothing in common",
            hint=f"one predicts {', '.join(targets)}, the other {', '.join(theirs)}",
        )
    return Comparison(
        runs=(first, second),
        stores=stores,
        agreements=tuple(_agree(stores, rows, name) for name in common),
        rows=rows,
        only=(np.flatnonzero(found < 0), np.flatnonzero(alone)),
        changes=_changes(stores, rows),
    )


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write `compare.json` and `compare.csv` into a folder.

    Raises:
        StorageError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from None
    replace_text(folder / "compare.csv", _table(comparison))
    told = {
        "runs": [str(run) for run in comparison.runs],
        "predictions_sha256": [store.digest for store in comparison.stores],
        "structures": [len(store) for store in comparison.stores],
        "common": len(comparison.rows[0]),
        "only": [len(rows) for rows in comparison.only],
        "targets": [asdict(agreement) for agreement in comparison.agreements],
        "changes": [
            {"first": ours, "second": theirs, "structures": count}
            for (ours, theirs), count in comparison.changes.items()
        ],
    }
    text = json.dumps(plain(told), indent=2, ensure_ascii=False)
    replace_text(folder / "compare.json", text + "\n")


def _agree(
    stores: tuple[Store, Store], rows: tuple[np.ndarray, np.ndarray], target: str
) -> Agreement:
    better = next(str(t["better"]) for t in stores[0].targets if t["name"] == target)
    values = [
        store.column(target)[where].astype(np.float64)
        for store, where in zip(stores, rows, strict=True)
    ]
    known = np.isfinite(values[0]) & np.isfinite(values[1])
    sign = -1.0 if better == "min" else 1.0
    one, other = (sign * column[known] for column in values)
    total = len(one)
    lengths = {str(count): count for count in COUNTS}
    lengths[f"{_PERCENT}%"] = share_of(_PERCENT, total)
    return Agreement(
        target=target,
        better=better,
        n=total,
        **rank_correlations(one, other),
        overlaps={
            word: overlap(one, other, count) if 0 < count < total else np.nan
            for word, count in lengths.items()
        },
    )


def _fates(store: Store) -> np.ndarray:
    """Return (rows,) object: `ok`, or the code that says why not."""
    outcomes, codes = store.column("outcome"), store.column("code")
    return np.where(outcomes == "ok", outcomes, codes)


def _changes(
    stores: tuple[Store, Store], rows: tuple[np.ndarray, np.ndarray]
) -> dict[tuple[str, str], int]:
    ours, theirs = (_fates(store)[where] for store, where in zip(stores, rows, strict=True))
    changed = np.flatnonzero(ours != theirs)
    counts = Counter(zip(ours[changed].tolist(), theirs[changed].tolist(), strict=True))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _table(comparison: Comparison) -> Iterator[str]:
    """Yield a line per structure: A's in their order, then those that B alone has."""
    targets = [agreement.target for agreement in comparison.agreements]
    heads = ["name", "outcome_a", "outcome_b", "code_a", "code_b"]
    yield ",".join(text_cells([*heads, *(f"{t}_{run}" for t in targets for run in "ab")])) + "\n"
    (common_a, common_b), (_, only_b) = comparison.rows, comparison.only
    # Row in A and in B of each line; -1 where there is none.
    place = np.full(len(comparison.stores[0]), -1, dtype=np.int64)
    place[common_a] = common_b
    lines_of = (
        np.concatenate([np.arange(len(place)), np.full(len(only_b), -1)]),
        np.concatenate([place, only_b]),
    )
    columns = [
        (store.column(name), rows)
        for name in ("name", "outcome", "code", *targets)
        for store, rows in zip(comparison.stores, lines_of, strict=True)
    ]
    for start in range(0, len(lines_of[0]), _CHUNK):
        part = slice(start, start + _CHUNK)
        names, other_names, *cells = [_cells(column, rows[part]) for column, rows in columns]
        yield lines([[a or b for a, b in zip(names, other_names, strict=True)], *cells])


def _cells(column: np.ndarray, rows: np.ndarray) -> list[str]:
    """Return the cells of some rows of a column; empty where the row is -1."""
    if not len(column):
        return [""] * len(rows)
    cells = text_cells(column[rows]) if column.dtype == object else number_cells(column[rows])
    return [cell if row >= 0 else "" for cell, row in zip(cells, rows.tolist(), strict=True)]
