"""Conditions: which gases, at which temperatures, in which force field, and how accurately."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from screenkit.adsorption.energy import Truncation
from screenkit.settings import Settings, worded


class AdsorptionSettings(Settings):
    """Which gases, at which temperatures, in which force field, and how accurately."""

    gases: tuple[str, ...] = ()
    """Names, such as H2; `docs/force-fields.md` lists them."""
    temperatures: tuple[Annotated[float, Field(gt=0.0, le=5000.0)], ...] = ()
    """K, above 0. There is no default: H2 at 77 K and at 298 K differ by orders of magnitude."""
    force_field: str = "uff"
    """A name, or the path of a YAML file; see `docs/force-fields.md`."""
    cutoff: float = Field(default=12.9, ge=3.0, le=50.0)
    """Å, 3 to 50. Pairs farther apart do not feel each other. Source: Zhang et al. 2021."""
    truncation: Truncation = "truncated"
    """truncated: the energy ends at the cutoff, as in the paper; shifted: and is 0 there; tail: and
    what a uniform framework would add beyond it is added."""
    tolerance: float = Field(default=0.01, ge=1e-6, le=1.0)
    """Relative, of the Henry coefficient. The grid is refined until the error is below."""
    spacing: float = Field(default=0.6, gt=0.1, le=2.0)
    """Å. Of the first grid, at most."""
    max_points: int = Field(default=20_000_000, ge=1000)
    """Grid points of a crystal. Where they do not suffice, the error says so."""
    device: Annotated[str, worded(r"cpu|cuda(:\d+)?", "cpu, cuda or cuda:N")] = "cpu"
    """Where the energies of spheres are summed. Changes numbers by round-off alone."""
