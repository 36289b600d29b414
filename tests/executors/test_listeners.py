"""Whoever works on a run: nobody listens beyond this machine, from its begin to its end."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from screenkit.executors.dask_cuda import CudaExecutor
from tests.executors.stand_ins import StandIn
from tests.executors.test_executors import make_work
from tests.models.tiny import write_tiny

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"


def listening(root: psutil.Process) -> set[str]:
    """Return the addresses at which a process and all below it listen; what `ss -ltn` shows."""
    found = set()
    with suppress(psutil.Error):
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                found |= {
                    connection.laddr.ip
                    for connection in process.net_connections(kind="inet")
                    if connection.status == psutil.CONN_LISTEN
                }
    return found


@pytest.mark.slow
def test_during_a_run_with_default_options_nobody_listens_beyond_this_machine(tmp_path):
    command = [sys.executable, "-m", "screenkit", "rank", str(EXAMPLES), "-q"]
    command += ["--model", str(write_tiny(tmp_path)), "--output", str(tmp_path / "run")]
    seen, looks = set(), 0
    with subprocess.Popen(command) as driver:
        while driver.poll() is None:
            seen |= listening(psutil.Process(driver.pid))
            looks += 1
            time.sleep(0.05)
    assert driver.returncode == 0
    assert looks > 10
    assert seen == {"127.0.0.1"}


def test_devices_and_readers_do_not_listen_beyond_this_machine(tmp_path):
    below_before = {child.pid for child in psutil.Process().children(recursive=True)}
    with CudaExecutor(["0"], readers=1) as executor:
        list(executor.run(StandIn(tmp_path, "s"), make_work(["ok"] * 8)))
        below = psutil.Process().children(recursive=True)
        assert {child.pid for child in below} - below_before
        assert listening(psutil.Process()) == {"127.0.0.1"}
