"""again.json: the command that a run was started by, so that another shell can start it again.

The program says what was typed (`commanded`); the first run that this opens keeps it
(`keep_command`). A run that was started from Python has no command, and keeps none.

Not covered: running it. `cli/again.py` does, for a flow knows no command line.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path

from screenkit.errors import SourceError
from screenkit.store.publish import replace_text

AGAIN = "again.json"
"""Name of the file in the run's folder."""

_typed: ContextVar[tuple[str, ...] | None] = ContextVar("typed", default=None)


@dataclass(frozen=True, slots=True)
class Command:
    """How a run was started."""

    arguments: tuple[str, ...]
    """Of `screenkit`."""
    folder: str
    """Where it was typed."""

    @classmethod
    def of(cls, run: Path) -> Command:
        """Return the command of a run.

        Raises:
            SourceError: it keeps none, as when it was started from Python.
        """
        path = run / AGAIN
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            return cls(tuple(map(str, facts["arguments"])), str(facts["folder"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = "there is none" if isinstance(error, FileNotFoundError) else "it is damaged"
            raise SourceError(
                f"{path} does not say which command made this run: {reason}",
                hint="start the run again as it was started before; it goes on from there",
            ) from None

    def into(self, run: Path) -> list[str]:
        """Return the arguments with `run` as the output, wherever it was then."""
        words, said = list(self.arguments), ["--output", str(run.resolve())]
        end = words.index("--") if "--" in words else len(words)
        return words if words[:end][-2:] == said else [*words[:end], *said, *words[end:]]

    def __str__(self) -> str:
        return shlex.join(["screenkit", *self.arguments])


@contextmanager
def commanded(arguments: Sequence[str]) -> Iterator[None]:
    """Say what was typed, for the run that comes of it."""
    token = _typed.set(tuple(arguments))
    try:
        yield
    finally:
        _typed.reset(token)


def keep_command(run: Path) -> None:
    """Keep what was typed in the folder of a run that has accepted it.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
    """
    if (arguments := _typed.get()) is not None:
        facts = asdict(Command(arguments, os.getcwd()))
        text = json.dumps(facts, indent=2, ensure_ascii=False)
        replace_text(run / AGAIN, text + "\n")
