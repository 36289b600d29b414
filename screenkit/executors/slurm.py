"""The Slurm executor: array jobs, few and long, that share the shards among themselves.

This process submits them, reads their reports, and asks the queue now and then who is alive. What
dead jobs left, others take; where too few live for what is left, more are submitted. Jobs live on
when this process ends, and it finds them again by their name.

Not covered: what a job does (`crew.py`), what is written where (`board.py`), how jobs are
submitted (`sbatch.py`).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from screenkit.errors import Detached, UsageError, WorkersLostError
from screenkit.executors.board import Board, boards
from screenkit.executors.crew import save_work
from screenkit.executors.executor import ShardReport, Task, Work
from screenkit.executors.sbatch import job_name, submit, submitted
from screenkit.executors.site import Site, refuse_odd_folder
from screenkit.executors.squeue import Seen, cancel, hasten, look, require_slurm
from screenkit.plan import Shard

_log = logging.getLogger(__name__)

_LOOK = 2.0  # seconds between two looks at the reports
_SLOWEST = 6.0  # times the first pause between two looks at the queue
_STILL = 900.0  # seconds without a heartbeat after which a running job counts as hung
_CANCELLED = 3  # times that cancelled jobs are replaced
_KILLS = 6  # jobs that one shard may end
_FRUITLESS = 8  # times that jobs are replaced without a single report
_FRUITLESS_PARTS = 100  # of trainings, which may well take longer than a job
_GOODBYE = 10.0  # seconds that jobs have to end when all is done
_SILENT = 20  # looks at a queue that does not answer


class SlurmExecutor:
    """Jobs on a cluster."""

    def __init__(self, site: Site, run: Path, poll: float = 30.0, detach: bool = False) -> None:
        self.site, self.run_folder, self.poll, self.detach = site, run, poll, detach

    def __enter__(self) -> Self:
        """Look whether jobs can be submitted from here.

        Raises:
            UsageError: they cannot.
        """
        require_slurm()
        refuse_odd_folder(self.run_folder.resolve())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to close: jobs live on where this process is stopped."""

    def run(self, task: Task, work: Work) -> Generator[ShardReport, None, None]:
        """Yield one report per shard, as they are done.

        Raises:
            Detached: the jobs are in the queue, and nobody waits for them here.
            WorkersLostError: jobs end again and again and nothing comes of it.
            ScreenkitError: what the task raised.
        """
        if not work.shards:
            return
        board = Board.of(self.run_folder, task, work)
        board.forget(work)
        save_work(board, task, work)
        foreman = Foreman(board, self.site, work)
        foreman.tend()
        if self.detach and foreman.alive:
            raise Detached(
                f"{len(foreman.alive)} jobs share {len(work)} shards: {', '.join(foreman.numbers)}",
                hint="the same command, without --detach, waits for them and collects what is done",
            )
        pause, tended = self.poll, time.monotonic()
        try:
            while foreman.left:
                for report in board.reports(foreman.left):
                    foreman.done(report.shard)
                    yield report
                if (error := board.error()) is not None:
                    raise error
                if foreman.left and time.monotonic() - tended >= pause:
                    changed = foreman.tend()
                    pause = self.poll if changed else min(pause * 1.3, self.poll * _SLOWEST)
                    tended = time.monotonic()
                if foreman.left:
                    time.sleep(min(_LOOK, self.poll))
        except (GeneratorExit, KeyboardInterrupt):
            _log.info("slurm: nobody waits any more; the jobs go on")
            raise
        except BaseException:
            foreman.dismiss()
            raise
        foreman.dismiss(patience=_GOODBYE)
        board.tidy()


def cancel_jobs(run: Path) -> list[str]:
    """Cancel every job of a run, from any login shell, and return the numbers of their arrays.

    A driver that waits for them ends with a WorkersLostError.
    """
    numbers = submitted(run)
    for board in boards(run):
        board.fail(
            WorkersLostError("the run was cancelled", hint="the same command goes on with it")
        )
    cancel(numbers)
    return numbers


class Foreman:
    """Sees to it that there are jobs for what is left."""

    def __init__(self, board: Board, site: Site, work: Work) -> None:
        self.board, self.site = board, site
        self.left: dict[int, Shard] = {shard.index: shard for shard in work.shards}
        self.jobs = min(site.jobs or 1, len(work))
        self.patience = _FRUITLESS_PARTS if work.library is None else _FRUITLESS
        self.alive: dict[str, Seen] = {}
        self._buried: set[str] | None = None
        self._kills: Counter[int] = Counter()
        self._beats: dict[str, tuple[int, float]] = {}
        self._fruitless = self._cancelled = self._silent = 0
        self._told = ""

    @property
    def numbers(self) -> list[str]:
        """The number of each array that is alive."""
        return sorted({job.partition("_")[0] for job in self.alive}, key=int)

    def done(self, shard: int) -> None:
        """Note that a shard is done."""
        del self.left[shard]
        self._fruitless = 0

    def tend(self) -> bool:
        """Ask the queue; free what the dead have left, and submit jobs where there are too few.

        Returns:
            Whether anything has changed since the last time.

        Raises:
            WorkersLostError: jobs end again and again and nothing comes of it.
        """
        seen = look(job_name(self.board))
        if seen is None:
            self._silent += 1
            if self._silent > _SILENT:
                raise WorkersLostError(
                    f"Slurm has not answered {_SILENT} times in a row",
                    hint="its jobs go on; run the same command again to go on waiting for them",
                )
            return False
        self._silent = 0
        self.alive = {job: it for job, it in seen.items() if it.alive}
        claims = {s: job for s, job in self.board.claims().items() if s in self.left}
        self._bury(seen, claims)
        self._look_after_the_living()
        held = {shard for shard, job in claims.items() if job in self.alive}
        free = [shard for shard in self.left if shard not in held]
        missing = min(self.jobs, len(self.left)) - len(self.alive)
        if missing > 0 and free:
            self._submit(min(missing, len(free)))
        return self._tell()

    def dismiss(self, patience: float = 0.0) -> None:
        """Cancel the jobs that are left, but for those that end by themselves within `patience`."""
        if self._silent:
            return
        seen = look(job_name(self.board)) or self.alive
        cancel([job for job, it in seen.items() if it.state == "PENDING"])
        end = time.monotonic() + patience
        while (alive := [job for job, it in seen.items() if it.alive]) and time.monotonic() < end:
            time.sleep(0.5)
            seen = look(job_name(self.board)) or seen
        cancel(alive)

    def _bury(self, seen: Mapping[str, Seen], claims: Mapping[int, str]) -> None:
        """Free the shards of jobs that have ended, and remember how they ended."""
        dead = {job for job, it in seen.items() if not it.alive}
        known, first = self._buried or set(), self._buried is None
        self._buried = known | dead
        if first:  # they ended before this process began
            known = dead
        for shard, job in claims.items():
            if job in self.alive or self.board.is_done(shard):
                continue
            self.board.break_claim(shard)
            state = seen.get(job, Seen("GONE")).state
            _log.info("slurm: job %s ended (%s) while it had shard %d", job, state, shard)
            if job not in known and state not in ("CANCELLED", "PREEMPTED"):
                self._count_kill(shard, job, state)
        self._cancelled += any(seen[job].state == "CANCELLED" for job in dead - known)
        lost = [job for job in dead - known if self.board.heartbeat(job) is None]
        failed = sorted(job for job in lost if seen[job].state not in ("CANCELLED", "PREEMPTED"))
        if failed:
            self._barren(failed[0], seen[failed[0]].state)

    def _count_kill(self, shard: int, job: str, state: str) -> None:
        if state == "TIMEOUT" and self.patience == _FRUITLESS_PARTS:
            return  # a long training goes on where it stopped
        self._kills[shard] += 1
        if self._kills[shard] < _KILLS:
            return
        span = self.left[shard]
        raise WorkersLostError(
            f"shard {shard} (structures {span.start + 1} to {span.stop}) has ended {_KILLS} jobs, "
            f"the last one {job} ({state}), but none of its structures does so alone",
            hint=f"give --memory or --time more, or a smaller --shard-size in another --output; "
            f"logs are in {self.board.folder / 'jobs'}",
        )

    def _barren(self, job: str, state: str) -> None:
        """Give up where jobs end before they begin, again and again."""
        if self._fruitless < 3:
            return
        log = self.board.folder / "jobs" / f"{job}_0_log.err"
        said = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        raise WorkersLostError(
            f"jobs end before they begin; the last one, {job} ({state}), said: "
            f"{said[-1][:200] if said else 'nothing'}",
            hint=f"mend the site's `setup` or what it asks for; see {log}",
        )

    def _look_after_the_living(self) -> None:
        """Let requeued jobs start at once, and cancel those that hang."""
        now = time.monotonic()
        for job, it in self.alive.items():
            if it.state == "PENDING" and it.reason == "BeginTime":
                hasten(job)
            if it.state != "RUNNING" or (facts := self.board.heartbeat(job)) is None:
                continue
            beat, since = self._beats.get(job, (-1, now))
            self._beats[job] = (facts["beat"], since if beat == facts["beat"] else now)
            if now - self._beats[job][1] > _STILL:
                _log.warning("slurm: job %s on %s hangs; cancelled", job, facts.get("host"))
                cancel([job])

    def _submit(self, count: int) -> None:
        if self._cancelled > _CANCELLED:
            raise WorkersLostError(
                f"jobs of this run were cancelled {self._cancelled} times",
                hint="where that was meant, all is well; the same command goes on",
            )
        if self._fruitless > self.patience:
            raise WorkersLostError(
                f"{self._fruitless} times new jobs were submitted, and not one shard was finished",
                hint=f"give --time or --memory more; logs are in {self.board.folder / 'jobs'}",
            )
        before = set(self.alive)
        try:
            numbers = submit(self.board, self.site, count)
        except UsageError as error:
            if not self.alive:
                raise
            _log.warning("slurm: %s; the others go on", error.message)  # a limit, often, for now
            return
        self._fruitless += 1
        seen = look(job_name(self.board))
        if seen is None:  # an answer next time will do
            seen = {number: Seen("PENDING") for number in numbers}
        self.alive |= {job: it for job, it in seen.items() if job not in before and it.alive}

    def _tell(self) -> bool:
        """Write down who is alive, where that has changed; return whether it has."""
        states = Counter(it.state.lower() for it in self.alive.values())
        reasons = {it.reason for it in self.alive.values() if it.state == "PENDING"}
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        told += f" ({', '.join(sorted(reasons))})" if reasons - {"None"} else ""
        told = f"slurm: jobs {', '.join(self.numbers)}: {told}" if self.alive else "slurm: no jobs"
        if told == self._told:
            return False
        self._told = told
        _log.info("%s", told)
        return True
