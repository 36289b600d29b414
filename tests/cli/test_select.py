"""`screenkit select`, `compare` and `export` from the command line to the files."""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from screenkit.cli.app import run


@pytest.fixture(scope="module")
def ranked(library: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("ranked") / "run"
    words = ["rank", str(library), "--model", str(model), "-o", str(output), "-q"]
    assert run([*words, "--executor", "serial", "--target", "heat"]) == 0
    return output


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_choice_is_kept_and_shown_with_what_each_rule_left(
    ranked: Path, capsys: pytest.CaptureFixture[str]
):
    words = ["select", str(ranked), "--derive", "q = uptake / density", "--where", "n_atoms < 99"]
    words += ["--pareto", "uptake:max,density:min", "--top", "2", "--name", "few"]
    assert run(words) == 0
    shown = capsys.readouterr().out
    assert "pareto uptake:max, density:min" in shown
    told = json.loads((ranked / "selections" / "few.json").read_text())
    kept = rows(ranked / "selections" / "few.csv")
    assert list(kept[0])[:5] == ["name", "rank", "uptake", "heat", "q"]
    assert told["structures"] == len(kept) == told["funnel"][-1]["left"]
    assert told["target"] == "heat"  # as the run ranks
    assert told["rule"]["where"] == "n_atoms < 99"
    before = (ranked / "selections" / "few.json").read_bytes()
    assert run([*words, "-q"]) == 0
    assert (ranked / "selections" / "few.json").read_bytes() == before


_WITHOUT_TORCH = """
import sys
class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "dask", "matplotlib"):
            raise ImportError(name + " is closed")
sys.meta_path.insert(0, Closed())
from screenkit.cli.app import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    "words",
    [
        ["select", "RUN", "--top", "1"],
        ["compare", "RUN", "RUN"],
        ["export", "RUN", "-o", "all.csv"],
    ],
)
def test_who_predicts_nothing_wakes_no_torch(ranked: Path, tmp_path: Path, words: list[str]):
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH, *(str(ranked) if w == "RUN" else w for w in words)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_what_is_named_to_be_left_out_is_not_chosen(
    ranked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["select", str(ranked), "--top", "100%", "--name", "all", "-q"]) == 0
    names = [row["name"] for row in rows(ranked / "selections" / "all.csv")]
    (tmp_path / "done.csv").write_text("name,loading\n" + "".join(f"{n},1\n" for n in names[:2]))
    words = ["select", str(ranked), "--top", "100%", "--without", str(tmp_path / "done.csv")]
    assert run([*words, "--name", "rest", "-q"]) == 0
    left = [row["name"] for row in rows(ranked / "selections" / "rest.csv")]
    assert left == names[2:]
    (tmp_path / "done.csv").write_text(f"{names[0]}\n")
    assert run([*words, "--name", "rest", "-q"]) == 65
    (tmp_path / "done.csv").write_text("nobody\n")
    assert run(words) == 66
    assert "nobody" in capsys.readouterr().err


def test_a_name_is_not_taken_from_another_choice_but_latest_is(
    ranked: Path, capsys: pytest.CaptureFixture[str]
):
    for top, code in (("1", 0), ("1", 0), ("2", 65)):
        assert run(["select", str(ranked), "--top", top, "--name", "mine", "-q"]) == code
    assert "--name" in capsys.readouterr().err
    for top in ("1", "2"):
        assert run(["select", str(ranked), "--top", top, "-q"]) == 0
        assert len(rows(ranked / "selections" / "latest.csv")) == int(top)


def test_the_command_that_is_offered_next_explains_what_was_chosen(
    ranked: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["select", str(ranked), "--diverse", "2", "--name", "two"]) == 0
    offered = capsys.readouterr().out.strip().splitlines()[-1]
    words = shlex.split(offered)[1:]
    assert run([*words, "--executor", "serial", "-q", "--draw", "0"]) == 0
    explained = {path.stem for path in (ranked / "explain-two" / "cif").iterdir()}
    assert explained == {row["name"] for row in rows(ranked / "selections" / "two.csv")}
    assert run([*words, "--top", "1", "--executor", "serial", "-q"]) == 64


def test_a_recipe_may_hold_the_rules(ranked: Path, tmp_path: Path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("select:\n  where: uptake > -1e9\n  top: 3\n  derive: [q = heat * 2]\n")
    words = ["select", str(ranked), "--recipe", str(recipe), "--name", "r", "-q"]
    assert run([*words, "--top", "2"]) == 0
    assert len(rows(ranked / "selections" / "r.csv")) == 2
    assert "q" in rows(ranked / "selections" / "r.csv")[0]


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ([], 64, "--top"),
        (["--top", "none"], 64, "--top"),
        (["--top", "1", "--name", "../up"], 64, "--name"),
        (["--where", "upteak > 1"], 64, "uptake"),
        (["--where", "__import__('os').system('true')"], 64, "nothing runs as code"),
        (["--derive", "q = open('x')", "--top", "1"], 64, "nothing runs as code"),
        (["--acquire", "ei"], 64, "heat_std"),
        (["--pareto", "uptake:max,densty:min"], 64, "density"),
        (["--diverse", "0"], 64, "--diverse"),
        (["--where", "uptake > 1e9"], 3, "nothing is left"),
    ],
)
def test_what_cannot_be_chosen_is_said_in_one_line(
    ranked: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, words: str
):
    assert run(["select", str(ranked), *more]) == code
    shown = capsys.readouterr().err
    assert shown.count("error: ") == 1
    assert words in shown
    assert "Traceback" not in shown


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for command in (["select", str(tmp_path), "--top", "1"], ["export", str(tmp_path)]):
        assert run(command) == 74
        assert "screenkit rank first" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_compared_and_exported(
    ranked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(["compare", str(ranked), str(ranked), "-o", str(tmp_path / "c")]) == 0
    assert "7 structures are in both" in capsys.readouterr().out
    assert len(rows(tmp_path / "c" / "compare.csv")) == 7
    assert run(["export", str(ranked), "-o", str(tmp_path / "all.json")]) == 0
    assert "7 structures, 12 columns" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "all.json").read_text())) == 7
