"""Site: what jobs ask of a Slurm cluster, from a YAML file and the command line.

Every value is held against an allow-list before it comes near a script: a line break in a value
would end its line, and what follows would be run. Lines of shell come from the file alone.

Not covered: whether the cluster has such a partition or account; sbatch says so.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from screenkit.errors import UsageError
from screenkit.recipe_yaml import Document, read_text
from screenkit.settings import Settings, worded
from screenkit.settings_yaml import read_settings

_TIME = r"(\d{1,3}-)?\d{1,4}(:\d{2}){0,2}"

Word = Annotated[
    str, worded(r"[A-Za-z0-9_.:,@%+=/-]{1,200}", "letters, digits and any of _.:,@%+=/- alone")
]
"""A value that may stand in the head of a script."""
Memory = Annotated[str, worded(r"\d{1,9}[KMGT]?", "a number and K, M, G or T, such as 64G")]
Time = Annotated[str, worded(_TIME, "a time such as 90, 04:00:00 or 1-12:00:00")]
Line = Annotated[str, worded(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,1000}", "a single line")]


class Request(Settings):
    """What jobs ask of the cluster; None is not said. The command line beats the site's file."""

    partition: Word | None = None
    """Where jobs wait and run."""
    account: Word | None = None
    """Who pays."""
    qos: Word | None = None
    """Quality of service."""
    constraint: Word | None = None
    """Features that a node must have."""
    gres: Word | None = None
    """Generic resources of each job, such as `gpu:1`."""
    memory: Memory | None = None
    """Of each job, such as `64G`."""
    time: Time | None = None
    """Of each job: minutes, `HH:MM:SS` or `D-HH:MM:SS`."""
    cpus: int | None = Field(default=None, ge=1, le=4096)
    """Cores of each job."""
    jobs: int | None = Field(default=None, ge=1, le=100_000)
    """How many jobs share the work."""
    array_parallelism: int | None = Field(default=None, ge=1, le=100_000)
    """How many of them may run at the same time; all, when not said."""

    @field_validator("time", "memory", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        """Take `time: 30` for a text, as Slurm does."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Site(Request):
    """A profile of a cluster: a request, what to run before it, and how a job works."""

    time: Time | None = "04:00:00"
    cpus: int | None = Field(default=1, ge=1, le=4096)
    jobs: int | None = Field(default=4, ge=1, le=100_000)
    executor: Literal["serial", "dask", "dask-cuda"] = "serial"
    """Inside a job. `serial`: one process; `dask`: one per core; `dask-cuda`: one per GPU."""
    exclusive: bool = False
    """Whether a job has its node for itself."""
    setup: tuple[Line, ...] = ()
    """Lines of shell that each job runs first, such as `module load python`."""

    @classmethod
    def load(cls, path: Path) -> Site:
        """Read a profile.

        Raises:
            RecipeError: the file cannot be read, is not strict YAML, holds an unknown key, or a
                value that may not stand in a script. Names the file, the line and the key.
        """
        return read_settings(cls, Document.parse(read_text(path), str(path)))

    def override(self, request: Request) -> Site:
        """Return this profile with what a request says."""
        said = {name: getattr(request, name) for name in Request.model_fields}
        return self.model_copy(
            update={name: value for name, value in said.items() if value is not None}
        )

    @property
    def minutes(self) -> int:
        """Time of each job, in minutes, rounded up."""
        return minutes(self.time or "60")

    def parameters(self, name: str) -> dict[str, Any]:
        """Return what submitit's executor for Slurm is told, for jobs of this name."""
        grace = max(15, min(300, self.minutes * 6))  # seconds before the end: a tenth of the time
        said: dict[str, Any] = {
            "job_name": name,
            "time": self.minutes,
            "cpus_per_task": self.cpus,
            "mem": self.memory,
            "partition": self.partition,
            "account": self.account,
            "qos": self.qos,
            "constraint": self.constraint,
            "gres": self.gres,
            "exclusive": self.exclusive or None,
            "setup": list(self.setup) or None,
            "signal_delay_s": grace,
            "additional_parameters": {"requeue": True},
            # srun of Slurm 22.05 and later does not take this over from the job.
            "srun_args": [f"--cpus-per-task={self.cpus}"],
        }
        # Some clusters refuse a `wckey` that they do not know, and submitit says one by itself.
        return {key: value for key, value in said.items() if value is not None} | {"wckey": None}


def minutes(time: str) -> int:
    """Return the minutes of a time as Slurm writes it, rounded up; at least 1.

    `90` and `90:00` are minutes, `1:30:00` has hours, `1-12`, `1-12:00` and `1-12:00:00` have days
    and hours.
    """
    days, dash, clock = time.rpartition("-")
    numbers = [int(part) for part in clock.split(":")]
    if dash:
        hours, mins, seconds = (*numbers, 0, 0)[:3]
    elif len(numbers) == 3:
        hours, mins, seconds = numbers
    else:
        hours, mins, seconds = 0, *(*numbers, 0)[:2]
    return max(1, int(days or 0) * 1440 + hours * 60 + mins + math.ceil(seconds / 60))


def refuse_odd_folder(folder: Path) -> None:
    """Let no folder through whose name could end a line of a script, or mean something to sbatch.

    Raises:
        UsageError: it has a character that is neither a letter, a digit nor one of `_.:,@+=/-`.
    """
    if odd := re.search(r"[^\w.:,@+=/-]", str(folder)):
        raise UsageError(
            f"jobs cannot work in {str(folder)!r}: there is {odd[0]!r} in its path",
            hint="give an --output whose path has letters, digits and any of _.:,@+=/- alone",
        )
