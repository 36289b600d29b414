"""What `screenkit select` and `compare` show: a funnel, the best of what is left; two runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from screenkit.cli.show import as_arguments, best, next_command, open_console
from screenkit.cli.text import plain
from screenkit.report.words import figure, number

_CHANGES = 10  # lines


def selection(result: Any, run: Path) -> None:
    """Print the funnel, the first of what is left, the file, and what to type next.

    Args:
        result: a `flows.select.Selected`.
        run: as the user gave it.
    """
    console = open_console()
    console.print()
    ranking, stages = result.selection.ranking, result.selection.stages
    console.print(funnel(stages))
    if not len(ranking):
        return
    ranked = next(s.left for s in stages if s.rule.startswith("with a value of "))
    console.print(best(ranking, ranked, console.width))
    for line in missed(result.missed, ranking):
        console.print(plain(line), soft_wrap=True)
    console.print("written to", plain(str(result.path)), style="bold", soft_wrap=True)
    words = ["screenkit", "explain", *as_arguments([run]), "--ids", str(result.path)]
    next_command(console, [*words, "-o", str(run / f"explain-{result.name}")])


def missed(found: Sequence[Any], ranking: Any) -> list[str]:
    """Return what the shortlist holds of the truly best, in words.

    Args:
        found: `flows.missed.Missed`.
        ranking: the shortlist.
    """
    if not found:
        return []
    unit = next(str(t["unit"]) for t in ranking.store.targets if t["name"] == ranking.target)
    sign = "≤" if ranking.better == "min" else "≥"
    lines = []
    for one in found:
        who = f"the true top {one.percent} ({sign} {figure(one.least)} {unit}".rstrip() + ")"
        who = who if one.percent else "the members of the class"
        if not one.predicted:
            lines.append(f"none of this library is predicted to be of {who}: no recall is known")
            continue
        # Rounded down: it promises.
        sure = (
            f"at least {math.floor(100 * one.bound) / 100:.2f} with {one.confidence:.0%} confidence"
        )
        many = f"{number(one.structures)} structures kept apart from training"
        lines.append(f"expected recall of {who}: {one.expected:.2f} ({sure}; {many})")
    return [*lines, "True as far as this library is of the kind that the model was trained on."]


def funnel(stages: Sequence[Any]) -> Table:
    """Return a line per rule: how many structures it left.

    Args:
        stages: `ranking.select.Stage`, in order.
    """
    table = Table(
        title="What each rule left", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD
    )
    table.add_column("structures", justify="right")
    table.add_column("rule", overflow="fold")
    for stage in stages:
        table.add_row(number(stage.left), plain(stage.rule))
    return table


def comparison(result: Any, output: Path | None) -> None:
    """Print how far two runs agree, and whose outcome changed.

    Args:
        result: a `flows.compare.Comparison`.
        output: where the tables are, if they were asked for.
    """
    console = open_console()
    console.print()
    names = [str(run) for run in result.runs]
    console.print(agreement(result.agreements, f"{names[0]} beside {names[1]}"))
    console.print(plain(f"{number(len(result.rows[0]))} structures are in both"))
    for name, rows, store in zip(names, result.only, result.stores, strict=True):
        if len(rows):
            first = store.column("name", int(rows[0]), int(rows[0]) + 1)[0]
            console.print(plain(f"{number(len(rows))} are in {name} alone, such as {first}"))
    changes = list(result.changes.items())
    if changes:
        total = number(sum(result.changes.values()))
        console.print(plain(f"{total} came out otherwise:"))
    for (before, after), count in changes[:_CHANGES]:
        console.print(plain(f"  {number(count):>9}  {before} → {after}"))
    if len(changes) > _CHANGES:
        console.print(f"  and {len(changes) - _CHANGES} other changes; -o writes them all")
    if output is not None:
        console.print("written to", plain(str(output)), style="bold", soft_wrap=True)


def agreement(agreements: Sequence[Any], title: str) -> Table:
    """Return a line per target.

    Args:
        agreements: `flows.compare.Agreement`.
        title: above.
    """
    table = Table(title=plain(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("target", overflow="fold")
    for heading in ("n", "Spearman", "Kendall"):
        table.add_column(heading, justify="right")
    for word in agreements[0].overlaps:
        table.add_column(f"same in\nbest {word}", justify="right")
    for one in agreements:
        overlaps = [f"{share:.0%}" if share == share else "–" for share in one.overlaps.values()]
        cells = [number(one.n), figure(one.spearman), figure(one.kendall), *overlaps]
        table.add_row(plain(one.target), *cells)
    return table
