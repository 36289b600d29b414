"""The log of a run tells what happened, and never decides it."""

from __future__ import annotations

from pathlib import Path

import pytest

from screenkit.errors import OutputError, StorageError
from screenkit.flows.run_log import run_log

FULL = Path("/dev/full")


def test_a_log_holds_what_was_told_and_what_stopped_the_run(tmp_path):
    with pytest.raises(StorageError), run_log(tmp_path, None) as told:
        told.note("5 structures")
        raise StorageError("no space writing x")
    text = (tmp_path / "run.log").read_text()
    assert "5 structures" in text
    assert "stopped by StorageError: no space writing x" in text


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_stops_no_run_and_prints_nothing(tmp_path, capfd):
    (tmp_path / "run.log").symlink_to(FULL)
    with run_log(tmp_path, None) as told:
        told.note("5 structures")
    assert capfd.readouterr() == ("", "")


def test_a_log_that_cannot_be_opened_names_another_output(tmp_path):
    (tmp_path / "run.log").mkdir()
    with pytest.raises(OutputError) as caught, run_log(tmp_path, None):
        pass
    assert "--output" in caught.value.hint
