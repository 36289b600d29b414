"""Options of `screenkit clean` alone, each explained once; the others stand in `options.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from screenkit.cli.options import SELECTION

MinDistance = Annotated[
    float | None,
    typer.Option(
        "--min-distance",
        metavar="Å",
        help="Two atoms closer than this overlap (0.1 Å less per H). \\[default: 0.8]",
        rich_help_panel=SELECTION,
    ),
]
MinSurfaceArea = Annotated[
    float | None,
    typer.Option(
        "--min-surface-area",
        metavar="Å2",
        help="Surface that a cell must have, for a probe of 3.68 Å; 0 is none. \\[default: 50.0]",
        rich_help_panel=SELECTION,
    ),
]
FlagOnly = Annotated[
    bool | None,
    typer.Option(
        "--flag-only",
        help="Leave nothing out: each reason becomes a warning.",
        rich_help_panel=SELECTION,
        show_default=False,
    ),
]
DropDuplicates = Annotated[
    bool | None,
    typer.Option(
        "--drop-duplicates",
        help="Leave all but the first of equal structures out of kept.txt.",
        rich_help_panel=SELECTION,
        show_default=False,
    ),
]
