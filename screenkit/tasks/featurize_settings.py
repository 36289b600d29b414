"""Which graphs `screenkit featurize` builds, as a recipe says it."""

from __future__ import annotations

from pydantic import Field

from screenkit.settings import Settings


class FeaturizeSettings(Settings):
    """Which graphs are built and kept."""

    models: tuple[str, ...] = ()
    """Kinds of network that they are for; none: that of the recipe."""
    k: int | None = Field(default=None, ge=1, le=64)
    """Neighbours per atom; None: as many as these networks want by default."""
