"""Every option of every command, each explained once.

There are no defaults here: `None` means that the user did not say, and then the recipe decides,
and then the field of the settings class. The help repeats the default as text, because asking the
class would wake torch; `tests/cli/test_options.py` holds the two together.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

INPUT, MODEL, SELECTION, RUNNING, OUTPUT, TRAINING = (
    "Input",
    "Model",
    "Selection",
    "Running",
    "Output",
    "Training",
)


class Progress(StrEnum):
    """How to show that something happens."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"
    NONE = "none"


class ExecutorName(StrEnum):
    """Who does the work."""

    SERIAL = "serial"
    DASK = "dask"


def _path(text: str) -> Path:
    """Return a path as it was given; whether it can be read or written, the flow finds out."""
    if not text:
        raise typer.BadParameter("an empty path; is a shell variable unset?")
    return Path(text)


Sources = Annotated[
    list[Path],
    typer.Argument(
        metavar="SOURCE",
        parser=_path,
        help="Folders, .tar/.tar.gz/.tar.xz/.zip archives, CIFs, or text files of paths.",
        show_default=False,
    ),
]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        parser=_path,
        help="A folder, an archive, a CIF, or a text file of paths.",
        show_default=False,
    ),
]
LabelTable = Annotated[
    Path,
    typer.Argument(
        metavar="LABELS.csv",
        parser=_path,
        help="Table with a header line and one row per structure.",
        show_default=False,
    ),
]
Ids = Annotated[
    Path | None,
    typer.Option(
        "--ids",
        metavar="FILE",
        parser=_path,
        help="Take only the structures named in this file, one name a line.",
        rich_help_panel=INPUT,
    ),
]
Recipe = Annotated[
    Path | None,
    typer.Option(
        "--recipe",
        metavar="FILE",
        parser=_path,
        help="YAML with the settings of a study; options given here beat it.",
        rich_help_panel=INPUT,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH",
        help="A model on the shelf (see `screenkit models`) or a checkpoint. \\[default: knagcn]",
        rich_help_panel=MODEL,
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Kind of network to train. \\[default: knagcn]",
        rich_help_panel=MODEL,
    ),
]
BatchAtoms = Annotated[
    int | None,
    typer.Option(
        "--batch-atoms",
        metavar="N",
        help="Atoms per batch of the network at most. \\[default: 4096, on CUDA 65536]",
        rich_help_panel=MODEL,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]",
        help="Where the network runs; auto takes CUDA where there is one. \\[default: auto]",
        rich_help_panel=MODEL,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME",
        help="Target to rank by. \\[default: the model's first]",
        rich_help_panel=SELECTION,
    ),
]
Top = Annotated[
    str | None,
    typer.Option(
        "--top",
        "-k",
        metavar="N|N%",
        help="Length of the shortlist, or its share of what --where leaves. \\[default: 100]",
        rich_help_panel=SELECTION,
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="EXPR",
        help='Condition for the shortlist, such as "n_atoms < 500 and density_g_cm3 < 1".',
        rich_help_panel=SELECTION,
    ),
]
Executor = Annotated[
    ExecutorName | None,
    typer.Option(
        "--executor",
        help="dask: one process per core; serial: all in this process. \\[default: dask]",
        rich_help_panel=RUNNING,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-j",
        metavar="N",
        help="Processes. \\[default: one per core]",
        rich_help_panel=RUNNING,
    ),
]
ShardSize = Annotated[
    int | None,
    typer.Option(
        "--shard-size",
        metavar="N",
        help="Structures that are kept, or lost, together. \\[default: 256]",
        rich_help_panel=RUNNING,
    ),
]
MaxFailures = Annotated[
    int | None,
    typer.Option(
        "--max-failures",
        metavar="N",
        help="Exit with 3 when more structures than this fail. \\[default: no limit]",
        rich_help_panel=RUNNING,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="RUN",
        parser=_path,
        help="Folder of the run. A run that was stopped goes on. \\[default: SOURCE-MODEL]",
        rich_help_panel=OUTPUT,
    ),
]
ProgressMode = Annotated[
    Progress | None,
    typer.Option(
        "--progress",
        help="auto: rich on a terminal, else a line every 10 s. \\[default: auto]",
        rich_help_panel=OUTPUT,
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Say more while it runs.",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Say nothing but errors.", rich_help_panel=OUTPUT, show_default=False
    ),
]
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Show where in the program an error arose.",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="COL[:max|min]",
        help="Column to learn, and which end is better; may be repeated. The first one ranks.",
        rich_help_panel=TRAINING,
    ),
]
GroupColumn = Annotated[
    str | None,
    typer.Option(
        "--group-column",
        metavar="COL",
        help="Column of groups that are never split between training and test.",
        rich_help_panel=TRAINING,
    ),
]
NameColumn = Annotated[
    str | None,
    typer.Option(
        "--name-column",
        metavar="COL",
        help="Column of the structures' names. \\[default: name]",
        rich_help_panel=TRAINING,
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        help="Passes over the training set. \\[default: 150]",
        rich_help_panel=TRAINING,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        help="Draws the split, the first weights and the order. \\[default: 0]",
        rich_help_panel=TRAINING,
    ),
]
