"""The page of an explanation, from the tables and pictures that lie in its folder."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from screenkit.flows.explain_files import KINDS, file_name
from screenkit.flows.report_facts import Folder
from screenkit.ranking.ranking import Ranking, RankSettings, rank
from screenkit.report.explain_page import Drawing, ExplainPage, Line, Table, explain_page
from screenkit.report.page import Page
from screenkit.report.words import figure
from screenkit.store.store import Store

_ROOM = 2_400_000  # bytes of pictures in a page; a quarter more for other targets
_METHODS = {
    "site": "The model predicts the mean of a contribution per atom, and these are the "
    "contributions. Their mean over a structure is its prediction.",
    "attention": "The model weighs its atoms before it adds them up, and these are the shares. "
    "They sum to 1 over a structure; a high share says where the model looks, not in which "
    "direction the prediction moves.",
    "gradient": "Gradient times input (Shrikumar et al. 2017): how much the prediction would "
    "fall, to first order, if the atom's input vector were zero. The numbers need not sum to the "
    "prediction.",
}


def explanation(run: Path) -> Page:
    """Return the page of an explanation.

    Raises:
        StorageError: the predictions are not there, or damaged.
        RecipeError: the recipe cannot be read.
    """
    folder, store = Folder.open(run), Store.open(run)
    said = folder.summary
    ranking = rank(store, RankSettings(target=said.get("target"), better=said.get("better")))
    target, names = ranking.target, ranking.target_names
    others = [name for name in names if name != target]
    told = ExplainPage(
        about=folder.about(title=str(said.get("title", ""))),
        method=_METHODS.get(str(said.get("weights")), ""),
        structures=store.outcomes["ok"],
        atoms=int(said.get("atoms", 0)),
        targets=names,
        maps=list(_maps(run, target)),
        other_maps=_first((d for name in others for d in _maps(run, name)), _ROOM // 4),
        tables=[_table(run, kind, file, target) for kind, file in KINDS.items()],
        structures_drawn=_first(_pictures(run, ranking, folder.recipe.explain.draw), _ROOM),
        counts=store.outcomes,
    )
    return explain_page(told)


def _maps(run: Path, target: str) -> Iterator[Drawing]:
    for site in ("", "A", "B", "X"):
        stem = f"elements{f'-{site}-site' if site else ''}.{target}"
        where = f" on the {site} site of perovskites" if site else ""
        if (png := _bytes(run / "maps" / f"{stem}.png")) is not None:
            caption = f"{target}: elements{where}. Under each symbol its number, as the bar says, "
            yield Drawing(png, f"{caption}and the number of atoms (maps/{stem}.png, .svg).")


def _pictures(run: Path, ranking: Ranking, most: int) -> Iterator[Drawing]:
    """Yield the pictures of the best structures."""
    unit = _unit(ranking.store, ranking.target)
    for row in ranking.rows(0, most):
        if (drawing := _picture(run, row, ranking.target, unit)) is not None:
            yield drawing


def _first(drawings: Iterable[Drawing], room: int) -> list[Drawing]:
    """Return as many as there is room for; all of them lie beside the page."""
    sizes = 0
    kept = []
    for drawing in drawings:
        sizes += len(drawing.png)
        if sizes > room:
            break
        kept.append(drawing)
    return kept


def _picture(run: Path, row: Mapping[str, Any], target: str, unit: str) -> Drawing | None:
    png = _bytes(run / "pictures" / f"{file_name(str(row['name']))}.png")
    if png is None:
        return None
    value = f"{figure(row[target])} {unit}".rstrip()
    return Drawing(png, f"{row['name']}: predicted {target} {value}")


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _table(run: Path, kind: str, file: str, target: str) -> Table:
    """Return the groups of atoms of a kind; without lines where the run has none."""
    heads = ["site", "element"] if kind == "site" else [kind]
    lines, unit = [], ""
    try:
        with (run / f"{file}.csv").open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                if row["target"] == target:
                    unit = row["unit"]
                    lines.append(_line(" ".join(row[head] for head in heads), row))
    except (OSError, KeyError, ValueError):
        lines = []
    return Table(f"{target} by {kind}", kind.capitalize(), unit, lines, f"{file}.csv")


def _line(group: str, row: Mapping[str, str]) -> Line:
    def number(name: str) -> float:
        return float(row[name]) if row[name] else math.nan

    return Line(
        group=group,
        atoms=int(row["atoms"]),
        structures=int(row["structures"]),
        mean=number("mean"),
        weight_share=number("weight_share"),
        atom_share=number("atom_share"),
        enrichment=number("enrichment"),
    )


def _unit(store: Store, target: str) -> str:
    return next((str(t["unit"]) for t in store.targets if t["name"] == target), "")
