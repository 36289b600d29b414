"""The program `screenkit`: its commands, and how each way of ending becomes an exit code.

The table of exit codes is in `docs/exit-codes.md`. Results go to stdout; everything else, progress
and errors included, to stderr.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer

from screenkit import __version__
from screenkit.cli.calibrate import calibrate
from screenkit.cli.campaign import campaign
from screenkit.cli.clean import clean
from screenkit.cli.compare import compare
from screenkit.cli.evaluate import evaluate
from screenkit.cli.explain import explain
from screenkit.cli.export import export
from screenkit.cli.featurize import featurize
from screenkit.cli.gcmc import gcmc
from screenkit.cli.label import label
from screenkit.cli.models import models
from screenkit.cli.rank import rank
from screenkit.cli.report import report
from screenkit.cli.runs import cancel, logs, merge, retry, status, verify
from screenkit.cli.select import select
from screenkit.cli.train import train
from screenkit.errors import Detached, ScreenkitError
from screenkit.flows.again import commanded

_BUG = 70
_STOPPED = 85
_INTERRUPTED = 128 + signal.SIGINT
_BROKEN_PIPE = 128 + 13  # SIGPIPE, which Windows does not name
_TOGETHER = 0.2  # seconds
_RESUMABLE = (
    *("rank", "train", "calibrate", "evaluate", "explain", "label", "clean", "featurize", "gcmc"),
    "campaign",
)
# ClickException: click's, or in newer versions Typer's own copy of it.
_COMMAND_LINE_ERROR: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="screenkit",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"screenkit {__version__}")
        raise typer.Exit


@app.callback()
def _screenkit(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Say which version."
        ),
    ] = False,
) -> None:
    """From a library of metal-organic frameworks to a short list worth a simulation."""


app.command()(rank)
app.command()(train)
app.command()(calibrate)
app.command()(evaluate)
app.command()(select)
app.command()(compare)
app.command()(report)
app.command()(export)
app.command()(campaign)
app.command()(explain)
app.command()(clean)
app.command()(label)
app.command()(featurize)
app.command()(status)
app.command()(logs)
app.command()(cancel)
app.command()(retry)
app.command()(verify)
app.command()(merge)
app.add_typer(gcmc, name="gcmc")
app.add_typer(models, name="models")


class _Terminated(KeyboardInterrupt):
    """SIGTERM has come. A KeyboardInterrupt, so that all who clean up after one clean up now."""


def main() -> NoReturn:
    """Run the program and end the process."""
    with _signals():
        code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        code = code or _BROKEN_PIPE
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; never raises."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name or an Å that the terminal cannot write
            stream.reconfigure(errors="backslashreplace")
    command = typer.main.get_command(app)
    try:
        with (
            commanded(arguments),
            command.make_context("screenkit", list(arguments)) as context,
        ):
            command.invoke(context)
        return 0
    except typer.Exit as stop:
        return stop.exit_code
    except _COMMAND_LINE_ERROR as error:
        return _refuse(error)
    except Detached as left:
        typer.echo(f"{left.message}\n{left.hint}")
        return left.exit_code
    except ScreenkitError as error:
        if "--debug" in arguments:
            traceback.print_exc()
        say(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort) as stop:
        return _stop(stop, arguments)
    except BrokenPipeError:
        _forget_stdout()
        return _BROKEN_PIPE
    except Exception:  # noqa: BLE001  the last one who can say anything
        traceback.print_exc()
        _write(
            f"error: this is a fault of screenkit {__version__}, not yours",
            "hint:  please report it with the lines above and the command",
        )
        return _BUG


def say(error: ScreenkitError) -> None:
    """Write an error and its hint to stderr."""
    _write(f"error: {error.message}", f"hint:  {error.hint}" if error.hint else "")


def _refuse(error: Any) -> int:
    """Say what is wrong with a command line that does not parse."""
    context: Any = getattr(error, "ctx", None)
    message = error.format_message()
    if not message or type(error).__name__ == "NoArgsIsHelpError":
        _write(message or context.get_help())
        return int(error.exit_code)
    path = context.command_path if context else "screenkit"
    _write(f"error: {message}", f"hint:  see {path} --help")
    return int(error.exit_code)


def _stop(stop: BaseException, arguments: Sequence[str]) -> int:
    words = [word for word in arguments if not word.startswith("-")]
    if words and words[0] in _RESUMABLE:
        _write(
            "stopped; what was finished is kept. The same command goes on from there:",
            f"  {shlex.join(['screenkit', *arguments])}",
        )
    return _STOPPED if isinstance(stop, _Terminated) else _INTERRUPTED


def _write(*lines: str) -> None:
    """Write lines to stderr; a closed stderr is nobody to complain to."""
    try:
        print(*(line for line in lines if line), sep="\n", file=sys.stderr, flush=True)  # noqa: T201
    except (OSError, ValueError):
        return


def _forget_stdout() -> None:
    """Send the rest of stdout nowhere, so that the interpreter's last flush does not complain."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@contextmanager
def _signals() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into an exception; the second one ends the process.

    Two that come together are one: `timeout` and batch systems signal a process and its group.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    stopping = False

    def stop(number: int, frame: Any) -> None:
        nonlocal stopping
        if stopping:  # while the first call sleeps
            return
        stopping = True
        time.sleep(_TOGETHER)
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        raise _Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {name: signal.signal(name, stop) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
