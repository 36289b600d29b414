"""The options of commands that work on a RUN; as in `options.py`, each explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from screenkit.cli.options import RUNNING

Run = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="Folder of a run, its --output.", show_default=False),
]
Watch = Annotated[
    bool,
    typer.Option("--watch", "-w", help="Look again and again, until the run ends."),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Say it as one line of JSON, for programs."),
]
ShardNumber = Annotated[
    int | None,
    typer.Option("--shard", metavar="K", help="Show the log of the Slurm job that had shard K."),
]
Repair = Annotated[
    bool,
    typer.Option("--repair", help="Move what is damaged aside, and do it again."),
]
Failed = Annotated[
    bool,
    typer.Option("--failed", help="Try again what may come out otherwise another time."),
]
Codes = Annotated[
    list[str] | None,
    typer.Option(
        "--code",
        metavar="CODE",
        help="Try again what failed for this reason alone; may be repeated. \\[default: "
        "worker_lost, out_of_memory, internal_error, unreadable]",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Write nothing: say what the run would do, and how long, after trying 64 structures.",
        rich_help_panel=RUNNING,
        show_default=False,
    ),
]
