"""Run: the decks of a folder through their engine, several at a time, here or on a cluster.

    decks.json -> a process per deck -> result.json, whole or not at all; failure.txt where it died

Safe to kill at any time and to repeat: a deck with a result is done; any other begins anew.

Not covered: what happens to one deck (`gcmc_simulate.py`), how jobs share them (`executors/`).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from screenkit.errors import StorageError, UsageError
from screenkit.executors.executor import Work
from screenkit.executors.hire import RunSettings, count_cores, hire
from screenkit.flows.gcmc_simulate import DeckTask, Simulator
from screenkit.flows.run_log import run_log
from screenkit.gcmc.deck import FAILURE, RESULT, Deck, Decks
from screenkit.gcmc.engines import ENGINES
from screenkit.gcmc.outcome import ResultError, read_result
from screenkit.plan import Shard
from screenkit.store.lock import RunLock
from screenkit.store.publish import set_aside, sweep
from screenkit.track import Track


@dataclass(frozen=True, slots=True)
class Ran:
    """What a `run` did."""

    folder: Path
    decks: int
    before: int
    """Decks that had a result when it began."""
    done: int
    died: tuple[str, ...]
    """Folders of decks whose engine ended without a result."""


def run(
    folder: Path,
    workers: int | None = None,
    command: str | None = None,
    track: Track | None = None,
    settings: RunSettings | None = None,
) -> Ran:
    """Simulate every deck that has no result yet.

    Args:
        folder: of `prepare`.
        workers: simulations at a time; None: one per core that this process may use. Of a cluster
            the settings say it.
        command: what runs a deck in its folder, in place of the engine that is found where it
            runs; no shell reads it.
        settings: who does the work, this machine or a Slurm cluster; None: this machine.

    Raises:
        SourceError: the folder has no decks.
        UsageError: the engine is not installed, or there is no such cluster.
        Detached: the jobs are in a cluster's queue.
    """
    RunLock(folder).refuse()
    decks, settings = Decks.load(folder), settings or RunSettings()
    if settings.executor not in ("auto", "slurm") or settings.scheduler:
        raise UsageError(
            f"simulations run on this machine or with --executor slurm, not {settings.executor}"
        )
    with RunLock(folder), run_log(folder, track) as told:
        todo = [at for at, deck in enumerate(decks.decks) if not _is_done(folder, deck, told)]
        before, done, died = len(decks.decks) - len(todo), 0, []
        if todo:
            elsewhere = settings.executor == "slurm"
            some = (
                _by_jobs(folder, decks, todo, command, settings)
                if elsewhere
                else _here(folder, decks, todo, command, workers, told)
            )
            told.start("Simulating", len(decks.decks), before)
            with closing(some):
                for deck, why in some:
                    told.advance(1, int(bool(why)))
                    if why:
                        died.append(deck.folder)
                        told.note(f"{deck.folder}: {why}")
                    else:
                        done += 1
            told.finish()
    return Ran(folder, len(decks.decks), before, done, tuple(died))


def _is_done(folder: Path, deck: Deck, told: Track) -> bool:
    """Tell whether a deck has a result; one that is none is put aside."""
    with suppress(OSError):
        sweep(folder / deck.folder)
    try:
        return read_result(folder, deck) is not None
    except ResultError as error:
        if error.code == "deck_changed":
            raise StorageError(
                f"{deck.folder}: {error.message}", hint="the same `gcmc prepare` writes it again"
            ) from None
        set_aside(folder / deck.folder / RESULT, error.code)
        told.note(f"{deck.folder}: {error.message}; simulated again")
        return False


def _here(
    folder: Path,
    decks: Decks,
    todo: Sequence[int],
    command: str | None,
    workers: int | None,
    told: Track,
) -> Generator[tuple[Deck, str], None, None]:
    """Yield each deck as it ends, and why it has no result where it has none."""
    program = ENGINES[decks.decks[0].engine]
    simulator = Simulator(folder, program, program.command(command))
    told.note(f"{program.name} {program.version()}: {simulator.words[0]}")
    with ThreadPoolExecutor(workers or count_cores()) as pool:
        waiting: dict[Future[str], Deck] = {
            pool.submit(simulator.simulate, decks.decks[at]): decks.decks[at]
            for at in _large_first(decks, todo)
        }
        try:
            while waiting:
                ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield waiting.pop(future), future.result()
        finally:
            simulator.stop()
            pool.shutdown(cancel_futures=True)


def _by_jobs(
    folder: Path, decks: Decks, todo: Sequence[int], command: str | None, settings: RunSettings
) -> Generator[tuple[Deck, str], None, None]:
    """Likewise, by jobs that share the decks; each finds its engine for itself."""
    task = DeckTask(folder.resolve(), decks.settings_digest, command)
    work = Work(tuple(Shard(at, at, at + 1) for at in _large_first(decks, todo)), None)
    with (
        hire(settings, folder, most=len(todo)) as executor,
        closing(executor.run(task, work)) as reports,
    ):
        for report in reports:
            deck, why = decks.decks[report.shard], ""
            if report.failed:
                with suppress(OSError):
                    why = (folder / deck.folder / FAILURE).read_text("utf-8", "replace").strip()
                why = why or "it has no result"
            yield deck, why


def _large_first(decks: Decks, todo: Sequence[int]) -> list[int]:
    """Return places of decks, the long ones first: a late giant would keep one core busy alone."""
    return sorted(todo, key=lambda at: -decks.decks[at].atoms * decks.decks[at].pressure)
