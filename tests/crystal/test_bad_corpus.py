"""The corpus of bad CIFs: what must become of each file stands in its expected.csv.

The deviations, with their reasons, stand in docs/decisions/0002-bad-input.md.
"""

import os
import time
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from screenkit.crystal.checks import CheckSettings, check
from screenkit.crystal.cif import read_cif
from screenkit.crystal.document import Document
from screenkit.crystal.neighbors import find_neighbors
from screenkit.errors import CrystalError

DEVIATIONS: dict[str, str] = {}
"""Path in expected.csv -> what we say instead."""


def outcome(path: str) -> tuple[str, str, str]:
    """Return verdict, atoms and formula in the words of expected.csv, all warnings in the first."""
    try:
        crystal = read_cif(Document("x", path, path=path).read(), "x")
        check(crystal, find_neighbors(crystal, 12), CheckSettings())
    except CrystalError as error:
        assert len(error.message) <= 200
        return f"rejected:{error.code}", "", ""
    formula = " ".join(f"{symbol}:{count}" for symbol, count in crystal.formula().items())
    if crystal.warnings:
        return "accepted-with-warning:" + " ".join(crystal.warnings), str(len(crystal)), formula
    return "accepted", str(len(crystal)), formula


def agrees(found: str, expected: str) -> bool:
    """Compare verdicts; a warning may have company."""
    if expected.startswith("accepted-with-warning:") and found.startswith("accepted-with-warning:"):
        return expected.split(":")[1] in found.split(":")[1].split()
    return found == expected


def test_each_file_has_the_class_the_code_and_the_atoms_expected(bad_corpus, expected):
    wrong, slow = [], []
    for row in expected:
        if "root-skip" in row["flags"] and os.geteuid() == 0:
            continue  # root reads a file of mode 000
        path = os.fsdecode(os.fsencode(bad_corpus) + b"/" + unquote_to_bytes(row["path"]))
        start = time.perf_counter()
        found, atoms, formula = outcome(path)
        if time.perf_counter() - start > 5.0:
            slow.append(row["path"])
        wanted = DEVIATIONS.get(row["path"], row["expected"])
        if not agrees(found, wanted) or (atoms, formula) != (row["n_atoms"], row["formula"]):
            wrong.append(f"{row['path'][:60]}: expected {wanted}, found {found} {atoms} {formula}")
    assert wrong == []
    assert slow == []
    places = (bad_corpus, Path.cwd(), Path("/tmp"))
    beside = [name for place in places for name in os.listdir(place)]
    assert [name for name in beside if name.startswith("CANARY")] == []


def test_no_message_holds_what_stands_in_the_file(bad_corpus):
    with pytest.raises(CrystalError) as caught:
        read_cif((bad_corpus / "G" / "fs" / "to_etc_passwd.cif").read_bytes(), "x")
    assert caught.value.code == "not_cif"
    assert "root" not in caught.value.message
