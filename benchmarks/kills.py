"""Kill a run again and again, and compare what it leaves with that of a run left in peace.

    python -m benchmarks.kills SOURCE --executor serial|dask|slurm --kills 34 [--seed 0]

The library is SOURCE repeated under new names, in small shards. `screenkit rank` is started on it,
and SIGKILL goes at random moments to it or to one of its workers, the processes that dask or the
jobs of Slurm have; when it dies, the same command is started again. Where it ends before all
kills are dealt, another run begins. Six kills of ten come within two seconds of work, the others at
any moment within eight seconds of the last one.

Every file of results must have the bytes that an undisturbed serial run gives it, and a shard that
is once there must stay the same file. Each process writes down which CIFs it opens, so that it
is known who did what again.

For `slurm`, SLURM_CONF must name a cluster on this machine:

    slurm/local/start.sh /tmp/slurm && export SLURM_CONF=/tmp/slurm/slurm.conf
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.record import keep
from screenkit.crystal.library import Library
from screenkit.errors import WorkersLostError
from screenkit.store.store import Store

ANY_TIME = (0.5, 8.0)  # seconds after a start, or after the last kill
AT_WORK = (0.0, 2.0)  # seconds after the first structure that is read from then on
PATIENCE = 60.0  # seconds to wait for that structure
END = 900.0  # seconds that a run has, when nobody kills it any more
LOOK = 0.05  # seconds between two looks at the shards
RESULTS = ("predictions.h5", "ranking.csv", "shortlist.csv", "failures.csv", "shards/*.h5")

# Python runs this at the start of every process that finds it on its path.
LISTENER = """
import multiprocessing.process, os, sys
log = os.open(os.environ["SCREENKIT_READS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def hear(event, given):
    if event == "open" and str(given[0]).endswith(".cif"):
        # A child that looks for the structure that kills is called so.
        trial = multiprocessing.process.current_process().name.startswith("SpawnProcess")
        name = os.path.basename(given[0])
        os.write(log, f"{os.getpid()} {'trial' if trial else 'work'} {name}\\n".encode())
sys.addaudithook(hear)
"""


@dataclass
class Run:
    """One folder of results, and the command that fills it."""

    library: Path
    folder: Path
    words: list[str]
    dealt: Counter[str] = field(default_factory=Counter)
    """Kills of drivers and of workers."""
    starts: int = 0
    gave_up: int = 0
    """Times that it ended by itself, because no worker was left."""
    shards: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Inode, time and size of each shard, when it was first seen."""

    @property
    def reads(self) -> Path:
        return self.folder.with_suffix(".reads")

    @property
    def complaints(self) -> Path:
        return self.folder.with_suffix(".err")

    def start(self) -> subprocess.Popen[bytes]:
        self.starts += 1
        command = [sys.executable, "-m", "screenkit", "rank", str(self.library), *self.words]
        path = os.pathsep.join([str(self.library.parent), os.environ.get("PYTHONPATH", "")])
        with self.complaints.open("ab") as complaints:
            return subprocess.Popen(
                [*command, "-o", str(self.folder), "-q", "--progress", "none"],
                env=os.environ | {"PYTHONPATH": path, "SCREENKIT_READS": str(self.reads)},
                stderr=complaints,
            )

    def look(self) -> None:
        """See to it that every shard that was there is there, and the same file."""
        found = {}
        for path in self.folder.glob("shards/*.h5"):
            status = path.stat()
            found[path.name] = (status.st_ino, status.st_mtime_ns, status.st_size)
        changed = [name for name, sign in self.shards.items() if found.get(name) != sign]
        if changed:
            sys.exit(f"{self.folder}: {changed} were there and are not the same any more")
        self.shards |= found

    def wait(
        self,
        driver: subprocess.Popen[bytes],
        seconds: float,
        until: Callable[[], bool] = lambda: False,
    ) -> int | None:
        """Return the exit code of a driver that ends within so many seconds."""
        end = time.monotonic() + seconds
        while driver.poll() is None and time.monotonic() < end and not until():
            self.look()
            time.sleep(LOOK)
        self.look()
        return driver.returncode

    def wait_for_a_moment(self, driver: subprocess.Popen[bytes], dice: random.Random) -> int | None:
        """Wait for the moment of a kill; return the exit code of a driver that ends before."""
        if dice.random() < 0.4:
            return self.wait(driver, dice.uniform(*ANY_TIME))
        before, pause = self.read_so_far(), dice.uniform(*AT_WORK)
        self.wait(driver, PATIENCE, lambda: self.read_so_far() > before)
        return self.wait(driver, pause)

    def read_so_far(self) -> int:
        """Return the length of the list of structures that were read."""
        return self.reads.stat().st_size if self.reads.exists() else 0

    def workers(self, driver: subprocess.Popen[bytes]) -> list[psutil.Process]:
        """Return the processes that do the work of a driver, if there are some beside it."""
        try:
            children = psutil.Process(driver.pid).children(recursive=True)
        except psutil.Error:
            children = []
        mine = [child for child in children if _says(child, "multiprocessing.spawn")]
        return mine or [
            process
            for process in psutil.process_iter()
            if _says(process, "submitit.core._submit", str(self.folder / "slurm"))
            and process.name().startswith("python")
        ]

    def redone(self) -> tuple[Counter[int], int, int]:
        """Return what was done twice.

        Returns:
            Shards of each process that another one did again; structures read for that; and
            structures read by trials.
        """
        size, names = int(self.words[self.words.index("--shard-size") + 1]), {}
        for i, name in enumerate(Library.open(self.library).names):
            names[f"{name}.cif"] = i // size
        lines = [line.split(" ", 2) for line in self.reads.read_text().splitlines()]
        work = [(int(pid), names[name], name) for pid, kind, name in lines if kind == "work"]
        last: dict[str, int] = {name: pid for pid, _, name in work}
        lost = {(pid, shard) for pid, shard, name in work if last[name] != pid}
        return Counter(pid for pid, _ in lost), len(work) - len(last), len(lines) - len(work)


def _says(process: psutil.Process, *words: str) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return False
    return all(word in command for word in words)


def repeat(source: Path, count: int, folder: Path) -> None:
    """Write a folder of `count` structures: those of a library, under new names."""
    folder.mkdir()
    known = Library.open(source)
    spans = ((i, i + 1) for i in range(len(known)))
    texts = [(d.name.replace("/", "-"), d.read()) for (d,) in known.deliver(spans)]
    for i, (name, data) in zip(range(count), itertools.cycle(texts), strict=False):
        (folder / f"{name}_{i:05d}.cif").write_bytes(data)


def disturb(run: Run, dice: random.Random, kills: int) -> int:
    """Run to the end, killing at most so often on the way; return how often."""
    driver = run.start()
    while True:
        more = run.dealt.total() < kills
        code = run.wait_for_a_moment(driver, dice) if more else run.wait(driver, END)
        if code == 0:
            return run.dealt.total()
        if code == WorkersLostError.exit_code:
            run.gave_up += 1
        elif code is not None:
            sys.exit(f"exit code {code}: {run.complaints.read_text()[-2000:]}")
        if code is None and not more:
            sys.exit(f"{run.folder} has not ended within {END:.0f} s")
        if code is None:
            _kill_one(run, driver, dice)
            run.look()
        if driver.poll() is not None:
            driver = run.start()


def _kill_one(run: Run, driver: subprocess.Popen[bytes], dice: random.Random) -> None:
    """Kill the driver or one of its workers."""
    workers = run.workers(driver)
    if workers and dice.random() < 0.5:
        try:
            dice.choice(workers).kill()
        except psutil.NoSuchProcess:
            return
        run.dealt["workers"] += 1
    elif driver.poll() is None:
        driver.kill()
        driver.wait()
        run.dealt["drivers"] += 1


def compare(run: Run, calm: Path) -> None:
    """See to it that a run has the results of another, byte by byte, and nothing else."""
    for pattern in RESULTS:
        names = sorted(str(path.relative_to(calm)) for path in calm.glob(pattern))
        ours = sorted(str(path.relative_to(run.folder)) for path in run.folder.glob(pattern))
        if not names or names != ours:
            sys.exit(f"{run.folder} has {ours}, and {calm} {names}")
        for name in names:
            if (run.folder / name).read_bytes() != (calm / name).read_bytes():
                sys.exit(f"{name} differs between {run.folder} and {calm}")
    left = [
        *run.folder.glob(".*.part"),
        *run.folder.glob("shards/.*"),
        *run.folder.glob("run.lock"),
    ]
    if left:
        sys.exit(f"left behind: {left}")


def runs(folder: Path, library: Path, words: list[str]) -> Iterator[Run]:
    for i in itertools.count():
        yield Run(library, folder / f"run{i}", words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("--executor", choices=("serial", "dask", "slurm"), default="serial")
    parser.add_argument("--kills", type=int, default=34)
    parser.add_argument("--structures", type=int, default=2000)
    parser.add_argument("--shard-size", type=int, default=16)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dice = random.Random(f"{given.executor} {given.seed}")
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        folder = Path(name)
        (folder / "sitecustomize.py").write_text(LISTENER)
        (folder / "recipe.yaml").write_text("run: {poll: 0.5}\n")
        (folder / "site.yaml").write_text(f"jobs: {given.workers}\ntime: 10\nmemory: 1500M\n")
        repeat(given.source, given.structures, folder / "library")
        alike = ["--shard-size", str(given.shard_size), "--recipe", str(folder / "recipe.yaml")]
        calm = Run(folder / "library", folder / "calm", [*alike, "--executor", "serial"])
        disturb(calm, dice, 0)
        words = [*alike, "--executor", given.executor]
        if given.executor == "dask":
            words += ["--workers", str(given.workers)]
        if given.executor == "slurm":
            words += ["--site", str(folder / "site.yaml")]
        done: list[Run] = []
        began = time.monotonic()
        for run in runs(folder, folder / "library", words):
            left = given.kills - sum(earlier.dealt.total() for earlier in done)
            if not left:
                break
            disturb(run, dice, left)
            compare(run, calm.folder)
            done.append(run)
        keep("kills", _told(given, done, calm, time.monotonic() - began))


def _told(
    given: argparse.Namespace, done: list[Run], calm: Run, seconds: float
) -> dict[str, object]:
    again, twice, trials = zip(*(run.redone() for run in done), strict=True)
    shards: Counter[int] = sum(again, Counter())
    rows = len(Store.open(calm.folder))
    return {
        "source": given.source.name,
        "executor": given.executor,
        "seed": given.seed,
        "structures": rows,
        "shard size": given.shard_size,
        "workers": 0 if given.executor == "serial" else given.workers,
        "kills": dict(sum((run.dealt for run in done), Counter())),
        "runs": len(done),
        "starts": sum(run.starts for run in done),
        "gave up for want of workers": sum(run.gave_up for run in done),
        "runs whose results differ": 0,
        "structures computed": len(done) * rows,
        "of which again": sum(twice),
        "processes whose shards were done again": len(shards),
        "shards of one process done again, at most": max(shards.values(), default=0),
        "structures tried apart, as suspects": sum(trials),
        "seconds": round(seconds),
    }


if __name__ == "__main__":
    main()
