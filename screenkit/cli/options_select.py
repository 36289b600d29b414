"""The options of `screenkit select`, `compare` and `export`; as in `options.py`, each explained
once, no defaults."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from screenkit.cli.options import OUTPUT, SELECTION, _path

ORDER = "Order"


class AcquireName(StrEnum):
    """What is worth simulating next."""

    GREEDY = "greedy"
    UCB = "ucb"
    EI = "ei"
    THOMPSON = "thompson"


Derive = Annotated[
    list[str] | None,
    typer.Option(
        "--derive",
        metavar="NAME=FORMULA",
        help='A column more, such as "wc = co2_uptake_16bar_298K - co2_uptake_0.15bar_298K"; may '
        "be repeated. Functions: abs, exp, log10, max, min, sqrt.",
        rich_help_panel=SELECTION,
    ),
]
Without = Annotated[
    Path | None,
    typer.Option(
        "--without",
        metavar="FILE",
        parser=_path,
        help="Leave out the structures that a text or CSV file names in its first column, such as "
        "those that are simulated already.",
        rich_help_panel=SELECTION,
    ),
]
Orderer = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COL[:max|min]",
        help="What orders the structures: a target, or a derived column and its good end. "
        "\\[default: as the run ranks]",
        rich_help_panel=ORDER,
    ),
]
Pareto = Annotated[
    str | None,
    typer.Option(
        "--pareto",
        metavar="COL[:max|min],...",
        help='Keep the Pareto front of these, such as "co2_uptake_0.15bar_298K:max,density:min".',
        rich_help_panel=SELECTION,
    ),
]
Acquire = Annotated[
    AcquireName | None,
    typer.Option(
        "--acquire",
        help="Order by what is worth simulating next: the prediction, it and its spread, the "
        "expected improvement, or a sample. All but greedy need TARGET_std.",
        rich_help_panel=ORDER,
    ),
]
Beta = Annotated[
    float | None,
    typer.Option(
        "--beta",
        metavar="X",
        help="Standard deviations that ucb adds to a prediction. \\[default: 2.0]",
        rich_help_panel=ORDER,
    ),
]
BestKnown = Annotated[
    float | None,
    typer.Option(
        "--best-known",
        metavar="X",
        help="What ei is to improve on, such as the best simulation so far. \\[default: the best "
        "prediction]",
        rich_help_panel=ORDER,
    ),
]
SampleSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        help="Of the samples of thompson. \\[default: 0]",
        rich_help_panel=ORDER,
    ),
]
Cut = Annotated[
    str | None,
    typer.Option(
        "--top",
        "-k",
        metavar="N|N%",
        help="Keep the best N, or N% of what is left by then. \\[default: all]",
        rich_help_panel=SELECTION,
    ),
]
Diverse = Annotated[
    int | None,
    typer.Option(
        "--diverse",
        metavar="N",
        help="Keep N that are unlike each other, the best first.",
        rich_help_panel=SELECTION,
    ),
]
Space = Annotated[
    str | None,
    typer.Option(
        "--space",
        metavar="COL,COL,...",
        help="In what they are unlike, standardised. \\[default: all that is predicted or derived, "
        "and size, volume, density, shortest distance]",
        rich_help_panel=SELECTION,
    ),
]
SelectionName = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Keep the choice as RUN/selections/NAME.csv and .json. \\[default: latest, which the "
        "next one replaces]",
        rich_help_panel=OUTPUT,
    ),
]
FirstRun = Annotated[
    Path,
    typer.Argument(metavar="RUN_A", help="Folder of a run, its --output.", show_default=False),
]
SecondRun = Annotated[
    Path,
    typer.Argument(metavar="RUN_B", help="Folder of another run.", show_default=False),
]
CompareOutput = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="DIR",
        parser=_path,
        help="Write compare.csv and compare.json there. \\[default: write nothing]",
        rich_help_panel=OUTPUT,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="csv|parquet|json",
        help="\\[default: as --output ends, else csv]. Parquet needs pip install "
        "'screenkit\\[parquet]'.",
        rich_help_panel=OUTPUT,
    ),
]
ExportFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=_path,
        help="Where to write. \\[default: RUN/predictions.FORMAT]",
        rich_help_panel=OUTPUT,
    ),
]
