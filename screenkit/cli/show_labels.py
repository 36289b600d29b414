"""What `screenkit label` shows: how the labels are spread, and how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from screenkit.cli.show import as_arguments, files, next_command, open_console, outcomes
from screenkit.cli.text import plain
from screenkit.report.words import figure, number


def labelling(result: Any, sources: Sequence[Path], ids: Path | None = None) -> None:
    """Print how the labels are spread, the outcomes by reason, the files, and what to type next.

    Args:
        result: a `flows.label.Labelling`.
        sources: as the user gave them.
        ids: as the user gave it.
    """
    console = open_console()
    console.print()
    labelled = result.counts["ok"] > 0
    if labelled and result.henry:
        console.print(henry_table(result))
    if labelled and result.others:
        console.print(others_table(result))
    console.print(outcomes(result), end="")
    if result.computed:
        rate = f"{figure(result.structures_per_second)} structures per second"
        console.print(plain(f"  {number(result.computed)} in this run, {rate}"))
    console.print()
    files(console, result.output)
    if not labelled:
        return
    names = [str(target["name"]) for target in result.store.targets]
    wanted = next((name for name in names if name.startswith("log_henry_")), names[0])
    table = str(result.output / "labels.csv")
    ids_file = ["--ids", str(ids)] if ids else []
    words = ["screenkit", "train", *as_arguments([Path(table)]), *as_arguments(sources), *ids_file]
    next_command(console, [*words, "--target", wanted])


def henry_table(result: Any) -> Table:
    """Return a line per gas and temperature."""
    table = _table("Dimensionless Henry coefficients")
    tolerance = f"{result.physics.adsorption.tolerance * 100:g} %"
    heads = ["structures", "median", "median\nlog10", "5 to 95 %\nlog10", "median\nerror"]
    for head in [*heads, f"error above\n{tolerance}"]:
        table.add_column(head, justify="right")
    for one in result.henry:
        middle = one.logs.quantile(0.5)
        span = f"{figure(one.logs.quantile(0.05))} to {figure(one.logs.quantile(0.95))}"
        error = f"{figure(one.errors.quantile(0.5) * 100)} %"
        cells = [figure(10.0**middle), figure(middle), span, error, number(one.missed)]
        table.add_row(plain(one.title), number(len(one.logs.values)), *cells)
    return table


def others_table(result: Any) -> Table:
    """Return a line per label of another kind."""
    table = _table("Pores and topology")
    for head in ("unit", "structures", "median", "5 to 95 %"):
        table.add_column(head, justify="left" if head == "unit" else "right")
    for one in result.others:
        span = f"{figure(one.quantile(0.05))} to {figure(one.quantile(0.95))}"
        cells = [one.unit, number(len(one.values)), figure(one.quantile(0.5)), span]
        table.add_row(plain(one.name), *cells)
    return table


def _table(title: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("")
    return table
