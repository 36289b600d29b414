"""Whether a screening on Slurm has the rows of one process, to the last bit, whatever happens.

    python -m benchmarks.slurm_faults SOURCE [--only NAME ...] [--poll 5] [--shard-size 64]

Slurm comes from `slurm/local/`: two nodes of two slots on this machine, new for each fault. The
command line is started as a user would; when a third of the shards is done, something happens. Of
each run it is told in how many rows it differs from a serial one, by column, what became of its
jobs, how often one ended in the middle of a shard (`strikes`), and how many shards were done twice.

Not covered: slow or stale network file systems, and clusters of more than one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from benchmarks.equal import differences
from benchmarks.record import keep
from tests.executors.slurm_cluster import Cluster, cluster

_PATIENCE = 900.0  # seconds for a run, or for what is waited for


@dataclass
class Trial:
    """A run on Slurm, while it is under way."""

    command: Sequence[str]
    run: Path
    made: Cluster
    shards: int
    strikes: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        """Start the driver."""
        self.driver = subprocess.Popen(self.command, env=self.made.env, cwd=self.run.parent)

    def done(self) -> int:
        """Return how many shards are on disk."""
        return len(list(self.run.glob("shards/*.h5")))

    def await_shards(self, count: int) -> None:
        """Wait until so many shards are on disk."""
        end = time.monotonic() + _PATIENCE
        while self.done() < count:
            if time.monotonic() > end or self.driver.poll() not in (None, 0, -signal.SIGKILL):
                sys.exit(f"{self.run}: {self.done()} of {count} shards came")
            time.sleep(0.05)

    def job(self) -> tuple[str, int]:
        """Return a job that is at work, and its process."""
        beats = sorted(self.run.glob("slurm/*/beats/[0-9]*"))
        return beats[-1].name, int(json.loads(beats[-1].read_bytes())["process"])

    def watch(self, over: threading.Event) -> None:
        """Keep what the run sweeps away when it ends."""
        while not over.wait(0.1):
            for path in self.run.glob("slurm/*/strikes/[0-9]*"):
                self.strikes[path.name] = max(self.strikes[path.name], _size(path))
            for path in self.run.glob("slurm/*/beats/[0-9]*"):
                facts = json.loads(_text(path) or "{}")
                count = facts.get("restarts", 0)
                self.restarts[path.name] = max(self.restarts[path.name], count)

    def ask(self, *command: str) -> None:
        """Run a program of Slurm's."""
        subprocess.run(command, env=self.made.env, cwd=self.run.parent, check=True)


def nothing(trial: Trial) -> None:
    """Let it be."""


def kill_node(trial: Trial) -> None:
    """Kill a node's daemon and all that it started."""
    trial.made.kill_node("node2")


def kill_daemon(trial: Trial) -> None:
    """Kill a node's daemon alone: Slurm gives its jobs up while they go on."""
    os.kill(trial.made.daemon("node2"), signal.SIGKILL)


def cancel_job(trial: Trial) -> None:
    """Cancel one job of the array."""
    trial.ask("scancel", trial.job()[0])


def preempt(trial: Trial) -> None:
    """Let a job that needs a whole node push two others out."""
    words = ["--partition=high", "--cpus-per-task=2", "--mem=600", "--output=/dev/null"]
    trial.ask("sbatch", "--quiet", *words, "--wrap=sleep 10")


def freeze(trial: Trial) -> None:
    """Stop a job's process whenever Slurm wakes it, until Slurm ends it at its time limit."""
    process, end = trial.job()[1], time.monotonic() + _PATIENCE
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(process, signal.SIGSTOP)
            time.sleep(0.02)


def kill_driver(trial: Trial) -> None:
    """Kill the driver; start it again when jobs have done more."""
    trial.driver.kill()
    trial.driver.wait()
    before = trial.done()
    trial.await_shards(min(before + trial.shards // 6, trial.shards))
    trial.start()


@dataclass(frozen=True)
class Fault:
    """What happens to a run, and on which cluster."""

    happens: Callable[[Trial], None]
    options: Sequence[str] = ()
    cluster: Mapping[str, str] = field(default_factory=dict)


_LOW = ("--partition", "low")
FAULTS = {
    "quiet, with accounting": Fault(nothing, cluster={"ACCOUNTING": "1"}),
    "quiet": Fault(nothing),
    "node killed": Fault(kill_node),
    "slurmd killed": Fault(kill_daemon),
    "job cancelled": Fault(cancel_job),
    "preempted, user signal": Fault(preempt, _LOW),
    "preempted, SIGTERM alone": Fault(preempt, _LOW, {"PREEMPT_SIGNAL": "0"}),
    "time limit": Fault(nothing, ("--time", "1", "--jobs", "1")),
    "time limit, job frozen": Fault(freeze, ("--time", "2")),
    "driver killed": Fault(kill_driver),
}


def try_fault(fault: Fault, screening: Sequence[str], serial: Path, folder: Path) -> dict[str, Any]:
    """Let a fault happen to a run; return what came of it."""
    folder.mkdir()
    shards = len(list(serial.glob("shards/*.h5")))
    command = [*screening, "-o", str(folder / "run"), "--executor", "slurm", *fault.options]
    over, started = threading.Event(), time.monotonic()
    with cluster(folder / "slurm", **fault.cluster) as made:
        trial = Trial(command, folder / "run", made, shards)
        watcher = threading.Thread(target=trial.watch, args=[over])
        watcher.start()
        try:
            started = time.monotonic()
            trial.start()
            trial.await_shards(max(1, shards // 3))
            fault.happens(trial)
            status = trial.driver.wait(_PATIENCE)
        finally:
            over.set()
            watcher.join()
            trial.driver.kill()
        seconds = time.monotonic() - started
    return {"status": status, "seconds": round(seconds, 1), **account(trial, serial)}


def account(trial: Trial, serial: Path) -> dict[str, Any]:
    """Return how a run compares with the serial one, and what it has cost."""
    arrays = json.loads((trial.run / "slurm" / "jobs.json").read_bytes())
    logs = "".join(map(_text, trial.run.glob("slurm/*/jobs/*_log.err")))
    ended = re.findall(r"ended \((\w+)\) while", _text(trial.run / "run.log"))
    ours, theirs = (folder / "predictions.h5" for folder in (trial.run, serial))
    return {
        "rows that differ": differences(ours, theirs),
        "same bytes": ours.read_bytes() == theirs.read_bytes(),
        "arrays": len(arrays),
        "jobs": sum(array["jobs"] for array in arrays),
        "restarts": sum(trial.restarts.values()),
        "ended in a shard": dict(Counter(ended)),
        "strikes": sum(trial.strikes.values()),
        "shards done twice": len(re.findall(r"shard \d+ is done", logs)) - trial.shards,
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _size(path: Path) -> int:
    return len(_text(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--model", default="knagcn")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS), default=list(FAULTS))
    parser.add_argument("--poll", type=float, default=5.0)
    parser.add_argument("--shard-size", type=int, default=64)
    given = parser.parse_args()
    # What is asked to end, as by `timeout`, ends its clusters too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "recipe.yaml").write_text(f"run: {{poll: {given.poll}}}\n")
        screening = [sys.executable, "-m", "screenkit", "rank", str(given.source.resolve())]
        screening += ["--model", given.model, "--shard-size", str(given.shard_size), "-q"]
        screening += ["--recipe", str(folder / "recipe.yaml")]
        started = time.monotonic()
        serial = [*screening, "--executor", "serial", "-o", str(folder / "serial")]
        subprocess.run(serial, check=True)
        summary = json.loads((folder / "serial" / "summary.json").read_text())
        told = {
            "source": given.source.name,
            "structures": summary["structures"],
            "shard size": given.shard_size,
            "poll, s": given.poll,
            "serial, s": round(time.monotonic() - started, 1),
        }
        screening += ["--jobs", "4", "--time", "30", "--memory", "900M"]
        for i, name in enumerate(given.only):
            try:
                came = try_fault(FAULTS[name], screening, folder / "serial", folder / str(i))
            except pytest.skip.Exception as reason:  # programs are missing
                came = {"not tried": str(reason)}
            load = round(os.getloadavg()[1], 1)
            keep("slurm_faults", {**told, "fault": name, **came, "load": load})


if __name__ == "__main__":
    main()
