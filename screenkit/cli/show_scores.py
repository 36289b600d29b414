"""What `screenkit train` and `evaluate` show: how good a model is, beside trivial ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from screenkit.cli.show import as_arguments, files, next_command, open_console
from screenkit.cli.text import plain
from screenkit.report.words import duration, figure, number

_OF_VALUES = {
    "MAE": ("model", "mae"),
    "MAE of\nmedian": ("median", "mae"),
    "MAE of line\non density": ("linear_density", "mae"),
    "R²": ("model", "r2"),
    "Spearman": ("model", "spearman"),
}
_EARLY = {
    "found of\nbest 5%": ("early", "recall_at_5_percent"),
    "times\nchance": ("early", "enrichment_at_5_percent"),
}
"""What `evaluate` knows and a training does not say."""
_HELD = {"within\ninterval": ("interval", "coverage")}
"""Of calibrated models: the share of labels that lie within."""
_OF_CLASSES = {
    "ROC AUC": ("model", "roc_auc"),
    "ROC AUC of line\non density": ("logistic_density", "roc_auc"),
    "accuracy": ("model", "accuracy"),
    "accuracy of\nthe share": ("share", "accuracy"),
    "log loss": ("model", "log_loss"),
}


def training(result: Any, sources: Sequence[Path]) -> None:
    """Print how good the new model is, the files, and what to type next.

    Args:
        result: a `flows.train.Training`.
        sources: as the user gave them.
    """
    console = open_console()
    metrics = result.metrics
    sizes = metrics["structures"]
    console.print()
    for table in scores(metrics["test"], _training_title(metrics), metrics.get("deviation", {})):
        console.print(table)
    parts = ", ".join(f"{number(count)} {part}" for part, count in sizes.items())
    facts = [parts, f"split by {metrics['split_by']}"]
    if "best_epoch" in metrics:
        facts.append(f"best of {metrics['epochs']} epochs: {metrics['best_epoch']}")
    if "best_member" in metrics:
        facts.append(f"one checkpoint of all {len(metrics['parts'])} members")
    for name, value in metrics.get("values", {}).items():
        facts.append(f"{name} {figure(value) if isinstance(value, float) else value}")
    console.print(plain("; ".join([*facts, duration(result.seconds)])))
    console.print()
    files(console, result.output)
    model = result.output / "checkpoint.safetensors"
    if model.exists():
        next_command(
            console,
            [
                "screenkit",
                "rank",
                *(as_arguments(sources[:1]) or ["SOURCE"]),
                "--model",
                str(model),
            ],
        )


def evaluation(result: Any) -> None:
    """Print how good a model is on labelled structures, and the files.

    Args:
        result: a `flows.evaluate.Evaluation`.
    """
    console = open_console()
    console.print()
    for table in scores(result.metrics["test"], f"{result.metrics['model']} beside the labels"):
        console.print(table)
    files(console, result.output)


def scores(
    targets: Mapping[str, Any], title: str, deviations: Mapping[str, Any] | None = None
) -> list[Table]:
    """Return a table of errors per target, beside those of trivial models where they are known;
    one for values and one for classes.

    Args:
        targets: as under `test` in `metrics.json`.
        title: above the first.
        deviations: as under `deviation` in `metrics.json`.
    """
    tables: list[Table] = []
    for columns, is_class in ((_OF_VALUES, False), (_OF_CLASSES, True)):
        rows = {name: e for name, e in targets.items() if ("class_if" in e) == is_class}
        if not rows:
            continue
        shown = dict(columns)
        for more in (_EARLY, _HELD):
            if any(who in entry for entry in rows.values() for who, _ in more.values()):
                shown |= more
        table = Table(
            title=plain("" if tables else title), title_justify="left", title_style="bold",
            box=box.SIMPLE_HEAD,
        )  # fmt: skip
        table.add_column("target", overflow="fold")
        table.add_column("unit")
        table.add_column("n", justify="right")
        for heading in shown:
            first = heading == next(iter(shown))
            table.add_column(heading, justify="right", style="bold" if first else "")
        for name, entry in rows.items():
            spread = (deviations or {}).get(name, {})
            cells = [
                _spread(entry.get(who, {}).get(what), spread.get(who, {}).get(what))
                for who, what in shown.values()
            ]
            condition = f"{entry.get('class_if', '')} {entry.get('unit', '')}".strip()
            table.add_row(plain(name), plain(condition), number(entry["model"]["n"]), *cells)
        tables.append(table)
    return tables


def _training_title(metrics: Mapping[str, Any]) -> str:
    if "cross" in metrics:
        several = f"{len(metrics['parts'])} {metrics['cross']}"
        if metrics["cross"] == "ensemble":
            return f"mean of {len(metrics['parts'])} {metrics['model']}, ± over the members"
        return f"{metrics['model']} on structures kept apart: mean ± deviation of {several}"
    if "trials" in metrics:
        best = f"trial {metrics['best_trial']}, the best of {metrics['trials']}"
        return f"{metrics['model']} on structures kept apart: {best} by validation"
    return f"{metrics['model']} on structures kept apart"


def _spread(value: float | None, deviation: float | None) -> str:
    if value is None or value != value:
        return "–"
    known = deviation is not None and deviation == deviation
    return f"{figure(value)} ± {deviation:.2g}" if known else figure(value)
