"""A worker that is lost is replaced, whenever that was, and none outlives its executor."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing.spawn
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from screenkit.errors import WorkersLostError
from screenkit.executors import nursery
from screenkit.executors.dask import _hush
from screenkit.executors.dask_nannies import NannyExecutor
from screenkit.executors.hire import count_cores
from tests.executors.stand_ins import StandIn
from tests.executors.test_executors import make_work, outcomes

TEXTS = ["sleep 0.05"] * 4 * 20


@pytest.fixture
def before() -> Iterator[set[psutil.Process]]:
    """Return the processes below this one; when the test ends there must be no other."""
    there = below()
    yield there
    assert until(lambda: not below() - there)


def below() -> set[psutil.Process]:
    """Return all processes below this one but the one that Python has for its semaphores."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "resource_tracker" not in " ".join(child.cmdline()):
                found.add(child)
    return found


def until(condition: Callable[[], object], seconds: float = 60.0) -> bool:
    """Wait until a condition holds; return whether it came to that."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_and_hit_the_next(executor: NannyExecutor, delay: float, number: int) -> None:
    """Kill a worker, and send a signal to the one in its place so long after it was born."""
    old = set(executor._nursery.pids())
    kill(min(old))
    assert until(lambda: set(executor._nursery.pids()) - old)
    time.sleep(delay)
    for pid in set(executor._nursery.pids()) - old:
        kill(pid, number)


def finish(executor: NannyExecutor, folder: Path) -> None:
    """Do some work and demand that each place has a worker in the end."""
    task = StandIn(folder / "shards", "s")
    assert len(list(executor.run(task, make_work(TEXTS)))) == len(TEXTS) / 4
    assert outcomes(folder, TEXTS) == [("", "")] * len(TEXTS)
    assert until(lambda: len(executor._workers()) == 2)


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.3, 1.0, 1.8])
def test_a_worker_that_dies_while_it_starts_is_replaced(before, tmp_path, delay):
    with NannyExecutor.of(2) as executor:
        for _ in range(2):
            kill_and_hit_the_next(executor, delay, signal.SIGKILL)
        finish(executor, tmp_path)


@pytest.mark.slow
def test_a_worker_that_never_comes_up_is_replaced(before, tmp_path, monkeypatch):
    monkeypatch.setattr(nursery, "_STARTING", 10.0)
    with NannyExecutor.of(2) as executor:
        kill_and_hit_the_next(executor, 0.1, signal.SIGSTOP)
        finish(executor, tmp_path)


@pytest.mark.slow
def test_one_worker_that_dies_at_the_very_start_does_not_end_the_run(before, tmp_path):
    executor = NannyExecutor.of(2)

    def kill_the_first():
        if until(lambda: executor._nursery and executor._nursery.pids()):
            kill(executor._nursery.pids()[0])

    thread = threading.Thread(target=kill_the_first)
    thread.start()
    with executor:
        thread.join()
        finish(executor, tmp_path)


def test_workers_that_cannot_start_are_an_error_and_leave_no_process(before, monkeypatch):
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", b"/bin/false")
    with pytest.raises(WorkersLostError, match="cannot start 2 worker processes"):
        NannyExecutor.of(2).__enter__()


def test_tasks_that_nobody_waits_for_end_in_silence(caplog):
    async def fail() -> None:
        raise ValueError("of no use to anybody")

    async def drop() -> None:
        task = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        del task
        gc.collect()

    async def hushed() -> None:
        await _hush()
        await drop()

    asyncio.run(drop())
    assert "never retrieved" in caplog.text
    caplog.clear()
    asyncio.run(hushed())
    assert not caplog.records


DRIVER = """
import os, signal, sys, time
from pathlib import Path
from screenkit.executors.dask_nannies import NannyExecutor
from tests.executors.stand_ins import StandIn
from tests.executors.test_executors import make_work
if __name__ == "__main__":
    # A shell that starts the tests in the background leaves SIGINT ignored for all of them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with NannyExecutor.of(int(sys.argv[2])) as executor:
        task = StandIn(Path(sys.argv[1]) / "shards", "s")
        for report in executor.run(task, make_work(["sleep 0.1"] * 4000)):
            old = executor._nursery.pids()
            os.kill(old[0], signal.SIGKILL)
            while not set(executor._nursery.pids()) - set(old):
                time.sleep(0.01)
            print("starting", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_driver_stopped_while_a_worker_starts_leaves_no_process(tmp_path, number):
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(tmp_path / "driver.py"), str(tmp_path), str(count_cores() + 2)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "starting\n"
    children = psutil.Process(driver.pid).children(recursive=True)
    assert len(children) >= 2
    if number == signal.SIGINT:
        os.killpg(driver.pid, number)  # as a terminal does
    else:
        driver.send_signal(number)
    try:
        _, complaints = driver.communicate(timeout=60)
    finally:
        kill(driver.pid)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    # Only the driver has something to say of Ctrl-C, and nobody of anything else.
    assert complaints.count("Traceback") == (number == signal.SIGINT), complaints
