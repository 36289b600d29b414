"""`screenkit models`: what is on the shelf, how good it is, and others' weights onto it."""

from __future__ import annotations

import typer

from screenkit.cli import options as opt

models = typer.Typer(name="models", rich_markup_mode="rich")


@models.callback(invoke_without_command=True)
def list_models(context: typer.Context, debug: opt.Debug = False) -> None:
    """List the models on the shelf, the package's and your own, and how good each is.

    Your own shelf is the folder that SCREENKIT_MODELS names.
    """
    if context.invoked_subcommand:
        return
    from screenkit.cli import show_models
    from screenkit.flows.models import look_around  # torch wakes here, not at --help

    show_models.shelf(look_around())


@models.command("info")
def info(model: opt.ModelFile, debug: opt.Debug = False) -> None:
    """Show what a model is: settings, targets, record of its training, number of parameters."""
    from screenkit.cli import show_models
    from screenkit.flows.models import describe_model

    show_models.described(describe_model(model))


@models.command("import")
def import_model(
    path: opt.PublishedFile,
    atom_features: opt.AtomFeatures,
    output: opt.ModelOutput = None,
    debug: opt.Debug = False,
) -> None:
    """Turn published CGCNN weights (github.com/txie-93/cgcnn) into a checkpoint.

    Nothing in the file is run.

    Example: screenkit models import band-gap.pth.tar --atom-features atom_init.json
    """
    from screenkit.cli import show_models
    from screenkit.flows.models import adopt

    show_models.described(adopt(path, atom_features, output), adopted=True)
