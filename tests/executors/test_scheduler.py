"""A Dask cluster that is already there; here on this machine, with processes for workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster, Security

import screenkit
from screenkit.errors import MismatchError, OutputError, UsageError, WorkersLostError
from screenkit.executors import dask_scheduler as room
from screenkit.executors.dask_scheduler import SchedulerExecutor, find_address, refuse_open_ears
from screenkit.executors.hire import RunSettings, hire
from tests.executors.stand_ins import StandIn
from tests.executors.test_executors import make_work, outcomes, run


def start(workers: int, threads: int = 1, **options) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        **options,
    )


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with start(2) as cluster:
        yield cluster


def executor(cluster: LocalCluster, folder: Path) -> SchedulerExecutor:
    return SchedulerExecutor(cluster.scheduler_address, folder)


def test_the_workers_of_a_cluster_do_the_work_and_stay_when_we_leave(cluster, tmp_path):
    texts = ["ok"] * 30 + ["fail", "filter"]
    for folder in (tmp_path / "a", tmp_path / "b"):
        with hire(RunSettings(scheduler=cluster.scheduler_address), folder) as workers:
            run(workers, folder, texts)
        assert outcomes(folder, texts)[-2:] == [("parse_error", "no CIF"), ("overlap", "too close")]
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        assert len(client.nthreads()) == 2
    assert not list(tmp_path.rglob(".probe-*"))


def test_a_scheduler_file_names_the_cluster(cluster, tmp_path):
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"type": "Scheduler", "address": cluster.scheduler_address}))
    with hire(RunSettings(executor="dask", scheduler=str(file)), tmp_path) as workers:
        assert len(run(workers, tmp_path, ["ok"] * 8)) == 2


def test_relative_paths_begin_where_the_run_was_started(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with SchedulerExecutor(cluster.scheduler_address, Path("run")) as workers:
        list(workers.run(StandIn(Path("run/shards"), "s"), make_work(["ok"] * 8)))
    assert outcomes(tmp_path / "run", ["ok"] * 8) == [("", "")] * 8


@pytest.mark.slow
def test_a_structure_that_kills_its_worker_is_one_failed_row(tmp_path):
    texts = ["ok"] * 40
    texts[6] = "exit 139"
    with start(2) as cluster, executor(cluster, tmp_path) as workers:
        reports = run(workers, tmp_path, texts)
    assert sum(report.structures for report in reports) == 40
    found = outcomes(tmp_path, texts)
    assert {i: code for i, (code, _) in enumerate(found) if code} == {6: "worker_lost"}


def test_workers_of_another_version_are_refused(cluster, tmp_path, monkeypatch):
    theirs = screenkit.__version__
    monkeypatch.setattr(screenkit, "__version__", "99.9")
    with (
        pytest.raises(MismatchError, match=rf"worker tcp://.* has screenkit {theirs}.* is 99\.9"),
        executor(cluster, tmp_path),
    ):
        pass


@pytest.mark.slow
def test_workers_without_screenkit_are_refused(tmp_path):
    (tmp_path / "screenkit.py").write_text("# not ours\n")
    command = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1"]
    command += ["--host", "127.0.0.1", "--no-dashboard", "--local-directory", str(tmp_path)]
    with start(0) as cluster:
        worker = subprocess.Popen(
            [*command, cluster.scheduler_address],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        )
        try:
            with (
                pytest.raises(MismatchError, match="cannot run screenkit") as caught,
                executor(cluster, tmp_path / "run"),
            ):
                pass
        finally:
            worker.terminate()
            worker.wait(20)
    assert "install this version" in caught.value.hint


def test_a_worker_of_another_version_that_comes_later_does_nothing(cluster, tmp_path, monkeypatch):
    with executor(cluster, tmp_path) as workers:
        monkeypatch.setattr(screenkit, "__version__", "99.9")
        with pytest.raises(MismatchError, match="a worker that came later"):
            run(workers, tmp_path, ["ok"])
    assert not list(tmp_path.rglob("*.h5"))


def test_workers_that_do_not_see_the_folder_are_refused(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "touch", lambda *_, **__: None)  # as if it were another folder
    with pytest.raises(OutputError, match="sees no such folder"), executor(cluster, tmp_path):
        pass


@pytest.mark.slow
def test_workers_with_several_threads_are_refused(tmp_path):
    with (
        start(1, threads=2) as cluster,
        pytest.raises(MismatchError, match="2 tasks at once") as caught,
        executor(cluster, tmp_path),
    ):
        pass
    assert "--nthreads 1" in caught.value.hint


def test_a_cluster_without_workers_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(SchedulerExecutor, "patience", 0.5)
    with (
        start(0) as cluster,
        pytest.raises(WorkersLostError, match="no worker within") as caught,
        executor(cluster, tmp_path),
    ):
        pass
    assert "dask worker" in caught.value.hint


def test_a_scheduler_that_does_not_answer_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "_ANSWER", 1.0)
    with (
        pytest.raises(WorkersLostError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        SchedulerExecutor("127.0.0.1:9", tmp_path),
    ):
        pass


@pytest.mark.parametrize("address", ["tcp://10.1.2.3:8786", "10.1.2.3:8786", "tcp://node7:8786"])
def test_an_open_address_beyond_this_machine_must_be_allowed(address, tmp_path):
    with pytest.raises(UsageError, match="not encrypted") as caught:
        hire(RunSettings(scheduler=address), tmp_path)
    assert "--insecure" in caught.value.hint
    hire(RunSettings(scheduler=address, insecure=True), tmp_path)


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:1", "tcp://localhost:1", "tcp://[::1]:1", "tls://10.1.2.3:8786",
     "wss://node7:1"],
)  # fmt: skip
def test_an_encrypted_or_local_address_needs_no_permission(address):
    refuse_open_ears(address, insecure=False)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "No such file"), ("{}", "names no address"), ("[", "no address")]
)
def test_a_file_that_is_none_of_a_scheduler_is_named(tmp_path, content, said):
    file = tmp_path / "scheduler.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=said):
        find_address(str(file))


def test_a_scheduler_goes_with_dask_alone(tmp_path):
    with pytest.raises(UsageError, match="not serial"):
        hire(RunSettings(executor="serial", scheduler="tls://a:1"), tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl")
def test_tls_is_as_dask_is_configured(tmp_path):
    import dask

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=screenkit", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    tls = {"distributed.comm.tls.ca-file": str(certificate)}
    for role in ("client", "scheduler", "worker"):
        tls[f"distributed.comm.tls.{role}.cert"] = str(certificate)
        tls[f"distributed.comm.tls.{role}.key"] = str(key)
    with dask.config.set(tls):
        security = Security(require_encryption=True)
        with start(1, security=security, protocol="tls://") as cluster:
            assert cluster.scheduler_address.startswith("tls://")
            with executor(cluster, tmp_path) as workers:
                run(workers, tmp_path, ["ok"] * 8)
    assert outcomes(tmp_path, ["ok"] * 8) == [("", "")] * 8
