"""Simulate: one deck through its engine, in a process of its own.

    the files of a deck -> a copy in attempt/ -> result.json, whole or not at all; failure.txt

`Simulator` does that from several threads of this process, `DeckTask` in the jobs of a cluster.

Not covered: which decks are left (`gcmc_run.py`), what an engine's output means (`gcmc/`).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from screenkit.crystal.document import Document
from screenkit.executors.executor import ShardReport
from screenkit.gcmc.deck import FAILURE, RESULT, Deck, Decks
from screenkit.gcmc.engines import ENGINES, EngineProgram
from screenkit.gcmc.outcome import Found, ResultError, found_of
from screenkit.plan import Shard
from screenkit.store.publish import publish, replace_text, storage_error

ATTEMPT = "attempt"
"""Folder below a deck in which an engine works: half of an output is never taken for one."""
_PACKAGES = str(Path(__file__).resolve().parents[2])
_LAST_WORDS = 2000  # characters of a dead engine's stderr


@dataclass(frozen=True, slots=True)
class Simulator:
    """An engine's command, and its processes that are alive; all end with this one."""

    root: Path
    """The folder of `decks.json`."""
    program: EngineProgram
    words: Sequence[str]
    """What runs a deck in its folder."""
    processes: set[subprocess.Popen[bytes]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    def simulate(self, deck: Deck) -> str:
        """Run one deck and publish what it found; return why it found nothing, or an empty text.

        Raises:
            StorageError: its files cannot be copied, or the result not be written.
        """
        home = self.root / deck.folder
        attempt = home / ATTEMPT
        try:
            shutil.rmtree(attempt, ignore_errors=True)
            attempt.mkdir()
            for name in deck.files:
                shutil.copyfile(home / name, attempt / name)
        except OSError as error:
            raise storage_error(attempt, error) from error
        try:
            found = self._found(attempt, deck)
        except ResultError as error:
            if error.code != "stopped":
                replace_text(home / FAILURE, f"{error.code}: {error.message}\n")
            return error.message
        publish(home / RESULT, found.to_json(deck).encode())
        with suppress(OSError):
            (home / FAILURE).unlink()
        self._tidy(attempt)
        return ""

    def stop(self) -> None:
        """End all that are alive, and start no other."""
        self.stopped.set()
        with self.lock:
            for process in self.processes:
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _tidy(self, attempt: Path) -> None:
        """Leave of an attempt what the engine has printed, and nothing else."""
        if not (kept := self.program.output):
            shutil.rmtree(attempt, ignore_errors=True)
            return
        for path in attempt.iterdir():
            if path.is_dir() and path.name != kept:
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != kept:
                path.unlink(missing_ok=True)

    def _found(self, attempt: Path, deck: Deck) -> Found:
        try:
            with self._process(attempt) as process:
                stdout, stderr = process.communicate()
        except OSError as error:
            message = f"{self.words[0]}: {error.strerror}"
            raise ResultError("simulation_died", message) from None
        if self.stopped.is_set():
            raise ResultError("stopped", "this run was stopped")
        if process.returncode:
            why = _last_line(stderr or stdout)
            raise ResultError("simulation_died", f"ended with {process.returncode}: {why}")
        if self.program.read is not None:
            found = self.program.read(attempt, deck)
            if found is None:
                why = _last_line(stderr or stdout)
                raise ResultError("simulation_died", f"ended without any output: {why}")
            return found
        lines = stdout.decode("utf-8", "replace").strip().splitlines()
        try:
            return found_of(json.loads(lines[-1]))
        except (IndexError, ValueError):
            raise ResultError("result_unreadable", "its last line is no JSON") from None

    @contextmanager
    def _process(self, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
        paths = [_PACKAGES, os.environ.get("PYTHONPATH", "")]
        one_core = {"OMP_NUM_THREADS": "1", "RASPALIB_QUIET": "1"}
        environment = {**os.environ, **one_core, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        with self.lock:
            if self.stopped.is_set():
                raise ResultError("stopped", "this run was stopped")
            started = subprocess.Popen(
                self.words,
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


@dataclass(frozen=True)
class DeckTask:
    """Simulate the deck that has the index of the shard; the documents are none."""

    root: Path
    """The folder of `decks.json`, as all nodes see it."""
    settings: str
    """`Decks.settings_digest`: decks of others are not these."""
    command: str | None
    """As `--command`; None: the engine as it is found where the task runs."""

    def __call__(
        self, shard: Shard, documents: Sequence[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        started = time.monotonic()
        deck = Decks.load(self.root).decks[shard.index]
        program = ENGINES[deck.engine]
        why = Simulator(self.root, program, program.command(self.command)).simulate(deck)
        codes = {"simulation_died": 1} if why else {}
        seconds = time.monotonic() - started
        return ShardReport(shard.index, 1, int(not why), 0, int(bool(why)), codes, seconds)

    def attempt(self, documents: Sequence[Document]) -> None:
        """Do nothing: there are no documents that could be the culprit."""


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace")[-_LAST_WORDS:].strip().splitlines()
    return lines[-1] if lines else "it said nothing"
