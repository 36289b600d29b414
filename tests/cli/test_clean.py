"""`screenkit clean` from the command line to the files, and what it says."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path

import pytest

from screenkit.cli.app import run
from screenkit.recipe import Recipe


def arguments(library: Path, output: Path, *more: str) -> list[str]:
    return ["clean", str(library), "-o", str(output), "--executor", "serial", *more]


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_it_says_what_is_kept_and_why_the_rest_is_not(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(arguments(library, tmp_path / "run", "--min-surface-area", "0")) == 0
    shown = capsys.readouterr()
    assert "7 structures = 5 ok + 1 filtered + 1 failed" in shown.out
    assert "5 kept (71.4%)" in shown.out
    assert "3  duplicate_of an earlier one, kept" in shown.out
    assert "overlap" in shown.out
    assert "Cleaning" in shown.err


def test_the_names_that_it_keeps_can_be_ranked_as_it_says(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = arguments(library, tmp_path / "run", "--min-surface-area", "0", "--drop-duplicates")
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert "left out of kept.txt" in shown
    offered = shlex.split(shown.strip().splitlines()[-1])
    more = ["--model", str(model), "-o", str(tmp_path / "ranked"), "--executor", "serial", "-q"]
    assert run([*offered[1:], *more]) == 0
    # At 6.0 Å, sodium and chlorine are too far apart for a bond.
    assert set(rows(tmp_path / "ranked/ranking.csv")) == {"NaCl", "NaCl-6.0"}


def test_where_nothing_is_said_the_surface_must_be_that_of_the_paper(library: Path, tmp_path: Path):
    assert run(arguments(library, tmp_path / "run", "-q")) == 3  # salts have no room
    assert rows(tmp_path / "run/clean.csv")["NaCl"]["code"] == "surface_too_small"
    assert Recipe.load(tmp_path / "run/recipe.yaml").checks.min_surface_area == 50.0


def test_the_recipe_that_a_run_leaves_goes_on_with_it(library: Path, tmp_path: Path):
    output = tmp_path / "run"
    assert run(arguments(library, output, "--flag-only", "--min-distance", "0.9", "-q")) == 0
    words = ["clean", str(library), "--recipe", str(output / "recipe.yaml"), "-o", str(output)]
    assert run([*words, "-q"]) == 0
    summary = json.loads((output / "summary.json").read_text())
    assert summary["computed"] == 0
    assert summary["flagged"] == {"overlap": 1, "surface_too_small": 5}
    assert summary["flag_only"] and summary["kept"] == 6


def test_the_command_line_beats_the_recipe(library: Path, tmp_path: Path):
    (tmp_path / "r.yaml").write_text("checks: {min_surface_area: 30}\nclean: {flag_only: false}\n")
    words = ["--recipe", str(tmp_path / "r.yaml"), "--min-surface-area", "0", "-q"]
    assert run(arguments(library, tmp_path / "run", *words)) == 0
    assert Recipe.load(tmp_path / "run/recipe.yaml").checks.min_surface_area == 0.0


def test_more_failures_than_allowed_end_with_three(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["--flag-only", "--max-failures", "0", "-q"]
    assert run(arguments(library, tmp_path / "run", *words)) == 3
    assert "failures.csv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (["--min-distance", "3"], 64, "--min-distance: should be less than or equal to 2"),
        (["--min-surface-area", "-1"], 64, "--min-surface-area: should be greater than or equal"),
        (["--min-surface-area", "much"], 2, "--min-surface-area"),
        (["--recipe", "r.yaml"], 65, "did you mean min_surface_area?"),
        (["--ids", "none.txt"], 66, "none.txt"),
        (["--model", "knagcn"], 2, "--model"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str,
):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text("checks: {min_surface: 50}\n")
    assert run(arguments(library, tmp_path / "run", *more)) == code
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert words in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "run").exists()


def test_the_folder_of_another_command_is_refused(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    ranking = ["rank", str(library), "--model", str(model), "-o", str(tmp_path / "run"), "-q"]
    assert run([*ranking, "--executor", "serial"]) == 0
    assert run(arguments(library, tmp_path / "run", "-q")) == 65
    assert "holds another run" in capsys.readouterr().err
