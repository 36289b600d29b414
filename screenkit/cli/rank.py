"""`screenkit rank`: predict a library and print the best."""

from __future__ import annotations

from screenkit.cli import options as opt


def rank(
    sources: opt.Sources,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    model: opt.Model = None,
    batch_atoms: opt.BatchAtoms = None,
    device: opt.Device = None,
    target: opt.Target = None,
    where: opt.Where = None,
    top: opt.Top = None,
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
    """Predict every structure under SOURCE and print the best.

    Safe to repeat: a run that was stopped goes on, and one that is complete
    is only ranked again, so that --target, --where and --top may be tried at
    will.

    Example: screenkit rank hmof/ --model knagcn --where "n_atoms < 500"
    """
    from screenkit.cli import show
    from screenkit.cli.progress import track as tracking
    from screenkit.cli.verdict import judge
    from screenkit.flows.screen import screen  # torch wakes here, not at --help
    from screenkit.recipe import Recipe

    settings = (Recipe.load(recipe) if recipe else Recipe()).override(
        model=model,
        batch_atoms=batch_atoms,
        device=device,
        target=target,
        where=where,
        top=top,
        executor=executor,
        workers=workers,
        shard_size=shard_size,
        max_failures=max_failures,
    )
    folder = output or show.default_output(sources, settings.model)
    with tracking(progress, verbose, quiet) as track:
        screening = screen(sources, settings, folder, track, ids=ids)
    if not quiet:
        show.screening(screening, sources, ids)
    judge(screening, settings.max_failures)
