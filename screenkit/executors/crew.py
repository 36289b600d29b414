"""Crew: what one job does on a cluster: shard after shard, until there are none or time is short.

A job takes its own shards first, every n-th, and then what others left. A signal only sets a flag:
the shard under way is finished where time allows, and then the job asks to be queued again. It is
right without any signal too, because a shard is published whole or not at all.

Not covered: who starts jobs anew (`slurm.py`), what they tell each other (`board.py`).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from submitit.core.utils import DelayedSubmission

from screenkit.crystal.document import Document
from screenkit.errors import ScreenkitError
from screenkit.executors.board import Board, refuse_strangers
from screenkit.executors.culprits import find_culprits
from screenkit.executors.executor import Compiled, Task, Work
from screenkit.executors.hire import RunSettings, hire
from screenkit.executors.squeue import ask
from screenkit.plan import Shard

_log = logging.getLogger(__name__)

CAREFUL_FROM = 3
"""Strikes from which a shard's structures are tried in a process of their own."""
_BEAT = 5.0  # seconds between two heartbeats
_MARGIN = 10.0  # seconds before the end of its time in which a job begins nothing
_WAIT_FOR_END = 60.0  # seconds; being queued again ends the process from outside
_MAX_RESTARTS = 200


@dataclass(frozen=True, slots=True)
class Crew:
    """One job of several; a picklable function of no arguments."""

    board: Board
    index: int
    of: int
    """How many jobs were submitted together."""
    minutes: int
    """Time that the job has."""
    cpus: int
    executor: Literal["serial", "dask", "dask-cuda"]
    """Who works inside the job."""

    def __call__(self) -> None:
        """Do what there is to do.

        Raises:
            ScreenkitError: what the task raised; the driver is told.
        """
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
        watch = Watch.begin(self.board, self.minutes)
        try:
            self._work(watch)
        except ScreenkitError as error:
            self.board.fail(error)
            raise
        except Exception as error:  # the driver is told of our own faults too
            where = f"see the end of {self.board.folder / 'jobs'}/{watch.job}_0_log.err"
            fault = traceback.format_exception_only(error)[-1].strip()
            self.board.fail(ScreenkitError(f"job {watch.job} stopped on {fault}", hint=where))
            raise
        finally:
            watch.ended.set()

    def _work(self, watch: Watch) -> None:
        task, work = load_work(self.board)
        if isinstance(task, Compiled):  # this machine may be of another kind than the driver's
            task.warm_up(_log.info)
        claims = Claims(work.shards, work.library, task, self, watch)
        settings = RunSettings(executor=self.executor, workers=self._workers())
        devices = _count_devices() if self.executor == "dask-cuda" else 0
        with hire(settings, self.board.folder, devices) as executor:
            watch.heed_signals()
            for report in executor.run(task, claims):
                self.board.report(report)
                watch.done(report.shard)
        if watch.is_over() and any(not self.board.is_done(shard.index) for shard in work.shards):
            watch.queue_again()

    def _workers(self) -> int | None:
        return self.cpus if self.executor == "dask" else None


@dataclass(frozen=True, slots=True, eq=False)
class Claims(Work):
    """The shards that one job takes, claimed as they are asked for."""

    task: Task
    crew: Crew
    watch: Watch

    def __iter__(self) -> Generator[tuple[Shard, list[Document]], None, None]:
        """Yield shards until none is left to claim, or time is short."""
        shards = self.shards[self.crew.index :: self.crew.of]
        while True:
            before = len(self.watch.taken)
            for shard, documents in self.deliver(self._claim(shards)):
                if self.crew.board.strikes(shard.index) >= CAREFUL_FROM:
                    self._do_carefully(shard, documents)
                else:
                    yield shard, documents
            # What others left or lost may come free until a whole pass finds nothing.
            if len(self.watch.taken) == before and shards is self.shards:
                return
            shards = self.shards

    def _claim(self, shards: tuple[Shard, ...]) -> Iterator[Shard]:
        for shard in shards:
            if self.watch.is_over():
                return
            if shard.index in self.watch.taken:
                continue
            if self.crew.board.claim(shard.index, self.watch.job):
                self.watch.take(shard.index)
                yield shard

    def _do_carefully(self, shard: Shard, documents: list[Document]) -> None:
        """Do a shard that ends its jobs, without the structures that do so."""
        _log.info("shard %d has ended jobs: trying its structures one by one", shard.index)
        lost = find_culprits(self.task, documents, _memory_left())
        if self.watch.hurry:  # what ended this job ended the trial too: that proves nothing
            self.crew.board.drop_claim(shard.index)
            return
        _log.info("shard %d: %s", shard.index, lost or "no structure does so on its own")
        report = self.task(shard, documents, lost)
        self.crew.board.report(report)
        self.watch.done(shard.index)


@dataclass(slots=True)
class Watch:
    """How a job stands: its time, its signals, its shards; beats in a thread of its own."""

    board: Board
    job: str
    """As squeue writes it, such as `123_4`."""
    restarts: int
    end: float
    """On the monotonic clock."""
    taken: dict[int, float] = field(default_factory=dict)
    """Shards that it has claimed in this life, done or not, and when."""
    finished: int = 0
    slowest: float = 0.0
    """Seconds from claim to report, at most."""
    hurry: bool = False
    """Whether a signal has come."""
    leaving: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def begin(cls, board: Board, minutes: int) -> Watch:
        """Return the watch of the job that this process is, beating."""
        env = os.environ
        job = env.get("SLURM_JOB_ID", "0")
        if "SLURM_ARRAY_JOB_ID" in env:
            job = f"{env['SLURM_ARRAY_JOB_ID']}_{env['SLURM_ARRAY_TASK_ID']}"
        left = 60.0 * minutes
        if env.get("SLURM_JOB_END_TIME", "").isdigit():  # of this node's own clock
            left = min(left, int(env["SLURM_JOB_END_TIME"]) - time.time())
        restarts = int(env.get("SLURM_RESTART_COUNT", "0"))
        watch = cls(board, job, restarts, time.monotonic() + left)
        watch.heed_signals()
        threading.Thread(target=watch._beat_on, daemon=True).start()
        return watch

    def heed_signals(self) -> None:
        """Let a signal set the flag, in place of what submitit does: it raises in mid-work."""
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, self._flag)

    def take(self, shard: int) -> None:
        """Note that a shard is begun."""
        self.taken[shard] = time.monotonic()

    def done(self, shard: int) -> None:
        """Note that a shard is done."""
        seconds = time.monotonic() - self.taken[shard]
        self.finished += 1
        self.slowest = max(self.slowest, seconds)
        _log.info("shard %d is done in %.1f s", shard, seconds)

    def is_over(self) -> bool:
        """Return whether the job should begin nothing more."""
        short = self.end - time.monotonic() < _MARGIN + 1.2 * self.slowest
        return self.hurry or short or (self.board.folder / "error").exists()

    def queue_again(self) -> None:
        """Ask Slurm to queue this job again, and wait for the end that this brings.

        A job that ends by itself is not started again, even where it was about to be preempted.
        Where Slurm refuses, or the job is being cancelled, this returns.
        """
        if self.leaving or self.restarts >= _MAX_RESTARTS:
            return
        self.leaving = True
        # Not by SLURM_JOB_ID: one job of each array has the number of the array there.
        state = ask("squeue", "--noheader", "--format=%T", f"--jobs={self.job}") or ""
        if state.strip() == "RUNNING" and ask("scontrol", "requeue", self.job) is not None:
            _log.info("queued again")
            time.sleep(_WAIT_FOR_END)

    def _flag(self, number: int, frame: Any) -> None:
        self.hurry = True

    def _beat_on(self) -> None:
        """Beat; and give up the shard under way when the end is too near for it."""
        beat = 0
        while True:
            beat += 1
            facts = {
                "beat": beat,
                "host": socket.gethostname(),
                "process": os.getpid(),
                "restarts": self.restarts,
                "taken": sorted(self.taken)[-100:],
                "finished": self.finished,
            }
            with suppress(ScreenkitError):  # a full disk; whoever writes results says so
                self.board.beat(self.job, facts)
            if self.ended.wait(_BEAT):
                return
            if self.end - time.monotonic() < _MARGIN:
                self.queue_again()


def hand_over(task: Task, work: Work) -> tuple[Task, Work]:
    """Return both; what jobs find in `work.pkl` is this call."""
    return task, work


def save_work(board: Board, task: Task, work: Work) -> None:
    """Write down the work for jobs to find, once for all of them."""
    path = board.folder / "work.pkl"
    draft = path.with_suffix(f".{os.getpid()}")
    DelayedSubmission(hand_over, task, work).dump(draft)
    os.replace(draft, path)


def load_work(board: Board) -> tuple[Task, Work]:
    """Return what the driver wrote down.

    Raises:
        OutputError: somebody else may have.
    """
    path = board.folder / "work.pkl"
    for place in (board.folder.parent, board.folder, path):
        refuse_strangers(place)
    task, work = DelayedSubmission.load(path).result()
    return task, work


def _memory_left() -> int | None:
    """Return the bytes that a child of this job may use; None where Slurm sets no limit."""
    total = int(os.environ.get("SLURM_MEM_PER_NODE", "0"))  # MiB
    if "SLURM_MEM_PER_CPU" in os.environ:
        total = int(os.environ["SLURM_MEM_PER_CPU"]) * int(os.environ.get("SLURM_CPUS_ON_NODE", 1))
    if not total:
        return None
    ours = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return max(2**28, total * 2**20 - ours)


def _count_devices() -> int:
    """Return how many CUDA devices Slurm has given to this job."""
    return len([d for d in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if d])
