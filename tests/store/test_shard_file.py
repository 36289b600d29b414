"""What is written comes back; what is damaged is noticed before libhdf5 sees it."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest

from screenkit.errors import Outcome, StorageError
from screenkit.plan import Shard
from screenkit.store import shard_file
from screenkit.store.layout import COLUMNS, MESSAGE_LIMIT
from screenkit.store.row import Row
from screenkit.store.shard_file import read_shard, shard_path, write_shard
from tests.store.rows import TARGET_NAMES, make_row

SHARD = Shard(3, 60, 80)
ROWS = [make_row(i) for i in range(60, 80)]


def same(a: Row, b: Row) -> bool:
    """Equal, where NaN equals NaN and a float32 has seven digits."""
    for field in Row.__slots__:
        x, y = getattr(a, field), getattr(b, field)
        if field == "values":
            x, y = x or (math.nan,) * len(TARGET_NAMES), y
            if not np.allclose(x, y, rtol=1e-6, atol=0, equal_nan=True):
                return False
        elif x != y and not (x != x and y != y):
            return False
    return True


@pytest.fixture
def path(tmp_path):
    assert write_shard(tmp_path, SHARD, ROWS, TARGET_NAMES, "stamp")
    return shard_path(tmp_path, SHARD)


def test_rows_come_back(path):
    found = read_shard(path, SHARD, "stamp")
    assert all(same(a, b) for a, b in zip(ROWS, found.rows(), strict=True))
    assert found.targets == tuple(TARGET_NAMES)
    assert found.outcomes == {"ok": 18, "failed": 2}
    assert found.codes == {"parse_error": 2}


def test_plain_h5py_opens_a_shard(path):
    with h5py.File(path) as file:
        assert file["name"].asstr()[0] == ROWS[0].name
        assert file["predictions/gap"][1] == np.float32(-61 / 3)
        assert file.attrs["complete"]
        assert all(len(file[column.name]) == 20 for column in COLUMNS)


def test_the_first_512_bytes_tell_a_person_what_it_is(path):
    head = path.read_bytes()[:512].split(b"\n")
    assert head[0] == b"screenkit shard"
    assert head[2] == b"length %d" % (path.stat().st_size - 512)


def test_equal_rows_make_equal_bytes(path, tmp_path):
    write_shard(tmp_path / "again", SHARD, ROWS, TARGET_NAMES, "stamp")
    assert shard_path(tmp_path / "again", SHARD).read_bytes() == path.read_bytes()


def test_a_second_writer_changes_nothing(path):
    before = path.read_bytes()
    other = [replace(row, n_atoms=1) for row in ROWS]
    assert not write_shard(path.parent, SHARD, other, TARGET_NAMES, "stamp")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_odd_texts_come_back_or_are_escaped(tmp_path):
    shard = Shard(0, 0, 3)
    rows = [
        Row("=cmd|' /C calc'!A0", Outcome.FAILED, "x", "nul \0 lone \udcff"),
        Row(" leading and trailing ", Outcome.FILTERED, "y", "é" * 1000),
        Row("", message=""),
    ]
    write_shard(tmp_path, shard, rows, [], "stamp")
    found = read_shard(shard_path(tmp_path, shard), shard, "stamp").rows()
    assert [row.name for row in found] == [row.name for row in rows]
    assert found[0].message == "nul \\x00 lone \\udcff"
    assert found[1].message.startswith("é" * 200) and found[1].message.endswith("é…")
    assert len(found[1].message.encode()) <= MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("rows", "targets"),
    [
        (ROWS[:-1], TARGET_NAMES),
        ([replace(ROWS[0], values=(1.0,)), *ROWS[1:]], TARGET_NAMES),
        ([replace(ROWS[0], name="a\0b"), *ROWS[1:]], TARGET_NAMES),
        (ROWS, ["density", "gap"]),
    ],
)
def test_what_does_not_fit_the_shard_is_a_fault(tmp_path, rows, targets):
    with pytest.raises(ValueError):
        write_shard(tmp_path, SHARD, rows, targets, "stamp")
    assert not list(tmp_path.iterdir())


def test_a_shard_of_another_plan_or_place_is_refused(path):
    with pytest.raises(StorageError, match="another plan"):
        read_shard(path, SHARD, "other stamp")
    with pytest.raises(StorageError, match="is shard 3"):
        read_shard(path, Shard(4, 80, 100), "stamp")
    with pytest.raises(FileNotFoundError):
        read_shard(path.with_name("000009.h5"), SHARD, "stamp")


def damaged_copies(data: bytes, trials: int):
    """Yield copies that are cut, have a flipped bit, a zeroed page, or grew."""
    dice = random.Random(1)
    for _ in range(trials):
        yield data[: dice.randrange(len(data))]
    for _ in range(trials):
        copy = bytearray(data)
        copy[dice.randrange(len(copy))] ^= 1 << dice.randrange(8)
        yield bytes(copy)
    for page in range(0, len(data), 512):
        copy = data[:page] + b"\0" * len(data[page : page + 512]) + data[page + 512 :]
        if copy != data:
            yield copy
    yield data + b"\0"
    yield b""


def test_every_damage_is_noticed_before_libhdf5_sees_it(path, monkeypatch):
    data = path.read_bytes()
    monkeypatch.setattr(shard_file.h5py, "File", None)  # a call would be a TypeError
    monkeypatch.setattr(shard_file, "_decode", lambda *_: pytest.fail("libhdf5 was asked"))
    count = 0
    for copy in damaged_copies(data, 200):
        path.write_bytes(copy)
        with pytest.raises(StorageError):
            read_shard(path, SHARD, "stamp")
        count += 1
    assert count > 400


def test_swapped_shards_are_noticed(path, tmp_path):
    other = Shard(4, 80, 100)
    write_shard(tmp_path, other, [make_row(i) for i in range(80, 100)], TARGET_NAMES, "stamp")
    shard_path(tmp_path, other).replace(path)
    with pytest.raises(StorageError, match="is shard 4, not 3"):
        read_shard(path, SHARD, "stamp")


LIMITED = """
import resource, sys
from pathlib import Path
from screenkit.errors import StorageError
from screenkit.plan import Shard
from screenkit.store.shard_file import write_shard
from tests.store.rows import TARGET_NAMES, make_row
limit, folder = int(sys.argv[1]), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    write_shard(folder, Shard(0, 0, 50), [make_row(i) for i in range(50)], TARGET_NAMES, "s")
except StorageError as error:
    print(error.message, "//", error.hint)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("limit", [0, 1, 511, 512, 4096, 9000, 12_000])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, limit):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 74, done.stderr
    assert done.stdout.startswith(f"no space writing {tmp_path}/000000.h5")
    assert "run the same command again" in done.stdout
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())
