"""The pages of a labelling, a cleaning and a featurization, from what lies in their folders."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from screenkit.adsorption.henry import misses
from screenkit.errors import Outcome
from screenkit.flows.report_facts import Folder, library_steps
from screenkit.report.against import Quantity
from screenkit.report.clean_page import CleanPage, clean_page
from screenkit.report.funnel import Step
from screenkit.report.graphs_page import GraphsPage, graphs_page
from screenkit.report.label_page import HenrySpread, LabelPage, Spread, label_page
from screenkit.report.page import Page
from screenkit.report.words import number, unit_text
from screenkit.store.layout import CLEAN, GRAPHS, LABELS
from screenkit.store.store import Store

_LOG = re.compile(r"log_henry_(?P<gas>.+)_(?P<temperature>[\d.]+)K")
_ACROSS = ("void_fraction", "largest_free_sphere", "accessible_surface_area", "density_g_cm3")
"""What labels are drawn against, where a run has it."""
_PAIRS = (
    ("density_g_cm3", "void_fraction"),
    ("largest_included_sphere", "largest_free_sphere"),
    ("void_fraction", "accessible_surface_area"),
)
_UNITS = {"density_g_cm3": "g/cm³"}
_WORDS = {"density_g_cm3": "density"}
_MOST_GASES = 2  # of which each is drawn against the pores


def labelling(run: Path) -> Page:
    """Return the page of a labelling.

    Raises:
        StorageError: the labels are not there, or damaged.
        RecipeError: the recipe cannot be read.
    """
    folder, store = Folder.open(run), Store.open(run, LABELS)
    ok = store.column("outcome") == Outcome.OK
    tolerance = folder.recipe.adsorption.tolerance
    henry = [
        _henry(store, ok, match, tolerance)
        for target in store.targets
        if (match := _LOG.fullmatch(str(target["name"])))
    ]
    others = [
        _spread(store, ok, str(target["name"]))
        for target in store.targets
        if not re.match(r"(log_|log1p_)?(henry|kh)_|heat_|error_", str(target["name"]))
    ]
    logs = [_quantity(store, ok, one.logs.name) for one in henry[:_MOST_GASES]]
    across = [_quantity(store, ok, name) for name in _ACROSS if _has(store, name)]
    pairs = [(x, y) for y in logs for x in across] or _pairs(store, ok)
    told = LabelPage(
        about=folder.about(),
        steps=library_steps(store),
        codes=store.codes,
        henry=henry,
        tolerance=tolerance,
        others=others,
        pairs=pairs,
    )
    return label_page(told)


def cleaning(run: Path) -> Page:
    """Return the page of a cleaning.

    Raises:
        StorageError: what it found is not there, or damaged.
        RecipeError: the recipe cannot be read.
    """
    folder, store = Folder.open(run), Store.open(run, CLEAN)
    ok = store.column("outcome") == Outcome.OK
    said = folder.summary
    kept, duplicates = int(said.get("kept", ok.sum())), int(said.get("duplicates", 0))
    twice = f"{number(duplicates)} equal an earlier one"
    rule = "left out" if said.get("drop_duplicates") else "kept, as --drop-duplicates is not given"
    names = ["density_g_cm3", *(str(t["name"]) for t in store.targets if "hash" not in t["name"])]
    told = CleanPage(
        about=folder.about(),
        steps=[*library_steps(store), Step("kept", kept, f"{twice}: {rule}")],
        codes=store.codes,
        flagged={str(k): int(v) for k, v in dict(said.get("flagged", {})).items()},
        duplicates=duplicates,
        geometry=[_quantity(store, ok, name) for name in names],
        pairs=_pairs(store, ok),
    )
    return clean_page(told)


def featurization(run: Path) -> Page:
    """Return the page of a featurization.

    Raises:
        StorageError: its rows are not there, or damaged.
        RecipeError: the recipe cannot be read.
    """
    folder, store = Folder.open(run), Store.open(run, GRAPHS)
    ok = store.column("outcome") == Outcome.OK
    said = folder.summary
    graph = dict(said.get("graph", {}))
    told = GraphsPage(
        about=folder.about({"graphs sha256": str(said.get("graphs_sha256", ""))}),
        steps=library_steps(store),
        codes=store.codes,
        held={
            "for": ", ".join(map(str, said.get("models", ()))),
            "neighbours per atom": f"{graph.get('k', '')}, {graph.get('neighbors', '')}",
            "order of equals": str(graph.get("ties", "")),
            "local frames": "yes" if graph.get("frames") else "no",
            "charges": "yes" if graph.get("charges") else "no",
            "features": ", ".join(map(str, graph.get("features", ()))) or "none",
            "atoms": number(said["atoms"]) if "atoms" in said else "",
        },
        geometry=[_quantity(store, ok, name) for name in ("n_atoms", "density_g_cm3")],
        size=int(said.get("bytes", 0)),
    )
    return graphs_page(told)


def _henry(store: Store, ok: np.ndarray, match: re.Match[str], tolerance: float) -> HenrySpread:
    state = f"{match['gas']}_{match['temperature']}K"
    log, error = (store.column(f"{kind}_{state}")[ok] for kind in ("log_henry", "error"))
    return HenrySpread(
        match["gas"],
        float(match["temperature"]),
        _spread(store, ok, f"log_henry_{state}"),
        _spread(store, ok, f"error_{state}"),
        int(misses(log, error, tolerance).sum()),
    )


def _spread(store: Store, ok: np.ndarray, name: str) -> Spread:
    values = store.column(name)[ok]
    return Spread(name, _unit(store, name), values[np.isfinite(values)])


def _quantity(store: Store, ok: np.ndarray, name: str) -> Quantity:
    unit = _unit(store, name)
    values = store.column(name)[ok].astype(np.float64)
    word = _WORDS.get(name, name)
    return Quantity(name, f"{word} ({unit})" if unit else word, values)


def _pairs(store: Store, ok: np.ndarray) -> list[tuple[Quantity, Quantity]]:
    return [
        (_quantity(store, ok, x), _quantity(store, ok, y))
        for x, y in _PAIRS
        if _has(store, x) and _has(store, y)
    ]


def _has(store: Store, name: str) -> bool:
    try:
        return bool(store.column(name, 0, 0).dtype != object)
    except KeyError:
        return False


def _unit(store: Store, name: str) -> str:
    units = {str(t["name"]): str(t["unit"]) for t in store.targets} | _UNITS
    return unit_text(units.get(name, ""))
