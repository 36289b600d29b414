"""`screenkit gcmc`: simulations of the few that a ranking leaves; prepare, run, collect."""

from __future__ import annotations

from typing import Any

import typer

from screenkit.cli import options as opt
from screenkit.cli import options_cluster as cluster
from screenkit.cli import options_gcmc as own
from screenkit.cli import options_label as physics

gcmc = typer.Typer(name="gcmc", rich_markup_mode="rich", no_args_is_help=True)


@gcmc.callback()
def simulations() -> None:
    """Simulate adsorption in the few structures that a ranking leaves.

    By grand-canonical Monte Carlo, in three steps: prepare writes a folder
    for each simulation, run does them, collect reads and judges what came out.
    """


@gcmc.command("prepare")
def prepare(
    sources: opt.Explained,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    gases: own.Adsorbed = None,
    temperatures: own.At = None,
    pressures: own.Pressures = None,
    engine: own.Engine = None,
    charges: own.Charges = None,
    force_field: physics.ForceField = None,
    cutoff: physics.Cutoff = None,
    truncation: physics.Truncation = None,
    cycles: own.Cycles = None,
    initialization: own.Initialization = None,
    seed: own.SimulationSeed = None,
    top: own.Simulated = None,
    min_free_sphere: own.MinFreeSphere = None,
    min_henry: own.MinHenry = None,
    output: opt.Output = None,
    progress: opt.ProgressMode = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Write a complete folder for each simulation; refuse structures with a reason.

    Takes the shortlist of a run that `screenkit rank` made, or all of a
    library. Safe to repeat.

    Example: screenkit gcmc prepare RUN --top 5 --gas CO2 --pressure 0.15bar -T 298
    """
    said = locals()
    from screenkit.cli.folder import folder_of
    from screenkit.flows.runs import is_screening

    inside = sources[0] / "gcmc" if is_screening(sources[0]) else None
    folder = folder_of(said, "gcmc", inside)
    from screenkit.cli import show_gcmc
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.gcmc_prepare import prepare as run  # torch wakes here, not at --help

    settings = recipe_of(said, "gcmc")
    with tracking(progress, verbose, quiet) as track:
        prepared = run(sources, settings, folder, track, ids=ids)
    if not quiet:
        show_gcmc.prepared(prepared)
    show_gcmc.judge_prepared(prepared)


@gcmc.command("run")
def run(
    folder: own.Decks,
    workers: opt.Workers = None,
    command: own.EngineCommand = None,
    executor: own.Simulators = None,
    site: cluster.Site = None,
    detach: cluster.Detach = None,
    jobs: cluster.Jobs = None,
    array_parallelism: cluster.ArrayParallelism = None,
    time: cluster.Time = None,
    memory: cluster.Memory = None,
    partition: cluster.Partition = None,
    account: cluster.Account = None,
    qos: cluster.Qos = None,
    constraint: cluster.Constraint = None,
    progress: opt.ProgressMode = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Run every simulation of DIR that has no result yet, one per core.

    On this machine, or as jobs on a Slurm cluster. Safe to kill and repeat:
    what has a result is done.

    Example: screenkit gcmc run RUN/gcmc
    """
    said: dict[str, Any] = {
        name: value for name, value in locals().items() if name not in ("folder", "command")
    }
    from screenkit.cli import show_gcmc
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.gcmc_run import run as simulate

    settings = recipe_of(said, "run").run
    with tracking(progress, verbose, quiet) as track:
        ran = simulate(folder, workers, command, track, settings)
    if not quiet:
        show_gcmc.ran(ran)
    show_gcmc.judge_ran(ran)


@gcmc.command("collect")
def collect(
    folder: own.Decks,
    target: own.Compared = None,
    max_error: own.MaxError = None,
    max_drift: own.MaxDrift = None,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Read what the simulations of DIR found, judge it, and write tables.

    Doubtful ones stay in results.csv with a reason, and are left out of loadings.csv.

    Example: screenkit gcmc collect RUN/gcmc --target co2_uptake_0.15bar_298K
    """
    from screenkit.cli import show_gcmc
    from screenkit.flows.gcmc_collect import collect as gather

    collected = gather(folder, target, max_error, max_drift)
    if not quiet:
        show_gcmc.collected(collected)
    show_gcmc.judge_collected(collected)
