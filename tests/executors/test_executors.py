"""Every executor gives one report per shard, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from screenkit.crystal.document import Document
from screenkit.errors import CheckpointError, WorkersLostError
from screenkit.executors import dask as dask_room
from screenkit.executors.dask_nannies import NannyExecutor
from screenkit.executors.executor import Executor, ShardReport
from screenkit.executors.hire import RunSettings, hire
from screenkit.plan import Shard
from screenkit.store.shard_file import read_shard, shard_path
from tests.executors.stand_ins import StandIn

SIZE = 4


@pytest.fixture
def doomed_executor() -> Iterator[Executor]:
    """Two workers of a test's own, to be killed."""
    with hire(RunSettings(executor="dask", workers=2), Path()) as executor:
        yield executor


@pytest.fixture(scope="module")
def dask_executor() -> Iterator[Executor]:
    with hire(RunSettings(executor="dask", workers=2), Path()) as executor:
        yield executor


@pytest.fixture(params=["serial", "dask"])
def executor(request) -> Iterator[Executor]:
    if request.param == "dask":
        yield request.getfixturevalue("dask_executor")
    else:
        with hire(RunSettings(executor="serial"), Path()) as serial:
            yield serial


def make_work(texts: list[str]) -> list[tuple[Shard, list[Document]]]:
    shards = [
        Shard(i, start, min(start + SIZE, len(texts)))
        for i, start in enumerate(range(0, len(texts), SIZE))
    ]
    return [
        (s, [Document(f"m{i}", "memory", data=texts[i].encode()) for i in range(s.start, s.stop)])
        for s in shards
    ]


def run(executor: Executor, folder: Path, texts: list[str], **kw) -> list[ShardReport]:
    reports = list(executor.run(StandIn(folder / "shards", "s", **kw), make_work(texts)))
    return sorted(reports, key=lambda report: report.shard)


def outcomes(folder: Path, texts: list[str]) -> list[tuple[str, str]]:
    """Return (code, message) of every row on disk, in order."""
    return [
        (row.code, row.message)
        for shard, _ in make_work(texts)
        for row in read_shard(shard_path(folder / "shards", shard), shard, "s").rows()
    ]


def workers_of(executor: Executor) -> list[int]:
    """Return the process ids of an executor's living workers: its own, no other cluster's."""
    assert isinstance(executor, NannyExecutor)
    return executor._nursery.pids()


def test_each_shard_is_reported_once_with_its_counts(executor, tmp_path):
    texts = ["ok"] * 3 + ["filter"] + ["ok", "fail", "fail", "filter"] + ["ok"]
    reports = run(executor, tmp_path, texts)
    assert [(r.structures, r.ok, r.filtered, r.failed) for r in reports] == [
        (4, 3, 1, 0),
        (4, 1, 1, 2),
        (1, 1, 0, 0),
    ]
    assert reports[1].codes == {"parse_error": 2, "overlap": 1}


def test_work_is_taken_only_as_fast_as_it_is_done(executor, tmp_path):
    taken = 0

    def count():
        nonlocal taken
        for item in make_work(["ok"] * 4 * 40):
            taken += 1
            yield item

    for done, _ in enumerate(executor.run(StandIn(tmp_path, "s"), count()), start=1):
        assert taken - done <= 4
    assert taken == 40


def test_no_work_is_no_report(executor, tmp_path):
    assert run(executor, tmp_path, []) == []


def test_an_error_for_the_user_stops_the_run_and_keeps_what_is_done(executor, tmp_path):
    texts = ["ok"] * 12 + ["raise"] + ["ok"] * 200
    with pytest.raises(CheckpointError, match="no such checkpoint") as caught:
        run(executor, tmp_path, texts)
    assert caught.value.hint == "give another"
    assert len(list((tmp_path / "shards").glob("*.h5"))) < 20


# Dask alone


@pytest.mark.slow
def test_a_structure_that_kills_its_worker_is_one_failed_row(doomed_executor, tmp_path):
    texts = ["ok"] * 40
    texts[6], texts[17], texts[19] = "exit 139", "segfault", "exit 1"
    reports = run(doomed_executor, tmp_path, texts)
    assert sum(report.structures for report in reports) == 40
    found = outcomes(tmp_path, texts)
    assert {i: f for i, f in enumerate(found) if f != ("", "")} == {
        6: ("worker_lost", "its process ended with status 139"),
        17: ("worker_lost", "its process was killed by signal 11 (SIGSEGV)"),
        19: ("worker_lost", "its process ended with status 1"),
    }


@pytest.mark.slow
def test_a_worker_killed_from_outside_costs_no_row(doomed_executor, tmp_path):
    texts = ["sleep 0.05"] * 4 * 30
    killed = 0
    task = StandIn(tmp_path / "shards", "s", log=tmp_path / "log")
    for done, _ in enumerate(doomed_executor.run(task, make_work(texts))):
        if done in (3, 9, 15):
            workers = workers_of(doomed_executor)
            os.kill(workers[done % len(workers)], signal.SIGKILL)
            killed += 1
    assert killed == 3
    assert outcomes(tmp_path, texts) == [("", "")] * len(texts)
    assert len((tmp_path / "log").read_text().splitlines()) > 30  # some were done twice


@pytest.mark.slow
def test_workers_killed_again_and_again_cost_no_row(doomed_executor, tmp_path):
    texts = ["sleep 0.02"] * 4 * 200
    task = StandIn(tmp_path / "shards", "s")
    for done, _ in enumerate(doomed_executor.run(task, make_work(texts))):
        if done % 6 == 5 and (workers := workers_of(doomed_executor)):
            os.kill(workers[done % len(workers)], signal.SIGKILL)
    assert outcomes(tmp_path, texts) == [("", "")] * len(texts)


def test_nobody_listens_beyond_this_machine(dask_executor):
    processes = [psutil.Process(), *map(psutil.Process, workers_of(dask_executor))]
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(processes) == 3
    assert listening and set(listening) == {"127.0.0.1"}


def test_workers_have_one_thread_each_for_arithmetic(dask_executor, tmp_path):
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    texts = [f"env {name}" for name in names]
    run(dask_executor, tmp_path, texts)
    assert outcomes(tmp_path, texts) == [("env", "1")] * 4


def test_a_shard_that_kills_for_no_reason_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_room, "find_culprits", lambda *_: {})
    monkeypatch.setattr(dask_room, "_FRUITLESS", 1)
    with (
        hire(RunSettings(executor="dask", workers=1), tmp_path) as executor,
        pytest.raises(WorkersLostError, match=r"shard 0 \(structures 1 to 4\)") as caught,
    ):
        run(executor, tmp_path, ["ok", "ok", "exit 1", "ok"])
    assert caught.value.exit_code == 75


def test_a_structure_that_needs_too_much_memory_is_named(tmp_path):
    from screenkit.executors.culprits import find_culprits

    texts = ["ok", "hog", "ok"]
    ((_, documents),) = make_work(texts)
    found = find_culprits(StandIn(tmp_path, "s"), documents, memory_limit=2**29)
    assert found == {"m1": "needs more than the 0.5 GiB of a worker"}


DRIVER = """
import signal, sys
from pathlib import Path
from screenkit.executors.hire import RunSettings, hire
from tests.executors.stand_ins import StandIn
from tests.executors.test_executors import make_work
if __name__ == "__main__":
    # A shell that starts the tests in the background leaves SIGINT ignored for all of them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    texts = ["sleep 0.1"] * 4000
    with hire(RunSettings(executor="dask", workers=2), Path()) as executor:
        for report in executor.run(StandIn(Path(sys.argv[1]) / "shards", "s"), make_work(texts)):
            print(report.shard, flush=True)
"""


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_stopped_run_leaves_whole_shards_and_no_process(tmp_path, number):
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(tmp_path / "driver.py"), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert driver.stdout is not None
    for _ in range(3):
        driver.stdout.readline()
    children = psutil.Process(driver.pid).children(recursive=True)
    assert len(children) >= 2
    start = time.monotonic()
    if number == signal.SIGINT:
        os.killpg(driver.pid, number)  # as a terminal does
    else:
        driver.send_signal(number)
    try:
        _, complaints = driver.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(driver.pid, signal.SIGKILL)
        raise
    _, alive = psutil.wait_procs(children, timeout=10 - (time.monotonic() - start))
    assert not alive
    assert complaints.count("Traceback") <= 1, complaints  # the driver's own KeyboardInterrupt
    texts = ["sleep 0.1"] * 4000
    shards = [shard for shard, _ in make_work(texts)]
    done = [shard for shard in shards if shard_path(tmp_path / "shards", shard).exists()]
    assert len(done) >= 3
    for shard in done:
        read_shard(shard_path(tmp_path / "shards", shard), shard, "s")
