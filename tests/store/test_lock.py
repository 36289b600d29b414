"""One run at a time per folder; a dead one does not stand in the way."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from screenkit.errors import NoSpaceError, OutputError
from screenkit.store.lock import LOCK, RunLock

HOLD = """
import sys, time
from pathlib import Path
from screenkit.errors import OutputError
from screenkit.store.lock import RunLock
folder, begin, seconds = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
time.sleep(max(0, begin - time.time()))
try:
    with RunLock(folder):
        print("mine", flush=True)
        time.sleep(seconds)
except OutputError as error:
    print(error.message, flush=True)
    sys.exit(error.exit_code)
"""


def hold(folder: Path, begin: float = 0, seconds: float = 60) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(begin), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_lock_makes_its_folder_and_leaves_nothing(tmp_path):
    RunLock(tmp_path / "a" / "run").refuse()
    assert not (tmp_path / "a").exists()
    with RunLock(tmp_path / "a" / "run"):
        assert (tmp_path / "a" / "run" / LOCK).exists()
    assert list((tmp_path / "a" / "run").iterdir()) == []
    with RunLock(tmp_path / "a" / "run"):
        pass


def test_a_second_run_is_told_who_holds_the_folder_within_two_seconds(tmp_path):
    holder = hold(tmp_path)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "mine\n"
        start = time.monotonic()
        with pytest.raises(OutputError) as caught, RunLock(tmp_path):
            pass
        assert time.monotonic() - start < 2
        with pytest.raises(OutputError, match=f"process {holder.pid}"):
            RunLock(tmp_path).refuse()
        assert caught.value.exit_code == 73
        assert f"process {holder.pid} on {socket.gethostname()} since 20" in caught.value.message
    finally:
        holder.kill()
        holder.wait()


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path):
    holder = hold(tmp_path)
    assert holder.stdout is not None and holder.stdout.readline() == "mine\n"
    holder.kill()
    time.sleep(0.1)  # not waited for: a zombie is dead too
    with RunLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    holder.wait()


def forge(folder: Path, **changes: object) -> None:
    with RunLock(folder):
        facts = json.loads((folder / LOCK).read_text())
    (folder / LOCK).write_text(json.dumps(facts | changes))


@pytest.mark.parametrize("changes", [{"boot": "another"}, {"started": "1"}, {"pid": 2**22 + 1}])
def test_a_lock_from_before_the_boot_or_of_a_reused_pid_is_taken_over(tmp_path, changes):
    forge(tmp_path, **changes)
    with RunLock(tmp_path):
        pass


@pytest.mark.parametrize("changes", [{}, {"host": "another", "pid": 2**22 + 1}])
def test_a_lock_of_the_living_or_of_another_host_is_respected(tmp_path, changes):
    forge(tmp_path, **changes)
    with pytest.raises(OutputError, match="in use by process"), RunLock(tmp_path):
        pass
    assert (tmp_path / LOCK).exists()


def test_a_lock_that_says_nothing_is_not_broken(tmp_path):
    (tmp_path / LOCK).write_text("")
    with pytest.raises(OutputError, match="cannot be read"), RunLock(tmp_path):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("stale", [False, True])
def test_of_simultaneous_starters_exactly_one_wins(tmp_path, stale):
    for trial in range(3):
        folder = tmp_path / str(trial)
        if stale:
            forge(folder, pid=2**22 + 1)
        begin = time.time() + 0.6
        starters = [hold(folder, begin, 0.8) for _ in range(5)]
        said = [starter.communicate()[0] for starter in starters]
        assert sorted(starter.returncode for starter in starters) == [0, 73, 73, 73, 73]
        assert sum(text == "mine\n" for text in said) == 1


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/screenkit")):
        with pytest.raises(OutputError) as caught, RunLock(folder):
            pass
        assert caught.value.exit_code == 73


def test_a_fork_does_not_give_the_lock_back(tmp_path):
    lock = RunLock(tmp_path)
    with lock:
        child = os.fork()
        if child == 0:
            lock.__exit__(None, None, None)
            os._exit(0)
        os.waitpid(child, 0)
        assert (tmp_path / LOCK).exists()


@pytest.mark.parametrize("call", ["mkdir", "write"])
def test_a_full_disk_is_no_fault_of_the_folder(tmp_path, monkeypatch, call):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(NoSpaceError) as caught, RunLock(tmp_path / "run"):
        pass
    assert caught.value.exit_code == 74
    assert "free space" in caught.value.hint
