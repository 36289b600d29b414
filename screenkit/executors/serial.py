"""The serial executor: this process does the work, one shard after the other.

For small libraries, debuggers and profilers. A structure that kills its process kills the run;
what is finished stays, and `--executor dask` names the culprit.
"""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import Self

from screenkit.executors.executor import ShardReport, Task, Work


class SerialExecutor:
    """Does each shard at once, in this process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close."""

    def run(self, task: Task, work: Work) -> Generator[ShardReport, None, None]:
        """Yield one report per shard, in order."""
        for shard, documents in work:
            yield task(shard, documents)
