"""A run of Slurm jobs, left alone: watched, read, merged and cancelled from outside."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from screenkit.cli.app import run
from tests.cli.test_rank import arguments

pytestmark = pytest.mark.slurm


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    assert run(["status", str(folder), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def detached(library: Path, model: Path, output: Path, *more: str) -> list[str]:
    words = arguments(library, model, output, "--shard-size", "3", "--detach", *more)
    words[words.index("serial")] = "slurm"
    return [*words, "--jobs", "2", "--time", "10", "--memory", "1000M", "-q"]


def test_a_detached_run_is_watched_read_and_merged(
    slurm, library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    made, calm = tmp_path / "run", tmp_path / "calm"
    assert run(detached(library, model, made)) == 0
    status = told(made, capsys)
    assert status["state"] == "running" and status["driver"] is None
    assert len(status["jobs"]) == 2
    assert run(["merge", str(made)]) == 73
    assert "2 Slurm jobs are at work" in capsys.readouterr().err
    end = time.monotonic() + 300
    while told(made, capsys)["state"] == "running":
        assert time.monotonic() < end
        time.sleep(1)
    assert told(made, capsys)["done"] == 7
    assert run(["logs", str(made), "--shard", "1"]) == 0
    assert "shard 1 is done" in capsys.readouterr().out
    assert run(["merge", str(made)]) == 0
    assert told(made, capsys)["state"] == "complete"
    assert run(arguments(library, model, calm, "--shard-size", "3", "-q")) == 0
    for name in ("ranking.csv", "failures.csv"):
        assert (made / name).read_bytes() == (calm / name).read_bytes()


def test_jobs_are_cancelled_from_outside(
    slurm, library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(detached(library, model, tmp_path / "run")) == 0
    capsys.readouterr()
    assert run(["cancel", str(tmp_path / "run")]) == 0
    assert "cancelled the Slurm jobs" in capsys.readouterr().out
    end = time.monotonic() + 60
    while told(tmp_path / "run", capsys)["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.5)
