"""The command of a run is kept by the run that it begins, and by no other."""

from __future__ import annotations

import json
import os

import pytest

from screenkit.errors import SourceError
from screenkit.flows.again import AGAIN, Command, commanded, keep_command


def test_what_was_typed_is_kept_and_read_back(tmp_path):
    with commanded(["rank", "mofs", "--top", "5"]):
        keep_command(tmp_path)
    command = Command.of(tmp_path)
    assert command == Command(("rank", "mofs", "--top", "5"), os.getcwd())
    assert str(command) == "screenkit rank mofs --top 5"


def test_a_run_from_python_keeps_no_command(tmp_path):
    with commanded(["rank"]):
        pass
    keep_command(tmp_path)
    assert not (tmp_path / AGAIN).exists()


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["rank", "mofs"], ["rank", "mofs", "--output", "RUN"]),
        (["rank", "--", "-v"], ["rank", "--output", "RUN", "--", "-v"]),
        (["rank", "-o", "x", "mofs"], ["rank", "-o", "x", "mofs", "--output", "RUN"]),
    ],
)
def test_a_command_is_led_into_its_run_wherever_that_is_now(tmp_path, arguments, more):
    run = str(tmp_path.resolve())
    once = Command(tuple(arguments), "/").into(tmp_path)
    assert once == [run if word == "RUN" else word for word in more]
    assert Command(tuple(once), "/").into(tmp_path) == once


@pytest.mark.parametrize("text", ["", "[]", '{"arguments": 5}', json.dumps({"folder": "/"})])
def test_a_damaged_command_is_no_command(tmp_path, text):
    (tmp_path / AGAIN).write_text(text)
    with pytest.raises(SourceError, match="does not say which command") as caught:
        Command.of(tmp_path)
    assert caught.value.exit_code == 66
