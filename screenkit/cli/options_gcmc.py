"""The options of `screenkit gcmc` alone; as in `options.py`, each explained once, no defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from screenkit.cli.options import RUNNING, SELECTION

SIMULATION, GATES, JUDGING = "Simulation", "Gates", "Judging"

Decks = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="Folder of `screenkit gcmc prepare`, its --output.", show_default=False
    ),
]
Adsorbed = Annotated[
    list[str] | None,
    typer.Option(
        "--gas",
        metavar="GAS",
        help="What is adsorbed, such as CO2, N2, CH4 or H2; one gas at a time.",
        rich_help_panel=SIMULATION,
    ),
]
Pressures = Annotated[
    list[str] | None,
    typer.Option(
        "--pressure",
        metavar="0.15bar",
        help="With its unit: Pa, kPa, MPa or bar; may be repeated.",
        rich_help_panel=SIMULATION,
    ),
]
At = Annotated[
    list[float] | None,
    typer.Option(
        "--temperature",
        "-T",
        metavar="K",
        help="Simulate at this temperature; may be repeated.",
        rich_help_panel=SIMULATION,
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="raspa3 (here through raspalib), raspa2 or graspa. \\[default: raspa3]",
        rich_help_panel=SIMULATION,
    ),
]
Charges = Annotated[
    str | None,
    typer.Option(
        "--charges",
        metavar="cif|eqeq|cif-or-eqeq|none",
        help="Of a framework, for a gas with charges. cif: its file's; eqeq: by charge "
        "equilibration; cif-or-eqeq: that where its file has none; none: no electrostatics at "
        "all. \\[default: cif]",
        rich_help_panel=SIMULATION,
    ),
]
Cycles = Annotated[
    int | None,
    typer.Option(
        "--cycles",
        metavar="N",
        help="Production cycles; the error bar shrinks with their root. \\[default: 10000]",
        rich_help_panel=SIMULATION,
    ),
]
Initialization = Annotated[
    int | None,
    typer.Option(
        "--initialization",
        metavar="N",
        help="Cycles before them, which are thrown away. \\[default: 5000]",
        rich_help_panel=SIMULATION,
    ),
]
SimulationSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        help="Each simulation has its own, made of this one. \\[default: 1]",
        rich_help_panel=SIMULATION,
    ),
]
Simulated = Annotated[
    int | None,
    typer.Option(
        "--top",
        "-k",
        metavar="N",
        help="Prepare so many of a run's shortlist. \\[default: 10; of a library, all]",
        rich_help_panel=SELECTION,
    ),
]
MinFreeSphere = Annotated[
    float | None,
    typer.Option(
        "--min-free-sphere",
        metavar="Å",
        help="Leave out what no sphere of this diameter passes. \\[default: not looked at]",
        rich_help_panel=GATES,
    ),
]
MinHenry = Annotated[
    float | None,
    typer.Option(
        "--min-henry",
        metavar="MOL/KG/PA",
        help="Leave out what takes up less at infinite dilution. \\[default: not looked at]",
        rich_help_panel=GATES,
    ),
]
EngineCommand = Annotated[
    str | None,
    typer.Option(
        "--command",
        metavar="WORDS",
        help="What runs a deck in its folder, in place of the engine found here, such as "
        "'srun simulate simulation.input'.",
        rich_help_panel=RUNNING,
    ),
]
Simulators = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="auto|slurm",
        help="auto: this machine; slurm: jobs on a cluster, as --site says. \\[default: auto]",
        rich_help_panel=RUNNING,
    ),
]
Compared = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME[=STATE]",
        help="Compare with what the run predicted of this target, at a state such as "
        "CO2_298K_15000Pa where its name does not say one. \\[default: one whose name says it]",
        rich_help_panel=JUDGING,
    ),
]
MaxError = Annotated[
    float | None,
    typer.Option(
        "--max-error",
        metavar="SHARE",
        help="A wider error bar, as a share of the loading, is doubtful. \\[default: 0.1]",
        rich_help_panel=JUDGING,
    ),
]
MaxDrift = Annotated[
    float | None,
    typer.Option(
        "--max-drift",
        metavar="SHARE",
        help="Two halves of a simulation that differ by more are doubtful. \\[default: 0.1]",
        rich_help_panel=JUDGING,
    ),
]
