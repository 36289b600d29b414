"""The bad and the odd files go the whole way, from the command line to the tables.

What must become of each bad file stands in its expected.csv; of each odd one, in
`crystal/test_odd.py`.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

import h5py
import pytest

from screenkit.crystal.document import document_name
from tests.crystal.test_odd import ODD
from tests.models.tiny import write_tiny

pytestmark = pytest.mark.slow


def rank(source: Path, folder: Path, *more: str) -> None:
    """Run `screenkit rank`, in `folder`, into `folder/run`."""
    words = ["rank", str(source), "--model", str(write_tiny(folder)), "-o", "run", *more]
    ended = subprocess.run(
        [sys.executable, "-m", "screenkit", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr


def rows(run: Path) -> dict[str, dict[str, str]]:
    """Return the rows of both tables by name, and see that predictions.h5 has the same ones."""
    found: list[dict[str, str]] = []
    for table in ("ranking.csv", "failures.csv"):
        with (run / table).open(newline="", encoding="utf-8") as file:
            found += csv.DictReader(file)
    for row in found:  # what keeps a spreadsheet from computing a name
        row["name"] = row["name"].removeprefix("'")
    by_name = {row["name"]: row for row in found}
    assert len(by_name) == len(found)
    with h5py.File(run / "predictions.h5") as file:
        assert sorted(file["name"].asstr()[:]) == sorted(by_name)
    return by_name


def listing(folder: Path) -> set[bytes]:
    """Return all that lies below a folder; as bytes, for names that are no text."""
    return {
        os.path.join(where, name)
        for where, folders, files in os.walk(os.fsencode(folder))
        for name in folders + files
    }


def verdict(row: dict[str, str]) -> str:
    """Return what became of a structure, in the words of expected.csv."""
    if row.get("outcome"):
        return f"rejected:{row['code']}"
    return "accepted-with-warning:" + row["warnings"] if row["warnings"] else "accepted"


@pytest.mark.parametrize("executor", ["serial", "dask"])
def test_every_bad_file_is_one_row_as_expected_and_nothing_is_written_beside_the_run(
    bad_corpus: Path, expected: list[dict[str, str]], tmp_path: Path, executor: str
):
    before = listing(bad_corpus)
    rank(bad_corpus, tmp_path, "--executor", executor, "--shard-size", "64")
    assert listing(bad_corpus) == before
    assert {path.name for path in tmp_path.iterdir()} == {"run", "tiny-0.safetensors"}

    found = rows(tmp_path / "run")
    assert len(found) == len(expected)
    wrong = []
    for row in expected:
        if "root-skip" in row["flags"] and os.geteuid() == 0:
            continue  # root reads a file of mode 000
        said = verdict(found[document_name(os.fsdecode(unquote_to_bytes(row["path"])))[0]])
        kind, _, warning = row["expected"].partition(":")
        warned = kind == "accepted-with-warning" and warning in said.partition(":")[2].split()
        if said != row["expected"] and not warned:
            wrong.append(f"{row['path'][:60]}: expected {row['expected']}, found {said}")
    assert wrong == []


def test_every_odd_file_is_one_row(data: Path, tmp_path: Path):
    rank(data / "odd" / "odd.tar.xz", tmp_path)
    found = rows(tmp_path / "run")
    overlapping = {"raspa2__COF-202.cif"}  # readable, and left out by a check
    expected = {
        name.removesuffix(".cif"): "overlap" if name in overlapping else code.replace("ok", "")
        for name, (code, _, _) in ODD.items()
    }
    assert {name: row.get("code", "") for name, row in found.items()} == expected
