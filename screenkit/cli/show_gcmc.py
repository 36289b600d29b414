"""What `screenkit gcmc` shows: decks and refusals, what was run, loadings with error bars."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich import box
from rich.table import Table

from screenkit.cli.show import as_arguments, next_command, open_console
from screenkit.cli.text import plain
from screenkit.report.words import figure, number

_BAD_END = 3
_SHOWN = 20


def prepared(result: Any) -> None:
    """Print how many decks there are, who is left out and why, and what to type next.

    Args:
        result: a `flows.gcmc_prepare.Prepared`.
    """
    console = open_console()
    decks = result.decks.decks
    names = {deck.name for deck in decks}
    console.print()
    console.print(plain(f"{number(len(decks))} simulations of {number(len(names))} structures"))
    for deck in decks[:_SHOWN]:
        cells = "x".join(map(str, deck.repeats))
        console.print(plain(f"  {deck.name}  {deck.state}  {cells} cells, {deck.atoms} atoms"))
    if len(decks) > _SHOWN:
        console.print(plain(f"  and {number(len(decks) - _SHOWN)} more"))
    for row in [row for row in result.rows if row.code][:_SHOWN]:
        console.print(plain(f"  {row.name}  {row.outcome}  {row.code}: {row.message}"))
    console.print(plain(f"files: {result.output}/prepare.csv, decks.json, decks/"))
    if not decks and any(row.code == "charges_missing" for row in result.rows):
        console.print(plain("--charges cif-or-eqeq computes what is missing; see docs/gcmc.md"))
    if decks:
        next_command(console, ["screenkit", "gcmc", "run", *as_arguments([result.output])])


def ran(result: Any) -> None:
    """Print what was done, what died, and what to type next.

    Args:
        result: a `flows.gcmc_run.Ran`.
    """
    console = open_console()
    console.print()
    text = f"{number(result.done)} simulations in this run, {number(result.before)} before"
    console.print(plain(f"{text}, of {number(result.decks)}"))
    for folder in result.died[:_SHOWN]:
        console.print(plain(f"  died: {folder}/failure.txt says why"))
    next_command(console, ["screenkit", "gcmc", "collect", *as_arguments([result.folder])])


def collected(result: Any) -> None:
    """Print loadings with error bars, what is not believed, and predictions against them.

    Args:
        result: a `flows.gcmc_collect.Collected`.
    """
    console = open_console()
    table = Table(box=box.SIMPLE_HEAD, title="Loadings", title_justify="left")
    for head in ("structure", "state point", "mol/kg", "heat, kJ/mol", ""):
        table.add_column(head)
    for one in result.simulations[:_SHOWN]:
        found = one.found
        loading = f"{one.loading:.4g} ± {one.loading_error:.2g}" if found else ""
        heat = ""
        if found and found.heat is not None:
            heat = f"{found.heat:.3g} ± {found.heat_error or 0.0:.2g}"
        why = f"{one.verdict}: {one.code}" if one.code else "ok"
        cells = (one.deck.name, one.deck.state, loading, heat, why)
        table.add_row(*(plain(cell) for cell in cells))
    console.print(table)
    counts = ", ".join(f"{number(n)} {word}" for word, n in result.counts.items())
    console.print(plain(counts))
    for code, times in Counter(s.code for s in result.simulations if s.code).most_common():
        console.print(plain(f"  {number(times)} {code}"))
    if (against := result.compared) is not None:
        said = f"{against.target} against {against.state}, {len(against.predicted)} structures"
        numbers = f"MAE {figure(against.mae)} mol/kg, Spearman {figure(against.spearman)}"
        inside = against.inside
        share = f", {inside:.0%} in their interval" if inside == inside else ""
        console.print(plain(f"{said}: {numbers}{share}"))
    console.print(plain(f"files: {result.folder}/results.csv, results.h5, loadings.csv"))


def judge_prepared(result: Any) -> None:
    """End the command with 3 where there is nothing to simulate."""
    if not result.decks.decks:
        _complain("no structure can be simulated", result.output / "prepare.csv")


def judge_ran(result: Any) -> None:
    """End the command with 3 where a simulation died."""
    if result.died:
        _complain(f"{len(result.died)} simulations died", result.folder / result.died[0])


def judge_collected(result: Any) -> None:
    """End the command with 3 where no result is to be believed."""
    if not result.counts["ok"]:
        _complain("no simulation is ok", result.folder / "results.csv")


def _complain(reason: str, place: Path) -> NoReturn:
    typer.echo(f"error: {reason}\nhint:  {place} says why", err=True)
    raise typer.Exit(_BAD_END)
