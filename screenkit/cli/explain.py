"""`screenkit explain`: say which atoms a prediction rests on."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli.options_cluster import clustered


@clustered
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
    **cluster: Any,
) -> None:
    """Say which atoms each prediction rests on, in numbers and pictures.

    Takes the best of a run that `screenkit rank` made, with its model and
    recipe unless told otherwise, or all of a library. Safe to repeat.

    Example: screenkit explain hmof-pore --top 20
    """
    said = locals()
    from screenkit.cli.folder import folder_of
    from screenkit.flows.runs import is_screening

    inside = sources[0] / "explain" if is_screening(sources[0]) else None
    folder = folder_of(said, "{model}-explain", inside)
    from screenkit.cli import show
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.explain import explain as run  # torch wakes here, not at --help
    from screenkit.flows.explain import recipe_of as recipe_behind

    settings = recipe_of(said, "explain", None if recipe else recipe_behind(sources))
    with tracking(progress, verbose, quiet) as track:
        explanation = run(sources, settings, folder, track, ids=ids)
    if not quiet:
        show.explanation(explanation)
