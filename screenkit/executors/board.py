"""Board: what the jobs of a run and their driver tell each other, through files they all see.

A job claims a shard before it takes it, and writes a report when its file is published. Claims
save work and decide nothing: two jobs with one shard publish equal files. Which jobs live, the
driver asks the queue; no clock of one machine is compared with that of another.

    RUN/slurm/KEY/work.pkl        task and shards, as submitit writes them
                  claims/000007   the job that has shard 7
                  strikes/000007  a character for each job that ended while it had it
                  reports/000007  what became of it, JSON
                  beats/123_4     the job's heartbeat, JSON
                  error           what ended the run, JSON
                  jobs/           scripts and logs

Not covered: who reads a job's heartbeat (`slurm.py`), what a job does (`crew.py`).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from screenkit import errors
from screenkit.errors import OutputError, ScreenkitError
from screenkit.executors.executor import ShardReport, Task, Work
from screenkit.store.publish import publish, replace_text

SLURM = "slurm"
"""Name of the folder of boards in the run's folder."""


@dataclass(frozen=True, slots=True)
class Board:
    """The folder where the jobs of one stage of a run and their driver meet."""

    folder: Path

    @classmethod
    def of(cls, run: Path, task: Task, work: Work) -> Board:
        """Return the board of a task in a run's folder: the same for the same command.

        Raises:
            OutputError: the folder cannot be made, or somebody else may write there.
        """
        # Addresses of objects, which differ from process to process.
        told = re.sub(r" at 0x[0-9a-f]+", "", f"{type(task).__qualname__} {task!r}")
        digest = work.library.digest if work.library else ""
        key = hashlib.sha256(f"{run.resolve()} {told} {digest}".encode()).hexdigest()[:10]
        board = cls(run.resolve() / SLURM / key)
        try:
            for folder in (board.folder.parent, board.folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("claims", "strikes", "reports", "beats", "jobs"):
                (board.folder / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make {board.folder}: {error.strerror}") from None
        refuse_strangers(board.folder.parent)
        return board

    @property
    def key(self) -> str:
        """Ten hex digits that tell it from the boards of other runs."""
        return self.folder.name

    # Claims

    def claim(self, shard: int, job: str) -> bool:
        """Claim a shard for a job; False where another has it, or it is done."""
        if self.is_done(shard):
            return False
        if publish(self._file("claims", shard), job.encode()):
            return True
        if self._read("claims", shard) != job:
            return False
        self.strike(shard)  # this job has had it before, and was started anew
        return True

    def claims(self) -> dict[int, str]:
        """Return the job that has claimed each shard."""
        names = [name for name in os.listdir(self.folder / "claims") if name.isdigit()]
        return {int(name): self._read("claims", int(name)) for name in names}

    def break_claim(self, shard: int) -> None:
        """Let others have a shard whose job has ended."""
        self.strike(shard)
        self.drop_claim(shard)

    def drop_claim(self, shard: int) -> None:
        """Let others have a shard."""
        self._file("claims", shard).unlink(missing_ok=True)

    def strike(self, shard: int) -> None:
        """Note that a job ended while it had this shard."""
        with self._file("strikes", shard).open("a") as file:
            file.write("x")

    def strikes(self, shard: int) -> int:
        """Return how many jobs ended while they had this shard."""
        return len(self._read("strikes", shard))

    # Reports

    def report(self, report: ShardReport) -> None:
        """Tell what became of a shard; its file is published."""
        text = json.dumps(asdict(report) | {"codes": dict(report.codes)})
        replace_text(self._file("reports", report.shard), text)

    def is_done(self, shard: int) -> bool:
        """Return whether a shard has a report."""
        return self._file("reports", shard).exists()

    def reports(self, wanted: Container[int]) -> Iterator[ShardReport]:
        """Yield the reports of those shards that have one."""
        for name in sorted(os.listdir(self.folder / "reports")):
            if name.isdigit() and int(name) in wanted:
                yield ShardReport(**json.loads(self._file("reports", int(name)).read_bytes()))

    def forget(self, work: Work) -> None:
        """Drop what an earlier run said of shards that are to be done (again), and its error."""
        for shard in work.shards:
            self._file("reports", shard.index).unlink(missing_ok=True)
        (self.folder / "error").unlink(missing_ok=True)

    # Heartbeats

    def beat(self, job: str, facts: dict[str, Any]) -> None:
        """Show that a job is alive."""
        replace_text(self.folder / "beats" / job, json.dumps(facts))

    def heartbeat(self, job: str) -> dict[str, Any] | None:
        """Return the last heartbeat of a job; None where it has not begun."""
        try:
            facts = json.loads((self.folder / "beats" / job).read_bytes())
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) else None

    # The end

    def fail(self, error: ScreenkitError) -> None:
        """Tell the driver, and all other jobs, what ends the run; the first one is heard."""
        told = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
        publish(self.folder / "error", json.dumps(told).encode())

    def error(self) -> ScreenkitError | None:
        """Return what ended the run, if something did."""
        try:
            told = json.loads((self.folder / "error").read_bytes())
        except FileNotFoundError:
            return None
        kind = getattr(errors, str(told["kind"]), ScreenkitError)
        if not (isinstance(kind, type) and issubclass(kind, ScreenkitError)):
            kind = ScreenkitError
        return kind(str(told["message"]), hint=str(told["hint"]))

    def tidy(self) -> None:
        """Remove what nobody needs when all is done; logs and reports stay."""
        gone = [self.folder / "work.pkl", *(self.folder / "jobs").glob("*.pkl")]
        for name in ("claims", "strikes", "beats"):
            gone += (self.folder / name).iterdir()
        for path in gone:
            path.unlink(missing_ok=True)

    def _file(self, kind: str, shard: int) -> Path:
        return self.folder / kind / f"{shard:06d}"

    def _read(self, kind: str, shard: int) -> str:
        with suppress(FileNotFoundError):
            return self._file(kind, shard).read_text(encoding="utf-8")
        return ""


def boards(run: Path) -> list[Board]:
    """Return the boards in the folder of a run."""
    return [Board(path.parent) for path in sorted((run.resolve() / SLURM).glob("*/claims"))]


def refuse_strangers(path: Path) -> None:
    """Let nobody else put a pickle where jobs would run it.

    Raises:
        OutputError: somebody else owns the path, or may write there.
    """
    status = path.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise OutputError(
            f"others may write to {path}", hint=f"chmod go-w {path}, or give another --output"
        )
