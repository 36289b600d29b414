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

INPUT, MODEL, SELECTION, RUNNING, OUTPUT = ("Input", "Model", "Selection", "Running", "Output")


class Progress(StrEnum):
    """How to show that something happens."""

    AUTO = "auto"
    RICH = "rich"
    PLAIN = "plain"
    NONE = "none"


class ExecutorName(StrEnum):
    """Who does the work."""

    SERIAL = "serial"
    AUTO = "auto"
    DASK = "dask"
    DASK_CUDA = "dask-cuda"
    SLURM = "slurm"


def _path(text: str) -> Path:
    """Return a path as it was given; whether it can be read or written, the flow finds out."""
    if not text:
        raise typer.BadParameter("an empty path; is a shell variable unset?")
    return Path(text)


def _free(folder: Path | None) -> Path | None:
    """Refuse a folder that another run holds: at once, and not when torch is awake."""
    if folder is not None:
        from screenkit.store.lock import RunLock

        RunLock(folder).refuse()
    return folder


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
NameColumn = Annotated[
    str | None,
    typer.Option(
        "--name-column",
        metavar="COL",
        help="Column of the structures' names. \\[default: name]",
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
        help="A model on the shelf (see `screenkit models`) or a checkpoint. \\[default: pore]",
        rich_help_panel=MODEL,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="TARGET=COL",
        help="Column that holds a target's labels, and for a class those inside, such as "
        '"is_metal=gap_eV<=0"; may be repeated. \\[default: the column called like the target]',
        rich_help_panel=INPUT,
    ),
]
ModelFile = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE",
        help="A model on the shelf, or a checkpoint.",
        show_default=False,
    ),
]
PublishedFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE.pth.tar",
        parser=_path,
        help="A checkpoint of the published CGCNN program.",
        show_default=False,
    ),
]
AtomFeatures = Annotated[
    Path,
    typer.Option(
        "--atom-features",
        metavar="atom_init.json",
        parser=_path,
        help="The table of atom features that it was trained with.",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
ModelOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE.safetensors",
        parser=_path,
        help="Where to write it. \\[default: your own shelf, under the name of the file]",
        rich_help_panel=OUTPUT,
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Kind of model to train; `screenkit models` lists them. \\[default: pore]",
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
Explained = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN|SOURCE",
        parser=_path,
        help="The folder of a run (a library behind it, where it has moved), or a library.",
        show_default=False,
    ),
]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="ID",
        help="Explain this structure and no others; may be repeated.",
        rich_help_panel=SELECTION,
    ),
]
Best = Annotated[
    int | None,
    typer.Option(
        "--top",
        "-k",
        metavar="N",
        help="Explain so many of a run's shortlist. \\[default: 10; of a library, all]",
        rich_help_panel=SELECTION,
    ),
]
Draw = Annotated[
    int | None,
    typer.Option(
        "--draw",
        metavar="N",
        help="Draw so many of the explained structures, the best first. \\[default: 10]",
        rich_help_panel=SELECTION,
    ),
]
Executor = Annotated[
    ExecutorName | None,
    typer.Option(
        "--executor",
        help="dask: one process per core; dask-cuda: one per GPU; serial: all in this process; "
        "slurm: jobs on a cluster; auto: dask-cuda where there are GPUs, else dask. "
        "\\[default: auto]",
        rich_help_panel=RUNNING,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-j",
        metavar="N",
        help="Processes; with dask-cuda, GPUs. \\[default: one per core; all GPUs]",
        rich_help_panel=RUNNING,
    ),
]
ShardSize = Annotated[
    int | None,
    typer.Option(
        "--shard-size",
        metavar="N",
        help="Structures that are kept, or lost, together. \\[default: 256, of a large library a "
        "thousandth]",
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
        callback=_free,
        help="Folder of the run. A run that was stopped goes on. \\[default: SOURCE-MODEL; of "
        "train SOURCE-MODEL-training, of clean SOURCE-clean, of featurize SOURCE-graphs, of gcmc "
        "RUN/gcmc or SOURCE-gcmc, of explain RUN/explain or SOURCE-MODEL-explain]",
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
