"""Run: the decks of a folder through their engine, several at a time, each in a process of its own.

    decks.json -> a child per deck -> result.json, whole or not at all; failure.txt where it died

Safe to kill at any time and to repeat: a deck with a result is done; any other begins anew.

Not covered: other machines. Each deck is complete, so that a batch job may run it where it lies.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from screenkit.errors import StorageError
from screenkit.flows.run_log import run_log
from screenkit.gcmc.deck import FAILURE, RESULT, Deck, Decks
from screenkit.gcmc.engines import ENGINES, EngineProgram
from screenkit.gcmc.outcome import Found, ResultError, found_of, read_result
from screenkit.store.lock import RunLock
from screenkit.store.publish import publish, replace_text, set_aside, storage_error, sweep
from screenkit.track import Track

ATTEMPT = "attempt"
"""Folder below a deck in which an engine works: half of an output is never taken for one."""
_PACKAGES = str(Path(__file__).resolve().parents[2])
_LAST_WORDS = 2000  # characters of a dead engine's stderr


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


@dataclass(frozen=True, slots=True)
class _Crew:
    """The engine's processes that are alive; all end with this one."""

    processes: set[subprocess.Popen[bytes]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def process(self, words: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
        paths = [_PACKAGES, os.environ.get("PYTHONPATH", "")]
        one_core = {"OMP_NUM_THREADS": "1", "RASPALIB_QUIET": "1"}
        environment = {**os.environ, **one_core, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with self.lock:
            if self.stopped.is_set():
                raise ResultError("stopped", "this run was stopped")
            started = subprocess.Popen(
                words,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self.processes.add(started)
        try:
            yield started
        finally:
            with self.lock:
                self.processes.discard(started)

    def stop(self) -> None:
        """End all that are alive, and start no other."""
        self.stopped.set()
        with self.lock:
            for process in self.processes:
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)


def run(
    folder: Path, workers: int | None = None, command: str | None = None, track: Track | None = None
) -> Ran:
    """Simulate every deck that has no result yet.

    Args:
        folder: of `prepare`.
        workers: simulations at a time; None: one per core that this process may use.
        command: what runs a deck in its folder, in place of the engine that is found here;
            no shell reads it.

    Raises:
        SourceError: the folder has no decks.
        UsageError: the engine is not installed.
    """
    RunLock(folder).refuse()
    decks = Decks.load(folder)
    with RunLock(folder), run_log(folder, track) as told:
        todo = [deck for deck in decks.decks if not _is_done(folder, deck, told)]
        before = len(decks.decks) - len(todo)
        done, died = 0, []
        if todo:
            program = ENGINES[todo[0].engine]
            words = program.command(command)
            told.note(f"{todo[0].engine} {program.version()}: {words[0]}")
            told.start("Simulating", len(decks.decks), before)
            for deck, why in _all(folder, todo, program, words, workers):
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


def _all(
    folder: Path,
    decks: Sequence[Deck],
    program: EngineProgram,
    words: Sequence[str],
    workers: int | None,
) -> Iterator[tuple[Deck, str]]:
    """Yield each deck as it ends, and why it has no result where it has none."""
    crew = _Crew()
    # Large ones first: a late giant would keep the last core busy alone.
    order = sorted(decks, key=lambda deck: -deck.atoms * deck.pressure)
    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        waiting: dict[Future[str], Deck] = {
            pool.submit(_simulate, crew, folder, deck, program, words): deck for deck in order
        }
        try:
            while waiting:
                ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield waiting.pop(future), future.result()
        finally:
            crew.stop()
            pool.shutdown(cancel_futures=True)


def _simulate(
    crew: _Crew, root: Path, deck: Deck, program: EngineProgram, words: Sequence[str]
) -> str:
    """Run one deck and publish what it found; return why it found nothing, or an empty text."""
    home = root / deck.folder
    attempt = home / ATTEMPT
    try:
        shutil.rmtree(attempt, ignore_errors=True)
        attempt.mkdir()
        for name in deck.files:
            shutil.copyfile(home / name, attempt / name)
    except OSError as error:
        raise storage_error(attempt, error) from error
    try:
        found = _found(crew, attempt, deck, program, words)
    except ResultError as error:
        if error.code != "stopped":
            replace_text(home / FAILURE, f"{error.code}: {error.message}\n")
        return error.message
    publish(home / RESULT, found.to_json(deck).encode())
    with suppress(OSError):
        (home / FAILURE).unlink()
    if program.read is None:  # there is nothing in it but copies
        shutil.rmtree(attempt, ignore_errors=True)
    return ""


def _found(
    crew: _Crew, attempt: Path, deck: Deck, program: EngineProgram, words: Sequence[str]
) -> Found:
    """Run the engine in a folder with the files of a deck, and return what it found."""
    try:
        with crew.process(words, attempt) as process:
            stdout, stderr = process.communicate()
    except OSError as error:
        raise ResultError("simulation_died", f"{words[0]}: {error.strerror}") from None
    if crew.stopped.is_set():
        raise ResultError("stopped", "this run was stopped")
    if process.returncode:
        last = (stderr or stdout).decode("utf-8", "replace")[-_LAST_WORDS:].strip()
        line = last.splitlines()[-1] if last else "it said nothing"
        raise ResultError("simulation_died", f"ended with {process.returncode}: {line}")
    if program.read is not None:
        found = program.read(attempt, deck)
        if found is None:
            raise ResultError("simulation_died", "ended without any output")
        return found
    lines = stdout.decode("utf-8", "replace").strip().splitlines()
    try:
        return found_of(json.loads(lines[-1]))
    except (IndexError, ValueError):
        raise ResultError("result_unreadable", "its last line is no JSON") from None
