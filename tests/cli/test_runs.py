"""Commands that work on a RUN from another shell: merge, retry, verify, status, logs, cancel."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import socket
import time
from pathlib import Path

import pytest

from screenkit.cli import show_runs
from screenkit.cli.app import run
from screenkit.store import shard_file
from screenkit.store.lock import LOCK, RunLock
from tests.cli.test_rank import arguments
from tests.store.test_lock import hold

FORMATS = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
SHARD = "shards/000001.h5"


@pytest.fixture
def done(library: Path, model: Path, tmp_path: Path) -> Path:
    """A complete run of three shards; the last one has one structure."""
    assert run(arguments(library, model, tmp_path / "run", "-q", "--shard-size", "3")) == 0
    return tmp_path / "run"


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def test_a_run_keeps_its_command_and_where_it_was_typed(library: Path, model: Path, tmp_path: Path):
    words = arguments(library, model, tmp_path / "run", "-q")
    assert run(words) == 0
    kept = json.loads((tmp_path / "run" / "again.json").read_text())
    assert kept == {"arguments": words, "folder": os.getcwd()}


def test_a_command_that_was_refused_does_not_take_the_place_of_the_one_that_made_the_run(
    done: Path, library: Path, model: Path
):
    before = (done / "again.json").read_bytes()
    assert run(arguments(library, model, done, "-q", "--shard-size", "4")) == 65
    assert (done / "again.json").read_bytes() == before


@pytest.mark.slow
def test_a_run_is_merged_and_ranked_from_another_folder_and_where_it_was_moved(
    library: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    shutil.copytree(library, "mofs")
    assert run(["rank", "mofs", "--model", str(model), "--executor", "serial", "-q"]) == 0
    made = Path("mofs-tiny-0").rename(tmp_path / "moved")
    before = {name: (made / name).read_bytes() for name in ("ranking.csv", "predictions.h5")}
    for name in before:
        (made / name).unlink()
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert run(["merge", "moved"]) == 0
        assert {name: (made / name).read_bytes() for name in before} == before
    assert Path.cwd() == tmp_path
    assert not Path("here/mofs-tiny-0").exists()


def test_a_run_with_gaps_is_not_merged_and_the_gaps_are_named(
    done: Path, capsys: pytest.CaptureFixture[str]
):
    (done / SHARD).unlink()
    assert run(["merge", str(done)]) == 65
    said = capsys.readouterr().err
    assert "1 of 3 shards" in said and "missing: 1" in said
    assert "screenkit rank" in said


@pytest.mark.slow
def test_a_structure_that_could_not_be_read_is_tried_again_and_all_others_stay_as_they_are(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    mofs = tmp_path / "mofs"
    shutil.copytree(library, mofs)
    (mofs / "NaCl.cif").rename(tmp_path / "away")
    (mofs / "NaCl.cif").symlink_to(tmp_path / "not-mounted")
    words = arguments(mofs, model, tmp_path / "run", "-q", "--shard-size", "3")
    assert run(words) == 0
    made = tmp_path / "run"
    assert "unreadable" in (made / "failures.csv").read_text()
    kept = {path.name: path.stat().st_ino for path in (made / "shards").iterdir()}

    (tmp_path / "away").rename(tmp_path / "not-mounted")
    capsys.readouterr()
    assert run(["retry", str(made), "--failed"]) == 0
    assert "1 unreadable, in 1 shards" in capsys.readouterr().err
    again = {path.name: path.stat().st_ino for path in (made / "shards").iterdir()}
    assert sum(kept[name] != again[name] for name in kept) == 1
    assert set(kept) == set(again)

    words[words.index("-o") + 1] = str(tmp_path / "calm")
    assert run(words) == 0
    for name in ("ranking.csv", "failures.csv"):
        assert (made / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()
    assert run(["retry", str(made), "--failed"]) == 65
    said = capsys.readouterr().err
    assert "nothing to try again" in said and "overlap" in said
    assert run(["retry", str(made), "--code", "overlap"]) == 0
    assert run(["retry", str(made)]) == 64


@pytest.mark.slow
def test_shards_that_are_tried_again_are_kept_until_the_new_ones_stand(
    done: Path, library: Path, capsys: pytest.CaptureFixture[str]
):
    command = json.loads((done / "again.json").read_text())
    broken = [*command["arguments"], "--model", "none"]
    (done / "again.json").write_text(json.dumps(command | {"arguments": broken}))
    before = {path.name: path.read_bytes() for path in (done / "shards").glob("*.h5")}
    assert run(["retry", str(done), "--code", "overlap"]) == 65
    assert "not done yet: 1 shards" in capsys.readouterr().err
    after = {path.name: path.read_bytes() for path in (done / "shards").rglob("*.h5")}
    assert after == before
    (done / "again.json").write_text(json.dumps(command))
    assert run(["merge", str(done)]) == 65
    assert run(command["arguments"]) == 0
    assert run(["merge", str(done)]) == 0
    assert {path.name: path.read_bytes() for path in (done / "shards").rglob("*")} == before


def test_a_sound_run_is_said_to_be_so(done: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["verify", str(done)]) == 0
    assert capsys.readouterr().out.strip() == "4 ok, 0 missing, 0 damaged, 0 foreign"


@pytest.mark.parametrize("name", [SHARD, "predictions.h5"])
def test_damage_is_found_before_hdf5_sees_a_byte_and_repaired(
    done: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    before = {path: path.read_bytes() for path in [*done.glob("*.csv"), *done.rglob("*.h5")]}
    damage(done / name)
    with monkeypatch.context() as patched:
        opened = shard_file._opened

        def refuse(data, path, shard, stamp):
            assert path != done / name, "HDF5 was given a damaged file"
            return opened(data, path, shard, stamp)

        patched.setattr(shard_file, "_opened", refuse)
        assert run(["verify", str(done)]) == 74
    said = capsys.readouterr().out
    assert re.search(rf"damaged .*{name} .*SHA-256", said)
    assert "3 ok, 0 missing, 1 damaged, 0 foreign" in said
    assert run(["verify", str(done), "--repair"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert run(["verify", str(done)]) == 0


def test_a_shard_of_another_run_is_foreign_and_put_aside(
    done: Path, library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    other = tmp_path / "other"
    assert run(arguments(library, model, other, "-q", "--shard-size", "2")) == 0
    before = (done / "ranking.csv").read_bytes()
    shutil.copy(other / SHARD, done / SHARD)
    shutil.copy(other / SHARD, done / "shards" / "000077.h5")
    assert run(["verify", str(done)]) == 65
    assert "2 ok" not in (said := capsys.readouterr().out)
    assert "another plan" in said and "no shard of this run" in said and "2 foreign" in said
    assert run(["verify", str(done), "--repair"]) == 0
    assert (done / "ranking.csv").read_bytes() == before
    assert run(["verify", str(done)]) == 0


def test_a_missing_shard_is_told_and_done_by_repair(done: Path, capsys: pytest.CaptureFixture[str]):
    (done / SHARD).unlink()
    assert run(["verify", str(done)]) == 65
    assert "1 missing" in capsys.readouterr().out
    assert run(["verify", str(done), "--repair"]) == 0
    assert (done / SHARD).exists()


def test_a_run_that_has_only_begun_misses_its_files_in_few_lines(
    done: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(show_runs, "_FEW", 2)
    for path in done.glob("shards/*.h5"):
        path.unlink()
    assert run(["verify", str(done)]) == 65
    said = capsys.readouterr()
    assert said.out.count("is not there") == 2
    assert "missing  and 1 more" in said.out and "1 ok, 3 missing" in said.out
    assert f"screenkit verify {done} --repair" in said.err


def test_a_damaged_plan_is_named_and_written_anew_without_losing_a_shard(
    done: Path, library: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    before = {path: path.stat().st_ino for path in done.glob("shards/*.h5")}
    (done / "plan.json").write_text("x")
    assert run(["status", str(done)]) == 74
    assert f"delete {done / 'plan.json'} and run the same command" in capsys.readouterr().err
    (done / "plan.json").unlink()
    assert run(arguments(library, model, done, "-q", "--shard-size", "3")) == 0
    assert {path: path.stat().st_ino for path in done.glob("shards/*.h5")} == before


def test_a_damaged_shard_is_to_be_mended_before_anything_is_tried_again(
    done: Path, capsys: pytest.CaptureFixture[str]
):
    damage(done / SHARD)
    assert run(["retry", str(done), "--failed", "--code", "overlap"]) == 74
    assert f"screenkit verify {done} --repair" in capsys.readouterr().err


def test_a_run_that_is_stopped_says_how_it_goes_on(
    done: Path, library: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    words = arguments(library, model, done, "-q", "--shard-size", "3")
    assert run(["status", str(done)]) == 0
    assert "it goes on" not in capsys.readouterr().out
    (done / SHARD).unlink()
    assert run(["status", str(done)]) == 0
    assert shlex.join(["screenkit", *words]) in capsys.readouterr().out


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    assert run(["status", str(folder), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_status_of_a_run_is_told_in_words_and_to_programs(
    done: Path, capsys: pytest.CaptureFixture[str]
):
    facts = told(done, capsys)
    table = FORMATS.split("## `screenkit status --json`\n")[1].split("\n## ")[0]
    assert list(facts) == re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]+)\|", table, re.M)))
    assert facts["state"] == "complete"
    assert [facts[key] for key in ("structures", "done", "ok", "filtered", "failed")] == [
        *(7, 7, 5, 1, 1)
    ]
    assert facts["driver"] is None and facts["jobs"] == {} and facts["trouble"] == []
    (done / SHARD).unlink()
    facts = told(done, capsys)
    assert (facts["state"], facts["done"], facts["shards_done"]) == ("stopped", 4, 2)
    with RunLock(done):
        facts = told(done, capsys)
        assert facts["state"] == "running"
        assert facts["driver"]["pid"] == os.getpid() and facts["driver"]["alive"] is True
        assert run(["status", str(done)]) == 0
        assert "4 of 7" in capsys.readouterr().out.replace("\u202f", " ")


def test_trouble_is_that_of_the_last_start(
    done: Path, library: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    with (done / "run.log").open("a") as log:
        log.write("2026-01-01 00:00:00,000 ERROR stopped by StorageError: no space\n")
    assert told(done, capsys)["trouble"] == [
        "2026-01-01 00:00:00,000 ERROR stopped by StorageError: no space"
    ]
    assert run(arguments(library, model, done, "-q", "--shard-size", "3")) == 0
    assert told(done, capsys)["trouble"] == []


def test_a_driver_on_another_host_may_be_alive(done: Path, capsys: pytest.CaptureFixture[str]):
    with RunLock(done):
        facts = json.loads((done / LOCK).read_text()) | {"host": "elsewhere"}
    (done / LOCK).write_text(json.dumps(facts))
    assert told(done, capsys)["driver"]["alive"] is None
    assert run(["cancel", str(done)]) == 0
    assert f"kill {os.getpid()}" in capsys.readouterr().out


def test_watching_ends_with_the_run(done: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["status", str(done), "--watch"]) == 0
    assert "complete" in capsys.readouterr().out


def test_the_log_of_a_run_is_printed(done: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["logs", str(done)]) == 0
    assert capsys.readouterr().out == (done / "run.log").read_text()
    assert run(["logs", str(done), "--shard", "1"]) == 66
    assert run(["logs", str(done), "--shard", "3"]) == 64


def test_the_log_of_a_shard_is_that_of_the_job_that_had_it(
    done: Path, capsys: pytest.CaptureFixture[str]
):
    board = done / "slurm" / "0123456789"
    for folder in ("claims", "jobs"):
        (board / folder).mkdir(parents=True)
    (board / "claims" / "000002").write_text("12_0")
    (board / "jobs" / "12_0_0_log.err").write_text("I have shard 2\n")
    (board / "jobs" / "12_1_0_log.err").write_text("x shard 1 is done in 0.1 s\n")
    assert run(["logs", str(done), "--shard", "2"]) == 0
    assert capsys.readouterr().out == "I have shard 2\n"
    assert run(["logs", str(done), "--shard", "1"]) == 0
    assert capsys.readouterr().out == "x shard 1 is done in 0.1 s\n"


def test_what_changes_a_run_waits_for_its_driver_and_what_only_looks_does_not(
    done: Path, library: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    driver = hold(done)
    try:
        assert driver.stdout is not None and driver.stdout.readline() == "mine\n"
        for words in (["retry", str(done), "--failed"], ["merge", str(done)],
                      ["verify", str(done), "--repair"]):  # fmt: skip
            assert run(words) == 73
            assert f"process {driver.pid} on {socket.gethostname()}" in capsys.readouterr().err
        assert run(["verify", str(done)]) == 0
        assert run(["logs", str(done)]) == 0
        assert told(done, capsys)["driver"]["pid"] == driver.pid
        started = time.monotonic()
        assert run(arguments(library, model, done, "--shard-size", "3")) == 73
        assert time.monotonic() - started < 2
        capsys.readouterr()
        assert run(["cancel", str(done)]) == 0
        assert f"stopped the driver, process {driver.pid}" in capsys.readouterr().out
        assert driver.wait(10) == -15
        assert run(["cancel", str(done)]) == 0
        assert "nobody is at work" in capsys.readouterr().out
    finally:
        driver.kill()
        driver.wait()


@pytest.mark.parametrize(
    "words",
    [["status"], ["logs"], ["cancel"], ["retry", "--failed"], ["verify"], ["merge"]],
    ids=lambda words: words[0],
)
def test_a_folder_that_is_no_run_is_said_to_be_none(
    words: list[str], library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for folder in (library, tmp_path / "none"):
        assert run([words[0], str(folder), *words[1:]]) == 66
        assert str(folder) in capsys.readouterr().err


def test_a_run_of_another_version_is_read_and_not_changed(
    done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("screenkit.__version__", "99.0")
    assert run(["merge", str(done)]) == 65
    assert "and this is 99.0" in capsys.readouterr().err
    assert told(done, capsys)["state"] == "complete"


def test_a_run_from_python_says_that_it_has_no_command(
    done: Path, capsys: pytest.CaptureFixture[str]
):
    (done / "again.json").unlink()
    assert run(["merge", str(done)]) == 66
    assert "again.json" in capsys.readouterr().err


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    before = sorted(tmp_path.rglob("*"))
    assert run(arguments(library, model, tmp_path / "run", "--dry-run", "--shard-size", "3")) == 0
    said = capsys.readouterr().out
    assert "7 in 3 shards" in said
    assert "core-hours" in said and "GPU-hours" not in said
    assert "7 that were tried" in said
    for name in ("predictions.h5", "ranking.csv", "again.json"):
        assert name in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_shows_the_script_that_slurm_would_get(
    library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    words = arguments(library, model, tmp_path / "run", "--dry-run", "--partition", "night")
    words[words.index("serial")] = "slurm"
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "#!/bin/bash" in said and "#SBATCH --partition=night" in said
    assert not (tmp_path / "run").exists()


def test_the_files_that_a_dry_run_names_are_those_of_the_run(
    done: Path, library: Path, model: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(arguments(library, model, done, "--dry-run", "--shard-size", "3")) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line.strip().rstrip("/") for line in lines if line.startswith("  ")]
    assert sorted(named) == sorted(path.name for path in done.iterdir())


@pytest.mark.parametrize(
    "words", [["label", "--property", "min-bond-length"], ["clean", "--flag-only"]]
)
def test_other_commands_have_dry_runs_too(
    words: list[str], library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "run"
    words = [*words, str(library), "-o", str(output), "--executor", "serial"]
    assert run([*words, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert not output.exists()
    assert run([*words, "-q"]) == 0
    named = [line.strip().rstrip("/") for line in lines if line.startswith("  ")]
    assert sorted(named) == sorted(path.name for path in output.iterdir())


def test_wherever_the_disk_is_full_nothing_is_lost_and_one_error_says_so(
    done: Path, library: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """No file may grow beyond a limit, as on a disk that is full at that place."""
    words = arguments(library, model, tmp_path / "full", "-q", "--shard-size", "3")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    safe: set[Path] = set()
    codes = []
    for limit in (100, 400, 700, 2_000, 5_000, 9_000, 12_000, 20_000, 40_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            codes.append(run(words))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        said = capsys.readouterr().err
        assert codes[-1] in (0, 74)
        assert codes[-1] == 0 or said.count("error: no space writing") == 1
        assert "Traceback" not in said
        shards = set((tmp_path / "full" / "shards").glob("*.h5"))
        assert safe <= shards
        safe = shards
    assert codes[0] == 74 and len(set(codes[:-1])) == 1
    assert run(words) == 0
    for name in ("ranking.csv", "failures.csv", "predictions.h5"):
        assert (tmp_path / "full" / name).read_bytes() == (done / name).read_bytes()
