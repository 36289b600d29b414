"""What stands on the screen when a command has done its work. Goes to stdout.

Names come from files and may hold anything, so they are printed as plain text, never as markup,
and without control characters.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from screenkit.adsorption.force_field import find_force_field
from screenkit.cli.text import fold, plain, plain_lines
from screenkit.gcmc.conditions import state_said
from screenkit.gcmc.fugacity import CRITICAL
from screenkit.ranking.ranking import Ranking
from screenkit.report.words import duration, figure, flags, number
from screenkit.store.layout import HIGH, LOW

_BEST = 10
_HEADING = 14  # characters a heading may be wide
_PIPE_WIDTH = 120  # columns where there is no terminal to ask


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let `cli/app.py` end the program; rich would do so itself, with another code."""
        raise BrokenPipeError


def open_console() -> Console:
    """Return stdout as a console; as wide as the terminal, or as a page where there is none."""
    console = _Console(highlight=False)
    return console if console.is_terminal else _Console(highlight=False, width=_PIPE_WIDTH)


def screening(result: Any, sources: Sequence[Path], ids: Path | None = None) -> None:
    """Print the best, the outcomes by reason, the files, and what to type next.

    Args:
        result: a `flows.screen.Screening`.
        sources: as the user gave them.
        ids: as the user gave it.
    """
    console = open_console()
    console.print()
    if len(result.shortlist):
        console.print(best(result.shortlist, len(result.ranking), console.width))
    elif len(result.ranking):
        console.print("The shortlist is empty: no structure fulfils --where.")
    else:
        console.print("No structure could be ranked; failures.csv says why.")
    console.print(outcomes(result))
    for remark in result.unsure:
        console.print(plain(remark))
    files(console, result.output)
    # The recipe says which model and shards; without it the folder would belong to another run.
    settings = ["--recipe", str(result.output / "recipe.yaml"), "-o", str(result.output)]
    ids_file = ["--ids", str(ids)] if ids else []
    again = ["screenkit", "rank", *as_arguments(sources), *ids_file, *settings]
    next_command(console, [*again, "--top", "1%", "--where", "n_atoms < 500"])
    said = state_said(result.ranking.target, CRITICAL)
    if said is not None and len(result.shortlist):
        gas, pressure, kelvin = said
        state = ["--gas", gas, "--pressure", pressure, "--temperature", f"{kelvin:g}"]
        if find_force_field("uff").gas(gas).is_charged:  # a library of builders has none
            state += ["--charges", "cif-or-eqeq"]
        run = as_arguments([result.output])
        command(console, ["screenkit", "gcmc", "prepare", *run, "--top", "5", *state])


def best(ranking: Ranking, ranked: int, width: int) -> Table:
    """Return a table of the best ten; as many targets as `width` has room for."""
    rows = ranking.rows(0, _BEST)
    names = [ranking.target, *(name for name in ranking.target_names if name != ranking.target)]
    flagged = any(flags(row) for row in rows)
    level = next((t["level"] for t in ranking.store.targets if t["name"] == names[0] + LOW), None)
    room = width - 6 - 24 - 9 - (26 if flagged else 0) - (19 if level else 0)
    names = names[: max(1, room // (_HEADING + 2))]
    units = {str(target["name"]): str(target["unit"]) for target in ranking.store.targets}
    kept = "" if len(ranking) == ranked else f"{number(len(ranking))} on the shortlist, of "
    title = f"The best {len(rows)} by {ranking.target} ({kept}{number(ranked)} ranked)"
    table = Table(title=plain(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("rank", justify="right")
    table.add_column("name", overflow="fold", min_width=12)
    for name in names:
        style = "bold" if name == ranking.target else ""
        heading = f"{fold(name, _HEADING)}\n{units.get(name, '')}".rstrip()
        table.add_column(plain_lines(heading), justify="right", style=style)
        if level and name == names[0]:
            table.add_column(f"{float(level):.0%}\ninterval", justify="right", no_wrap=True)
    table.add_column("atoms", justify="right")
    if flagged:
        table.add_column("flags", style="yellow", overflow="fold")
    for row in rows:
        figures = [figure(row[name]) for name in names]
        if level:
            ends = [figure(row[names[0] + end]) for end in (LOW, HIGH)]
            figures.insert(1, f"{ends[0]} to {ends[1]}")
        more = [plain(flags(row))] if flagged else []
        table.add_row(str(row["rank"]), plain(row["name"]), *figures, number(row["n_atoms"]), *more)
    return table


def outcomes(result: Any) -> Text:
    """Return what became of the structures, and why."""
    counts: Mapping[str, int] = result.counts
    parts = " + ".join(
        f"{number(counts.get(name, 0))} {name}" for name in ("ok", "filtered", "failed")
    )
    text = Text(f"{number(sum(counts.values()))} structures = {parts}", style="bold")
    text.append(f"   ({duration(result.seconds)})\n", style="not bold")
    reasons = sorted(result.codes.items(), key=lambda item: (-item[1], item[0]))
    for code, count in reasons:
        text.append(f"  {number(count):>9}  {code}\n", style="not bold")
    return text


def explanation(result: Any) -> None:
    """Print the outcomes by reason, the files, and what to type next.

    Args:
        result: a `flows.explain_files.Explanation`.
    """
    console = open_console()
    console.print()
    console.print(outcomes(result))
    files(console, result.output)
    behind = result.output.parent
    if (behind / "ranking.csv").exists():  # its page colours the atoms of the shortlist now
        next_command(console, ["screenkit", "report", *as_arguments([behind])])


def files(console: Console, folder: Path) -> None:
    """Print which results lie in the folder of a run."""
    console.print("written to", plain(str(folder)), style="bold", soft_wrap=True)
    there = {name: meaning for name, meaning in _FILES.items() if (folder / name).exists()}
    width = max(map(len, there), default=0)
    for name, meaning in there.items():
        console.print(f"  {name:<{width}}  {meaning}", soft_wrap=True)
    console.print()


_FILES = {
    "atoms.h5": "the weight of every atom",
    "cif": "each structure with its weights, one more column",
    "maps": "periodic tables coloured by weight",
    "pictures": "structures with atoms coloured by weight",
    "elements.csv": "weights by element",
    "environments.csv": "weights by element and what is bonded to it",
    "sites.csv": "weights by site and element of perovskites",
    "clean.csv": "every structure, what was found, and which it equals",
    "kept.txt": "the names that are kept; give it to --ids",
    "clean.h5": "the same table",
    "ranking.csv": "every ok structure, best first",
    "shortlist.csv": "what --where and --top leave of it",
    "failures.csv": "every other structure, and why",
    "graphs.h5": "every structure and what became of it; its graph is in shards/",
    "labels.csv": "every structure and its labels; give it to screenkit train",
    "labels.h5": "the same to the last digit, with units",
    "report.html": "all of this as one page",
    "figures": "its figures as PNG, and their numbers as CSV",
    "predictions.h5": "the predictions",
    "checkpoint.safetensors": "the model; give it to --model",
    "best.yaml": "the settings of the best trial; give it to --recipe",
    "metrics.json": "errors beside two trivial models",
    "folds.csv": "the same for each training",
    "folds.png": "the same as a plot",
    "trials.csv": "what was tried, and its validation error",
    "search.png": "the same as a plot",
    "test_predictions.csv": "each structure that the model has not seen",
    "labelled_predictions.csv": "each labelled structure",
    "parity.png": "predicted against known",
    "recipe.yaml": "every setting; give it to --recipe",
    "summary.json": "counts and times",
    "calibration.json": "what the model says of structures kept apart, beside their labels",
    "run.log": "what happened when",
}


def next_command(console: Console, words: Sequence[str]) -> None:
    """Print a command that makes sense after this one."""
    console.print("next:", style="bold")
    command(console, words)


def command(console: Console, words: Sequence[str]) -> None:
    """Print a command as it may be typed."""
    console.print(plain(f"  {shlex.join(words)}"), soft_wrap=True)


def as_arguments(sources: Sequence[Path]) -> list[str]:
    """Return paths as arguments; a leading dash must not read as an option."""
    return [f"./{path}" if str(path).startswith("-") else str(path) for path in sources]
