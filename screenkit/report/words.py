"""Numbers, times and warnings as a person reads them, on the page and on the screen."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from screenkit.store.layout import OOD

OFTEN_AMBIGUOUS = 0.25
"""Share of a structure's atoms; where more have a frame that hangs on a tie, a reader is told."""
NARROW_SPACE = "\u202f"
"""Stands between thousands."""


def flags(row: Mapping[str, Any]) -> str:
    """Return what is odd about a row, in words: warnings, many ambiguous frames, a foreigner."""
    found = str(row["warnings"]).split()
    share = row["frame_ambiguous_fraction"]
    if math.isfinite(share) and share > OFTEN_AMBIGUOUS:
        found.append(f"{share:.0%} ambiguous frames")
    if row.get(OOD) == 1:
        found.append("out of domain")
    return ", ".join(found)


def figure(value: float) -> str:
    """Return a number as a person reads it: four digits, or a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    return f"{value:#.4g}".rstrip(".").replace("-", "\u2212")


def unit_text(unit: str) -> str:
    """Return a unit with its squares and cubes raised: `m2/cm3` is `m²/cm³`."""
    return re.sub(r"(?<=[A-Za-zÅ])\^?([23])(?![0-9A-Za-z])", lambda m: "²³"[int(m[1]) - 2], unit)


def number(value: float) -> str:
    """Return a whole number with narrow spaces between thousands, or a dash where there is none."""
    return f"{value:,.0f}".replace(",", NARROW_SPACE) if math.isfinite(value) else "–"


def duration(seconds: float) -> str:
    """Return a time as `48 s`, `12 min` or `3 h 20 min`, or a dash where it is not known."""
    if not math.isfinite(seconds):
        return "–"
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
