"""RowsTask: what all tasks do that look at each structure by itself and keep a row of numbers.

Not covered: structures that go through a network together (`tasks/predict.py`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from screenkit.crystal.document import Document
from screenkit.executors.executor import ShardReport
from screenkit.plan import Shard
from screenkit.store.layout import Product
from screenkit.store.row import Row
from screenkit.store.shard_file import write_shard
from screenkit.tasks.featurize import WARM_UP, report, tell_of_compiling


@dataclass(frozen=True)
class RowsTask(ABC):
    """Look at the structures of one shard and publish their rows."""

    product: ClassVar[Product]
    """What the rows are."""

    folder: Path
    """Where the shard files go."""
    stamp: str
    """Hash of the plan that the shard belongs to."""

    @property
    @abstractmethod
    def targets(self) -> Sequence[Mapping[str, str]]:
        """`name`, `unit` and `meaning` of each number of a row, in order."""

    @abstractmethod
    def rows(self, documents: Sequence[Document], lost: Mapping[str, str]) -> list[Row]:
        """Return one row per document, in their order.

        Args:
            lost: names that killed their worker, and how; they are not tried again.
        """

    def __call__(
        self, shard: Shard, documents: Sequence[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        started = time.monotonic()
        rows = self.rows(documents, lost)
        names = [target["name"] for target in self.targets]
        write_shard(self.folder, shard, rows, names, self.stamp, product=self.product)
        return report(shard, rows, time.monotonic() - started)

    def attempt(self, documents: Sequence[Document]) -> None:
        """Do the same work and keep nothing; for finding out which document kills a worker."""
        self.rows(documents, {})

    def warm_up(self, note: Callable[[str], None]) -> None:
        """Compile what the work needs."""
        tell_of_compiling(note)
        self.attempt([WARM_UP])
