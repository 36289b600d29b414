"""Sbatch: from a site and a board to array jobs in Slurm's queue, through submitit.

submitit writes the script and starts Python in the job. Nothing else of it is used: without
accounting its jobs are never done, and its handler of signals raises in the middle of the work.

Not covered: what becomes of the jobs (`slurm.py`).
"""

from __future__ import annotations

import io
import json
import logging
from contextlib import redirect_stderr
from pathlib import Path

import submitit

from screenkit.errors import UsageError
from screenkit.executors.board import SLURM, Board
from screenkit.executors.crew import Crew
from screenkit.executors.site import Site, refuse_odd_folder
from screenkit.executors.squeue import longest_array
from screenkit.store.publish import replace_text

_log = logging.getLogger(__name__)

JOBS = "jobs.json"
"""Name of the list of submitted jobs, beside the boards."""


def job_name(board: Board) -> str:
    """Return the name of a board's jobs, by which the queue is asked for them."""
    return f"screenkit-{board.key}"


def submit(board: Board, site: Site, count: int) -> list[str]:
    """Queue so many jobs, in as few arrays as the cluster takes; return the arrays' numbers.

    Raises:
        UsageError: sbatch refuses them. Says why.
    """
    refuse_odd_folder(board.folder)
    sizes = split(count, longest_array())
    at_once = max(1, (site.array_parallelism or count) // len(sizes))
    executor = submitit.SlurmExecutor(folder=board.folder / "jobs")
    executor.update_parameters(**site.parameters(job_name(board)), array_parallelism=at_once)
    first, numbers = 0, []
    for size in sizes:
        crews = [
            Crew(board, first + i, count, site.minutes, site.cpus or 1, site.executor)
            for i in range(size)
        ]
        first += size
        try:
            # submitit lets the user see sbatch's complaint, and so do we.
            with redirect_stderr(io.StringIO()), executor.batch():
                jobs = [executor.submit(crew) for crew in crews]
            number = jobs[0].job_id.partition("_")[0]
        except (RuntimeError, OSError) as error:  # submitit's own are RuntimeErrors
            _sweep(board)
            raise UsageError(
                f"sbatch refused the jobs: {_last_line(error)}",
                hint="ask the cluster's help, or its sinfo, for partition, account, qos and limits",
            ) from None
        numbers.append(number)
        _log.info("slurm: submitted job %s, %d in an array", number, size)
        _note(board, number, size)
    return numbers


def split(count: int, most: int) -> list[int]:
    """Return sizes of arrays, none above `most`, that sum to `count`."""
    arrays = -(-count // most)
    return [count // arrays + (i < count % arrays) for i in range(arrays)]


def script(site: Site, run: Path, count: int) -> str:
    """Return the script as it would be sent, for jobs of a run in this folder; writes nothing."""
    folder = run.resolve() / SLURM / "KEY" / "jobs"
    refuse_odd_folder(folder)
    executor = submitit.SlurmExecutor(folder=folder)
    at_once = site.array_parallelism or count
    executor.update_parameters(**site.parameters("screenkit-KEY"), array_parallelism=at_once)
    if count > 1:
        executor.parameters["map_count"] = count
    return str(executor._make_submission_file_text(executor._submitit_command_str, "")) + "\n"


def submitted(run: Path) -> list[str]:
    """Return the number of every array that a run has submitted, those that ended included."""
    try:
        told = json.loads((run / SLURM / JOBS).read_bytes())
    except (OSError, ValueError):
        return []
    return [str(entry["job"]) for entry in told]


def _note(board: Board, number: str, size: int) -> None:
    """Add an array to the list of jobs."""
    path = board.folder.parent / JOBS
    told = json.loads(path.read_bytes()) if path.exists() else []
    told.append({"job": number, "jobs": size, "name": job_name(board)})
    replace_text(path, json.dumps(told, indent=1) + "\n")


def _sweep(board: Board) -> None:
    """Remove what submitit leaves of jobs that never were."""
    for path in (board.folder / "jobs").iterdir():
        if len(path.stem) == 32 and path.suffix == ".pkl":
            path.unlink(missing_ok=True)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if "sbatch: error:" in line]
    text = lines[-1].partition("sbatch: error:")[2] if lines else str(error).strip()[-300:]
    return text.strip() or type(error).__name__
