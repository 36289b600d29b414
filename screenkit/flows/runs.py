"""Run: the folder of a run, as another shell sees it: what is in it, and who is at work on it.

A screening has one stage, its own folder. A training has one in each folder of graphs.

Not covered: folds, members and trials of a training, which are folders of their own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import screenkit
from screenkit.errors import MismatchError, OutputError, SourceError, StorageError
from screenkit.executors.board import boards
from screenkit.executors.squeue import Seen, look
from screenkit.flows.again import AGAIN
from screenkit.flows.run_log import RUN_LOG
from screenkit.flows.stage import PLAN
from screenkit.plan import Plan, Shard
from screenkit.store.layout import PREDICTIONS
from screenkit.store.lock import LOCK, Holder, RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.shard_file import shard_path

_OF_A_TRAINING = "graphs*"
_SIGNS = (PLAN, AGAIN, RUN_LOG, LOCK)

RECIPE = "recipe.yaml"
"""Name of the recipe in the folder of a run."""


def _read_plan(path: Path) -> Plan:
    return Plan.from_json(path.read_bytes().decode("utf-8", "replace"), str(path))


def is_screening(folder: Path) -> bool:
    """Return whether a folder is that of a complete screening."""
    return (folder / PREDICTIONS.file).is_file() and (folder / RECIPE).is_file()


@dataclass(frozen=True, slots=True)
class Stage:
    """A folder with a plan, shards, and in the end one file of them all."""

    folder: Path
    plan: Plan

    def path(self, shard: Shard) -> Path:
        """Return where the file of a shard stands, or will stand."""
        return shard_path(self.folder / SHARDS, shard)

    def names(self) -> set[str]:
        """Return the names of all files in the folder of shards, but for hidden ones.

        Raises:
            StorageError: it cannot be read.
        """
        try:
            found = os.listdir(self.folder / SHARDS)
        except FileNotFoundError:
            return set()
        except OSError as error:
            place = self.folder / SHARDS
            raise StorageError(f"cannot read {place}: {error.strerror}") from None
        return {name for name in found if not name.startswith(".")}

    def missing(self) -> list[Shard]:
        """Return the shards that are not there; those that are there are not opened."""
        names = self.names()
        return [shard for shard in self.plan.shards if self.path(shard).name not in names]

    def merged(self) -> list[Path]:
        """Return the files that were made of all shards."""
        return sorted(self.folder.glob("*.h5"))


@dataclass(frozen=True, slots=True)
class Run:
    """The folder of a run, whoever is at work on it."""

    folder: Path
    stages: tuple[Stage, ...]
    """Empty while it begins."""

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Read the plans of a run.

        Raises:
            SourceError: the folder is none of a run.
            StorageError: a plan is damaged, or another version of screenkit wrote it.
        """
        if not folder.is_dir():
            what = f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
            raise SourceError(what, hint="RUN is the --output of a run")
        if not any((folder / sign).exists() for sign in _SIGNS):
            raise SourceError(
                f"{folder} is not the folder of a run: it has neither {PLAN} nor {RUN_LOG}",
                hint="RUN is the --output of a run",
            )
        plans = sorted([*folder.glob(PLAN), *folder.glob(f"{_OF_A_TRAINING}/{PLAN}")])
        try:
            return cls(
                folder,
                tuple(Stage(path.parent, _read_plan(path)) for path in plans),
            )
        except OSError as error:
            raise StorageError(f"cannot read {error.filename}: {error.strerror}") from None

    @classmethod
    def idle(cls, folder: Path) -> Run:
        """Open a run that is to be changed: this version made it, and nobody is at work on it.

        Raises:
            OutputError: a driver holds the folder, or Slurm has jobs of it.
            MismatchError: another version of screenkit made it.
            ScreenkitError: what `open` raises.
        """
        run = cls.open(folder)
        RunLock(folder).refuse()
        if jobs := run.alive():
            raise OutputError(
                f"{len(jobs)} Slurm jobs are at work on {folder}, such as {jobs[0]}",
                hint=f"wait for them, or: screenkit cancel {folder}",
            )
        if not run.stages:
            raise SourceError(
                f"{folder} has no {PLAN}: its run has not begun",
                hint="start it again as it was started before",
            )
        for stage in run.stages:
            version = stage.plan.settings.get("screenkit", screenkit.__version__)
            if version != screenkit.__version__:
                raise MismatchError(
                    f"screenkit {version} made {folder}, and this is {screenkit.__version__}",
                    hint=f"use screenkit {version}, or start anew with another --output",
                )
        return run

    def holder(self) -> Holder | None:
        """Return the driver that is at work here; one of another host may be dead."""
        holder = RunLock(self.folder).holder()
        return None if holder is None or holder.is_dead() else holder

    def jobs(self) -> dict[str, Seen]:
        """Return the Slurm jobs of the run that the controller knows, by their ids."""
        found: dict[str, Seen] = {}
        for board in boards(self.folder):
            from screenkit.executors.sbatch import job_name  # submitit wakes here

            found |= look(job_name(board)) or {}
        return found

    def alive(self) -> list[str]:
        """Return the ids of those that run or may still run."""
        return [name for name, seen in self.jobs().items() if seen.alive]
