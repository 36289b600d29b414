"""The options that say how exact and how sure predictions shall be; as in `options.py`, each
explained once, no defaults."""

from __future__ import annotations

from typing import Annotated

import typer

from screenkit.cli.options import MODEL, OUTPUT, SELECTION

Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="float32|tf32|bfloat16",
        help="Of the network's matrix products; bfloat16 is faster where the hardware knows it, "
        "tf32 on CUDA devices. \\[default: float32]",
        rich_help_panel=MODEL,
    ),
]
Level = Annotated[
    float | None,
    typer.Option(
        "--level",
        metavar="X",
        help="Share of structures whose true value is to lie between TARGET_low and TARGET_high. "
        "\\[default: 0.9]",
        rich_help_panel=MODEL,
    ),
]
Half = Annotated[
    bool,
    typer.Option(
        "--half",
        help="Keep the weights in 16 bits, in half the room; predictions change by the rounding.",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]
Recall = Annotated[
    float | None,
    typer.Option(
        "--recall",
        metavar="X",
        help="As long a shortlist as it takes to hold this share of the truly best, such as 0.95, "
        "with 95% confidence; in the place of --top.",
        rich_help_panel=SELECTION,
    ),
]
TrulyBest = Annotated[
    str | None,
    typer.Option(
        "--best",
        metavar="N%",
        help="Who the truly best are, for --recall and what is said of --top. \\[default: 10%]",
        rich_help_panel=SELECTION,
    ),
]
