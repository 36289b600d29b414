"""`screenkit label`: compute labels from physics, to train on or to judge a model by."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli import options_label as own
from screenkit.cli import options_runs as of
from screenkit.cli.options_cluster import clustered


@clustered
def label(
    sources: opt.Sources,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    gases: own.Gases = None,
    temperatures: own.Temperatures = None,
    properties: own.Properties = None,
    force_field: own.ForceField = None,
    cutoff: own.Cutoff = None,
    truncation: own.Truncation = None,
    tolerance: own.Tolerance = None,
    device: own.EnergyDevice = None,
    executor: opt.Executor = None,
    workers: opt.Workers = None,
    shard_size: opt.ShardSize = None,
    max_failures: opt.MaxFailures = None,
    output: opt.Output = None,
    dry_run: of.DryRun = False,
    progress: opt.ProgressMode = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
    **cluster: Any,
) -> None:
    """Compute Henry coefficients, pores and the like of every structure.

    No model is asked: the numbers come from a force field and geometry.
    labels.csv is what `screenkit train` and `evaluate` read. Safe to repeat:
    a run that was stopped goes on.

    Example: screenkit label hmof/ --gas H2 --temperature 77 -o hmof-h2
    """
    said = locals()
    from screenkit.cli.folder import folder_of

    folder = folder_of(said, "labels")
    from screenkit.cli import show_labels, show_runs
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.cli.verdict import judge
    from screenkit.flows.label import label as run  # numba wakes here, not at --help
    from screenkit.flows.label import rehearse_labelling

    settings = recipe_of(said, "adsorption")
    if dry_run:
        show_runs.rehearsal(rehearse_labelling(sources, settings, folder, ids))
        return
    with tracking(progress, verbose, quiet) as track:
        labelling = run(sources, settings, folder, track, ids=ids)
    if not quiet:
        show_labels.labelling(labelling, sources, ids)
    judge(labelling, settings.max_failures)
