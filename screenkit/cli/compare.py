"""`screenkit compare`: how far two runs agree."""

from __future__ import annotations

from screenkit.cli import options as opt
from screenkit.cli import options_select as sel


def compare(
    first: sel.FirstRun,
    second: sel.SecondRun,
    output: sel.CompareOutput = None,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Say how far RUN_A and RUN_B agree on what is best, structure by structure.

    Structures are joined by name: rank correlations, the overlap of the best,
    and whose outcome changed.

    Example: screenkit compare hmof-pore hmof-trees -o pore-or-trees
    """
    from screenkit.cli import show_select
    from screenkit.flows.compare import compare as hold
    from screenkit.flows.compare import write_comparison

    comparison = hold(first, second)
    if output is not None:
        write_comparison(comparison, output)
    if not quiet:
        show_select.comparison(comparison, output)
