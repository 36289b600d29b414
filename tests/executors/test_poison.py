"""A structure that kills its process, or eats all memory, costs one row, whoever works on it.

Jobs of Slurm: `test_slurm.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from screenkit.executors import dask_cuda, dask_nannies
from screenkit.executors.culprits import find_culprits
from screenkit.executors.dask_cuda import CudaExecutor
from screenkit.executors.dask_nannies import NannyExecutor
from tests.executors.stand_ins import Fed, StandIn
from tests.executors.test_executors import make_work, outcomes

EXECUTORS: dict[str, Callable[[], NannyExecutor]] = {
    "dask": lambda: NannyExecutor.of(2),
    "dask-cuda": lambda: CudaExecutor(["0", "1"], readers=2),
}
KILLED = ("worker_lost", "its process was killed by signal 9 (SIGKILL)")


def bad_rows(
    executor: NannyExecutor, kind: type[StandIn], folder: Path, texts: list[str]
) -> dict[int, tuple[str, str]]:
    """Return code and message of the rows that are not ok."""
    with executor:
        reports = list(executor.run(kind(folder / "shards", "s"), make_work(texts)))
    assert sum(report.structures for report in reports) == len(texts)
    return {i: found for i, found in enumerate(outcomes(folder, texts)) if found[0]}


@pytest.mark.parametrize(
    ("name", "kind"), [("dask", StandIn), ("dask-cuda", StandIn), ("dask-cuda", Fed)]
)
@pytest.mark.slow
def test_a_structure_that_kills_its_process_costs_one_row(name, kind, tmp_path):
    texts = ["ok"] * 24
    texts[9] = "kill"
    assert bad_rows(EXECUTORS[name](), kind, tmp_path, texts) == {9: KILLED}


def test_a_signal_from_elsewhere_blames_no_structure(tmp_path):
    texts = ["ok", f"kill {tmp_path / 'once'}", "ok", "kill"]
    ((_, documents),) = make_work(texts)
    assert find_culprits(StandIn(tmp_path, "s"), documents) == {"m3": KILLED[1]}
    assert (tmp_path / "once").exists()


@pytest.mark.slow
def test_a_structure_that_eats_the_memory_of_its_worker_costs_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_nannies, "MEMORY_LIMIT", 2 * 700 * 2**20)
    texts = ["ok"] * 24
    texts[9] = "hog"
    found = bad_rows(EXECUTORS["dask"](), StandIn, tmp_path, texts)
    assert found == {9: ("worker_lost", "needs more than the 0.7 GiB of a worker")}


@pytest.mark.slow
def test_a_structure_that_eats_the_memory_of_its_reader_costs_one_row(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_cuda, "MEMORY_LIMIT", 0)
    monkeypatch.setattr(dask_cuda, "_READER_MEMORY", 700 * 2**20)
    texts = ["ok"] * 24
    texts[9] = "hog"
    found = bad_rows(EXECUTORS["dask-cuda"](), Fed, tmp_path, texts)
    assert found == {9: ("out_of_memory", "")}
