"""The page of collected simulations, from what `gcmc collect` left."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from screenkit.errors import StorageError
from screenkit.flows.report_facts import Folder
from screenkit.gcmc.deck import Decks
from screenkit.report.gcmc_page import GcmcPage, Result, gcmc_page
from screenkit.report.page import Page
from screenkit.report.words import duration, number

RESULTS = "results.csv"
_NUMBERS = {
    "temperature": "temperature_K",
    "pressure": "pressure_Pa",
    "loading": "loading_mol_kg",
    "loading_error": "loading_error_mol_kg",
    "heat": "heat_kJ_mol",
    "heat_error": "heat_error_kJ_mol",
    "predicted": "predicted_mol_kg",
    "seconds": "seconds",
}


def simulations(run: Path) -> Page:
    """Return the page of the simulations of a folder.

    Raises:
        StorageError: their table cannot be read.
        SourceError: there are no decks.
    """
    folder, decks = Folder.open(run), Decks.load(run)
    try:
        with (run / RESULTS).open(encoding="utf-8", newline="") as file:
            results = [_result(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, ValueError) as error:
        raise StorageError(
            f"cannot read {run / RESULTS}: {error}", hint=f"screenkit gcmc collect {run} again"
        ) from None
    engines = sorted({deck.engine for deck in decks.decks})
    told = GcmcPage(
        about=folder.about(
            {
                "chosen from": decks.run,
                "engine": " ".join([*engines, decks.version]),
                "settings sha256": decks.settings_digest,
            },
            _cost(results),
            f"{run.resolve().name}: simulations",
        ),
        results=results,
    )
    return gcmc_page(told)


def _result(row: Mapping[str, str]) -> Result:
    numbers = {key: float(row[name]) if row[name] else math.nan for key, name in _NUMBERS.items()}
    texts = {key: row[key] for key in ("gas", "outcome", "code", "message")}
    return Result(name=row["name"].removeprefix("'"), **texts, **numbers)  # type: ignore[arg-type]


def _cost(results: list[Result]) -> dict[str, str]:
    done = [one.seconds for one in results if math.isfinite(one.seconds)]
    if not done:
        return {}
    total = sum(done)
    return {
        "simulations with a time": number(len(done)),
        "core-hours": f"{total / 3600:.3g}",
        "each": f"{duration(total / len(done))} of one core, {duration(max(done))} at most",
    }
