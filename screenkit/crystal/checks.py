"""What a crystal must be to be predicted: no two atoms in one place, not too many of them, and
where the recipe asks for it, room for a gas.

A crystal that fails is filtered: it could be read, but a prediction for it would mean nothing.

Not covered: chemistry (over-bonded carbon, missing hydrogen), charge balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from screenkit.crystal.cif import MAX_ATOMS
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.elements import COVALENT_RADII, SYMBOLS
from screenkit.crystal.expand import too_many_atoms
from screenkit.crystal.kernel import kernel
from screenkit.crystal.neighbors import Neighbors
from screenkit.crystal.pores import Pores, PoreSettings, measure_pores, measure_surface
from screenkit.errors import CrystalError, Outcome
from screenkit.settings import Settings

STRICT_CODES = ("formula_mismatch", "volume_mismatch", "symmetry_missing", "disorder_suspected")
"""Warnings that `strict` turns into a reason to leave a crystal out."""


class CheckSettings(Settings):
    """Which crystals are left out before prediction."""

    min_distance: float = Field(default=0.8, ge=0.0, le=2.0)
    """Å, 0 to 2. Two atoms closer than this overlap; 0.1 Å less if one is H, 0.2 Å less if both
    are (H2 has 0.74 Å). Source: Zhang et al. 2021, appendix B. See `radius_fraction` too."""
    radius_fraction: float = Field(default=0.5, ge=0.0, le=0.9)
    """Dimensionless, 0 to 0.9. Two atoms closer than this times the sum of their covalent radii
    (Cordero et al. 2008) overlap; 0 leaves this rule out."""
    max_atoms: int = Field(default=MAX_ATOMS, ge=1, le=MAX_ATOMS)
    """1 to 20 000. Larger cells are left out."""
    strict: bool = False
    """Leave out what is only doubtful too: formula_mismatch, volume_mismatch, symmetry_missing,
    disorder_suspected."""
    min_surface_area: float | None = Field(default=None, ge=0.0)
    """Å2 per cell as it was given, so that a supercell passes sooner. A cell with less surface has
    no room; None: not looked at. Source: Zhang et al. 2021, appendix B."""
    surface: Literal["whole", "accessible"] = "whole"
    """Which surface the center of the probe rolls on: `whole`, with that of pockets which it cannot
    enter; `accessible`, entered from outside, which takes five times as long."""
    probe_radius: float = Field(default=PoreSettings().probe_radius, gt=0.0, le=10.0)
    """Å, up to 10. Of the probe of `min_surface_area`."""


def check(crystal: Crystal, neighbors: Neighbors, settings: CheckSettings) -> None:
    """Raise the reason why a crystal is left out; return if there is none.

    Args:
        crystal: as read.
        neighbors: of this crystal; overlaps among more than k atoms show as overlaps of the k.
        settings: the rules.

    Raises:
        CrystalError: outcome filtered; too_many_atoms, overlap, surface_too_small or, if strict, a
            warning's code.
    """
    for reason in find_faults(crystal, neighbors, settings):
        raise reason
    for reason in find_small_surface(crystal, settings):  # last: it costs the most
        raise reason


def find_faults(
    crystal: Crystal, neighbors: Neighbors, settings: CheckSettings
) -> Iterator[CrystalError]:
    """Yield every reason to leave a crystal out but for its surface; arguments as for `check`."""
    if len(crystal) > settings.max_atoms:
        yield too_many_atoms(settings.max_atoms)
    yield from _find_overlap(crystal, neighbors, settings)
    if settings.strict:
        for code in crystal.warnings:
            if code in STRICT_CODES:
                yield CrystalError(code, "doubtful, and strict is set", Outcome.FILTERED)


def measure_room(crystal: Crystal, settings: CheckSettings) -> Pores:
    """Return the pores of a crystal as the probe of the checks sees them."""
    return measure_pores(crystal, PoreSettings(probe_radius=settings.probe_radius))


def find_small_surface(
    crystal: Crystal, settings: CheckSettings, pores: Pores | None = None
) -> Iterator[CrystalError]:
    """Yield the reason to leave a crystal out for its surface, if there is one.

    Args:
        crystal: as read.
        settings: the rules.
        pores: of `measure_room`, where they are known.
    """
    if settings.min_surface_area is None:
        return
    if settings.surface == "accessible":
        area = (pores or measure_room(crystal, settings)).accessible_surface_area_per_cell
    elif pores:
        area = pores.surface_area_per_cell
    else:
        area = measure_surface(crystal, PoreSettings(probe_radius=settings.probe_radius))
    if area < settings.min_surface_area:
        yield CrystalError(
            "surface_too_small",
            f"{settings.surface} surface of {area:.1f} Å2 in the cell, wanted "
            f"{settings.min_surface_area:g}, for a probe of {2.0 * settings.probe_radius:g} Å",
            Outcome.FILTERED,
        )


def _find_overlap(
    crystal: Crystal, neighbors: Neighbors, settings: CheckSettings
) -> Iterator[CrystalError]:
    """Yield the worst overlap, if there is one."""
    row, place = _worst_overlap(
        crystal.numbers,
        neighbors.indices,
        neighbors.distances,
        settings.min_distance,
        settings.radius_fraction,
        COVALENT_RADII,
    )
    if row < 0:
        return
    numbers = crystal.numbers
    here, there = SYMBOLS[numbers[row]], SYMBOLS[numbers[neighbors.indices[row, place]]]
    yield CrystalError(
        "overlap",
        f"{here} and {there} are {neighbors.distances[row, place]:.3f} Å apart",
        Outcome.FILTERED,
    )


@kernel
def _worst_overlap(numbers, indices, distances, min_distance, radius_fraction, radii):
    """Return where the shortest of the distances stands that are too short; -1 where none is."""
    row, place, shortest = -1, -1, np.inf
    largest = 0.0
    for number in numbers:
        largest = max(largest, radii[number])
    longest = max(min_distance, radius_fraction * 2.0 * largest)  # nearly all bonds are longer
    for i in range(distances.shape[0]):
        for m in range(distances.shape[1]):
            distance = distances[i, m]
            if distance >= longest or distance >= shortest:
                continue
            here, there = numbers[i], numbers[indices[i, m]]
            allowed = max(
                min_distance - 0.1 * ((here == 1) + (there == 1)),
                radius_fraction * (radii[here] + radii[there]),
            )
            if distance < allowed:
                row, place, shortest = i, m, distance
    return row, place
