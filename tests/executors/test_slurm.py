"""Jobs of a real Slurm do what one process does, whatever happens to them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from screenkit.crystal.library import Library
from screenkit.errors import CheckpointError, Detached, UsageError, WorkersLostError
from screenkit.executors import slurm as slurm_room
from screenkit.executors.executor import ShardReport, Work
from screenkit.executors.sbatch import submitted
from screenkit.executors.serial import SerialExecutor
from screenkit.executors.site import Site
from screenkit.executors.slurm import SlurmExecutor, cancel_jobs
from screenkit.executors.squeue import cancel
from screenkit.plan import Shard
from screenkit.store.shard_file import read_shard, shard_path
from tests.executors.slurm_cluster import Cluster, cluster
from tests.executors.stand_ins import StandIn

pytestmark = pytest.mark.slurm

ROOT = Path(__file__).parents[2]
SIZE = 4
POLL = 0.5


@pytest.fixture
def slurm_with_signal(tmp_path, monkeypatch) -> Iterator[Cluster]:
    """A cluster where preempted jobs get the user's signal first."""
    with cluster(tmp_path / "slurm", PREEMPT_SIGNAL="1", GRACE="4") as made:
        made.enter(monkeypatch)
        yield made


@dataclass
class Bench:
    """A library of texts, and a run on it."""

    folder: Path
    texts: list[str]
    log: Path | None = None

    def __post_init__(self) -> None:
        library = self.folder / "library"
        self.library_files = [library / f"m{i:04d}.cif" for i in range(len(self.texts))]
        if not library.exists():
            library.mkdir()
            for path, text in zip(self.library_files, self.texts, strict=True):
                path.write_text(text)
        self.library = Library.open(library)

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def shards(self) -> list[Shard]:
        count = len(self.texts)
        return [Shard(i, s, min(s + SIZE, count)) for i, s in enumerate(range(0, count, SIZE))]

    @property
    def task(self) -> StandIn:
        return StandIn(self.run / "shards", "s", log=self.log)

    def work(self) -> Work:
        """Return what is not done yet."""
        todo = [s for s in self.shards if not shard_path(self.run / "shards", s).exists()]
        return Work(tuple(todo), self.library)

    def on_slurm(self, detach: bool = False, **request: Any) -> Iterator[ShardReport]:
        (self.run / "shards").mkdir(parents=True, exist_ok=True)
        site = Site(**{"jobs": 4, "time": "5", "memory": "300M"} | request)
        with SlurmExecutor(site, self.run, POLL, detach) as executor:
            yield from executor.run(self.task, self.work())

    def codes(self) -> dict[int, tuple[str, str]]:
        """Return code and message of every row on disk that has some."""
        files = [read_shard(shard_path(self.run / "shards", s), s, "s") for s in self.shards]
        rows = [row for file in files for row in file.rows()]
        return {i: (row.code, row.message) for i, row in enumerate(rows) if row.code}

    def equals_one_process(self) -> bool:
        """Return whether each shard has the bytes that this process alone gives it."""
        for path, text in zip(self.library_files, self.texts, strict=True):
            if text.startswith("sleep"):  # of the same length, and without the pause
                path.write_text(f"{'sleep 0':<{len(text)}}")
        serial = self.folder / "serial"
        list(SerialExecutor().run(StandIn(serial, "s"), Work(tuple(self.shards), self.library)))
        pairs = [(shard_path(f, s) for f in (self.run / "shards", serial)) for s in self.shards]
        return all(ours.read_bytes() == theirs.read_bytes() for ours, theirs in pairs)

    def jobs(self) -> list[str]:
        return submitted(self.run)

    def logs(self) -> str:
        return "".join(p.read_text() for p in sorted(self.run.glob("slurm/*/jobs/*.err")))


def mixed(count: int, seconds: float) -> list[str]:
    """Return texts of every outcome; most of them take a while."""
    return [{3: "fail", 5: "filter"}.get(i % 7, f"sleep {seconds}") for i in range(count)]


@pytest.mark.slow
def test_a_screening_equals_that_of_one_process_bit_for_bit(slurm, tmp_path):
    def screenkit(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "screenkit", "rank", str(ROOT / "examples" / "mofs")]
        return subprocess.run(
            [*command, "--shard-size", "4", *words], cwd=tmp_path, capture_output=True, text=True
        )

    (tmp_path / "recipe.yaml").write_text(f"run: {{poll: {POLL}}}\n")
    (tmp_path / "site.yaml").write_text("jobs: 2\ntime: 5\nmemory: 900M\n")
    words = ["--executor", "slurm", "--site", "site.yaml", "--recipe", "recipe.yaml", "-o", "run"]
    left = screenkit(*words, "--detach")
    assert left.returncode == 0, left.stderr
    assert "2 jobs share 8 shards" in left.stdout
    assert screenkit("--executor", "serial", "-o", "serial").returncode == 0
    collected = screenkit(*words)
    assert collected.returncode == 0, collected.stderr
    assert len(submitted(tmp_path / "run")) == 1
    for name in ("ranking.csv", "failures.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "serial" / name).read_bytes()
    pair = [h5py.File(tmp_path / folder / "predictions.h5") for folder in ("run", "serial")]
    for name, values in pair[1]["predictions"].items():
        np.testing.assert_array_equal(pair[0]["predictions"][name], values)


def test_four_jobs_share_the_shards_and_leave_nothing_running(slurm, tmp_path):
    bench = Bench(tmp_path, mixed(48, 0.05), log=tmp_path / "log")
    reports = list(bench.on_slurm())
    assert sorted(report.shard for report in reports) == list(range(12))
    assert sum(report.structures for report in reports) == 48
    assert bench.equals_one_process()
    assert len({line.split()[1] for line in (tmp_path / "log").read_text().splitlines()}) > 1
    board = next((bench.run / "slurm").glob("*/"))
    assert board.parent.stat().st_mode & 0o777 == 0o700
    assert not list(board.glob("claims/*")) and not list(board.rglob("*.pkl"))


def test_a_cancelled_job_is_replaced(slurm, tmp_path):
    bench = Bench(tmp_path, mixed(80, 0.2))
    for done, _ in enumerate(bench.on_slurm(jobs=2)):
        if done == 1:
            cancel([f"{bench.jobs()[0]}_0"])
    assert bench.equals_one_process()
    assert len(bench.jobs()) == 2


def test_jobs_that_are_cancelled_again_and_again_end_the_run(slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm_room, "_CANCELLED", 1)
    bench = Bench(tmp_path, ["sleep 30"] * 8)
    reports = bench.on_slurm(jobs=1)
    with pytest.raises(WorkersLostError, match="were cancelled 2 times"):
        while_waiting(bench, reports, lambda: cancel(bench.jobs()[-1:]))
    assert len(bench.jobs()) == 2


def test_a_cancelled_run_is_not_started_again(slurm, tmp_path):
    bench = Bench(tmp_path, ["sleep 30"] * 8)
    with pytest.raises(WorkersLostError, match="the run was cancelled"):
        while_waiting(bench, bench.on_slurm(jobs=2), lambda: cancel_jobs(bench.run))
    assert len(bench.jobs()) == 1


@pytest.mark.slow
def test_a_node_that_dies_costs_no_row(slurm, tmp_path):
    bench = Bench(tmp_path, mixed(80, 0.4))
    killed = 0
    try:
        for done, _ in enumerate(bench.on_slurm()):
            if done == 1:
                killed = slurm.kill_node("node2")
    finally:
        slurm.start()
    assert killed > 2
    assert bench.equals_one_process()


@pytest.mark.slow
@pytest.mark.parametrize("which", ["slurm", "slurm_with_signal"])
def test_a_preempted_job_finishes_its_shard_and_is_queued_again(which, request, tmp_path):
    request.getfixturevalue(which)
    bench = Bench(tmp_path, mixed(80, 0.2))
    both_nodes = ["sbatch", "--partition=high", "--nodes=2", "--ntasks-per-node=2", "--mem=600"]
    for done, _ in enumerate(bench.on_slurm(partition="low")):
        if done == 2:
            words = [*both_nodes, "--output=/dev/null", "--wrap=sleep 1"]
            subprocess.run(words, check=True, capture_output=True, cwd=tmp_path)
    assert bench.equals_one_process()
    assert len(bench.jobs()) == 1  # by Slurm or by itself, not by the driver
    assert "queued again" in bench.logs()


@pytest.mark.slow
def test_a_job_that_has_no_time_left_is_queued_again(slurm, tmp_path):
    (tmp_path / "leaves").mkdir()
    (tmp_path / "is_late").mkdir()
    # As if so much were left of its time, and no signal came.
    short = "export SLURM_JOB_END_TIME=$(($(date +%s) + 30))"
    # After a shard of 8 s, a job begins nothing in the last 20 s of its time.
    leaves = Bench(tmp_path / "leaves", ["sleep 2"] * 4 + ["sleep 0.5"] * 16)
    # This one is in the middle of a shard when its time is over.
    is_late = Bench(tmp_path / "is_late", ["ok"] * 5 + [f"once {tmp_path / 'begun'}"])
    with ThreadPoolExecutor() as threads:
        runs = [
            threads.submit(list, bench.on_slurm(jobs=1, setup=(short,)))
            for bench in (leaves, is_late)
        ]
    assert [len(run.result()) for run in runs] == [5, 2]
    for bench in (leaves, is_late):
        assert "queued again" in bench.logs()
        assert len(bench.jobs()) == 1


DRIVER = """
import sys
from pathlib import Path
from tests.executors.test_slurm import Bench
for report in Bench(Path(sys.argv[1]), [""] * int(sys.argv[2])).on_slurm():
    print(report.shard, flush=True)
"""


def test_a_driver_that_was_killed_finds_its_jobs_again(slurm, tmp_path):
    bench = Bench(tmp_path, mixed(100, 0.2))
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path), "100"], stdout=subprocess.PIPE, text=True
    )
    assert driver.stdout is not None
    seen = [driver.stdout.readline() for _ in range(2)]
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert all(seen)
    rest = list(bench.on_slurm())
    assert 0 < len(rest) < 24
    assert len(bench.jobs()) == 1
    assert bench.equals_one_process()


def test_a_structure_that_kills_its_job_costs_one_row(slurm, tmp_path):
    texts = ["ok"] * 24
    texts[9] = "kill"
    bench = Bench(tmp_path, texts)
    list(bench.on_slurm(jobs=2))
    assert bench.codes() == {9: ("worker_lost", "its process was killed by signal 9 (SIGKILL)")}


@pytest.mark.slow
def test_a_structure_that_eats_memory_costs_one_row(slurm, tmp_path):
    texts = ["ok"] * 8
    texts[5] = "hog"
    bench = Bench(tmp_path, texts)
    list(bench.on_slurm(jobs=1, memory="500M"))
    assert [(i, code) for i, (code, _) in bench.codes().items()] == [(5, "worker_lost")]


def test_more_jobs_than_an_array_may_have_are_several_arrays(slurm, tmp_path):
    bench = Bench(tmp_path, ["sleep 0.1"] * 40)
    list(bench.on_slurm(jobs=7, array_parallelism=4))
    told = json.loads((bench.run / "slurm" / "jobs.json").read_text())
    assert [entry["jobs"] for entry in told] == [4, 3]
    script = next(bench.run.glob(f"slurm/*/jobs/{told[0]['job']}_submission.sh")).read_text()
    assert "--array=0-3%2" in script


def test_a_detached_run_is_submitted_once_and_collected_later(slurm, tmp_path):
    bench = Bench(tmp_path, mixed(40, 0.2))
    for _ in range(2):
        with pytest.raises(Detached, match="4 jobs share"):
            list(bench.on_slurm(detach=True))
    list(bench.on_slurm())
    assert bench.equals_one_process()
    assert len(bench.jobs()) == 1


def test_a_job_may_have_several_processes(slurm, tmp_path):
    texts = ["sleep 0.05"] * 40
    texts[6] = "exit 3"
    bench = Bench(tmp_path, texts, log=tmp_path / "log")
    list(bench.on_slurm(jobs=1, cpus=2, executor="dask", memory="1500M"))
    assert bench.codes() == {6: ("worker_lost", "its process ended with status 3")}
    assert len(bench.jobs()) == 1
    assert len({line.split()[1] for line in (tmp_path / "log").read_text().splitlines()}) > 1


def test_what_a_task_raises_reaches_the_user(slurm, tmp_path):
    bench = Bench(tmp_path, ["ok"] * 4 + ["raise"] + ["ok"] * 40)
    with pytest.raises(CheckpointError, match="no such checkpoint") as caught:
        list(bench.on_slurm(jobs=2))
    assert caught.value.hint == "give another"


def test_jobs_that_end_before_they_begin_end_the_run(slurm, tmp_path):
    bench = Bench(tmp_path, ["ok"] * 8)
    with pytest.raises(WorkersLostError, match=r"end before they begin.*no such module") as caught:
        list(bench.on_slurm(jobs=1, setup=("echo no such module >&2", "exit 3")))
    assert "setup" in caught.value.hint


def test_what_sbatch_refuses_is_told(slurm, tmp_path):
    bench = Bench(tmp_path, ["ok"] * 8)
    with pytest.raises(UsageError, match=r"sbatch refused the jobs: .*[Ii]nvalid partition"):
        list(bench.on_slurm(partition="nowhere"))
    assert not list(bench.run.rglob("jobs/*.pkl"))


def test_work_without_structures_is_done_too(slurm, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    task = StandIn(run, "s", log=tmp_path / "log")
    work = Work(tuple(Shard(i, i, i) for i in range(3)), None)
    with SlurmExecutor(Site(jobs=2, time="5"), run, POLL) as executor:
        assert sorted(report.shard for report in executor.run(task, work)) == [0, 1, 2]
    assert (tmp_path / "log").read_text().count("\n") == 3


def while_waiting(bench: Bench, reports: Iterator[ShardReport], act: Callable[[], Any]) -> None:
    """Take reports; whenever a job has begun to work, act."""
    over = threading.Event()

    def look() -> None:
        seen: set[str] = set()
        while not over.wait(0.3):
            new = {path.name for path in bench.run.glob("slurm/*/beats/[0-9]*")} - seen
            if new:
                seen |= new
                act()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        list(reports)
    finally:
        over.set()
        watcher.join()
