"""The page of a screening, evaluated or not, from what lies in its folder.

    predictions.h5, summary.json, recipe.yaml, shortlist.csv
    + calibration.json, metrics.json and labelled_predictions.csv, explain/, the sources
                                                                        -> Page

What is not there is not shown, and the page says why.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from screenkit.crystal.library import Library
from screenkit.errors import ScreenkitError
from screenkit.flows.missed import Known, missed_by
from screenkit.flows.portraits import portraits, weighed_of
from screenkit.flows.report_facts import Folder, library_steps
from screenkit.flows.report_labels import evaluation_of
from screenkit.flows.run_sources import library_of
from screenkit.ranking.ranking import Ranking, rank
from screenkit.report.against import Quantity
from screenkit.report.funnel import Step
from screenkit.report.held_out import HeldOut
from screenkit.report.page import Page
from screenkit.report.screening_page import Predicted, ScreeningPage, screening_page
from screenkit.report.shortlist_table import Column, Portrait, ShortlistTable
from screenkit.report.words import figure, number
from screenkit.store.layout import CALIBRATION, HIGH, LOW, OOD, OOD_DISTANCE, SPREAD
from screenkit.store.store import Store

LISTED = 300
"""Rows of the table."""
DRAWN = 48
"""Structures with a drawing, the best of the shortlist."""
LOOKED_AT = 300
"""Structures that the map of elements is made of, the best of the shortlist."""
_BESIDE = (SPREAD, LOW, HIGH)  # of a target, in columns of their own
_OF_ALL = (OOD, OOD_DISTANCE)
_SECONDS_A_MOVE = (1.2e-4, 4.2e-4)
"""Of raspalib 3.1.0 with electrostatics, least and most of 14 simulations; see `docs/report.md`."""
_LEAST_MOVES = 20  # a cycle, where there are fewer molecules
_MOL_PER_A3_DENSITY = 0.602214076  # g/cm3 times Å3, in g/mol
_GEOMETRY = {
    "density_g_cm3": "density (g/cm³)",
    "void_fraction": "void fraction",
    "largest_included_sphere": "largest included sphere (Å)",
    "largest_free_sphere": "largest free sphere (Å)",
    "accessible_surface_area": "accessible surface (m²/cm³)",
    "volume_per_atom": "cell volume per atom (Å³)",
}
"""What the structure itself is like, where a run knows it."""


def screening(run: Path, sources: Sequence[Path] = (), library: Library | None = None) -> Page:
    """Return the page of a screening.

    Args:
        run: its folder.
        sources: the library, where it is no longer where it was.
        library: the same, where it is open already.

    Raises:
        StorageError: the predictions are not there, or damaged.
        RecipeError: the recipe cannot be read.
    """
    folder = Folder.open(run)
    store = Store.open(run)
    recipe = folder.recipe
    ranking = rank(store, recipe.rank)
    places = _shortlisted(run, len(ranking))
    targets = _targets(ranking)
    shown = ranking.keep(places[: max(LISTED, LOOKED_AT)], "")
    doubts: list[str] = []
    looks = _portraits(shown, run, sources, library, doubts)
    evaluation = evaluation_of(run)
    held = [*_calibration(run, folder, doubts), *(evaluation.held if evaluation else ())]
    told = ScreeningPage(
        about=folder.about(cost=_simulations(ranking, places, folder)),
        lead=_lead(ranking, folder),
        steps=_steps(ranking, store, folder, len(places)),
        codes=store.codes,
        targets=targets,
        chosen=places,
        geometry=_geometry(ranking),
        shortlist=ShortlistTable(_rows(shown, LISTED), _columns(targets, ranking), looks),
        listed=len(places),
        held=held,
        doubts=doubts,
        kind="evaluation" if evaluation else "screening",
        apart=_apart(folder),
        missed=_missed(ranking, places, run, folder),
        scores=evaluation.tables if evaluation else "",
    )
    return screening_page(told)


def _shortlisted(run: Path, ranked: int) -> np.ndarray:
    """Return (m,) int64: places of the shortlist in the ranking."""
    path = run / "shortlist.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            ranks = [int(row["rank"]) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError):
        return np.empty(0, np.int64)
    places = np.array(ranks, np.int64) - 1
    return places[(places >= 0) & (places < ranked)]


def _targets(ranking: Ranking) -> list[Predicted]:
    """Return the targets, the one that ranks first."""
    order = sorted(ranking.target_names, key=lambda name: name != ranking.target)
    return [Predicted(name, _label(ranking, name), partial(ranking.values, name)) for name in order]


def _label(ranking: Ranking, name: str) -> str:
    unit = next((str(t["unit"]) for t in ranking.store.targets if t["name"] == name), "")
    return f"{name} ({unit})" if unit else name


def _values(ranking: Ranking, name: str) -> np.ndarray | None:
    """Return (n,) a column in the order of the ranking; None where the run has none."""
    try:
        return ranking.values(name).astype(np.float64)
    except KeyError:
        return None


def _geometry(ranking: Ranking) -> Iterator[Quantity]:
    """Yield what is known of the structures, one column at a time: of a million each takes 8 MB."""
    for name, label in _GEOMETRY.items():
        values = _values(ranking, name)
        if name == "volume_per_atom":
            atoms = np.maximum(ranking.values("n_atoms"), 1)
            values = ranking.values("volume_A3") / atoms
        if values is not None:
            yield Quantity(name, label, values)


def _columns(targets: Sequence[Predicted], ranking: Ranking) -> list[Column]:
    better = {str(t["name"]): str(t.get("better", "max")) for t in ranking.store.targets}
    better[ranking.target] = ranking.better
    return [Column(t.name, t.label, better[t.name] == "max") for t in targets]


def _rows(shown: Ranking, most: int) -> list[dict[str, Any]]:
    """Return the rows of the table, with intervals and marks where the run has them."""
    rows = shown.rows(0, most)
    part = shown.keep(slice(0, most), "")
    for name in (*(f"{shown.target}{end}" for end in _BESIDE), *_OF_ALL):
        values = _values(part, name)
        if values is not None:
            for row, value in zip(rows, values.tolist(), strict=True):
                row[name] = value
    return rows


def _portraits(
    shown: Ranking, run: Path, sources: Sequence[Path], library: Library | None, doubts: list[str]
) -> dict[str, Portrait]:
    """Return what the shortlist looks like; where it cannot be read, why goes to `doubts`."""
    names = shown.texts("name", 0, LOOKED_AT)
    if not names:
        return {}
    try:
        weighed = weighed_of(run, names[:DRAWN], shown.target)
        where = library or library_of(run, shown.store, sources, "report")
        return portraits(where, names, DRAWN, weighed)
    except (ScreenkitError, OSError) as error:
        said = error.message if isinstance(error, ScreenkitError) else str(error)
        doubts.append(
            f"No drawings and no map of elements: {said}. Where the sources are elsewhere: "
            "screenkit report RUN SOURCE."
        )
        return {}


def _calibration(run: Path, folder: Folder, doubts: list[str]) -> list[HeldOut]:
    """Return what the checkpoint knows of structures that were kept apart."""
    found = folder.json(CALIBRATION)
    if found is None:
        doubts.append(
            "How far predictions may be off is not shown: this model keeps no predictions of "
            "structures apart from its training."
        )
        return []
    units = {str(t["name"]): str(t["unit"]) for t in Store.open(run).targets}
    try:
        level = float(found.get("level") or math.nan)
        return [
            _held(name, one, units.get(name, ""), level) for name, one in found["targets"].items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError):
        doubts.append(f"{CALIBRATION} cannot be read, and is not shown.")
        return []


def _missed(ranking: Ranking, places: np.ndarray, run: Path, folder: Folder) -> list[list[str]]:
    """Return what of the truly best the shortlist holds; nothing where a condition chose it."""
    if folder.recipe.rank.where is not None or folder.json(CALIBRATION) is None:
        return []
    try:
        known = Known.read(run, ranking.target, ranking.better)
        found = missed_by(ranking.keep(places, ""), known, None)
    except (ScreenkitError, KeyError, TypeError, ValueError):
        return []  # `_calibration` says so
    unit = next(str(t["unit"]) for t in ranking.store.targets if t["name"] == ranking.target)
    rows = []
    for one in found:
        # With none that is predicted to be as good, nothing is known of the recall.
        shares = [f"{one.expected:.0%}", f"{one.bound:.0%}"] if one.predicted else ["–", "–"]
        least = f"{figure(one.least)} {unit}".rstrip()
        rows.append([one.percent, least, *shares, number(one.predicted)])
    return rows


def _apart(folder: Folder) -> str:
    """Return on which structures the model is held against labels."""
    found = folder.json(CALIBRATION)
    split = found.get("split") if isinstance(found, dict) else None
    words = "On structures whose labels are known."
    return f"{words} Kept apart from training: {split}." if split else words


def _held(name: str, one: Mapping[str, Any], unit: str, level: float) -> HeldOut:
    def numbers(key: str) -> np.ndarray | None:
        values = one.get(key)
        return None if values is None else np.array(values, dtype=np.float64)

    prediction, label = numbers("prediction"), numbers("label")
    if prediction is None or label is None or len(prediction) != len(label):
        raise ValueError(name)
    known = label[np.isfinite(label)]
    is_class = bool(one.get("is_class", len(known) > 0 and set(np.unique(known)) <= {0.0, 1.0}))
    return HeldOut(
        name, unit, prediction, label, numbers("low"), numbers("high"), level, is_class
    )  # fmt: skip


def _steps(ranking: Ranking, store: Store, folder: Folder, listed: int) -> list[Step]:
    steps = library_steps(store)
    ok = store.outcomes["ok"]
    if len(ranking) != ok:
        steps.append(Step("predicted", len(ranking), "without a finite prediction: the others"))
    where = folder.recipe.rank.where
    if where is not None:
        left = len(ranking.where(where))
        steps.append(Step("fulfil the condition", left, f"where {where}"))
    rule = folder.rules[-1] if folder.rules else ""
    return [*steps, Step("on the shortlist", listed, rule)]


def _simulations(ranking: Ranking, places: np.ndarray, folder: Folder) -> dict[str, str]:
    """Return about what simulations of the shortlist would cost; see `docs/report.md`."""
    if not len(places):
        return {}
    shortlist, settings = ranking.keep(places, ""), folder.recipe.gcmc
    width = 2 * folder.recipe.adsorption.cutoff  # Å, of the box
    kilograms = shortlist.values("density_g_cm3") * width**3 * _MOL_PER_A3_DENSITY / 1000
    unit = next(str(t["unit"]) for t in ranking.store.targets if t["name"] == ranking.target)
    loading = shortlist.values(ranking.target) if unit in ("mol/kg", "mmol/g") else 0.0
    moves = np.fmax(_LEAST_MOVES, loading * kilograms) * (settings.cycles + settings.initialization)
    low, high = (float(np.nansum(moves)) * seconds / 3600 for seconds in _SECONDS_A_MOVE)
    return {
        "GCMC of the shortlist": f"about {low:.2g} to {high:.2g} core-hours for CO2 at one state "
        f"point, {settings.initialization} + {settings.cycles} cycles each"
    }


def _lead(ranking: Ranking, folder: Folder) -> str:
    direction = "largest first" if ranking.better == "max" else "smallest first"
    rules = f" Shortlist: {', then '.join(folder.rules)}." if folder.rules else ""
    return f"Ranked by {_label(ranking, ranking.target)}, {direction}.{rules}"
