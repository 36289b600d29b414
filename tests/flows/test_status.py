"""How far a run is, from the seals of its shards and its lock alone."""

from __future__ import annotations

import pytest

from screenkit.errors import SourceError
from screenkit.flows.status import Watch
from screenkit.store.lock import RunLock
from tests.store.rows import make_plan, write_all


@pytest.fixture
def made(tmp_path):
    """A run of forty structures in four shards, not merged."""
    plan = make_plan(40, 10)
    (tmp_path / "plan.json").write_text(plan.to_json())
    write_all(tmp_path, plan)
    return tmp_path


def test_outcomes_are_counted_from_the_seals(made):
    status = Watch(made).look()
    assert (status.done, status.shards_done, status.state) == (40, 4, "stopped")
    assert status.outcomes == {"ok": 34, "filtered": 0, "failed": 6}


def test_nothing_behind_a_seal_is_read(made):
    path = made / "shards" / "000001.h5"
    path.write_bytes(path.read_bytes()[:512])
    assert Watch(made).look().outcomes == {"ok": 34, "filtered": 0, "failed": 6}
    path.write_bytes(b"")
    assert Watch(made).look().done == 30


def test_a_rate_is_that_of_a_run_at_work_since_it_began(made):
    missing = made / "shards" / "000003.h5"
    data = missing.read_bytes()
    missing.unlink()
    watch = Watch(made)
    with RunLock(made):
        missing.write_bytes(data)
        (made / "shards" / "000002.h5").unlink()
        status = watch.look()
    assert status.state == "running"
    assert status.structures_per_second is not None and status.structures_per_second > 0
    assert status.seconds_left == pytest.approx(10 / status.structures_per_second)
    assert watch.look().structures_per_second is None


def test_a_run_that_has_just_begun_has_no_plan_yet(tmp_path):
    with pytest.raises(SourceError):
        Watch(tmp_path).look()
    with RunLock(tmp_path):
        status = Watch(tmp_path).look()
    assert (status.state, status.structures, status.done) == ("running", 0, 0)
