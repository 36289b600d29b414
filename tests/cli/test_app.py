"""How each way of ending becomes an exit code and a message."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import screenkit
from screenkit.cli.app import run
from screenkit.errors import ScreenkitError, StorageError
from tests.cli.test_rank import arguments

TABLE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def subclasses(kind: type) -> list[type]:
    return [kind, *(s for child in kind.__subclasses__() for s in subclasses(child))]


@pytest.fixture
def ending(monkeypatch: pytest.MonkeyPatch):
    """Let `screenkit rank` end in an exception of the test's choice."""

    def end(error: BaseException, *more: str) -> int:
        def screen(*args: object, **options: object) -> None:
            raise error

        monkeypatch.setattr("screenkit.flows.screen.screen", screen)
        return run(["rank", "x.cif", *more])

    return end


def test_every_exit_code_is_in_the_table():
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", TABLE.read_text(), re.MULTILINE)}
    errors = {kind.exit_code for kind in subclasses(ScreenkitError)}
    assert errors | {0, 2, 3, 70, 85, 130, 141} == rows


def test_an_error_says_what_and_what_to_do(ending, capsys: pytest.CaptureFixture[str]):
    assert ending(StorageError("no space writing r/1.h5", hint="free some")) == 74
    assert capsys.readouterr().err == "error: no space writing r/1.h5\nhint:  free some\n"


def test_an_error_without_a_hint_is_one_line(ending, capsys: pytest.CaptureFixture[str]):
    ending(StorageError("no space"))
    assert capsys.readouterr().err == "error: no space\n"


def test_debug_shows_where_an_error_arose(ending, capsys: pytest.CaptureFixture[str]):
    assert ending(StorageError("no space"), "--debug") == 74
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("error: no space\n")


def test_a_fault_of_ours_keeps_its_traceback(ending, capsys: pytest.CaptureFixture[str]):
    assert ending(ZeroDivisionError("oh")) == 70
    shown = capsys.readouterr().err
    assert "ZeroDivisionError: oh" in shown
    assert "please report" in shown


def test_an_interrupt_says_how_to_go_on(ending, capsys: pytest.CaptureFixture[str]):
    assert ending(KeyboardInterrupt(), "--top", "5%") == 130
    assert "screenkit rank x.cif --top 5%" in capsys.readouterr().err


def test_a_broken_pipe_is_quiet(ending, capfd: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.setattr("screenkit.cli.app._forget_stdout", lambda: None)
    assert ending(BrokenPipeError()) == 141
    assert capfd.readouterr().err == ""


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"screenkit {screenkit.__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["rnak"], ["rank"], ["rank", "x", "--nothing"], ["--nothing"]]
)
def test_a_command_line_that_does_not_parse_ends_with_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
):
    assert run(arguments) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert "--help" in shown.splitlines()[-1]


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]):
    assert run([]) in (0, 2)
    shown = capsys.readouterr()
    assert "rank" in shown.out + shown.err


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 85), (signal.SIGINT, 130)])
def test_a_signal_stops_the_program_cleanly_and_the_same_command_goes_on(
    library: Path, model: Path, tmp_path: Path, number: int, code: int
):
    big = tmp_path / "big"
    big.mkdir()
    for i in range(3000):
        os.link(library / "NaCl.cif", big / f"m{i}.cif")
    output = tmp_path / "run"
    words = arguments(big, model, output, "--shard-size", "16", "-q")
    process = subprocess.Popen(
        [sys.executable, "-m", "screenkit", *words], stderr=subprocess.PIPE, text=True
    )
    patience = time.monotonic() + 60
    while not list(output.glob("*/*.h5")) and time.monotonic() < patience:
        time.sleep(0.02)
    process.send_signal(number)
    process.send_signal(number)  # as `timeout` does: to the process, and to its group
    _, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert "goes on from there" in error
    assert "Traceback" not in error
    assert run(words) == 0
    assert len((output / "ranking.csv").read_text().splitlines()) == 3001
