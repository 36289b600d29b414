"""`screenkit clean`: which structures of a library are worth computing with."""

from __future__ import annotations

from screenkit.cli import options as opt
from screenkit.cli import options_clean as own


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
    progress: opt.ProgressMode = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Sort out structures that overlap or have no room, and flag duplicates.

    Writes a table of all structures, and the names of those to keep, for
    --ids of the other commands. Safe to repeat: a run that was stopped goes
    on.

    Example: screenkit clean hmof/ -o hmof-clean
    """
    from screenkit.cli import show, show_clean
    from screenkit.cli.progress import track as tracking
    from screenkit.cli.verdict import judge
    from screenkit.flows.clean import clean as run
    from screenkit.recipe import Recipe

    settings = (Recipe.load(recipe) if recipe else Recipe()).override(
        min_distance=min_distance,
        min_surface_area=min_surface_area,
        flag_only=flag_only,
        drop_duplicates=drop_duplicates,
        executor=executor,
        workers=workers,
        shard_size=shard_size,
        max_failures=max_failures,
    )
    folder = output or show.default_output(sources, "clean")
    with tracking(progress, verbose, quiet) as track:
        cleaning = run(sources, settings, folder, track, ids=ids)
    if not quiet:
        show_clean.cleaning(cleaning, sources, ids)
    judge(cleaning, settings.max_failures)
