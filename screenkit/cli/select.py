"""`screenkit select`: choose among the predictions of a run, and keep the choice."""

from __future__ import annotations

import typer

from screenkit.cli import options as opt
from screenkit.cli import options_runs as of
from screenkit.cli import options_select as sel
from screenkit.cli import options_sure as sure

_NOTHING_LEFT = 3


def select(
    run: of.Run,
    recipe: opt.Recipe = None,
    derive: sel.Derive = None,
    without: sel.Without = None,
    where: opt.Where = None,
    pareto: sel.Pareto = None,
    top: sel.Cut = None,
    recall: sure.Recall = None,
    best: sure.TrulyBest = None,
    diverse: sel.Diverse = None,
    space: sel.Space = None,
    target: sel.Orderer = None,
    acquire: sel.Acquire = None,
    beta: sel.Beta = None,
    best_known: sel.BestKnown = None,
    seed: sel.SampleSeed = None,
    name: sel.SelectionName = None,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Choose among the predictions of RUN: --where, then --pareto, --top and --diverse.

    Nothing is predicted again. The choice is kept in RUN/selections, with
    what each rule left; --ids of other commands reads it. Where the model is
    calibrated, what a shortlist may have missed is said, and --recall makes
    it as long as it must be. Ends with 3 where nothing is left.

    Example: screenkit select run --where "density < 1" --top 5% --diverse 20
    """
    said = locals()
    from screenkit.cli import show_select
    from screenkit.cli.given import recipe_of
    from screenkit.flows.select import recipe_behind
    from screenkit.flows.select import select as choose

    settings = recipe_of(said, "select", None if recipe else recipe_behind(run))
    selected = choose(run, settings.select, settings.rank, name, without)
    if not quiet:
        show_select.selection(selected, run)
    if not len(selected.selection.ranking):
        typer.echo("error: nothing is left\nhint:  the table above says where it went", err=True)
        raise typer.Exit(_NOTHING_LEFT)
