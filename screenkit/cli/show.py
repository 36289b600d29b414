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

from screenkit.crystal.archive import SUFFIXES
from screenkit.ranking.ranking import Ranking
from screenkit.report.words import NARROW_SPACE, duration, figure, flags, number

_BEST = 10
_HEADING = 14  # characters a heading may be wide
_PIPE_WIDTH = 120  # columns where there is no terminal to ask


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let `cli/app.py` end the program; rich would do so itself, with another code."""
        raise BrokenPipeError


def _console() -> Console:
    console = _Console(highlight=False)
    return console if console.is_terminal else _Console(highlight=False, width=_PIPE_WIDTH)


def default_output(sources: Sequence[Path], model: str) -> Path:
    """Return the folder of a run that was given none: `./<source>-<model>`."""
    source = sources[0]
    name = source.name or source.resolve().name or "library"
    if name == "..":
        name = source.resolve().name or "library"
    for suffix in (*SUFFIXES, ".txt"):
        name = name.removesuffix(suffix) or name
    name = name.removesuffix(".gz").removesuffix(".cif") or name
    kind = Path(model).name.removesuffix(".safetensors")
    # A folder that begins with a dash could not be typed after the next command.
    return Path(f"{name}-{kind}".lstrip("-"))


def plain(text: str) -> Text:
    """Return a text from outside as it may be printed."""
    shown = (c if c.isprintable() or c == NARROW_SPACE else _escaped(c) for c in text)
    return Text("".join(shown))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def screening(result: Any, sources: Sequence[Path], ids: Path | None = None) -> None:
    """Print the best, the outcomes by reason, the files, and what to type next.

    Args:
        result: a `flows.screen.Screening`.
        sources: as the user gave them.
        ids: as the user gave it.
    """
    console = _console()
    console.print()
    if len(result.shortlist):
        console.print(best(result.shortlist, len(result.ranking), console.width))
    elif len(result.ranking):
        console.print("The shortlist is empty: no structure fulfils --where.")
    else:
        console.print("No structure could be ranked; failures.csv says why.")
    console.print(outcomes(result))
    files(console, result.output)
    # The recipe says which model and shards; without it the folder would belong to another run.
    settings = ["--recipe", str(result.output / "recipe.yaml"), "-o", str(result.output)]
    ids_file = ["--ids", str(ids)] if ids else []
    again = ["screenkit", "rank", *_paths(sources), *ids_file, *settings]
    _next(console, [*again, "--top", "1%", "--where", "n_atoms < 500"])


def best(ranking: Ranking, ranked: int, width: int) -> Table:
    """Return a table of the best ten; as many targets as `width` has room for."""
    rows = ranking.rows(0, _BEST)
    names = [ranking.target, *(name for name in ranking.target_names if name != ranking.target)]
    flagged = any(flags(row) for row in rows)
    room = width - 6 - 24 - 9 - (26 if flagged else 0)
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
    table.add_column("atoms", justify="right")
    if flagged:
        table.add_column("flags", style="yellow", overflow="fold")
    for row in rows:
        figures = [figure(row[name]) for name in names]
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


def training(result: Any, sources: Sequence[Path]) -> None:
    """Print how good the new model is, the files, and what to type next.

    Args:
        result: a `flows.train.Training`.
        sources: as the user gave them.
    """
    console = _console()
    metrics = result.metrics
    sizes = metrics["structures"]
    console.print()
    console.print(scores(metrics["test"], f"{metrics['model']} on structures kept apart"))
    parts = ", ".join(f"{number(count)} {part}" for part, count in sizes.items())
    console.print(
        plain(
            f"{parts}; split by {metrics['split_by']}; best of {metrics['epochs']} "
            f"epochs: {metrics['best_epoch']}; {duration(result.seconds)}"
        )
    )
    console.print()
    files(console, result.output)
    model = str(result.output / "checkpoint.safetensors")
    _next(console, ["screenkit", "rank", *_paths(sources[:1]), "--model", model])


def evaluation(result: Any) -> None:
    """Print how good a model is on labelled structures, and the files.

    Args:
        result: a `flows.evaluate.Evaluation`.
    """
    console = _console()
    console.print()
    console.print(scores(result.metrics["test"], f"{result.metrics['model']} beside the labels"))
    files(console, result.output)


def shelf(checkpoints: Mapping[str, Any]) -> None:
    """Print the models that come with the package, and how good each is.

    Args:
        checkpoints: `models.checkpoint.Checkpoint` by name.
    """
    console = _console()
    if not checkpoints:
        console.print("No model comes with this package; make one with `screenkit train`.")
    for name, checkpoint in checkpoints.items():
        record = checkpoint.record
        tested = record.get("test")
        title = f"{name}, on structures kept apart in training"
        if isinstance(tested, Mapping):
            in_order = {target.name: tested[target.name] for target in checkpoint.targets}
            console.print(scores(in_order, title))
        else:
            console.print(plain(title), style="bold")
            console.print(plain(", ".join(target.name for target in checkpoint.targets)))
        for key in ("data", "licence", "split_by"):
            if record.get(key):
                console.print(plain(f"  {key.replace('_', ' ')}: {record[key]}"), soft_wrap=True)
        console.print(plain(f"  sha256: {checkpoint.digest}"), soft_wrap=True)
        console.print()


def scores(targets: Mapping[str, Any], title: str) -> Table:
    """Return a table of errors per target, beside those of trivial models where they are known.

    Args:
        targets: as under `test` in `metrics.json`.
    """
    table = Table(title=plain(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("target", overflow="fold")
    table.add_column("unit")
    for heading in ("n", "MAE", "MAE of\nmedian", "MAE of line\non density", "R²", "Spearman"):
        table.add_column(heading, justify="right", style="bold" if heading == "MAE" else "")
    for name, entry in targets.items():
        model = entry["model"]
        trivial = [entry.get(kind, {}).get("mae") for kind in ("median", "linear_density")]
        figures = [model["mae"], *trivial, model["r2"], model["spearman"]]
        cells = ["–" if value is None else figure(value) for value in figures]
        table.add_row(plain(name), plain(entry.get("unit", "")), number(model["n"]), *cells)
    return table


def files(console: Console, folder: Path) -> None:
    """Print which results lie in the folder of a run."""
    console.print("written to", plain(str(folder)), style="bold", soft_wrap=True)
    for name, meaning in _FILES.items():
        if (folder / name).exists():
            console.print(f"  {name:<22} {meaning}", soft_wrap=True)
    console.print()


_FILES = {
    "ranking.csv": "every ok structure, best first",
    "shortlist.csv": "what --where and --top leave of it",
    "failures.csv": "every other structure, and why",
    "report.html": "all of this as one page",
    "predictions.h5": "the predictions",
    "checkpoint.safetensors": "the model; give it to --model",
    "metrics.json": "errors beside two trivial models",
    "test_predictions.csv": "each structure that the model has not seen",
    "labelled_predictions.csv": "each labelled structure",
    "parity.png": "predicted against known",
    "recipe.yaml": "every setting; give it to --recipe",
    "summary.json": "counts and times",
    "run.log": "what happened when",
}


def _next(console: Console, words: Sequence[str]) -> None:
    """Print a command that makes sense after this one."""
    console.print("next:", style="bold")
    console.print(plain(f"  {shlex.join(words)}"), soft_wrap=True)


def fold(name: str, width: int) -> str:
    """Return a name broken after underscores into lines of at most `width`, where it can be."""
    lines = [""]
    for part in name.replace("_", "_\n").split("\n"):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def plain_lines(text: str) -> Text:
    """Return `plain` of each line."""
    return Text("\n").join(plain(line) for line in text.split("\n"))


def _paths(sources: Sequence[Path]) -> list[str]:
    """Return paths as arguments; a leading dash must not read as an option."""
    return [f"./{path}" if str(path).startswith("-") else str(path) for path in sources]
