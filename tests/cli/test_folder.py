"""A run knows where it goes, and keeps out where another is at work, at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from screenkit.cli.folder import default_output
from screenkit.store.lock import RunLock


@pytest.mark.parametrize(
    ("source", "model", "output"),
    [
        ("hmof/", "knagcn", "hmof-knagcn"),
        ("a/pormake.tar.xz", "knagcn", "pormake-knagcn"),
        ("x.tgz", "m/best.safetensors", "x-best"),
        ("lists/ids.txt", "knagcn", "ids-knagcn"),
        ("MOF-5.cif.gz", "knagcn", "MOF-5-knagcn"),
        ("v1.2", "knagcn", "v1.2-knagcn"),
        (".zip", "knagcn", ".zip-knagcn"),
        ("-odd", "knagcn", "odd-knagcn"),
    ],
)
def test_a_run_is_named_after_source_and_model(source: str, model: str, output: str):
    assert default_output([Path(source)], "{model}", model) == Path(output)


def test_the_working_folder_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "hmof").mkdir()
    monkeypatch.chdir(tmp_path / "hmof")
    assert default_output([Path(".")], "{model}", "knagcn") == Path("hmof-knagcn")
    above = default_output([Path("../hmof/..")], "{model}", "knagcn")
    assert above == Path(f"{tmp_path.name}-knagcn")


_SECOND = """
import sys
from screenkit.cli.app import run
code = run(sys.argv[1:])
assert "torch" not in sys.modules and "numba" not in sys.modules
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        (["rank", "hmof"], "hmof-pore"),
        (["rank", "hmof", "--executor", "slurm", "--model", "a/b.safetensors"], "hmof-b"),
        (["rank", "hmof", "--recipe", "r.yaml", "--executor", "dask"], "hmof-gas.v2"),
        (["label", "hmof", "--gas", "H2", "--output", "here"], "here"),
        (["label", "hmof", "--gas", "H2"], "hmof-labels"),
        (["clean", "hmof"], "hmof-clean"),
        (["train", "labels.csv", "hmof", "--target", "x"], "hmof-pore-training"),
        (["evaluate", "hmof", "labels.csv"], "hmof-pore-evaluation"),
        (["explain", "hmof"], "hmof-pore-explain"),
        (["explain", "run"], "run/explain"),
    ],
)
def test_a_second_driver_is_refused_before_anything_slow_is_woken(
    tmp_path: Path, words: list[str], folder: str
):
    (tmp_path / "run").mkdir()
    (tmp_path / "r.yaml").write_text("model: gas.v2\n")
    for name in ("predictions.h5", "recipe.yaml"):
        (tmp_path / "run" / name).touch()
    with RunLock(tmp_path / folder):
        ended = subprocess.run(
            [sys.executable, "-c", _SECOND, *words],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert ended.returncode == 73, ended.stderr
    assert f"error: {folder} is in use by process {os.getpid()}" in ended.stderr
