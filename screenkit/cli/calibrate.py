"""`screenkit calibrate`: give a trained model intervals and a domain."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli import options_featurize as kept
from screenkit.cli import options_sure as sure
from screenkit.cli import options_train as own
from screenkit.cli.options_cluster import clustered


@clustered
def calibrate(
    labels: opt.LabelTable,
    sources: kept.SourcesOrGraphs = None,
    graphs: kept.Graphs = None,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    model: opt.Model = None,
    group_column: own.GroupColumn = None,
    name_column: opt.NameColumn = None,
    only: own.Only = None,
    level: sure.Level = None,
    half: sure.Half = False,
    device: opt.Device = None,
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
    """Learn how far a trained model may be off, from the LABELS.csv it was trained with.

    Its split is made again; the structures that chose the epoch say how
    large errors are, those that trained say what the model knows. The new
    checkpoint stands in the output; nothing is trained. `screenkit train`
    does this by itself.

    Example: screenkit calibrate labels.csv core2019.tar.xz --model old.safetensors
    """
    said = locals() | {"sources": sources or ([graphs] if graphs else None)}
    from screenkit.cli.folder import folder_of

    folder = folder_of(said, "{model}-calibrated")
    from screenkit.cli import show_scores
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.calibrate import calibrate as run  # torch wakes here, not at --help

    settings = recipe_of(said)
    with tracking(progress, verbose, quiet) as track:
        done = run(
            labels, sources or [], settings, folder, track, ids=ids, half=half, graphs=graphs
        )
    if not quiet:
        show_scores.training(done, sources or [])
