"""What `screenkit campaign` shows: its rounds, the best that were found, what to look at next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.table import Table

from screenkit.cli.show import as_arguments, next_command, open_console
from screenkit.cli.text import plain
from screenkit.report.words import figure, number

_BAD_END = 3
_ENDED = {
    "rounds": "all rounds are done",
    "stable": "the best have stayed the same",
    "exhausted": "there is nothing left to ask about",
}


def folder_of(recipe: Path) -> Path:
    """Return the folder of a campaign that was given none."""
    return Path(f"{recipe.stem}-run".lstrip("-"))


def campaigned(result: Any) -> None:
    """Print the rounds and the best.

    Args:
        result: a `flows.campaign.Campaigned`.
    """
    console, told = open_console(), result.summary
    console.print()
    console.print(_rounds(told))
    console.print(_best(told))
    output = result.campaign.output
    asked = f"{number(told['asked'])} of {number(told['structures'])} structures"
    console.print(plain(f"{asked} were asked about; {_ENDED[told['ended']]}"))
    if not result.done:
        console.print("nothing was done: this campaign is over", style="bold")
    console.print(plain(f"files: {output}/campaign.csv, best.csv, summary.json, round-01/ ..."))
    console.print(plain(f"page: {output}/report.html"), soft_wrap=True)
    if told["ranking"]:
        run = as_arguments([output / told["ranking"]])
        next_command(console, ["screenkit", "select", *run, "--top", "1%"])


def as_json(result: Any) -> None:
    """Print the summary as one line of JSON."""
    typer.echo(json.dumps({"output": str(result.campaign.output), **result.summary}))


def rehearsal(told: Any) -> None:
    """Print what a campaign would do.

    Args:
        told: a `flows.campaign.Rehearsed`.
    """
    console = open_console()
    table = Table.grid(padding=(0, 2))
    table.add_row("structures", number(told.structures))
    table.add_row("rounds", f"{number(told.rounds)} at most, {number(told.complete)} are complete")
    table.add_row("asked", plain(f"{number(told.left)} structures more at most, {told.oracle}"))
    table.add_row("output", plain(str(told.output)))
    console.print(table)
    if told.ended:
        console.print(plain(f"there is nothing to do: {_ENDED[told.ended]}"))
    console.print("nothing was written", style="bold")


def judge(result: Any) -> None:
    """End the command with 3 where nothing that was asked has a value."""
    if result.summary["asked"] and not result.summary["outcomes"].get("ok"):
        place = result.campaign.output / "campaign.csv"
        typer.echo(f"error: nothing that was asked has a value\nhint:  {place} says why", err=True)
        raise typer.Exit(_BAD_END)


def _rounds(told: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Rounds", title_justify="left", title_style="bold")
    unit = f", {told['unit']}" if told["unit"] else ""
    for head in ("round", "chosen by", "asked", "ok", "known", f"best{unit}", "MAE", "Spearman"):
        justify = "left" if head == "chosen by" else "right"
        table.add_column(plain(head), justify=justify)  # type: ignore[arg-type]
    for one in told["rounds"]:
        asked = (number(one["asked"]), number(one["outcomes"].get("ok", 0)))
        figures = [_figure(one[key]) for key in ("best", "mae", "spearman")]
        rule = one["rule"] or "known before"
        start = "" if not one["number"] else asked[0], asked[1]
        table.add_row(str(one["number"]), plain(rule), *start, number(one["known"]), *figures)
    return table


def _best(told: dict[str, Any]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="The best found", title_justify="left")
    table.add_column("structure", overflow="fold")
    table.add_column(plain(told["target"]), justify="right")
    table.add_column("round", justify="right")
    for one in told["best"]:
        error = "" if one["error"] is None else f" ± {one['error']:.2g}"
        table.add_row(plain(one["name"]), f"{one['value']:.4g}{error}", str(one["round"]))
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else figure(value)
