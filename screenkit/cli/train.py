"""`screenkit train`: make a checkpoint from a labelled library."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli import options_featurize as kept
from screenkit.cli import options_train as own
from screenkit.cli.options_cluster import clustered


@clustered
def train(
    labels: opt.LabelTable,
    sources: kept.SourcesOrGraphs = None,
    graphs: kept.Graphs = None,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    model: opt.Network = None,
    targets: own.Targets = None,
    group_column: own.GroupColumn = None,
    name_column: opt.NameColumn = None,
    only: own.Only = None,
    splits: own.Splits = None,
    start: own.Start = None,
    epochs: own.Epochs = None,
    seed: own.Seed = None,
    folds: own.Folds = None,
    repeats: own.Repeats = None,
    ensemble: own.Ensemble = None,
    trials: own.Trials = None,
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
    """Train a model on the structures under SOURCE that have a row in LABELS.csv.

    Safe to repeat: training goes on from the last finished epoch. With
    --folds, --repeats, --ensemble or --trials there are several trainings,
    side by side on the workers.

    Example: screenkit train labels.csv core2019.tar.xz --target co2_uptake
    """
    said = locals() | {"sources": sources or ([graphs] if graphs else None)}
    from screenkit.cli.folder import folder_of

    folder = folder_of(said, "{model}-training")
    from screenkit.cli import show_scores
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.train import train as run  # torch wakes here, not at --help

    settings = recipe_of(said)
    with tracking(progress, verbose, quiet) as track:
        training = run(labels, sources or [], settings, folder, track, ids=ids, graphs=graphs)
    if not quiet:
        show_scores.training(training, sources or [])
