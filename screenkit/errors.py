"""Every error that screenkit raises on purpose, as one tree, and the exit codes they lead to.

    ScreenkitError
    ├── UsageError        64  the command line asks for something impossible
    ├── DataError         65  what the user gave does not fit
    │   ├── RecipeError       a recipe that cannot be read or holds an unknown key
    │   ├── CheckpointError   a checkpoint that is missing, damaged or of another kind
    │   ├── LabelError        a label table that does not fit its library
    │   └── MismatchError     an output folder that belongs to another model or recipe
    ├── SourceError       66  nothing to read: no such folder, no CIF in it, names that clash
    ├── OutputError       73  the output folder cannot be made, or another run holds it
    ├── StorageError      74  the disk is full, or a file on it is damaged
    │   └── NoSpaceError      the disk is full, or a quota is used up
    ├── WorkersLostError  75  workers died; run the same command again later
    │   └── ReaderLostError   one process beside a worker died; the executor finds out why
    └── Detached           0  jobs were left in a cluster's queue, as was asked for
    CrystalError              why ONE structure stops here: it becomes a row, never an exit

Exit code 0 is a complete run, 2 a command line that does not parse, 3 a complete run with more
failures than `--max-failures` allows, 70 a fault of ours (with its traceback), 85 a run that was
stopped cleanly and goes on when it is started again, 128 + n a signal.
"""

from __future__ import annotations

import enum


class Outcome(enum.StrEnum):
    """What became of one structure. Every structure has exactly one."""

    OK = "ok"
    """Read, checked and predicted."""
    FILTERED = "filtered"
    """Readable, but a rule of the recipe leaves it out."""
    FAILED = "failed"
    """Could not be read, or could not be computed."""


class CrystalError(Exception):
    """Why one structure stops here. Becomes the outcome, code and message of its row."""

    def __init__(self, code: str, message: str, outcome: Outcome = Outcome.FAILED) -> None:
        super().__init__(code, message, outcome)
        self.code = code
        """A word of `docs/outcomes.md`, such as `overlap`."""
        self.message = message
        """What was found, with units. Never the content of the file."""
        self.outcome = outcome

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class ScreenkitError(Exception):
    """An error with a message for the user: what, where, and in `hint` what to do."""

    exit_code = 70

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(ScreenkitError):
    exit_code = 64


class DataError(ScreenkitError):
    exit_code = 65


class RecipeError(DataError):
    pass


class CheckpointError(DataError):
    pass


class LabelError(DataError):
    pass


class MismatchError(DataError):
    pass


class SourceError(ScreenkitError):
    exit_code = 66


class OutputError(ScreenkitError):
    exit_code = 73


class StorageError(ScreenkitError):
    exit_code = 74


class NoSpaceError(StorageError):
    pass


class WorkersLostError(ScreenkitError):
    exit_code = 75


class ReaderLostError(WorkersLostError):
    pass


class Detached(ScreenkitError):
    """No error: what is asked for goes on without this process."""

    exit_code = 0
