"""Tasks that stand in for a prediction: what each does is in the text of its documents.

A document says `ok`, `filter`, `fail`, `exit STATUS`, `segfault`, `sleep SECONDS`,
`once FILE` (sleeps for long, unless the file is there, and leaves it), `hog`,
`kill` (itself), `kill FILE` (the same, unless the file is there, and
leaves it), `raise` or `env VARIABLE`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from screenkit.crystal.document import Document
from screenkit.errors import CheckpointError, CrystalError, Outcome
from screenkit.executors.executor import ShardReport
from screenkit.executors.readers import readers
from screenkit.plan import Shard
from screenkit.store.row import Row
from screenkit.store.shard_file import write_shard

TARGETS = [{"name": "length", "unit": "bytes", "better": "max"}]


@dataclass(frozen=True)
class StandIn:
    """Predicts the length of a document."""

    folder: Path
    stamp: str
    log: Path | None = None
    """Gets one line per shard that is begun."""

    def __call__(
        self, shard: Shard, documents: list[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{shard.index} {os.getpid()}\n")
        rows = self._rows(documents, lost)
        write_shard(self.folder, shard, rows, [t["name"] for t in TARGETS], self.stamp)
        count = Counter(row.outcome for row in rows)
        codes = Counter(row.code for row in rows if row.code)
        return ShardReport(
            shard.index,
            len(rows),
            count[Outcome.OK],
            count[Outcome.FILTERED],
            count[Outcome.FAILED],
            codes,
        )

    def _rows(self, documents: Sequence[Document], lost: Mapping[str, str]) -> list[Row]:
        return [self._row(document, lost) for document in documents]

    def attempt(self, documents: list[Document]) -> None:
        for document in documents:
            self._row(document, {})

    def _row(self, document: Document, lost: Mapping[str, str]) -> Row:
        if document.name in lost:
            return Row(document.name, Outcome.FAILED, "worker_lost", lost[document.name])
        try:
            return act(document.name, document.read().decode())
        except CrystalError as error:
            return Row(document.name, error.outcome, error.code, error.message)


def act(name: str, text: str) -> Row:
    """Do what a document says."""
    word, _, rest = text.partition(" ")
    if word == "exit":
        os._exit(int(rest))
    if word == "segfault":
        ctypes.string_at(0)
    if word == "kill" and not (rest and Path(rest).exists()):
        Path(rest or os.devnull).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "once" and not Path(rest).exists():
        Path(rest).touch()
        time.sleep(100)
    if word == "hog":
        hold = [bytearray(b"x" * 2**26) for _ in range(2**12)]
        del hold
    if word == "sleep":
        time.sleep(float(rest))
    if word == "raise":
        raise CheckpointError("no such checkpoint", hint="give another")
    if word == "env":
        raise CrystalError("env", os.environ.get(rest, ""))
    if word == "filter":
        raise CrystalError("overlap", "too close", Outcome.FILTERED)
    if word == "fail":
        raise CrystalError("parse_error", "no CIF")
    return Row(name, n_atoms=len(text), values=(float(len(text)),))


def act_apart(document: Document) -> Row:
    """Do what a document says, and let what it raises be its row."""
    try:
        return act(document.name, document.read().decode())
    except CrystalError as error:
        return Row(document.name, error.outcome, error.code, error.message)
    except MemoryError:
        return Row(document.name, Outcome.FAILED, "out_of_memory")


@dataclass(frozen=True)
class Fed(StandIn):
    """A stand-in whose documents are read by the readers of its worker."""

    def _rows(self, documents: Sequence[Document], lost: Mapping[str, str]) -> list[Row]:
        crew = readers()
        assert crew is not None
        alive = [document for document in documents if document.name not in lost]
        found = {row.name: row for row in crew.each(act_apart, alive)}
        return [found.get(d.name) or self._row(d, lost) for d in documents]
