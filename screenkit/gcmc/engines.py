"""Engines: who writes a deck, who runs it, and who reads what came of it.

Not covered: batch queues. A deck is a folder with all it needs: a job that runs the engine there
is enough, and `collect` reads what it left (RASPA2) beside what `run` did.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from screenkit.adsorption.force_field import ForceField, Gas
from screenkit.crystal.crystal import Crystal
from screenkit.errors import UsageError
from screenkit.gcmc import graspa, raspa2, raspa3
from screenkit.gcmc.deck import Deck
from screenkit.gcmc.outcome import Found

_CHILD = (sys.executable, "-m", "screenkit.gcmc.raspalib_child", ".")
_RASPALIB = "raspalib"


@dataclass(frozen=True, slots=True)
class EngineProgram:
    """One simulation program."""

    name: str
    write: Callable[[Crystal, Gas, ForceField, Deck], dict[str, str]]
    """Return the texts of a deck by the names of their files."""
    read: Callable[[Path, Deck], Found | None] | None
    """Return what it left in a folder; None: it says what it found on its last line, as JSON."""
    find: Callable[[], Sequence[str] | None]
    """Return its command, to be run in the folder of a deck; None where it is not installed."""
    missing: str
    """What to do where it is not installed."""
    output: str = ""
    """The folder of what it prints, which stays in `attempt/`; empty where nothing has to."""

    def command(self, said: str | None) -> Sequence[str]:
        """Return the command of the settings, or its own.

        Raises:
            UsageError: it is not installed, or the command cannot be read.
        """
        if said is not None:
            try:
                words = shlex.split(said)
            except ValueError as error:
                raise UsageError(f"--command {said}: {error}") from None
            if not words or shutil.which(words[0]) is None:
                raise UsageError(
                    f"--command: there is no program {words[0] if words else ''!r}",
                    hint="give the command that runs a deck in its folder, such as "
                    "'srun simulate simulation.input'",
                )
            return words
        found = self.find()
        if found is None:
            raise UsageError(f"the engine {self.name} is not installed", hint=self.missing)
        return found

    def version(self) -> str:
        """Return the version of raspalib where it is the engine; of others it is not known."""
        if self.name != "raspa3" or self.find() is None:
            return ""
        return importlib.metadata.version(_RASPALIB)


def _raspalib() -> Sequence[str] | None:
    return _CHILD if importlib.util.find_spec(_RASPALIB) else None


def _simulate() -> Sequence[str] | None:
    home = os.environ.get("RASPA_DIR")
    own = str(Path(home, "bin", "simulate")) if home else ""
    found = own if own and os.access(own, os.X_OK) else shutil.which("simulate")
    return (found, "simulation.input") if found else None


def _nowhere() -> Sequence[str] | None:
    return None


ENGINES = {
    "raspa3": EngineProgram(
        "raspa3", raspa3.deck_files, None, _raspalib, "pip install 'screenkit[gcmc]'"
    ),
    "raspa2": EngineProgram(
        "raspa2",
        raspa2.deck_files,
        raspa2.read_output,
        _simulate,
        "pip install RASPA2, put `simulate` on PATH, set RASPA_DIR, or give --command",
        "Output",
    ),
    "graspa": EngineProgram(
        "graspa",
        graspa.deck_files,
        None,
        _nowhere,
        "its output is not read yet: run gRASPA in the folders under decks/ yourself, or give a "
        "--command that prints what it found as JSON (docs/gcmc.md)",
    ),
}
"""The engines by name."""
