"""What Slurm's controller says: which jobs there are, and how long an array may be.

`squeue` asks the controller, which remembers a job for some minutes after its end; `sacct` would
need accounting, which many clusters do not have.

Not covered: jobs of other users.
"""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from screenkit.errors import UsageError

_log = logging.getLogger(__name__)

_ALIVE = {
    "PENDING", "RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING",
    "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESIZING", "SPECIAL_EXIT", "STAGE_OUT",
}  # fmt: skip
_PATIENCE = 60.0  # seconds for an answer
_MAX_ARRAY = 1001  # Slurm's default


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as the controller sees it."""

    state: str
    """Such as `RUNNING`; `GONE` where the controller has forgotten it."""
    reason: str = ""
    """Why it waits."""

    @property
    def alive(self) -> bool:
        """Whether it runs or may still run."""
        return self.state in _ALIVE


def require_slurm() -> None:
    """Raise a UsageError where Slurm's programs are not at hand."""
    missing = [name for name in ("sbatch", "srun", "squeue") if shutil.which(name) is None]
    if missing:
        raise UsageError(
            f"--executor slurm: there is no {missing[0]} here",
            hint="log in to a machine that submits jobs, or take another --executor",
        )


def look(name: str) -> dict[str, Seen] | None:
    """Return the jobs of this name by their ids, such as `123_4`; None where nobody answers."""
    told = ask("squeue", "--me", "--array", "--states=all", "--noheader", "--format=%i|%T|%r|%j")
    if told is None:
        return None
    rows = [line.strip().split("|", 3) for line in told.splitlines()]
    return {row[0]: Seen(row[1], row[2]) for row in rows if len(row) == 4 and row[3] == name}


def longest_array() -> int:
    """Return how many jobs an array may have; its largest index is one less."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", ask("scontrol", "show", "config") or "", re.M)
    return max(1, int(found[1])) if found else _MAX_ARRAY


def cancel(jobs: Sequence[str]) -> None:
    """Cancel jobs; those that have ended do not mind."""
    for start in range(0, len(jobs), 500):
        ask("scancel", "--quiet", *jobs[start : start + 500])


def hasten(job: str) -> None:
    """Let a requeued job start as soon as there is room: Slurm would have it wait two minutes."""
    ask("scontrol", "update", f"JobId={job}", "StartTime=now")


def ask(*command: str) -> str | None:
    """Return what a program of Slurm's says, None where it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PATIENCE
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.warning("%s: %s", command[0], error)
        return None
    if done.returncode:
        _log.warning("%s: %s", " ".join(command[:3]), done.stderr.strip()[:300])
        return None
    return done.stdout
