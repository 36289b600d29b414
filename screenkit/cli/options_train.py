"""The options of `screenkit train` alone; as in `options.py`, each explained once, no defaults."""

from __future__ import annotations

from typing import Annotated

import typer

TRAINING, SEVERAL = ("Training", "Several trainings")

Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="COL[>X][:max|min]",
        help="Column to learn (with >X or <X: whether it is so), and which end is better; may be "
        "repeated. The first one ranks.",
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
Only = Annotated[
    str | None,
    typer.Option(
        "--only",
        metavar="COL=VALUE",
        help="Take only the rows with this value, such as subset=small; the rest is not read.",
        rich_help_panel=TRAINING,
    ),
]
Splits = Annotated[
    str | None,
    typer.Option(
        "--splits",
        metavar="TRAIN/VALID/TEST",
        help="Percentages of the structures. \\[default: 80/10/10]",
        rich_help_panel=TRAINING,
    ),
]
Folds = Annotated[
    int | None,
    typer.Option(
        "--folds",
        metavar="N",
        help="Cross-validate: N trainings; each group is kept apart by one of them.",
        rich_help_panel=SEVERAL,
    ),
]
Repeats = Annotated[
    int | None,
    typer.Option(
        "--repeats",
        metavar="N",
        help="N trainings, each with another random split.",
        rich_help_panel=SEVERAL,
    ),
]
Ensemble = Annotated[
    int | None,
    typer.Option(
        "--ensemble",
        metavar="N",
        help="N trainings on one split with other first weights; their mean is scored too.",
        rich_help_panel=SEVERAL,
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials",
        metavar="N",
        help="Try N settings out of search.ranges of the recipe; the best by validation is kept.",
        rich_help_panel=SEVERAL,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="CHECKPOINT",
        help="Go on from the weights of this network of the same kind, a name on the shelf or a "
        "path. Its last layer begins anew where the targets are others. \\[default: by chance]",
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
