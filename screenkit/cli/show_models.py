"""What `screenkit models` shows: the shelf as a table, and one model in full."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.table import Table

from screenkit.cli.show import open_console
from screenkit.cli.text import fold, plain, plain_lines
from screenkit.report.words import figure, number

_WIDE = 100  # columns of a terminal; names break on a narrower one


def shelf(found: Any) -> None:
    """Print the models on the shelf, one line per target, and what can be trained.

    Args:
        found: a `flows.models.Shelf`.
    """
    console = open_console()
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("model", "target, unit"):
        table.add_column(heading, overflow="fold")
    for heading in ("n", "MAE", "Spearman or\nROC AUC"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in found.models:
        for name, target, *figures in _lines(entry):
            if console.width < _WIDE:
                name, target = fold(name, 16), fold(target, 25)
            table.add_row(plain_lines(name), plain_lines(target), *figures)
    if found.models:
        console.print(table)
        console.print("Errors on structures kept apart in training; in brackets, on those that")
        console.print("chose the epoch. `screenkit models info MODEL` says more.\n")
    for entry in found.models:
        place = "comes with the package" if entry.shipped else str(entry.path)
        data = entry.checkpoint.record.get("data", "") if entry.checkpoint else ""
        kind = f"of kind {entry.checkpoint.model}" if entry.checkpoint else ""
        told = entry.trouble or "; ".join(part for part in (kind, place, str(data)) if part)
        console.print(plain(f"{entry.name}: {told}"), soft_wrap=True)
    console.print()
    console.print(plain(f"your own shelf: {found.folder}"), soft_wrap=True)
    console.print("`screenkit train --model` knows:", ", ".join(found.kinds))


def _lines(entry: Any) -> Iterator[list[str]]:
    """Yield the cells of each target of a model."""
    if entry.checkpoint is None:
        yield [entry.name, "cannot be read", "", "", ""]
        return
    checkpoint = entry.checkpoint
    for t, target in enumerate(checkpoint.targets):
        tested = checkpoint.record.get("test")
        figures = tested.get(target.name, {}).get("model", {}) if isinstance(tested, dict) else {}
        chose = checkpoint.record.get("validation")
        chose = chose if isinstance(chose, dict) and t == 0 else {}
        name = f"{target.name}{target.class_if}" if target.column else target.name
        yield [
            entry.name if t == 0 else "",
            f"{name}, {target.unit}" if target.unit else name,
            number(figures["n"]) if "n" in figures else "",
            _figure(figures.get("mae"), chose.get("mae")),
            _figure(figures.get("roc_auc" if target.is_class else "spearman"), chose.get("auc")),
        ]


def _figure(tested: Any, chose: Any) -> str:
    for value, form in ((tested, "{}"), (chose, "({})")):
        if isinstance(value, (int, float)) and math.isfinite(value):
            return form.format(figure(value))
    return ""


def described(found: Any, adopted: bool = False) -> None:
    """Print one model in full.

    Args:
        found: a `flows.models.Described`.
        adopted: whether it was imported just now.
    """
    console = open_console()
    checkpoint = found.checkpoint
    if adopted:
        console.print(plain(f"written to {found.path}"), style="bold", soft_wrap=True)
    else:
        console.print(plain(str(found.path)), style="bold", soft_wrap=True)
    console.print(f"network: {checkpoint.model}, {number(found.parameters)} parameters")
    console.print("targets:")
    for target in checkpoint.targets:
        unit = f", {target.unit}" if target.unit else ""
        kind = f", probability of {target.class_if}" if target.is_class else ""
        better = "largest" if target.better == "max" else "smallest"
        console.print(plain(f"  {target.name}{unit}{kind}; {better} first"), soft_wrap=True)
    if len(checkpoint.members) > 1:
        console.print(f"members: {len(checkpoint.members)}")
    known, domain = checkpoint.calibration, checkpoint.domain
    console.print(plain(f"calibrated: {known.split if known else 'no'}"), soft_wrap=True)
    console.print(plain(f"domain: {domain.chosen if domain else 'none'}"), soft_wrap=True)
    for title, values in (
        ("settings", checkpoint.settings.model_dump(mode="json")),
        ("graph", checkpoint.graph.model_dump(mode="json")),
        ("record", checkpoint.record),
    ):
        console.print(f"{title}:")
        for line in _outline(values, 1):
            console.print(plain(line), soft_wrap=True)
    console.print(f"sha256: {checkpoint.digest}", soft_wrap=True)


def _outline(values: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Yield nested values as indented lines."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield f"{'  ' * depth}{key}:"
            yield from _outline(value, depth + 1)
        else:
            told = figure(value) if isinstance(value, float) else value
            yield f"{'  ' * depth}{key}: {told}"
