"""A small Slurm on this machine for tests, from `slurm/local/`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
LOCAL = ROOT / "slurm" / "local"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")


class Cluster:
    """A Slurm that runs in a folder."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.env = os.environ | settings | {"SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> None:
        """Start it, or what of it is dead."""
        done = subprocess.run(
            [LOCAL / "start.sh", self.folder], env=self.env, capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"Slurm does not start here: {done.stderr[-600:]}")

    def stop(self) -> None:
        subprocess.run([LOCAL / "stop.sh", self.folder], env=self.env, capture_output=True)

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Let this process submit jobs here, which find this package."""
        for name in ("SLURM_CONF", "PATH"):
            patch.setenv(name, self.env[name])
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, sys.path)]))

    def clear(self) -> None:
        """Cancel all jobs, such as a test that fails has left."""
        subprocess.run(["scancel", "--quiet", "--me"], env=self.env, capture_output=True)

    def daemon(self, node: str) -> int:
        """Return the process of a node's slurmd."""
        return int((self.folder / "pids" / f"slurmd-{node}").read_text())

    def kill_node(self, node: str) -> int:
        """Kill a node's daemon and all that it started, as a power cut does; return how many."""
        spool, daemon = str(self.folder / "spool" / node), self.daemon(node)
        steps = [
            process
            for process in psutil.process_iter(["name"])
            if process.info["name"] == "slurmstepd" and _holds(process, spool)
        ]
        doomed = [p for step in steps for p in [step, *step.children(recursive=True)]]
        os.kill(daemon, signal.SIGKILL)
        for process in doomed:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return len(doomed)


def _holds(process: psutil.Process, folder: str) -> bool:
    """Return whether a process has a file or a socket of this folder open."""
    try:
        return any(
            connection.laddr and str(connection.laddr).startswith(folder)
            for connection in process.net_connections("unix")
        ) or any(file.path.startswith(folder) for file in process.open_files())
    except psutil.Error:
        return False


@contextmanager
def cluster(folder: Path, **settings: str) -> Iterator[Cluster]:
    """Yield a Slurm; skip the test where there can be none."""
    path = os.environ["PATH"] + os.pathsep + "/usr/sbin"
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        pytest.skip(f"no {missing[0]}: apt-get install slurmctld slurmd slurm-client munge")
    port = _free_port()
    made = Cluster(folder, {"PORT": str(port), "PATH": path, **settings})
    try:
        try:
            made.start()
        except RuntimeError as error:
            pytest.skip(str(error))
        yield made
    finally:
        made.stop()


def _free_port() -> int:
    """Return a port that is free, as are the few after it."""
    for port in range(17600 + 8 * (os.getpid() % 200), 30000, 8):
        with suppress(OSError):
            for next_one in range(port, port + 4):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", next_one))
            return port
    pytest.skip("no free ports")
