"""`screenkit report`: the page once more, from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from screenkit.cli.app import run


def test_the_page_is_built_again_and_named(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "run"
    words = ["rank", str(library), "--model", str(model), "--executor", "serial", "-o", str(out)]
    assert run(words) == 0
    assert "report.html" in capsys.readouterr().out
    (out / "report.html").unlink()
    assert run(["report", str(out)]) == 0
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    assert (out / "report.html").stat().st_size > 10_000


def test_a_folder_that_is_no_run_is_refused_in_two_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["report", str(tmp_path)]) == 66
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"error: {tmp_path} is not the folder of a complete run"
    assert len(said) == 2 and "predictions.h5" in said[1]


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "metrics.json").write_text("{")
    assert run(["report", str(tmp_path)]) == 74
    assert "metrics.json" in capsys.readouterr().err
    (tmp_path / "predictions.h5").write_bytes(b"no HDF5")
    assert run(["report", str(tmp_path)]) == 74
    assert "predictions.h5" in capsys.readouterr().err
