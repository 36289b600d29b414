"""`screenkit explain`: say which atoms a prediction rests on."""

from __future__ import annotations

from screenkit.cli import options as opt


def explain(
    sources: opt.Explained,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    model: opt.Model = None,
    batch_atoms: opt.BatchAtoms = None,
    device: opt.Device = None,
    target: opt.Target = None,
    names: opt.Names = None,
    top: opt.Best = None,
    draw: opt.Draw = None,
    executor: opt.Executor = None,
    workers: opt.Workers = None,
    shard_size: opt.ShardSize = None,
    output: opt.Output = None,
    progress: opt.ProgressMode = None,
    verbose: opt.Verbose = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Say which atoms each prediction rests on, in numbers and pictures.

    Takes the best of a run that `screenkit rank` made, with its model and
    recipe unless told otherwise, or all of a library. Safe to repeat.

    Example: screenkit explain hmof-knagcn --top 20
    """
    from screenkit.cli import show
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.explain import explain as run  # torch wakes here, not at --help
    from screenkit.flows.explain import is_run, recipe_of
    from screenkit.recipe import Recipe

    settings = (Recipe.load(recipe) if recipe else recipe_of(sources)).override(
        "explain",
        model=model,
        batch_atoms=batch_atoms,
        device=device,
        target=target,
        names=names or None,
        top=top,
        draw=draw,
        executor=executor,
        workers=workers,
        shard_size=shard_size,
    )
    inside = sources[0] / "explain" if is_run(sources[0]) else None
    folder = output or inside or show.default_output(sources, settings.model + "-explain")
    with tracking(progress, verbose, quiet) as track:
        explanation = run(sources, settings, folder, track, ids=ids)
    if not quiet:
        show.explanation(explanation)
