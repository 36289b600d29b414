"""A stage does what is left, and nothing twice; structures in = rows out, whoever was killed."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from screenkit.crystal.library import Library
from screenkit.errors import MismatchError, StorageError
from screenkit.executors.board import Board
from screenkit.executors.executor import Work
from screenkit.executors.serial import SerialExecutor
from screenkit.flows.stage import run_stage
from screenkit.plan import Plan
from screenkit.store.merge import SHARDS
from screenkit.store.publish import sweep
from screenkit.store.store import Store
from screenkit.track import Track
from tests.executors.stand_ins import TARGETS, StandIn

SIZE = 5


class Ear(Track):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def start(self, label: str, total: int, done: int = 0) -> None:
        self.said.append(("start", (total, done)))

    def advance(self, structures: int, failed: int = 0) -> None:
        self.said.append(("advance", (structures, failed)))

    def note(self, text: str) -> None:
        self.said.append(("note", text))

    def finish(self) -> None:
        self.said.append(("finish", None))


def make_library(folder: Path, texts: list[str]) -> Library:
    folder.mkdir(exist_ok=True)
    for i, text in enumerate(texts):
        (folder / f"m{i:04d}.cif").write_text(text)
    return Library.open(folder)


def make_plan(library: Library, model: str = "a") -> Plan:
    return Plan(len(library), library.digest, SIZE, {"predict": {"model": model}})


def stage(library: Library, run: Path, model: str = "a", ear: Track | None = None) -> Store:
    plan = make_plan(library, model)
    task = StandIn(run / SHARDS, plan.stamp, run.with_name("log"))
    run.mkdir(exist_ok=True)
    return run_stage(library, plan, task, SerialExecutor(), run, ear, targets=TARGETS)


def shards_done(run: Path) -> list[int]:
    """Return the shards that were worked on, in order."""
    log = run.with_name("log")
    return [int(line.split()[0]) for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def library(tmp_path):
    texts = ["ok " + "x" * (i % 9) for i in range(23)]
    texts[4], texts[11] = "fail", "filter"
    return make_library(tmp_path / "src", texts)


def test_structures_in_are_rows_out(library, tmp_path):
    ear = Ear()
    store = stage(library, tmp_path / "run", ear=ear)
    assert store.names.tolist() == list(library.names)
    assert store.outcomes == {"ok": 21, "failed": 1, "filtered": 1}
    assert store.codes == {"parse_error": 1, "overlap": 1}
    assert [said for said in ear.said if said[0] != "note"] == [
        ("start", (23, 0)),
        ("advance", (5, 1)),
        ("advance", (5, 0)),
        ("advance", (5, 1)),
        ("advance", (5, 0)),
        ("advance", (3, 0)),
        ("finish", None),
    ]


def test_a_second_run_does_nothing_and_gives_the_same(library, tmp_path):
    first = stage(library, tmp_path / "run").path.read_bytes()
    assert stage(library, tmp_path / "run").path.read_bytes() == first
    assert shards_done(tmp_path / "run") == [0, 1, 2, 3, 4]


def test_only_missing_shards_are_done_again(library, tmp_path):
    first = stage(library, tmp_path / "run").path.read_bytes()
    (tmp_path / "run" / SHARDS / "000001.h5").unlink()
    (tmp_path / "run" / SHARDS / "000004.h5").unlink()
    ear = Ear()
    assert stage(library, tmp_path / "run", ear=ear).path.read_bytes() == first
    assert shards_done(tmp_path / "run")[5:] == [1, 4]
    assert ear.said[0] == ("start", (23, 15))


def test_a_damaged_shard_is_reported_and_done_again(library, tmp_path):
    first = stage(library, tmp_path / "run").path.read_bytes()
    path = tmp_path / "run" / SHARDS / "000002.h5"
    path.write_bytes(path.read_bytes()[:-1])
    ear = Ear()
    assert stage(library, tmp_path / "run", ear=ear).path.read_bytes() == first
    assert shards_done(tmp_path / "run")[5:] == [2]
    kind, text = ear.said[0]
    assert kind == "note" and "000002.h5 is damaged" in str(text)


def test_a_damaged_or_missing_merge_is_made_again_from_the_shards(library, tmp_path):
    store = stage(library, tmp_path / "run")
    first = store.path.read_bytes()
    store.path.write_bytes(first[:-7])
    assert stage(library, tmp_path / "run").path.read_bytes() == first
    store.path.unlink()
    assert stage(library, tmp_path / "run").path.read_bytes() == first
    assert len(shards_done(tmp_path / "run")) == 5


def test_a_changed_model_is_refused_by_name(library, tmp_path):
    stage(library, tmp_path / "run")
    with pytest.raises(MismatchError, match=r"predict\.model: was 'a', now 'b'") as caught:
        stage(library, tmp_path / "run", model="b")
    assert caught.value.exit_code == 65
    assert "--output" in caught.value.hint
    assert len(stage(library, tmp_path / "run")) == 23  # and nothing was harmed


def test_a_changed_library_is_refused_by_name(library, tmp_path):
    stage(library, tmp_path / "run")
    (tmp_path / "src" / "new.cif").write_text("ok")
    with pytest.raises(MismatchError, match="structures: was 23, now 24"):
        stage(Library.open(tmp_path / "src"), tmp_path / "run")


def test_the_time_of_files_decides_nothing(library, tmp_path):
    stage(library, tmp_path / "run")
    for path in [*(tmp_path / "src").iterdir(), *(tmp_path / "run").rglob("*")]:
        for year in (-10, 10):
            os.utime(path, times=(time.time() + year * 3.15e7,) * 2)
    stage(library, tmp_path / "run")
    assert len(shards_done(tmp_path / "run")) == 5


def test_files_that_vanish_under_way_are_rows(library, tmp_path):
    for name in library.names[7:9]:
        (tmp_path / "src" / f"{name}.cif").unlink()
    assert stage(library, tmp_path / "run").codes["unreadable"] == 2


def test_a_full_disk_says_how_much_is_safe_and_the_next_run_goes_on(library, tmp_path, monkeypatch):
    write = os.write

    def full(fd, data):
        if len(shards_done(tmp_path / "run")) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match=r"no space writing .*000002\.h5.*; 10 of 23 results"):
        stage(library, tmp_path / "run")
    monkeypatch.undo()
    assert len(stage(library, tmp_path / "run")) == 23
    assert shards_done(tmp_path / "run") == [0, 1, 2, 2, 3, 4]


def test_a_shard_that_another_run_finished_first_is_taken_as_it_is(library, tmp_path):
    """Two drivers in one folder, as if the lock had been deleted."""
    plan = make_plan(library)
    run = tmp_path / "run"
    run.mkdir()
    task = StandIn(run / SHARDS, plan.stamp)

    class Rude(SerialExecutor):
        def run(self, task, work):
            for shard, documents in work:
                task(shard, documents)
                yield task(shard, documents)

    store = run_stage(library, plan, task, Rude(), run, targets=TARGETS)
    assert store.names.tolist() == list(library.names)


def test_a_task_that_writes_nothing_is_found_out(library, tmp_path):
    class Lazy(SerialExecutor):
        def run(self, task, work):
            yield from (task(*item) for item in work if item[0].index != 3)

    plan = make_plan(library)
    (tmp_path / "run").mkdir()
    task = StandIn(tmp_path / "run" / SHARDS, plan.stamp)
    with pytest.raises(StorageError, match=r"000003\.h5 is missing"):
        run_stage(library, plan, task, Lazy(), tmp_path / "run", targets=TARGETS)


DRIVER = """
import sys
from pathlib import Path
from screenkit.crystal.library import Library
from screenkit.executors.hire import RunSettings, hire
from screenkit.flows.stage import run_stage
from screenkit.store.lock import RunLock
from screenkit.store.merge import SHARDS
from screenkit.store.publish import sweep
from tests.executors.stand_ins import TARGETS, StandIn
from tests.flows.test_stage import make_plan
if __name__ == "__main__":
    source, run, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    library = Library.open(source)
    plan = make_plan(library)
    task = StandIn(run / SHARDS, plan.stamp, run.with_name("log"))
    with RunLock(run):
        executor = hire(RunSettings(executor=kind, workers=2), run)
        run_stage(library, plan, task, executor, run, targets=TARGETS)
"""


def test_what_a_killed_driver_left_of_its_jobs_goes_when_all_is_there(library, tmp_path):
    run = tmp_path / "run"
    stage(library, run)
    board = Board.of(run, StandIn(run / SHARDS, "s"), Work((), library))
    assert board.claim(0, "1_0")
    (board.folder / "work.pkl").write_bytes(b"")
    (board.folder / "jobs" / "1_0_log.err").write_text("said")
    stage(library, run)
    left = [path.name for path in board.folder.rglob("*") if path.is_file()]
    assert left == ["1_0_log.err"]


def wait_for_writers(folder: Path) -> None:
    """Wait until nobody alive has a draft in a folder, half a minute at most, and sweep it."""
    end = time.monotonic() + 30
    while sweep(folder) >= 0 and time.monotonic() < end:
        if not list(folder.glob(".*.part")):
            return
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        ("serial", 4),
        pytest.param("serial", 30, marks=pytest.mark.slow),
        pytest.param("dask", 2, marks=pytest.mark.slow),
        pytest.param("dask", 8, marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_driver_killed_again_and_again_ends_with_the_same_rows(tmp_path, kind, kills):
    texts = ["sleep 0.004" if i % 3 else "fail" for i in range(20 * kills)]
    library = make_library(tmp_path / "src", texts)
    calm = tmp_path / "calm" / "run"
    calm.parent.mkdir()
    expected = stage(library, calm)
    (tmp_path / "driver.py").write_text(DRIVER)
    (tmp_path / "wild").mkdir()
    run = tmp_path / "wild" / "run"
    command = [sys.executable, tmp_path / "driver.py", tmp_path / "src", run, kind]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    dice = random.Random(kills)
    for _ in range(kills):
        driver = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 20
        before = len(shards_done(run))
        while len(shards_done(run)) == before and driver.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.1))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    subprocess.run(command, env=environment, check=True, timeout=120)
    store = Store.open(run)
    for name in ("name", "outcome", "code", "message", "n_atoms", "length"):
        np.testing.assert_array_equal(store.column(name), expected.column(name))
    # A worker of the last killed driver may still write when the run that ends it all sweeps.
    wait_for_writers(run / SHARDS)
    left = sorted(path.name for path in run.iterdir())
    assert left == ["plan.json", "predictions.h5", SHARDS]
    assert not [path for path in (run / SHARDS).iterdir() if path.name.startswith(".")]
    # At most one shard per worker and kill was done twice.
    repeated = len(shards_done(run)) - len(make_plan(library).shards)
    assert repeated <= kills * (2 if kind == "dask" else 1)
