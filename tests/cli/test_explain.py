"""`screenkit explain` from the command line to the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from screenkit.cli.app import run


@pytest.fixture(scope="module")
def ranked(library: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("ranked") / "run"
    words = ["rank", str(library), "--model", str(model), "-o", str(output), "-q"]
    assert run([*words, "--executor", "serial"]) == 0
    return output


def test_a_run_is_explained_in_its_own_folder(ranked: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["explain", str(ranked), "--top", "2", "--draw", "1"]) == 0
    shown = capsys.readouterr()
    assert "2 structures = 2 ok" in shown.out
    assert "report.html" in shown.out and "atoms.h5" in shown.out
    assert "Explaining" in shown.err
    assert (ranked / "explain" / "report.html").stat().st_size > 0
    assert len(list((ranked / "explain" / "pictures").glob("*.png"))) == 1


@pytest.mark.slow
def test_a_library_and_a_model_will_do(library: Path, model: Path, tmp_path: Path):
    output = tmp_path / "out"
    words = ["explain", str(library), "-m", str(model), "--name", "NaCl", "--name", "double"]
    assert run([*words, "--executor", "serial", "-o", str(output), "-q", "--draw", "0"]) == 0
    assert sorted(p.name for p in (output / "cif").iterdir()) == ["NaCl.cif", "double.cif"]
    assert run(["verify", str(output)]) == 0
    (output / "atoms.h5").write_bytes(b"not what it was")
    assert run(["verify", str(output)]) == 74
    assert run(["verify", str(output), "--repair"]) == 0
    assert run(["verify", str(output)]) == 0


def test_a_slip_is_one_clear_line(ranked: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["explain", str(ranked), "--name", "NaCI"]) == 64
    shown = capsys.readouterr().err
    assert "error: there is no structure named 'NaCI'" in shown
    assert "did you mean NaCl?" in shown
    assert run(["explain", str(ranked), "--top", "0"]) == 64
    assert "error: --top" in capsys.readouterr().err
