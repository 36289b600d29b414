"""`screenkit rank` from the command line to the files, with a model that has learned nothing."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from screenkit.cli.app import run
from screenkit.recipe import Recipe


def arguments(library: Path, model: Path, output: Path, *more: str) -> list[str]:
    words = ["rank", str(library), "--model", str(model), "-o", str(output)]
    return [*words, "--executor", "serial", *more]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_run_writes_all_its_files_and_says_what_became_of_each_structure(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "run"
    assert run(arguments(library, model, output, "--top", "2")) == 0
    shown = capsys.readouterr()
    assert "7 structures = 5 ok + 1 filtered + 1 failed" in shown.out
    assert "overlap" in shown.out
    assert "screenkit rank" in shown.out
    assert "Predicting" in shown.err
    assert len(rows(output / "ranking.csv")) == 5
    assert len(rows(output / "shortlist.csv")) == 2
    assert [row["name"] for row in rows(output / "failures.csv")] == ["broken", "crushed"]
    summary = json.loads((output / "summary.json").read_text())
    assert summary["structures"] == 7
    for name in ("predictions.h5", "report.html", "run.log", "recipe.yaml"):
        assert (output / name).stat().st_size > 0


def test_a_complete_run_is_ranked_again_in_another_way_without_being_computed_again(
    library: Path, model: Path, tmp_path: Path
):
    output = tmp_path / "run"
    assert run(arguments(library, model, output, "-q")) == 0
    before = (output / "predictions.h5").read_bytes()
    again = arguments(library, model, output, "-q", "--target", "heat", "--where", "n_atoms > 8")
    assert run(again) == 0
    assert (output / "predictions.h5").read_bytes() == before
    ranking = [float(row["heat"]) for row in rows(output / "ranking.csv")]
    assert ranking == sorted(ranking)
    assert "NaCl" not in {row["name"] for row in rows(output / "shortlist.csv")}
    assert json.loads((output / "summary.json").read_text())["computed"] == 0


def test_the_command_that_is_offered_next_can_be_typed(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "run"
    assert run(arguments(library, model, output, "--shard-size", "3")) == 0
    offered = capsys.readouterr().out.strip().splitlines()[-1]
    assert run(shlex.split(offered)[1:]) == 0
    assert json.loads((output / "summary.json").read_text())["computed"] == 0


def test_the_recipe_that_a_run_leaves_runs_again_and_gives_the_same(
    library: Path, model: Path, tmp_path: Path
):
    first, second = tmp_path / "first", tmp_path / "second"
    assert run(arguments(library, model, first, "-q", "--top", "60%")) == 0
    words = ["rank", str(library), "--recipe", str(first / "recipe.yaml"), "-o", str(second), "-q"]
    assert run(words) == 0
    for name in ("ranking.csv", "shortlist.csv", "failures.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    assert Recipe.load(first / "recipe.yaml") == Recipe.load(second / "recipe.yaml")


def test_the_command_line_beats_the_recipe(library: Path, model: Path, tmp_path: Path):
    (tmp_path / "r.yaml").write_text("rank:\n  top: 1\n")
    output = tmp_path / "run"
    words = arguments(library, model, output, "-q", "--recipe", str(tmp_path / "r.yaml"))
    assert run(words) == 0
    assert len(rows(output / "shortlist.csv")) == 1
    assert run([*words, "--top", "3"]) == 0
    assert len(rows(output / "shortlist.csv")) == 3


def test_another_model_on_the_same_output_is_refused_and_named(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "run"
    assert run(arguments(library, model, output, "-q")) == 0
    assert run(arguments(library, model, output, "-q", "--shard-size", "3")) == 65
    assert "shard_size: was 256, now 3" in capsys.readouterr().err


@pytest.mark.parametrize(("limit", "code"), [("0", 3), ("1", 0)])
def test_more_failures_than_allowed_end_with_three(
    library: Path,
    model: Path,
    tmp_path: Path,
    limit: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
):
    words = arguments(library, model, tmp_path / "run", "-q", "--max-failures", limit)
    assert run(words) == code
    said = capsys.readouterr().err
    assert ("1 failed, and --max-failures allows 0" in said) == bool(code)
    assert ("failures.csv" in said) == bool(code)


def test_a_library_without_one_good_structure_ends_with_three(
    library: Path, model: Path, tmp_path: Path
):
    bad = library / "broken.cif"
    assert run(arguments(bad, model, tmp_path / "run", "-q")) == 3
    assert len(rows(tmp_path / "run" / "failures.csv")) == 1


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--where", "n_atms < 5"], 64, "n_atoms"),
        (["--target", "uptoke"], 64, "uptake"),
        (["--top", "0"], 64, "--top"),
        (["--batch-atoms", "0"], 64, "--batch-atoms"),
        (["--device", "gpu"], 64, "--device"),
        (["--model", "knagnc"], 65, "knagnc"),
        (["--recipe", "none.yaml"], 65, "none.yaml"),
        (["--ids", "none.txt"], 66, "none.txt"),
        (["--modle", "x"], 2, "--modle"),
        (["-o", ""], 2, "empty"),
        (["--batch-atoms", "many"], 2, "--batch-atoms"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    library: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
    words: str,
):
    output = tmp_path / "run"
    assert run(arguments(library, model, output, *more)) == code
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert words in shown.err
    assert "Traceback" not in shown.err
    assert not output.exists()


def test_an_empty_folder_is_no_library(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "empty").mkdir()
    assert run(arguments(tmp_path / "empty", model, tmp_path / "run")) == 66
    assert capsys.readouterr().err.startswith("error: ")


def test_a_source_that_may_not_be_read_is_no_slip_of_the_command_line(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "empty").mkdir()
    # What click asks before a command begins; it would end with 2.
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert run(arguments(tmp_path / "empty", model, tmp_path / "run")) == 66


def test_an_output_below_a_file_is_refused(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    assert run(arguments(library, model, tmp_path / "file" / "run")) == 73
    assert capsys.readouterr().err.count("error: ") == 1


def test_names_with_a_dash_first_and_with_markup_go_through(
    library: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    folder = tmp_path / "-v"
    folder.mkdir()
    text = (library / "NaCl.cif").read_text()
    for name in ("=1+1", "[red]x[", "<script>", "a b"):
        (folder / f"{name}.cif").write_text(text)
    monkeypatch.chdir(tmp_path)
    words = ["rank", "--model", str(model), "--executor", "serial", "--", "-v"]
    assert run(words) == 0
    shown = capsys.readouterr().out
    output = Path("v-tiny-0")
    assert "[red]x[" in shown
    assert "./-v" in shown
    assert {row["name"] for row in rows(output / "ranking.csv")} >= {"'=1+1", "<script>"}
    assert (output / "report.html").read_text().count("<script>") == 1  # its own


@pytest.mark.slow
def test_the_program_may_be_cut_off_by_a_pipe(library: Path, model: Path, tmp_path: Path):
    program = [sys.executable, "-m", "screenkit", *arguments(library, model, tmp_path / "run")]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait(timeout=120) == 141
    assert "Traceback" not in error
    assert "BrokenPipe" not in error
