"""The options of `screenkit campaign` alone; as in `options.py`, each explained once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from screenkit.cli.options import OUTPUT, RUNNING, _path

CampaignRecipe = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE.yaml",
        help="What to look for, where, and by what; see docs/campaign.md.",
        show_default=False,
    ),
]
CampaignFolder = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        parser=_path,
        help="Folder of the campaign. \\[default: ./<recipe>-run]",
        rich_help_panel=OUTPUT,
    ),
]
Rounds = Annotated[
    int | None,
    typer.Option(
        "--rounds",
        metavar="N",
        help="Rounds at most; more of them go on from the last one. \\[default: 5]",
        rich_help_panel=RUNNING,
    ),
]
Plan = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Write nothing: look at recipe, library and folder, and say what would be done.",
        rich_help_panel=RUNNING,
        show_default=False,
    ),
]
