"""Start the command of a run again, in this process and from the folder where it was typed."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from screenkit.errors import SourceError
from screenkit.flows.again import Command


def start_again(run: Path, command: Command) -> int:
    """Run a command once more into the folder of its run; return its exit code.

    Raises:
        SourceError: the folder where it was typed is gone, and with it what its paths mean.
    """
    from screenkit.cli.app import run as start  # which imports every command, these too
    from screenkit.flows.mend import drop_replaced
    from screenkit.flows.runs import Run

    words = command.into(run)
    here = os.getcwd()
    try:
        os.chdir(command.folder)
    except OSError as error:
        raise SourceError(
            f"cannot go to {command.folder}, where {run} was started: {error.strerror}",
            hint=f"from another folder it would be: {command}",
        ) from None
    try:
        code = start(words)
    finally:
        os.chdir(here)
    if left := drop_replaced(Run.open(run)):
        typer.echo(f"not done yet: {len(left)} shards; as they were: {left[0].parent}", err=True)
    return code
