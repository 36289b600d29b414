"""`screenkit label` from the command line to the files."""

from __future__ import annotations

import csv
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from screenkit.cli.app import run
from screenkit.recipe import Recipe
from tests.crystals import write_salts

HYDROGEN = ["--gas", "H2", "--temperature", "77"]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label") / "salts"
    write_salts(folder)
    return folder


def arguments(library: Path, output: Path, *more: str) -> list[str]:
    return ["label", str(library), "-o", str(output), "--executor", "serial", *more]


def test_a_run_says_how_the_labels_are_spread_and_what_to_type_next(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "run"
    words = arguments(library, output, *HYDROGEN, "-T", "298.15", "--property", "pores")
    assert run(words) == 0
    shown = capsys.readouterr()
    assert "7 structures = 5 ok + 1 filtered + 1 failed" in shown.out
    for text in ("H2, 77 K", "H2, 298.15 K", "void_fraction", "overlap", "labels.csv"):
        assert text in shown.out
    assert "Labelling" in shown.err
    offered = shlex.split(shown.out.strip().splitlines()[-1])
    assert offered[:2] == ["screenkit", "train"]
    assert offered[-2:] == ["--target", "log_henry_H2_77K"]
    with Path(offered[2]).open(newline="", encoding="utf-8") as file:
        assert "log_henry_H2_77K" in next(csv.reader(file))


def test_the_recipe_that_a_run_leaves_gives_the_same_bytes(library: Path, tmp_path: Path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert run(arguments(library, first, "-q", *HYDROGEN, "--property", "min-bond-length")) == 0
    words = ["label", str(library), "--recipe", str(first / "recipe.yaml"), "-o", str(second), "-q"]
    assert run(words) == 0
    assert Recipe.load(first / "recipe.yaml") == Recipe.load(second / "recipe.yaml")
    for name in ("labels.h5", "labels.csv"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_without_a_gas_the_offer_is_to_learn_a_property(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(arguments(library, tmp_path / "run", "--property", "percolation-radius")) == 0
    shown = capsys.readouterr().out
    assert "--target percolation_radius" in shown
    assert "Henry" not in shown


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 64, "nothing to compute: neither --gas nor --property is given"),
        (["--gas", "H2"], 64, "--gas H2 needs --temperature, which has no default"),
        (["--temperature", "77"], 64, "--temperature 77 needs --gas"),
        (["--gas", "H2", "-T", "0"], 64, "--temperature: should be greater than 0, found 0"),
        (["--gas", "H2", "-T", "-3"], 64, "--temperature: should be greater than 0, found -3"),
        (["--gas", "H2", "-T", "nan"], 64, "--temperature: should be a finite number"),
        (["--gas", "H2", "-T", "warm"], 2, "--temperature"),
        ([*HYDROGEN, "-T", "77.0"], 64, "--temperature 77 is given twice"),
        ([*HYDROGEN, "--gas", "H2"], 64, "--gas H2 is given twice"),
        (["--gas", "H3", "-T", "77"], 65, "uff knows no gas 'H3'"),
        ([*HYDROGEN, "--cutoff", "0"], 64, "--cutoff: should be greater than or equal to 3"),
        ([*HYDROGEN, "--cutoff", "500"], 64, "--cutoff: should be less than or equal to 50"),
        ([*HYDROGEN, "--tolerance", "0"], 64, "--tolerance: should be greater than"),
        ([*HYDROGEN, "--truncation", "shift"], 64, "--truncation: should be 'truncated'"),
        ([*HYDROGEN, "--force-field", "uf"], 65, "there is no force field 'uf'"),
        ([*HYDROGEN, "--force-field", "typo.yaml"], 65, "typo.yaml, line 2: no key 'sigm'"),
        ([*HYDROGEN, "--device", "gpu"], 64, "--device: wanted cpu, cuda or cuda:N"),
        (["--property", "pore"], 64, "--property: should be 'pores', 'min-bond-length', "),
        (["--property", "pores", "--property", "pores"], 64, "--property pores is given twice"),
    ],
)
def test_a_slip_is_one_clear_line_and_no_run(
    library: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    words: str,
):
    (tmp_path / "typo.yaml").write_text("elements:\n  Zn: {sigm: 2.4, epsilon: 60}\n")
    monkeypatch.chdir(tmp_path)
    assert run(arguments(library, tmp_path / "run", *options)) == code
    told = capsys.readouterr().err.splitlines()
    assert words in told[0] and told[0].startswith("error: ")
    assert len(told) <= 2
    assert not (tmp_path / "run").exists()


def test_a_library_of_which_nothing_can_be_labelled_ends_with_three(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "no-salt.yaml").write_text("elements:\n  Zn: {sigma: 2.4, epsilon: 60}\n")
    more = [*HYDROGEN, "--force-field", str(tmp_path / "no-salt.yaml")]
    assert run(arguments(library, tmp_path / "run", *more)) == 3
    shown = capsys.readouterr()
    assert "element_without_parameters" in shown.out
    assert "screenkit train" not in shown.out.split("written to")[1].split("recipe.yaml")[1]
    assert "no structure is ok" in shown.err


_WORKER = """
import sys
import screenkit.tasks.label
assert not {"torch", "pymatgen", "sklearn", "matplotlib"} & set(sys.modules)
"""


def test_a_worker_that_labels_wakes_no_torch(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", _WORKER], cwd=tmp_path, capture_output=True, text=True, timeout=60,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
