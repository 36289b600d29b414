"""`screenkit evaluate`: hold a model's predictions against labels."""

from __future__ import annotations

from typing import Any

from screenkit.cli import options as opt
from screenkit.cli import options_sure as sure
from screenkit.cli.options_cluster import clustered


@clustered
def evaluate(
    source: opt.Source,
    labels: opt.LabelTable,
    ids: opt.Ids = None,
    recipe: opt.Recipe = None,
    model: opt.Model = None,
    batch_atoms: opt.BatchAtoms = None,
    device: opt.Device = None,
    precision: sure.Precision = None,
    level: sure.Level = None,
    columns: opt.Columns = None,
    name_column: opt.NameColumn = None,
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
    """Predict the structures under SOURCE and compare with LABELS.csv.

    Safe to repeat: a run that was stopped goes on.

    Example: screenkit evaluate tobacco.tar.xz labels.csv --model pore

    Where a label has another name: --column band_gap=gap_pbe_eV; where it
    must become a class: --column "is_metal=gap_pbe_eV<=0".
    """
    said = locals()
    from screenkit.cli.folder import folder_of

    folder = folder_of(said, "{model}-evaluation")
    from screenkit.cli import show_scores
    from screenkit.cli.given import recipe_of
    from screenkit.cli.progress import track as tracking
    from screenkit.flows.evaluate import evaluate as run  # torch wakes here, not at --help

    settings = recipe_of(said)
    with tracking(progress, verbose, quiet) as track:
        evaluation = run([source], labels, settings, folder, track, ids=ids)
    if not quiet:
        show_scores.evaluation(evaluation)
