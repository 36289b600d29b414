"""Which predictions to explain, as a recipe says it."""

from __future__ import annotations

from pydantic import Field

from screenkit.settings import Settings


class ExplainSettings(Settings):
    """Which predictions to explain, and how many structures to draw."""

    names: tuple[str, ...] = ()
    """Structures to explain, and no others."""
    top: int | None = Field(default=None, ge=1)
    """How many of a run's shortlist, the best first; None: ten. Of a bare library, all."""
    draw: int = Field(default=10, ge=0, le=1000)
    """How many structures are drawn, the best first."""
