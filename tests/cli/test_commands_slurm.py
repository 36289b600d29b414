"""Commands other than `rank` on Slurm jobs: the same numbers as in one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from screenkit.cli.app import run
from tests.cli.test_train import salts  # noqa: F401  a fixture
from tests.executors.slurm_cluster import Cluster

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

JOBS = ["--executor", "slurm", "--jobs", "2", "--time", "10", "--memory", "1000M"]


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["label", "--property", "min-bond-length"], ["labels.csv", "labels.h5"]),
        (["clean", "--flag-only"], ["clean.csv", "clean.h5", "kept.txt"]),
        (["explain"], ["predictions.h5", "atoms.h5", "elements.csv"]),
    ],
)
def test_structures_are_looked_at_by_jobs_as_by_one_process(
    words: list[str], files: list[str], slurm: Cluster, library: Path, model: Path, tmp_path: Path
):
    jobs, calm = tmp_path / "jobs", tmp_path / "calm"
    words = [*words, str(library), "--shard-size", "3", "-q"]
    words += ["--model", str(model)] if words[0] == "explain" else []
    (tmp_path / "quick.yaml").write_text("run: {poll: 1}\n")
    quick = ["--recipe", str(tmp_path / "quick.yaml")]
    assert run([*words, *quick, "-o", str(jobs), *JOBS]) == 0
    assert run([*words, *quick, "-o", str(calm), "--executor", "serial"]) == 0
    for name in files:
        assert (jobs / name).read_bytes() == (calm / name).read_bytes()


def test_folds_are_trained_by_jobs_as_by_one_process(
    slurm: Cluster,
    salts: Path,  # noqa: F811
    tmp_path: Path,
):
    recipe = tmp_path / "small.yaml"
    recipe.write_text(
        (salts / "small.yaml").read_text().replace("run: {executor: serial}", "run: {poll: 1}")
    )
    words = ["train", str(salts / "labels.csv"), str(salts / "cifs"), "--target", "edge_A", "-q"]
    words += ["--epochs", "2", "--folds", "2", "--recipe", str(recipe)]
    jobs, calm = tmp_path / "jobs", tmp_path / "calm"
    assert run([*words, "-o", str(jobs), *JOBS]) == 0
    assert run([*words, "-o", str(calm), "--executor", "serial"]) == 0
    assert (jobs / "folds.csv").read_bytes() == (calm / "folds.csv").read_bytes()
