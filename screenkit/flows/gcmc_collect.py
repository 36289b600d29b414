"""Collect: what the simulations of a folder found, what of it is to be believed, and how far the
predictions were from it.

    decks.json, result.json of each -> results.csv, results.h5, loadings.csv, summary.json,
                                       report.html

Safe to repeat, also while others still run: it takes what is there.

Not covered: excess loadings; all are absolute.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from screenkit.errors import ScreenkitError, UsageError
from screenkit.flows.report import draw_report
from screenkit.gcmc.conditions import GcmcSettings, pascals, state_said
from screenkit.gcmc.deck import Deck, Decks
from screenkit.gcmc.engines import ENGINES
from screenkit.gcmc.outcome import ResultError, Simulation, Verdict, failed, judge, read_result
from screenkit.learn.metrics import rank_correlations
from screenkit.ranking.table import number_cells, text_cell
from screenkit.recipe import Recipe
from screenkit.settings import did_you_mean
from screenkit.store.layout import HIGH, LOW
from screenkit.store.publish import replace_text
from screenkit.store.store import Store
from screenkit.store.table_file import Column, write_columns

RESULTS, LOADINGS, SUMMARY = "results.csv", "loadings.csv", "summary.json"
RECIPE = "recipe.yaml"
_PER_MASS = ("mol/kg", "mmol/g")


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a run says of one structure, mol/kg."""

    value: float
    low: float = math.nan
    """End of its interval; NaN where the run has none."""
    high: float = math.nan


_NOTHING = Predicted(math.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Predictions of one target against simulations at its state point."""

    target: str
    state: str
    predicted: np.ndarray
    """(n,) float64, mol/kg. Of the structures whose simulation is `ok`."""
    simulated: np.ndarray
    """(n,) float64, mol/kg."""
    low: np.ndarray
    """(n,) float64, mol/kg. Of the intervals of the run; NaN where it has none."""
    high: np.ndarray

    @property
    def inside(self) -> float:
        """Share of the simulations that lie in their interval; NaN where there are none."""
        known = np.isfinite(self.low) & np.isfinite(self.high)
        if not known.any():
            return math.nan
        return float(((self.low <= self.simulated) & (self.simulated <= self.high))[known].mean())

    @property
    def mae(self) -> float:
        """Mean absolute deviation, mol/kg; NaN of none."""
        if not len(self.predicted):
            return math.nan
        return float(np.abs(self.predicted - self.simulated).mean())

    @property
    def spearman(self) -> float:
        """Rank correlation; NaN of fewer than three."""
        if len(self.predicted) < 3:
            return math.nan
        return rank_correlations(self.simulated, self.predicted)["spearman"]


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """What came of all decks of a folder."""

    folder: Path
    simulations: tuple[Simulation, ...]
    compared: Compared | None

    @property
    def counts(self) -> dict[str, int]:
        """Simulations by verdict; every verdict is there."""
        return {v: sum(one.verdict == v for one in self.simulations) for v in Verdict}


def collect(
    folder: Path,
    target: str | None = None,
    max_error: float | None = None,
    max_drift: float | None = None,
) -> Collected:
    """Read and judge all results of a folder, and write the tables.

    Args:
        target: of the run that the structures were chosen from, to compare with: its name, or
            `NAME=STATE` with a state such as `CO2_298K_15000Pa`. None: one whose name says the
            state point of a deck, where the run has such a target.
        max_error: as in `GcmcSettings`; None: as when the decks were prepared.
        max_drift: likewise.

    Raises:
        SourceError: the folder has no decks.
        UsageError: there is no such target or state, or the target is no loading.
        StorageError: `decks.json` is damaged, or a table cannot be written.
    """
    decks = Decks.load(folder)
    said = {"max_error": max_error, "max_drift": max_drift}
    own = Recipe.load(folder / RECIPE).override("gcmc", **said).gcmc
    simulations = tuple(_look(folder, deck, decks.version, own) for deck in decks.decks)
    predictions: Mapping[str, Predicted] = {}
    compared, target = None, target or _target_of(decks)
    if target is not None:
        name, state = _target_and_state(target, decks)
        predictions = _predictions(Path(decks.run), name) if decks.run else {}
        if not decks.run:
            raise UsageError(
                f"{folder} was prepared from a library, so nothing was predicted",
                hint="leave out --target",
            )
        compared = _compare(simulations, name, state, predictions)
    _write(folder, simulations, compared, predictions)
    draw_report(folder)
    return Collected(folder, simulations, compared)


def _look(root: Path, deck: Deck, version: str, settings: GcmcSettings) -> Simulation:
    try:
        found = read_result(root, deck)
        if found is None and (read := ENGINES[deck.engine].read) is not None:
            found = read(root / deck.folder, deck)  # by somebody's own job
        return failed(deck, root) if found is None else judge(deck, found, version, settings)
    except ResultError as error:
        return Simulation(deck, Verdict.FAILED, error.code, error.message)


def _target_of(decks: Decks) -> str | None:
    """Return a loading that the run predicted at a state point of the decks; None where none."""
    try:
        targets = Store.open(Path(decks.run)).targets if decks.run else ()
    except ScreenkitError:  # the run is no longer where it was
        return None
    names = (str(one["name"]) for one in targets if one["unit"] in _PER_MASS)
    return next((name for name in names for deck in decks.decks if _names(name, deck)), None)


def _target_and_state(said: str, decks: Decks) -> tuple[str, str]:
    """Return target and state point of `NAME` or `NAME=STATE`."""
    states = list(dict.fromkeys(deck.state for deck in decks.decks))
    name, equals, state = said.partition("=")
    if equals:
        if state not in states:
            raise UsageError(
                f"--target {said}: no simulation at {state!r}",
                hint=did_you_mean(state, states) or f"there are {', '.join(states)}",
            )
        return name, state
    fitting = [deck.state for deck in decks.decks if _names(name, deck)]
    choice = list(dict.fromkeys(fitting)) or states
    if len(choice) != 1:
        raise UsageError(
            f"--target {name} does not say which of {len(states)} state points it is at",
            hint=f"such as --target {name}={states[0] if states else 'STATE'}",
        )
    return name, choice[0]


def _names(target: str, deck: Deck) -> bool:
    """Tell whether a target's name says gas, pressure and temperature of a deck."""
    said = state_said(target, [deck.gas])
    if said is None:
        return False
    _, pressure, temperature = said
    alike = math.isclose(pascals(pressure), deck.pressure, rel_tol=1e-6)
    return alike and abs(temperature - deck.temperature) < 0.5  # 298 K is 298.15 K in a name


def _predictions(run: Path, target: str) -> Mapping[str, Predicted]:
    """Return what a run predicted of a target, by structure."""
    store = Store.open(run)
    units = {str(one["name"]): str(one["unit"]) for one in store.targets}
    if target not in units:
        raise UsageError(
            f"{run} predicted no {target!r}",
            hint=did_you_mean(target, list(units)) or f"there are {', '.join(units)}",
        )
    if units[target] not in _PER_MASS:
        raise UsageError(
            f"{target} is in {units[target] or 'no unit'}, and a loading is in mol/kg",
            hint="compare a target that is a loading",
        )
    columns = [store.column(target).tolist()]
    for end in (LOW, HIGH):
        try:
            columns.append(store.column(target + end).tolist())
        except KeyError:  # a run without intervals
            columns.append([math.nan] * len(columns[0]))
    rows = zip(store.names.tolist(), *columns, strict=True)
    return {name: Predicted(*numbers) for name, *numbers in rows}


def _compare(
    simulations: Sequence[Simulation],
    target: str,
    state: str,
    predictions: Mapping[str, Predicted],
) -> Compared:
    rows = [
        (told.value, one.loading, told.low, told.high)
        for one in simulations
        if one.verdict == Verdict.OK
        and one.deck.state == state
        and math.isfinite((told := predictions.get(one.deck.name, _NOTHING)).value)
    ]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return Compared(target, state, *columns)


def _columns(
    simulations: Sequence[Simulation],
    compared: Compared | None,
    predictions: Mapping[str, Predicted],
) -> list[Column]:
    """Return the columns of the results, each with unit and meaning."""

    def text(name: str, meaning: str, values: list[str]) -> Column:
        return Column(name, "", meaning, np.array(values, dtype=object))

    def numbers(name: str, unit: str, meaning: str, values: list[float | None]) -> Column:
        cells = [math.nan if value is None else float(value) for value in values]
        return Column(name, unit, meaning, np.array(cells, dtype=np.float64))

    decks = [one.deck for one in simulations]
    found = [one.found for one in simulations]
    state = compared.state if compared else None
    told = [predictions.get(d.name, _NOTHING) if d.state == state else _NOTHING for d in decks]
    return [
        text("name", "structure", [d.name for d in decks]),
        text("gas", "", [d.gas for d in decks]),
        numbers("temperature_K", "K", "", [d.temperature for d in decks]),
        numbers("pressure_Pa", "Pa", "", [d.pressure for d in decks]),
        text("outcome", "ok, doubtful or failed", [one.verdict for one in simulations]),
        text("code", "why it is not ok", [one.code for one in simulations]),
        text("message", "in words", [one.message for one in simulations]),
        numbers("loading_mol_kg", "mol/kg", "absolute", [one.loading for one in simulations]),
        numbers(
            "loading_error_mol_kg",
            "mol/kg",
            "half the 95 % interval",
            [one.loading_error for one in simulations],
        ),
        numbers("heat_kJ_mol", "kJ/mol", "isosteric", [f.heat if f else None for f in found]),
        numbers(
            "heat_error_kJ_mol",
            "kJ/mol",
            "half the 95 % interval",
            [f.heat_error if f else None for f in found],
        ),
        numbers("drift_mol_kg", "mol/kg", "second half less first", [s.drift for s in simulations]),
        numbers("cycles", "", "production cycles done", [f.cycles if f else None for f in found]),
        numbers("seconds", "s", "of one core", [f.seconds if f else None for f in found]),
        numbers("predicted_mol_kg", "mol/kg", "by the run", [p.value for p in told]),
        numbers("predicted_low_mol_kg", "mol/kg", "of its interval", [p.low for p in told]),
        numbers("predicted_high_mol_kg", "mol/kg", "of its interval", [p.high for p in told]),
        text("charges", "of the framework: cif, eqeq, none", [d.charges for d in decks]),
        text("engine", "", [d.engine for d in decks]),
        text("version", "of the engine that ran", [f.version if f else "" for f in found]),
        text("folder", "of the deck", [d.folder for d in decks]),
    ]


def _write(
    folder: Path,
    simulations: Sequence[Simulation],
    compared: Compared | None,
    predictions: Mapping[str, Predicted],
) -> None:
    columns = _columns(simulations, compared, predictions)
    write_columns(folder / "results.h5", columns)
    cells = [
        [text_cell(str(value)) for value in column.values]
        if column.values.dtype == object
        else number_cells(column.values)
        for column in columns
    ]
    rows = [",".join(row) for row in zip(*cells, strict=True)]
    replace_text(folder / RESULTS, "\n".join([",".join(c.name for c in columns), *rows]) + "\n")
    replace_text(folder / LOADINGS, _loadings(simulations))
    collected = Collected(folder, tuple(simulations), compared)
    summary = {
        "simulations": len(simulations),
        **collected.counts,
        "seconds": round(sum(s.found.seconds or 0.0 for s in simulations if s.found), 1),
        "target": compared.target if compared else None,
        "state": compared.state if compared else None,
        "compared": len(compared.predicted) if compared else 0,
        "mae_mol_kg": _number(compared.mae) if compared else None,
        "spearman": _number(compared.spearman) if compared else None,
        "in_interval": _number(compared.inside) if compared else None,
    }
    replace_text(folder / SUMMARY, json.dumps(summary, indent=2) + "\n")


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _loadings(simulations: Sequence[Simulation]) -> str:
    """Return a table to train on: a row per structure, a column per state point, `ok` alone."""
    states = list(dict.fromkeys(one.deck.state for one in simulations))
    rows: dict[str, dict[str, str]] = {}
    for one in simulations:
        row = rows.setdefault(one.deck.name, {})
        if one.verdict == Verdict.OK:
            row[one.deck.state] = f"{one.loading:.6g}"
    lines = [",".join(["name", *states])]
    lines += [
        ",".join([text_cell(name), *(row.get(state, "") for state in states)])
        for name, row in rows.items()
    ]
    return "\n".join(lines) + "\n"
