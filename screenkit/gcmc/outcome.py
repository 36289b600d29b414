"""What came of a deck: numbers with error bars, or why they are not believed.

An engine, or its reader, says what it Found. `judge` makes a Simulation of it: `ok`, `doubtful`
where it ended but has not converged, `failed` where there is nothing to use. Doubtful numbers stay
in the table, but not among the results.

Not covered: reading an engine's files, which is an engine's own.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from screenkit.gcmc.conditions import GcmcSettings
from screenkit.gcmc.deck import FAILURE, RESULT, Deck

SCHEMA = 1
"""Of `result.json`."""


class Verdict(StrEnum):
    """What a simulation is worth."""

    OK = "ok"
    DOUBTFUL = "doubtful"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Found:
    """What an engine says of one simulation."""

    engine: str
    version: str
    """Of the program that ran; empty where it does not say."""
    cycles: int
    """Production cycles done."""
    molecules: float
    """In the whole box, on average; absolute, not excess."""
    molecules_error: float
    """Half the 95% interval of the block means, as the engine says it."""
    halves: tuple[float, float] | None = None
    """Mean molecules in the first and the second half of the production; None where not known."""
    heat: float | None = None
    """kJ/mol. Isosteric heat by fluctuations, positive where heat is released; None: no number."""
    heat_error: float | None = None
    """kJ/mol. Half its 95% interval."""
    seconds: float | None = None
    """Of one core."""

    def to_json(self, deck: Deck) -> str:
        """Return the text of `result.json`: this, and of which deck it is."""
        facts = {"schema": SCHEMA, "deck": deck.digest, **asdict(self)}
        return json.dumps(facts, indent=1) + "\n"


@dataclass(frozen=True, slots=True)
class Simulation:
    """One deck and what came of it."""

    deck: Deck
    verdict: Verdict
    code: str = ""
    """Why it is not `ok`: a word of `docs/gcmc.md`."""
    message: str = ""
    found: Found | None = None

    @property
    def loading(self) -> float:
        """mol/kg, absolute; NaN where there is none."""
        return self._per_mass(self.found.molecules) if self.found else math.nan

    @property
    def loading_error(self) -> float:
        """mol/kg, half the 95% interval; NaN where there is none."""
        return self._per_mass(self.found.molecules_error) if self.found else math.nan

    @property
    def drift(self) -> float:
        """mol/kg, second half of the production less the first; NaN where not known."""
        if self.found is None or self.found.halves is None:
            return math.nan
        first, second = self.found.halves
        return self._per_mass(second - first)

    def _per_mass(self, molecules: float) -> float:
        return 1000.0 * molecules / self.deck.mass


class ResultError(Exception):
    """Why what an engine left behind cannot be used: a code of `docs/gcmc.md` and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def found_of(facts: Any) -> Found:
    """Return what an engine found, from its JSON.

    Raises:
        ResultError: `result_unreadable`; a number is missing or no number.
    """
    try:
        said = {field.name: facts[field.name] for field in fields(Found) if field.name in facts}
        if said.get("halves") is not None:
            first, second = map(float, said["halves"])
            said["halves"] = (first, second)
        found = Found(**said)
        numbers = (found.cycles, found.molecules, found.molecules_error)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError("a number that is negative or not finite")
    except (KeyError, TypeError, ValueError) as error:
        raise ResultError("result_unreadable", f"not what an engine says: {error}") from None
    return found


def read_result(root: Path, deck: Deck) -> Found | None:
    """Return what `result.json` of a deck says; None where there is none.

    Raises:
        ResultError: `deck_changed`, `result_unreadable`, `result_of_another_deck`,
            `another_engine`.
    """
    if (how := deck.changed(root)) is not None:
        raise ResultError("deck_changed", how)
    path = root / deck.folder / RESULT
    try:
        facts = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise ResultError("result_unreadable", f"{RESULT} is damaged or cut short") from None
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise ResultError("result_unreadable", f"{RESULT} is not of schema {SCHEMA}")
    if facts.get("deck") != deck.digest:
        raise ResultError("result_of_another_deck", f"{RESULT} is of a deck with other files")
    return found_of(facts)


def judge(deck: Deck, found: Found, version: str, settings: GcmcSettings) -> Simulation:
    """Return a Simulation, and whether its numbers are to be believed.

    Args:
        version: of the engine that the decks were prepared for; empty where it was not there.
        settings: `max_error`, `max_drift` and `negligible`.
    """
    one = Simulation(deck, Verdict.OK, found=found)
    limit = max(settings.max_error * one.loading, settings.negligible)
    reach = max(settings.max_drift * one.loading, settings.negligible)
    if found.engine != deck.engine:
        reason = ("another_engine", f"{found.engine} ran it, and the deck is for {deck.engine}")
    elif version and found.version and found.version != version:
        reason = ("another_version", f"{found.version} ran it, and the deck is for {version}")
    elif found.cycles < deck.cycles:
        reason = ("cycles_short", f"{found.cycles} of {deck.cycles} cycles")
    elif one.loading_error > limit:
        reason = (
            "error_bar_wide",
            f"{one.loading:.3g} ± {one.loading_error:.2g} mol/kg, wanted ± {limit:.2g}",
        )
    elif abs(one.drift) > reach:  # never where it is not known
        reason = ("drift", f"the second half has {one.drift:+.2g} mol/kg, wanted ± {reach:.2g}")
    else:
        return one
    return Simulation(deck, Verdict.DOUBTFUL, *reason, found=found)


def failed(deck: Deck, root: Path) -> Simulation:
    """Return the Simulation of a deck without a result, and why it has none."""
    try:
        why = (root / deck.folder / FAILURE).read_text("utf-8", "replace").strip()
    except OSError:
        return Simulation(deck, Verdict.FAILED, "not_run", "no result yet")
    return Simulation(deck, Verdict.FAILED, "simulation_died", " ".join(why.split())[-300:])
