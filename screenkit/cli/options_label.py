"""The options of `screenkit label` alone; as in `options.py`, each explained once, no defaults."""

from __future__ import annotations

from typing import Annotated

import typer

PHYSICS = "Physics"

Gases = Annotated[
    list[str] | None,
    typer.Option(
        "--gas",
        metavar="GAS",
        help="Henry coefficients of this gas, such as H2, CH4, Kr, Xe, N2 or CO2; may be repeated.",
        rich_help_panel=PHYSICS,
    ),
]
Temperatures = Annotated[
    list[float] | None,
    typer.Option(
        "--temperature",
        "-T",
        metavar="K",
        help="At this temperature; may be repeated. There is no default: H2 at 77 K and at 298 K "
        "differ by orders of magnitude.",
        rich_help_panel=PHYSICS,
    ),
]
Properties = Annotated[
    list[str] | None,
    typer.Option(
        "--property",
        metavar="NAME",
        help="pores, min-bond-length, percolation-radius or largest-li-site; may be repeated.",
        rich_help_panel=PHYSICS,
    ),
]
ForceField = Annotated[
    str | None,
    typer.Option(
        "--force-field",
        metavar="NAME|FILE",
        help="uff, dreiding, dreiding-uff, or a YAML file of your own. \\[default: uff]",
        rich_help_panel=PHYSICS,
    ),
]
Cutoff = Annotated[
    float | None,
    typer.Option(
        "--cutoff",
        metavar="Å",
        help="Atoms farther apart do not feel each other. \\[default: 12.9]",
        rich_help_panel=PHYSICS,
    ),
]
Truncation = Annotated[
    str | None,
    typer.Option(
        "--truncation",
        metavar="HOW",
        help="truncated: the energy ends at the cutoff; shifted: and is 0 there; tail: what lies "
        "beyond is added. \\[default: truncated]",
        rich_help_panel=PHYSICS,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        metavar="SHARE",
        help="Refine the grid until a coefficient is sure to this share. \\[default: 0.01]",
        rich_help_panel=PHYSICS,
    ),
]
EnergyDevice = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="WHERE",
        help="cpu, cuda or cuda:N: where the energies of gases without charges are summed. "
        "\\[default: cpu]",
        rich_help_panel=PHYSICS,
    ),
]
