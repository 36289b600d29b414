"""`screenkit export`: the predictions of a run for other programs."""

from __future__ import annotations

import typer

from screenkit.cli import options as opt
from screenkit.cli import options_runs as of
from screenkit.cli import options_select as sel


def export(
    run: of.Run,
    format: sel.Format = None,
    output: sel.ExportFile = None,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Write every column of every structure of RUN as CSV, JSON or Parquet.

    Example: screenkit export hmof-pore --format parquet -o hmof.parquet
    """
    from screenkit.cli.text import plain
    from screenkit.flows.export import export as write

    written = write(run, format, output)
    if not quiet:
        size = f"{written.rows} structures, {len(written.columns)} columns"
        typer.echo(f"{plain(str(written.path))}: {size}")
