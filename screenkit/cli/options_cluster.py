"""The options of commands that may work on a cluster, each explained once.

A command takes them all as `**cluster`; `clustered` shows each by its name.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from screenkit.cli.options import _path

CLUSTER = "Cluster"
_OF_SITE = "\\[default: what --site says]"

Readers = Annotated[
    int | None,
    typer.Option(
        "--readers",
        metavar="N",
        help="With --executor dask-cuda: processes per GPU that build graphs ahead of it. "
        "\\[default: (cores - 2) / GPUs]",
        rich_help_panel=CLUSTER,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS|FILE",
        help="Let the workers of this Dask cluster do the work: the scheduler's address or file.",
        rich_help_panel=CLUSTER,
        show_default=False,
    ),
]
Insecure = Annotated[
    bool | None,
    typer.Option(
        "--insecure",
        help="Allow a --scheduler beyond this machine that is not encrypted.",
        rich_help_panel=CLUSTER,
        show_default=False,
    ),
]
Site = Annotated[
    Path | None,
    typer.Option(
        "--site",
        metavar="FILE.yaml",
        parser=_path,
        help="With --executor slurm: the profile of the cluster; see slurm/ for examples.",
        rich_help_panel=CLUSTER,
    ),
]
Detach = Annotated[
    bool | None,
    typer.Option(
        "--detach",
        help="Submit the jobs and do not wait; the same command without it collects.",
        rich_help_panel=CLUSTER,
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        metavar="N",
        help="Jobs that share the work. \\[default: what --site says, else 4]",
        rich_help_panel=CLUSTER,
    ),
]
ArrayParallelism = Annotated[
    int | None,
    typer.Option(
        "--array-parallelism",
        metavar="N",
        help="Jobs that may run at the same time. \\[default: what --site says, else all]",
        rich_help_panel=CLUSTER,
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="MINUTES|HH:MM:SS|D-HH:MM:SS",
        help="Time of each job. \\[default: what --site says, else 04:00:00]",
        rich_help_panel=CLUSTER,
    ),
]
Cpus = Annotated[
    int | None,
    typer.Option(
        "--cpus",
        metavar="N",
        help="Cores of each job. \\[default: what --site says, else 1]",
        rich_help_panel=CLUSTER,
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help=f"Memory of each job, such as 64G. {_OF_SITE}",
        rich_help_panel=CLUSTER,
    ),
]
Partition = Annotated[
    str | None,
    typer.Option(
        "--partition",
        metavar="NAME",
        help=f"Partition of the cluster. {_OF_SITE}",
        rich_help_panel=CLUSTER,
    ),
]
Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="NAME",
        help=f"Account that pays. {_OF_SITE}",
        rich_help_panel=CLUSTER,
    ),
]
Qos = Annotated[
    str | None,
    typer.Option(
        "--qos",
        metavar="NAME",
        help=f"Quality of service. {_OF_SITE}",
        rich_help_panel=CLUSTER,
    ),
]
Gres = Annotated[
    str | None,
    typer.Option(
        "--gres",
        metavar="LIST",
        help=f"Generic resources of each job, such as gpu:1. {_OF_SITE}",
        rich_help_panel=CLUSTER,
    ),
]
Constraint = Annotated[
    str | None,
    typer.Option(
        "--constraint",
        metavar="LIST",
        help=f"Features that a node must have. {_OF_SITE}",
        rich_help_panel=CLUSTER,
    ),
]

_OPTIONS: dict[str, Any] = {
    "readers": Readers,
    "scheduler": Scheduler,
    "insecure": Insecure,
    "site": Site,
    "detach": Detach,
    "jobs": Jobs,
    "array_parallelism": ArrayParallelism,
    "time": Time,
    "cpus": Cpus,
    "memory": Memory,
    "partition": Partition,
    "account": Account,
    "qos": Qos,
    "gres": Gres,
    "constraint": Constraint,
}


def clustered(command: Callable[..., None]) -> Callable[..., None]:
    """Show the options of clusters behind `--shard-size`, in the place of `**cluster`."""
    shown: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            shown.append(parameter)
        if name == "shard_size":
            shown += [parameter.replace(name=one) for one in _OPTIONS]

    @functools.wraps(command)
    def run(**said: Any) -> None:
        command(**said)

    hints = get_type_hints(command, include_extras=True) | _OPTIONS
    hints.pop("cluster")
    run.__annotations__ = hints
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(annotation=hints[one.name]) for one in shown]
    )
    return run
