"""Fixtures that many tests share."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.executors.slurm_cluster import Cluster, cluster

# Small networks lose more by sharing a product among threads than they gain. Set before torch
# wakes, and inherited by the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real structures that SCREENKIT_DATA names."""
    folder = os.environ.get("SCREENKIT_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SCREENKIT_DATA names no folder of real structures")
    return Path(folder)


@pytest.fixture(scope="session")
def bad_corpus(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of bad files, made once, and what must become of each in `expected.csv`."""
    generator = data / "bad" / "make_bad.py"
    if not generator.exists():
        pytest.skip("SCREENKIT_DATA has no bad/make_bad.py")
    folder = tmp_path_factory.mktemp("bad")
    command = [sys.executable, str(generator), str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


@pytest.fixture(scope="session")
def expected(bad_corpus: Path) -> list[dict[str, str]]:
    """The rows of the corpus's `expected.csv`."""
    with (bad_corpus / "expected.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 321
    return rows


@pytest.fixture(scope="session")
def slurm_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes of two slots; preempted jobs get SIGTERM alone; arrays of five at most."""
    settings = {"MAX_ARRAY": "5", "PREEMPT_SIGNAL": "0", "GRACE": "4"}
    with cluster(tmp_path_factory.mktemp("slurm"), **settings) as made:
        yield made


@pytest.fixture
def slurm(slurm_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """That cluster, with no jobs in it."""
    slurm_cluster.enter(monkeypatch)
    yield slurm_cluster
    slurm_cluster.clear()
