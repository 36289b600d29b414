"""Figures of a model as tables: errors beside those of trivial models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from screenkit.cli.text import plain
from screenkit.report.words import figure, number

_OF_VALUES = {
    "MAE": ("model", "mae"),
    "MAE of\nmedian": ("median", "mae"),
    "MAE of line\non density": ("linear_density", "mae"),
    "R²": ("model", "r2"),
    "Spearman": ("model", "spearman"),
}
_OF_CLASSES = {
    "ROC AUC": ("model", "roc_auc"),
    "ROC AUC of line\non density": ("logistic_density", "roc_auc"),
    "accuracy": ("model", "accuracy"),
    "accuracy of\nthe share": ("share", "accuracy"),
    "log loss": ("model", "log_loss"),
}


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
        table = Table(
            title=plain("" if tables else title), title_justify="left", title_style="bold",
            box=box.SIMPLE_HEAD,
        )  # fmt: skip
        table.add_column("target", overflow="fold")
        table.add_column("unit")
        table.add_column("n", justify="right")
        for heading in columns:
            first = heading == next(iter(columns))
            table.add_column(heading, justify="right", style="bold" if first else "")
        for name, entry in rows.items():
            spread = (deviations or {}).get(name, {})
            cells = [
                _spread(entry.get(who, {}).get(what), spread.get(who, {}).get(what))
                for who, what in columns.values()
            ]
            condition = f"{entry.get('class_if', '')} {entry.get('unit', '')}".strip()
            table.add_row(plain(name), plain(condition), number(entry["model"]["n"]), *cells)
        tables.append(table)
    return tables


def _spread(value: float | None, deviation: float | None) -> str:
    if value is None or value != value:
        return "–"
    known = deviation is not None and deviation == deviation
    return f"{figure(value)} ± {deviation:.2g}" if known else figure(value)
