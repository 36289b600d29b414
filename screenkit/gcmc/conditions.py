"""Conditions of a simulation beyond those of a labelling: pressures, charges, cycles, engine, and
when a result is believed.

Gas, temperatures, force field, cutoff and truncation are those of `adsorption/conditions.py`, so
that a simulation and `screenkit label` speak of the same model.

Not covered: mixtures, flexible frameworks, moves other than those of `MOVES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator

from screenkit.settings import Settings

Engine = Literal["raspa3", "raspa2", "graspa"]
"""Which program runs a deck."""

MOVES = {"translation": 0.5, "rotation": 0.5, "reinsertion": 0.5, "swap": 1.0}
"""Relative probabilities of the moves; a sphere does not rotate."""

_PASCAL = {"Pa": 1.0, "kPa": 1e3, "MPa": 1e6, "bar": 1e5}
_PRESSURE = re.compile(r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]+)")
_PRESSURE_WORD = re.compile(r"\d+(?:\.\d+)?(?:Pa|kPa|MPa|bar)")
_KELVIN = re.compile(r"(\d+(?:\.\d+)?)K")
_RANGE = (1e-3, 1e9)  # Pa


def pascals(text: str) -> float:
    """Return a pressure such as `0.15bar` in Pa; units are Pa, kPa, MPa and bar, written so.

    Raises:
        ValueError: it has no number, no such unit, or lies outside 1e-3 to 1e9 Pa.
    """
    match = _PRESSURE.fullmatch(text.strip())
    if match is None or match[2] not in _PASCAL:
        raise ValueError("wanted a number and a unit of Pa, kPa, MPa or bar, such as 0.15bar")
    # Rounded, so that 0.15 bar and 15 kPa are one state point.
    pressure = float(f"{float(match[1]) * _PASCAL[match[2]]:.12g}")
    if not _RANGE[0] <= pressure <= _RANGE[1]:
        raise ValueError("wanted 1e-3 to 1e9 Pa")
    return pressure


def state_said(target: str, gases: Iterable[str]) -> tuple[str, str, float] | None:
    """Return gas, pressure and temperature (K) that the name of a target says; None where not all.

    Args:
        target: such as `co2_uptake_0.15bar_298K`.
        gases: names that count as a gas, in capitals or not.
    """
    words = target.split("_")
    gas = next((gas for gas in gases if gas.casefold() in map(str.casefold, words)), None)
    pressure = next((word for word in words if _PRESSURE_WORD.fullmatch(word)), None)
    kelvin = next((match for word in words if (match := _KELVIN.fullmatch(word))), None)
    if gas is None or pressure is None or kelvin is None:
        return None
    return gas, pressure, float(kelvin[1])


class GcmcSettings(Settings):
    """How simulations are prepared, run and judged."""

    pressures: tuple[str, ...] = ()
    """With their units, such as `0.15bar`; units are Pa, kPa, MPa and bar."""
    engine: Engine = "raspa3"
    """raspa3: RASPA3, here through raspalib; raspa2: its `simulate`; graspa: gRASPA."""
    charges: Literal["cif", "eqeq", "cif-or-eqeq", "none"] = "cif"
    """Where the framework's are from, for a gas with charges. cif: the structure's file, and one
    without any is refused; eqeq: charge equilibration (`adsorption/eqeq.py`), whatever the file
    says; cif-or-eqeq: the file's where it has any; none: no electrostatics at all, for gas nor
    framework."""
    fugacity: Literal["peng-robinson", "ideal"] = "peng-robinson"
    """How the pressure of the gas becomes a fugacity."""
    top: int | None = Field(default=None, ge=1)
    """Structures from the shortlist of a run; None: 10. Of a library all are taken."""
    cycles: int = Field(default=10_000, ge=10)
    """Production cycles. A cycle has as many moves as there are molecules, at least 20."""
    initialization: int = Field(default=5_000, ge=0)
    """Cycles before them, which are thrown away."""
    blocks: int = Field(default=5, ge=3, le=50)
    """The production is cut into so many; error bars come from their means."""
    seed: int = Field(default=1, ge=0)
    """Of all simulations; each has its own, made of this one, its structure and conditions."""
    min_free_sphere: float | None = Field(default=None, ge=0.0)
    """Å, diameter. A structure through which no such sphere passes is left out; None: not looked
    at."""
    min_henry: float | None = Field(default=None, ge=0.0)
    """mol/(kg Pa), of the gas at the lowest temperature. A structure that takes up less at infinite
    dilution is left out; None: not looked at."""
    max_atoms: int = Field(default=50_000, ge=1)
    """Framework atoms in the simulated box. A larger box is left out: it would take days."""
    max_error: float = Field(default=0.10, gt=0.0, le=1.0)
    """Share of the loading. A wider error bar is doubtful."""
    max_drift: float = Field(default=0.10, gt=0.0, le=1.0)
    """Share of the loading by which the two halves of the production may differ."""
    negligible: float = Field(default=0.01, ge=0.0)
    """mol/kg. Error bars and drifts below this are never doubtful."""

    @field_validator("pressures")
    @classmethod
    def _readable(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            try:
                pascals(text)
            except ValueError as error:
                raise ValueError(f"{error}, found {text[:40]!r}") from None
        return texts
