"""`screenkit rank`: predict a library and print the best."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli import options_runs as of
from screenkit.cli import options_sure as sure
from screenkit.cli.options_cluster import clustered


@clustered
def rank(
    sources: opt.Sources,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    model: opt.Model = None,
    batch_atoms: opt.BatchAtoms = None,
    device: opt.Device = None,
    precision: sure.Precision = None,
    level: sure.Level = None,
    target: opt.Target = None,
    where: opt.Where = None,
    top: opt.Top = None,
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
    """Predict every structure under SOURCE and print the best.

    Safe to repeat: a run that was stopped goes on, and one that is complete
    is only ranked again, so that --target, --where and --top may be tried at
    will.

    Example: screenkit rank hmof/ --where "n_atoms < 500"
    """
    said = locals()
    from screenkit.cli.folder import folder_of

    folder = folder_of(said, "{model}")
    from screenkit.cli import show, show_runs
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.cli.verdict import judge
    from screenkit.flows.screen import rehearse_screening, screen  # torch wakes here, not at --help

    settings = recipe_of(said)
    if dry_run:
        show_runs.rehearsal(rehearse_screening(sources, settings, folder, ids))
        return
    with tracking(progress, verbose, quiet) as track:
        screening = screen(sources, settings, folder, track, ids=ids)
    if not quiet:
        show.screening(screening, sources, ids)
    judge(screening, settings.max_failures)
