"""`screenkit clean`: which structures of a library are worth computing with."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli import options_clean as own
from screenkit.cli import options_runs as of
from screenkit.cli.options_cluster import clustered


@clustered
def clean(
    sources: opt.Sources,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    min_distance: own.MinDistance = None,
    min_surface_area: own.MinSurfaceArea = None,
    flag_only: own.FlagOnly = None,
    drop_duplicates: own.DropDuplicates = None,
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
    """Sort out structures that overlap or have no room, and flag duplicates.

    Writes a table of all structures, and the names of those to keep, for
    --ids of the other commands. Safe to repeat: a run that was stopped goes
    on.

    Example: screenkit clean hmof/ -o hmof-clean
    """
    said = locals()
    from screenkit.cli.folder import folder_of

    folder = folder_of(said, "clean")
    from screenkit.cli import show_clean, show_runs
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.cli.verdict import judge
    from screenkit.flows.clean import clean as run
    from screenkit.flows.clean import rehearse_cleaning

    settings = recipe_of(said)
    if dry_run:
        show_runs.rehearsal(rehearse_cleaning(sources, settings, folder, ids))
        return
    with tracking(progress, verbose, quiet) as track:
        cleaning = run(sources, settings, folder, track, ids=ids)
    if not quiet:
        show_clean.cleaning(cleaning, sources, ids)
    judge(cleaning, settings.max_failures)
