"""One worker per device and readers ahead of it; the devices of these tests are CPUs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.library import Library
from screenkit.errors import UsageError
from screenkit.executors.dask_cuda import CudaExecutor, device_names
from screenkit.executors.dask_nannies import NannyExecutor
from screenkit.executors.executor import Executor, Work
from screenkit.executors.hire import RunSettings, hire
from screenkit.executors.serial import SerialExecutor
from screenkit.models.checkpoint import Checkpoint
from screenkit.plan import Shard
from screenkit.store.row import Row
from screenkit.store.shard_file import read_shard, shard_path
from screenkit.tasks.predict import PredictTask
from screenkit.tasks.predict_settings import PredictSettings
from tests.executors.stand_ins import Fed
from tests.executors.test_executors import make_work, outcomes, run
from tests.models.tiny import write_tiny

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"


@pytest.fixture
def executor() -> Iterator[Executor]:
    with CudaExecutor(["0", "1"], readers=2) as devices:
        yield devices


def test_each_worker_sees_its_own_device_and_one_thread_for_arithmetic(executor, tmp_path):
    texts = ["env CUDA_VISIBLE_DEVICES", "env OMP_NUM_THREADS", "sleep 0.05", "ok"] * 12
    run(executor, tmp_path, texts)
    found = outcomes(tmp_path, texts)
    assert {message for _, message in found[0::4]} == {"0", "1"}
    assert {message for _, message in found[1::4]} == {"1"}


@pytest.mark.slow
def test_a_structure_that_kills_a_reader_is_one_failed_row(executor, tmp_path):
    texts = ["ok"] * 40
    texts[6], texts[17], texts[19] = "exit 139", "segfault", "exit 1"
    task = Fed(tmp_path / "shards", "s")
    reports = list(executor.run(task, make_work(texts)))
    assert sum(report.structures for report in reports) == 40
    assert {i: f for i, f in enumerate(outcomes(tmp_path, texts)) if f != ("", "")} == {
        6: ("worker_lost", "its process ended with status 139"),
        17: ("worker_lost", "its process was killed by signal 11 (SIGSEGV)"),
        19: ("worker_lost", "its process ended with status 1"),
    }


@pytest.mark.slow
def test_a_structure_that_kills_the_worker_itself_is_one_failed_row(executor, tmp_path):
    texts = ["ok"] * 40
    texts[6] = "exit 139"
    run(executor, tmp_path, texts)
    found = outcomes(tmp_path, texts)
    assert [i for i, (code, _) in enumerate(found) if code] == [6]


def predictions(executor: Executor, folder: Path, device: str = "cpu") -> list[Row]:
    """Return the rows that an executor makes of the examples, in library order."""
    library = Library.open(EXAMPLES)
    starts = range(0, len(library), 5)
    shards = [Shard(i, s, min(s + 5, len(library))) for i, s in enumerate(starts)]
    path = write_tiny(folder)
    task = PredictTask(
        folder=folder / "shards",
        stamp="s",
        checkpoint=path,
        digest=Checkpoint.load(path).digest,
        checks=CheckSettings(),
        settings=PredictSettings(device=device, batch_atoms=500),
    )
    with executor:
        reports = list(executor.run(task, Work(tuple(shards), library)))
    assert sorted(report.shard for report in reports) == list(range(len(shards)))
    fed = isinstance(executor, CudaExecutor)
    assert all((report.busy is not None) == fed for report in reports)
    assert not fed or max(report.busy for report in reports) > 0
    return [
        row
        for shard in shards
        for row in read_shard(shard_path(folder / "shards", shard), shard, "s").rows()
    ]


@pytest.mark.slow
def test_predictions_are_those_of_one_process_to_the_last_bit_whatever_the_readers(tmp_path):
    folders = [tmp_path / name for name in ("serial", "one", "three")]
    for folder in folders:
        folder.mkdir()
    alone = predictions(SerialExecutor(), folders[0])
    assert len([row for row in alone if row.values]) > 5
    # repr, because NaN is not equal to itself; it tells doubles apart to the last bit.
    assert repr(predictions(CudaExecutor(["0"], 1), folders[1])) == repr(alone)
    assert repr(predictions(CudaExecutor(["0", "1"], 3), folders[2])) == repr(alone)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_predictions_on_cuda_devices_are_those_on_the_cpu_within_rounding(tmp_path):
    folders = [tmp_path / name for name in ("serial", "devices")]
    for folder in folders:
        folder.mkdir()
    alone = predictions(SerialExecutor(), folders[0])
    names = device_names(torch.cuda.device_count())
    fed = predictions(CudaExecutor(names, 2), folders[1], "cuda")
    assert [(row.name, row.code) for row in fed] == [(row.name, row.code) for row in alone]
    for ours, theirs in zip(fed, alone, strict=True):
        np.testing.assert_allclose(ours.values, theirs.values, atol=1e-4)


DRIVER = """
import sys
from pathlib import Path
from screenkit.executors.dask_cuda import CudaExecutor
from tests.executors.stand_ins import Fed
from tests.executors.test_executors import make_work
if __name__ == "__main__":
    with CudaExecutor(["0", "1"], 2) as executor:
        task = Fed(Path(sys.argv[1]) / "shards", "s")
        for report in executor.run(task, make_work(["sleep 0.1"] * 4000)):
            print(report.shard, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_driver_that_is_killed_leaves_no_worker_and_no_reader(tmp_path, number):
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, str(tmp_path / "driver.py"), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert driver.stdout is not None
    for _ in range(3):
        driver.stdout.readline()
    children = psutil.Process(driver.pid).children(recursive=True)
    assert len(children) >= 2 + 4
    listening = {
        connection.laddr.ip
        for process in [psutil.Process(driver.pid), *children]
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    start = time.monotonic()
    driver.send_signal(number)
    driver.communicate(timeout=20)
    _, alive = psutil.wait_procs(children, timeout=10 - (time.monotonic() - start))
    for process in alive:
        process.kill()
    assert not alive
    assert listening == {"127.0.0.1"}


# Who is hired


def test_devices_are_taken_by_themselves_where_there_are_any(tmp_path):
    assert type(hire(RunSettings(), tmp_path, devices=0)) is NannyExecutor
    assert type(hire(RunSettings(), tmp_path, devices=2)) is CudaExecutor
    assert type(hire(RunSettings(executor="dask"), tmp_path, devices=2)) is NannyExecutor


def test_without_a_device_the_user_is_told_what_to_install(tmp_path):
    with pytest.raises(UsageError, match="no CUDA device") as caught:
        hire(RunSettings(executor="dask-cuda"), tmp_path, devices=0)
    assert "install NVIDIA's driver and a CUDA build of torch" in caught.value.hint


def test_readers_share_all_cores_but_two_and_workers_the_shards(tmp_path, monkeypatch):
    from screenkit.executors import dask_cuda

    asked = []
    monkeypatch.setattr(dask_cuda, "CudaExecutor", lambda *given: asked.append(given))
    monkeypatch.setattr("screenkit.executors.hire.count_cores", lambda: 16)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    hire(RunSettings(), tmp_path, devices=4)
    hire(RunSettings(readers=3, workers=2), tmp_path, devices=4)
    hire(RunSettings(), tmp_path, devices=4, most=1)
    assert asked == [(["0", "1", "2", "3"], 3), (["0", "1"], 3), (["0"], 14)]


def test_no_more_workers_than_devices(tmp_path):
    with pytest.raises(UsageError, match="there are 2"):
        hire(RunSettings(executor="dask-cuda", workers=3), tmp_path, devices=2)


@pytest.mark.parametrize(
    ("visible", "names"), [(None, ["0", "1"]), ("3,GPU-5", ["3", "GPU-5"]), ("2, 7,9", ["2", "7"])]
)
def test_devices_are_called_as_the_environment_calls_them(monkeypatch, visible, names):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device_names(2) == names
