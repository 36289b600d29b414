"""Ranking: the rows of a Store in order of one target, and what is left of them.

Only rows with the outcome `ok` and a finite value of the target are ranked. Equal values keep the
order of the library, so that the same store always gives the same ranking. `where` and `top` leave
rows out and keep the rank of the others: rank 7 of a shortlist is rank 7 of `ranking.csv`.

Memory: 8 bytes a row, and some 30 MB while a table is written.

Not covered: choosing by several targets at once, or by how unlike structures are (`select.py`).
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from pydantic import field_validator

from screenkit.errors import Outcome, UsageError
from screenkit.ranking import table
from screenkit.ranking.table import Column
from screenkit.ranking.where import NUMBER, TEXT, Condition, read_condition
from screenkit.settings import Settings
from screenkit.store.layout import COLUMNS
from screenkit.store.publish import replace_text
from screenkit.store.store import Store

FACTS = tuple(column.name for column in COLUMNS if column.dtype != "text")
"""Numbers that a table gives of each structure beside its targets, as in `store/layout.py`."""

TEXTS = tuple(column.name for column in COLUMNS if column.dtype == "text")
"""Texts that a condition may name."""

_ALIASES = tuple(column.field for column in COLUMNS if column.field != column.name)
"""What `Store.column` also calls a fact, such as `density`; all of them are numbers."""

_CHUNK = 8_192  # rows that are text at a time
_BLOCK = 2**17  # rows whose columns are in memory at a time; all columns are read for each
_TOP = re.compile(r"(?P<number>\d+)|(?P<share>\d+(?:\.\d+)?)\s*%")


class RankSettings(Settings):
    """What is best, and how much of it goes on the shortlist."""

    target: str | None = None
    """Target to rank by; the checkpoint's first when not said."""
    better: Literal["max", "min"] | None = None
    """Which end is the good one; as the checkpoint says when not said."""
    where: str | None = None
    """Condition that a structure of the shortlist fulfils; see `ranking/where.py`."""
    top: str = "100"
    """Length of the shortlist: a number, or a share such as `5%` of those that `where` leaves."""

    @field_validator("top", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) else value

    @field_validator("top")
    @classmethod
    def _readable(cls, value: str) -> str:
        read_top(value)
        return value

    def choose(self, targets: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the target to rank by, and refuse settings that do not fit these targets.

        Meant to be called before a run, so that a slip costs seconds and not the run.

        Args:
            targets: `name` and `better` of each, in the order of the checkpoint.

        Raises:
            UsageError: no such target, or `where` does not parse over these columns.
        """
        if self.where is not None:
            read_condition(self.where, kinds_of(targets))
        if self.target is None:
            return targets[0]
        for target in targets:
            if target["name"] == self.target:
                return target
        names = names_of(targets)
        near = difflib.get_close_matches(self.target, names, n=1)
        raise UsageError(
            f"this model has no target named {self.target!r}",
            hint=f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}",
        )


@dataclass(frozen=True, eq=False)
class Ranking:
    """Ordered rows of one Store and the rule that ordered them."""

    store: Store
    target: str
    """Name of the target that orders the rows."""
    better: str
    """`max`: largest first; `min`: smallest first."""
    order: np.ndarray
    """(n,) int32. Row in the store, best first."""
    ranks: np.ndarray
    """(n,) int32. Rank of each in the whole ranking; the best has 1."""
    rules: tuple[str, ...] = ()
    """What has been left out, such as `where n_atoms < 500` and `top 5%`."""

    def __len__(self) -> int:
        return len(self.order)

    def top(self, text: str) -> Ranking:
        """Return the best N of this ranking, or the best N% of it (rounded up).

        Raises:
            UsageError: `text` is neither a number above 0 nor a share above 0% up to 100%.
        """
        try:
            count = read_top(text)
        except ValueError as error:
            raise UsageError(f"--top: {error}, found {text[:40]!r}") from None
        if isinstance(count, Fraction):
            count = math.ceil(count * len(self))
        return self.keep(slice(0, count), f"top {text}")

    def where(self, text: str) -> Ranking:
        """Return the rows that fulfil a condition; see `ranking/where.py`.

        Raises:
            UsageError: the condition does not parse, or names an unknown column.
        """
        condition = read_condition(text, kinds_of(self.store.targets))
        return self.keep(_holds(self.store, condition)[self.order], f"where {text}")

    def keep(self, places: Any, rule: str) -> Ranking:
        """Return some places of this ranking, in the order that `places` has.

        Args:
            places: what indexes (n,) arrays: a slice, a mask or numbers of places.
            rule: why these, in the user's words.
        """
        return replace(
            self, order=self.order[places], ranks=self.ranks[places], rules=(*self.rules, rule)
        )

    def values(self, heading: str) -> np.ndarray:
        """Return (n,) numbers of a target or a fact, best structure first."""
        return self.store.column(heading)[self.order]

    def texts(self, column: str, start: int = 0, stop: int | None = None) -> list[str]:
        """Return a text column (`name`, `warnings`, ...) of places [start, stop), best first."""
        return self.store.texts(column, self.order[start:stop])

    def rows(self, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
        """Return places [start, stop) as dicts: rank, name, each target, each fact, warnings.

        Meant for the few rows that a person reads.
        """
        part = self.keep(slice(start, stop), "")
        columns: dict[str, list[Any]] = {"rank": part.ranks.tolist(), "name": part.texts("name")}
        for heading in (*self.column_names, *FACTS):
            columns[heading] = part.values(heading).tolist()
        columns["warnings"] = part.texts("warnings")
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    @property
    def target_names(self) -> list[str]:
        """The targets, in the order of the checkpoint."""
        return names_of(self.store.targets)

    @property
    def column_names(self) -> list[str]:
        """The targets and what says how sure they are, in the order of the store."""
        return [str(target["name"]) for target in self.store.targets]

    def write_csv(
        self,
        path: Path,
        first: Sequence[str] = ("rank", "name"),
        more: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:
        """Write the table: `rank,name,`, targets, facts, `warnings`. It appears whole or not.

        Args:
            path: where.
            first: `rank` and `name`, in the order that the table shall have.
            more: (n,) numbers of columns that follow these two, by heading.

        Raises:
            StorageError: the disk is full, or the file cannot be written.
        """
        replace_text(path, self._csv(first, more))

    def _csv(self, first: Sequence[str], more: Mapping[str, np.ndarray]) -> Iterator[str]:
        headings = [*more, *self.column_names, *FACTS, "warnings"]
        yield ",".join(table.text_cells([*first, *headings])) + "\n"
        for start in range(0, len(self), _BLOCK):
            part = slice(start, start + _BLOCK)
            rest = [column[part] for column in more.values()]
            yield from self.keep(part, "")._block(first, rest)

    def _block(self, first: Sequence[str], more: Sequence[np.ndarray]) -> Iterator[str]:
        """Yield the lines of a ranking that is so short that all its columns may be in memory."""
        leading: dict[str, Column] = {"rank": self.ranks, "name": self.texts("name")}
        numbers = [self.values(heading) for heading in (*self.column_names, *FACTS)]
        columns: list[Column] = [*(leading[one] for one in first), *more, *numbers]
        columns.append(self.texts("warnings"))
        for start in range(0, len(self), _CHUNK):
            yield table.mixed_lines([column[start : start + _CHUNK] for column in columns])


def rank(store: Store, settings: RankSettings) -> Ranking:
    """Return every `ok` row of a store, best first.

    Raises:
        UsageError: the store has no such target, or `settings.where` does not fit it.
    """
    target = settings.choose(store.targets)
    better = settings.better or str(target["better"])
    name = str(target["name"])
    values = store.column(name)
    ranked = store.says("outcome", Outcome.OK) & np.isfinite(values)
    rows = np.flatnonzero(ranked).astype(np.int32)
    keys = values[rows] if better == "min" else -values[rows]
    order = rows[np.argsort(keys, kind="stable")]
    ranks = np.arange(1, len(order) + 1, dtype=np.int32)
    return Ranking(store, name, better, order, ranks)


def shortlist(ranking: Ranking, settings: RankSettings) -> Ranking:
    """Return what `settings.where` and then `settings.top` leave of a ranking."""
    if settings.where is not None:
        ranking = ranking.where(settings.where)
    return ranking.top(settings.top)


def write_failures(store: Store, path: Path) -> None:
    """Write `name,outcome,code,message` of every row that is not `ok`, in library order."""
    write_failure_rows(store.chunks(FAILURE_COLUMNS), path)


FAILURE_COLUMNS = ("name", "outcome", "code", "message")


def write_failure_rows(parts: Iterable[Mapping[str, np.ndarray]], path: Path) -> None:
    """Write those columns of every row that is not `ok`, from pieces in library order."""
    replace_text(path, _failures(parts))


def _failures(parts: Iterable[Mapping[str, np.ndarray]]) -> Iterator[str]:
    yield ",".join(FAILURE_COLUMNS) + "\n"
    for part in parts:
        rows = part["outcome"] != Outcome.OK
        yield table.lines([table.text_cells(part[column][rows]) for column in FAILURE_COLUMNS])


def names_of(targets: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the targets alone, without the columns that say how sure they are."""
    return [str(target["name"]) for target in targets if "of" not in target]


def kinds_of(targets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return every column that a condition may name, and its kind."""
    names = [*(str(target["name"]) for target in targets), *FACTS, *_ALIASES]
    return dict.fromkeys(names, NUMBER) | dict.fromkeys(TEXTS, TEXT)


def _holds(store: Store, condition: Condition) -> np.ndarray:
    """Return (rows,) bool: where the condition holds, in library order."""
    found = []
    for part in store.chunks(condition.columns):
        # 16 or 32 bits would overflow, or round what the user wrote.
        found.append(
            condition(
                {name: c if c.dtype == object else c.astype(float) for name, c in part.items()}
            )
        )
    return np.concatenate(found)


def read_top(text: str) -> int | Fraction:
    """Return a number of structures, or a share of them; ValueError where it is neither."""
    match = _TOP.fullmatch(text.strip())
    if match and match["number"] and int(match["number"]) > 0:
        return int(match["number"])
    if match and match["share"] and 0 < Fraction(match["share"]) <= 100:
        # Not a float: 10% of 30 would be 3.0000000000000004, and rounded up to 4.
        return Fraction(match["share"]) / 100
    raise ValueError(
        "should be a number above 0, or a share above 0% up to 100%, such as 100 or 5%"
    )
