"""A file appears whole or not at all, whoever dies, and among several writers the first wins."""

from __future__ import annotations

import errno
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from screenkit.errors import StorageError
from screenkit.store.publish import publish, replace_bytes, replace_text, sweep


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_first_writer_wins(tmp_path):
    path = tmp_path / "x"
    assert publish(path, b"first")
    assert not publish(path, b"second")
    assert path.read_bytes() == b"first"
    assert files(tmp_path) == ["x"]


def test_one_of_many_writers_wins_and_its_bytes_are_whole(tmp_path):
    for round_ in range(20):
        path = tmp_path / f"{round_}"
        data = [bytes([i]) * 100_000 for i in range(8)]
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda piece, path=path: publish(path, piece), data))
        assert won.count(True) == 1
        assert path.read_bytes() == data[won.index(True)]
    assert files(tmp_path) == sorted(str(i) for i in range(20))


def test_replacing_text_takes_pieces_and_overwrites(tmp_path):
    path = tmp_path / "ranking.csv"
    replace_text(path, "old")
    replace_text(path, (f"{i},é\n" for i in range(300_000)))
    assert path.read_text() == "".join(f"{i},é\n" for i in range(300_000))
    replace_bytes(path, b"")
    assert path.read_bytes() == b""
    assert files(tmp_path) == ["ranking.csv"]


def test_a_failing_writer_leaves_the_old_file(tmp_path):
    def pieces():
        yield "new"
        raise RuntimeError("half way")

    replace_text(tmp_path / "x", "old")
    with pytest.raises(RuntimeError, match="half way"):
        replace_text(tmp_path / "x", pieces())
    assert (tmp_path / "x").read_text() == "old"
    assert files(tmp_path) == ["x"]


def test_only_the_owner_writes_and_only_the_group_may_read(tmp_path):
    publish(tmp_path / "x", b"")
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) & 0o137 == 0


def test_a_link_planted_at_the_name_is_not_followed(tmp_path):
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "x").symlink_to("target")
    assert not publish(tmp_path / "x", b"mine")
    replace_text(tmp_path / "x", "mine")
    assert (tmp_path / "target").read_text() == "untouched"
    assert (tmp_path / "x").read_text() == "mine"


@pytest.mark.parametrize(
    ("step", "code", "words"),
    [
        ("write", errno.ENOSPC, "no space writing"),
        ("write", errno.EDQUOT, "no space writing"),
        ("fsync", errno.EIO, "cannot write"),
        ("fsync", errno.ENOSPC, "no space writing"),
        ("link", errno.EACCES, "cannot write"),
        ("open", errno.EROFS, "cannot write"),
    ],
)
def test_an_error_at_any_step_is_told_and_leaves_nothing(tmp_path, monkeypatch, step, code, words):
    def fail(*args, **kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError, match=f"{words} .*/x") as caught:
        publish(tmp_path / "x", b"data")
    monkeypatch.undo()
    assert caught.value.exit_code == 74
    assert files(tmp_path) == []


def test_short_writes_are_continued(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    publish(tmp_path / "x", bytes(range(256)))
    assert (tmp_path / "x").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("code", [errno.EEXIST, errno.ESTALE, errno.EIO])
def test_a_link_that_was_made_though_it_says_no_counts(tmp_path, monkeypatch, code):
    link = os.link

    def lying(a, b):
        if not Path(b).exists():
            link(a, b)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", lying)
    assert publish(tmp_path / "x", b"data")
    assert files(tmp_path) == ["x"]


def test_a_stale_handle_is_tried_again(tmp_path, monkeypatch):
    link, calls = os.link, []

    def stale_once(a, b):
        calls.append(a)
        if len(calls) == 1:
            raise OSError(errno.ESTALE, "stale")
        link(a, b)

    monkeypatch.setattr(os, "link", stale_once)
    assert publish(tmp_path / "x", b"data")
    assert len(calls) == 2


def test_without_hard_links_a_file_still_appears_whole(tmp_path, monkeypatch):
    def no_links(a, b):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert publish(tmp_path / "x", b"first")
    assert not publish(tmp_path / "x", b"second")
    assert (tmp_path / "x").read_bytes() == b"first"
    assert files(tmp_path) == ["x"]


# Death


DIE = """
import os, sys
from pathlib import Path
from screenkit.store import publish
step, moment, path = sys.argv[1], sys.argv[2], Path(sys.argv[3])
real = getattr(os, step)
def dying(*args, **kwargs):
    if moment == "after":
        real(*args, **kwargs)
    os._exit(137)
setattr(os, step, dying)
publish.publish(path, b"whole" * 10_000)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["open", "write", "fsync", "link", "close", "unlink"])
def test_whoever_dies_at_any_step_leaves_a_whole_file_or_none(tmp_path, step, moment):
    path = tmp_path / "x"
    done = subprocess.run([sys.executable, "-c", DIE, step, moment, str(path)])
    assert done.returncode == 137
    there = path.exists()
    if there:
        assert path.read_bytes() == b"whole" * 10_000
    sweep(tmp_path)
    assert files(tmp_path) == (["x"] if there else [])
    assert publish(path, b"whole" * 10_000) != there


PUBLISH = """
import sys
from pathlib import Path
from screenkit.store.publish import publish
print("go", flush=True)
for i in range(10**9):
    publish(Path(sys.argv[1]) / f"{i:06d}", i.to_bytes(4) * 20_000)
"""


@pytest.mark.parametrize("trials", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_kill_at_a_random_moment_never_leaves_half_a_file(tmp_path, trials):
    dice, whole = random.Random(0), 0
    for trial in range(trials):
        folder = tmp_path / str(trial)
        folder.mkdir()
        with subprocess.Popen(
            [sys.executable, "-c", PUBLISH, str(folder)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(dice.uniform(0, 0.2))
            child.send_signal(signal.SIGKILL)
        sweep(folder)
        for path in folder.iterdir():
            assert path.read_bytes() == int(path.name).to_bytes(4) * 20_000
            whole += 1
    assert whole > trials


def test_sweep_spares_the_living_and_everything_else(tmp_path):
    me = socket.gethostname().replace(".", "-")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (
        f".000001.h5.{me}.{os.getpid()}.0011aabb.part",
        f".000001.h5.{me}.{gone.pid}.0011aabb.part",
        ".000001.h5.another-host.1.0011aabb.part",
        "000001.h5",
        ".mine.part",
        "thesis.part",
    ):
        (tmp_path / name).write_text("")
    assert sweep(tmp_path) == 2
    assert len(files(tmp_path)) == 4
    assert sweep(tmp_path / "nowhere") == 0


def test_the_draft_of_a_process_that_nobody_waited_for_is_swept(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    me = socket.gethostname().replace(".", "-")
    (tmp_path / f".000001.h5.{me}.{dead.pid}.0011aabb.part").touch()
    assert sweep(tmp_path) == 1
    dead.wait()
