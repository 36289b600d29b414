"""`screenkit featurize`: the graphs of a library, for any number of trainings."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli import options_clean as checks
from screenkit.cli import options_featurize as own
from screenkit.cli import options_runs as of
from screenkit.cli.options_cluster import clustered


@clustered
def featurize(
    sources: opt.Sources,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    models: own.Models = None,
    k: own.Neighbors = None,
    min_distance: checks.MinDistance = None,
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
    """Build the graphs of a library once, for any number of trainings.

    Writes them as HDF5, for --graphs of train and calibrate. Networks that
    look at the same neighbours share a folder. Safe to repeat: a run that
    was stopped goes on.

    Example: screenkit featurize hmof/ --model pore --model cgcnn -o hmof-graphs
    """
    said = locals()
    from screenkit.cli.folder import folder_of

    folder = folder_of(said, "graphs")
    from screenkit.cli import show_featurize, show_runs
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.cli.verdict import judge
    from screenkit.flows.featurize import featurize as run  # torch wakes here, not at --help
    from screenkit.flows.featurize import rehearse_featurization

    settings = recipe_of(said)
    if dry_run:
        show_runs.rehearsal(rehearse_featurization(sources, settings, folder, ids))
        return
    with tracking(progress, verbose, quiet) as track:
        done = run(sources, settings, folder, track, ids=ids)
    if not quiet:
        show_featurize.featurization(done)
    judge(done, settings.max_failures)
