"""Options of `screenkit featurize`, and of who reads its graphs; each explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from screenkit.cli.options import INPUT, MODEL, _path

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="Kind of network that the graphs are for; may be repeated. \\[default: pore]",
        rich_help_panel=MODEL,
    ),
]
Neighbors = Annotated[
    int | None,
    typer.Option(
        "--k",
        metavar="N",
        help="Neighbours per atom. \\[default: as many as these networks want]",
        rich_help_panel=MODEL,
    ),
]
Graphs = Annotated[
    Path | None,
    typer.Option(
        "--graphs",
        metavar="DIR",
        parser=_path,
        help="Take the graphs that `screenkit featurize` left here, and read no SOURCE.",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
SourcesOrGraphs = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[SOURCE]...",
        parser=_path,
        help="Folders, archives, CIFs, or text files of paths; none with --graphs.",
        show_default=False,
    ),
]
