"""`screenkit report`: the page of a run, once more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from screenkit.cli import options as opt
from screenkit.cli import options_runs as of

Elsewhere = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        help="What RUN was made of, where that is no longer where it was; for drawings.",
        show_default=False,
    ),
]


def report(
    run: of.Run,
    sources: Elsewhere = None,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Build report.html and figures/ of RUN again; every command has built them at its end.

    RUN is the folder of a rank, clean, label, train, evaluate, explain or
    gcmc collect. Nothing is computed again; what `explain RUN` has found
    since is in the page.

    Example: screenkit report hmof-pore
    """
    from screenkit.cli.text import plain
    from screenkit.flows.report import report as build

    page = build(run, sources or [])
    if not quiet:
        typer.echo(plain(str(page)))
